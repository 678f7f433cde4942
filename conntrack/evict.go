package conntrack

import "sync/atomic"

// A search for a victim looks at evictWindow entries of the newcomer's shard, from
// where the last one ended, and goes on to other shards until it has compared
// enoughCompared flows, or looked at evictMost entries and found one. A flood of new
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
	keep   *Entry // not to be touched
	only   bool   // whether there is a victim is all that is asked, and nothing is to change
	now    tick
	time   int64 // the same, in ns

	compared, looked int
	shard            *Shard // that has the victim; locked
	victim           uint32 // the number of its entry
	left             int32  // what it would have to live, in units of a tick; 0 if it has gone already
}

// makeRoom frees one flow for a newcomer of shard own, which is locked. It
// reports whether there was one. A vain search is remembered in noVictimUntil
// (ns).
func (t *Table) makeRoom(own *Shard, want search, noVictimUntil *atomic.Int64) bool {
	if !own.look(&want) && want.time < noVictimUntil.Load() {
		return false
	}
	complete := true
	// From its own on: if all newcomers began with the same shards, these would
	// be drained, and what is left there would go before its time.
	for i := 1; i < len(t.shards) && !want.isOver(); i++ {
		s := &t.shards[(own.number+i)%len(t.shards)]
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
		if complete && !want.only {
			noVictimUntil.Store(want.time + noVictimFor)
		}
		return false
	}
	if !want.only {
		want.shard.hand = int(want.victim)
		if want.left > 0 {
			want.shard.remove(want.shard.entry(want.victim))
		}
	}
	if want.shard != own {
		want.shard.mu.Unlock()
	}
	return true
}

// isOver reports whether enough was seen to be content with the victim.
func (w *search) isOver() bool {
	return w.shard != nil && (w.left == 0 || w.compared >= enoughCompared || w.looked >= evictMost)
}

// look goes through the shard's next window: an expired flow is the best victim,
// and goes at once; else the yielding one that would end first. It reports whether one of its own
// is better than what the search had.
func (s *Shard) look(w *search) (better bool) {
	if w.only {
		defer func(hand int) { s.hand = hand }(s.hand)
	}
	for range min(evictWindow, s.used) {
		number := uint32(s.hand % s.used)
		e := s.entry(number)
		s.hand++
		w.looked++
		l := e.lives()
		if l == 0 || e == w.keep || w.number != 0 && !e.trackedBy(w.number) {
			continue
		}
		w.compared++
		switch left := l.left(w.now); {
		case left == 0 && (w.only || s.expire(e, w.now)):
			w.shard, w.victim, w.left = s, number, 0
			return true
		case left > 0 && e.yields(l.state()) && (w.shard == nil || left < w.left):
			w.shard, w.victim, w.left, better = s, number, left, true
		}
	}
	return better
}
