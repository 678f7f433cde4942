package ec2

import (
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

type createACLRequest struct {
	clientToken
	tagSpecified
	VPCID string `query:"VpcId,required"`
}

type createACLAnswer struct {
	ACL         aclItem `xml:"networkAcl"`
	ClientToken string  `xml:"clientToken,omitempty"`
}

// createACL makes a network ACL, which denies everything at first.
func (c *call) createACL(in *createACLRequest) (*createACLAnswer, error) {
	tags, err := in.tagsFor("network-acl")
	if err != nil {
		return nil, err
	}
	if _, is := c.VPCs.Get(in.VPCID); !is {
		return nil, noVPC(in.VPCID)
	}
	count := 0
	for _, a := range c.NetworkACLs.All() {
		if a.VPCID == in.VPCID && !a.Default {
			count++
		}
	}
	if count >= c.Quotas().NetworkACLs {
		return nil, query.Errorf(vpc.CodeNetworkACLLimit, "The maximum number of network ACLs has been reached.")
	}
	a := vpc.NetworkACL{ID: c.newID("acl"), VPCID: in.VPCID}
	if err := c.NetworkACLs.Put(a); err != nil {
		return nil, err
	}
	if err := c.tagNew(a.ID, tags); err != nil {
		return nil, err
	}
	return &createACLAnswer{c.aclItem(&a), in.ClientToken}, nil
}

type deleteACLRequest struct {
	ACLID string `query:"NetworkAclId,required"`
}

// deleteACL deletes a network ACL that no subnet has.
func (c *call) deleteACL(in *deleteACLRequest) (*done, error) {
	a, is := c.acl(in.ACLID)
	switch {
	case !is:
		return nil, noACL(in.ACLID)
	case a.Default:
		return nil, invalid("cannot delete default network ACL %s", a.ID)
	}
	if err := c.NetworkACLs.Delete(a.ID); err != nil {
		return nil, err
	}
	if len(a.SubnetIDs) > 0 {
		return nil, dependent("networkAcl", a.ID)
	}
	return finished(c.untag(a.ID))
}

type replaceACLAssociationRequest struct {
	AssociationID string `query:"AssociationId,required"`
	ACLID         string `query:"NetworkAclId,required"`
}

type replaceACLAssociationAnswer struct {
	NewAssociationID string `xml:"newAssociationId"`
}

// replaceACLAssociation gives a subnet another network ACL.
func (c *call) replaceACLAssociation(in *replaceACLAssociationRequest) (*replaceACLAssociationAnswer, error) {
	subnet, is := c.associatedSubnet(in.AssociationID)
	if !is {
		return nil, notFound("InvalidAssociationID.NotFound", "association ID", in.AssociationID)
	}
	to, is := c.acl(in.ACLID)
	switch {
	case !is:
		return nil, noACL(in.ACLID)
	case to.VPCID != subnet.VPCID:
		return nil, query.Errorf("InvalidParameter", "Network ACL %s and subnet %s belong to different networks.", to.ID, subnet.ID)
	}
	out := &replaceACLAssociationAnswer{aclAssociationID(to.ID, subnet.ID)}
	if out.NewAssociationID == in.AssociationID {
		return out, nil
	}
	if err := c.leaveACL(subnet.ID); err != nil {
		return nil, err
	}
	if to.Default { // it has all the subnets that no other one has
		return out, nil
	}
	to.SubnetIDs = append(slices.Clone(to.SubnetIDs), subnet.ID)
	return out, c.NetworkACLs.Put(to)
}

// associatedSubnet finds the subnet of an association with a network ACL.
func (c *call) associatedSubnet(associationID string) (vpc.Subnet, bool) {
	for _, a := range c.acls() {
		for _, id := range a.SubnetIDs {
			if aclAssociationID(a.ID, id) == associationID {
				return c.Subnets.Get(id)
			}
		}
	}
	return vpc.Subnet{}, false
}

// leaveACL takes a subnet from the network ACL that it has, so that it has the
// default one.
func (c *call) leaveACL(subnetID string) error {
	for _, a := range c.NetworkACLs.All() {
		if a.Default || !slices.Contains(a.SubnetIDs, subnetID) {
			continue
		}
		a.SubnetIDs = slices.DeleteFunc(slices.Clone(a.SubnetIDs), func(id string) bool { return id == subnetID })
		return c.NetworkACLs.Put(a)
	}
	return nil
}
