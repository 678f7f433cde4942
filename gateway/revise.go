package gateway

import (
	"maps"
	"net/netip"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/vpc"
)

// RuleChange is what becomes of live flows when rules, groups or memberships
// change.
type RuleChange uint8

// What may become of live flows.
const (
	KeepFlows       RuleChange = iota // tracked flows go on, as in AWS
	RevalidateFlows                   // those end that the change is about and that the new rules would not let open
	FlushFlows                        // all tracked ones end; their next packets are judged by rules
)

// reviseFlows does to live flows what a change of the rules is to do. The new
// view is in force already.
func (g *Gateway) reviseFlows(before *filter.Policy, v *view) {
	if g.onRuleChange == KeepFlows && !g.reclassify || before == nil || !rulesDiffer(before.Snapshot(), v.policy.Snapshot()) {
		return
	}
	concerned := v.concerned(before)
	g.flows.Revise(g.now(), func(f *conntrack.Flow, sides *[2]conntrack.SideState) bool {
		if sides[conntrack.Low] != conntrack.Tracked && sides[conntrack.High] != conntrack.Tracked {
			return true // judged by rules packet by packet, so there is nothing to end; see judgement.learns
		}
		if g.onRuleChange == FlushFlows {
			return false
		}
		low, high := f.Side(conntrack.Low).Interface, f.Side(conntrack.High).Interface
		if !concerned.has(low) && !concerned.has(high) {
			return true
		}
		return g.revise(v, f, sides)
	})
}

// concern says, by number, whose flows a change of the policy may be about.
type concern []bool

// has reports whether the change may be about an interface's flows. It may for
// those of which nothing is known.
func (c concern) has(number uint32) bool { return int(number) >= len(c) || c[number] }

// concerned returns which interfaces are judged otherwise than by the policy
// before. A flow between others has the answers that it had.
func (v *view) concerned(before *filter.Policy) concern {
	c := make(concern, len(v.numbers))
	for number := range c {
		c[number] = true
		if port := v.numbered(uint32(number)); port != nil {
			if e := v.policy.ByID(port.id); e != filter.NoEndpoint {
				c[number] = !v.policy.JudgesAs(before, e)
			}
		}
	}
	return c
}

// revise judges a live flow once more, as a new one that its opener sends. It
// returns whether the flow goes on.
func (g *Gateway) revise(v *view, f *conntrack.Flow, sides *[2]conntrack.SideState) bool {
	flow, known := v.openedBy(v.policy, f)
	if !known {
		return g.onRuleChange == KeepFlows
	}
	ask := [2]func(*filter.Flow) filter.Answer{v.policy.DecideEgress, v.policy.DecideIngress}
	for i, end := range [2]conntrack.End{f.Origin(), f.Origin().Opposite()} {
		if sides[end] != conntrack.Tracked {
			continue
		}
		side := ask[i](&flow)
		if !side.Passes() && g.onRuleChange == RevalidateFlows {
			return false
		}
		if side.Untracked && g.reclassify {
			sides[end] = conntrack.Untracked
		}
	}
	return true
}

// openedBy returns the packet that may have opened a flow, in the terms of a policy;
// known is false if its opener or its VPC is gone.
func (v *view) openedBy(p *filter.Policy, f *conntrack.Flow) (flow filter.Flow, known bool) {
	opener := f.Origin()
	src, dst := f.Addr(opener), f.Addr(opener.Opposite())
	port := v.numbered(f.Side(opener).Interface)
	if port == nil || int(f.VPC()) >= len(v.vpcIDs) {
		return filter.Flow{}, false
	}
	from := p.ByID(port.id)
	if from == filter.NoEndpoint {
		return filter.Flow{}, false
	}
	return filter.Flow{
		From: from, To: p.Resolve(from, dst.Addr()), Src: src.Addr(), Dst: dst.Addr(), Protocol: f.Protocol(),
		HasTransport: f.HasPorts() || f.IsQuery(), SrcPort: src.Port(), DstPort: dst.Port(), ICMPType: f.ICMPRequest(),
	}, true
}

// rulesDiffer reports whether two snapshots may judge a flow of machines that
// are in both differently.
func rulesDiffer(a, b *vpc.Snapshot) bool {
	for i := range a.SecurityGroups() {
		before := &a.SecurityGroups()[i]
		if now, stays := b.SecurityGroup(before.ID); stays && !(sameRules(before.Ingress, now.Ingress) && sameRules(before.Egress, now.Egress)) {
			return true
		}
	}
	for _, before := range a.PrefixLists() {
		if now, stays := b.PrefixList(before.ID); stays && !sameSet(before.Entries, now.Entries, func(e *vpc.PrefixListEntry) netip.Prefix { return e.CIDR }) {
			return true
		}
	}
	for i := range a.Interfaces() {
		before := &a.Interfaces()[i]
		now, stays := b.Interface(before.ID)
		if stays && !(sameSet(before.GroupIDs, now.GroupIDs, itself) && sameSet(before.Addresses, now.Addresses, itself)) {
			return true
		}
	}
	return false
}

func sameRules(a, b []vpc.Rule) bool {
	return sameSet(a, b, func(r *vpc.Rule) vpc.Key { return r.Key() })
}

func itself[T any](x *T) T { return *x }

// sameSet reports whether two lists have the same members, in whatever order.
func sameSet[T any, K comparable](a, b []T, key func(*T) K) bool {
	if len(a) == len(b) {
		i := 0
		if len(a) > 0 && &a[0] == &b[0] {
			return true // a snapshot and the one that was made from it share what has not changed
		}
		for i < len(a) && key(&a[i]) == key(&b[i]) {
			i++
		}
		if i == len(a) {
			return true
		}
	}
	members := func(list []T) map[K]bool {
		m := make(map[K]bool, len(list))
		for i := range list {
			m[key(&list[i])] = true
		}
		return m
	}
	return maps.Equal(members(a), members(b))
}
