package stack

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/header/parse"
	gvstack "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// TestParseAgainstOthers holds Parse against two other parsers, on random valid
// packets: gVisor's, whose header types Parse uses too, and gopacket's, which
// shares nothing with either.
func TestParseAgainstOthers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 20000 {
		b := randomPacket(rng)
		var p Packet
		if problem := p.Parse(b); problem != Parsed {
			t.Fatalf("packet %d, % x: %v", i, b, problem)
		}
		checkInvariants(t, &p, b)
		got := common(&p)
		if diff := cmp.Diff(got, byGVisor(b), equateAddrs); diff != "" {
			t.Errorf("packet %d, % x (-Parse +gVisor):\n%s", i, b, diff)
		}
		if got.More { // gopacket does not look into first fragments
			got = facts{
				Src: got.Src, Dst: got.Dst, TTL: got.TTL, Protocol: got.Protocol,
				HeaderLen: got.HeaderLen, Offset: got.Offset, More: true,
			}
		}
		if diff := cmp.Diff(got, byGopacket(b), equateAddrs); diff != "" {
			t.Errorf("packet %d, % x (-Parse +gopacket):\n%s", i, b, diff)
		}
		if t.Failed() {
			return
		}
	}
}

// TestOptionsAgainstOthers holds what Parse takes for well-formed options
// against gopacket's opinion, on random bytes.
func TestOptionsAgainstOthers(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	good := 0
	const tries = 50000
	for range tries {
		list := randomBytes(rng, 4*(1+rng.IntN(10)))
		for i := range list {
			list[i] %= 24 // so that there are good ones among them; MPTCP, 30, is parsed deeper
		}
		tcp := v4{protocol: tcpNo, payload: tcpWithOptions(header.TCPFlagSyn, list...)}.bytes()
		err := new(layers.TCP).DecodeFromBytes(tcp[header.IPv4MinimumSize:], gopacket.NilDecodeFeedback)
		problem := new(Packet).Parse(tcp)
		if (problem == Parsed) != (err == nil) || problem != Parsed && problem != BadOptions {
			t.Fatalf("TCP options % x: %v, gopacket: %v", list, problem, err)
		}
		if problem == Parsed {
			good++
		}
	}
	if good < tries/100 || good > tries*9/10 {
		t.Errorf("%d of %d lists were good: the test is one-sided", good, tries)
	}
}

// facts are what all three parsers tell.
type facts struct {
	Src, Dst     netip.Addr
	TTL          uint8
	Protocol     uint8 // 0 in later fragments, which gVisor does not tell
	HeaderLen    int
	Offset       uint16
	More         bool
	SrcPort      uint16
	DstPort      uint16
	Flags        header.TCPFlags
	Seq, Ack     uint32
	Window       uint16
	Type, Code   uint8
	PayloadStart int // of TCP and UDP
}

func common(p *Packet) facts {
	f := facts{
		Src: p.Src, Dst: p.Dst, TTL: p.TTL, Protocol: p.Protocol, HeaderLen: p.HeaderLen,
		Offset: p.FragmentOffset, More: p.MoreFragments,
		SrcPort: p.SrcPort, DstPort: p.DstPort, Flags: p.TCPFlags, Type: p.ICMPType, Code: p.ICMPCode,
		Seq: p.TCPSeq, Ack: p.TCPAck, Window: p.TCPWindow,
	}
	if !p.IsICMP() {
		f.PayloadStart = p.PayloadStart
	}
	if p.FragmentOffset != 0 {
		f.Protocol = 0
	}
	return f
}

