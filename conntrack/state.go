package conntrack

import (
	"fmt"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// State is how far a flow has come.
type State uint8

// The states of flows, by protocol. A new flow is in the first one of its
// protocol's.
const (
	TCPSynSent     State = iota // only the opener has spoken
	TCPSynReceived              // both have, the handshake is not complete
	TCPPickedUp                 // first seen in its middle, one end has spoken
	TCPEstablished
	TCPFinWait  // one end has sent its FIN
	TCPTimeWait // both have
	TCPClosed   // reset
	UDPOneWay
	UDPAnswered // one request and one response
	UDPAskedAgain
	UDPStream // more than one request and response
	ICMPAsked
	ICMPAnswered
	OtherOneWay
	OtherAnswered
	states
)

// String returns the state's name.
func (s State) String() string {
	return [...]string{
		"SYN_SENT", "SYN_RECEIVED", "PICKED_UP", "ESTABLISHED", "FIN_WAIT", "TIME_WAIT", "CLOSED",
		"ONE_WAY", "ANSWERED", "ANSWERED", "STREAM", "ASKED", "ANSWERED", "ONE_WAY", "ANSWERED",
	}[s]
}

// yields reports whether a flow in this state makes room for a newcomer when
// the table is full: one that nobody has answered, whose handshake is not
// complete, or that is over. An established flow never does.
func (s State) yields() bool {
	switch s {
	case TCPSynSent, TCPSynReceived, TCPPickedUp, TCPTimeWait, TCPClosed, UDPOneWay, ICMPAsked, OtherOneWay:
		return true
	}
	return false
}

// over reports whether a TCP flow has ended, so that a SYN on its tuple opens
// a new one.
func (s State) over() bool { return s == TCPTimeWait || s == TCPClosed }

// Timeouts are how long a flow lives without a packet.
type Timeouts struct {
	TCPEstablished time.Duration // AWS: 432,000 s, configurable from 60 s
	TCPOpening     time.Duration // until the handshake is complete
	TCPClosing     time.Duration // after the first FIN
	TCPReset       time.Duration // after a RST
	UDP            time.Duration // AWS: 30 s
	UDPStream      time.Duration // AWS: 180 s
	ICMP           time.Duration
	Other          time.Duration // AWS: 600 s
}

// DefaultTimeouts returns AWS's values (EC2 User Guide, connection tracking:
// idle timeouts), and Linux's where AWS documents none.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		TCPEstablished: 432_000 * time.Second,
		TCPOpening:     60 * time.Second,
		TCPClosing:     120 * time.Second,
		TCPReset:       10 * time.Second,
		UDP:            30 * time.Second,
		UDPStream:      180 * time.Second,
		ICMP:           30 * time.Second,
		Other:          600 * time.Second,
	}
}

// maxTimeout is the longest that ticks can tell from the past.
const maxTimeout = 24 * 24 * time.Hour

// Validate reports a timeout that is not positive, or longer than 24 days.
func (t Timeouts) Validate() error {
	for _, d := range t.byState() {
		if d <= 0 || d > maxTimeout {
			return fmt.Errorf("conntrack: timeout of %v: want more than 0, and at most %v", d, maxTimeout)
		}
	}
	return nil
}

// byState lays the timeouts out for look-up.
func (t Timeouts) byState() [states]time.Duration {
	return [states]time.Duration{
		TCPSynSent: t.TCPOpening, TCPSynReceived: t.TCPOpening, TCPPickedUp: t.TCPOpening,
		TCPEstablished: t.TCPEstablished, TCPFinWait: t.TCPClosing, TCPTimeWait: t.TCPClosing, TCPClosed: t.TCPReset,
		UDPOneWay: t.UDP, UDPAnswered: t.UDP, UDPAskedAgain: t.UDP, UDPStream: t.UDPStream,
		ICMPAsked: t.ICMP, ICMPAnswered: t.ICMP, OtherOneWay: t.Other, OtherAnswered: t.Other,
	}
}

// firstState returns the state of a flow whose first packet is at hand.
func (k *Key) firstState(g *Segment) State {
	switch {
	case k.isTCP():
		switch {
		case g.has(header.TCPFlagRst):
			return TCPClosed
		case !g.has(header.TCPFlagSyn):
			return TCPPickedUp
		case g.has(header.TCPFlagAck):
			return TCPSynReceived
		}
		return TCPSynSent
	case k.protocol() == uint8(header.UDPProtocolNumber):
		return UDPOneWay
	case k.request() != 0: // either protocol of ICMP may be in the other family, and is a number there
		return ICMPAsked
	}
	return OtherOneWay
}

// next returns the state after a packet of the flow.
func (c *control) next(g *Segment) State {
	answer := g.From != c.origin
	switch c.state {
	case UDPOneWay, ICMPAsked, OtherOneWay:
		if answer {
			return c.state + 1
		}
	case UDPAnswered:
		if !answer {
			return UDPAskedAgain
		}
	case UDPAskedAgain:
		if answer {
			return UDPStream
		}
	case TCPSynSent, TCPSynReceived, TCPPickedUp, TCPEstablished, TCPFinWait:
		if !g.Undelivered {
			return c.nextTCP(g, answer)
		}
	}
	return c.state
}

// nextTCP is next for TCP. What the other end never gets moves nothing, so the
// segment was delivered.
func (c *control) nextTCP(g *Segment, answer bool) State {
	fin, other := g.has(header.TCPFlagFin), c.sides[g.From.Opposite()].marks
	unanswered := !answer && (c.state == TCPSynSent || c.state == TCPPickedUp)
	switch {
	case g.has(header.TCPFlagRst):
		return TCPClosed // Update lets no other through
	case fin && other.has(finished):
		return TCPTimeWait
	case fin && unanswered:
		// One machine alone must not make a flow that never yields.
	case fin, c.state == TCPPickedUp && answer && other.has(finished):
		return TCPFinWait
	case c.state == TCPSynSent && answer && g.has(header.TCPFlagSyn):
		return TCPSynReceived
	case c.state == TCPSynReceived && g.has(header.TCPFlagAck) && other.has(acks):
		return TCPEstablished // each has acknowledged the other's SYN
	case c.state == TCPPickedUp && answer:
		return TCPEstablished
	}
	return c.state
}
