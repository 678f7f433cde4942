package lint

import (
	"net/netip"

	"github.com/sgate/sgate/vpc"
)

// service is what a rule or an entry of a network ACL is about, its peer aside.
type service struct {
	protocol vpc.Protocol
	from, to int32
}

func serviceOf(r *vpc.Rule) service { return service{r.Protocol, r.FromPort, r.ToPort} }

// covers reports whether all that t is about s is about, too.
func (s service) covers(t service) bool {
	switch {
	case s.protocol == vpc.AllProtocols:
		return true
	case s.protocol != t.protocol:
		return false
	case s.protocol.HasPorts():
		return s.from <= t.from && t.to <= s.to
	case s.protocol.IsICMP():
		// A pair of type and code, each of which may be any.
		return s.from == vpc.Any || s.from == t.from && (s.to == vpc.Any || s.to == t.to)
	}
	return true
}

// direction is one direction of a group.
type direction struct {
	groupID string
	vpc.Direction
}

// ruleAt is a rule by its place in a group.
type ruleAt struct {
	direction
	at int
}

// coverIndex finds the rules of one direction of a group that may cover another
// rule, without trying each.
type coverIndex struct {
	rules   []vpc.Rule
	groups  map[string][]int // by the id of the group, or of the prefix list, that they name
	cidrs   map[netip.Prefix][]cover
	lengths [2][129]bool // of prefixes in cidrs, by family
}

// cover is a rule and whether it has a CIDR only by way of a prefix list.
type cover struct {
	at   int
	list bool
}

func (l *linter) newCoverIndex(rules []vpc.Rule) *coverIndex {
	x := &coverIndex{rules: rules, groups: make(map[string][]int), cidrs: make(map[netip.Prefix][]cover)}
	for i := range rules {
		switch p := rules[i].Peer; {
		case p.GroupID != "":
			x.groups[p.GroupID] = append(x.groups[p.GroupID], i)
		case p.PrefixListID != "":
			x.groups[p.PrefixListID] = append(x.groups[p.PrefixListID], i)
			for _, cidr := range l.lists[p.PrefixListID].parts {
				x.add(cidr, cover{i, true})
			}
		default:
			x.add(p.CIDR, cover{i, false})
		}
	}
	return x
}

func (x *coverIndex) add(cidr netip.Prefix, c cover) {
	x.cidrs[cidr] = append(x.cidrs[cidr], c)
	x.lengths[family(cidr)][cidr.Bits()] = true
}

func family(cidr netip.Prefix) int {
	if cidr.Addr().Is6() {
		return 1
	}
	return 0
}

// parts returns CIDRs that together are no less than a rule's peer. A group's
// members have addresses of their VPC.
func (l *linter) parts(p vpc.Peer) []netip.Prefix {
	switch {
	case p.PrefixListID != "":
		return l.lists[p.PrefixListID].parts
	case p.CIDR.IsValid():
		return []netip.Prefix{p.CIDR}
	}
	g, _ := l.SecurityGroup(p.GroupID)
	v, _ := l.VPC(g.VPCID)
	if !v.HasIPv6() {
		return []netip.Prefix{v.CIDR}
	}
	return []netip.Prefix{v.CIDR, v.IPv6CIDR}
}

// coverOf returns rules of the index that together admit all that r admits: one,
// or one for each part of its peer. Those that skip says do not count. It returns
// none if there are none.
func (l *linter) coverOf(x *coverIndex, r *vpc.Rule, skip func(at int) bool) []int {
	wanted := serviceOf(r)
	fits := func(at int) bool { return serviceOf(&x.rules[at]).covers(wanted) && !skip(at) }
	for _, at := range x.groups[r.Peer.GroupID+r.Peer.PrefixListID] {
		if fits(at) {
			return []int{at}
		}
	}
	var found []int
	for _, part := range l.parts(r.Peer) {
		at, ok := x.covering(part, r.Peer.CIDR.IsValid() && part.Bits() == 0, fits)
		if !ok {
			return nil
		}
		found = appendAt(found, at)
	}
	return found
}

// covering finds a rule for a CIDR that contains part, the widest first. A
// rule for everywhere leaves flows untracked where one that names a prefix list
// does not (EC2 User Guide, connection tracking), so a list is no cover for it.
func (x *coverIndex) covering(part netip.Prefix, everywhere bool, fits func(at int) bool) (int, bool) {
	for bits := 0; bits <= part.Bits(); bits++ {
		if !x.lengths[family(part)][bits] {
			continue
		}
		wider, _ := part.Addr().Prefix(bits)
		for _, c := range x.cidrs[wider] {
			if fits(c.at) && (!c.list || !everywhere) {
				return c.at, true
			}
		}
	}
	return 0, false
}

func appendAt(to []int, at int) []int {
	for _, other := range to {
		if other == at {
			return to
		}
	}
	return append(to, at)
}
