package fragment

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"go.uber.org/goleak"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/stack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Two senders; Mallory is the one who attacks.
var (
	alice   = Owner{Interface: 1, VPC: 1}
	mallory = Owner{Interface: 2, VPC: 1}
)

var (
	addrs4 = [2][]byte{{10, 0, 1, 10}, {10, 0, 2, 20}}
	addrs6 = [2][]byte{{0xfd, 0, 0, 0x10, 0, 0, 0, 1, 15: 0x10}, {0xfd, 0, 0, 0x10, 0, 0, 0, 2, 15: 0x20}}
)

const (
	protoTCP = uint8(header.TCPProtocolNumber)
	protoUDP = uint8(header.UDPProtocolNumber)
	protoXNS = uint8(22) // one that Parse reads no header of
)

// payload returns n bytes that differ from their neighbours and repeat late.
func payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i + i>>8)
	}
	return b
}

// whole4 is an IPv4 packet, by gopacket, with all checksums right.
func whole4(t testing.TB, id uint16, options []layers.IPv4Option, transport gopacket.SerializableLayer, data []byte) []byte {
	t.Helper()
	ip := &layers.IPv4{Version: 4, Id: id, TTL: 64, SrcIP: addrs4[0], DstIP: addrs4[1], Options: options}
	return serialize(t, ip, transport, data)
}

// whole6 is an IPv6 packet, by gopacket. extensions, whole headers but for their
// first byte, are put in by hand, each under its number.
func whole6(t testing.TB, transport gopacket.SerializableLayer, data []byte, extensions ...extension) []byte {
	t.Helper()
	ip := &layers.IPv6{Version: 6, HopLimit: 64, SrcIP: addrs6[0], DstIP: addrs6[1]}
	b := serialize(t, ip, transport, data)
	for i := len(extensions) - 1; i >= 0; i-- {
		e := extensions[i]
		b = splice(b, 40, append([]byte{b[6]}, e.rest...))
		b[6] = e.id
		header.IPv6(b).SetPayloadLength(uint16(len(b) - 40))
	}
	return b
}

func splice(b []byte, at int, more []byte) []byte {
	out := append([]byte(nil), b[:at]...)
	return append(append(out, more...), b[at:]...)
}

type extension struct {
	id   uint8
	rest []byte
}

// options is an extension header of n times 8 bytes, all padding.
func options(id uint8, n int) extension {
	rest := make([]byte, 8*n-1)
	rest[0], rest[1], rest[2] = uint8(n-1), 1, uint8(8*n-4)
	return extension{id, rest}
}

const (
	hopByHop           = 0
	destinationOptions = 60
)

func serialize(t testing.TB, ip, transport gopacket.SerializableLayer, data []byte) []byte {
	t.Helper()
	var protocol layers.IPProtocol
	switch l := transport.(type) {
	case *layers.UDP:
		protocol = layers.IPProtocolUDP
		_ = l.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer))
	case *layers.TCP:
		protocol = layers.IPProtocolTCP
		_ = l.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer))
	}
	switch l := ip.(type) {
	case *layers.IPv4:
		l.Protocol = protocol
	case *layers.IPv6:
		l.NextHeader = protocol
	}
	buffer := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buffer, options, ip, transport, gopacket.Payload(data)); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func udp() *layers.UDP { return &layers.UDP{SrcPort: 5353, DstPort: 40001} }

func tcp(optionBytes int) *layers.TCP {
	l := &layers.TCP{SrcPort: 40000, DstPort: 443, SYN: true, Window: 65000}
	for range optionBytes {
		l.Options = append(l.Options, layers.TCPOption{OptionType: layers.TCPOptionKindNop})
	}
	return l
}

// raw is a fragment made field by field. All of a test's are of one datagram
// unless it says otherwise.
type raw struct {
	ipv6     bool
	id       uint32
	protocol uint8 // UDP if 0
	ttl      uint8 // 64 if 0
	offset   int
	more     bool
	options  []byte      // IPv4, padded by the test
	before   []extension // IPv6, before the fragment header
	data     []byte
}

func (r raw) bytes() []byte {
	if r.protocol == 0 {
		r.protocol = protoUDP
	}
	if r.ttl == 0 {
		r.ttl = 64
	}
	if r.ipv6 {
		return r.bytes6()
	}
	n := 20 + len(r.options)
	b := make([]byte, n, n+len(r.data))
	b[0] = 0x40 | byte(n/4)
	binary.BigEndian.PutUint16(b[2:], uint16(n+len(r.data)))
	binary.BigEndian.PutUint16(b[4:], uint16(r.id))
	binary.BigEndian.PutUint16(b[6:], uint16(r.offset/8))
	if r.more {
		b[6] |= 0x20
	}
	b[8], b[9] = r.ttl, r.protocol
	copy(b[12:], addrs4[0])
	copy(b[16:], addrs4[1])
	copy(b[20:], r.options)
	sealIPv4(b)
	return append(b, r.data...)
}

