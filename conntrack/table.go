package conntrack

import (
	"fmt"
	"hash/maphash"
	"iter"
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// shardCount spreads flows over locks; two threads seldom meet in one.
const shardCount = 256

// Table is the flow table. Its methods may be called by several goroutines at
// once.
type Table struct {
	hasher   hasher
	timeouts [states]int64 // ns
	max      int64
	count    atomic.Int64
	// noVictimUntil (ns) keeps all shards from being searched in vain; see
	// noVictimFor.
	noVictimUntil atomic.Int64
	shards        [shardCount]Shard
}

// New returns an empty table that never holds more than maxFlows flows.
func New(maxFlows int, timeouts Timeouts) (*Table, error) {
	if maxFlows < 1 {
		return nil, fmt.Errorf("conntrack: max_flows of %d: want at least 1", maxFlows)
	}
	if err := timeouts.Validate(); err != nil {
		return nil, err
	}
	t := &Table{hasher: hasher{maphash.MakeSeed()}, max: int64(maxFlows)}
	for state, d := range timeouts.byState() {
		t.timeouts[state] = int64(d)
	}
	for i := range t.shards {
		t.shards[i].table = t
	}
	return t, nil
}

// Len returns the number of flows, expired ones that were not swept yet
// included.
func (t *Table) Len() int { return int(t.count.Load()) }

// Max returns the most flows that the table may hold.
func (t *Table) Max() int { return int(t.max) }

// Lock returns the shard that has the key's flow, if there is one, and locks
// it.
func (t *Table) Lock(k *Key) (*Shard, Hash) {
	h := t.hasher.hash(k)
	s := &t.shards[h>>24]
	s.mu.Lock()
	return s, Hash(h)
}

// Hash is the hash of a key, computed once a packet.
type Hash uint32

// Sweep forgets the flows that have timed out by now (ns). It holds one
// shard's lock at a time.
func (t *Table) Sweep(now int64) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		s.sweep(now)
		s.mu.Unlock()
	}
}

// DeleteInterface forgets every flow that the interface with that number is an
// end of.
func (t *Table) DeleteInterface(number uint32) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		s.removeIf(func(f *Flow) bool {
			return f.Sides[Low].Interface == number || f.Sides[High].Interface == number
		})
		s.mu.Unlock()
	}
}

// All yields a copy of every live flow. Flows that come or go meanwhile may be
// among them or not.
func (t *Table) All(now int64) iter.Seq[Flow] {
	return func(yield func(Flow) bool) {
		for i := range t.shards {
			s := &t.shards[i]
			s.mu.Lock()
			live := make([]Flow, 0, s.used)
			for _, f := range s.slots {
				if f.hash != 0 && f.expires > now {
					live = append(live, f)
				}
			}
			s.mu.Unlock()
			for _, f := range live {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// Shard is a part of the table under one lock: open addressing with linear
// probing in a power of two of slots.
type Shard struct {
	mu    sync.Mutex
	table *Table
	slots []Flow
	used  int

	hand int      // where evict looks next; any number, to be wrapped
	_    [72]byte // keeps neighbours' locks out of one cache line
}

// Unlock ends the use of a shard and of every *Flow from it.
func (s *Shard) Unlock() { s.mu.Unlock() }

// home is the slot where a hash's search starts. The top byte chose the shard.
func (s *Shard) home(h uint32) int { return int(h) & (len(s.slots) - 1) }

// Find returns the live flow with that key, or nil.
func (s *Shard) Find(k *Key, h Hash, now int64) *Flow {
	if s.used == 0 {
		return nil
	}
	mask := len(s.slots) - 1
	for i := s.home(uint32(h)); s.slots[i].hash != 0; i = (i + 1) & mask {
		f := &s.slots[i]
		if f.hash != uint32(h) || f.key != *k {
			continue
		}
		if f.expires <= now {
			s.remove(i)
			return nil
		}
		return f
	}
	return nil
}

// Insert makes a flow of which the first packet, sent by origin, is at hand.
// The key must not be in the table. If the table is full, a flow that was
// never answered or is over makes room; if a short search finds none, Insert
// returns nil.
func (s *Shard) Insert(k *Key, h Hash, origin End, flags header.TCPFlags, now int64) *Flow {
	if s.table.count.Add(1) > s.table.max && !s.table.makeRoom(s, now) {
		s.table.count.Add(-1)
		return nil
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
	*f = Flow{key: *k, hash: uint32(h), origin: origin, Created: now}
	f.enter(s.table, firstState(k.protocol, flags), now)
	if flags&header.TCPFlagFin != 0 {
		f.Sides[origin].finished = true
	}
	return f
}

// Update moves a flow on by a packet of it that its sender, from, was let to
// send. The flags are those of which the other end is to know: a FIN or RST that
// never arrives there ends nothing.
func (s *Shard) Update(f *Flow, from End, flags header.TCPFlags, now int64) {
	if f.state.over() {
		return // what trails behind its end does not keep it
	}
	next := f.state.next(from != f.origin, flags, f.Sides[from.Opposite()].finished)
	if flags&header.TCPFlagFin != 0 {
		f.Sides[from].finished = true
	}
	f.enter(s.table, next, now)
}

// enter sets the state and starts its timeout.
func (f *Flow) enter(t *Table, state State, now int64) {
	f.state = state
	f.expires = now + t.timeouts[state]
}

// Reopens reports whether a TCP packet with those flags opens a new connection
// on the tuple of a flow that is over. Such a flow is to be deleted and the
// packet judged as the first of another.
func (f *Flow) Reopens(flags header.TCPFlags) bool {
	const mask = header.TCPFlagSyn | header.TCPFlagAck | header.TCPFlagRst
	return f.state.over() && flags&mask == header.TCPFlagSyn
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

// sweep removes expired flows and gives memory back once most of it is idle.
func (s *Shard) sweep(now int64) {
	s.removeIf(func(f *Flow) bool { return f.expires <= now })
	if len(s.slots) > minSlots && 8*s.used < len(s.slots) {
		s.resize(len(s.slots) / 4)
	}
}
