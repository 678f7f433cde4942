// Package filter compiles a snapshot of the resources into a [Policy], which
// judges flows: flow in, verdict out, nothing else.
//
// Compile is a pure function of the snapshot, with no history, and a policy
// never changes afterwards, so any number of goroutines may ask it.
//
// How it is laid out, and why a verdict costs the same with ten rules as with
// a hundred thousand:
//
//   - An address resolves to its endpoint by one look-up in its VPC's map. An
//     endpoint is a network interface, a host outside the VPC, or the gateway
//     itself: as the VPC router, or as the services that AWS offers at fixed
//     addresses. What the gateway receives is never filtered, so it is not
//     asked about.
//   - Each group has two tables, one a direction. An interface asks those of
//     its own groups, five at most unless AWS raised the limit.
//   - A table finds the rules for a peer by its identity: CIDRs by longest
//     prefix (each prefix leads to the next one that covers it), groups by the
//     peer's memberships. A rule that names a group is never expanded into
//     addresses.
//   - What it finds is a set of services: ports as disjoint intervals, ICMP
//     types and codes and protocol numbers as maps.
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

	"github.com/sgate/sgate/vpc"
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

// Rule is the number of a rule within one Policy; the lower, the narrower.
type Rule int32

// NoRule is where no rule matched. It is higher than every rule's number.
const NoRule Rule = 1<<31 - 1

// Verdict is what becomes of a flow, and why.
type Verdict struct {
	Egress  Side // of From
	Ingress Side // of To; Drop with NoRule if Egress drops
}

// Allowed reports whether both sides let the flow through.
func (v Verdict) Allowed() bool { return v.Egress.Passes() && v.Ingress.Passes() }

// Judge asks both ends of the flow.
func (p *Policy) Judge(f *Flow) Verdict {
	v := Verdict{Egress: p.Egress(f), Ingress: Side{Rule: NoRule}}
	if v.Egress.Passes() {
		v.Ingress = p.Ingress(f)
	}
	return v
}

// Egress asks the rules of the interface that sends the flow.
func (p *Policy) Egress(f *Flow) Side { return p.ask(vpc.Egress, f.From, f.To, f.Dst, f) }

// Ingress asks the rules of the interface that receives the flow.
func (p *Policy) Ingress(f *Flow) Side {
	peer := f.From
	if peer >= 0 && !p.Owns(peer, f.Src) {
		peer = NoEndpoint // a forwarder: its groups are not the sender's
	}
	return p.ask(vpc.Ingress, f.To, peer, f.Src, f)
}

// ask judges one side: self is the interface whose rules are asked, peer and
// addr are the other end.
func (p *Policy) ask(d vpc.Direction, self, peer Endpoint, addr netip.Addr, f *Flow) Side {
	if self < 0 || p.endpoints[self].kind != KindInterface {
		return Side{Decision: NotAsked, Rule: NoRule}
	}
	own := p.endpoints[self].groups
	var memberships []groupIndex
	if peer >= 0 {
		memberships = p.endpoints[peer].groups
	}
	rule := NoRule
	for _, g := range own {
		rule = min(rule, p.groups[g][d].match(addr, memberships, f))
	}
	if rule == NoRule {
		return Side{Rule: NoRule}
	}
	return Side{Decision: Allow, Rule: rule, Untracked: p.untracked(d, own, addr, f)}
}

// untracked reports whether a TCP or UDP flow, admitted in direction d by the
// groups own, needs no tracking: its first packet's direction has a rule for
// everywhere that admits it, and the opposite direction one for everywhere and
// all ports. The packet at hand may be the first one's answer, so both readings
// are tried.
func (p *Policy) untracked(d vpc.Direction, own []groupIndex, addr netip.Addr, f *Flow) bool {
	if protocol := vpc.Protocol(f.Protocol); !f.HasTransport || !protocol.HasPorts() {
		return false
	}
	answer := *f
	answer.SrcPort, answer.DstPort = f.DstPort, f.SrcPort
	var admits, allPorts [2]bool // there, back
	for _, g := range own {
		there, back := p.groups[g][d].open[family(addr)], p.groups[g][d.Opposite()].open[family(addr)]
		admits[0] = admits[0] || there.match(f) != NoRule
		admits[1] = admits[1] || back.match(&answer) != NoRule
		allPorts[0] = allPorts[0] || there.allPorts(f.Protocol)
		allPorts[1] = allPorts[1] || back.allPorts(f.Protocol)
	}
	return admits[0] && allPorts[1] || admits[1] && allPorts[0]
}
