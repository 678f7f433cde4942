package conntrack

// evictWindow is how many slots of a shard one search looks at, from where the
// last one ended. A flood of new flows then costs each of them about as much as
// the search of one shard's corner, however large the table.
const evictWindow = 64

// noVictimFor is how long, in ns, a search of all shards' corners without a
// victim is believed. A full table of established flows must not be searched
// for every newcomer.
const noVictimFor = 100_000_000

// makeRoom frees one flow for a newcomer of shard own, which is locked: from
// own if possible, else from any other. It reports whether there was one.
func (t *Table) makeRoom(own *Shard, now int64) bool {
	if own.evict(now) {
		return true
	}
	if now < t.noVictimUntil.Load() {
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
		found := s.evict(now)
		s.mu.Unlock()
		if found {
			return true
		}
	}
	if complete {
		t.noVictimUntil.Store(now + noVictimFor)
	}
	return false
}

// evict frees one slot among the next evictWindow: that of an expired flow, else
// that of the yielding flow which would end first.
func (s *Shard) evict(now int64) bool {
	mask := len(s.slots) - 1
	victim := -1
	for n := range min(evictWindow, len(s.slots)) {
		i := (s.hand + n) & mask
		f := &s.slots[i]
		if f.hash == 0 {
			continue
		}
		if f.expires <= now {
			victim = i
			break
		}
		if f.state.yields() && (victim < 0 || f.expires < s.slots[victim].expires) {
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
