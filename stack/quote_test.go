package stack

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// errorAbout returns an ICMP error of the packet's family that quotes it.
func errorAbout(packet []byte) []byte {
	if packet[0]>>4 == 4 {
		return v4{protocol: icmp4, payload: icmpMessage(3, 1, 0, string(packet))}.bytes()
	}
	return v6{protocol: icmp6, payload: icmpMessage(1, 0, 0, string(packet))}.bytes()
}

func TestQuoted(t *testing.T) {
	segment := tcpSegment(40000, 443, header.TCPFlagSyn, 12, "data")
	tcp := Quote{Src: alice4, Dst: bob4, Protocol: tcpNo, HasPorts: true, SrcPort: 40000, DstPort: 443, TCPSeq: 1000}
	tcp6 := Quote{Src: alice6, Dst: bob6, Protocol: tcpNo, HasPorts: true, SrcPort: 40000, DstPort: 443, TCPSeq: 1000}
	udp := Quote{Src: alice4, Dst: bob4, Protocol: udpNo, HasPorts: true, SrcPort: 1, DstPort: 2}
	udp6 := Quote{Src: alice6, Dst: bob6, Protocol: udpNo, HasPorts: true, SrcPort: 1, DstPort: 2}
	datagram := udpDatagram(1, 2, "01234567")
	forwarded := v4{protocol: tcpNo, payload: segment}.bytes()
	forwarded[8] -= 3 // hops, the checksum as it was
	stripped := v4{protocol: udpNo, payload: datagram}.bytes()
	stripped[2], stripped[3] = stripped[3], stripped[2] // a length in the wrong byte order, as old routers do

	for _, test := range []struct {
		name string
		in   []byte // the packet that is quoted
		want Quote
	}{
		{"TCP", v4{protocol: tcpNo, payload: segment}.bytes(), tcp},
		{"TCP, its first 8 bytes", v4{protocol: tcpNo, payload: segment}.bytes()[:28], tcp},
		{"TCP with flags that Parse refuses", v4{protocol: tcpNo, payload: tcpSegment(40000, 443, 0, 0, "")}.bytes(), tcp},
		{"TCP, changed on its way", forwarded, tcp},
		{"TCP6", v6{protocol: tcpNo, payload: segment}.bytes(), tcp6},
		{"TCP6, its first 8 bytes", v6{protocol: tcpNo, payload: segment}.bytes()[:48], tcp6},
		{"UDP", v4{protocol: udpNo, payload: datagram}.bytes(), udp},
		{"UDP, its length no longer true", stripped, udp},
		{"UDP behind options", v4{protocol: udpNo, options: []byte{7, 7, 4, 0, 0, 0, 0, 0}, payload: datagram}.bytes(), udp},
		{"a first fragment", v4{protocol: udpNo, mf: true, payload: datagram}.bytes(), udp},
		{"UDP6", v6{protocol: udpNo, payload: datagram}.bytes(), udp6},
		{
			"UDP6 behind extension headers",
			v6{chain: []extension{options(hbh, 1), routingHeader(4, 0, 1), fragment(0, true, 7)}, protocol: udpNo, payload: datagram}.bytes(), udp6,
		},
		{
			"a ping", v4{protocol: icmp4, payload: icmpMessage(8, 0, 77, "")}.bytes(),
			Quote{Src: alice4, Dst: bob4, Protocol: icmp4, IsQuery: true, ICMPType: 8, ICMPID: 77},
		},
		{
			"a ping's answer", v4{protocol: icmp4, payload: icmpMessage(0, 0, 77, "")}.bytes(),
			Quote{Src: alice4, Dst: bob4, Protocol: icmp4, IsQuery: true, IsReply: true, ICMPType: 8, ICMPID: 77},
		},
		{
			"a ping6", v6{protocol: icmp6, payload: icmpMessage(128, 0, 77, "")}.bytes(),
			Quote{Src: alice6, Dst: bob6, Protocol: icmp6, IsQuery: true, ICMPType: 128, ICMPID: 77},
		},
		{
			"a ping6's answer", v6{protocol: icmp6, payload: icmpMessage(129, 0, 77, "")}.bytes(),
			Quote{Src: alice6, Dst: bob6, Protocol: icmp6, IsQuery: true, IsReply: true, ICMPType: 128, ICMPID: 77},
		},
		{
			"ICMP that is neither", v6{protocol: icmp6, payload: icmpMessage(135, 0, 77, "")}.bytes(),
			Quote{Src: alice6, Dst: bob6, Protocol: icmp6},
		},
		{
			"a protocol that is a number", v4{protocol: gre, payload: datagram}.bytes(),
			Quote{Src: alice4, Dst: bob4, Protocol: gre},
		},
		{
			"ICMP in the wrong family is a number", v6{protocol: icmp4, payload: icmpMessage(8, 0, 77, "")}.bytes(),
			Quote{Src: alice6, Dst: bob6, Protocol: icmp4},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, b := parsed(t, errorAbout(test.in))
			got, ok := p.Quoted(b)
			if !ok {
				t.Fatal("nothing was quoted")
			}
			if diff := cmp.Diff(got, test.want, equateAddrs); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

// TestQuotedWithoutAFlow: whose packet it is can be told, and no more.
func TestQuotedWithoutAFlow(t *testing.T) {
	four := func(protocol uint8) Quote { return Quote{Src: alice4, Dst: bob4, Protocol: protocol} }
	six := func(protocol uint8) Quote { return Quote{Src: alice6, Dst: bob6, Protocol: protocol} }
	for name, test := range map[string]struct {
		in   []byte
		want Quote
	}{
		"a later fragment":           {v4{protocol: udpNo, offset: 8, payload: make([]byte, 8)}.bytes(), four(udpNo)},
		"a later fragment, IPv6":     {v6{chain: []extension{fragment(8, true, 7)}, protocol: udpNo, payload: make([]byte, 8)}.bytes(), six(udpNo)},
		"a later piece of an error":  {v4{protocol: icmp4, offset: 8, payload: make([]byte, 8)}.bytes(), four(icmp4)},
		"a packet without a payload": {v4{protocol: gre}.bytes(), four(gre)},
		"a short one, IPv6":          {v6{protocol: gre, payload: make([]byte, 7)}.bytes(), six(gre)},
	} {
		p, b := parsed(t, errorAbout(test.in))
		if got, ok := p.Quoted(b); !ok || got != test.want {
			t.Errorf("%s: %+v, %t, want %+v", name, got, ok, test.want)
		}
	}
}

func TestQuotedNothing(t *testing.T) {
	four := v4{protocol: tcpNo, payload: tcpSegment(40000, 443, header.TCPFlagSyn, 0, "")}.bytes()
	six := v6{protocol: tcpNo, payload: tcpSegment(40000, 443, header.TCPFlagSyn, 0, "")}.bytes()
	changed := func(b []byte, at int, value byte) []byte {
		b = append([]byte(nil), b...)
		b[at] = value
		return b
	}
	in4 := func(quoted []byte) []byte {
		return v4{protocol: icmp4, payload: icmpMessage(3, 3, 0, string(quoted))}.bytes()
	}
	in6 := func(quoted []byte) []byte {
		return v6{protocol: icmp6, payload: icmpMessage(1, 4, 0, string(quoted))}.bytes()
	}
	mapped := netip.AddrFrom16(alice4.As16())
	for name, b := range map[string][]byte{
		"nothing at all":               in4(nil),
		"nothing at all, IPv6":         in6(nil),
		"7 bytes of transport":         in4(four[:27]),
		"7 bytes of transport, IPv6":   in6(six[:47]),
		"half a header":                in4(four[:19]),
		"half a header, IPv6":          in6(six[:39]),
		"a header length below 20":     in4(changed(four, 0, 0x44)),
		"options past the quote":       in4(changed(four, 0, 0x4f)),
		"a version that is none":       in4(changed(four, 0, 0x55)),
		"a version that is none, IPv6": in6(changed(six, 0, 0x55)),
		"IPv6 in ICMP":                 in4(six),
		"IPv4 in ICMPv6":               in6(append(four, make([]byte, 40)...)),
		"headers past the quote":       in6(v6{chain: []extension{options(dstOpts, 3)}, protocol: udpNo, payload: make([]byte, 8)}.bytes()[:60]),
		"transport past the quote":     in6(v6{chain: []extension{options(dstOpts, 1)}, protocol: udpNo, payload: make([]byte, 8)}.bytes()[:55]),
		"a packet that never passed":   in6(v6{chain: []extension{routingHeader(0, 1, 1)}, protocol: udpNo, payload: make([]byte, 8)}.bytes()),
		"a mapped address":             in6(v6{src: mapped, protocol: udpNo, payload: make([]byte, 8)}.bytes()),
		"an error":                     in4(in4(four)),
		"an error, IPv6":               in6(in6(six)),
		"a redirect":                   in4(v4{protocol: icmp4, payload: icmpMessage(5, 1, 0, string(four))}.bytes()),
		"no error, but a ping":         v4{protocol: icmp4, payload: icmpMessage(8, 0, 7, string(four))}.bytes(),
		"no error, but TCP":            four,
		"a redirect of ICMPv6":         v6{protocol: icmp6, payload: icmpMessage(137, 0, 0, string(six))}.bytes(),
		"an unknown error":             v6{protocol: icmp6, payload: icmpMessage(100, 0, 0, string(six))}.bytes(),
		"the error of number 0":        v6{protocol: icmp6, payload: icmpMessage(0, 0, 0, string(six))}.bytes(),
		"an error of another family":   v6{protocol: icmp4, payload: icmpMessage(3, 1, 0, string(six))}.bytes(),
		"an error of another, in IPv4": v4{protocol: icmp6, payload: icmpMessage(1, 1, 0, string(four))}.bytes(),
	} {
		p, b := parsed(t, b)
		if q, ok := p.Quoted(b); ok || q != (Quote{}) {
			t.Errorf("%s: %+v", name, q)
		}
	}
}

// TestQuotedByEveryError goes through the ICMP types: those that are errors
// quote, and nothing else does.
func TestQuotedByEveryError(t *testing.T) {
	want4 := map[int]bool{3: true, 4: true, 5: true, 11: true, 12: true}
	want6 := map[int]bool{1: true, 2: true, 3: true, 4: true}
	for icmpType := range 256 {
		four := icmpMessage(uint8(icmpType), 0, 0, string(samples()["udp4"]))
		six := icmpMessage(uint8(icmpType), 0, 0, string(samples()["udp6"]))
		p, b := parsed(t, v4{protocol: icmp4, payload: four}.bytes())
		if _, ok := p.Quoted(b); ok != want4[icmpType] {
			t.Errorf("ICMP type %d: %v", icmpType, ok)
		}
		p, b = parsed(t, v6{protocol: icmp6, payload: six}.bytes())
		if _, ok := p.Quoted(b); ok != want6[icmpType] {
			t.Errorf("ICMPv6 type %d: %v", icmpType, ok)
		}
	}
}

// TestRouterQuotes has the router's own errors read back.
func TestRouterQuotes(t *testing.T) {
	r, w := newRouter(t)
	for name, from := range map[string]netip.Addr{"tcp4": router4, "icmp6 echo": router6, "all extensions": router6} {
		about, packet := parsed(t, samples()[name])
		if !r.TimeExceeded(0, from, about, packet) {
			t.Fatalf("%s: no error was sent", name)
		}
		_, p, b := w.next(t)
		checkQuote(t, p, b, about, len(packet))
	}
}

// checkQuote fails the test if the error b, parsed into p, does not say of the
// packet about what Parse said of it when it was whole. room is how many bytes
// of it the error can quote.
func checkQuote(t *testing.T, p *Packet, b []byte, about *Packet, room int) {
	t.Helper()
	got, ok := p.Quoted(b)
	bare := Quote{Src: about.Src, Dst: about.Dst, Protocol: about.Protocol}
	if short := min(room, about.Len) < about.HeaderLen+minQuoted; about.FragmentOffset != 0 || short || about.IsICMPError() {
		if says := about.FragmentOffset != 0 || short && room >= about.Len; ok != says || ok && got != bare {
			t.Errorf("%+v was quoted as %+v, %t", about, got, ok)
		}
		return
	}
	want := Quote{
		Src: about.Src, Dst: about.Dst, Protocol: about.Protocol,
		HasPorts: about.Protocol == tcpNo || about.Protocol == udpNo,
		SrcPort:  about.SrcPort, DstPort: about.DstPort, TCPSeq: about.TCPSeq, ICMPID: about.ICMPID,
	}
	want.ICMPType, want.IsReply, want.IsQuery = about.ICMPQuery()
	if diff := cmp.Diff(got, want, equateAddrs); !ok || diff != "" {
		t.Errorf("quoted: %v (-got +want):\n%s", ok, diff)
	}
}
