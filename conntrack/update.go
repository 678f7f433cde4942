package conntrack

import "gvisor.dev/gvisor/pkg/tcpip/header"

// Update moves a flow on by a packet that fits it and that its sender was let to
// send. It returns the flow's entry, which is another one if the packet begins the flow
// anew; nil if there was none left for that, so that the flow has gone.
func (s *Shard) Update(e *Entry, g *Segment, now int64) *Entry {
	c := s.control(e)
	if c.accepts(g) {
		if e = s.restart(e, &c); e == nil {
			return nil
		}
		c.anew = false
	}
	s.count(e, g)
	if c.state.over() {
		return e // what trails behind its end does not keep it
	}
	if g.has(header.TCPFlagRst) && c.tcp && !c.resets(g) {
		return e
	}
	c.note(g)
	c.state = c.next(g)
	s.store(e, &c)
	l := e.change(func(l life) life {
		l = l.withState(c.state).withEnd(g.From, s.table.end(&c.sides[g.From], c.state, startAt(now)))
		if to := g.From.Opposite(); !g.Undelivered {
			l = l.withEnd(to, s.table.end(&c.sides[to], c.state, startAt(now)))
		}
		return l
	})
	s.expect(e.number, l)
	return e
}

// store writes what a segment has told of the streams and the sides. The sides come last:
// packets rely on the streams that those say are known.
func (s *Shard) store(e *Entry, c *control) {
	for end := range c.streams {
		switch {
		case !c.tcp:
		case c.anew:
			e.streams[end].store(c.streams[end])
		default:
			e.streams[end].advance(&c.streams[end])
		}
	}
	for end := range c.sides {
		e.setSide(End(end), c.sides[end])
	}
}

// count adds a packet to what its sender has sent.
func (s *Shard) count(e *Entry, g *Segment) {
	if counted := count(e.counts[g.From].Add(uint64(newCount(uint64(g.Packets), uint64(g.Bytes))))); counted&countFull != 0 {
		s.fold(e, g.From)
	}
}

// note remembers what a segment tells of its sender.
func (c *control) note(g *Segment) {
	if !c.tcp {
		return
	}
	if c.tracked() {
		c.observe(g)
	}
	marks := &c.sides[g.From].marks
	if g.has(header.TCPFlagAck) {
		*marks |= acks
	}
	if g.has(header.TCPFlagFin) && !g.Undelivered {
		*marks |= finished
	}
}

// SetSide makes an end of a flow know it, or know it otherwise, from its packet
// at hand on.
func (s *Shard) SetSide(e *Entry, end End, number uint32, state SideState, now int64) Refusal {
	side := e.Side(end)
	if side.Interface == number && side.State == state {
		return Granted
	}
	if state == Tracked && !s.table.reserve(s, number, e, now) {
		return AllowanceExceeded
	}
	s.setState(e, end, number, state)
	side = e.Side(end)
	s.expect(e.number, e.change(func(l life) life { return l.withEnd(end, s.table.end(&side, l.state(), startAt(now))) }))
	return Granted
}

// SetRule remembers which rule let a flow in at one end, by a number of the caller's.
func (s *Shard) SetRule(e *Entry, end End, number uint32) { s.rulesOf(e.number)[end] = number }

// setState sets what an end, the interface with that number, knows. What Tracked
// takes was reserved before. A flow that no end tracks has no windows; if it is
// tracked again, they begin in the middle.
func (s *Shard) setState(e *Entry, end End, number uint32, state SideState) {
	c := e.control()
	s.table.release(c.sides[end])
	c.sides[end].Interface, c.sides[end].State = number, state
	if !c.tracked() {
		c.sides[Low].marks &^= seen
		c.sides[High].marks &^= seen
	}
	e.setSide(Low, c.sides[Low])
	e.setSide(High, c.sides[High])
}
