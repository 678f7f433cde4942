package fragment

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/ip4defrag"
	"github.com/gopacket/gopacket/layers"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/stack"
)

// TestWholeIsSound holds what comes back against parsers and checksums that are
// not ours: gVisor's and gopacket's.
func TestWholeIsSound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{1500, 9001, 40000} {
		for name, c := range wholes(t, size) {
			w := newWorld(t, Limits{Bytes: 1 << 20, OwnerBytes: 1 << 20, Pieces: 1000, Timeout: 1})
			order := slices.Clone(c[1])
			rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			var r Result
			for _, piece := range order {
				r = w.add(alice, piece)
			}
			if r.Outcome != Complete {
				t.Errorf("%s of %d: %s", name, size, word(r))
				continue
			}
			var p stack.Packet
			if problem := p.Parse(r.Whole); problem != stack.Parsed || p.Fragment || !p.HasTransport {
				t.Errorf("%s of %d: %v, %+v", name, size, problem, p)
				continue
			}
			checkSums(t, name, &p, r.Whole)
			checkByGopacket(t, name, &p, r.Whole)
		}
	}
}

// checkSums has gVisor add up the checksums of the IP header and the transport.
func checkSums(t *testing.T, name string, p *stack.Packet, whole []byte) {
	t.Helper()
	if !p.IPv6 && !header.IPv4(whole).IsChecksumValid() {
		t.Errorf("%s: the IPv4 header's checksum is wrong", name)
	}
	segment := whole[p.HeaderLen:]
	pseudo := header.PseudoHeaderChecksum(tcpip.TransportProtocolNumber(p.Protocol),
		tcpip.AddrFromSlice(p.Src.AsSlice()), tcpip.AddrFromSlice(p.Dst.AsSlice()), uint16(len(segment)))
	if sum := checksum.Checksum(segment, pseudo); sum != 0xffff {
		t.Errorf("%s: the transport's checksum does not add up: %#04x", name, sum)
	}
}

func checkByGopacket(t *testing.T, name string, p *stack.Packet, whole []byte) {
	t.Helper()
	first := layers.LayerTypeIPv4
	if p.IPv6 {
		first = layers.LayerTypeIPv6
	}
	packet := gopacket.NewPacket(whole, first, gopacket.Default)
	if failure := packet.ErrorLayer(); failure != nil {
		t.Errorf("%s: gopacket: %v", name, failure)
		return
	}
	var src, dst uint16
	switch l := packet.TransportLayer().(type) {
	case *layers.UDP:
		src, dst = uint16(l.SrcPort), uint16(l.DstPort)
	case *layers.TCP:
		src, dst = uint16(l.SrcPort), uint16(l.DstPort)
	}
	if src != p.SrcPort || dst != p.DstPort || src == 0 {
		t.Errorf("%s: gopacket reads the ports %d and %d, Parse %d and %d", name, src, dst, p.SrcPort, p.DstPort)
	}
}

// TestAgainstGopacket holds IPv4 against another machine's way of putting
// together, on datagrams in any order.
func TestAgainstGopacket(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	other := ip4defrag.NewIPv4Defragmenter()
	w := newWorld(t, DefaultLimits())
	for id := range uint16(300) {
		n := 300 + rng.IntN(3000)
		whole := whole4(t, id, nil, udp(), payload(n))
		pieces := cut4(whole, every(8*(1+rng.IntN(30)+n/250), n+8)...)
		if len(pieces) < 2 {
			continue
		}
		rng.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		for i, piece := range pieces {
			r := w.add(alice, piece)
			ip := gopacket.NewPacket(bytes.Clone(piece), layers.LayerTypeIPv4, gopacket.Default).Layer(layers.LayerTypeIPv4).(*layers.IPv4)
			put, err := other.DefragIPv4(ip)
			if err != nil {
				t.Fatalf("gopacket, datagram %d, piece %d: %v", id, i, err)
			}
			if (put != nil) != (r.Outcome == Complete) {
				t.Fatalf("datagram %d, piece %d of %d: %s, by gopacket complete %t", id, i, len(pieces), word(r), put != nil)
			}
			if put == nil {
				continue
			}
			if diff := cmp.Diff(r.Whole[20:], put.Payload); diff != "" {
				t.Fatalf("datagram %d (-got +gopacket):\n%s", id, diff)
			}
		}
	}
	w.empty()
}
