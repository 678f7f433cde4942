package stack

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

var (
	linkLocal   = netip.MustParseAddr("fe80::1234")
	nodes       = netip.MustParseAddr("ff02::1")
	routers     = netip.MustParseAddr("ff02::2")
	router6Node = netip.MustParseAddr("ff02::1:ff00:1") // of router6
	unspecified = netip.IPv6Unspecified()
)

// solicitation asks who has target.
func solicitation(src, dst, target netip.Addr, options ...byte) []byte {
	return neighbourMessage(135, src, dst, append(target.AsSlice(), options...))
}

// neighbourMessage returns a message of neighbour discovery, its checksum right.
// body is what follows the first 8 bytes.
func neighbourMessage(icmpType uint8, src, dst netip.Addr, body []byte) []byte {
	message := append(icmpMessage(icmpType, 0, 0, ""), body...)
	message[7] = 0
	return seal(v6{src: src, dst: dst, hopLimit: 255, protocol: icmp6, payload: message}.bytes())
}

// ask delivers a packet and returns what the router answers to its device. It
// fails the test if the router sends anything to others.
func ask(t *testing.T, r *Router, w wire, packet []byte) []byte {
	t.Helper()
	p, _ := parsed(t, packet)
	answer := r.Deliver(0, p, packet, false)
	w.quiet(t, "neighbour discovery is between two")
	return answer
}

func TestIsNeighbourDiscovery(t *testing.T) {
	for icmpType := range 256 {
		message := icmpMessage(uint8(icmpType), 0, 0, "0123456789abcdef")
		want := icmpType >= 133 && icmpType <= 137
		for name, test := range map[string]struct {
			in   []byte
			want bool
		}{
			"ICMPv6":                    {v6{protocol: icmp6, payload: message}.bytes(), want},
			"behind an extension":       {v6{chain: []extension{options(dstOpts, 1)}, protocol: icmp6, payload: message}.bytes(), want},
			"ICMPv6's number in IPv4":   {v4{protocol: icmp6, payload: message}.bytes(), false},
			"ICMP":                      {v4{protocol: icmp4, payload: message}.bytes(), false},
			"in a first fragment":       {v6{chain: []extension{fragment(0, true, 7)}, protocol: icmp6, payload: message}.bytes(), false},
			"in a later fragment":       {v6{chain: []extension{fragment(8, false, 7)}, protocol: icmp6, payload: message}.bytes(), false},
			"a datagram that starts so": {v6{protocol: udpNo, payload: udpDatagram(uint16(icmpType)<<8, 2, "")}.bytes(), false},
		} {
			if p, _ := parsed(t, test.in); p.IsNeighbourDiscovery() != test.want {
				t.Errorf("type %d, %s: %v, want %v", icmpType, name, p.IsNeighbourDiscovery(), test.want)
			}
		}
	}
}

func TestRouterAnswersNeighbourSolicitation(t *testing.T) {
	r, w := newRouter(t)
	service := netip.MustParseAddr("fd00:ec2::253")
	setNetworks(t, r, Network{VPC: 0, Addrs: []netip.Addr{router4, router6, service}})
	for _, test := range []struct {
		name      string
		in        []byte
		from, to  netip.Addr
		solicited bool
	}{
		{"to the router's group", solicitation(alice6, router6Node, router6), router6, alice6, true},
		{"from a link-local address", solicitation(linkLocal, router6Node, router6), router6, linkLocal, true},
		{"with the asker's link-layer address", solicitation(linkLocal, router6Node, router6, 1, 1, 2, 0, 0, 0, 0, 1), router6, linkLocal, true},
		{"to the address itself: is it still there?", solicitation(alice6, router6, router6), router6, alice6, true},
		{"to all nodes", solicitation(alice6, nodes, router6), router6, alice6, true},
		{"to all routers", solicitation(alice6, routers, router6), router6, alice6, true},
		{"for a service", solicitation(alice6, netip.MustParseAddr("ff02::1:ff00:253"), service), service, alice6, true},
		{"is the address taken?", solicitation(unspecified, router6Node, router6), router6, nodes, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := ask(t, r, w, test.in)
			if answer == nil {
				t.Fatal("no answer")
			}
			p := checksums(t, answer)
			got := Packet{Src: p.Src, Dst: p.Dst, TTL: p.TTL, ICMPType: p.ICMPType, ICMPCode: p.ICMPCode}
			want := Packet{Src: test.from, Dst: test.to, TTL: 255, ICMPType: 136}
			if diff := cmp.Diff(got, want, equateAddrs); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
			advert := header.NDPNeighborAdvert(answer[p.HeaderLen+4:])
			if advert.TargetAddress() != address(test.from) || len(advert.Options()) != 0 {
				t.Errorf("it advertises % x", advert)
			}
			// Without the router flag, the asker drops its default route (RFC 4861, section 7.2.5).
			if !advert.RouterFlag() || !advert.OverrideFlag() || advert.SolicitedFlag() != test.solicited {
				t.Errorf("flags: router %v, override %v, solicited %v", advert.RouterFlag(), advert.OverrideFlag(), advert.SolicitedFlag())
			}
		})
	}
}

