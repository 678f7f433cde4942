package gateway

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/stack"
)

// senders are who sends in TestTryIsWhatHappens: c may in others' names, h is a host.
var senders = []string{"a", "b", "c", "h"}

// addresses are the machines', in both families, and some to which nobody sends from.
var addresses = map[string][2]string{
	"a": {"10.0.1.10", "fd00:10:0:1::10"}, "b": {"10.0.1.11", "fd00:10:0:1::11"}, "c": {"10.0.1.12", "fd00:10:0:1::12"}, "h": {"203.0.113.10", "2001:db8::10"},
	"nobody": {"198.51.100.7", "2001:db8::7"}, "router": {"10.0.1.1", "fd00:10:0:1::1"}, "DNS": {"169.254.169.253", "fd00:ec2::253"}, "all": {"255.255.255.255", "ff02::1:2"},
}

// traffic draws packets.
type traffic struct {
	rt     *rapid.T
	from   string
	before stack.Composition // the last one
	packet []byte
}

// next returns a packet and who sends it.
func (t *traffic) next() (from string, packet []byte) {
	rt := t.rt
	switch kind := rapid.IntRange(0, 5).Draw(rt, "kind"); {
	case kind == 0 && t.packet != nil: // once more
	case kind == 1 && t.packet != nil:
		t.answer()
	case kind == 2 && t.packet != nil:
		t.complain()
	default:
		t.before = t.any()
	}
	t.packet = stack.Compose(t.before)
	if rapid.IntRange(0, 15).Draw(rt, "mangled") == 0 {
		t.packet[rapid.IntRange(0, min(39, len(t.packet)-1)).Draw(rt, "at")] ^= byte(rapid.IntRange(1, 255).Draw(rt, "bits"))
	}
	return t.from, t.packet
}

// any returns a packet of any kind.
func (t *traffic) any() stack.Composition {
	rt := t.rt
	family := rapid.SampledFrom([]int{0, 0, 1}).Draw(rt, "family")
	t.from = rapid.SampledFrom(senders).Draw(rt, "from")
	src := t.from
	if rapid.IntRange(0, 5).Draw(rt, "in another's name") == 0 {
		src = rapid.SampledFrom(senders).Draw(rt, "source")
	}
	to := rapid.SampledFrom([]string{"a", "b", "c", "h", "a", "b", "c", "h", "nobody", "router", "DNS", "all"}).Draw(rt, "to")
	if to == src { // or it is land for the most
		to = "b"
	}
	c := stack.Composition{
		Src: addr(addresses[src][family]), Dst: addr(addresses[to][family]), Protocol: rapid.SampledFrom([]uint8{1, 6, 6, 17, 47, 58}).Draw(rt, "protocol"),
		SrcPort: rapid.Uint16Range(1, 2).Draw(rt, "source port"), DstPort: rapid.Uint16Range(1, 4).Draw(rt, "port"),
		ICMPType: rapid.SampledFrom([]uint8{0, 8, 8, 13, 128, 128, 129, 135}).Draw(rt, "type"), ICMPID: 7,
		TTL: rapid.SampledFrom([]uint8{64, 64, 64, 255, 1}).Draw(rt, "ttl"), Window: 1000,
		Seq: rapid.SampledFrom([]uint32{0, 0, 1, 1 << 30}).Draw(rt, "number"),
	}
	c.Flags = rapid.SampledFrom([]header.TCPFlags{0, 0, header.TCPFlagAck, header.TCPFlagRst, header.TCPFlagFin | header.TCPFlagAck}).Draw(rt, "flags")
	switch rapid.IntRange(0, 20).Draw(rt, "rare") {
	case 0:
		c.Payload = make([]byte, DefaultMTU)
	case 1:
		c.Protocol, c.SrcPort, c.DstPort = 17, [2]uint16{dhcpClient, dhcpv6Client}[family], [2]uint16{dhcpServer, dhcpv6Server}[family]
	}
	return c
}

// answer makes the last packet's receiver answer it, if that is a machine.
func (t *traffic) answer() {
	c := &t.before
	c.Src, c.Dst, c.SrcPort, c.DstPort = c.Dst, c.Src, c.DstPort, c.SrcPort
	c.Seq, c.Ack = c.Ack, c.Seq+1
	switch {
	case c.Flags == 0:
		c.Flags = header.TCPFlagSyn | header.TCPFlagAck
	default:
		c.Flags = c.Flags&^header.TCPFlagSyn | header.TCPFlagAck
	}
	switch c.ICMPType {
	case 8:
		c.ICMPType = 0
	case 128:
		c.ICMPType = 129
	}
	t.from = machine(c.Src, t.from)
}

// complain makes the last packet's receiver send an ICMP error about it.
func (t *traffic) complain() {
	c := &t.before
	*c = stack.Composition{
		Src: c.Dst, Dst: c.Src, Protocol: 1, ICMPType: 3, ICMPCode: 3, TTL: rapid.SampledFrom([]uint8{64, 64, 1}).Draw(t.rt, "ttl"),
		Payload: t.packet[:rapid.SampledFrom([]int{min(len(t.packet), 100), len(t.packet)}).Draw(t.rt, "quoted")],
	}
	if c.Src.Is6() {
		c.Protocol, c.ICMPType, c.ICMPCode = 58, 1, 4
	}
	t.from = machine(c.Src, t.from)
}

// machine returns who has an address, or another.
func machine(a netip.Addr, another string) string {
	for _, name := range senders {
		if addresses[name][0] == a.String() || addresses[name][1] == a.String() {
			return name
		}
	}
	return another
}
