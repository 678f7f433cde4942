package conntrack

// evictWindow is how many slots are looked at for the best victim. A flood of
// new flows then costs each of them about as much as the search of one shard's
// corner, however large the table.
const evictWindow = 64

// noVictimFor is how long, in ns, a full search without a victim is believed.
// A full table of established flows must not be searched for every newcomer.
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
	for i := range t.shards {
		s := &t.shards[i]
		// Only a try: whoever holds that lock may be waiting for ours.
		if s == own || !s.mu.TryLock() {
			continue
		}
		found := s.evict(now)
		s.mu.Unlock()
		if found {
			return true
		}
	}
	t.noVictimUntil.Store(now + noVictimFor)
	return false
}

// evict frees one slot: that of an expired flow, else, among those next to the
// last victim's, that of the yielding flow which would end first.
func (s *Shard) evict(now int64) bool {
	if now < s.noVictimUntil {
		return false
	}
	mask := len(s.slots) - 1
	victim := -1
	for n := range s.slots {
		i := (s.hand + n) & mask
		f := &s.slots[i]
		switch {
		case f.hash == 0:
		case f.expires <= now:
			victim, n = i, evictWindow
		case f.state.yields() && (victim < 0 || f.expires < s.slots[victim].expires):
			victim = i
		}
		if victim >= 0 && n >= evictWindow {
			break
		}
	}
	if victim < 0 {
		s.noVictimUntil = now + noVictimFor
		return false
	}
	s.hand = victim
	s.remove(victim)
	return true
}