func TestRouterIgnoresBadSolicitations(t *testing.T) {
	r, w := newRouter(t)
	good := func() []byte { return solicitation(alice6, router6Node, router6) }
	changed := func(at int, value byte) []byte {
		b := good()
		b[at] = value
		return seal(b)
	}
	badSum := good()
	badSum[42]++
	for name, packet := range map[string][]byte{
		"from afar: a hop is gone":            changed(7, 254),
		"with a code":                         changed(41, 1),
		"with a wrong checksum":               badSum,
		"too short":                           neighbourMessage(135, alice6, router6Node, router6.AsSlice()[:15]),
		"with an option of length 0":          solicitation(alice6, router6Node, router6, 1, 0, 2, 0, 0, 0, 0, 1),
		"with half an option":                 solicitation(alice6, router6Node, router6, 1, 2, 2, 0, 0, 0, 0, 1),
		"for another's address":               solicitation(alice6, netip.MustParseAddr("ff02::1:ff00:20"), bob6),
		"for another's, to all":               solicitation(alice6, nodes, bob6),
		"for a group":                         solicitation(alice6, router6Node, router6Node),
		"to another's group":                  solicitation(alice6, netip.MustParseAddr("ff02::1:ff00:20"), router6),
		"to another group":                    solicitation(alice6, netip.MustParseAddr("ff02::5"), router6),
		"to another address":                  solicitation(alice6, bob6, router6),
		"from a group":                        solicitation(nodes, router6Node, router6),
		"from nobody, to all":                 solicitation(unspecified, nodes, router6),
		"from nobody, to the address":         solicitation(unspecified, router6, router6),
		"from nobody at a link-layer address": solicitation(unspecified, router6Node, router6, 1, 1, 2, 0, 0, 0, 0, 1),
	} {
		if answer := ask(t, r, w, packet); answer != nil {
			t.Errorf("%s: answered by % x", name, answer)
		}
	}
	if ask(t, r, w, good()) == nil {
		t.Error("afterwards, a good one is not answered")
	}
	p, packet := parsed(t, good())
	if r.Deliver(1, p, packet, false) != nil {
		t.Error("an answer in a VPC that the router is not in")
	}
}

// TestForgedNeighbourMessagesChangeNothing has an instance claim to be the
// router, to know a better one, and to own the router's and Alice's addresses.
func TestForgedNeighbourMessagesChangeNothing(t *testing.T) {
	r, w := newRouter(t)
	gateway := netip.MustParseAddr("fe80::bad")
	prefix := append([]byte{3, 4, 64, 0xc0, 0, 0, 0x70, 0x80, 0, 0, 0x70, 0x80, 0, 0, 0, 0}, netip.MustParseAddr("fd00:bad::").AsSlice()...)
	advert := append([]byte{0, 0, 0, 0, 0, 0, 0, 0}, prefix...) // reachable time, retransmission timer, options
	advert = append(advert, 5, 1, 0, 0, 0, 0, 5, 0)             // an MTU of 1280
	redirect := append(alice6.AsSlice(), bob6.AsSlice()...)     // to Bob by way of Alice
	claim := func(a netip.Addr) []byte { return append(a.AsSlice(), 2, 1, 2, 0, 0, 0, 0, 9) }
	before := ping(router6, 77)
	for name, forged := range map[string][]byte{
		"router advertisement":                    neighbourMessage(134, gateway, nodes, advert),
		"router advertisement to the router":      neighbourMessage(134, gateway, router6, advert),
		"a second redirect":                       neighbourMessage(137, gateway, router6, redirect),
		"redirect to all":                         neighbourMessage(137, gateway, nodes, redirect),
		"neighbour advertisement of Alice":        neighbourMessage(136, alice6, nodes, claim(alice6)),
		"neighbour advertisement to the router":   neighbourMessage(136, alice6, router6, claim(alice6)),
		"neighbour advertisement of the router's": neighbourMessage(136, router6, nodes, claim(router6)),
		"router solicitation":                     neighbourMessage(133, linkLocal, routers, nil),
	} {
		if answer := ask(t, r, w, forged); answer != nil {
			t.Errorf("%s: answered by % x", name, answer)
		}
		deliver(r, 0, before, false)
		if len(w) != 1 {
			t.Fatalf("%s: afterwards a ping has %d answers", name, len(w))
		}
		_, p, _ := w.next(t)
		if p.Src != router6 || p.Dst != alice6 || p.ICMPID != 77 || p.TTL != routerTTL {
			t.Errorf("%s: afterwards a ping is answered by %+v", name, p)
		}
		if id := pong(t, r, w, 0, netip.MustParseAddr("fd00:bad::1"), 7); id != 0 {
			t.Errorf("%s: the router took an address", name)
		}
	}
}

// Other multicast than neighbour discovery gets no answer, whatever the group.
func TestRouterHearsNoOtherMulticast(t *testing.T) {
	r, w := newRouter(t)
	for _, group := range []netip.Addr{nodes, routers, router6Node} {
		for name, packet := range map[string][]byte{
			"ping":           ping(group, 7),
			"UDP":            seal(v6{dst: group, protocol: udpNo, payload: udpDatagram(1, 5353, "")}.bytes()),
			"TCP":            seal(v6{dst: group, protocol: tcpNo, payload: tcpSegment(1, 80, header.TCPFlagSyn, 0, "")}.bytes()),
			"listener query": seal(v6{src: linkLocal, dst: group, hopLimit: 1, protocol: icmp6, payload: append(icmpMessage(130, 0, 0, ""), make([]byte, 16)...)}.bytes()),
			"an ND message in fragments": v6{
				src: alice6, dst: group, hopLimit: 255, chain: []extension{fragment(0, true, 1)},
				protocol: icmp6, payload: append(icmpMessage(135, 0, 0, ""), router6.AsSlice()...),
			}.bytes(),
		} {
			if answer := ask(t, r, w, packet); answer != nil {
				t.Errorf("%s to %v: answered by % x", name, group, answer)
			}
		}
	}
}
