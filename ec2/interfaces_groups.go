package ec2

import (
	"slices"
	"strings"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// groupIdentifier is a security group as interfaces and instances tell it.
type groupIdentifier struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

// identifiers returns what is told of groups.
func (c *call) identifiers(groupIDs []string) []groupIdentifier {
	out := make([]groupIdentifier, len(groupIDs))
	for i, id := range groupIDs {
		g, _ := c.SecurityGroups.Get(id)
		out[i] = groupIdentifier{id, g.Name}
	}
	return out
}

// attachable checks the groups that an interface in a subnet is to have. None at
// all means the VPC's default group, which vpc adds.
func (c *call) attachable(subnet vpc.Subnet, groupIDs []string) error {
	for i, id := range groupIDs {
		g, ok := c.SecurityGroups.Get(id)
		switch {
		case id == "":
			return invalid("Value () for parameter groupId is invalid. The value cannot be empty")
		case !ok && !vpc.IsID("sg", id):
			return malformedID("InvalidGroupId.Malformed", "sg", id)
		case !ok:
			return noGroup(id)
		case g.VPCID != subnet.VPCID:
			return query.Errorf("InvalidParameter", "Security group %s and subnet %s belong to different networks.", id, subnet.ID)
		case slices.Contains(groupIDs[:i], id):
			return invalid("The security group '%s' appears more than once in the request", id)
		}
	}
	if len(groupIDs) > c.Quotas().GroupsPerInterface {
		return query.Errorf(vpc.CodeGroupsPerInterfaceLimit, "The maximum number of security groups per interface has been reached.")
	}
	return nil
}

// groupsOr returns groups, or the VPC's default one if there are none.
func (c *call) groupsOr(vpcID string, groupIDs []string) []string {
	if len(groupIDs) > 0 {
		return groupIDs
	}
	for _, g := range c.SecurityGroups.All() {
		if g.VPCID == vpcID && strings.EqualFold(g.Name, vpc.DefaultGroupName) {
			return []string{g.ID}
		}
	}
	return nil
}

// malformedID refuses an id that has not the form of ids of its kind. AWS says how
// they begin where that is the fault, but not of instances'.
func malformedID(code, prefix, id string) error {
	if prefix == "i" || strings.HasPrefix(id, prefix+"-") {
		return query.Errorf(code, "Invalid id: \"%s\"", id)
	}
	return query.Errorf(code, "Invalid id: \"%s\" (expecting \"%s-...\")", id, prefix)
}
