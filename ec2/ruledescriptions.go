package ec2

import (
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

type updateRuleDescriptionsRequest struct {
	groupReference
	Permissions  []ipPermission    `query:"IpPermissions"`
	Descriptions []ruleDescription `query:"SecurityGroupRuleDescription"`
}

type ruleDescription struct {
	ID          string `query:"SecurityGroupRuleId"`
	Description string `query:"Description"`
}

func (c *call) describeIngressRules(in *updateRuleDescriptionsRequest) (*done, error) {
	return c.updateDescriptions(in, vpc.Ingress)
}

func (c *call) describeEgressRules(in *updateRuleDescriptionsRequest) (*done, error) {
	return c.updateDescriptions(in, vpc.Egress)
}

// updateDescriptions gives rules other descriptions. Without one, a rule loses
// what it had.
func (c *call) updateDescriptions(in *updateRuleDescriptionsRequest, d vpc.Direction) (*done, error) {
	g, err := c.groupToChange(in.groupReference)
	if err != nil {
		return nil, err
	}
	said, err := c.descriptionsIn(in, &g, d)
	if err != nil {
		return nil, err
	}
	rules := slices.Clone(g.Rules(d))
	for at, description := range said {
		rules[at].Description = description
	}
	if err := checkDescriptions(rules); err != nil {
		return nil, err
	}
	if err := c.SecurityGroups.Put(withRules(g, d, rules)); err != nil {
		return nil, err
	}
	return ok()
}

// descriptionsIn returns the descriptions that a request has for the rules of a
// group, by their places.
func (c *call) descriptionsIn(in *updateRuleDescriptionsRequest, g *vpc.SecurityGroup, d vpc.Direction) (map[int]string, error) {
	said := make(map[int]string)
	switch {
	case len(in.Permissions) > 0 && len(in.Descriptions) > 0:
		return nil, combination("The parameter 'ipPermissions' may not be used in combination with 'securityGroupRuleDescriptions'")
	case len(in.Permissions) == 0 && len(in.Descriptions) == 0:
		return nil, query.Errorf("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleDescriptions' should be provided.")
	}
	for _, x := range in.Descriptions {
		at, err := placesOf(g.Rules(d), []string{x.ID})
		if err != nil {
			return nil, err
		}
		said[at[0]] = x.Description
	}
	wanted, err := c.rulesOf(g, d, in.Permissions)
	for i := range wanted {
		key := wanted[i].Key()
		at := slices.IndexFunc(g.Rules(d), func(r vpc.Rule) bool { return r.Key() == key })
		if at < 0 {
			return nil, noPermission()
		}
		said[at] = wanted[i].Description
	}
	return said, err
}
