package gateway

import (
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// Event is what became of a packet, and why: the data path's own decision, for
// whoever watches it (see [Gateway.Watch]) or tries a packet ([Gateway.Try]).
//
// A super-packet is one event that stands for several packets. The sum of the
// events of a port, by fate and reason, is what its counters have grown by.
type Event struct {
	Time   int64 // ns of the gateway's clock, see Gateway.Now
	Fate   Fate
	Reason Reason

	In  *Port // that the packet came in by; nil if it is only tried and its sender has no device, see Source
	Out *Port // the destination's; nil where nobody with a device has the address, or nobody was asked

	// Packet is the packet's headers and Data its bytes from the IP header on,
	// as it left if it was forwarded, or was to leave, else as it came. Of a
	// malformed packet Packet is what could be read. Of a piece of a fragmented
	// packet, Packet is the whole's if there was one. Of pieces that never
	// became a whole both may be nil; Packets and Bytes say how many they were.
	Packet *stack.Packet
	Data   []byte

	Packets int // that it stands for
	Bytes   int // of Data: a super-packet's headers are there once

	// Policy is what the packet was judged by, and Generation its number; nil
	// before the first Apply.
	Policy     *filter.Policy
	Generation uint64
	VPCID      string // the sender's, "" if the policy does not know it

	gateway *Gateway
	vpc     uint16 // the gateway's number of it
	from    filter.Endpoint
	trail   trail
}

// trail is what is noted of a packet on its way to a decision.
type trail struct {
	answers [2]SideAnswer   // by vpc.Direction
	to      filter.Endpoint // what the destination address means
}

// SideAnswer is what one end, the sender's or the receiver's, had to say of a
// packet.
type SideAnswer uint8

// The answers. The sender's end is asked first, the receiver's only if the
// sender's lets the packet out and network ACLs let it pass.
const (
	SideNotAsked SideAnswer = iota // the packet's fate fell before
	SideNoGroups                   // it has no security groups, as a host outside the VPC
	SideRule                       // a rule admits the packet
	SideFlow                       // it tracks the flow that the packet is part of, or is an error about
	SideNoRule                     // no rule admits the packet
)

// String returns "not_asked", "no_groups", "rule", "flow" or "no_rule".
func (a SideAnswer) String() string {
	return [...]string{"not_asked", "no_groups", "rule", "flow", "no_rule"}[a]
}

// Side is one end's answer and the rule that it comes from.
type Side struct {
	Answer SideAnswer
	// RuleID is the id of the narrowest rule that admits the packet or, with
	// SideFlow, of the one that let the flow in at this end, which may be gone
	// by then. It is "" where no rule did, and where the flow has ended
	// meanwhile.
	RuleID string
}

// From returns the endpoint of Policy that sent the packet, filter.NoEndpoint if
// Policy does not know it.
func (e *Event) From() filter.Endpoint { return e.from }

// To returns the endpoint of Policy that has the destination address,
// filter.NoEndpoint if nobody has, or if the packet's fate fell before that was
// asked.
func (e *Event) To() filter.Endpoint { return e.trail.to }

// Flow returns the packet as rules see it. Packet must not be nil.
func (e *Event) Flow() filter.Flow { return asFlow(e.Packet, e.from, e.trail.to) }

// asFlow returns a packet between two endpoints as rules see it.
func asFlow(p *stack.Packet, from, to filter.Endpoint) filter.Flow {
	return filter.Flow{
		From: from, To: to, Src: p.Src, Dst: p.Dst,
		Protocol: p.Protocol, HasTransport: p.HasTransport,
		SrcPort: p.SrcPort, DstPort: p.DstPort, ICMPType: p.ICMPType, ICMPCode: p.ICMPCode,
	}
}

// Side returns the answer of the sender's end (vpc.Egress) or the receiver's
// (vpc.Ingress). The rule is looked up now, which costs about as much as a new
// flow does.
func (e *Event) Side(d vpc.Direction) Side {
	s := Side{Answer: e.trail.answers[d]}
	switch s.Answer {
	case SideRule:
		s.RuleID = e.admittedBy(d)
	case SideFlow:
		s.RuleID = e.letInBy(d)
	}
	return s
}

// admittedBy returns the id of the narrowest rule that admits the packet.
func (e *Event) admittedBy(d vpc.Direction) string {
	// By name: a method value, and the flow with it, would be allocated.
	f, number := e.Flow(), filter.NoRule
	if d == vpc.Egress {
		number = e.Policy.Egress(&f).Rule
	} else {
		number = e.Policy.Ingress(&f).Rule
	}
	rule, _ := e.Policy.Rule(number)
	return rule.ID
}

// letInBy returns the id of the rule that let in the packet's flow, or that which
// the packet is an error about.
func (e *Event) letInBy(d vpc.Direction) string {
	key, end, ok := flowKey(e.vpc, e.Packet, e.Data)
	if !ok {
		return ""
	}
	if d == vpc.Ingress {
		end = end.Opposite()
	}
	flows := e.gateway.flows
	hash := flows.Hash(&key)
	shard := flows.Lock(hash)
	defer shard.Unlock()
	live := shard.Find(&key, hash, e.Time)
	if live == nil {
		return ""
	}
	return e.gateway.ruleNumbers.id(e.gateway.name(shard, live, e.Time)[end])
}
