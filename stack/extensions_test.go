package stack

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseExtensions(t *testing.T) {
	datagram := udpDatagram(1, 2, "01234567")
	udpBehind := func(length, headerLen int, change func(*Packet)) Packet {
		return expect6(length, func(p *Packet) {
			p.Protocol, p.HeaderLen = udpNo, headerLen
			p.HasTransport, p.PayloadStart, p.SrcPort, p.DstPort = true, headerLen+8, 1, 2
			change(p)
		})
	}
	plain := func(*Packet) {}
	udpBehindChain := func(chain ...extension) []byte {
		return v6{chain: chain, protocol: udpNo, payload: datagram}.bytes()
	}
	number := func(protocol uint8) []byte { return v6{protocol: protocol, payload: datagram}.bytes() }
	numbered := func(protocol uint8) Packet {
		return expect6(56, func(p *Packet) { p.Protocol = protocol })
	}

	runParseTests(t, []parseTest{
		{"hop-by-hop options", udpBehindChain(options(hbh, 1)), udpBehind(64, 48, plain)},
		{"routing, at its last stop", udpBehindChain(routingHeader(4, 0, 2)), udpBehind(96, 80, plain)},
		{"destination options", udpBehindChain(options(dstOpts, 2)), udpBehind(72, 56, plain)},
		{"the longest extension header", udpBehindChain(options(dstOpts, 256)), udpBehind(2104, 2088, plain)},
		{
			"the order that RFC 8200 recommends",
			udpBehindChain(options(hbh, 1), options(dstOpts, 1), routingHeader(2, 0, 0), fragment(0, true, 7), options(dstOpts, 1)),
			udpBehind(96, 80, func(p *Packet) { p.Fragment, p.MoreFragments, p.FragmentID = true, true, 7 }),
		},
		{
			"as many as there may be",
			udpBehindChain(options(hbh, 1), options(dstOpts, 1), options(dstOpts, 1), options(dstOpts, 1),
				options(dstOpts, 1), options(dstOpts, 1), options(dstOpts, 1), options(dstOpts, 1)),
			udpBehind(120, 104, plain),
		},
		{
			"first fragment", udpBehindChain(fragment(0, true, 0xdeadbeef)),
			udpBehind(64, 48, func(p *Packet) { p.Fragment, p.MoreFragments, p.FragmentID = true, true, 0xdeadbeef }),
		},
		{
			"middle fragment", udpBehindChain(fragment(1448, true, 7)),
			expect6(64, func(p *Packet) {
				p.Protocol, p.HeaderLen = udpNo, 48
				p.Fragment, p.MoreFragments, p.FragmentID, p.FragmentOffset = true, true, 7, 1448
			}),
		},
		{
			"last fragment", udpBehindChain(fragment(65496, false, 7)),
			expect6(64, func(p *Packet) {
				p.Protocol, p.HeaderLen = udpNo, 48
				p.Fragment, p.FragmentID, p.FragmentOffset = true, 7, 65496
			}),
		},
		{
			"a later fragment's data is not read as an extension header", v6{
				chain: []extension{fragment(8, false, 7)}, protocol: hbh, payload: bytes.Repeat([]byte{0xff}, 16),
			}.bytes(),
			expect6(64, func(p *Packet) {
				p.Protocol, p.HeaderLen = hbh, 48
				p.Fragment, p.FragmentID, p.FragmentOffset = true, 7, 8
			}),
		},
		{
			"an atomic fragment is a whole packet", udpBehindChain(fragment(0, false, 7)),
			udpBehind(64, 48, func(p *Packet) { p.FragmentID = 7 }),
		},
		{
			"reserved bits of a fragment header mean nothing", v6{
				chain: []extension{{frag, []byte{0xff, 0, 8 | 6, 0, 0, 0, 7}}}, protocol: udpNo, payload: datagram,
			}.bytes(),
			expect6(64, func(p *Packet) {
				p.Protocol, p.HeaderLen = udpNo, 48
				p.Fragment, p.FragmentID, p.FragmentOffset = true, 7, 8
			}),
		},
		{"ESP is a protocol", number(esp), numbered(esp)},
		{"AH is a protocol", number(ah), numbered(ah)},
		{"mobility is a protocol", number(mobile), numbered(mobile)},
		{"an unassigned number is a protocol", number(200), numbered(200)},
		{"gVisor's experiment header is a protocol", number(253), numbered(253)},
		{
			"AH behind extension headers", v6{chain: []extension{options(hbh, 1), options(dstOpts, 1)}, protocol: ah, payload: datagram}.bytes(),
			expect6(72, func(p *Packet) { p.Protocol, p.HeaderLen = ah, 56 }),
		},
		{
			"nothing behind the last one", v6{chain: []extension{options(dstOpts, 1)}, protocol: noNext}.bytes(),
			expect6(48, func(p *Packet) { p.Protocol, p.HeaderLen = noNext, 48 }),
		},
	})
}

