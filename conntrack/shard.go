package conntrack

import (
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Shard is a part of the table under one lock: open addressing with linear
// probing in a power of two of slots.
type Shard struct {
	mu    sync.Mutex
	table *Table
	slots []Flow
	used  int

	hand  int      // where a search for a victim looks next; any number, to be wrapped
	index int      // its own, among the table's
	_     [64]byte // keeps neighbours' locks out of one cache line
}

// Unlock ends the use of a shard and of every *Flow from it.
func (s *Shard) Unlock() { s.mu.Unlock() }

// home is the slot where a hash's search starts. The top byte chose the shard.
func (s *Shard) home(h uint32) int { return int(h) & (len(s.slots) - 1) }

// Find returns the live flow with that key, or nil. A side whose own time is up
// knows nothing of the flow any more.
func (s *Shard) Find(k *Key, h Hash, now int64) *Flow {
	i := s.find(k, h)
	if i < 0 {
		return nil
	}
	f := &s.slots[i]
	if f.Expires() <= now {
		s.remove(i)
		return nil
	}
	f.forget(s.table, now)
	return f
}

// forget makes a side whose time is up know nothing of the flow.
func (f *Flow) forget(t *Table, now int64) {
	for e := range f.sides {
		if f.expires[e] <= now && f.sides[e].State != Unknown {
			f.setState(t, End(e), Unknown)
		}
	}
}

// find returns the slot of the flow with that key, live or not, or -1.
func (s *Shard) find(k *Key, h Hash) int {
	if s.used == 0 {
		return -1
	}
	mask := len(s.slots) - 1
	for i := s.home(uint32(h)); s.slots[i].hash != 0; i = (i + 1) & mask {
		if f := &s.slots[i]; f.hash == uint32(h) && f.key == *k {
			return i
		}
	}
	return -1
}

// Open makes the flow of a packet that its ends, sides, have let pass. The key
// must not be in the table. Where there is no room, a flow makes some that was
// never answered, is over, or needs no entry to pass; if a short search finds
// none, Open says why not.
func (s *Shard) Open(k *Key, h Hash, g *Segment, sides [2]Side, now int64) (*Flow, Refusal) {
	if refusal := s.reserveAll(sides, now); refusal != Granted {
		return nil, refusal
	}
	if 4*(s.used+1) > 3*len(s.slots) {
		s.resize(2 * len(s.slots))
	}
	mask := len(s.slots) - 1
	i := s.home(uint32(h))
	for s.slots[i].hash != 0 {
		i = (i + 1) & mask
	}
	s.used++
	f := &s.slots[i]
	*f = Flow{key: *k, hash: uint32(h), sides: sides, origin: g.From, created: now}
	f.state = f.firstState(g)
	f.count(g)
	f.note(g)
	f.refresh(s.table, Low, now)
	f.refresh(s.table, High, now)
	return f, Granted
}

// reserveAll counts a new flow and its tracked sides.
func (s *Shard) reserveAll(sides [2]Side, now int64) Refusal {
	t := s.table
	for e, side := range sides {
		if side.State == Tracked && !t.reserve(s, side.Interface, nil, now) {
			if e == int(High) {
				t.release(sides[Low])
			}
			return AllowanceExceeded
		}
	}
	if t.count.Add(1) > t.max && !t.makeRoom(s, search{now: now}, &t.noVictimUntil) {
		t.count.Add(-1)
		t.release(sides[Low])
		t.release(sides[High])
		return TableFull
	}
	return Granted
}

// Update moves a flow on by a packet that fits it and that its sender was let to
// send.
func (s *Shard) Update(f *Flow, g *Segment, now int64) {
	f.count(g)
	if f.accepts(g) {
		f.restart()
	}
	if f.state.over() {
		return // what trails behind its end does not keep it
	}
	if g.has(header.TCPFlagRst) && f.isTCP() && !f.resets(g) {
		return
	}
	f.note(g)
	f.state = f.next(g)
	f.refresh(s.table, g.From, now)
	if !g.Undelivered {
		f.refresh(s.table, g.From.Opposite(), now)
	}
}

func (f *Flow) count(g *Segment) {
	f.packets[g.From] += uint64(g.Packets)
	f.bytes[g.From] += uint64(g.Bytes)
}

// note remembers what a segment tells of its sender.
func (f *Flow) note(g *Segment) {
	if !f.isTCP() {
		return
	}
	if f.tracked() {
		f.observe(g)
	}
	marks := &f.sides[g.From].marks
	if g.has(header.TCPFlagAck) {
		*marks |= acks
	}
	if g.has(header.TCPFlagFin) && !g.Undelivered {
		*marks |= finished
	}
}

// refresh starts the timeout of one side anew, if it knows the flow.
func (f *Flow) refresh(t *Table, e End, now int64) {
	if f.sides[e].State != Unknown {
		f.expires[e] = now + t.limitsOf(f.sides[e].Interface).timeouts[f.state]
	}
}

// SetSide makes an end of a flow know it, or know it otherwise, from its packet
// at hand on. It returns the flow, which may have moved.
func (s *Shard) SetSide(f *Flow, e End, number uint32, state SideState, now int64) (*Flow, Refusal) {
	if side := f.sides[e]; side.Interface == number && side.State == state {
		return f, Granted
	}
	if state == Tracked {
		key, hash := f.key, Hash(f.hash)
		if !s.table.reserve(s, number, f, now) {
			return f, AllowanceExceeded
		}
		f = &s.slots[s.find(&key, hash)]
	}
	f.setState(s.table, e, state)
	f.sides[e].Interface = number
	f.refresh(s.table, e, now)
	return f, Granted
}

// setState sets what an end knows. What Tracked takes was reserved before. A
// flow that no end tracks has no windows; if it is tracked again, they begin in
// the middle.
func (f *Flow) setState(t *Table, e End, state SideState) {
	t.release(f.sides[e])
	f.sides[e].State = state
	if !f.tracked() {
		f.sides[Low].marks &^= seen
		f.sides[High].marks &^= seen
	}
}

// Reopens reports whether a TCP segment opens a new connection on the tuple of
// one that is over, or that was never seen to begin. It is then judged as the
// first of a flow, and if it passes, takes the place of the old one.
func (f *Flow) Reopens(g *Segment) bool {
	return (f.state.over() || f.state == TCPPickedUp) && f.isTCP() && g.Opens()
}

// Delete forgets a flow.
func (s *Shard) Delete(f *Flow) {
	mask := len(s.slots) - 1
	for i := s.home(f.hash); ; i = (i + 1) & mask {
		if &s.slots[i] == f {
			s.remove(i)
			return
		}
	}
}

// remove frees slot i and closes the gap, so that no search ends too early.
func (s *Shard) remove(i int) {
	s.table.release(s.slots[i].sides[Low])
	s.table.release(s.slots[i].sides[High])
	mask := len(s.slots) - 1
	for j := (i + 1) & mask; s.slots[j].hash != 0; j = (j + 1) & mask {
		// The flow at j may move to i unless its home lies after i.
		if (j-s.home(s.slots[j].hash))&mask >= (j-i)&mask {
			s.slots[i] = s.slots[j]
			i = j
		}
	}
	s.slots[i] = Flow{}
	s.used--
	s.table.count.Add(-1)
}

// minSlots is the size of the smallest shard that has any.
const minSlots = 16

// resize moves the flows to size slots, a power of two.
func (s *Shard) resize(size int) {
	old := s.slots
	s.slots = make([]Flow, max(minSlots, size))
	mask := len(s.slots) - 1
	for _, f := range old {
		if f.hash == 0 {
			continue
		}
		i := s.home(f.hash)
		for s.slots[i].hash != 0 {
			i = (i + 1) & mask
		}
		s.slots[i] = f
	}
}

// removeIf removes the flows for which gone is true.
func (s *Shard) removeIf(gone func(*Flow) bool) {
	for i := 0; i < len(s.slots); {
		if f := &s.slots[i]; f.hash != 0 && gone(f) {
			s.remove(i) // another flow may have moved here: look again
			continue
		}
		i++
	}
}

// sweep removes expired flows, lets sides forget, and gives memory back once most of it is idle.
func (s *Shard) sweep(now int64) {
	s.removeIf(func(f *Flow) bool {
		if f.Expires() <= now {
			return true
		}
		f.forget(s.table, now)
		return false
	})
	if len(s.slots) > minSlots && 8*s.used < len(s.slots) {
		s.resize(len(s.slots) / 4)
	}
}