// randomPacket returns a valid packet.
func randomPacket(rng *rand.Rand) []byte {
	if rng.IntN(2) == 0 {
		v := v4{
			src: random4(rng), dst: random4(rng), ttl: uint8(1 + rng.IntN(255)), id: uint16(rng.Uint32()),
			df: rng.IntN(2) == 0, options: randomOptions(rng, 3),
		}
		v.protocol, v.payload = randomTransport(rng, icmp4)
		switch rng.IntN(4) {
		case 0:
			v.mf = true
		case 1:
			v.offset, v.payload = uint16(8*(1+rng.IntN(8000))), randomBytes(rng, 40)
		}
		return v.bytes()
	}
	v := v6{src: random6(rng), dst: random6(rng), hopLimit: uint8(1 + rng.IntN(255))}
	v.protocol, v.payload = randomTransport(rng, icmp6)
	if rng.IntN(3) == 0 {
		v.chain = append(v.chain, options(hbh, 1+rng.IntN(4)))
	}
	for range rng.IntN(3) {
		v.chain = append(v.chain, options(dstOpts, 1+rng.IntN(4)))
	}
	switch rng.IntN(4) {
	case 0:
		v.chain = append(v.chain, fragment(0, true, rng.Uint32()))
	case 1:
		v.chain = append(v.chain, fragment(uint16(8*(1+rng.IntN(8000))), rng.IntN(2) == 0, rng.Uint32()))
		v.payload = randomBytes(rng, 40)
	}
	return v.bytes()
}

func randomTransport(rng *rand.Rand, icmp uint8) (uint8, []byte) {
	src, dst := uint16(rng.Uint32()), uint16(rng.Uint32())
	payload := string(randomBytes(rng, rng.IntN(64)))
	switch rng.IntN(4) {
	case 0:
		return tcpNo, append(randomSegment(rng, src, dst), payload...)
	case 1:
		return udpNo, udpDatagram(src, dst, payload)
	case 2:
		return icmp, icmpMessage(uint8(rng.IntN(256)), uint8(rng.IntN(256)), src, payload)
	}
	return 99, []byte(payload) // "any private encryption scheme", which nobody parses
}

// randomSegment returns a valid TCP header, its numbers and options random.
func randomSegment(rng *rand.Rand, src, dst uint16) []byte {
	flags := header.TCPFlags(rng.IntN(256))
	for !allowedFlags(flags) {
		flags = header.TCPFlags(rng.IntN(256))
	}
	b := tcpWithOptions(flags, randomOptions(rng, 2)...)
	h := header.TCP(b)
	h.SetSourcePort(src)
	h.SetDestinationPort(dst)
	h.SetSequenceNumber(rng.Uint32())
	h.SetAckNumber(rng.Uint32())
	h.SetWindowSize(uint16(rng.Uint32()))
	return b
}

