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
func (f *Flow) Attempt(g *Segment) {
	f.attempt = attempt{seq: g.Seq, window: g.Window, from: g.From, state: attempted}
	if g.HasScale {
		f.attempt.state |= withScale | min(g.Scale, maxScale)<<scaleShift
	}
}

// accepts reports whether a segment is the answer to the attempt. Only who has
// got that SYN knows its number, so the flow is the new connection's from now on.
func (f *Flow) accepts(g *Segment) bool {
	const mask = header.TCPFlagSyn | header.TCPFlagAck | header.TCPFlagRst
	return f.attempt.state != 0 && g.From != f.attempt.from && g.Ack == f.attempt.seq+1 &&
		g.Flags&mask == header.TCPFlagSyn|header.TCPFlagAck
}

// restart makes the flow that of the attempt, whose SYN it sees only now.
func (f *Flow) restart() {
	a := f.attempt
	f.attempt = attempt{}
	f.origin, f.state = a.from, TCPSynSent
	f.sides[Low].marks, f.sides[High].marks = 0, 0
	f.observe(&Segment{
		From: a.from, Flags: header.TCPFlagSyn, Seq: a.seq, Window: a.window,
		HasScale: a.state&withScale != 0, Scale: a.state >> scaleShift,
	})
}
