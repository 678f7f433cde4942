package config

import "github.com/sgate/sgate/vpc"

// identify gives the rules that one rule of the file is their ids and tags.
func (b *builder) identify(it item, raw rawRule, rules []vpc.Rule) {
	var ids []string
	for i := range rules {
		rules[i].ID = vpc.RuleID(rules[i].Canonical())
		ids = append(ids, rules[i].ID)
	}
	if it.given("id") {
		b.ruleIDs = true
		switch id := it.id("sgr", raw.ID, ""); {
		case len(rules) > 1:
			it.misplaced("id", "the rule stands for %d, one for each port range and peer: want one of each, and other rules for the others", len(rules))
		case len(rules) == 1 && id != "":
			rules[0].ID, ids[0] = id, id
		}
	}
	b.tags(it, raw.Tags, ids...)
}

// nameRules gives the rules that AWS adds to a group the ids that they have.
func (g *group) nameRules() {
	for _, rules := range [][]vpc.Rule{g.Ingress, g.Egress} {
		for i := range rules {
			if rules[i].ID == "" {
				rules[i].ID = vpc.RuleID(rules[i].Canonical())
			}
		}
	}
}

// checkRuleIDs finds ids that two rules share, which they can only if the file
// states some.
func (b *builder) checkRuleIDs() {
	if !b.ruleIDs {
		return
	}
	taken := make(map[string]vpc.Rule)
	for _, g := range b.res.SecurityGroups {
		for _, rules := range [][]vpc.Rule{g.Ingress, g.Egress} {
			for _, r := range rules {
				r = r.Canonical()
				first, is := taken[r.ID]
				if is && (first.GroupID != r.GroupID || first.Key() != r.Key()) { // else vpc.New says that it is there twice
					b.root.faults.add(r.Origin, b.ruleSubjects[r.Origin], "the id %s is that of another rule (declared at %s)", r.ID, first.Origin)
				}
				taken[r.ID] = r
			}
		}
	}
}
