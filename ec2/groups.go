package ec2

import (
	"slices"
	"strings"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

type createSecurityGroupRequest struct {
	tagSpecified
	Name        string `query:"GroupName,required"`
	Description string `query:"GroupDescription,required"`
	VPCID       string `query:"VpcId"`
}

type createSecurityGroupAnswer struct {
	ID   string `xml:"groupId"`
	Tags []tag  `xml:"tagSet,omitempty"`
	ARN  string `xml:"securityGroupArn"`
}

// createSecurityGroup makes a group that lets everything out and nothing in.
func (c *call) createSecurityGroup(in *createSecurityGroupRequest) (*createSecurityGroupAnswer, error) {
	name := strings.TrimRight(in.Name, " ")
	if err := checkGroupTexts(name, in.Description); err != nil {
		return nil, err
	}
	tags, err := in.tagsFor("security-group")
	if err != nil {
		return nil, err
	}
	home, err := c.vpcForGroup(in.VPCID)
	if err != nil {
		return nil, err
	}
	if err := c.roomForGroup(home, name); err != nil {
		return nil, err
	}
	g := vpc.SecurityGroup{ID: c.newID("sg"), Name: name, Description: in.Description, VPCID: home.ID}
	g.Egress = vpc.DefaultEgress(home, g.ID, vpc.Origin{})
	for i := range g.Egress {
		g.Egress[i].ID = c.newID("sgr")
	}
	if err := c.SecurityGroups.Put(g); err != nil {
		return nil, err
	}
	if err := c.tagNew(g.ID, tags); err != nil {
		return nil, err
	}
	return &createSecurityGroupAnswer{g.ID, c.tagsOf(g.ID), c.arn("security-group", g.ID)}, nil
}

// textSet is the set of characters of names and descriptions, as AWS's messages
// have it, the two spaces before it included.
const textSet = "  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"

// checkGroupTexts refuses a new group's name and description as AWS does.
func checkGroupTexts(name, description string) error {
	switch {
	case name == "":
		return missing("GroupName")
	case description == "":
		return missing("GroupDescription")
	case !isASCII(name):
		return invalid("Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", name)
	case !isASCII(description):
		return invalid("Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", description)
	case strings.HasPrefix(strings.ToLower(name), "sg-"):
		return invalid("Value (%s) for parameter GroupName is invalid. Group names may not be in the format sg-*.", name)
	case strings.EqualFold(name, vpc.DefaultGroupName):
		return invalid("Cannot use reserved security group name: %s", name)
	case vpc.ValidateGroupName(name) != nil:
		return invalid("Invalid security group name. Valid names are strings less than 256 characters from the following set:%s", textSet)
	case vpc.ValidateDescription(description) != nil:
		return invalid("Invalid security group description. Valid descriptions are strings less than 256 characters from the following set:%s", textSet)
	}
	return nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// vpcForGroup finds the VPC for a new group: the default one if none is named.
func (c *call) vpcForGroup(id string) (vpc.VPC, error) {
	if id == "" {
		v, is := c.defaultVPC()
		if !is {
			return v, query.Errorf("VPCIdNotSpecified", "No default VPC for this user")
		}
		return v, nil
	}
	v, is := c.VPCs.Get(id)
	if !is {
		return v, noVPC(id)
	}
	return v, nil
}

// roomForGroup refuses a group whose name is taken, letter case aside, or that is
// one too many.
func (c *call) roomForGroup(home vpc.VPC, name string) error {
	all := c.SecurityGroups.All()
	for i := range all {
		if all[i].VPCID == home.ID && strings.EqualFold(all[i].Name, name) {
			return query.Errorf(vpc.CodeDuplicateGroup, "The security group '%s' already exists for VPC '%s'", name, home.ID)
		}
	}
	if len(all) >= c.Quotas().SecurityGroups {
		return query.Errorf(vpc.CodeGroupLimit, "The maximum number of security groups for VPC '%s' has been reached.", home.ID)
	}
	return nil
}

type deleteSecurityGroupRequest struct {
	groupReference
}

type deleteSecurityGroupAnswer struct {
	Return bool   `xml:"return"`
	ID     string `xml:"groupId"`
}

// deleteSecurityGroup deletes a group that no interface and no rule of another
// group needs.
func (c *call) deleteSecurityGroup(in *deleteSecurityGroupRequest) (*deleteSecurityGroupAnswer, error) {
	g, err := c.groupAt(in.groupReference)
	switch {
	case err != nil:
		return nil, err
	case g.Name == vpc.DefaultGroupName:
		return nil, query.Errorf("CannotDelete", "the specified group: \"%s\" name: \"%s\" cannot be deleted by a user", g.ID, g.Name)
	case c.groupInUse(g.ID) && !c.SecurityGroups.Declared(g.ID):
		return nil, inUse(g.ID)
	}
	if err := c.SecurityGroups.Delete(g.ID); err != nil {
		return nil, err
	}
	if err := c.untag(append(ruleIDs(g.Ingress, g.Egress), g.ID)...); err != nil {
		return nil, err
	}
	return &deleteSecurityGroupAnswer{true, g.ID}, nil
}

// groupInUse reports whether an interface has the group or a rule of another
// group refers to it. A group's rules about itself go with it.
func (c *call) groupInUse(id string) bool {
	nics := c.Interfaces.All()
	for i := range nics {
		if slices.Contains(nics[i].GroupIDs, id) {
			return true
		}
	}
	groups := c.SecurityGroups.All()
	for i := range groups {
		if groups[i].ID != id && (refersTo(groups[i].Ingress, id) || refersTo(groups[i].Egress, id)) {
			return true
		}
	}
	return false
}

func refersTo(rules []vpc.Rule, groupID string) bool {
	return slices.ContainsFunc(rules, func(r vpc.Rule) bool { return r.Peer.GroupID == groupID })
}

func securityGroupActions() []action {
	return []action{
		write("CreateSecurityGroup", (*call).createSecurityGroup),
		write("DeleteSecurityGroup", (*call).deleteSecurityGroup),
		read("DescribeSecurityGroups", (*call).describeSecurityGroups),
		read("GetSecurityGroupsForVpc", (*call).getSecurityGroupsForVPC),
		read("DescribeSecurityGroupReferences", (*call).describeSecurityGroupReferences),
		read("DescribeStaleSecurityGroups", (*call).describeStaleSecurityGroups),
		write("AuthorizeSecurityGroupIngress", (*call).authorizeIngress),
		write("AuthorizeSecurityGroupEgress", (*call).authorizeEgress),
		write("RevokeSecurityGroupIngress", (*call).revokeIngress),
		write("RevokeSecurityGroupEgress", (*call).revokeEgress),
		write("ModifySecurityGroupRules", (*call).modifySecurityGroupRules),
		read("DescribeSecurityGroupRules", (*call).describeSecurityGroupRules),
		write("UpdateSecurityGroupRuleDescriptionsIngress", (*call).describeIngressRules),
		write("UpdateSecurityGroupRuleDescriptionsEgress", (*call).describeEgressRules),
	}
}
