package vpc

import "fmt"

// Warnings returns what AWS would refuse and sgate does not, because it changes
// nothing about packets: descriptions that are too long or have characters
// outside AWS's set. Each is an *Error.
func (s *Snapshot) Warnings() []error {
	var warnings []error
	check := func(o Origin, subject, description string) {
		if err := ValidateDescription(description); err != nil {
			warnings = append(warnings, &Error{o, subject, CodeInvalidParameter, "AWS would refuse the " + err.Error()})
		}
	}
	for _, g := range s.res.SecurityGroups {
		subject := fmt.Sprintf("security group %q", g.Name)
		check(g.Origin, subject, g.Description)
		for _, d := range []Direction{Ingress, Egress} {
			for i, r := range g.Rules(d) {
				if i > 0 && r.Origin == g.Rules(d)[i-1].Origin && r.Origin != (Origin{}) {
					continue // one declaration with several peers or port ranges
				}
				check(r.Origin, fmt.Sprintf("%s: %s rule", subject, d), r.Description)
			}
		}
	}
	for _, l := range s.res.PrefixLists {
		for _, e := range l.Entries {
			check(e.Origin, fmt.Sprintf("prefix list %q: entry %s", l.Name, e.CIDR), e.Description)
		}
	}
	return warnings
}
