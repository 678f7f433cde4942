package stack

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

func protocolNumber(p uint8) tcpip.TransportProtocolNumber {
	return tcpip.TransportProtocolNumber(p)
}

var equateAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// expect4 is what Parse says of an everyday IPv4 packet, changed by the test.
func expect4(length int, change func(*Packet)) Packet {
	p := Packet{Src: alice4, Dst: bob4, Len: length, TTL: 64, HeaderLen: 20}
	change(&p)
	return p
}

// expect6 is expect4 for IPv6.
func expect6(length int, change func(*Packet)) Packet {
	p := Packet{Src: alice6, Dst: bob6, Len: length, TTL: 64, IPv6: true, DontFragment: true, HeaderLen: 40}
	change(&p)
	return p
}

type parseTest struct {
	name string
	in   []byte
	want Packet
}

func runParseTests(t *testing.T, tests []parseTest) {
	t.Helper()
	var got Packet // one for all: nothing of the packet before may stay
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if problem := got.Parse(test.in); problem != Parsed {
				t.Fatalf("Parse: %v", problem)
			}
			if diff := cmp.Diff(got, test.want, equateAddrs); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

func TestParseIPv4(t *testing.T) {
	runParseTests(t, []parseTest{
		{
			"TCP", v4{protocol: tcpNo, df: true, id: 5, payload: tcpSegment(40000, 443, header.TCPFlagSyn, 0, "")}.bytes(),
			expect4(40, func(p *Packet) {
				p.Protocol, p.DontFragment, p.FragmentID = tcpNo, true, 5
				p.HasTransport, p.PayloadStart = true, 40
				p.SrcPort, p.DstPort, p.TCPFlags = 40000, 443, header.TCPFlagSyn
				p.TCPSeq, p.TCPAck, p.TCPWindow = 1000, 2000, 65000
			}),
		},
		{
			"TCP with options and payload", v4{protocol: tcpNo, ttl: 1, payload: tcpSegment(443, 40000, header.TCPFlagAck|header.TCPFlagPsh, 12, "hello")}.bytes(),
			expect4(57, func(p *Packet) {
				p.Protocol, p.TTL = tcpNo, 1
				p.HasTransport, p.PayloadStart = true, 52
				p.SrcPort, p.DstPort, p.TCPFlags = 443, 40000, header.TCPFlagAck|header.TCPFlagPsh
				p.TCPSeq, p.TCPAck, p.TCPWindow = 1000, 2000, 65000
			}),
		},
		{
			"UDP", v4{protocol: udpNo, payload: udpDatagram(5353, 53, "question")}.bytes(),
			expect4(36, func(p *Packet) {
				p.Protocol, p.HasTransport, p.PayloadStart = udpNo, true, 28
				p.SrcPort, p.DstPort = 5353, 53
			}),
		},
		{
			"ICMP", v4{protocol: icmp4, payload: icmpMessage(8, 0, 77, "ping")}.bytes(),
			expect4(32, func(p *Packet) {
				p.Protocol, p.HasTransport, p.PayloadStart = icmp4, true, 28
				p.ICMPType, p.ICMPID = 8, 77
			}),
		},
		{
			"ICMP error has no id", v4{protocol: icmp4, payload: icmpMessage(3, 4, 77, "quote")}.bytes(),
			expect4(33, func(p *Packet) {
				p.Protocol, p.HasTransport, p.PayloadStart = icmp4, true, 28
				p.ICMPType, p.ICMPCode = 3, 4
			}),
		},
		{
			"ICMPv6 is a number in IPv4", v4{protocol: icmp6, payload: icmpMessage(128, 0, 77, "ping")}.bytes(),
			expect4(32, func(p *Packet) { p.Protocol = icmp6 }),
		},
		{
			"IPv6's extensions are numbers in IPv4", v4{protocol: hbh, payload: make([]byte, 8)}.bytes(),
			expect4(28, func(p *Packet) { p.Protocol = hbh }),
		},
		{
			"GRE", v4{protocol: gre, payload: []byte("0123456789")}.bytes(),
			expect4(30, func(p *Packet) { p.Protocol = gre }),
		},
		{
			"ESP", v4{protocol: esp, payload: []byte("0123456789")}.bytes(),
			expect4(30, func(p *Packet) { p.Protocol = esp }),
		},
		{
			"no payload at all", v4{protocol: 255}.bytes(),
			expect4(20, func(p *Packet) { p.Protocol = 255 }),
		},
		{
			"options before the transport", v4{protocol: udpNo, options: []byte{7, 7, 4, 0, 0, 0, 0, 0}, payload: udpDatagram(1, 2, "")}.bytes(),
			expect4(36, func(p *Packet) {
				p.Protocol, p.HeaderLen = udpNo, 28
				p.HasTransport, p.PayloadStart, p.SrcPort, p.DstPort = true, 36, 1, 2
			}),
		},
		{
			"as many options as there may be", v4{protocol: udpNo, options: make([]byte, 40), payload: udpDatagram(1, 2, "")}.bytes(),
			expect4(68, func(p *Packet) {
				p.Protocol, p.HeaderLen = udpNo, 60
				p.HasTransport, p.PayloadStart, p.SrcPort, p.DstPort = true, 68, 1, 2
			}),
		},
		{
			"first fragment", v4{protocol: udpNo, id: 9, mf: true, payload: udpDatagram(1, 2, "01234567")}.bytes(),
			expect4(36, func(p *Packet) {
				p.Protocol, p.Fragment, p.MoreFragments, p.FragmentID = udpNo, true, true, 9
				p.HasTransport, p.PayloadStart, p.SrcPort, p.DstPort = true, 28, 1, 2
			}),
		},
		{
			"middle fragment: its offset in bytes, no transport", v4{protocol: udpNo, id: 9, mf: true, offset: 1480, payload: udpDatagram(1, 2, "01234567")}.bytes(),
			expect4(36, func(p *Packet) {
				p.Protocol, p.Fragment, p.MoreFragments, p.FragmentID, p.FragmentOffset = udpNo, true, true, 9, 1480
			}),
		},
		{
			"last fragment, shorter than a transport header", v4{protocol: tcpNo, id: 9, offset: 65520, payload: []byte("end")}.bytes(),
			expect4(23, func(p *Packet) {
				p.Protocol, p.Fragment, p.FragmentID, p.FragmentOffset = tcpNo, true, 9, 65520
			}),
		},
	})
}

func TestParseIPv6(t *testing.T) {
	runParseTests(t, []parseTest{
		{
			"TCP", v6{protocol: tcpNo, payload: tcpSegment(40000, 443, header.TCPFlagSyn|header.TCPFlagAck, 4, "")}.bytes(),
			expect6(64, func(p *Packet) {
				p.Protocol, p.HasTransport, p.PayloadStart = tcpNo, true, 64
				p.SrcPort, p.DstPort, p.TCPFlags = 40000, 443, header.TCPFlagSyn|header.TCPFlagAck
				p.TCPSeq, p.TCPAck, p.TCPWindow = 1000, 2000, 65000
			}),
		},
		{
			"UDP", v6{protocol: udpNo, hopLimit: 255, payload: udpDatagram(5353, 53, "question")}.bytes(),
			expect6(56, func(p *Packet) {
				p.Protocol, p.TTL, p.HasTransport, p.PayloadStart = udpNo, 255, true, 48
				p.SrcPort, p.DstPort = 5353, 53
			}),
		},
		{
			"ICMPv6", v6{protocol: icmp6, payload: icmpMessage(129, 0, 77, "pong")}.bytes(),
			expect6(52, func(p *Packet) {
				p.Protocol, p.HasTransport, p.PayloadStart = icmp6, true, 48
				p.ICMPType, p.ICMPID = 129, 77
			}),
		},
		{
			"ICMPv6 packet too big has no id", v6{protocol: icmp6, payload: icmpMessage(2, 0, 77, "")}.bytes(),
			expect6(48, func(p *Packet) {
				p.Protocol, p.HasTransport, p.PayloadStart, p.ICMPType = icmp6, true, 48, 2
			}),
		},
		{
			"ICMP is a number in IPv6", v6{protocol: icmp4, payload: icmpMessage(8, 0, 77, "ping")}.bytes(),
			expect6(52, func(p *Packet) { p.Protocol = icmp4 }),
		},
		{
			"no next header", v6{protocol: noNext, payload: []byte("ignored")}.bytes(),
			expect6(47, func(p *Packet) { p.Protocol = noNext }),
		},
	})
}

func TestICMPClasses(t *testing.T) {
	// What Parse makes of each ICMP type: "q8" is a question of type 8, "r8"
	// its answer, "e" an error; all others are neither.
	want4 := map[uint8]string{
		0: "r8", 8: "q8", 13: "q13", 14: "r13", 15: "q15", 16: "r15", 17: "q17", 18: "r17",
		3: "e", 4: "e", 5: "e", 11: "e", 12: "e",
	}
	want6 := map[uint8]string{128: "q128", 129: "r128", 137: "e"} // 137 is the redirect
	for icmpType := range uint8(128) {
		want6[icmpType] = "e" // by the number's highest bit (RFC 4443, section 2.1)
	}
	class := func(b []byte) string {
		var p Packet
		if problem := p.Parse(b); problem != Parsed {
			return problem.String()
		}
		request, reply, is := p.ICMPQuery()
		switch isError := p.IsICMPError(); {
		case is && isError:
			return "both"
		case isError:
			return "e"
		case !is && p.ICMPID != 0:
			return "an id without a question"
		case is && p.ICMPID != 77:
			return "a question without an id"
		case is && reply:
			return fmt.Sprint("r", request)
		case is:
			return fmt.Sprint("q", request)
		}
		return ""
	}
	for i := range 256 {
		message := icmpMessage(uint8(i), 0, 77, "")
		if got, want := class(v4{protocol: icmp4, payload: message}.bytes()), want4[uint8(i)]; got != want {
			t.Errorf("ICMP type %d: %q, want %q", i, got, want)
		}
		if got, want := class(v6{protocol: icmp6, payload: message}.bytes()), want6[uint8(i)]; got != want {
			t.Errorf("ICMPv6 type %d: %q, want %q", i, got, want)
		}
	}

	for name, b := range map[string][]byte{
		"TCP":                      v4{protocol: tcpNo, payload: tcpSegment(1, 2, header.TCPFlagAck, 0, "")}.bytes(),
		"GRE":                      v4{protocol: gre}.bytes(),
		"a later fragment of ICMP": v4{protocol: icmp4, offset: 8, payload: icmpMessage(8, 0, 77, "")}.bytes(),
		"a later fragment of ICMPv6": v6{
			chain: []extension{fragment(8, false, 1)}, protocol: icmp6, payload: icmpMessage(128, 0, 77, ""),
		}.bytes(),
		"ICMP in IPv6": v6{protocol: icmp4, payload: icmpMessage(8, 0, 77, "")}.bytes(),
	} {
		if got := class(b); got != "" {
			t.Errorf("%s: %q, want neither question nor error", name, got)
		}
	}
}
