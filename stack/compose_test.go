package stack

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestCompose holds that what is composed is read as what was meant, with its
// checksums right.
func TestCompose(t *testing.T) {
	addrs := [2][2]netip.Addr{
		{netip.MustParseAddr("10.0.1.10"), netip.MustParseAddr("10.0.1.20")},
		{netip.MustParseAddr("fd00:10::a"), netip.MustParseAddr("fd00:10::b")},
	}
	rapid.Check(t, func(t *rapid.T) {
		family := rapid.IntRange(0, 1).Draw(t, "family")
		c := Composition{
			Src: addrs[family][0], Dst: addrs[family][1],
			Protocol: rapid.SampledFrom([]uint8{1, 6, 17, 47, 58, 132, 255}).Draw(t, "protocol"),
			TTL:      rapid.Uint8Range(1, 255).Draw(t, "ttl"),
			SrcPort:  rapid.Uint16().Draw(t, "src"), DstPort: rapid.Uint16().Draw(t, "dst"),
			ICMPType: 8, ICMPID: rapid.Uint16().Draw(t, "id"),
			Payload: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "payload"),
		}
		if family == 1 {
			c.ICMPType = 128
		}
		packet := Compose(c)
		var p Packet
		if problem := p.Parse(packet); problem != Parsed {
			t.Fatalf("%+v: %v", c, problem)
		}
		if !p.TransportChecksumValid(packet) {
			t.Errorf("%+v: the checksum is wrong", c)
		}
		if p.Src != c.Src || p.Dst != c.Dst || p.Protocol != c.Protocol || p.TTL != c.TTL {
			t.Errorf("%+v: read as %+v", c, p)
		}
		switch {
		case p.IsICMP():
			if p.ICMPType != c.ICMPType || p.ICMPID != c.ICMPID {
				t.Errorf("%+v: read as %+v", c, p)
			}
		case c.Protocol == 6 || c.Protocol == 17:
			if p.SrcPort != c.SrcPort || p.DstPort != c.DstPort {
				t.Errorf("%+v: read as %+v", c, p)
			}
		case p.HasTransport:
			t.Errorf("%+v: has a transport header", c)
		}
	})
}
