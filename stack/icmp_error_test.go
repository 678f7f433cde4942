package stack

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// parsed returns a packet with what Parse says of it.
func parsed(t *testing.T, packet []byte) (*Packet, []byte) {
	t.Helper()
	var p Packet
	if problem := p.Parse(packet); problem != Parsed {
		t.Fatalf("% x: %v", packet, problem)
	}
	return &p, packet
}

func TestErrors(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 100)
	for _, test := range []struct {
		name    string
		packet  []byte
		mtu     int // 0: the hops are used up
		want    Packet
		wantMTU int
		quoted  int // bytes of the packet
	}{
		{
			"time exceeded", v4{protocol: udpNo, ttl: 1, payload: udpDatagram(1, 2, "short")}.bytes(), 0,
			Packet{ICMPType: 11, Len: 20 + 8 + 33}, 0, 33,
		},
		{
			"time exceeded about a long packet", v4{protocol: udpNo, ttl: 1, payload: udpDatagram(1, 2, long)}.bytes(), 0,
			Packet{ICMPType: 11, Len: 576}, 0, 576 - 28,
		},
		{
			"time exceeded about a protocol that is just a number", v4{protocol: gre, ttl: 1}.bytes(), 0,
			Packet{ICMPType: 11, Len: 48}, 0, 20,
		},
		{
			"time exceeded about an unanswered ping", v4{protocol: icmp4, ttl: 1, payload: icmpMessage(8, 0, 7, "")}.bytes(), 0,
			Packet{ICMPType: 11, Len: 56}, 0, 28,
		},
		{
			"time exceeded about a first fragment", v4{protocol: udpNo, ttl: 1, mf: true, payload: udpDatagram(1, 2, "")}.bytes(), 0,
			Packet{ICMPType: 11, Len: 56}, 0, 28,
		},
		{
			"fragmentation needed", v4{protocol: udpNo, df: true, payload: udpDatagram(1, 2, long)}.bytes(), 1500,
			Packet{ICMPType: 3, ICMPCode: 4, Len: 576}, 1500, 576 - 28,
		},
		{
			"fragmentation needed, MTU as large as can be", v4{protocol: udpNo, df: true, payload: udpDatagram(1, 2, "")}.bytes(), 70000,
			Packet{ICMPType: 3, ICMPCode: 4, Len: 56}, 65535, 28,
		},
		{
			"time exceeded, IPv6", v6{protocol: udpNo, hopLimit: 1, payload: udpDatagram(1, 2, "short")}.bytes(), 0,
			Packet{IPv6: true, ICMPType: 3, Len: 40 + 8 + 53}, 0, 53,
		},
		{
			"time exceeded about a long IPv6 packet", v6{protocol: udpNo, hopLimit: 1, payload: udpDatagram(1, 2, long)}.bytes(), 0,
			Packet{IPv6: true, ICMPType: 3, Len: 1280}, 0, 1280 - 48,
		},
		{
			"packet too big", v6{protocol: udpNo, payload: udpDatagram(1, 2, long)}.bytes(), 1500,
			Packet{IPv6: true, ICMPType: 2, Len: 1280}, 1500, 1280 - 48,
		},
		{
			"packet too big about an odd number of bytes", v6{protocol: udpNo, payload: udpDatagram(1, 2, "odd")}.bytes(), 1281,
			Packet{IPv6: true, ICMPType: 2, Len: 40 + 8 + 51}, 1281, 51,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, w := newRouter(t)
			p, packet := parsed(t, test.packet)
			want := test.want
			from := router4
			want.Src, want.Dst = router4, alice4
			if p.IPv6 {
				from = router6
				want.Src, want.Dst = router6, alice6
			}
			if !sendAbout(r, from, p, packet, test.mtu) {
				t.Fatal("no error was sent")
			}
			vpc, e, message := w.next(t)
			got := Packet{Src: e.Src, Dst: e.Dst, Len: e.Len, IPv6: e.IPv6, ICMPType: e.ICMPType, ICMPCode: e.ICMPCode}
			if diff := cmp.Diff(got, want, equateAddrs); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
			if vpc != 0 || !e.IsICMPError() || e.TTL < 32 {
				t.Errorf("in VPC %d with TTL %d, an error: %v", vpc, e.TTL, e.IsICMPError())
			}
			if diff := cmp.Diff(message[e.PayloadStart:], packet[:test.quoted]); diff != "" {
				t.Errorf("the quoted packet (-got +want):\n%s", diff)
			}
			mtu := int(binary.BigEndian.Uint32(message[e.HeaderLen+4:])) // in ICMP below 16 bits of zero
			if mtu != test.wantMTU {
				t.Errorf("it says an MTU of %d, want %d", mtu, test.wantMTU)
			}
			w.quiet(t, "after the error")
		})
	}
}

func sendAbout(r *Router, from netip.Addr, p *Packet, packet []byte, mtu int) bool {
	if mtu == 0 {
		return r.TimeExceeded(0, from, p, packet)
	}
	return r.TooBig(0, from, p, packet, mtu)
}