func (r raw) bytes6() []byte {
	b := make([]byte, 40)
	b[0], b[7] = 0x60, r.ttl
	copy(b[8:], addrs6[0])
	copy(b[24:], addrs6[1])
	link := 6
	for _, e := range r.before {
		b[link] = e.id
		link = len(b)
		b = append(append(b, 0), e.rest...)
	}
	b[link] = 44
	b = append(b, r.protocol, 0)
	offset := uint16(r.offset)
	if r.more {
		offset |= 1
	}
	b = binary.BigEndian.AppendUint16(b, offset)
	b = binary.BigEndian.AppendUint32(b, r.id)
	b = append(b, r.data...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	return b
}

// sealIPv4 makes the checksum of an IPv4 header right.
func sealIPv4(b []byte) {
	h := header.IPv4(b)
	h.SetChecksum(0)
	h.SetChecksum(^h.CalculateChecksum())
}

// cut4 cuts a whole IPv4 packet at the given offsets of its data, as a router
// does. Without its fragmentation, each piece has the packet's own header.
func cut4(packet []byte, at ...int) [][]byte {
	n := int(packet[0]&15) * 4
	var pieces [][]byte
	for i, start := range append([]int{0}, at...) {
		end := len(packet) - n
		if i < len(at) {
			end = at[i]
		}
		b := append(append([]byte(nil), packet[:n]...), packet[n+start:n+end]...)
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		binary.BigEndian.PutUint16(b[6:], uint16(start/8))
		if i < len(at) {
			b[6] |= 0x20
		}
		sealIPv4(b)
		pieces = append(pieces, b)
	}
	return pieces
}

// cut6 cuts a whole IPv6 packet, of which the first before bytes are in each
// piece. The byte at link says what follows them.
func cut6(packet []byte, before, link int, id uint32, at ...int) [][]byte {
	var pieces [][]byte
	for i, start := range append([]int{0}, at...) {
		end := len(packet) - before
		field := uint16(start)
		if i < len(at) {
			end = at[i]
			field |= 1
		}
		b := append([]byte(nil), packet[:before]...)
		b = append(b, packet[link], 0)
		b = binary.BigEndian.AppendUint16(b, field)
		b = binary.BigEndian.AppendUint32(b, id)
		b = append(b, packet[before+start:before+end]...)
		b[link] = 44
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		pieces = append(pieces, b)
	}
	return pieces
}

// every lists the multiples of step below n.
func every(step, n int) []int {
	var at []int
	for i := step; i < n; i += step {
		at = append(at, i)
	}
	return at
}

// loss is one call of Dropped.
type loss struct {
	Owner  Owner
	Why    string
	Pieces int
	Bytes  int
}

// world is a table, its clock and what it has told.
type world struct {
	*Table
	t      testing.TB
	now    int64
	losses []loss
}

func newWorld(t testing.TB, limits Limits) *world {
	t.Helper()
	w := &world{t: t, now: int64(time.Hour)}
	table, err := New(limits, func(owner Owner, why Problem, pieces, bytes int) {
		w.losses = append(w.losses, loss{owner, why.String(), pieces, bytes})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Table = table
	return w
}

func (w *world) pass(d time.Duration) { w.now += int64(d) }

// add parses a fragment and hands it over, in a buffer that is spoiled
// afterwards: the table must have its own copy.
func (w *world) add(owner Owner, packet []byte) Result {
	w.t.Helper()
	buffer := append([]byte(nil), packet...)
	var p stack.Packet
	if problem := p.Parse(buffer); problem != stack.Parsed || !p.Fragment {
		w.t.Fatalf("the packet % x is no good fragment: %v", packet, problem)
	}
	r := w.Add(owner, &p, buffer, w.now)
	clear(buffer)
	w.t.Helper()
	return r
}

// word is a result in short.
func word(r Result) string {
	if r.Outcome == Refused {
		return r.Problem.String()
	}
	return r.Outcome.String()
}

// words adds packets and returns the results in short.
func (w *world) words(owner Owner, packets ...[]byte) []string {
	w.t.Helper()
	var out []string
	for _, packet := range packets {
		out = append(out, word(w.add(owner, packet)))
	}
	return out
}

// empty fails the test if anything at all is held.
func (w *world) empty() {
	w.t.Helper()
	if len(w.datagrams) != 0 || len(w.owners) != 0 || len(w.holders) != 0 || w.memory != 0 || w.byAge != (queue{kind: ofTable}) {
		w.t.Errorf("%d datagrams, %d owners, %d holders, %d bytes are left, want none", len(w.datagrams), len(w.owners), len(w.holders), w.memory)
	}
}
