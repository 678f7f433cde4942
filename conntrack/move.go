package conntrack

// withdraw takes an entry out of the readers' sight, and returns its flow's life and
// counts. What a packet that has found the entry before does to it from now on is
// lost on the flow, and Table.Hit tells the packet so. The memory is used again once
// all of those are through.
func (s *Shard) withdraw(e *Entry) (l life, counts [2]count) {
	x, h := s.index(), s.table.hasher.hash(&e.key)
	x.remove(h, e.number)
	l = life(e.life.Swap(0))
	for end := range counts {
		counts[end] = count(e.counts[end].Or(uint64(countStale)))
	}
	s.give(e.number)
	return l, counts
}

// move gives a flow another entry, and control c; nil leaves it what it has. It
// returns nil if there is no entry.
func (s *Shard) move(e *Entry, c *control) *Entry {
	number, ok := s.room()
	if !ok {
		return nil
	}
	to, rare := s.entry(number), e.rare
	r, rules := s.dropRare(e), *s.rulesOf(e.number)
	l, counts := s.withdraw(e)
	if c == nil {
		// Whoever was counted has advanced the streams before.
		now := e.control()
		now.state, c = l.state(), &now
	}
	l = l.withState(c.state)
	*to = Entry{key: e.key, createdLow: e.createdLow, createdHigh: e.createdHigh, origin: c.origin, number: number}
	*s.rulesOf(number) = rules
	to.fill(c, l)
	for end := range counts {
		to.counts[end].Store(uint64(counts[end]))
	}
	if rare {
		s.setRare(to, r)
	}
	s.expect(number, l)
	s.put(s.table.hasher.hash(&to.key), number)
	if s.moves++; s.revising {
		s.relocated = append(s.relocated, number)
	}
	return to
}