// TestErrorsNotSent lists what must not be answered by an error (RFC 1122,
// section 3.2.2; RFC 1812, section 4.3.2.7; RFC 4443, section 2.4).
func TestErrorsNotSent(t *testing.T) {
	r, w := newRouter(t)
	addr := netip.MustParseAddr
	datagram := udpDatagram(1, 2, "")
	for name, packet := range map[string][]byte{
		"about an ICMP error":              v4{protocol: icmp4, payload: icmpMessage(3, 1, 0, "")}.bytes(),
		"about an ICMP redirect":           v4{protocol: icmp4, payload: icmpMessage(5, 1, 0, "")}.bytes(),
		"about time exceeded":              v4{protocol: icmp4, payload: icmpMessage(11, 0, 0, "")}.bytes(),
		"about an ICMPv6 error":            v6{protocol: icmp6, payload: icmpMessage(1, 4, 0, "")}.bytes(),
		"about packet too big":             v6{protocol: icmp6, payload: icmpMessage(2, 0, 0, "")}.bytes(),
		"about an ICMPv6 error yet unborn": v6{protocol: icmp6, payload: icmpMessage(120, 0, 0, "")}.bytes(),
		"about an ICMPv6 redirect":         v6{protocol: icmp6, payload: icmpMessage(137, 0, 0, "")}.bytes(),
		"about a later fragment":           v4{protocol: udpNo, offset: 8, payload: datagram}.bytes(),
		"about a later IPv6 fragment":      v6{chain: []extension{fragment(8, true, 7)}, protocol: udpNo, payload: datagram}.bytes(),
		"to a multicast source":            v4{src: addr("224.0.0.5"), protocol: udpNo, payload: datagram}.bytes(),
		"to a broadcast source":            v4{src: addr("255.255.255.255"), protocol: udpNo, payload: datagram}.bytes(),
		"to a loopback source":             v4{src: addr("127.0.0.1"), protocol: udpNo, payload: datagram}.bytes(),
		"to a source of class E":           v4{src: addr("240.0.0.1"), protocol: udpNo, payload: datagram}.bytes(),
		"to no source":                     v4{src: addr("0.0.0.0"), protocol: udpNo, payload: datagram}.bytes(),
		"to network 0":                     v4{src: addr("0.1.2.3"), protocol: udpNo, payload: datagram}.bytes(),
		"to a multicast IPv6 source":       v6{src: addr("ff02::1"), protocol: udpNo, payload: datagram}.bytes(),
		"to no IPv6 source":                v6{src: addr("::"), protocol: udpNo, payload: datagram}.bytes(),
		"to a loopback IPv6 source":        v6{src: addr("::1"), protocol: udpNo, payload: datagram}.bytes(),
		"about multicast":                  v4{dst: addr("239.1.2.3"), protocol: udpNo, payload: datagram}.bytes(),
		"about broadcast":                  v4{dst: addr("255.255.255.255"), protocol: udpNo, payload: datagram}.bytes(),
		"about IPv6 multicast":             v6{dst: addr("ff0e::1"), protocol: udpNo, payload: datagram}.bytes(),
	} {
		p, packet := parsed(t, packet)
		from := router4
		if p.IPv6 {
			from = router6
		}
		if sendAbout(r, from, p, packet, 0) || sendAbout(r, from, p, packet, 1500) {
			t.Errorf("%s: the router says that it sent one", name)
		}
		w.quiet(t, name)
	}

	p, packet := parsed(t, samples()["udp4"])
	if r.TimeExceeded(0, netip.MustParseAddr("10.0.9.1"), p, packet) {
		t.Error("an error was sent from an address that is not the router's")
	}
	if r.TimeExceeded(3, router4, p, packet) {
		t.Error("an error was sent into a VPC that the router is not in")
	}
	w.quiet(t, "from an address that is not its own")
}

// TestErrorsAreLimited floods the router: an attacker must not have it answer
// every packet. Answers to honest questions are not held back by it.
func TestErrorsAreLimited(t *testing.T) {
	r, w := newRouter(t)
	p, packet := parsed(t, v4{protocol: udpNo, ttl: 1, payload: udpDatagram(1, 2, "")}.bytes())
	said := 0
	const flood = 2000
	for range flood {
		if r.TimeExceeded(0, router4, p, packet) {
			said++
		}
	}
	if len(w) != said {
		t.Errorf("the router says that it sent %d errors, and sent %d", said, len(w))
	}
	if said < 50 || said > flood/2 {
		t.Errorf("%d packets at once were answered by %d errors, want at least the burst of 50 and far from all", flood, said)
	}
	for len(w) > 0 {
		<-w
	}
	if id := pong(t, r, w, 0, router4, 5); id != 5 {
		t.Error("after the flood, a ping is not answered")
	}
}

// TestErrorsAreUnderstood has the netstack itself read the errors, as another
// gVisor host would.
func TestErrorsAreUnderstood(t *testing.T) {
	r, w := newRouter(t)
	p, packet := parsed(t, v4{protocol: tcpNo, df: true, payload: tcpSegment(1, 2, header.TCPFlagAck, 0, "x")}.bytes())
	if !r.TooBig(0, router4, p, packet, 1400) {
		t.Fatal("no error was sent")
	}
	_, e, message := w.next(t)
	h := header.ICMPv4(message[e.HeaderLen:])
	if h.Type() != header.ICMPv4DstUnreachable || h.Code() != header.ICMPv4FragmentationNeeded || h.MTU() != 1400 {
		t.Errorf("type %d, code %d, MTU %d", h.Type(), h.Code(), h.MTU())
	}
	quoted := header.IPv4(h.Payload())
	if !quoted.IsChecksumValid() || quoted.SourceAddress() != address(alice4) {
		t.Errorf("the quoted header is % x", quoted[:20])
	}
}
