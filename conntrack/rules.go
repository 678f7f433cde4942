package conntrack

// ReplaceRules asks for the rules of every live flow that has the number old at an
// end, and puts what name returns, by end, in its place. name is called without a
// lock. Flows that come meanwhile are left out.
func (t *Table) ReplaceRules(now int64, old uint32, name func(*Flow) [2]uint32) {
	at := tickAt(now)
	var flows []Flow
	for i := range t.shards {
		s := &t.shards[i]
		for chunk := 0; ; chunk++ {
			var more bool
			if flows, more = s.withRule(flows[:0], chunk, old, at, now); !more {
				break
			}
			for i := range flows {
				f := &flows[i]
				s.replaceRule(f, t.Hash(&f.key), old, name(f), now)
			}
		}
	}
}

// withRule appends the live flows of a chunk that have the rule at an end. more is
// false if there is no such chunk.
func (s *Shard) withRule(flows []Flow, chunk int, rule uint32, at tick, now int64) (_ []Flow, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if chunk >= len(s.chunks) {
		return flows, false
	}
	for i := range s.chunks[chunk] {
		e, r := &s.chunks[chunk][i], &s.states[chunk].rules[i]
		if (r[Low] == rule || r[High] == rule) && e.life.Load() != 0 && e.lives().left(at) > 0 {
			flows = append(flows, s.Flow(e, now))
		}
	}
	return flows, true
}

// replaceRule gives a flow its rules, unless it has ended.
func (s *Shard) replaceRule(f *Flow, h Hash, old uint32, by [2]uint32, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.Find(&f.key, h, now)
	if e == nil {
		return
	}
	for end, r := range s.rulesOf(e.number) {
		if r == old {
			s.SetRule(e, End(end), by[end])
		}
	}
}
