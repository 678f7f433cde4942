package ec2

import (
	"slices"

	"github.com/sgate/sgate/vpc"
)

// ruleProperties is what all flat views of a rule have.
type ruleProperties struct {
	ID           string `xml:"securityGroupRuleId"`
	GroupID      string `xml:"groupId"`
	IsEgress     bool   `xml:"isEgress"`
	Protocol     string `xml:"ipProtocol"`
	FromPort     int32  `xml:"fromPort"`
	ToPort       int32  `xml:"toPort"`
	IPv4         string `xml:"cidrIpv4,omitempty"`
	IPv6         string `xml:"cidrIpv6,omitempty"`
	PrefixListID string `xml:"prefixListId,omitempty"`
	Description  string `xml:"description,omitempty"`
}

// securityGroupRule is a rule by itself.
type securityGroupRule struct {
	ruleProperties
	OwnerID    string           `xml:"groupOwnerId"`
	Referenced *referencedGroup `xml:"referencedGroupInfo"`
	ARN        string           `xml:"securityGroupRuleArn"`
}

type referencedGroup struct {
	GroupID string `xml:"groupId"`
	UserID  string `xml:"userId"`
}

// propertiesOf tells a rule. Protocols without ports have -1 for both here, where
// ipPermissions has none.
func propertiesOf(r *vpc.Rule) ruleProperties {
	out := ruleProperties{
		ID: r.ID, GroupID: r.GroupID, IsEgress: r.Direction == vpc.Egress, Protocol: r.Protocol.String(),
		FromPort: r.FromPort, ToPort: r.ToPort, PrefixListID: r.Peer.PrefixListID, Description: r.Description,
	}
	switch cidr := r.Peer.CIDR; {
	case !cidr.IsValid():
	case cidr.Addr().Is4():
		out.IPv4 = cidr.String()
	default:
		out.IPv6 = cidr.String()
	}
	return out
}

func (c *call) flatRule(r *vpc.Rule) securityGroupRule {
	out := securityGroupRule{propertiesOf(r), c.owner(), nil, c.arn("security-group-rule", r.ID)}
	if id := r.Peer.GroupID; id != "" {
		out.Referenced = &referencedGroup{id, c.owner()}
	}
	return out
}

type describeSecurityGroupRulesRequest struct {
	filtered
	paged
	IDs []string `query:"SecurityGroupRuleId"`
}

type describeSecurityGroupRulesAnswer struct {
	Rules []describedRule `xml:"securityGroupRuleSet"`
	nextPage
}

// describedRule is a rule as it is listed.
type describedRule struct {
	securityGroupRule
	Tags []tag `xml:"tagSet"`
}

var ruleFilters = filters[*vpc.Rule]{
	"group-id":               func(_ *call, r **vpc.Rule) []string { return []string{(*r).GroupID} },
	"security-group-rule-id": func(_ *call, r **vpc.Rule) []string { return []string{(*r).ID} },
}

// describeSecurityGroupRules lists rules one by one.
func (c *call) describeSecurityGroupRules(in *describeSecurityGroupRulesRequest) (*describeSecurityGroupRulesAnswer, error) {
	for _, f := range in.Filters {
		for _, id := range f.Values {
			if f.Name == "group-id" && !vpc.IsID("sg", id) && !hasWildcard(id) {
				return nil, malformedGroup(id)
			}
		}
	}
	rules, err := c.rulesWithIDs(in.IDs)
	if err != nil {
		return nil, err
	}
	idOf := func(r **vpc.Rule) string { return (*r).ID }
	if rules, err = selected(c, rules, in.Filters, ruleFilters, idOf); err != nil {
		return nil, err
	}
	rules, next, err := page(rules, in.paged, ordinaryPages, idOf)
	if err != nil {
		return nil, err
	}
	out := &describeSecurityGroupRulesAnswer{make([]describedRule, len(rules)), next}
	for i, r := range rules {
		out.Rules[i] = describedRule{c.flatRule(r), c.tagsOf(r.ID)}
	}
	return out, nil
}

// hasWildcard reports whether a filter's value may match more than itself.
func hasWildcard(value string) bool {
	return slices.ContainsFunc([]byte(value), func(b byte) bool { return b == '*' || b == '?' || b == '\\' })
}

// rulesWithIDs returns the rules with those ids, or all if there are none.
func (c *call) rulesWithIDs(ids []string) ([]*vpc.Rule, error) {
	for _, id := range ids {
		if !vpc.IsID("sgr", id) {
			return nil, malformedRule(id)
		}
	}
	var all []*vpc.Rule
	groups := c.SecurityGroups.All()
	for i := range groups {
		for _, rules := range [][]vpc.Rule{groups[i].Ingress, groups[i].Egress} {
			for j := range rules {
				all = append(all, &rules[j])
			}
		}
	}
	return named(all, ids, func(r **vpc.Rule) string { return (*r).ID }, noRule)
}