// randomOptions returns a list of well-formed IPv4 or TCP options, padded to 4
// bytes, none of which gopacket knows more of than its length; it wants IPv4's
// to have at least 3 bytes.
func randomOptions(rng *rand.Rand, shortest int) (options []byte) {
	for len(options) < 4*rng.IntN(9) {
		if rng.IntN(3) == 0 {
			options = append(options, optionNOP)
			continue
		}
		option := randomBytes(rng, shortest+rng.IntN(8-shortest))
		option[0], option[1] = uint8(200+rng.IntN(50)), uint8(len(option))
		options = append(options, option...)
	}
	for len(options)%4 != 0 {
		options = append(options, optionsEnd)
	}
	return options
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func random4(rng *rand.Rand) netip.Addr { return netip.AddrFrom4([4]byte(randomBytes(rng, 4))) }

func random6(rng *rand.Rand) netip.Addr {
	b := [16]byte(randomBytes(rng, 16))
	b[0] = 0x20 // global, and not IPv4-mapped
	return netip.AddrFrom16(b)
}

// byGVisor has gVisor's own parser read a packet.
func byGVisor(b []byte) facts {
	pkt := gvstack.NewPacketBuffer(gvstack.PacketBufferOptions{Payload: buffer.MakeWithData(b)})
	defer pkt.DecRef()
	var f facts
	if b[0]>>4 == 4 {
		if !parse.IPv4(pkt) {
			return f
		}
		h := header.IPv4(pkt.NetworkHeader().Slice())
		f.Src, f.Dst, f.TTL, f.Protocol = netip.AddrFrom4(h.SourceAddress().As4()), netip.AddrFrom4(h.DestinationAddress().As4()), h.TTL(), h.Protocol()
		f.Offset, f.More = h.FragmentOffset(), h.More()
	} else {
		protocol, _, offset, more, ok := parse.IPv6(pkt)
		if !ok {
			return f
		}
		h := header.IPv6(pkt.NetworkHeader().Slice())
		f.Src, f.Dst, f.TTL, f.Protocol = netip.AddrFrom16(h.SourceAddress().As16()), netip.AddrFrom16(h.DestinationAddress().As16()), h.HopLimit(), uint8(protocol)
		f.Offset, f.More = 8*offset, more
		if more && offset == 0 { // gVisor stops at the header of a first fragment
			f.Protocol = h[len(h)-8]
		}
	}
	f.HeaderLen = len(pkt.NetworkHeader().Slice())
	if f.Offset != 0 {
		f.Protocol = 0
		return f
	}
	readTransport(&f, pkt, b[0]>>4 == 6)
	return f
}

func readTransport(f *facts, pkt *gvstack.PacketBuffer, is6 bool) {
	switch {
	case f.Protocol == tcpNo && parse.TCP(pkt):
		h := header.TCP(pkt.TransportHeader().Slice())
		f.SrcPort, f.DstPort, f.Flags, f.PayloadStart = h.SourcePort(), h.DestinationPort(), h.Flags(), f.HeaderLen+len(h)
		f.Seq, f.Ack, f.Window = h.SequenceNumber(), h.AckNumber(), h.WindowSize()
	case f.Protocol == udpNo && parse.UDP(pkt):
		h := header.UDP(pkt.TransportHeader().Slice())
		f.SrcPort, f.DstPort, f.PayloadStart = h.SourcePort(), h.DestinationPort(), f.HeaderLen+len(h)
	case f.Protocol == icmp4 && !is6 && parse.ICMPv4(pkt), f.Protocol == icmp6 && is6 && parse.ICMPv6(pkt):
		h := pkt.TransportHeader().Slice()
		f.Type, f.Code = h[0], h[1]
	}
}

// byGopacket has gopacket's parser read a packet.
func byGopacket(b []byte) facts {
	first := layers.LayerTypeIPv4
	if b[0]>>4 == 6 {
		first = layers.LayerTypeIPv6
	}
	var f facts
	next := 0 // where the layer after this one starts
	for _, layer := range gopacket.NewPacket(b, first, gopacket.DecodeOptions{NoCopy: true}).Layers() {
		next += len(layer.LayerContents())
		switch l := layer.(type) {
		case *layers.IPv4:
			f.Src, f.Dst = addrOf(l.SrcIP), addrOf(l.DstIP)
			f.TTL, f.Protocol = l.TTL, uint8(l.Protocol)
			f.Offset, f.More = 8*l.FragOffset, l.Flags&layers.IPv4MoreFragments != 0
			f.HeaderLen = next
		case *layers.IPv6:
			f.Src, f.Dst = addrOf(l.SrcIP), addrOf(l.DstIP)
			f.TTL, f.Protocol, f.HeaderLen = l.HopLimit, uint8(l.NextHeader), next
		case *layers.IPv6HopByHop:
			f.Protocol, f.HeaderLen = uint8(l.NextHeader), next
		case *layers.IPv6Destination:
			f.Protocol, f.HeaderLen = uint8(l.NextHeader), next
		case *layers.IPv6Fragment:
			f.Protocol, f.HeaderLen = uint8(l.NextHeader), next
			f.Offset, f.More = 8*l.FragmentOffset, l.MoreFragments
		case *layers.TCP:
			f.SrcPort, f.DstPort, f.Flags = uint16(l.SrcPort), uint16(l.DstPort), header.TCPFlags(l.Contents[13])
			f.Seq, f.Ack, f.Window, f.PayloadStart = l.Seq, l.Ack, l.Window, next
		case *layers.UDP:
			f.SrcPort, f.DstPort, f.PayloadStart = uint16(l.SrcPort), uint16(l.DstPort), next
		case *layers.ICMPv4:
			f.Type, f.Code = l.TypeCode.Type(), l.TypeCode.Code()
		case *layers.ICMPv6:
			f.Type, f.Code = l.TypeCode.Type(), l.TypeCode.Code()
		}
	}
	if f.Offset != 0 {
		f.Protocol = 0
	}
	return f
}

func addrOf(ip []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a
}
