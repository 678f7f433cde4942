package stack

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

func TestParseMalformed(t *testing.T) {
	udp4 := func(change func(b []byte)) []byte {
		b := v4{protocol: udpNo, payload: udpDatagram(1, 2, "01234567")}.bytes()
		change(b)
		return b
	}
	sealed4 := func(change func(h header.IPv4)) []byte {
		return udp4(func(b []byte) { change(b); sealIPv4(b) })
	}
	tcp4 := func(dataOffset uint8) []byte {
		segment := tcpSegment(1, 2, 0, 4, "")
		segment[12] = dataOffset << 4
		return v4{protocol: tcpNo, payload: segment}.bytes()
	}
	udp6 := func(change func(b []byte)) []byte {
		b := v6{protocol: udpNo, payload: udpDatagram(1, 2, "01234567")}.bytes()
		change(b)
		return b
	}
	mapped := netip.AddrFrom16(alice4.As16())

	for _, test := range []struct {
		name string
		in   []byte
		want Problem
	}{
		{"nothing", nil, Truncated},
		{"version 0", make([]byte, 40), BadVersion},
		{"version 5", []byte{0x50}, BadVersion},
		{"version 15", []byte{0xff}, BadVersion},
		{"IPv4, one byte", []byte{0x45}, Truncated},
		{"IPv6, one byte", []byte{0x60}, Truncated},

		{"IPv4 header length 0", sealed4(func(h header.IPv4) { h[0] = 0x40 }), BadHeader},
		{"IPv4 header length 16", sealed4(func(h header.IPv4) { h[0] = 0x44 }), BadHeader},
		{"IPv4 header length beyond the packet", udp4(func(b []byte) { b[0] = 0x4f }), Truncated},
		{"IPv4 length 0", sealed4(func(h header.IPv4) { h.SetTotalLength(0) }), BadLength},
		{"IPv4 length below its header's", sealed4(func(h header.IPv4) { h.SetTotalLength(19) }), BadLength},
		{"IPv4 length one short", sealed4(func(h header.IPv4) { h.SetTotalLength(35) }), BadLength},
		{"IPv4 length one over", sealed4(func(h header.IPv4) { h.SetTotalLength(37) }), Truncated},
		{"IPv4 length as large as can be", sealed4(func(h header.IPv4) { h.SetTotalLength(65535) }), Truncated},
		{"IPv4 with padding behind", append(udp4(func([]byte) {}), 0), BadLength},
		{"IPv4 checksum one off", udp4(func(b []byte) { b[11]++ }), BadChecksum},
		{"IPv4 checksum left out", udp4(func(b []byte) { b[10], b[11] = 0, 0 }), BadChecksum},
		{"IPv4 address changed in flight", udp4(func(b []byte) { b[15]++ }), BadChecksum},
		{"IPv4 options changed in flight", func() []byte {
			b := v4{protocol: udpNo, options: []byte{7, 7, 4, 0, 0, 0, 0, 0}, payload: udpDatagram(1, 2, "")}.bytes()
			b[24]++
			return b
		}(), BadChecksum},

		{"TCP data offset 0", tcp4(0), BadHeader},
		{"TCP data offset 16", tcp4(4), BadHeader},
		{"TCP data offset beyond the packet", tcp4(7), Truncated},
		{"a tiny first fragment, which hides its ports", v4{protocol: tcpNo, mf: true, payload: make([]byte, 8)}.bytes(), Truncated},

		{"IPv6 length 0", udp6(func(b []byte) { b[4], b[5] = 0, 0 }), BadLength},
		{"IPv6 length one short", udp6(func(b []byte) { b[5]-- }), BadLength},
		{"IPv6 length one over", udp6(func(b []byte) { b[5]++ }), Truncated},
		{"IPv6 length as large as can be", udp6(func(b []byte) { binary.BigEndian.PutUint16(b[4:], 65535) }), Truncated},
		{"IPv6 with padding behind", append(udp6(func([]byte) {}), 0), BadLength},
		{"from an IPv4-mapped address", v6{src: mapped, protocol: noNext}.bytes(), BadHeader},
		{"to an IPv4-mapped address", v6{dst: mapped, protocol: noNext}.bytes(), BadHeader},
	} {
		t.Run(test.name, func(t *testing.T) {
			var p Packet
			if got := p.Parse(test.in); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
			if p.HasTransport {
				t.Error("it claims to know the transport header")
			}
		})
	}
}

