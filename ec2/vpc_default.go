package ec2

import (
	"net/netip"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// The blocks of a default VPC and of its default subnets (VPC User Guide, default
// VPCs).
var defaultVPCBlock = netip.MustParsePrefix("172.31.0.0/16")

const defaultSubnetBits = 20

type createDefaultVPCRequest struct{}

// createDefaultVPC makes the default VPC, if there is none.
func (c *call) createDefaultVPC(*createDefaultVPCRequest) (*createVPCAnswer, error) {
	if _, is := c.defaultVPC(); is {
		return nil, query.Errorf(vpc.CodeDefaultVPC, "A Default VPC already exists for this account in this region.")
	}
	if err := c.makeDefaultVPC(); err != nil {
		return nil, err
	}
	v, _ := c.defaultVPC()
	return &createVPCAnswer{c.vpcItem(&v)}, nil
}

// makeDefaultVPC makes a default VPC with a default subnet in each Availability
// Zone, as every Region of a new account has it.
func (c *call) makeDefaultVPC() error {
	v := vpc.VPC{ID: c.newID("vpc"), CIDR: defaultVPCBlock, Default: true, DNSSupport: true, DNSHostnames: true}
	if err := c.addVPC(v, nil); err != nil {
		return err
	}
	for _, z := range c.zones() {
		if _, err := c.makeDefaultSubnet(v, z); err != nil {
			return err
		}
	}
	return nil
}

type createDefaultSubnetRequest struct {
	AvailabilityZone   string `query:"AvailabilityZone"`
	AvailabilityZoneID string `query:"AvailabilityZoneId"`
}

// createDefaultSubnet makes the default subnet of a zone, if it has none.
func (c *call) createDefaultSubnet(in *createDefaultSubnetRequest) (*createSubnetAnswer, error) {
	if in.AvailabilityZone == "" && in.AvailabilityZoneID == "" {
		return nil, missing("availabilityZone")
	}
	z, err := c.zoneOf(in.AvailabilityZone, in.AvailabilityZoneID)
	if err != nil {
		return nil, err
	}
	v, is := c.defaultVPC()
	if !is {
		return nil, query.Errorf("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
	}
	for _, n := range c.Subnets.All() {
		if n.VPCID == v.ID && n.DefaultForAZ && c.zoneNamed(n.AvailabilityZone) == z {
			return nil, query.Errorf(vpc.CodeDefaultSubnet, "'%s' is already the default subnet in %s.", n.ID, z.Name)
		}
	}
	n, err := c.makeDefaultSubnet(v, z)
	if err != nil {
		return nil, err
	}
	return &createSubnetAnswer{c.subnetItem(&n, 0)}, nil
}

// makeDefaultSubnet makes the default subnet of a zone, in the first part of the
// default VPC's block that is free.
func (c *call) makeDefaultSubnet(v vpc.VPC, z zone) (vpc.Subnet, error) {
	block := netip.PrefixFrom(v.CIDR.Addr(), max(defaultSubnetBits, v.CIDR.Bits()))
	for c.conflicts(v.ID, block) {
		next := vpc.LastAddr(block).Next()
		if !v.CIDR.Contains(next) {
			return vpc.Subnet{}, query.Errorf("InsufficientAddressCapacity", "The default VPC %s has no /%d block that is free.", v.ID, block.Bits())
		}
		block = netip.PrefixFrom(next, block.Bits())
	}
	n := vpc.Subnet{
		ID: c.newID("subnet"), VPCID: v.ID, CIDR: block, AvailabilityZone: z.Name,
		DefaultForAZ: true, MapPublicIPOnLaunch: true,
	}
	return n, c.addSubnet(n, nil)
}
