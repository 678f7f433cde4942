package gateway

import "github.com/sgate/sgate/stack"

// Fate is what becomes of a packet. The zero value is a drop.
type Fate uint8

// The fates. A packet that the gateway answers with an ICMP error was not
// dropped without a word: it counts as local.
const (
	Dropped   Fate = iota
	Forwarded      // written to another device
	Local          // handed to, or answered by, the gateway's own netstack
)

// String returns "dropped", "forwarded" or "local".
func (f Fate) String() string { return [...]string{"dropped", "forwarded", "local"}[f] }

// Reason says why a packet had its fate.
type Reason uint8

// The reasons. Up to ReasonWriteFailed they are those of drops, the parser's
// problems first; the others go with the other fates.
const (
	ReasonNotCompiled Reason = iota + Reason(stack.Problems) // the policy does not know the interface
	ReasonBadOffload                                         // the virtio header contradicts the packet
	ReasonMulticast                                          // multicast, broadcast or unspecified destination
	ReasonSourceCheck                                        // a source that is not the sender's own
	ReasonFragment                                           // a piece of a fragmented packet
	ReasonNoEgressRule
	ReasonNoIngressRule
	ReasonFlowTableFull
	ReasonNoRoute     // nobody has the destination address
	ReasonTTLExceeded // and no ICMP error was due
	ReasonTooBig      // for the device it would leave by, and no ICMP error was due
	ReasonWriteFailed // the device it would leave by did not take it

	ReasonRule          // rules admitted it
	ReasonFlow          // a live flow did
	ReasonNoGroups      // neither end has security groups
	ReasonRouterAddress // it was for the router itself
	ReasonTTLAnswered   // an ICMP time exceeded went back
	ReasonTooBigAnswered
	reasons
)

// Reasons is the number of values that Reason has.
const Reasons = int(reasons)

// String returns the reason in words that a counter's name can have.
func (r Reason) String() string {
	if int(r) < stack.Problems {
		return stack.Problem(r).String()
	}
	return [...]string{
		"interface_not_compiled", "bad_offload", "multicast", "source_check", "fragment",
		"no_egress_rule", "no_ingress_rule", "flow_table_full", "no_route", "ttl_exceeded", "too_big", "write_failed",
		"rule", "flow", "no_groups", "router_address", "ttl_exceeded_answered", "too_big_answered",
	}[int(r)-stack.Problems]
}
