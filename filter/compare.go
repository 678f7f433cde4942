package filter

import (
	"net/netip"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// JudgesAs reports whether the endpoint e is judged as it was by the policy
// before: it has the same addresses and the same groups, and these have the same
// rules. A flow between two endpoints of which that is so has the answers that
// it had. It costs little where one of the policies is an update of the other.
func (p *Policy) JudgesAs(before *Policy, e Endpoint) bool {
	old := before.ByID(p.ID(e))
	return old != NoEndpoint && p.VPCID(e) == before.VPCID(old) && p.endpoints[e].anySrc == before.endpoints[old].anySrc &&
		sameMembers(p.details[e].addrs, before.details[old].addrs, func(a, b netip.Addr) bool { return a == b }) &&
		sameMembers(p.groupsOf(e), before.groupsOf(old), func(a, b groupIndex) bool { return p.sameGroup(before, a, b) })
}

// sameGroup reports whether the group a of p is the group b of before, with the
// same rules.
func (p *Policy) sameGroup(before *Policy, a, b groupIndex) bool {
	x, y := p.groups[a], before.groups[b]
	return x.id == y.id && p.sameTable(before, x, y, vpc.Ingress) && p.sameTable(before, x, y, vpc.Egress)
}

func (p *Policy) sameTable(before *Policy, x, y *group, d vpc.Direction) bool {
	t, u := x.tables[d], y.tables[d]
	if t == u {
		return true
	}
	return slices.EqualFunc(t.order, u.order, func(i, j uint32) bool { return x.rules[d][i].Key() == y.rules[d][j].Key() }) &&
		!slices.ContainsFunc(t.lists, func(id string) bool { return !sameList(p.snapshot, before.snapshot, id) })
}

// sameList reports whether a prefix list has the same CIDRs in two snapshots.
func sameList(a, b *vpc.Snapshot, id string) bool {
	x, _ := a.PrefixList(id)
	y, _ := b.PrefixList(id)
	return sameMembers(x.Entries, y.Entries, func(x, y vpc.PrefixListEntry) bool { return x.CIDR == y.CIDR })
}

// sameMembers reports whether two lists without repetitions have the same
// members, in whatever order.
func sameMembers[T any](a, b []T, equal func(x, y T) bool) bool {
	if len(a) != len(b) {
		return false
	}
	if slices.EqualFunc(a, b, equal) {
		return true
	}
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y T) bool { return equal(x, y) }) {
			return false
		}
	}
	return true
}
