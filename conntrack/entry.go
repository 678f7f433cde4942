package conntrack

import "sync/atomic"

// Entry is a flow's place in the table, two cache lines: packets read the first,
// and write the second.
//
// The key, the origin and the time of creation never change while a reader may be
// looking. The sides change under the shard's lock only. The second line is
// written by packets without a lock as well, so that there everything is one
// word each, which either only grows or is exchanged as a whole.
//
// An entry that Table.Find has returned may be used until the reader leaves its
// epoch, one of Shard.Find until the shard is unlocked.
type Entry struct {
	key         Key
	sides       [2]atomic.Uint64 // see packSide
	createdLow  uint32           // in units of a tick, 48 bits
	createdHigh uint16
	origin      End
	rare        bool // the shard has something more of it; see rarity

	streams [2]words
	counts  [2]atomic.Uint64 // see count
	life    atomic.Uint64    // see life; 0 marks an entry that holds no flow
	number  uint32           // its own in the shard; of a free one, the next in its list
	_       [4]byte
}

// words is a stream in two words. Their halves only grow while packets are about
// that know the stream.
type words struct {
	sent     atomic.Uint64 // end, window
	answered atomic.Uint64 // acked, limit
}

func packSide(s Side) uint64 {
	return uint64(s.Interface)<<32 | uint64(s.State)<<16 | uint64(s.marks)<<8 | uint64(s.scale)
}

// unpack is the inverse. It writes where the side is to be: a copy of what was
// written in parts has to wait for all of them.
func (s *Side) unpack(w uint64) {
	s.Interface, s.State, s.marks, s.scale = uint32(w>>32), SideState(w>>16), mark(w>>8), uint8(w)
}

// count is what an end has sent: 36 bits of bytes, then 27 of packets. Before
// either is full, the shard takes it over (see Shard.fold). The top bit says that
// the entry is not the flow's any more, so whoever counts there has come too late.
type count uint64

const (
	countBytes   = 36
	countPackets = 27
	// countFull are the upper halves of both.
	countFull  count = 1<<(countBytes-1) | 1<<(countBytes+countPackets-1)
	countStale count = 1 << 63
)

func newCount(packets, bytes uint64) count { return count(packets<<countBytes | bytes) }

func (c count) packets() uint64 { return uint64(c&^countStale) >> countBytes }
func (c count) bytes() uint64   { return uint64(c) & (1<<countBytes - 1) }

// Origin returns the end that sent the flow's first packet.
func (e *Entry) Origin() End { return e.origin }

// Side returns what one end knows of the flow.
func (e *Entry) Side(end End) (s Side) {
	s.unpack(e.sides[end].Load())
	return s
}

// Tracks reports whether the interface with that number tracks the flow as
// that end of it.
func (e *Entry) Tracks(end End, number uint32) bool {
	const knowledge = 0xffffffff_ffff0000 // without marks and scale
	return e.sides[end].Load()&knowledge == packSide(Side{Interface: number, State: Tracked})
}

// Reopens reports whether a TCP segment opens a new connection on the tuple of
// one that is over, or that was never seen to begin. It is then judged as the
// first of a flow, and if it passes, takes the place of the old one.
func (e *Entry) Reopens(g *Segment) bool {
	state := e.lives().state()
	return (state.over() || state == TCPPickedUp) && e.key.isTCP() && g.Opens()
}

// MayHaveSent reports whether that end may have sent the packet that an ICMP
// error quotes: it has spoken, and a TCP segment's number is among those that it
// has sent lately (RFC 5927, section 4.1).
func (e *Entry) MayHaveSent(end End, seq uint32) bool {
	if count(e.counts[end].Load()).packets() == 0 {
		return false
	}
	c := e.control()
	if !c.tcp || !c.sides[end].marks.has(seen) {
		return true
	}
	sender, receiver := &c.streams[end], &c.streams[end.Opposite()]
	return !before(sender.end, seq) && !before(seq, sender.end-max(receiver.window, minAckWindow)-1)
}

func (e *Entry) lives() life { return life(e.life.Load()) }

// control returns what decides about the flow's packets. Of what others change
// meanwhile the state is the oldest part.
func (e *Entry) control() (c control) {
	c.open(e, e.lives())
	if c.tcp {
		e.streams[Low].load(&c.streams[Low])
		e.streams[High].load(&c.streams[High])
	}
	return c
}

// open sets all but the streams from an entry whose flow has that life.
func (c *control) open(e *Entry, l life) {
	c.tcp, c.state, c.origin = e.key.isTCP(), l.state(), e.origin
	c.sides[Low].unpack(e.sides[Low].Load())
	c.sides[High].unpack(e.sides[High].Load())
}

func (w *words) load(s *stream) {
	sent, answered := w.sent.Load(), w.answered.Load()
	s.end, s.window, s.acked, s.limit = uint32(sent>>32), uint32(sent), uint32(answered>>32), uint32(answered)
}

// store sets a stream that begins.
func (w *words) store(s stream) {
	w.sent.Store(uint64(s.end)<<32 | uint64(s.window))
	w.answered.Store(uint64(s.acked)<<32 | uint64(s.limit))
}

// advance takes in what a segment has told of a stream, of which others may have
// told more meanwhile.
func (w *words) advance(s *stream) {
	w.advanceSent(s)
	w.advanceAnswered(s)
}

func (w *words) advanceSent(s *stream) {
	for {
		old := w.sent.Load()
		now := uint64(later(uint32(old>>32), s.end))<<32 | uint64(max(uint32(old), s.window))
		if now == old || w.sent.CompareAndSwap(old, now) {
			return
		}
	}
}

func (w *words) advanceAnswered(s *stream) {
	for {
		old := w.answered.Load()
		now := uint64(later(uint32(old>>32), s.acked))<<32 | uint64(later(uint32(old), s.limit))
		if now == old || w.answered.CompareAndSwap(old, now) {
			return
		}
	}
}

// change exchanges a flow's life for another. The shard is locked; packets without
// the lock may prolong the old one meanwhile.
func (e *Entry) change(with func(life) life) life {
	for {
		old := e.life.Load()
		l := with(life(old))
		if e.life.CompareAndSwap(old, uint64(l)) {
			return l
		}
	}
}

// fill sets what a flow begins with, in an entry that no reader can find. Its life
// comes last.
func (e *Entry) fill(c *control, l life) {
	for end := range c.sides {
		e.sides[end].Store(packSide(c.sides[end]))
		if c.tcp {
			e.streams[end].store(c.streams[end])
		}
	}
	e.life.Store(uint64(l))
}

// setSide stores what an end knows.
func (e *Entry) setSide(end End, s Side) {
	if w := packSide(s); w != e.sides[end].Load() {
		e.sides[end].Store(w)
	}
}

func (e *Entry) created() int64 {
	return int64(uint64(e.createdHigh)<<32|uint64(e.createdLow)) * tickUnit
}

func (e *Entry) setCreated(now int64) {
	units := uint64(now / tickUnit)
	e.createdLow, e.createdHigh = uint32(units), uint16(units>>32)
}

func (e *Entry) trackedBy(number uint32) bool { return e.Tracks(Low, number) || e.Tracks(High, number) }

// yields reports whether the flow makes room for a newcomer: one that nobody has
// answered, whose handshake is not complete, or that is over; and one that no
// end tracks, since it needs no entry to pass. An established flow never does.
func (e *Entry) yields(state State) bool {
	return state.yields() || e.Side(Low).State != Tracked && e.Side(High).State != Tracked
}
