package gateway

import (
	"github.com/sgate/sgate/fragment"
	"github.com/sgate/sgate/stack"
)

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

// The reasons begin with those of packages stack and fragment: the parser's
// problems, then those of the pieces of fragmented packets.
const firstFragmentReason = Reason(stack.Problems)

// The gateway's own reasons for a drop, then those that go with the other fates.
const (
	ReasonNotCompiled           Reason = iota + firstFragmentReason + Reason(fragment.Problems) // the policy does not know the interface
	ReasonBadOffload                                                                            // the virtio header contradicts the packet
	ReasonLand                                                                                  // sent to its own source
	ReasonMartianSource                                                                         // a source that no machine has
	ReasonMulticast                                                                             // a VPC delivers none
	ReasonBroadcast                                                                             // nor broadcast, nor to the unspecified address
	ReasonSourceCheck                                                                           // a source that is not the sender's own
	ReasonBadTransportChecksum                                                                  // of TCP, UDP or ICMP
	ReasonBadNeighbourDiscovery                                                                 // from another link, or in another's name
	ReasonNoEgressRule
	ReasonNoIngressRule
	ReasonNetworkACLEgress      // of the sender's subnet
	ReasonNetworkACLIngress     // of the receiver's subnet
	ReasonOutOfWindow           // a TCP segment that is not part of its live flow, and that no rule admits
	ReasonMidstream             // TCP without a SYN that belongs to no flow, where that is not let in
	ReasonICMPErrorAboutNothing // an ICMP error that quotes nothing that its addressee can have sent
	ReasonFlowTableFull         // max_flows
	ReasonAllowanceExceeded     // of tracked flows, of the sender or the receiver
	ReasonLinkLocalExceeded     // too many packets to DNS, metadata and time
	ReasonNoRoute               // nobody has the destination address
	ReasonTTLExceeded           // and no ICMP error was due
	ReasonTooBig                // for the device it would leave by, and no ICMP error was due
	ReasonWriteFailed           // the device it would leave by did not take it

	ReasonRule               // rules admitted it
	ReasonFlow               // a live flow did
	ReasonRelated            // it is an ICMP error about one
	ReasonNoGroups           // neither end has security groups
	ReasonRouterAddress      // it was for the router itself
	ReasonServiceAddress     // or for one of AWS's services: DNS, metadata, time, DHCP
	ReasonNeighbourDiscovery // of IPv6, which is the router's to answer
	ReasonTTLAnswered        // an ICMP time exceeded went back
	ReasonTooBigAnswered
	reasons
)

// Reasons is the number of values that Reason has.
const Reasons = int(reasons)

// IsReason reports whether the value is a reason at all: those at which packages
// stack and fragment have no problem are none.
func (r Reason) IsReason() bool {
	return r < reasons && r != Reason(stack.Parsed) && r != firstFragmentReason
}

// IsDrop reports whether it is a reason for a drop.
func (r Reason) IsDrop() bool { return r.IsReason() && r <= ReasonWriteFailed }

// Fate returns the fate that goes with the reason.
func (r Reason) Fate() Fate {
	switch {
	case r <= ReasonWriteFailed:
		return Dropped
	case r <= ReasonNoGroups:
		return Forwarded
	}
	return Local
}

// String returns the reason in words that a counter's name can have. Those of
// used-up allowances are what AWS's driver calls them (EC2 User Guide, ENA
// metrics).
func (r Reason) String() string {
	switch {
	case r < firstFragmentReason:
		return stack.Problem(r).String()
	case r < ReasonNotCompiled:
		return fragment.Problem(r - firstFragmentReason).String()
	}
	return [...]string{
		"interface_not_compiled", "bad_offload", "land", "martian_source", "multicast", "broadcast", "source_check",
		"bad_transport_checksum", "bad_neighbour_discovery",
		"no_egress_rule", "no_ingress_rule", "network_acl_egress", "network_acl_ingress",
		"tcp_out_of_window", "tcp_midstream", "icmp_error_about_nothing",
		"flow_table_full", "conntrack_allowance_exceeded", "linklocal_allowance_exceeded",
		"no_route", "ttl_exceeded", "too_big", "write_failed",
		"rule", "flow", "related", "no_groups", "router_address", "service_address", "neighbour_discovery",
		"ttl_exceeded_answered", "too_big_answered",
	}[r-ReasonNotCompiled]
}
