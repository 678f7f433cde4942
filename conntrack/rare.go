package conntrack

// rarity is what few flows have, and is kept beside their entries.
type rarity struct {
	attempt attempt
	// What each end has sent beside what its count says.
	packets, bytes [2]uint64
}

// setRare stores what few flows have.
func (s *Shard) setRare(e *Entry, r rarity) {
	if s.rare == nil {
		s.rare = make(map[uint32]rarity)
	}
	s.rare[e.number], e.rare = r, true
}

// dropRare forgets it, and returns what it was.
func (s *Shard) dropRare(e *Entry) (r rarity) {
	if e.rare {
		r = s.rare[e.number]
		delete(s.rare, e.number)
		e.rare = false
	}
	return r
}

// fold takes over what an end has sent, but for one packet, which says that the end
// has spoken.
func (s *Shard) fold(e *Entry, end End) {
	for {
		old := e.counts[end].Load()
		counted := count(old)
		if counted&countFull == 0 || counted&countStale != 0 {
			return // somebody else did, or the flow has gone
		}
		if e.counts[end].CompareAndSwap(old, uint64(newCount(1, 0))) {
			r := s.rare[e.number]
			r.packets[end] += counted.packets() - 1
			r.bytes[end] += counted.bytes()
			s.setRare(e, r)
			return
		}
	}
}

// Flow returns a copy of what is known of an entry's flow.
func (s *Shard) Flow(e *Entry, now int64) (f Flow) {
	s.copyFlow(&f, e, now)
	return f
}

// copyFlow makes f that copy.
func (s *Shard) copyFlow(f *Flow, e *Entry, now int64) {
	l, r := e.lives(), s.rare[e.number]
	*f = Flow{key: e.key, control: s.control(e), created: e.created(), rules: *s.rulesOf(e.number)}
	for end := range e.counts {
		counted := count(e.counts[end].Load())
		f.packets[end] = r.packets[end] + counted.packets()
		f.bytes[end] = r.bytes[end] + counted.bytes()
		f.expires[end] = l.ends(End(end)).time(now)
	}
}
