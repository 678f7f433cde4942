package conntrack

import "sync/atomic"

// A search for a victim looks at evictWindow slots of the newcomer's shard, from
// where the last one ended, and goes on to other shards until it has compared
// enoughCompared flows, or looked at evictMost slots and found one. A flood of new
// flows then costs each of them about the same, however large the table; and in
// a small one, whose shards have a flow or two, no flow goes just because it is
// alone in the wrong shard.
const (
	evictWindow    = 64
	enoughCompared = 32
	evictMost      = 32 * evictWindow
)

// noVictimFor is how long, in ns, a search of all shards' corners without a
// victim is believed. A full table of established flows must not be searched
// for every newcomer.
const noVictimFor = 100_000_000

// search is what is looked for when a newcomer needs room, and how far that
// has come.
type search struct {
	number uint32 // an interface whose tracked flows alone will do; 0: any flow will
	keep   *Flow  // not to be touched
	now    int64

	compared, looked int
	shard            *Shard // that has the victim; locked
	victim           int    // its slot
	ends             int64  // when it would end
}

// makeRoom frees one flow for a newcomer of shard own, which is locked. It
// reports whether there was one. A vain search is remembered in noVictimUntil
// (ns).
func (t *Table) makeRoom(own *Shard, want search, noVictimUntil *atomic.Int64) bool {
	if !own.look(&want) && want.now < noVictimUntil.Load() {
		return false
	}
	complete := true
	// From its own on: if all newcomers began with the same shards, these would
	// be drained, and what is left there would go before its time.
	for i := 1; i < shardCount && !want.isOver(); i++ {
		s := &t.shards[(own.index+i)%shardCount]
		// Only a try: whoever holds that lock may be waiting for ours.
		if !s.mu.TryLock() {
			complete = false
			continue
		}
		before := want.shard
		if !s.look(&want) {
			s.mu.Unlock()
		} else if before != nil && before != own {
			before.mu.Unlock()
		}
	}
	if want.shard == nil {
		if complete {
			noVictimUntil.Store(want.now + noVictimFor)
		}
		return false
	}
	want.shard.hand = want.victim
	want.shard.remove(want.victim)
	if want.shard != own {
		want.shard.mu.Unlock()
	}
	return true
}

// isOver reports whether enough was seen to be content with the victim.
func (w *search) isOver() bool {
	return w.shard != nil && (w.ends <= w.now || w.compared >= enoughCompared || w.looked >= evictMost)
}

// look goes through the shard's next window: an expired flow is the best victim,
// else the yielding one that would end first. It reports whether one of its own
// is better than what the search had.
func (s *Shard) look(w *search) (better bool) {
	mask := len(s.slots) - 1
	for n := range min(evictWindow, len(s.slots)) {
		i := (s.hand + n) & mask
		f := &s.slots[i]
		w.looked++
		if f.hash == 0 || f == w.keep || w.number != 0 && !f.trackedBy(w.number) {
			continue
		}
		w.compared++
		ends := f.Expires()
		if (ends <= w.now || f.yields()) && (w.shard == nil || ends < w.ends) {
			w.shard, w.victim, w.ends, better = s, i, ends, true
		}
		if better && ends <= w.now {
			return true
		}
	}
	if !better {
		s.hand += evictWindow
	}
	return better
}

func (f *Flow) trackedBy(number uint32) bool { return f.Tracks(Low, number) || f.Tracks(High, number) }

// yields reports whether the flow makes room for a newcomer: one that nobody has
// answered, whose handshake is not complete, or that is over; and one that no
// end tracks, since it needs no entry to pass. An established flow never does.
func (f *Flow) yields() bool { return f.state.yields() || !f.tracked() }
