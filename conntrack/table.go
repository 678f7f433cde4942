package conntrack

import (
	"fmt"
	"hash/maphash"
	"iter"
	"sync/atomic"
)

// shardCount spreads flows over locks; two threads seldom meet in one.
const shardCount = 256

// Table is the flow table. Its methods may be called by several goroutines at
// once.
type Table struct {
	hasher     hasher
	max        int64
	count      atomic.Int64
	interfaces atomic.Pointer[[]*limits] // by number; 0 is for those that were never set
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
	t.interfaces.Store(&[]*limits{newLimits(Limits{Timeouts: timeouts}, new(usage))})
	for i := range t.shards {
		t.shards[i].table, t.shards[i].index = t, i
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

// Sweep forgets the flows, and the sides of flows, that have timed out by now
// (ns). It holds one shard's lock at a time.
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
	t.Revise(0, func(f *Flow, _ *[2]SideState) bool {
		return f.sides[Low].Interface != number && f.sides[High].Interface != number
	})
}

// Revise shows every live flow to keep, which returns whether the flow stays. It
// may also take Tracked from a side's state. Revise holds one shard's lock at a
// time; flows that come meanwhile may be shown or not.
func (t *Table) Revise(now int64, keep func(f *Flow, sides *[2]SideState) bool) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		s.removeIf(func(f *Flow) bool {
			if f.Expires() <= now {
				return true
			}
			states := [2]SideState{f.sides[Low].State, f.sides[High].State}
			if !keep(f, &states) {
				return true
			}
			for e, state := range states {
				if f.sides[e].State == Tracked && state != Tracked {
					f.setState(t, End(e), state)
				}
			}
			return false
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
				if f.hash != 0 && f.Expires() > now {
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