// TestParseTruncated cuts every kind of packet everywhere, first as a reader
// with too small a buffer would, then with the length field brought into line,
// as an attacker would.
func TestParseTruncated(t *testing.T) {
	for name, whole := range samples() {
		for n := range whole {
			cut := append([]byte(nil), whole[:n]...)
			var p Packet
			if problem := p.Parse(cut); problem != Truncated {
				t.Errorf("%s cut to %d bytes: %v, want %v", name, n, problem, Truncated)
			}
			if !shorten(cut) {
				continue
			}
			problem := p.Parse(cut)
			if problem == Parsed {
				checkInvariants(t, &p, cut)
				if p.HasTransport != complete(&p) {
					t.Errorf("%s shortened to %d bytes: HasTransport is %v: %+v", name, n, p.HasTransport, p)
				}
			} else if problem != Truncated && problem != BadHeader {
				t.Errorf("%s shortened to %d bytes: %v, want parsed or %v", name, n, problem, Truncated)
			}
		}
		if problem := new(Packet).Parse(whole); problem != Parsed {
			t.Errorf("%s, whole: %v", name, problem)
		}
	}
}

// complete reports whether a packet that was parsed is one with a transport
// header that Parse reads.
func complete(p *Packet) bool {
	return p.FragmentOffset == 0 && (p.Protocol == tcpNo || p.Protocol == udpNo || p.IsICMP())
}

// shorten makes the length field of a packet match what is left of it. It
// returns false if not even a header is left.
func shorten(b []byte) bool {
	switch {
	case len(b) >= header.IPv4MinimumSize && b[0]>>4 == 4:
		if len(b) < int(header.IPv4(b).HeaderLength()) {
			return false
		}
		header.IPv4(b).SetTotalLength(uint16(len(b)))
		sealIPv4(b)
		return true
	case len(b) >= header.IPv6MinimumSize && b[0]>>4 == 6:
		header.IPv6(b).SetPayloadLength(uint16(len(b) - header.IPv6MinimumSize))
		return true
	}
	return false
}

// checkInvariants holds a packet that was parsed against what every reader of
// it relies on.
func checkInvariants(t *testing.T, p *Packet, b []byte) {
	t.Helper()
	switch {
	case p.Len != len(b):
		t.Errorf("Len is %d of %d bytes", p.Len, len(b))
	case p.HeaderLen < header.IPv4MinimumSize || p.HeaderLen > p.Len:
		t.Errorf("HeaderLen is %d of %d bytes", p.HeaderLen, p.Len)
	case !p.Src.IsValid() || !p.Dst.IsValid() || p.Src.Is6() != p.IPv6 || p.Dst.Is6() != p.IPv6 || p.Src.Is4In6() || p.Dst.Is4In6():
		t.Errorf("from %v to %v, IPv6 %v", p.Src, p.Dst, p.IPv6)
	case p.Fragment != (p.MoreFragments || p.FragmentOffset != 0):
		t.Errorf("Fragment is %v with offset %d, more %v", p.Fragment, p.FragmentOffset, p.MoreFragments)
	case p.FragmentOffset%8 != 0:
		t.Errorf("FragmentOffset is %d", p.FragmentOffset)
	case p.HasTransport && (p.PayloadStart < p.HeaderLen+header.UDPMinimumSize || p.PayloadStart > p.Len || !complete(p)):
		t.Errorf("a transport header from %d to %d of %d bytes, protocol %d, fragment offset %d", p.HeaderLen, p.PayloadStart, p.Len, p.Protocol, p.FragmentOffset)
	case !p.HasTransport && (p.PayloadStart != 0 || p.SrcPort != 0 || p.DstPort != 0 || p.TCPFlags != 0 || p.ICMPType != 0 || p.ICMPCode != 0 || p.ICMPID != 0):
		t.Errorf("transport fields without a transport header: %+v", p)
	}
	if _, _, is := p.ICMPQuery(); is && (p.IsICMPError() || !p.IsICMP() || !p.HasTransport) {
		t.Errorf("ICMPQuery contradicts the rest: %+v", p)
	}
}
