package conntrack

import (
	"fmt"
	"iter"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/sgate/sgate/epoch"
)

// Shards spread flows over locks; two threads seldom meet in one. There are so many that
// each has flowsPerShard or fewer, give or take some, when the table is full: half of what
// it has numbers for.
const (
	minShards     = 256
	flowsPerShard = 4096
)

// Table is the flow table. Its methods may be called by several goroutines at
// once.
type Table struct {
	hasher     hasher
	shift      int                       // of a hash, so that what is left chooses the shard
	indexes    []atomic.Pointer[index]   // of the shards; all that packets read of them without a lock
	interfaces atomic.Pointer[[]*limits] // by number; 0 is for those that were never set

	max   int64
	count atomic.Int64
	// noVictimUntil (ns) keeps all shards from being searched in vain; see
	// noVictimFor.
	noVictimUntil atomic.Int64
	revisions     sync.Mutex // held while flows are revised
	pool          pool
	shards        []Shard
}

// New returns an empty table that never holds more than maxFlows flows. Who uses
// Find is a reader of the domain.
func New(maxFlows int, timeouts Timeouts, readers *epoch.Domain) (*Table, error) {
	if maxFlows < 1 {
		return nil, fmt.Errorf("conntrack: max_flows of %d: want at least 1", maxFlows)
	}
	if err := timeouts.Validate(); err != nil {
		return nil, err
	}
	n := max(minShards, 1<<bits.Len(uint(maxFlows-1)/flowsPerShard))
	t := &Table{
		hasher: newHasher(), shift: 65 - bits.Len(uint(n)), max: int64(maxFlows),
		indexes: make([]atomic.Pointer[index], n), shards: make([]Shard, n),
	}
	t.interfaces.Store(&[]*limits{newLimits(Limits{Timeouts: timeouts}, new(usage))})
	for i := range t.shards {
		s := &t.shards[i]
		s.table, s.number, s.readers, s.pool = t, i, readers, &t.pool
		s.hand = i * evictWindow // flows of one time are neighbours in all shards
	}
	return t, nil
}

// Len returns the number of flows, expired ones that were not swept yet
// included.
func (t *Table) Len() int { return int(t.count.Load()) }

// Max returns the most flows that the table may hold.
func (t *Table) Max() int { return int(t.max) }

// Hash returns a key's hash in this table.
func (t *Table) Hash(k *Key) Hash { return t.hasher.hash(k) }

// Lock returns the shard that has the flow of a key with that hash, if there is one, and
// locks it.
func (t *Table) Lock(h Hash) *Shard {
	s := &t.shards[h>>t.shift]
	s.mu.Lock()
	return s
}

// DeleteInterfaces forgets every flow that an interface with one of those numbers
// is an end of.
func (t *Table) DeleteInterfaces(gone map[uint32]bool) {
	t.revise(func(s *Shard, e *Entry) {
		if gone[e.Side(Low).Interface] || gone[e.Side(High).Interface] {
			s.remove(e)
		}
	})
}

// Revise shows every live flow to keep, which returns whether the flow stays. It
// may also take Tracked from a side's state. What it is shown changes once it returns.
// Revise holds one shard's lock at a time, for some flows; those that come meanwhile may
// be shown or not.
func (t *Table) Revise(now int64, keep func(f *Flow, sides *[2]SideState) bool) {
	at := tickAt(now)
	var f Flow // one for all: keep has it only until it returns
	var states [2]SideState
	t.revise(func(s *Shard, e *Entry) {
		if s.expire(e, at) {
			return
		}
		s.copyFlow(&f, e, now)
		states = [2]SideState{f.sides[Low].State, f.sides[High].State}
		if !keep(&f, &states) {
			s.remove(e)
			return
		}
		for end, state := range states {
			if side := &f.sides[end]; side.State == Tracked && state != Tracked {
				s.setState(e, End(end), side.Interface, state)
			}
		}
	})
}

// revise shows every flow that there is now to a function, some under each lock of their
// shard. One that moves meanwhile is shown where it has come to.
func (t *Table) revise(show func(*Shard, *Entry)) {
	t.revisions.Lock()
	defer t.revisions.Unlock()
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		s.revising = true
		for i := 0; i < len(s.chunks); i++ {
			for j := range s.chunks[i] {
				s.showLive(&s.chunks[i][j], show)
			}
			s.yield()
		}
		for _, number := range s.relocated {
			if int(number) < s.used {
				s.showLive(s.entry(number), show)
			}
		}
		s.revising, s.relocated = false, nil
		s.mu.Unlock()
	}
}

func (s *Shard) showLive(e *Entry, show func(*Shard, *Entry)) {
	if e.life.Load() != 0 {
		show(s, e)
	}
}

// Again returns what is known now of the flow that f is a copy of; ok is false if it
// has ended.
func (t *Table) Again(f *Flow, now int64) (again Flow, ok bool) {
	h := t.Hash(&f.key)
	s := t.Lock(h)
	defer s.Unlock()
	e := s.Find(&f.key, h, now)
	if e == nil {
		return Flow{}, false
	}
	return s.Flow(e, now), true
}

// All yields a copy of every live flow, as its sides know it at now: one whose time
// is up does not any more. Flows that come or go meanwhile may be among them or not.
func (t *Table) All(now int64) iter.Seq[Flow] {
	at := tickAt(now)
	return func(yield func(Flow) bool) {
		for i := range t.shards {
			s := &t.shards[i]
			s.mu.Lock()
			live := make([]Flow, 0, s.live)
			for number := range uint32(s.used) {
				e := s.entry(number)
				if e.life.Load() == 0 || e.lives().left(at) <= 0 {
					continue
				}
				if e.lives().forgets(at) {
					s.forget(e, at)
				}
				live = append(live, s.Flow(e, now))
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
