package conntrack

// ReplaceRules asks for the rules of every live flow that has the number old at an
// end, and puts what name returns, by end, in its place. It ends early once name
// returns that it does not go on. name is called without a lock. Flows that come
// meanwhile are left out.
func (t *Table) ReplaceRules(now int64, old uint32, name func(*Flow) (by [2]uint32, goesOn bool)) {
	for i := range t.shards {
		for again := true; again; {
			var goesOn bool
			if again, goesOn = t.shards[i].replaceRules(now, old, name); !goesOn {
				return
			}
		}
	}
}

// replaceRules is ReplaceRules for a shard. again says that flows have moved
// meanwhile, maybe to where nobody has looked since.
func (s *Shard) replaceRules(now int64, old uint32, name func(*Flow) (by [2]uint32, goesOn bool)) (again, goesOn bool) {
	var flows []Flow
	var first uint64
	for chunk := 0; ; chunk++ {
		var moves uint64
		var more bool
		flows, moves, more = s.withRule(flows[:0], chunk, old, now)
		if chunk == 0 {
			first = moves
		}
		if !more {
			return moves != first, true
		}
		for i := range flows {
			by, goesOn := name(&flows[i])
			if !goesOn {
				return false, false
			}
			s.replaceRule(&flows[i], old, by, now)
		}
	}
}

// withRule appends the live flows of a chunk that have the rule at an end. moves is
// how many flows have moved so far; more is false if there is no such chunk.
func (s *Shard) withRule(flows []Flow, chunk int, rule uint32, now int64) (_ []Flow, moves uint64, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if chunk >= len(s.chunks) {
		return flows, s.moves, false
	}
	at := tickAt(now)
	for i := range s.chunks[chunk] {
		e, r := &s.chunks[chunk][i], &s.states[chunk].rules[i]
		if (r[Low] == rule || r[High] == rule) && e.life.Load() != 0 && e.lives().left(at) > 0 {
			flows = append(flows, s.Flow(e, now))
		}
	}
	return flows, s.moves, true
}

// replaceRule gives a flow its rules, unless it has ended.
func (s *Shard) replaceRule(f *Flow, old uint32, by [2]uint32, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.Find(&f.key, s.table.Hash(&f.key), now)
	if e == nil {
		return
	}
	for end, r := range s.rulesOf(e.number) {
		if r == old {
			s.SetRule(e, End(end), by[end])
		}
	}
}
