package conntrack

import (
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Find returns the flow with that key for a packet which may need no more than
// [Table.Hit]. It returns nil where there is none, or where a side does not know it or
// its time is up; and it may, while the flow moves. [Table.Lock] and [Shard.Find] have
// the last word.
//
// It takes no lock. The caller must be inside as a reader of the table's domain,
// for as long as it uses the entry.
func (t *Table) Find(k *Key, h Hash, now int64) *Entry {
	x := t.indexes[h>>t.shift].Load()
	if x == nil {
		return nil
	}
	e := x.find(k, h)
	if e == nil {
		return nil
	}
	if !e.lives().holds(tickAt(now)) {
		return nil
	}
	return e
}

// Hit takes in a packet that fits a flow, that both ends let pass and remember as they
// did before, if it changes nothing of the flow but what only grows: counts,
// windows and the sides' ends. If it would change more, Hit returns false, and the
// packet is judged under the shard's lock, as if Hit had not been asked.
//
// Hit takes no lock, but for one packet in millions; see Shard.fold.
func (t *Table) Hit(e *Entry, h Hash, g *Segment, now int64) bool {
	// Before all else: if the state or an end is another by then, prolong finds it.
	l := e.lives()
	if l.low() == never || l.high() == never { // since it was found
		return false
	}
	var c control
	c.open(e, l)
	if c.tcp && !c.isSteady(e, g) || !c.tcp && c.next(g) != c.state || !t.prolong(e, l, &c, now) {
		return false
	}
	// Writes come last, and together: the processor waits at each.
	if c.tcp && c.tracked() {
		e.streams[g.From].advanceSent(&c.streams[g.From])
		e.streams[g.From.Opposite()].advanceAnswered(&c.streams[g.From.Opposite()])
	}
	// This one makes all of it count: an entry that the flow has left says so here.
	counted := count(e.counts[g.From].Add(uint64(newCount(uint64(g.Packets), uint64(g.Bytes)))))
	if counted&(countStale|countFull) == 0 {
		return true
	}
	if counted&countStale != 0 {
		return false
	}
	t.foldCount(e, h, g.From)
	return true
}

// isSteady takes a segment into the streams if that is all it does: one without SYN, FIN or
// RST, of a connection whose handshake is complete, between ends of which
// everything is known.
func (c *control) isSteady(e *Entry, g *Segment) bool {
	const opensOrCloses = header.TCPFlagSyn | header.TCPFlagFin | header.TCPFlagRst
	if g.Flags&opensOrCloses != 0 || c.state != TCPEstablished && c.state != TCPFinWait {
		return false
	}
	e.streams[Low].load(&c.streams[Low])
	e.streams[High].load(&c.streams[High])
	if !c.fits(g) {
		return false
	}
	before := c.sides[g.From].marks
	c.note(g)
	return !c.anew && c.sides[g.From].marks == before
}

// prolong starts the timeouts of both sides anew, if the flow's life is still l. Ends
// are compared in units, so that few of many packets write.
func (t *Table) prolong(e *Entry, l life, c *control, now int64) bool {
	from := startAt(now)
	low, high := t.end(&c.sides[Low], c.state, from), t.end(&c.sides[High], c.state, from)
	if low == l.low() && high == l.high() {
		return true
	}
	prolonged, ok := l.prolong(Low, low)
	if !ok {
		return false
	}
	if prolonged, ok = prolonged.prolong(High, high); !ok {
		return false
	}
	return e.life.CompareAndSwap(uint64(l), uint64(prolonged))
}

// prolong has a side end later. One that would end earlier, by more than clocks differ,
// since its timeout was made shorter, is not ok.
func (l life) prolong(e End, end tick) (prolonged life, ok bool) {
	const slack = int32(time.Second / 2 / Resolution)
	later := end.left(l.ends(e))
	if later > 0 {
		return l.withEnd(e, end), true
	}
	return l, later >= -slack
}

// end returns when a side that has seen a packet of a flow in that state ends.
func (t *Table) end(side *Side, state State, from start) tick {
	if side.State == Unknown {
		return never
	}
	return from.after(t.limitsOf(side.Interface).timeouts[state])
}

func (t *Table) foldCount(e *Entry, h Hash, end End) {
	s := t.Lock(h)
	defer s.Unlock()
	s.fold(e, end)
}
