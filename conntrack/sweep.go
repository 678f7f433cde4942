package conntrack

import "runtime"

// Sweep forgets the flows, and the sides of flows, that have timed out by now
// (ns), and gives memory back once most of it is idle. It holds one shard's lock at a
// time, for one chunk of flows, and does not look at chunks of which nothing has timed
// out yet.
func (t *Table) Sweep(now int64) {
	at := tickAt(now)
	for i := range t.shards {
		s := &t.shards[i]
		s.sweep(at)
		s.shrink()
	}
}

func (s *Shard) sweep(now tick) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i < len(s.chunks); i++ {
		if due := s.states[i].due; due != never && due.left(now) <= 0 {
			s.sweepChunk(i, now)
			s.yield()
		}
	}
}

func (s *Shard) sweepChunk(i int, now tick) {
	due := never
	for j := range s.chunks[i] {
		e := &s.chunks[i][j]
		if e.life.Load() == 0 || s.expire(e, now) {
			continue
		}
		if e.lives().forgets(now) {
			s.forget(e, now)
		}
		due = earlier(due, e.lives().first())
	}
	s.states[i].due = due
}

// shrink gives memory back if less than an eighth of the entries have flows: what
// is in the last chunks moves to the first ones, and chunks that no reader looks at go.
func (s *Shard) shrink() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.index(); x != nil && len(x.words) > minWords && 8*s.live < slots*len(x.words) {
		s.reindex(minWords)
	}
	for s.isIdle() && s.reclaim() {
		s.yield()
	}
	for i := len(s.chunks) - 1; s.isIdle() && i >= s.enough() && s.empty(i); i-- {
		s.yield()
	}
	for s.isIdle() && s.reclaim() { // at once, if there are no readers inside
		s.yield()
	}
	last := len(s.chunks)
	for s.isIdle() && last > s.enough() && s.states[last-1].isFree() {
		last--
	}
	if last < len(s.chunks) {
		s.drop(last)
		s.reindex(minWords) // who has the old one, with chunks that others may have now, sees no new flows
	}
}

// isIdle reports whether most chunks could go.
func (s *Shard) isIdle() bool {
	return 8*s.live < len(s.chunks)*chunkSize && s.enough() < len(s.chunks)
}

// enough is how many chunks have room for twice the flows that there are.
func (s *Shard) enough() int { return 2*s.live/chunkSize + 1 }

// yield lets those go first who have waited for the lock meanwhile.
func (s *Shard) yield() {
	s.mu.Unlock()
	runtime.Gosched()
	s.mu.Lock()
}

// empty moves the flows of a chunk to chunks before it, and reports whether there was
// room for them. Where another sweep has given the chunk back, there is nothing to do.
func (s *Shard) empty(i int) bool {
	if i >= len(s.chunks) {
		return true
	}
	for j := range s.chunks[i] {
		e := &s.chunks[i][j]
		if e.life.Load() == 0 {
			continue
		}
		if !s.hasFree() || s.open >= i {
			return false
		}
		s.move(e, nil)
	}
	return true
}
