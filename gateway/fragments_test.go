package gateway

import (
	"bytes"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/fragment"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// piece makes a fragment of an unfragmented packet, with that data from that
// offset on.
func piece(packet []byte, id uint16, offset int, data []byte, more bool) []byte {
	if packet[0]>>4 == 6 {
		return piece6(packet, id, offset, data, more)
	}
	b := append(bytes.Clone(packet[:header.IPv4MinimumSize]), data...)
	h := header.IPv4(b)
	flags := uint8(0)
	if more {
		flags = header.IPv4FlagMoreFragments
	}
	h.SetTotalLength(uint16(len(b)))
	h.SetID(id)
	h.SetFlagsFragmentOffset(flags, uint16(offset))
	h.SetChecksum(0)
	h.SetChecksum(^h.CalculateChecksum())
	return b
}

func piece6(packet []byte, id uint16, offset int, data []byte, more bool) []byte {
	b := bytes.Clone(packet[:header.IPv6MinimumSize])
	word := uint16(offset)
	if more {
		word |= 1
	}
	b = append(b, b[6], 0, byte(word>>8), byte(word), 0, 0, byte(id>>8), byte(id))
	b = append(b, data...)
	b[6] = uint8(header.IPv6FragmentExtHdrIdentifier)
	header.IPv6(b).SetPayloadLength(uint16(len(b) - header.IPv6MinimumSize))
	return b
}

// cut cuts a packet into pieces of that many bytes of data.
func cut(packet []byte, id uint16, size int) (pieces [][]byte) {
	start := header.IPv4MinimumSize
	if packet[0]>>4 == 6 {
		start = header.IPv6MinimumSize
	}
	data := packet[start:]
	for offset := 0; offset < len(data); offset += size {
		end := min(offset+size, len(data))
		pieces = append(pieces, piece(packet, id, offset, data[offset:end], end < len(data)))
	}
	return pieces
}

// hold hands over a piece that the gateway is to hold.
func (w *world) hold(from string, packet []byte) {
	w.t.Helper()
	p := w.g.Port(from)
	owner := fragment.Owner{Interface: p.number, VPC: 0}
	before, _ := w.g.fragments.Held(owner)
	if err := w.devs[from].SendFrame(append(make([]byte, tun.HeaderLen), packet...)); err != nil {
		w.t.Fatal(err)
	}
	w.sent[from]++
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Microsecond) {
		if after, _ := w.g.fragments.Held(owner); after == before+1 {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: the piece is not held; dropped %v", from, p.Counters().Dropped)
		}
	}
}

// in sends the pieces so that the last of them completes the datagram, and
// returns the fate of them all.
func (w *world) sendPieces(from string, pieces ...[]byte) string {
	w.t.Helper()
	last := len(pieces) - 1
	for _, p := range pieces[:last] {
		w.hold(from, p)
	}
	return w.send(from, pieces[last])
}

