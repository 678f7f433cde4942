package conntrack

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/epoch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTimeouts differ from one another, so that a test sees which one is at
// work.
func testTimeouts() Timeouts {
	return Timeouts{
		TCPEstablished: 5000 * time.Second, TCPOpening: 60 * time.Second, TCPClosing: 120 * time.Second, TCPReset: 10 * time.Second,
		UDP: 30 * time.Second, UDPStream: 180 * time.Second, ICMP: 31 * time.Second, Other: 600 * time.Second,
	}
}

const (
	protoTCP    = uint8(header.TCPProtocolNumber)
	protoUDP    = uint8(header.UDPProtocolNumber)
	protoICMP   = uint8(header.ICMPv4ProtocolNumber)
	protoICMPv6 = uint8(header.ICMPv6ProtocolNumber)
	protoGRE    = uint8(47)
)

// world is a table and its clock.
type world struct {
	*Table
	t       testing.TB
	now     int64
	readers *epoch.Domain
}

func newWorld(t testing.TB, max int) *world {
	t.Helper()
	readers := new(epoch.Domain)
	table, err := New(max, testTimeouts(), readers)
	if err != nil {
		t.Fatal(err)
	}
	return &world{Table: table, t: t, now: int64(time.Hour), readers: readers}
}

// Lock returns the shard of a key, locked, and the key's hash.
func (t *world) Lock(k *Key) (*Shard, Hash) {
	h := t.Hash(k)
	return t.Table.Lock(h), h
}

// NewKey returns the key of a flow, and the end that src is.
func NewKey(vpc uint16, protocol uint8, src, dst netip.Addr, srcPort, dstPort uint16) (k Key, e End) {
	e = k.Set(vpc, protocol, &src, &dst, srcPort, dstPort)
	return k, e
}

// NewQueryKey returns the key of an ICMP question and its answers.
func NewQueryKey(vpc uint16, protocol uint8, asker, asked netip.Addr, id uint16, request uint8) (k Key) {
	k.SetQuery(vpc, protocol, &asker, &asked, id, request)
	return k
}

// chooseHashes makes keys have the hashes that hashed gives them.
func (w *world) chooseHashes() { w.hasher = hasher{secret: [8]uint64{0: 1, 7: 1}} }

// hashed gives a key of IPv4 a hash, instead of its low end's address.
func hashed(k Key, h Hash) Key {
	k.lowLower = uint64(h)
	return k
}

// flows returns what is known of the shard's flows.
func (s *Shard) flows(now int64) (flows []Flow) {
	for number := range uint32(s.used) {
		if e := s.entry(number); e.life.Load() != 0 {
			flows = append(flows, s.Flow(e, now))
		}
	}
	return flows
}

// endAt has both sides of a flow end at a time.
func (s *Shard) endAt(e *Entry, end int64) {
	e.change(func(l life) life {
		return l.withEnd(Low, startAt(end).after(0)).withEnd(High, startAt(end).after(0))
	})
	s.expect(e.number, e.lives())
}

func (w *world) pass(d time.Duration) { w.now += int64(d) }

// conn is a conversation between a client and a server.
type conn struct {
	protocol       uint8
	client, server netip.Addr
	port           uint16 // the client's
}

// tcp returns the n-th of many connections.
func tcp(n int) conn { return numbered(protoTCP, n) }

func numbered(protocol uint8, n int) conn {
	return conn{protocol, netip.AddrFrom4([4]byte{10, byte(n >> 24), byte(n >> 16), 1}), netip.MustParseAddr("10.200.0.1"), uint16(n)}
}

// key returns the connection's key and the client's end.
func (c conn) key() (Key, End) {
	switch c.protocol {
	case protoICMP:
		return NewQueryKey(0, c.protocol, c.client, c.server, c.port, 8), Low
	case protoTCP, protoUDP:
		return NewKey(0, c.protocol, c.client, c.server, c.port, 443)
	}
	return NewKey(0, c.protocol, c.client, c.server, 0, 0)
}

// The numbers of the two interfaces of every test's flows.
const (
	lowInterface  = 1
	highInterface = 2
)

var bothTrack = [2]Side{{Interface: lowInterface, State: Tracked}, {Interface: highInterface, State: Tracked}}

