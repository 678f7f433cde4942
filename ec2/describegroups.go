package ec2

import (
	"slices"

	"github.com/sgate/sgate/vpc"
)

// securityGroup is a security group with its rules.
type securityGroup struct {
	ID          string         `xml:"groupId"`
	OwnerID     string         `xml:"ownerId"`
	Name        string         `xml:"groupName"`
	Description string         `xml:"groupDescription"`
	VPCID       string         `xml:"vpcId"`
	ARN         string         `xml:"securityGroupArn"`
	Ingress     []ipPermission `xml:"ipPermissions"`
	Egress      []ipPermission `xml:"ipPermissionsEgress"`
	Tags        []tag          `xml:"tagSet,omitempty"`
}

type describeSecurityGroupsRequest struct {
	filtered
	paged
	IDs   []string `query:"GroupId"`
	Names []string `query:"GroupName"`
}

type describeSecurityGroupsAnswer struct {
	Groups []securityGroup `xml:"securityGroupInfo"`
	nextPage
}

// describeSecurityGroups lists groups with their rules.
func (c *call) describeSecurityGroups(in *describeSecurityGroupsRequest) (*describeSecurityGroupsAnswer, error) {
	groups, err := c.groupsWanted(in.IDs, in.Names)
	if err != nil {
		return nil, err
	}
	if groups, err = selected(c, groups, in.Filters, groupFilters(), groupID); err != nil {
		return nil, err
	}
	groups, next, err := page(groups, in.paged, ordinaryPages, groupID)
	if err != nil {
		return nil, err
	}
	out := &describeSecurityGroupsAnswer{make([]securityGroup, len(groups)), next}
	for i := range groups {
		g := &groups[i]
		out.Groups[i] = securityGroup{
			g.ID, c.owner(), g.Name, g.Description, g.VPCID, c.arn("security-group", g.ID),
			c.permissions(g.Ingress), c.permissions(g.Egress), c.tagsOf(g.ID),
		}
	}
	return out, nil
}

func groupID(g *vpc.SecurityGroup) string { return g.ID }

// groupsWanted returns the groups with those ids, and those of the default VPC
// with those names; or all if neither is given.
func (c *call) groupsWanted(ids, names []string) ([]vpc.SecurityGroup, error) {
	for _, id := range ids {
		if !vpc.IsID("sg", id) {
			return nil, malformedID("InvalidGroupId.Malformed", "sg", id)
		}
	}
	ids = slices.Clone(ids)
	for _, name := range names {
		g, err := c.groupNamed(name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, g.ID)
	}
	return named(c.SecurityGroups.All(), ids, groupID, noGroup)
}

type getSecurityGroupsForVPCRequest struct {
	filtered
	paged
	VPCID string `query:"VpcId,required"`
}

type getSecurityGroupsForVPCAnswer struct {
	Groups []securityGroupForVPC `xml:"securityGroupForVpcSet"`
	nextPage
}

type securityGroupForVPC struct {
	Description string `xml:"description"`
	Name        string `xml:"groupName"`
	OwnerID     string `xml:"ownerId"`
	ID          string `xml:"groupId"`
	Tags        []tag  `xml:"tagSet,omitempty"`
	PrimaryVPC  string `xml:"primaryVpcId"`
}

// getSecurityGroupsForVPC lists the groups that interfaces of a VPC can have.
// There are no associations with other VPCs, so they are the VPC's own.
func (c *call) getSecurityGroupsForVPC(in *getSecurityGroupsForVPCRequest) (*getSecurityGroupsForVPCAnswer, error) {
	if _, is := c.VPCs.Get(in.VPCID); !is {
		return nil, noVPC(in.VPCID)
	}
	var groups []vpc.SecurityGroup
	for _, g := range c.SecurityGroups.All() {
		if g.VPCID == in.VPCID {
			groups = append(groups, g)
		}
	}
	groups, err := selected(c, groups, in.Filters, groupForVPCFilters, groupID)
	if err != nil {
		return nil, err
	}
	groups, next, err := page(groups, in.paged, ordinaryPages, groupID)
	if err != nil {
		return nil, err
	}
	out := &getSecurityGroupsForVPCAnswer{make([]securityGroupForVPC, len(groups)), next}
	for i, g := range groups {
		out.Groups[i] = securityGroupForVPC{g.Description, g.Name, c.owner(), g.ID, c.tagsOf(g.ID), g.VPCID}
	}
	return out, nil
}

type describeSecurityGroupReferencesRequest struct {
	IDs []string `query:"GroupId,required"`
}

// describeSecurityGroupReferencesAnswer lists other VPCs whose rules refer to a
// group. Without peering there are none.
type describeSecurityGroupReferencesAnswer struct {
	References []struct{} `xml:"securityGroupReferenceSet"`
}

func (c *call) describeSecurityGroupReferences(in *describeSecurityGroupReferencesRequest) (*describeSecurityGroupReferencesAnswer, error) {
	for _, id := range in.IDs {
		if _, err := c.groupWithID(id); err != nil {
			return nil, err
		}
	}
	return &describeSecurityGroupReferencesAnswer{}, nil
}

type describeStaleSecurityGroupsRequest struct {
	paged
	VPCID string `query:"VpcId,required"`
}

// describeStaleSecurityGroupsAnswer lists groups with rules that refer to what a
// peered VPC has no more. Without peering there are none.
type describeStaleSecurityGroupsAnswer struct {
	Groups []struct{} `xml:"staleSecurityGroupSet"`
	nextPage
}

// stalePages are what MaxResults of DescribeStaleSecurityGroups may be.
var stalePages = pageSizes{5, 255}

func (c *call) describeStaleSecurityGroups(in *describeStaleSecurityGroupsRequest) (*describeStaleSecurityGroupsAnswer, error) {
	if _, is := c.VPCs.Get(in.VPCID); !is {
		return nil, noVPC(in.VPCID)
	}
	none, next, err := page(nil, in.paged, stalePages, func(*struct{}) string { return "" })
	return &describeStaleSecurityGroupsAnswer{none, next}, err
}
