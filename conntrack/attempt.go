package conntrack

import "gvisor.dev/gvisor/pkg/tcpip/header"

// An attempt is a SYN with a live flow's tuple that is not part of it: its
// sender may have lost the connection, unseen, and begin another.
type attempt struct {
	seq    uint32
	window uint16
	from   End
	state  uint8 // 0 if there is none; else 1, and the window scale's option if there is one
}

const (
	attempted  = 1 << iota
	withScale  // the SYN had the option
	scaleShift = 4
)

// Attempt remembers a SYN that rules alone have let through to the other end.
func (s *Shard) Attempt(e *Entry, g *Segment) {
	r := s.rare[e.number]
	r.attempt = attempt{seq: g.Seq, window: g.Window, from: g.From, state: attempted}
	if g.HasScale {
		r.attempt.state |= withScale | min(g.Scale, maxScale)<<scaleShift
	}
	s.setRare(e, r)
}

// accepts reports whether a segment is the answer to the attempt. Only who has
// got that SYN knows its number, so the flow is the new connection's from now on.
func (c *control) accepts(g *Segment) bool {
	const mask = header.TCPFlagSyn | header.TCPFlagAck | header.TCPFlagRst
	return c.attempt.state != 0 && g.From != c.attempt.from && g.Ack == c.attempt.seq+1 &&
		g.Flags&mask == header.TCPFlagSyn|header.TCPFlagAck
}

// restart makes the flow that of the attempt, whose SYN it sees only now. It gets another
// entry, since packets may be at work on the old connection's windows; nil if there is
// none left, so that the flow has gone.
func (s *Shard) restart(e *Entry, c *control) *Entry {
	a := c.attempt
	c.attempt = attempt{}
	c.origin, c.state = a.from, TCPSynSent
	c.sides[Low].marks, c.sides[High].marks = 0, 0
	c.observe(&Segment{
		From: a.from, Flags: header.TCPFlagSyn, Seq: a.seq, Window: a.window,
		HasScale: a.state&withScale != 0, Scale: a.state >> scaleShift,
	})
	to := s.move(e, c)
	if to == nil {
		s.remove(e)
		return nil
	}
	r := s.rare[to.number]
	r.attempt = attempt{}
	s.setRare(to, r)
	return to
}
