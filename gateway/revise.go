package gateway

import (
	"maps"

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
	RevalidateFlows                   // those end that the new rules would not let open
	FlushFlows                        // all tracked ones end; their next packets are judged by rules
)

// reviseFlows does to live flows what a change of the rules is to do. The new
// view is in force already.
func (g *Gateway) reviseFlows(before *filter.Policy, v *view) {
	if g.onRuleChange == KeepFlows && !g.reclassify || before == nil || !rulesDiffer(before.Snapshot(), v.policy.Snapshot()) {
		return
	}
	g.flows.Revise(g.now(), func(f *conntrack.Flow, sides *[2]conntrack.SideState) bool {
		if sides[conntrack.Low] != conntrack.Tracked && sides[conntrack.High] != conntrack.Tracked {
			return true // judged by rules packet by packet, so there is nothing to end; see judgement.note
		}
		return g.onRuleChange != FlushFlows && g.revise(v, f, sides)
	})
}

// revise judges a live flow once more, as a new one that its opener sends. It
// returns whether the flow goes on.
func (g *Gateway) revise(v *view, f *conntrack.Flow, sides *[2]conntrack.SideState) bool {
	flow, known := v.flowOf(f)
	if !known {
		return g.onRuleChange == KeepFlows
	}
	opener := f.Origin()
	for end, ask := range map[conntrack.End]func(*filter.Flow) filter.Side{opener: v.policy.Egress, opener.Opposite(): v.policy.Ingress} {
		if sides[end] != conntrack.Tracked {
			continue
		}
		side := ask(&flow)
		if !side.Passes() && g.onRuleChange == RevalidateFlows {
			return false
		}
		if side.Untracked && g.reclassify {
			sides[end] = conntrack.Untracked
		}
	}
	return true
}

// flowOf returns the packet that may have opened a flow; known is false if its
// opener or its VPC is gone.
func (v *view) flowOf(f *conntrack.Flow) (flow filter.Flow, known bool) {
	opener := f.Origin()
	src, dst := f.Addr(opener), f.Addr(opener.Opposite())
	port := v.byNumber[f.Side(opener).Interface]
	if port == nil || int(f.VPC()) >= len(v.vpcIDs) {
		return filter.Flow{}, false
	}
	from := v.policy.ByID(port.id)
	if from == filter.NoEndpoint {
		return filter.Flow{}, false
	}
	return filter.Flow{
		From: from, To: v.policy.Resolve(from, dst.Addr()), Src: src.Addr(), Dst: dst.Addr(), Protocol: f.Protocol(),
		HasTransport: f.HasPorts() || f.IsQuery(), SrcPort: src.Port(), DstPort: dst.Port(), ICMPType: f.ICMPRequest(),
	}, true
}

// rulesDiffer reports whether two snapshots may judge a flow of machines that
// are in both differently.
func rulesDiffer(a, b *vpc.Snapshot) bool {
	before, after := ruling(a), ruling(b)
	for id, of := range before {
		if now, stays := after[id]; stays && !maps.Equal(of, now) {
			return true
		}
	}
	return false
}

// ruling returns what of a snapshot bears on verdicts, by id, as sets.
func ruling(s *vpc.Snapshot) map[string]map[any]bool {
	of := make(map[string]map[any]bool)
	add := func(id string, member any) {
		if of[id] == nil {
			of[id] = make(map[any]bool)
		}
		of[id][member] = true
	}
	for _, g := range s.SecurityGroups() {
		add(g.ID, nil) // though it has no rules
		for _, d := range []vpc.Direction{vpc.Ingress, vpc.Egress} {
			for _, r := range g.Rules(d) {
				add(g.ID, r.Key())
			}
		}
	}
	for _, l := range s.PrefixLists() {
		add(l.ID, nil)
		for _, e := range l.Entries {
			add(l.ID, e.CIDR)
		}
	}
	for _, nic := range s.Interfaces() {
		for _, id := range nic.GroupIDs {
			add(nic.ID, id)
		}
		for _, addr := range nic.Addresses {
			add(nic.ID, addr)
		}
	}
	return of
}
