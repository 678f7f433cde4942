package daemon

import (
	"slices"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/vpc"
)

// ruleRef names the rule with an id, of either direction, of the groups of the
// network interface with an id. A rule that is none of theirs has only its id.
func ruleRef(s *vpc.Snapshot, interfaceID, ruleID string) control.RuleRef {
	ref := control.RuleRef{RuleID: ruleID}
	if ruleID == "" {
		return ref
	}
	nic, _ := s.Interface(interfaceID)
	for _, id := range nic.GroupIDs {
		group, _ := s.SecurityGroup(id)
		for _, rules := range [][]vpc.Rule{group.Ingress, group.Egress} {
			if i := slices.IndexFunc(rules, func(r vpc.Rule) bool { return r.ID == ruleID }); i >= 0 {
				ref.Group, ref.Rule = group.Name, s.RuleText(rules[i])
				return ref
			}
		}
	}
	return ref
}
