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
		segment := tcpSegment(1, 2, header.TCPFlagAck, 4, "")
		segment[12] = dataOffset << 4
		return v4{protocol: tcpNo, payload: segment}.bytes()
	}
	udp6 := func(change func(b []byte)) []byte {
		b := v6{protocol: udpNo, payload: udpDatagram(1, 2, "01234567")}.bytes()
		change(b)
		return b
	}
	tcp6 := func(segment []byte) []byte { return v6{protocol: tcpNo, payload: segment}.bytes() }
	udpLength := func(length uint16, payload string) []byte {
		datagram := udpDatagram(1, 2, payload)
		header.UDP(datagram).SetLength(length)
		return datagram
	}
	options4 := func(options ...byte) []byte {
		return v4{protocol: udpNo, options: options, payload: udpDatagram(1, 2, "")}.bytes()
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
		{"IPv4 header that takes the ports for the end of its options", sealed4(func(h header.IPv4) { h[0] = 0x47 }), BadLength},
		{"IPv4 header that takes all the datagram for options", v4{
			protocol: udpNo, options: []byte{1, 1, 1, 1, 1, 1, 1, 1},
		}.bytes(), Truncated},
		{"IPv6 that says it is IPv4", udp6(func(b []byte) { b[0] = 0x45 }), BadLength},
		{"IPv4 that says it is IPv6", udp4(func(b []byte) { b[0] = 0x60 }), Truncated},
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
		{"TCP that ends in its header", v4{protocol: tcpNo, payload: tcpSegment(1, 2, header.TCPFlagAck, 0, "")[:19]}.bytes(), Truncated},
		{"UDP that ends in its header", v4{protocol: udpNo, payload: udpDatagram(1, 2, "")[:7]}.bytes(), Truncated},
		{"ICMP that ends in its header", v4{protocol: icmp4, payload: icmpMessage(8, 0, 7, "")[:7]}.bytes(), Truncated},
		{"ICMPv6 that ends in its header", v6{protocol: icmp6, payload: icmpMessage(128, 0, 7, "")[:7]}.bytes(), Truncated},

		{"UDP length 0, which only jumbograms have", v4{protocol: udpNo, payload: udpLength(0, "question")}.bytes(), BadLength},
		{"UDP length 0 in IPv6", v6{protocol: udpNo, payload: udpLength(0, "question")}.bytes(), BadLength},
		{"UDP length below its header's", v4{protocol: udpNo, payload: udpLength(7, "")}.bytes(), BadLength},
		{"UDP length one short", v4{protocol: udpNo, payload: udpLength(15, "question")}.bytes(), BadLength},
		{"UDP length one over", v4{protocol: udpNo, payload: udpLength(17, "question")}.bytes(), BadLength},
		{"UDP length as large as can be", v6{protocol: udpNo, payload: udpLength(65535, "question")}.bytes(), BadLength},
		{"UDP length in an atomic fragment", v6{chain: []extension{fragment(0, false, 7)}, protocol: udpNo, payload: udpLength(15, "question")}.bytes(), BadLength},

		{"a loose source route", options4(131, 7, 4, 192, 0, 2, 1, 0), SourceRoute},
		{"a strict source route", options4(137, 7, 4, 192, 0, 2, 1, 0), SourceRoute},
		{"a source route at its last stop", options4(131, 7, 8, 192, 0, 2, 1, 0), SourceRoute},
		{"a source route behind others", options4(1, 7, 3, 4, 137, 3, 4, 0), SourceRoute},
		{"a source route on a later fragment", v4{protocol: udpNo, offset: 8, options: []byte{131, 3, 4, 0}}.bytes(), SourceRoute},
		{"an IPv4 option of length 0", options4(7, 0, 4, 0), BadOptions},
		{"an IPv4 option of length 1", options4(7, 1, 4, 0), BadOptions},
		{"an IPv4 option longer than the header", options4(7, 5, 4, 0), BadOptions},
		{"an IPv4 option without its length", options4(1, 1, 1, 7), BadOptions},
		{"a source route longer than the header", options4(131, 255, 4, 0), BadOptions},
		{"malformed IPv4 options of a number", v4{protocol: gre, options: []byte{7, 0, 4, 0}}.bytes(), BadOptions},

		{"a TCP option of length 0", tcp6(tcpWithOptions(header.TCPFlagSyn, 2, 0, 5, 180)), BadOptions},
		{"a TCP option of length 1", tcp6(tcpWithOptions(header.TCPFlagSyn, 2, 1, 5, 180)), BadOptions},
		{"a TCP option longer than the header", tcp6(tcpWithOptions(header.TCPFlagSyn, 2, 5, 5, 180)), BadOptions},
		{"a TCP option that runs into the payload", tcp6(append(tcpWithOptions(header.TCPFlagAck, 1, 1, 1, 8), 10, 0, 0)), BadOptions},
		{"a bad TCP option behind good ones", tcp6(tcpWithOptions(header.TCPFlagSyn, 2, 4, 5, 180, 1, 3, 0, 7)), BadOptions},
		{"what starts like timestamps, and goes on", tcp6(tcpWithOptions(header.TCPFlagAck, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 0, 0, 0)), BadOptions},

		{"a tiny first fragment, which hides its ports", v4{protocol: tcpNo, mf: true, payload: make([]byte, 8)}.bytes(), Truncated},

		{"IPv6 length 0", udp6(func(b []byte) { b[4], b[5] = 0, 0 }), BadLength},
		{"IPv6 length one short", udp6(func(b []byte) { b[5]-- }), BadLength},
		{"IPv6 length one over", udp6(func(b []byte) { b[5]++ }), Truncated},
		{"IPv6 length as large as can be", udp6(func(b []byte) { binary.BigEndian.PutUint16(b[4:], 65535) }), Truncated},
		{"a jumbogram", v6{chain: []extension{{hbh, []byte{0, 0xc2, 4, 0, 1, 0, 0}}}, protocol: tcpNo, payload: make([]byte, 65536)}.bytes(), BadLength},
		{"the start of a jumbogram", func() []byte {
			b := v6{chain: []extension{{hbh, []byte{0, 0xc2, 4, 0, 1, 0, 0}}}, protocol: tcpNo}.bytes()
			b[4], b[5] = 0, 0
			return b
		}(), BadLength},
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
			} else if !shortened(&p, problem) {
				t.Errorf("%s shortened to %d bytes: %v", name, n, problem)
			}
		}
		if problem := new(Packet).Parse(whole); problem != Parsed {
			t.Errorf("%s, whole: %v", name, problem)
		}
	}
}

