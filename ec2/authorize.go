package ec2

import (
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// oneIngressRule is the old way to name one ingress rule, without IpPermissions.
type oneIngressRule struct {
	Protocol      string `query:"IpProtocol"`
	FromPort      *int32 `query:"FromPort"`
	ToPort        *int32 `query:"ToPort"`
	CIDR          string `query:"CidrIp"`
	SourceGroup   string `query:"SourceSecurityGroupName"`
	SourceOwnerID string `query:"SourceSecurityGroupOwnerId"`
}

// either returns the permissions of a request, which names them in one of two
// ways.
func (one *oneIngressRule) either(permissions []ipPermission) ([]ipPermission, error) {
	if *one == (oneIngressRule{}) {
		return permissions, nil
	}
	if len(permissions) > 0 {
		return nil, combination("The parameter 'ipPermissions' may not be used in combination with '%s'", one.firstGiven())
	}
	if one.SourceGroup == "" && one.SourceOwnerID == "" {
		p := ipPermission{Protocol: one.Protocol, FromPort: one.FromPort, ToPort: one.ToPort}
		if one.CIDR != "" {
			p.IPv4 = []ipv4Range{{CIDR: one.CIDR}}
		}
		return []ipPermission{p}, nil
	}
	if name := one.firstGiven(); name != "sourceSecurityGroup" {
		return nil, combination("The parameter 'sourceSecurityGroupName' may not be used in combination with '%s'", name)
	}
	return one.fullAccess(), nil
}

// firstGiven returns the name of one of the parameters that are there.
func (one *oneIngressRule) firstGiven() string {
	switch {
	case one.Protocol != "":
		return "ipProtocol"
	case one.FromPort != nil:
		return "fromPort"
	case one.ToPort != nil:
		return "toPort"
	case one.CIDR != "":
		return "cidrIp"
	}
	return "sourceSecurityGroup"
}

// fullAccess returns what a source group alone stands for: "rules that grant full
// ICMP, UDP, and TCP access" (EC2 API, AuthorizeSecurityGroupIngress).
func (one *oneIngressRule) fullAccess() []ipPermission {
	var first, last, anyType int32 = 0, 65535, vpc.Any
	from := []groupPair{{UserID: one.SourceOwnerID, GroupName: one.SourceGroup}}
	return []ipPermission{
		{Protocol: "tcp", FromPort: &first, ToPort: &last, Groups: from},
		{Protocol: "udp", FromPort: &first, ToPort: &last, Groups: from},
		{Protocol: "icmp", FromPort: &anyType, ToPort: &anyType, Groups: from},
	}
}

type authorizeIngressRequest struct {
	groupReference
	tagSpecified
	oneIngressRule
	Permissions []ipPermission `query:"IpPermissions"`
}

type authorizeEgressRequest struct {
	tagSpecified
	GroupID     string         `query:"GroupId,required"`
	Permissions []ipPermission `query:"IpPermissions"`
}

type authorizeAnswer struct {
	Return bool             `xml:"return"`
	Rules  []authorizedRule `xml:"securityGroupRuleSet"`
}

// authorizedRule is a rule as the answer to its making has it.
type authorizedRule struct {
	securityGroupRule
	Tags []tag `xml:"tagSet,omitempty"`
}

func (c *call) authorizeIngress(in *authorizeIngressRequest) (*authorizeAnswer, error) {
	permissions, err := in.either(in.Permissions)
	if err != nil {
		return nil, err
	}
	return c.authorize(in.groupReference, vpc.Ingress, permissions, &in.tagSpecified)
}

func (c *call) authorizeEgress(in *authorizeEgressRequest) (*authorizeAnswer, error) {
	return c.authorize(groupReference{GroupID: in.GroupID}, vpc.Egress, in.Permissions, &in.tagSpecified)
}

// authorize adds rules to a group: all that a request names, or none.
func (c *call) authorize(ref groupReference, d vpc.Direction, permissions []ipPermission, tagged *tagSpecified) (*authorizeAnswer, error) {
	g, err := c.groupToChange(ref)
	if err != nil {
		return nil, err
	}
	if len(permissions) == 0 {
		return nil, missing("ipPermissions")
	}
	tags, err := tagged.tagsFor("security-group-rule")
	if err != nil {
		return nil, err
	}
	rules, err := c.rulesOf(&g, d, permissions)
	if err != nil {
		return nil, err
	}
	if err := checkDescriptions(rules); err != nil {
		return nil, err
	}
	for i := range rules {
		rules[i].ID = c.newID("sgr")
	}
	if err := c.putRules(g, d, slices.Concat(g.Rules(d), rules)); err != nil {
		return nil, err
	}
	out := &authorizeAnswer{Return: true}
	for i := range rules {
		if err := c.tagNew(rules[i].ID, tags); err != nil {
			return nil, err
		}
		out.Rules = append(out.Rules, authorizedRule{c.flatRule(&rules[i]), c.tagsOf(rules[i].ID)})
	}
	return out, nil
}

// putRules gives a group its rules of one direction, if they may be.
func (c *call) putRules(g vpc.SecurityGroup, d vpc.Direction, rules []vpc.Rule) error {
	if err := checkNoDuplicates(rules); err != nil {
		return err
	}
	if err := c.checkRuleQuota(rules); err != nil {
		return err
	}
	return c.SecurityGroups.Put(withRules(g, d, rules))
}

// noPermission refuses to change a rule that a group does not have.
func noPermission() error {
	return query.Errorf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
}
