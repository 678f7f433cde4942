package conntrack

import "gvisor.dev/gvisor/pkg/tcpip/header"

// stream is what is known of one direction of a TCP connection. All but the
// window are sequence numbers of the end that sends it.
//
// The checks are those of G. van Rooij, "Real Stateful TCP Packet Filtering in
// IP Filter" (2001), which Linux's tracker has too: they follow from what both
// ends have sent and offered, and hold for every segment that a conforming
// peer sends.
type stream struct {
	end    uint32 // the highest that was sent, plus 1
	limit  uint32 // the highest that the other end has let it send, plus 1
	acked  uint32 // the highest that the other end has acknowledged
	window uint32 // the largest that this end has offered the other, in bytes
}

// mark is a set of what is known of an end's part in a TCP connection.
type mark uint8

const (
	seen     mark = 1 << iota // a segment of it was held against its stream
	scales                    // its SYN had a window scale option
	acks                      // it has sent an ACK
	finished                  // it has sent its FIN
	guessed                   // first seen in the middle: it may have sent more than was seen
)

func (m mark) has(all mark) bool { return m&all == all }

const (
	// maxScale is the largest window scale (RFC 7323, section 2.3). It is
	// taken for that of a connection whose SYNs were not seen.
	maxScale = 14
	// largestWindow is what a window can be with it, in bytes.
	largestWindow = 0xffff << maxScale
	// minAckWindow is how far behind the highest sequence number an ACK may
	// be, whatever the window: the ACKs of a window before it may be late.
	minAckWindow = 66000
)

// before reports whether a comes before b in sequence space (RFC 9293, section
// 3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }

// later returns the later of two sequence numbers.
func later(a, b uint32) uint32 {
	if before(a, b) {
		return b
	}
	return a
}

func (g *Segment) has(flags header.TCPFlags) bool { return g.Flags&flags == flags }

// Opens reports whether the segment is a SYN without an ACK.
func (g *Segment) Opens() bool {
	const mask = header.TCPFlagSyn | header.TCPFlagAck | header.TCPFlagRst
	return g.Flags&mask == header.TCPFlagSyn
}

// end returns the sequence number after the segment's last.
func (g *Segment) end() uint32 {
	end := g.Seq + uint32(g.Payload)
	if g.has(header.TCPFlagSyn) {
		end++
	}
	if g.has(header.TCPFlagFin) {
		end++
	}
	return end
}

// fits reports whether a packet is part of the flow; see Shard.Fits.
func (c *control) fits(g *Segment) bool {
	if !c.tcp {
		return true
	}
	own, other := c.sides[g.From].marks, c.sides[g.From.Opposite()].marks
	switch {
	case !own.has(seen) && !other.has(seen):
		return true // nothing is known
	case !own.has(seen):
		return c.fitsFirst(g)
	case c.accepts(g):
		return true
	case c.state == TCPSynSent && g.From == c.origin && g.Opens():
		return true // sent again, or a new attempt on the old tuple
	}
	// Its sequence numbers are held against what its sender was let to send, and one
	// more, for probes of a closed window; and against what the other end may still be
	// waiting for.
	sender, receiver := &c.streams[g.From], &c.streams[g.From.Opposite()]
	if before(sender.limit, g.Seq) || before(g.end(), sender.end-receiver.window-1) {
		return false
	}
	return !g.has(header.TCPFlagAck) || !other.has(seen) || c.acksInside(g)
}

// acksInside holds a segment's ACK against what the other end has sent.
func (c *control) acksInside(g *Segment) bool {
	sender, receiver := &c.streams[g.From], &c.streams[g.From.Opposite()]
	highest := receiver.end
	if c.sides[g.From.Opposite()].marks.has(guessed) {
		highest = receiver.limit
	}
	return !before(highest, g.Ack) && !before(g.Ack, receiver.end-max(sender.window, minAckWindow)-1)
}

