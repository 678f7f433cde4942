package ec2

import (
	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// groupReference is part of requests about one group: by its id or, in the
// default VPC, by its name.
type groupReference struct {
	GroupID   string `query:"GroupId"`
	GroupName string `query:"GroupName"`
}

// groupAt finds the group that a request is about.
func (c *call) groupAt(ref groupReference) (vpc.SecurityGroup, error) {
	switch {
	case ref.GroupID != "" && ref.GroupName != "":
		return vpc.SecurityGroup{}, combination("The parameter groupName cannot be used with the parameter groupId")
	case ref.GroupID != "":
		return c.groupWithID(ref.GroupID)
	case ref.GroupName != "":
		return c.groupNamed(ref.GroupName)
	}
	return vpc.SecurityGroup{}, missing("groupName or groupId")
}

// groupToChange is groupAt for a request that changes the group's rules, which
// must not be the file's.
func (c *call) groupToChange(ref groupReference) (vpc.SecurityGroup, error) {
	g, err := c.groupAt(ref)
	if err == nil && c.SecurityGroups.Declared(g.ID) {
		err = c.SecurityGroups.Put(g) // says where it is declared
	}
	return g, err
}

// groupWithID finds a group by its id.
func (c *call) groupWithID(id string) (vpc.SecurityGroup, error) {
	if !vpc.IsID("sg", id) {
		return vpc.SecurityGroup{}, malformedGroup(id)
	}
	g, is := c.SecurityGroups.Get(id)
	if !is {
		return g, noGroup(id)
	}
	return g, nil
}

// malformedGroup refuses an id that no group can have.
func malformedGroup(id string) error {
	return query.Errorf("InvalidGroupId.Malformed", "The security group ID '%s' is malformed", id)
}

// groupNamed finds a group of the default VPC by its name. AWS looks nowhere
// else, and calls a VPC that is not there "none".
func (c *call) groupNamed(name string) (vpc.SecurityGroup, error) {
	home, is := c.defaultVPC()
	if !is {
		home.ID = "none"
	}
	all := c.SecurityGroups.All()
	for i := range all {
		if all[i].VPCID == home.ID && all[i].Name == name {
			return all[i], nil
		}
	}
	return vpc.SecurityGroup{}, query.Errorf(vpc.CodeGroupNotFound,
		"The security group '%s' does not exist in default VPC '%s'", name, home.ID)
}

// withRules returns a group with other rules of one direction.
func withRules(g vpc.SecurityGroup, d vpc.Direction, rules []vpc.Rule) vpc.SecurityGroup {
	if d == vpc.Egress {
		g.Egress = rules
	} else {
		g.Ingress = rules
	}
	return g
}

// ruleIDs returns the ids of rules.
func ruleIDs(lists ...[]vpc.Rule) []string {
	var ids []string
	for _, rules := range lists {
		for i := range rules {
			ids = append(ids, rules[i].ID)
		}
	}
	return ids
}
