package filter

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// Policy is a compiled snapshot. It is immutable.
type Policy struct {
	snapshot  *vpc.Snapshot
	rules     []vpc.Rule // by number
	groups    []ruleset
	endpoints []endpoint
	byID      map[string]Endpoint
	vpcs      map[string]*addresses
	// aclEntries are the entries of all network ACLs; that with the number n
	// is at n-1.
	aclEntries []namedEntry
}

type endpoint struct {
	kind   Kind
	anySrc bool // the source check is off
	vpc    *addresses
	place  place
	groups []groupIndex // that the interface is a member of
	id     string       // of the interface or host; "" for the gateway's own
	vpcID  string
	addrs  []netip.Addr
	// routers are the VPC router's addresses nearest to it: IPv4, IPv6.
	routers [2]netip.Addr
}

// groupIndex is the number of a security group within one policy.
type groupIndex int32

// addresses is what the addresses of one VPC mean. IPv4 has a map of its own,
// keyed by 4 bytes, because hashing is most of a look-up's cost.
type addresses struct {
	v4 map[[4]byte]Endpoint
	v6 map[[16]byte]Endpoint
}

func (a *addresses) set(addr netip.Addr, e Endpoint) {
	if addr.Is4() {
		a.v4[addr.As4()] = e
	} else {
		a.v6[addr.As16()] = e
	}
}

func (a *addresses) lookup(addr netip.Addr) Endpoint {
	var e Endpoint
	var ok bool
	if addr.Is4() {
		e, ok = a.v4[addr.As4()]
	} else {
		e, ok = a.v6[addr.As16()]
	}
	if !ok {
		return NoEndpoint
	}
	return e
}

// Compile turns a snapshot into a policy.
func Compile(s *vpc.Snapshot) *Policy {
	p := &Policy{snapshot: s, byID: make(map[string]Endpoint), vpcs: make(map[string]*addresses)}
	c := newCompiler(s)
	p.rules, p.groups = c.rules, c.rulesets()
	for _, v := range s.VPCs() {
		p.vpcs[v.ID] = &addresses{v4: make(map[[4]byte]Endpoint), v6: make(map[[16]byte]Endpoint)}
		p.add(endpoint{kind: KindService, vpcID: v.ID, addrs: v.Services(), place: place{subnet: gatewaysOwn}})
	}
	for _, n := range s.Subnets() {
		p.add(endpoint{kind: KindRouter, vpcID: n.VPCID, addrs: n.Router(), place: place{subnet: gatewaysOwn}})
	}
	near, places := nearestRouters(s), p.compileACLs(s)
	for _, nic := range s.Interfaces() {
		p.byID[nic.ID] = p.add(endpoint{
			kind: KindInterface, id: nic.ID, vpcID: nic.VPCID, addrs: nic.Addresses, routers: near[nic.SubnetID],
			anySrc: !nic.SourceDestCheck, groups: c.indexes(nic.GroupIDs), place: places[nic.SubnetID],
		})
	}
	for _, h := range s.Hosts() {
		p.byID[h.ID] = p.add(endpoint{
			kind: KindHost, id: h.ID, vpcID: h.VPCID, addrs: h.Addresses, routers: near[h.VPCID], place: place{subnet: outside},
		})
	}
	return p
}

// nearestRouters returns the router's addresses, IPv4 and IPv6, by the id of
// the subnet, for what is in it, and by that of the VPC, for what is outside:
// those of its first subnet with the family.
func nearestRouters(s *vpc.Snapshot) map[string][2]netip.Addr {
	near := make(map[string][2]netip.Addr)
	for _, n := range s.Subnets() {
		own, first := near[n.ID], near[n.VPCID]
		for _, addr := range n.Router() {
			own[family(addr)] = addr
			if !first[family(addr)].IsValid() {
				first[family(addr)] = addr
			}
		}
		near[n.ID], near[n.VPCID] = own, first
	}
	return near
}

func (p *Policy) add(e endpoint) Endpoint {
	number := Endpoint(len(p.endpoints))
	e.vpc = p.vpcs[e.vpcID]
	for _, addr := range e.addrs {
		e.vpc.set(addr, number)
	}
	p.endpoints = append(p.endpoints, e)
	return number
}

// Snapshot returns what the policy was compiled from.
func (p *Policy) Snapshot() *vpc.Snapshot { return p.snapshot }

// Rule returns the rule with that number; ok is false for NoRule.
func (p *Policy) Rule(r Rule) (rule vpc.Rule, ok bool) {
	if r < 0 || int(r) >= len(p.rules) {
		return vpc.Rule{}, false
	}
	return p.rules[r], true
}

