package filter

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// Miss is a rule of one end of a flow, and what of it the flow is not.
type Miss struct {
	Rule vpc.Rule
	But  Properties // empty for a rule that admits the flow
}

// Properties is a set of what rules compare.
type Properties uint8

// The properties, the nearest first: a rule that misses a flow by its port alone
// is nearer to it than one that misses it by its protocol.
const (
	MissPort     Properties = 1 << iota // the destination port, of TCP and UDP
	MissICMP                            // the ICMP type or code
	MissPeer                            // the other end's address or groups
	MissFamily                          // IPv4 or IPv6: the rule is for the other one
	MissProtocol                        // with it, ports count as compared only between TCP and UDP
)

// Has reports whether a property is in the set.
func (p Properties) Has(one Properties) bool { return p&one != 0 }

// Len returns how many properties are in the set.
func (p Properties) Len() int { return bits.OnesCount8(uint8(p)) }

// Misses returns all rules of the sender's (vpc.Egress) or the receiver's end
// that a flow was held against, each with what the flow lacks, the nearest
// first. It is for explanations, and slow: what becomes of a flow, only the
// policy's verdict says. There are none where the end has no security groups.
func (p *Policy) Misses(d vpc.Direction, f *Flow) []Miss {
	self, peer, addr := f.From, f.To, f.Dst
	if d == vpc.Ingress {
		self, peer, addr = f.To, p.sender(f), f.Src
	}
	if !p.hasRules(self) {
		return nil
	}
	m := misser{policy: p, flow: f, addr: addr}
	if peer >= 0 {
		m.memberships = p.groupsOf(peer)
	}
	var all []Miss
	for _, g := range p.groupsOf(self) {
		for _, r := range p.groups[g].rules[d] {
			all = append(all, Miss{Rule: r, But: m.but(&r)})
		}
	}
	slices.SortStableFunc(all, nearer)
	return all
}

// nearer orders by how little is lacking, then as rules are, narrowest first.
func nearer(a, b Miss) int {
	return cmp.Or(
		cmp.Compare(a.But.Len(), b.But.Len()),
		cmp.Compare(a.But, b.But),
		cmp.Compare(width(&a.Rule), width(&b.Rule)),
		vpc.CompareRules(a.Rule, b.Rule),
	)
}

// misser holds one end's rules against a flow whose other end has the address
// addr and is a member of memberships.
type misser struct {
	policy      *Policy
	flow        *Flow
	addr        netip.Addr
	memberships []groupIndex
}

func (m *misser) but(r *vpc.Rule) Properties { return m.service(r) | m.peer(r.Peer) }

// service compares protocol and ports.
func (m *misser) service(r *vpc.Rule) (but Properties) {
	asked := vpc.Protocol(m.flow.Protocol)
	switch {
	case r.Protocol == vpc.AllProtocols:
		return 0
	case r.Protocol == vpc.ICMP && asked == vpc.ICMP && m.addr.Is6():
		but = MissFamily // ICMP is IPv4's own
	case r.Protocol != asked:
		but = MissProtocol
	}
	switch {
	case r.Protocol.HasPorts() && asked.HasPorts():
		if port := int32(m.flow.DstPort); !m.flow.HasTransport || port < r.FromPort || port > r.ToPort {
			but |= MissPort
		}
	case r.Protocol.IsICMP() && asked.IsICMP():
		if !m.ofType(r) {
			but |= MissICMP
		}
	case asked.HasPorts():
		but |= MissPort
	case asked.IsICMP():
		but |= MissICMP
	}
	return but
}

// ofType reports whether a rule is for the flow's ICMP type and code.
func (m *misser) ofType(r *vpc.Rule) bool {
	switch f := m.flow; {
	case r.FromPort == vpc.Any:
		return true
	case !f.HasTransport || r.FromPort != int32(f.ICMPType):
		return false
	default:
		return r.ToPort == vpc.Any || r.ToPort == int32(f.ICMPCode)
	}
}

// peer compares the other end. Where the families differ, the addresses cannot
// be compared.
func (m *misser) peer(p vpc.Peer) Properties {
	switch {
	case p.GroupID != "":
		member := func(g groupIndex) bool { return m.policy.groups[g].id == p.GroupID }
		if slices.ContainsFunc(m.memberships, member) {
			return 0
		}
	case p.PrefixListID != "":
		return m.list(p.PrefixListID)
	case p.CIDR.Addr().Is6() != m.addr.Is6():
		return MissFamily
	case p.CIDR.Contains(m.addr):
		return 0
	}
	return MissPeer
}

func (m *misser) list(id string) Properties {
	list, _ := m.policy.snapshot.PrefixList(id)
	covers := func(e vpc.PrefixListEntry) bool { return e.CIDR.Contains(m.addr) }
	switch {
	case slices.ContainsFunc(list.Entries, covers):
		return 0
	case len(list.Entries) > 0 && list.IPv6 != m.addr.Is6():
		return MissFamily
	}
	return MissPeer
}
