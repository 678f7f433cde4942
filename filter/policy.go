package filter

import (
	"net/netip"

	"github.com/sgate/sgate/vpc"
)

// Policy is a compiled snapshot. It is immutable.
type Policy struct {
	snapshot *vpc.Snapshot
	*directory
	numbers *numbering
	groups  []*group // by number; nil where no group has it
	rules   int

	// What follows is asked about new flows, and laid out so that little of it
	// has to be in the cache.
	endpoints []endpoint
	members   []groupIndex // of endpoints with many groups
	summaries []summary    // by group
	tables    [2][]*table  // by direction and group

	acls []*networkACL // by subnet; nil for the default ACL, which allows all
	// aclEntries are the entries of all network ACLs; that with the number n
	// is at n-1.
	aclEntries []namedEntry
}

// endpoint is what packets need of an endpoint: half a cache line.
type endpoint struct {
	vpc    int32 // its place in directory.vpcs
	subnet int32 // its number from 0 on, or outside or gatewaysOwn
	kind   Kind
	anySrc bool // the source check is off
	// few are the groups that it is a member of, as many as count says. If
	// they are more than fit, few[0] is where they begin in Policy.members.
	count uint8
	few   [5]groupIndex
}

// groupsOf returns the groups that an endpoint is a member of.
func (p *Policy) groupsOf(e Endpoint) []groupIndex {
	of := &p.endpoints[e]
	if int(of.count) <= len(of.few) {
		return of.few[:of.count]
	}
	return p.members[of.few[0]:][:of.count]
}

// group is a security group, compiled.
type group struct {
	id     string
	rules  [2][]vpc.Rule // as they stand in the snapshot
	tables [2]*table
}

// Snapshot returns what the policy was compiled from.
func (p *Policy) Snapshot() *vpc.Snapshot { return p.snapshot }

// Rule returns the rule with that number; ok is false for NoRule.
func (p *Policy) Rule(r Rule) (rule vpc.Rule, ok bool) {
	order, d, at := r.place()
	if r < 0 || int(order) >= len(p.numbers.byOrder) {
		return vpc.Rule{}, false
	}
	number := p.numbers.byOrder[order]
	g := p.groups[number]
	if t := g.tables[d]; int(at) < len(t.order) && r == numberRule(t.widths[at], order, d, at) {
		return g.rules[d][t.order[at]], true
	}
	return vpc.Rule{}, false
}

// Rules returns the number of rules.
func (p *Policy) Rules() int { return p.rules }

// ByID returns the endpoint that is the interface or host with that id.
func (p *Policy) ByID(id string) Endpoint {
	if e, ok := p.byID[id]; ok {
		return e
	}
	return NoEndpoint
}

// Resolve returns the endpoint that addr means to the endpoint from, in from's
// VPC.
func (p *Policy) Resolve(from Endpoint, addr netip.Addr) Endpoint {
	return p.vpcs[p.endpoints[from].vpc].lookup(addr)
}

// ResolveIn returns the endpoint that addr means in the VPC with that id.
func (p *Policy) ResolveIn(vpcID string, addr netip.Addr) Endpoint {
	if i, ok := p.vpcByID[vpcID]; ok {
		return p.vpcs[i].lookup(addr)
	}
	return NoEndpoint
}

// Len returns the number of endpoints: they are numbered from 0 on.
func (p *Policy) Len() int { return len(p.endpoints) }

// SameEndpoints reports whether both policies have the same endpoints under the
// same numbers, with the same addresses, in the same places. They may still be
// members of other groups.
func (p *Policy) SameEndpoints(q *Policy) bool { return q != nil && p.directory == q.directory }

// Kind returns what the endpoint is.
func (p *Policy) Kind(e Endpoint) Kind { return p.endpoints[e].kind }

// ID returns the id of the interface or host; "" for the gateway's own.
func (p *Policy) ID(e Endpoint) string { return p.details[e].id }

// VPCID returns the id of the endpoint's VPC.
func (p *Policy) VPCID(e Endpoint) string { return p.details[e].vpcID }

// Addresses returns the endpoint's own addresses.
func (p *Policy) Addresses(e Endpoint) []netip.Addr { return p.details[e].addrs }

// Routers returns the addresses that the VPC router speaks to the endpoint from,
// IPv4 and IPv6: those of its own subnet, or for a host those of the VPC's first
// subnet with the family. An address is the zero Addr if there is none.
func (p *Policy) Routers(e Endpoint) [2]netip.Addr { return p.details[e].routers }

// Owns reports whether addr is one of the endpoint's own addresses.
func (p *Policy) Owns(e Endpoint, addr netip.Addr) bool { return p.Resolve(e, addr) == e }

// MaySend reports whether the endpoint may send a packet from src: from its
// own addresses, or from any if its source check is off (EC2 User Guide,
// source/destination checking).
func (p *Policy) MaySend(e Endpoint, src netip.Addr) bool {
	return p.endpoints[e].anySrc || p.Owns(e, src)
}