func TestParseBadExtensions(t *testing.T) {
	lie := options(dstOpts, 1)
	lie.rest = append([]byte(nil), lie.rest...)
	lie.rest[0] = 2 // three times 8 bytes, of which there is one

	nine := []extension{options(hbh, 1)}
	for range 8 {
		nine = append(nine, options(dstOpts, 1))
	}
	for _, test := range []struct {
		name    string
		chain   []extension
		payload []byte
		want    Problem
	}{
		{"hop-by-hop twice", []extension{options(hbh, 1), options(hbh, 1)}, udpDatagram(1, 2, ""), HopByHopMisplaced},
		{"hop-by-hop behind another", []extension{options(dstOpts, 1), options(hbh, 1)}, udpDatagram(1, 2, ""), HopByHopMisplaced},
		{"hop-by-hop in a fragment", []extension{fragment(0, true, 7), options(hbh, 1)}, udpDatagram(1, 2, ""), HopByHopMisplaced},
		{"a fragment of a fragment", []extension{fragment(0, true, 7), fragment(0, true, 8)}, udpDatagram(1, 2, ""), BadExtensions},
		{"a later fragment in a first one", []extension{fragment(0, true, 7), fragment(8, false, 8)}, udpDatagram(1, 2, ""), BadExtensions},
		{"a fragment in an atomic one", []extension{fragment(0, false, 7), fragment(0, true, 8)}, udpDatagram(1, 2, ""), BadExtensions},
		{"two atomic fragment headers", []extension{fragment(0, false, 7), fragment(0, false, 7)}, udpDatagram(1, 2, ""), BadExtensions},
		{"too many", nine, udpDatagram(1, 2, ""), ExtensionsTooLong},
		{"longer than the packet", []extension{lie}, udpDatagram(1, 2, ""), ExtensionsOverflow},
		{"no room for the extension header", []extension{{dstOpts, []byte{0, 1}}}, nil, ExtensionsOverflow},
		{"no room for the fragment header", []extension{{frag, []byte{0, 0, 0}}}, nil, ExtensionsOverflow},
		{"no room for the second header", []extension{options(dstOpts, 1), {routing, []byte{0, 4, 0}}}, nil, ExtensionsOverflow},
		{"a routing header of type 0", []extension{routingHeader(0, 1, 1)}, udpDatagram(1, 2, ""), RoutingHeader},
		{"a routing header of type 0 at its last stop", []extension{routingHeader(0, 0, 1)}, udpDatagram(1, 2, ""), RoutingHeader},
		{"a routing header of Mobile IPv6, under way", []extension{routingHeader(2, 1, 1)}, udpDatagram(1, 2, ""), RoutingHeader},
		{"segment routing, under way", []extension{routingHeader(4, 255, 3)}, udpDatagram(1, 2, ""), RoutingHeader},
		{"a routing header of an unknown type, under way", []extension{routingHeader(99, 1, 0)}, udpDatagram(1, 2, ""), RoutingHeader},
		{"a routing header behind others", []extension{options(hbh, 1), options(dstOpts, 1), routingHeader(0, 1, 1)}, udpDatagram(1, 2, ""), RoutingHeader},
		{"a second routing header", []extension{routingHeader(4, 0, 1), routingHeader(4, 1, 1)}, udpDatagram(1, 2, ""), RoutingHeader},
		{"a routing header in a first fragment", []extension{fragment(0, true, 7), routingHeader(0, 1, 1)}, udpDatagram(1, 2, ""), RoutingHeader},
		{"a routing header in an atomic fragment", []extension{fragment(0, false, 7), routingHeader(0, 1, 1)}, udpDatagram(1, 2, ""), RoutingHeader},
		{"a routing header longer than the packet", []extension{{routing, []byte{9, 0, 1, 0, 0, 0, 0}}}, udpDatagram(1, 2, ""), ExtensionsOverflow},
		{"announced, not there", nil, nil, Truncated},
		{"a first fragment without its transport header", []extension{fragment(0, true, 7)}, []byte("0123"), Truncated},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := v6{chain: test.chain, protocol: udpNo, payload: test.payload}.bytes()
			var p Packet
			if diff := cmp.Diff(p.Parse(b).String(), test.want.String()); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
			if p.HasTransport {
				t.Error("it claims to know the ports")
			}
		})
	}
}