// shortened reports whether a problem is one that a packet has which was cut,
// with an IP header that does not say so.
func shortened(p *Packet, problem Problem) bool {
	switch problem {
	case Truncated:
		return true
	case ExtensionsOverflow:
		return p.IPv6
	case BadLength:
		return p.Protocol == udpNo && !p.Fragment
	}
	return false
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
	case p.HasTransport && p.Protocol == tcpNo && !allowedFlags(p.TCPFlags):
		t.Errorf("TCP flags %v", p.TCPFlags)
	case p.HasTransport && p.Protocol != tcpNo && (p.TCPFlags != 0 || p.TCPSeq != 0 || p.TCPAck != 0 || p.TCPWindow != 0):
		t.Errorf("TCP's fields in protocol %d: %+v", p.Protocol, p)
	case p.HasTransport && p.PayloadLen() != p.Len-p.PayloadStart || !p.HasTransport && p.PayloadLen() != 0:
		t.Errorf("a payload of %d bytes: %+v", p.PayloadLen(), p)
	case p.IsNeighbourDiscovery() && (!p.IPv6 || p.Fragment || p.Protocol != icmp6 || p.ICMPType < 133 || p.ICMPType > 137):
		t.Errorf("this is no neighbour discovery: %+v", p)
	case !p.HasTransport && (p.PayloadStart != 0 || p.TCPSeq != 0 || p.TCPAck != 0 || p.TCPWindow != 0 || p.SrcPort != 0 || p.DstPort != 0 || p.TCPFlags != 0 || p.ICMPType != 0 || p.ICMPCode != 0 || p.ICMPID != 0):
		t.Errorf("transport fields without a transport header: %+v", p)
	}
	if _, _, is := p.ICMPQuery(); is && (p.IsICMPError() || !p.IsICMP() || !p.HasTransport) {
		t.Errorf("ICMPQuery contradicts the rest: %+v", p)
	}
}
