package ec2

import (
	"net/netip"
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

type createVPCRequest struct {
	tagSpecified
	CIDRBlock          string `query:"CidrBlock"`
	InstanceTenancy    string `query:"InstanceTenancy"`
	ProvideIPv6        bool   `query:"AmazonProvidedIpv6CidrBlock"`
	NetworkBorderGroup string `query:"Ipv6CidrBlockNetworkBorderGroup"`
}

type createVPCAnswer struct {
	VPC vpcItem `xml:"vpc"`
}

// createVPC makes a VPC. Its default group and network ACL come with it.
func (c *call) createVPC(in *createVPCRequest) (*createVPCAnswer, error) {
	tags, err := in.tagsFor("vpc")
	if err != nil {
		return nil, err
	}
	switch {
	case in.CIDRBlock == "":
		return nil, missing(cidrBlock)
	case in.InstanceTenancy != "" && in.InstanceTenancy != "default":
		return nil, query.Errorf("UnsupportedTenancy", "The tenancy value %s is not supported.", in.InstanceTenancy)
	}
	if err := c.checkBorderGroup(in.NetworkBorderGroup, in.ProvideIPv6); err != nil {
		return nil, err
	}
	block, err := readBlock(cidrBlock, in.CIDRBlock)
	if err != nil {
		return nil, err
	}
	if bits := block.Bits(); bits < 16 || bits > 28 {
		return nil, outOfRange("InvalidVpc.Range", block)
	}
	v := vpc.VPC{ID: c.newID("vpc"), CIDR: block, DNSSupport: true}
	if in.ProvideIPv6 {
		v.IPv6CIDR = c.newIPv6Block()
	}
	if err := c.addVPC(v, tags); err != nil {
		return nil, err
	}
	return &createVPCAnswer{c.vpcItem(&v)}, nil
}

// checkBorderGroup refuses another place for IPv6 addresses than the Region.
func (c *call) checkBorderGroup(group string, ipv6 bool) error {
	switch {
	case group == "":
	case !ipv6:
		return combination("The parameter ipv6CidrBlockNetworkBorderGroup cannot be used without amazonProvidedIpv6CidrBlock")
	case group != c.options.Place().Region:
		return invalid("Value (%s) for parameter ipv6CidrBlockNetworkBorderGroup is invalid. Want %s.", group, c.options.Place().Region)
	}
	return nil
}

// addVPC adds a VPC, if there may be one more.
func (c *call) addVPC(v vpc.VPC, tags []vpc.Tag) error {
	if len(c.VPCs.All()) >= c.Quotas().VPCs {
		return query.Errorf(vpc.CodeVPCLimit, "The maximum number of VPCs has been reached.")
	}
	if err := c.VPCs.Put(v); err != nil {
		return err
	}
	return c.tagNew(v.ID, tags)
}

type deleteVPCRequest struct {
	VPCID string `query:"VpcId,required"`
}

// deleteVPC deletes a VPC that nothing is in any more, and what came with it.
func (c *call) deleteVPC(in *deleteVPCRequest) (*done, error) {
	v, is := c.VPCs.Get(in.VPCID)
	if !is {
		return nil, noVPC(in.VPCID)
	}
	if err := c.VPCs.Delete(v.ID); err != nil {
		return nil, err
	}
	if c.hasDependents(v.ID) {
		return nil, dependent("vpc", v.ID)
	}
	gone := []string{v.ID}
	for _, g := range c.SecurityGroups.All() {
		if g.VPCID != v.ID {
			continue
		}
		if err := c.SecurityGroups.Delete(g.ID); err != nil {
			return nil, err
		}
		gone = append(gone, g.ID)
		for _, r := range slices.Concat(g.Ingress, g.Egress) {
			gone = append(gone, r.ID)
		}
	}
	acl := c.defaultACL(v)
	if err := c.NetworkACLs.Delete(acl.ID); err != nil {
		return nil, err
	}
	return finished(c.untag(append(gone, acl.ID)...))
}

// hasDependents reports whether there is anything in a VPC but its default group
// and network ACL.
func (c *call) hasDependents(vpcID string) bool {
	return slices.ContainsFunc(c.Subnets.All(), func(n vpc.Subnet) bool { return n.VPCID == vpcID }) ||
		slices.ContainsFunc(c.Interfaces.All(), func(n vpc.NetworkInterface) bool { return n.VPCID == vpcID }) ||
		slices.ContainsFunc(c.SecurityGroups.All(), func(g vpc.SecurityGroup) bool {
			return g.VPCID == vpcID && g.Name != vpc.DefaultGroupName
		}) ||
		slices.ContainsFunc(c.NetworkACLs.All(), func(a vpc.NetworkACL) bool { return a.VPCID == vpcID && !a.Default })
}

type associateVPCBlockRequest struct {
	VPCID              string `query:"VpcId,required"`
	ProvideIPv6        bool   `query:"AmazonProvidedIpv6CidrBlock"`
	NetworkBorderGroup string `query:"Ipv6CidrBlockNetworkBorderGroup"`
}

type vpcBlockAnswer struct {
	VPCID string       `xml:"vpcId"`
	IPv6  vpcIPv6Block `xml:"ipv6CidrBlockAssociation"`
}

// associateVPCBlock gives a VPC its IPv6 block. One IPv4 block is all that it can
// have.
func (c *call) associateVPCBlock(in *associateVPCBlockRequest) (*vpcBlockAnswer, error) {
	v, is := c.VPCs.Get(in.VPCID)
	switch {
	case !is:
		return nil, noVPC(in.VPCID)
	case !in.ProvideIPv6:
		return nil, missing("amazonProvidedIpv6CidrBlock")
	case v.HasIPv6():
		return nil, tooManyBlocks(v.ID)
	}
	if err := c.checkBorderGroup(in.NetworkBorderGroup, true); err != nil {
		return nil, err
	}
	before := v
	v.IPv6CIDR = c.newIPv6Block()
	if err := c.VPCs.Put(v); err != nil {
		return nil, err
	}
	if err := c.followBlocks(before, v); err != nil {
		return nil, err
	}
	return &vpcBlockAnswer{v.ID, c.vpcIPv6Block(&v, associated)}, nil
}

type disassociateBlockRequest struct {
	AssociationID string `query:"AssociationId,required"`
}

// disassociateVPCBlock takes its IPv6 block from a VPC.
func (c *call) disassociateVPCBlock(in *disassociateBlockRequest) (*vpcBlockAnswer, error) {
	for _, v := range c.VPCs.All() {
		switch {
		case vpcBlockID(v.ID, v.CIDR) == in.AssociationID:
			return nil, query.Errorf("OperationNotPermitted",
				"The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the VPC", in.AssociationID)
		case v.HasIPv6() && vpcBlockID(v.ID, v.IPv6CIDR) == in.AssociationID:
			return c.removeIPv6(v)
		}
	}
	return nil, notFound("InvalidVpcCidrBlockAssociationID.NotFound", "vpc CIDR block association ID", in.AssociationID)
}

func (c *call) removeIPv6(v vpc.VPC) (*vpcBlockAnswer, error) {
	if slices.ContainsFunc(c.Subnets.All(), func(n vpc.Subnet) bool { return n.VPCID == v.ID && n.IPv6CIDR.IsValid() }) {
		return nil, query.Errorf("InvalidCidrBlock.InUse", "The vpc %s currently has a subnet within CIDR block %s", v.ID, v.IPv6CIDR)
	}
	before := v
	v.IPv6CIDR = netip.Prefix{}
	if err := c.VPCs.Put(v); err != nil {
		return nil, err
	}
	if err := c.followBlocks(before, v); err != nil {
		return nil, err
	}
	return &vpcBlockAnswer{v.ID, c.vpcIPv6Block(&before, disassociating)}, nil
}
