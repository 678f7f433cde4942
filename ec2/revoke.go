package ec2

import (
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

type revokeIngressRequest struct {
	groupReference
	oneIngressRule
	Permissions []ipPermission `query:"IpPermissions"`
	RuleIDs     []string       `query:"SecurityGroupRuleId"`
}

type revokeEgressRequest struct {
	GroupID     string         `query:"GroupId,required"`
	Permissions []ipPermission `query:"IpPermissions"`
	RuleIDs     []string       `query:"SecurityGroupRuleId"`
}

type revokeAnswer struct {
	Return  bool           `xml:"return"`
	Unknown []ipPermission `xml:"unknownIpPermissionSet,omitempty"`
	Revoked []revokedRule  `xml:"revokedSecurityGroupRuleSet"`
}

// revokedRule is a rule as the answer to its end has it.
type revokedRule struct {
	ruleProperties
	ReferencedGroupID string `xml:"referencedGroupId,omitempty"`
}

func (c *call) revokeIngress(in *revokeIngressRequest) (*revokeAnswer, error) {
	permissions, err := in.either(in.Permissions)
	if err != nil {
		return nil, err
	}
	return c.revoke(in.groupReference, vpc.Ingress, permissions, in.RuleIDs)
}

func (c *call) revokeEgress(in *revokeEgressRequest) (*revokeAnswer, error) {
	return c.revoke(groupReference{GroupID: in.GroupID}, vpc.Egress, in.Permissions, in.RuleIDs)
}

// revoke takes rules from a group: all that a request names, or none. In the
// default VPC alone, rules that are not there are told and no fault.
func (c *call) revoke(ref groupReference, d vpc.Direction, permissions []ipPermission, ids []string) (*revokeAnswer, error) {
	g, err := c.groupToChange(ref)
	if err != nil {
		return nil, err
	}
	gone, missed, err := c.rulesMeant(&g, d, permissions, ids)
	if err != nil {
		return nil, err
	}
	if home, _ := c.VPCs.Get(g.VPCID); len(missed) > 0 && !home.Default {
		return nil, noPermission()
	}
	out := &revokeAnswer{Return: true, Unknown: c.permissions(missed)}
	if len(gone) == 0 {
		return out, nil
	}
	var rest []vpc.Rule
	for i, r := range g.Rules(d) {
		if !slices.Contains(gone, i) {
			rest = append(rest, r)
			continue
		}
		out.Revoked = append(out.Revoked, revokedRule{propertiesOf(&r), r.Peer.GroupID})
		if err := c.untag(r.ID); err != nil {
			return nil, err
		}
	}
	return out, c.SecurityGroups.Put(withRules(g, d, rest))
}

// rulesMeant finds the rules of a group that a request names by their properties
// or by their ids: their places among the group's, and those that it does not
// have.
func (c *call) rulesMeant(g *vpc.SecurityGroup, d vpc.Direction, permissions []ipPermission, ids []string) (places []int, missed []vpc.Rule, err error) {
	switch {
	case len(permissions) > 0 && len(ids) > 0:
		return nil, nil, combination("The parameter 'ipPermissions' may not be used in combination with 'securityGroupRuleIds'")
	case len(ids) > 0:
		places, err = placesOf(g.Rules(d), ids)
		return places, nil, err
	case len(permissions) == 0:
		return nil, nil, query.Errorf("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
	}
	rules, err := c.rulesOf(g, d, permissions)
	for i := range rules {
		key := rules[i].Key()
		at := slices.IndexFunc(g.Rules(d), func(r vpc.Rule) bool { return r.Key() == key })
		if at < 0 {
			missed = append(missed, rules[i])
			continue
		}
		places = append(places, at)
	}
	return places, missed, err
}

// placesOf finds rules by their ids.
func placesOf(rules []vpc.Rule, ids []string) ([]int, error) {
	places := make([]int, 0, len(ids))
	for _, id := range ids {
		at := slices.IndexFunc(rules, func(r vpc.Rule) bool { return r.ID == id })
		switch {
		case !vpc.IsID("sgr", id):
			return nil, malformedRule(id)
		case at < 0:
			return nil, noRule(id)
		}
		places = append(places, at)
	}
	return places, nil
}

// malformedRule refuses an id that no rule can have.
func malformedRule(id string) error {
	return query.Errorf("InvalidSecurityGroupRuleId.Malformed", "The security group rule ID '%s' is malformed", id)
}