// fitsFirst holds the first segment of the answering end against what the
// opener has sent.
func (c *control) fitsFirst(g *Segment) bool {
	opener := &c.streams[g.From.Opposite()]
	if c.state != TCPSynSent { // picked up: the opener's ACK has told where this end is
		distance := g.Seq - c.streams[g.From].end
		return (distance <= largestWindow || -distance <= largestWindow) && (!g.has(header.TCPFlagAck) || c.acksInside(g))
	}
	switch {
	case !g.has(header.TCPFlagAck):
		return g.Opens() // both opened at once
	case g.Flags&(header.TCPFlagSyn|header.TCPFlagRst) == 0:
		// An end that takes the tuple for an older connection says so with a
		// bare ACK, which the opener resets (RFC 9293, section 3.10.7.4).
		return g.Payload == 0
	}
	// A SYN-ACK or a refusal acknowledges the SYN, if not its data.
	return before(opener.acked, g.Ack) && !before(opener.end, g.Ack)
}

// observe takes a segment that fits into the streams.
func (c *control) observe(g *Segment) {
	own, other := &c.sides[g.From], &c.sides[g.From.Opposite()]
	sender, receiver := &c.streams[g.From], &c.streams[g.From.Opposite()]
	switch {
	case g.Flags&(header.TCPFlagSyn|header.TCPFlagRst) == 0 && own.marks.has(seen):
		// Nothing begins or ends: nearly all segments.
	case g.has(header.TCPFlagRst):
		return // the last of its stream, if that
	case c.state == TCPSynSent && g.From == c.origin && g.Opens() && g.Seq != sender.acked,
		g.has(header.TCPFlagSyn) && !own.marks.has(seen) && (!other.marks.has(seen) || c.state == TCPSynSent):
		c.startAtSYN(g)
	case own.marks.has(seen):
	case !other.marks.has(seen):
		c.startInTheMiddle(g)
	case c.state == TCPSynSent:
		return // the bare ACK of an older connection
	}
	own.marks |= seen
	window := uint32(g.Window)
	if !g.has(header.TCPFlagSyn) {
		window <<= own.scale
	}
	sender.window = max(sender.window, window)
	sender.end = later(sender.end, g.end())
	if g.has(header.TCPFlagAck) {
		receiver.acked = later(receiver.acked, g.Ack)
		receiver.limit = later(receiver.limit, g.Ack+window)
	}
}

// startAtSYN begins a stream whose SYN is at hand.
func (c *control) startAtSYN(g *Segment) {
	own, other := &c.sides[g.From], &c.sides[g.From.Opposite()]
	receiver := &c.streams[g.From.Opposite()]
	c.anew = true
	c.streams[g.From] = stream{end: g.end(), limit: g.end() + receiver.window, acked: g.Seq}
	own.scale = 0
	own.marks &^= scales
	if g.HasScale {
		own.marks |= scales
		own.scale = min(g.Scale, maxScale)
	}
	switch {
	case g.has(header.TCPFlagAck) && !other.marks.has(seen):
		// Only the answer of the handshake was seen so far.
		receiver.end, receiver.acked, receiver.limit = g.Ack, g.Ack, g.Ack
		own.scale, other.scale = maxScale, maxScale
	case other.marks.has(seen) && !(own.marks & other.marks).has(scales):
		own.scale, other.scale = 0, 0 // it takes both (RFC 7323, section 2.2)
	}
}

// startInTheMiddle begins both streams of a connection that is older than the
// flow. How far its ends are, and their window scales, is not known: either may
// have sent as much as the largest window lets it.
func (c *control) startInTheMiddle(g *Segment) {
	c.anew = true
	for e, end := range [2]uint32{g.end(), g.Ack} {
		e := g.From ^ End(e)
		c.sides[e].scale = maxScale
		c.sides[e].marks |= guessed
		c.streams[e] = stream{end: end, limit: end + largestWindow, acked: end, window: largestWindow}
	}
	c.streams[g.From].acked = g.Seq
}

// resets reports whether a segment that fits is a RST that its receiver obeys:
// one with exactly the sequence number that is due, or the refusal of a SYN. Any
// other RST within the window makes the receiver ask back (RFC 5961, section 3),
// so that it ends nothing.
func (c *control) resets(g *Segment) bool {
	if !g.has(header.TCPFlagRst) {
		return false
	}
	if !c.sides[g.From].marks.has(seen) {
		return true
	}
	sender := &c.streams[g.From]
	return g.Seq == sender.end || g.Seq == sender.acked && c.sides[g.From.Opposite()].marks.has(acks)
}