// TestFragmentsHaveTheWholesFate: whatever order the pieces come in, their fate
// is that of the packet in one piece.
func TestFragmentsHaveTheWholesFate(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 20)
	for name, c := range map[string]struct {
		from   string
		packet []byte
	}{
		"allowed":              {"laptop", udpPacket("203.0.113.10:4000", "10.0.1.30:53", data...)},
		"allowed, IPv6":        {"laptop", udpPacket("[2001:db8::10]:4000", "[fd00:10:0:1::30]:53", data...)},
		"blocked":              {"laptop", udpPacket("203.0.113.10:4000", "10.0.1.30:54", data...)},
		"blocked, IPv6":        {"laptop", udpPacket("[2001:db8::10]:4000", "[fd00:10:0:1::30]:54", data...)},
		"ping":                 {"laptop", ping("203.0.113.10", "10.0.1.30", data)},
		"to the router":        {"laptop", ping("203.0.113.10", "10.0.1.1", data)},
		"no route":             {"laptop", udpPacket("203.0.113.10:4000", "10.0.1.99:53", data...)},
		"TCP":                  {"laptop", tcpPacket("203.0.113.10:4000", "10.0.1.30:80", header.TCPFlagAck, data...)},
		"TCP, blocked":         {"laptop", tcpPacket("203.0.113.10:4000", "10.0.1.30:81", header.TCPFlagAck, data...)},
		"with a bad checksum":  {"laptop", spoil(udpPacket("203.0.113.10:4000", "10.0.1.30:53", data...))},
		"with its last hop":    {"laptop", withTTL(udpPacket("203.0.113.10:4000", "10.0.1.30:53", data...), 1)},
		"protocol without any": {"laptop", ipPacket(addr("203.0.113.10"), addr("10.0.1.30"), 47, data)},
	} {
		t.Run(name, func(t *testing.T) {
			if c.packet[0]>>4 == 4 {
				header.IPv4(c.packet).SetFlagsFragmentOffset(0, 0) // no DF
				c.packet = withTTL(c.packet, header.IPv4(c.packet).TTL())
			}
			for i, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
				w := forFragments(t)
				want := w.send(c.from, c.packet)
				pieces := cut(c.packet, uint16(100+i), 128)
				if got := w.sendPieces(c.from, pieces[order[0]], pieces[order[1]], pieces[order[2]]); got != want {
					t.Errorf("in the order %v: %s, in one piece: %s", order, got, want)
				}
				if want == "forwarded" {
					w.arrived("dns") // the whole
					for _, p := range pieces {
						if got := w.arrived("dns"); got == nil || !bytes.Equal(got[tun.HeaderLen:], oneHopLess(p)) {
							t.Fatalf("arrived:\n%x\nwant\n%x", got, oneHopLess(p))
						}
					}
				}
				c := w.g.Port(c.from).Counters()
				if got := c.Received; got != 4 {
					t.Errorf("%d packets are counted, want 4", got)
				}
			}
		})
	}
}

func forFragments(t *testing.T) *world {
	return newWorld(t, Options{},
		[]vpc.SecurityGroup{{Name: "dns", Ingress: []vpc.Rule{
			rule(vpc.UDP, 53, 53, "203.0.113.0/24"), rule(vpc.UDP, 53, 53, "2001:db8::/64"), rule(vpc.ICMP, 8, vpc.Any, "203.0.113.0/24"),
			rule(vpc.TCP, 80, 80, "203.0.113.0/24"), rule(47, vpc.Any, vpc.Any, "203.0.113.0/24"),
		}}},
		instance("dns", []string{"10.0.1.30", "fd00:10:0:1::30"}, "dns"), host("laptop", "203.0.113.10", "2001:db8::10"))
}

// ping is an echo request with that data.
func ping(src, dst string, data []byte) []byte {
	m := append([]byte{8, 0, 0, 0, 0, 7, 0, 1}, data...)
	header.ICMPv4(m).SetChecksum(header.ICMPv4Checksum(m, 0))
	return ipPacket(addr(src), addr(dst), uint8(header.ICMPv4ProtocolNumber), m)
}

func spoil(packet []byte) []byte {
	packet[len(packet)-1] ^= 1
	return packet
}

func oneHopLess(packet []byte) []byte {
	b := bytes.Clone(packet)
	if b[0]>>4 == 6 {
		b[7]--
		return b
	}
	return withTTL(b, b[8]-1)
}

// TestFragmentsThatNeverComplete are dropped and counted in the end.
func TestFragmentsThatNeverComplete(t *testing.T) {
	w := forFragments(t)
	packet := udpPacket("203.0.113.10:4000", "10.0.1.30:53", make([]byte, 300)...)
	w.hold("laptop", cut(packet, 1, 128)[1])
	w.pass(30 * time.Second)
	timedOut := func() bool { // the sweeper sees to it
		c := w.g.Port("laptop").Counters()
		return c.Dropped[firstFragmentReason+Reason(fragment.Timeout)] == 1 && c.Received == 1
	}
	for deadline := time.Now().Add(10 * time.Second); !timedOut(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("counters %+v, want the piece dropped for its timeout", w.g.Port("laptop").Counters())
		}
	}
	w.hold("laptop", cut(packet, 2, 128)[1])
	port := w.g.Port("laptop")
	number := port.number
	if err := w.g.Detach("laptop"); err != nil {
		t.Fatal(err)
	}
	if pieces, _ := w.g.fragments.Held(fragment.Owner{Interface: number}); pieces != 0 {
		t.Errorf("%d pieces are held of a detached device", pieces)
	}
	if n := port.Counters().Dropped[firstFragmentReason+Reason(fragment.Detached)]; n != 1 {
		t.Errorf("%d pieces are counted as dropped with their device, want 1", n)
	}
}

