package conntrack

import "sync/atomic"

// evictWindow is how many slots of a shard one search looks at, from where the
// last one ended. A flood of new flows then costs each of them about as much as
// the search of one shard's corner, however large the table.
const evictWindow = 64

// noVictimFor is how long, in ns, a search of all shards' corners without a
// victim is believed. A full table of established flows must not be searched
// for every newcomer.
const noVictimFor = 100_000_000

// search says what is looked for when a newcomer needs room.
type search struct {
	number uint32 // an interface whose tracked flows alone will do; 0: any flow will
	keep   *Flow  // not to be touched
	now    int64
}

// makeRoom frees one flow for a newcomer of shard own, which is locked: from
// own if possible, else from any other. It reports whether there was one. A vain
// search is remembered in noVictimUntil (ns).
func (t *Table) makeRoom(own *Shard, want search, noVictimUntil *atomic.Int64) bool {
	if own.evict(want) {
		return true
	}
	if want.now < noVictimUntil.Load() {
		return false
	}
	complete := true
	for i := range t.shards {
		s := &t.shards[i]
		if s == own {
			continue
		}
		// Only a try: whoever holds that lock may be waiting for ours.
		if !s.mu.TryLock() {
			complete = false
			continue
		}
		found := s.evict(want)
		s.mu.Unlock()
		if found {
			return true
		}
	}
	if complete {
		noVictimUntil.Store(want.now + noVictimFor)
	}
	return false
}

// evict frees one slot among the next evictWindow: that of an expired flow, else
// that of the yielding flow which would end first.
func (s *Shard) evict(want search) bool {
	mask := len(s.slots) - 1
	victim := -1
	for n := range min(evictWindow, len(s.slots)) {
		i := (s.hand + n) & mask
		f := &s.slots[i]
		if f.hash == 0 || f == want.keep || want.number != 0 && !f.trackedBy(want.number) {
			continue
		}
		if f.Expires() <= want.now {
			victim = i
			break
		}
		if f.yields() && (victim < 0 || f.Expires() < s.slots[victim].Expires()) {
			victim = i
		}
	}
	if victim < 0 {
		s.hand += evictWindow
		return false
	}
	s.hand = victim
	s.remove(victim)
	return true
}

func (f *Flow) trackedBy(number uint32) bool { return f.Tracks(Low, number) || f.Tracks(High, number) }

// yields reports whether the flow makes room for a newcomer: one that nobody has
// answered, whose handshake is not complete, or that is over; and one that no
// end tracks, since it needs no entry to pass. An established flow never does.
func (f *Flow) yields() bool { return f.state.yields() || !f.tracked() }
