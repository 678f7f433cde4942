package lint

import (
	"fmt"
	"slices"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// redundancy looks for rules that can go without a packet noticing. All that it
// finds can go together: of two rules that cover each other, it finds the later.
type redundancy struct {
	*linter
	indexes map[direction]*coverIndex
	// together are, for each group with members, the other groups that all of
	// them have as well.
	together map[string][]string
	byOther  map[ruleAt]bool // covered by rules of together
}

// redundantRules finds rules that others cover, in their own group or in groups
// that go along with it.
func (l *linter) redundantRules() {
	r := redundancy{linter: l, indexes: make(map[direction]*coverIndex), byOther: make(map[ruleAt]bool)}
	groups := l.SecurityGroups()
	for i := range groups {
		for _, d := range []vpc.Direction{vpc.Ingress, vpc.Egress} {
			r.inGroup(&groups[i], d)
		}
	}
	r.together = l.groupsTogether()
	for i := range slices.Backward(groups) {
		for _, d := range []vpc.Direction{vpc.Ingress, vpc.Egress} {
			r.acrossGroups(&groups[i], d)
		}
	}
}

func (r *redundancy) index(g *vpc.SecurityGroup, d vpc.Direction) *coverIndex {
	key := direction{g.ID, d}
	if r.indexes[key] == nil {
		r.indexes[key] = r.newCoverIndex(g.Rules(d))
	}
	return r.indexes[key]
}

// inGroup finds rules of a group that its other rules cover: from the last rule
// on, each that those left cover.
func (r *redundancy) inGroup(g *vpc.SecurityGroup, d vpc.Direction) {
	rules, key := g.Rules(d), direction{g.ID, d}
	if len(rules) < 2 {
		return
	}
	x := r.index(g, d)
	any := false
	for at := range slices.Backward(rules) {
		gone := func(other int) bool { return other == at || r.covered[ruleAt{key, other}] }
		if r.matches(&rules[at]) && len(r.coverOf(x, &rules[at], gone)) > 0 {
			r.covered[ruleAt{key, at}], any = true, true
		}
	}
	if !any {
		return
	}
	for _, st := range statements(g, d) {
		r.tell(&st, x)
	}
}

// matches reports whether a rule matches anything at all: one that does not is
// found elsewhere, by what is the matter with it.
func (r *redundancy) matches(rule *vpc.Rule) bool {
	if rule.Peer.PrefixListID != "" && len(r.lists[rule.Peer.PrefixListID].parts) == 0 {
		return false
	}
	return !r.wrongFamily(rule, vpc.ICMP, true) && !r.wrongFamily(rule, vpc.ICMPv6, false)
}

// tell reports the rules of a statement that are covered in their own group.
// What covers them is looked for once more, among the rules that stay.
func (r *redundancy) tell(st *statement, x *coverIndex) {
	key := direction{st.group.ID, st.Direction}
	var covered, by []*vpc.Rule
	for i := range st.rules {
		if !r.covered[ruleAt{key, st.first + i}] {
			continue
		}
		covered = append(covered, &st.rules[i])
		for _, at := range r.coverOf(x, &st.rules[i], func(other int) bool { return r.covered[ruleAt{key, other}] }) {
			if rule := &x.rules[at]; !slices.Contains(by, rule) {
				by = append(by, rule)
			}
		}
	}
	if len(covered) == 0 {
		return
	}
	f := r.finding(finding.RuleCovered, st, covered, "covered by "+r.what(st.group, by),
		"Remove it, or the wider rule if this is what was meant.")
	f.Related = r.places(st.group, by)
	r.addRule(f, st)
}

func (r *redundancy) places(g *vpc.SecurityGroup, rules []*vpc.Rule) []finding.Place {
	var out []finding.Place
	for _, rule := range rules {
		place := finding.Place{Origin: rule.Origin, Message: fmt.Sprintf("%s: %s %s", subjectOf(g), rule.Direction, r.what(g, []*vpc.Rule{rule}))}
		if !slices.Contains(out, place) {
			out = append(out, place)
		}
	}
	return out
}

// acrossGroups finds rules of a group that another covers which all its members
// have as well.
func (r *redundancy) acrossGroups(g *vpc.SecurityGroup, d vpc.Direction) {
	if len(r.together[g.ID]) == 0 {
		return
	}
	for _, st := range statements(g, d) {
		found := make(map[string][]*vpc.Rule) // by the other group
		for i := range st.rules {
			rule, at := &st.rules[i], ruleAt{direction{g.ID, d}, st.first + i}
			if r.covered[at] || r.isOwn(g, rule) || !r.matches(rule) {
				continue
			}
			if other := r.otherWith(g, rule); other != "" {
				found[other] = append(found[other], rule)
				r.byOther[at] = true
			}
		}
		for _, other := range r.together[g.ID] {
			if len(found[other]) > 0 {
				r.tellAcross(&st, other, found[other])
			}
		}
	}
}

// otherWith returns the id of a group that covers a rule of g wherever g is.
func (r *redundancy) otherWith(g *vpc.SecurityGroup, rule *vpc.Rule) string {
	for _, id := range r.together[g.ID] {
		other, _ := r.SecurityGroup(id)
		if len(r.coverAcross(&other, rule)) > 0 {
			return id
		}
	}
	return ""
}

// coverAcross returns the rules of another group that cover a rule, those that
// stay.
func (r *redundancy) coverAcross(other *vpc.SecurityGroup, rule *vpc.Rule) []int {
	key := direction{other.ID, rule.Direction}
	return r.coverOf(r.index(other, rule.Direction), rule, func(at int) bool {
		return r.covered[ruleAt{key, at}] || r.byOther[ruleAt{key, at}]
	})
}

func (r *redundancy) tellAcross(st *statement, otherID string, covered []*vpc.Rule) {
	other, _ := r.SecurityGroup(otherID)
	var by []*vpc.Rule
	for _, rule := range covered {
		for _, at := range r.coverAcross(&other, rule) {
			if wide := &other.Rules(st.Direction)[at]; !slices.Contains(by, wide) {
				by = append(by, wide)
			}
		}
	}
	f := r.finding(finding.RuleCoveredByOther, st, covered,
		fmt.Sprintf("%s admits it as well (%s), and whatever has this group has that one", subjectOf(&other), r.what(&other, by)),
		"Remove one of the two, or silence this if the groups are to part.")
	f.IDs = append(f.IDs, otherID)
	f.Related = r.places(&other, by)
	r.addRule(f, st)
}

// groupsTogether returns, for each group with members, the other groups that all
// of them have.
func (l *linter) groupsTogether() map[string][]string {
	together := make(map[string][]string)
	interfaces := l.Interfaces()
	for id, members := range l.members {
		common := slices.DeleteFunc(slices.Clone(interfaces[members[0]].GroupIDs), func(other string) bool { return other == id })
		for _, m := range members[1:] {
			if len(common) == 0 {
				break
			}
			common = slices.DeleteFunc(common, func(other string) bool { return !slices.Contains(interfaces[m].GroupIDs, other) })
		}
		if len(common) > 0 {
			together[id] = common
		}
	}
	return together
}
