package ec2

import (
	"net/netip"
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

type createSubnetRequest struct {
	tagSpecified
	VPCID              string `query:"VpcId,required"`
	CIDRBlock          string `query:"CidrBlock"`
	IPv6CIDRBlock      string `query:"Ipv6CidrBlock"`
	AvailabilityZone   string `query:"AvailabilityZone"`
	AvailabilityZoneID string `query:"AvailabilityZoneId"`
}

type createSubnetAnswer struct {
	Subnet subnetItem `xml:"subnet"`
}

// createSubnet makes a subnet in a VPC's blocks. It has an IPv4 block; subnets
// for IPv6 alone are not supported.
func (c *call) createSubnet(in *createSubnetRequest) (*createSubnetAnswer, error) {
	tags, err := in.tagsFor("subnet")
	if err != nil {
		return nil, err
	}
	v, is := c.VPCs.Get(in.VPCID)
	switch {
	case !is:
		return nil, noVPC(in.VPCID)
	case in.CIDRBlock == "" && in.IPv6CIDRBlock == "":
		return nil, query.Errorf("MissingParameter", "Either 'cidrBlock' or 'ipv6CidrBlock' should be provided.")
	case in.CIDRBlock == "":
		return nil, missing(cidrBlock)
	}
	z, err := c.zoneOf(in.AvailabilityZone, in.AvailabilityZoneID)
	if err != nil {
		return nil, err
	}
	n := vpc.Subnet{ID: c.newID("subnet"), VPCID: v.ID, AvailabilityZone: z.Name}
	if n.CIDR, err = c.subnetBlock(v, in.CIDRBlock); err != nil {
		return nil, err
	}
	if in.IPv6CIDRBlock != "" {
		if n.IPv6CIDR, err = c.subnetIPv6Block(v, in.IPv6CIDRBlock); err != nil {
			return nil, err
		}
	}
	if err := c.addSubnet(n, tags); err != nil {
		return nil, err
	}
	return &createSubnetAnswer{c.subnetItem(&n, 0)}, nil
}

// subnetBlock reads the IPv4 block of a new subnet.
func (c *call) subnetBlock(v vpc.VPC, value string) (netip.Prefix, error) {
	block, err := readBlock(cidrBlock, value)
	if err != nil {
		return block, err
	}
	if bits := block.Bits(); bits < 16 || bits > 28 || bits < v.CIDR.Bits() || !v.CIDR.Overlaps(block) {
		return block, outOfRange(vpc.CodeSubnetRange, block)
	}
	return block, c.checkConflict(v.ID, block)
}

// subnetIPv6Block reads the IPv6 block of a subnet.
func (c *call) subnetIPv6Block(v vpc.VPC, value string) (netip.Prefix, error) {
	block, err := readBlock(ipv6CIDRBlock, value)
	if err != nil {
		return block, err
	}
	bits := block.Bits()
	if bits < 44 || bits > 64 || bits%ipv6Step != 0 || !v.HasIPv6() || bits < v.IPv6CIDR.Bits() || !v.IPv6CIDR.Overlaps(block) {
		return block, outOfRange(vpc.CodeSubnetRange, block)
	}
	return block, c.checkConflict(v.ID, block)
}

func (c *call) checkConflict(vpcID string, block netip.Prefix) error {
	if c.conflicts(vpcID, block) {
		return query.Errorf(vpc.CodeSubnetConflict, "The CIDR '%s' conflicts with another subnet", block)
	}
	return nil
}

// conflicts reports whether a subnet of the VPC has addresses of the block.
func (c *call) conflicts(vpcID string, block netip.Prefix) bool {
	return slices.ContainsFunc(c.Subnets.All(), func(n vpc.Subnet) bool {
		return n.VPCID == vpcID && (n.CIDR.Overlaps(block) || n.IPv6CIDR.Overlaps(block))
	})
}

// addSubnet adds a subnet, if its VPC may have one more.
func (c *call) addSubnet(n vpc.Subnet, tags []vpc.Tag) error {
	count := 0
	for _, other := range c.Subnets.All() {
		if other.VPCID == n.VPCID {
			count++
		}
	}
	if count >= c.Quotas().SubnetsPerVPC {
		return query.Errorf(vpc.CodeSubnetLimit, "The maximum number of subnets has been reached.")
	}
	if err := c.Subnets.Put(n); err != nil {
		return err
	}
	return c.tagNew(n.ID, tags)
}

type deleteSubnetRequest struct {
	SubnetID string `query:"SubnetId,required"`
}

// deleteSubnet deletes a subnet in which there are no interfaces.
func (c *call) deleteSubnet(in *deleteSubnetRequest) (*done, error) {
	n, is := c.Subnets.Get(in.SubnetID)
	if !is {
		return nil, noSubnet(in.SubnetID)
	}
	if err := c.Subnets.Delete(n.ID); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(c.Interfaces.All(), func(i vpc.NetworkInterface) bool { return i.SubnetID == n.ID }) {
		return nil, dependent("subnet", n.ID)
	}
	if err := c.leaveACL(n.ID); err != nil {
		return nil, err
	}
	return finished(c.untag(n.ID))
}

type modifySubnetAttributeRequest struct {
	SubnetID    string     `query:"SubnetId,required"`
	AssignIPv6  *boolValue `query:"AssignIpv6AddressOnCreation"`
	MapPublicIP *boolValue `query:"MapPublicIpOnLaunch"`
}

// modifySubnetAttribute changes one attribute of a subnet.
func (c *call) modifySubnetAttribute(in *modifySubnetAttributeRequest) (*done, error) {
	n, is := c.Subnets.Get(in.SubnetID)
	if !is {
		return nil, noSubnet(in.SubnetID)
	}
	if err := oneOf(in.AssignIPv6 != nil, in.MapPublicIP != nil); err != nil {
		return nil, err
	}
	switch {
	case in.MapPublicIP != nil:
		n.MapPublicIPOnLaunch = in.MapPublicIP.Value
	case in.AssignIPv6.Value && !n.IPv6CIDR.IsValid():
		return nil, invalid("Invalid value 'true' for assignIpv6AddressOnCreation. Subnet must be associated with an IPv6 CIDR block")
	default:
		n.AssignIPv6AddressOnCreation = in.AssignIPv6.Value
	}
	return finished(c.Subnets.Put(n))
}

type associateSubnetBlockRequest struct {
	SubnetID      string `query:"SubnetId,required"`
	IPv6CIDRBlock string `query:"Ipv6CidrBlock"`
}

type subnetBlockAnswer struct {
	SubnetID string          `xml:"subnetId"`
	IPv6     subnetIPv6Block `xml:"ipv6CidrBlockAssociation"`
}

// associateSubnetBlock gives a subnet its IPv6 block.
func (c *call) associateSubnetBlock(in *associateSubnetBlockRequest) (*subnetBlockAnswer, error) {
	n, is := c.Subnets.Get(in.SubnetID)
	switch {
	case !is:
		return nil, noSubnet(in.SubnetID)
	case in.IPv6CIDRBlock == "":
		return nil, missing(ipv6CIDRBlock)
	case n.IPv6CIDR.IsValid():
		return nil, tooManyBlocks(n.ID)
	}
	v, _ := c.VPCs.Get(n.VPCID)
	var err error
	if n.IPv6CIDR, err = c.subnetIPv6Block(v, in.IPv6CIDRBlock); err != nil {
		return nil, err
	}
	return &subnetBlockAnswer{n.ID, subnetIPv6BlockOf(&n, associated)}, c.Subnets.Put(n)
}

// disassociateSubnetBlock takes its IPv6 block from a subnet.
func (c *call) disassociateSubnetBlock(in *disassociateBlockRequest) (*subnetBlockAnswer, error) {
	all := c.Subnets.All()
	i := slices.IndexFunc(all, func(n vpc.Subnet) bool {
		return n.IPv6CIDR.IsValid() && subnetBlockID(n.ID, n.IPv6CIDR) == in.AssociationID
	})
	if i < 0 {
		return nil, query.Errorf("InvalidSubnetCidrBlockAssociationID.NotFound",
			"The subnet CIDR block with association ID '%s' does not exist", in.AssociationID)
	}
	n := all[i]
	has := func(nic vpc.NetworkInterface) bool {
		return nic.SubnetID == n.ID && slices.ContainsFunc(nic.Addresses, netip.Addr.Is6)
	}
	if slices.ContainsFunc(c.Interfaces.All(), has) {
		return nil, query.Errorf("InvalidCidrBlock.InUse", "The subnet %s currently has network interfaces within CIDR block %s", n.ID, n.IPv6CIDR)
	}
	out := &subnetBlockAnswer{n.ID, subnetIPv6BlockOf(&n, disassociating)}
	n.IPv6CIDR, n.AssignIPv6AddressOnCreation = netip.Prefix{}, false
	return out, c.Subnets.Put(n)
}