// insert opens a flow that both ends track; nil if there is no room.
func (s *Shard) insert(k *Key, h Hash, from End, flags header.TCPFlags, now int64) *Entry {
	g := segment(nil, from, flags)
	f, _ := s.Open(k, h, &g, bothTrack, now)
	return f
}

// update moves a flow on by a segment of a conforming peer.
func (s *Shard) update(f *Entry, from End, flags header.TCPFlags, now int64) {
	g := segment(f, from, flags)
	s.Update(f, &g, now)
}

// segment returns what a conforming peer sends next in a flow, nil for a new
// one. A PSH brings ten bytes.
func segment(e *Entry, from End, flags header.TCPFlags) Segment {
	g := Segment{From: from, Packets: 1, Bytes: 40, Flags: flags, Window: 1000}
	g.Seq = 1000 * (1 + uint32(from)) // the initial one
	if g.has(header.TCPFlagPsh) {
		g.Payload = 10
	}
	if e == nil {
		g.Ack = 1000*(1+uint32(from.Opposite())) + 1
		return g
	}
	f := e.control()
	own, other := &f.streams[from], &f.streams[from.Opposite()]
	switch {
	case g.has(header.TCPFlagSyn) && f.sides[from].marks.has(seen):
	case own.end == 0:
	case g.has(header.TCPFlagFin) && f.sides[from].marks.has(finished):
		g.Seq = own.end - 1
	default:
		g.Seq = own.end
	}
	if g.has(header.TCPFlagAck) || g.has(header.TCPFlagRst) {
		g.Flags |= header.TCPFlagAck
		g.Ack = other.end
	}
	return g
}

// send passes a packet as the gateway does and returns the flow afterwards; ok
// is false if the table had no room. A packet is ">" from the client or "<"
// from the server, followed by TCP flags of "SAFRP".
func (w *world) send(c conn, packet string) (f Flow, ok bool) {
	w.t.Helper()
	key, client := c.key()
	from, flags := client, tcpFlags(packet[1:])
	if packet[0] == '<' {
		from = client.Opposite()
	}
	shard, hash := w.Lock(&key)
	defer shard.Unlock()
	live := shard.Find(&key, hash, w.now)
	if live != nil && live.Reopens(&Segment{Flags: flags}) {
		shard.Delete(live)
		live = nil
	}
	if live != nil {
		g := segment(live, from, flags)
		if !shard.Fits(live, &g) {
			w.t.Fatalf("%q does not fit the flow %+v", packet, shard.Flow(live, w.now))
		}
		live = shard.Update(live, &g, w.now)
	} else if live = shard.insert(&key, hash, from, flags, w.now); live == nil {
		return Flow{}, false
	}
	return shard.Flow(live, w.now), true
}

// sends passes packets, separated by spaces, and fails if one is refused.
func (w *world) sends(c conn, packets string) Flow {
	w.t.Helper()
	var f Flow
	for p := range strings.FieldsSeq(packets) {
		var ok bool
		if f, ok = w.send(c, p); !ok {
			w.t.Fatalf("no room for %q", p)
		}
	}
	return f
}

// lives reports whether the connection has a flow.
func (w *world) lives(c conn) bool {
	key, _ := c.key()
	shard, hash := w.Lock(&key)
	defer shard.Unlock()
	return shard.Find(&key, hash, w.now) != nil
}

func tcpFlags(s string) (flags header.TCPFlags) {
	for _, c := range s {
		flags |= map[rune]header.TCPFlags{
			'S': header.TCPFlagSyn, 'A': header.TCPFlagAck, 'F': header.TCPFlagFin, 'R': header.TCPFlagRst, 'P': header.TCPFlagPsh,
		}[c]
	}
	return flags
}

// established opens a connection and completes its handshake.
func (w *world) established(c conn) {
	w.t.Helper()
	if f := w.sends(c, ">S <SA >A"); f.State() != TCPEstablished {
		w.t.Fatalf("the connection is %v after its handshake", f.State())
	}
}

// reopens reports whether a segment opens a new connection on the tuple of a flow.
func (w *world) reopens(k Key, g *Segment) bool {
	shard, hash := w.Lock(&k)
	defer shard.Unlock()
	return shard.Find(&k, hash, w.now).Reopens(g)
}

// fields yields what is between spaces.
func fields(s string) func(func(string) bool) { return strings.FieldsSeq(s) }