// TestSpoofedFragmentsAreNotHeld: the source check comes first.
func TestSpoofedFragmentsAreNotHeld(t *testing.T) {
	w := forFragments(t)
	packet := udpPacket("203.0.113.99:4000", "10.0.1.30:53", make([]byte, 300)...)
	for _, p := range cut(packet, 1, 128) {
		w.want("source_check", "laptop", p)
	}
}

// TestNeighbourDiscoveryInPieces is never right (RFC 6980).
func TestNeighbourDiscoveryInPieces(t *testing.T) {
	w := forFragments(t)
	whole := solicitation("2001:db8::10", "fd00:10:0:1::30", "fd00:10:0:1::30", 255)
	if got := w.sendPieces("laptop", cut(whole, 1, 16)...); got != "bad_neighbour_discovery" {
		t.Errorf("in pieces: %s", got)
	}
}

// TestEveryPieceIsAPacketOfItsFlow, and leaves with a virtio header of its own.
func TestEveryPieceIsAPacketOfItsFlow(t *testing.T) {
	w := forFragments(t)
	pieces := cut(udpPacket("203.0.113.10:4000", "10.0.1.30:53", make([]byte, 300)...), 1, 128)
	w.hold("laptop", pieces[0])
	w.hold("laptop", pieces[1])
	const dataValid = 2 // VIRTIO_NET_HDR_F_DATA_VALID
	last := append(make([]byte, tun.HeaderLen), pieces[2]...)
	last[0] = dataValid
	if got := w.sendFrame("laptop", last, 1); got != "forwarded" {
		t.Fatalf("the last piece: %s", got)
	}
	for range pieces {
		if got := w.arrived("dns"); !bytes.Equal(got[:tun.HeaderLen], make([]byte, tun.HeaderLen)) {
			t.Errorf("a piece leaves with the header %x of another", got[:tun.HeaderLen])
		}
	}
	if f := w.g.FlowInfos(); len(f) != 1 || f[0].Packets != [2]uint64{3, 0} {
		t.Errorf("flows %+v, want one of 3 packets", f)
	}
}

// failing is a device that takes nothing.
type failing struct{ *tun.Memory }

func (failing) WriteFrame([]byte) error { return errBroken }

// breakDevice gives an endpoint a device that takes no frame.
func (w *world) breakDevice(id string) {
	w.t.Helper()
	if err := w.g.Detach(id); err != nil {
		w.t.Fatal(err)
	}
	m, err := tun.NewMemory(id, DefaultMTU)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.g.Attach(id, failing{m}); err != nil {
		w.t.Fatal(err)
	}
}

func TestPiecesThatAreNotTaken(t *testing.T) {
	w := forFragments(t)
	w.breakDevice("dns")
	pieces := cut(udpPacket("203.0.113.10:4000", "10.0.1.30:53", make([]byte, 300)...), 1, 128)
	if got := w.sendPieces("laptop", pieces...); got != "write_failed" {
		t.Errorf("%s, want write_failed", got)
	}
	if c := w.g.Port("laptop").Counters(); c.Dropped[ReasonWriteFailed] != 3 {
		t.Errorf("%d pieces are counted, want 3", c.Dropped[ReasonWriteFailed])
	}
}

// TestPiecesAreHeldAgainstTheMTU one by one: their whole may be larger.
func TestPiecesAreHeldAgainstTheMTU(t *testing.T) {
	for size, want := range map[int]string{1280: "forwarded", 1480: "local"} {
		w := forFragments(t)
		if err := w.g.Detach("dns"); err != nil {
			t.Fatal(err)
		}
		w.attach("dns", 1400)
		if got := w.sendPieces("laptop", cut(udpPacket("203.0.113.10:4000", "10.0.1.30:53", make([]byte, 4000)...), 1, size)...); got != want {
			t.Errorf("pieces of %d bytes through a device of 1400: %s, want %s", size, got, want)
		}
	}
}