// Rules returns the number of rules.
func (p *Policy) Rules() int { return len(p.rules) }

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
	return p.endpoints[from].vpc.lookup(addr)
}

// ResolveIn returns the endpoint that addr means in the VPC with that id.
func (p *Policy) ResolveIn(vpcID string, addr netip.Addr) Endpoint {
	if addrs := p.vpcs[vpcID]; addrs != nil {
		return addrs.lookup(addr)
	}
	return NoEndpoint
}

// Len returns the number of endpoints: they are numbered from 0 on.
func (p *Policy) Len() int { return len(p.endpoints) }

// Kind returns what the endpoint is.
func (p *Policy) Kind(e Endpoint) Kind { return p.endpoints[e].kind }

// ID returns the id of the interface or host; "" for the gateway's own.
func (p *Policy) ID(e Endpoint) string { return p.endpoints[e].id }

// VPCID returns the id of the endpoint's VPC.
func (p *Policy) VPCID(e Endpoint) string { return p.endpoints[e].vpcID }

// Routers returns the addresses that the VPC router speaks to the endpoint from,
// IPv4 and IPv6: those of its own subnet, or for a host those of the VPC's first
// subnet with the family. An address is the zero Addr if there is none.
func (p *Policy) Routers(e Endpoint) [2]netip.Addr { return p.endpoints[e].routers }

// Owns reports whether addr is one of the endpoint's own addresses.
func (p *Policy) Owns(e Endpoint, addr netip.Addr) bool {
	return p.endpoints[e].vpc.lookup(addr) == e
}

// MaySend reports whether the endpoint may send a packet from src: from its
// own addresses, or from any if its source check is off (EC2 User Guide,
// source/destination checking).
func (p *Policy) MaySend(e Endpoint, src netip.Addr) bool {
	return p.endpoints[e].anySrc || p.Owns(e, src)
}

// compiler numbers rules and groups.
type compiler struct {
	snapshot *vpc.Snapshot
	rules    []vpc.Rule
	groups   map[string]groupIndex
	byGroup  [][2][]Rule // the rules of each group and direction
}

func newCompiler(s *vpc.Snapshot) *compiler {
	c := &compiler{snapshot: s, groups: make(map[string]groupIndex)}
	for i, g := range s.SecurityGroups() {
		c.groups[g.ID] = groupIndex(i)
		c.rules = append(append(c.rules, g.Ingress...), g.Egress...)
	}
	slices.SortFunc(c.rules, narrowestFirst)
	c.byGroup = make([][2][]Rule, len(c.groups))
	for i, r := range c.rules {
		of := &c.byGroup[c.groups[r.GroupID]][r.Direction]
		*of = append(*of, Rule(i))
	}
	return c
}

// narrowestFirst orders rules by how much they admit, so that the rule that
// is named for a verdict is the one that a person would point at: a group or a
// long prefix before a short one, few ports before many.
func narrowestFirst(a, b vpc.Rule) int {
	return cmp.Or(
		cmp.Compare(peerWidth(a.Peer), peerWidth(b.Peer)),
		cmp.Compare(portWidth(a), portWidth(b)),
		vpc.CompareRules(a, b),
	)
}

func peerWidth(p vpc.Peer) int {
	if !p.CIDR.IsValid() {
		return 0 // a group or a prefix list
	}
	return 1 + p.CIDR.Addr().BitLen() - p.CIDR.Bits()
}

func portWidth(r vpc.Rule) int32 {
	switch {
	case r.Protocol == vpc.AllProtocols:
		return 1 << 20
	case r.Protocol.IsICMP() && r.FromPort == vpc.Any:
		return 1 << 16
	case r.Protocol.IsICMP() && r.ToPort == vpc.Any:
		return 1 << 8
	case r.Protocol.IsICMP():
		return 0
	}
	return r.ToPort - r.FromPort
}

// rulesets compiles each group.
func (c *compiler) rulesets() []ruleset {
	sets := make([]ruleset, len(c.byGroup))
	for g, numbers := range c.byGroup {
		for d := range numbers {
			c.fill(&sets[g][d], numbers[d])
		}
	}
	return sets
}

// indexes returns the numbers of groups, sorted.
func (c *compiler) indexes(ids []string) []groupIndex {
	members := make([]groupIndex, 0, len(ids))
	for _, id := range ids {
		members = append(members, c.groups[id])
	}
	slices.Sort(members)
	return members
}
