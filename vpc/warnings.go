package vpc

import (
	"fmt"
	"slices"
)

// Warnings returns what AWS would refuse and sgate does not, because it changes
// nothing about packets: descriptions that are too long or have characters
// outside AWS's set. Each is an *Error. The snapshot before, which may be nil, spares
// those of groups and prefix lists that Update took over from it as they were.
func (s *Snapshot) Warnings(before *Snapshot) []error {
	if before == nil {
		before = new(Snapshot)
	}
	var warnings []error
	check := func(o Origin, subject, description string) {
		if err := ValidateDescription(description); err != nil {
			warnings = append(warnings, &Error{o, subject, CodeInvalidParameter, "AWS would refuse the " + err.Error()})
		}
	}
	for i := range s.res.SecurityGroups {
		g := &s.res.SecurityGroups[i]
		old := itemBefore(before.res.SecurityGroups, before.groups, i, g.ID, idOfGroup)
		if g.Description == old.Description && unchanged(g.Ingress, old.Ingress) && unchanged(g.Egress, old.Egress) {
			continue
		}
		subject := fmt.Sprintf("security group %q", g.Name)
		check(g.Origin, subject, g.Description)
		for _, d := range []Direction{Ingress, Egress} {
			checkRules(g.Rules(d), fmt.Sprintf("%s: %s rule", subject, d), check)
		}
	}
	for _, l := range s.res.PrefixLists {
		if old, _ := before.PrefixList(l.ID); slices.Equal(l.Entries, old.Entries) {
			continue
		}
		for _, e := range l.Entries {
			check(e.Origin, fmt.Sprintf("prefix list %q: entry %s", l.Name, e.CIDR), e.Description)
		}
	}
	return warnings
}

func checkRules(rules []Rule, subject string, check func(o Origin, subject, description string)) {
	for i := range rules {
		r := &rules[i]
		if i > 0 && r.Origin == rules[i-1].Origin && r.Origin != (Origin{}) {
			continue // one declaration with several peers or port ranges
		}
		check(r.Origin, subject, r.Description)
	}
}
