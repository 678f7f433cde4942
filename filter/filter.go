// Package filter compiles a snapshot of the resources into a [Policy], which
// judges flows: flow in, verdict out, nothing else.
//
// Compile is a pure function of the snapshot, with no history, and a policy
// never changes afterwards, so any number of goroutines may ask it. Update is
// the same function, given a policy from which to take what has not changed.
//
// How it is laid out, and why a verdict costs hardly more with a hundred
// thousand rules than with ten:
//
//   - An address resolves to its endpoint by one look-up in its VPC's table. An
//     endpoint is a network interface, a host outside the VPC, or the gateway
//     itself: as the VPC router, or as the services that AWS offers at fixed
//     addresses. What the gateway receives is never filtered, so it is not
//     asked about.
//   - Each group has two tables, one a direction. An interface asks those of
//     its own groups, five at most unless AWS raised the limit.
//   - A table finds the rules for a peer by its identity: by the prefixes that
//     cover its address, and by the groups that it is a member of. A rule that
//     names a group is never expanded into addresses.
//   - What it finds is a set of services: ports as disjoint intervals, ICMP
//     types and codes and protocol numbers by key. Equal sets are one.
//
// With many groups, a new flow waits for memory more than for anything else. So
// what is asked about each group first fits a cache line, a table says by few
// bits that it knows nothing of a peer, and keys are looked for several at a
// time.
//
// The packet path asks by DecideEgress and DecideIngress, which stop at the first
// rule that admits a flow. Egress and Ingress search the same tables to the end
// and name the narrowest.
//
// Rules are numbered from the narrowest to the widest; where several admit a
// flow, the lowest number is the one that is named.
//
// Network ACLs are apart from that, as they are in AWS: stateless, at the border
// of a subnet, asked about every packet by ACLEgress and ACLIngress, and first
// of all by HasACL whether there is anything to ask. Judge knows nothing of
// them.
//
// The package imports vpc only.
package filter

import (
	"net/netip"
)

// Endpoint is the number of an endpoint within one Policy.
type Endpoint int32

// NoEndpoint stands for an address that nothing in the VPC has.
const NoEndpoint Endpoint = -1

// Kind is what an endpoint is.
type Kind uint8

// The kinds of endpoint.
const (
	KindInterface Kind = iota // a network interface, with security groups
	KindHost                  // a machine outside the VPC
	KindRouter                // the gateway itself, as the VPC router in a subnet
	KindService               // the gateway itself, as AWS's services in a VPC (vpc.VPC.Services)
)

// Flow is what is judged: one packet's addresses, protocol and ports, and the
// endpoint that sent it.
type Flow struct {
	// From is the endpoint whose device the packet came in by. Group
	// references match by it, never by the source address alone.
	From     Endpoint
	To       Endpoint // what Dst resolves to in From's VPC
	Src, Dst netip.Addr
	Protocol uint8
	// HasTransport says that the fields below are known. Without them, a
	// flow of TCP, UDP or ICMP meets only rules that need none.
	HasTransport       bool
	SrcPort, DstPort   uint16
	ICMPType, ICMPCode uint8
}

// Decision is one side's answer. The zero value is a drop.
type Decision uint8

// The decisions.
const (
	Drop     Decision = iota // no rule of the side admits the flow, or an entry of its network ACL denies it
	Allow                    // a rule admits it, or an entry allows it
	NotAsked                 // the side has no security groups, or no network ACL
)

// Side is the answer of one end of a flow: its interface's egress rules for
// the sender, its ingress rules for the receiver.
type Side struct {
	Decision Decision
	// Rule is the number of the rule that admits the flow; NoRule otherwise.
	Rule Rule
	// Untracked says that the flow needs no connection tracking at this end,
	// because open rules admit both of its directions (EC2 User Guide,
	// connection tracking).
	Untracked bool
}

// Passes reports whether the side lets the flow through.
func (s Side) Passes() bool { return s.Decision != Drop }

// Answer is a side without the rule that it was decided by.
type Answer struct {
	Decision  Decision
	Untracked bool // see Side
}

// Passes reports whether the side lets the flow through.
func (a Answer) Passes() bool { return a.Decision != Drop }

// Verdict is what becomes of a flow, and why.
type Verdict struct {
	Egress  Side // of From
	Ingress Side // of To; Drop with NoRule if Egress drops
}

// Allowed reports whether both sides let the flow through.
func (v Verdict) Allowed() bool { return v.Egress.Passes() && v.Ingress.Passes() }
