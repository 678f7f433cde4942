package ec2

import (
	"net/netip"
	"strconv"

	"github.com/sgate/sgate/vpc"
)

// subnetItem is a subnet on the wire.
type subnetItem struct {
	ID                 string                 `xml:"subnetId"`
	ARN                string                 `xml:"subnetArn"`
	VPCID              string                 `xml:"vpcId"`
	OwnerID            string                 `xml:"ownerId"`
	State              string                 `xml:"state"`
	CIDRBlock          string                 `xml:"cidrBlock"`
	IPv6Blocks         []subnetIPv6Block      `xml:"ipv6CidrBlockAssociationSet"`
	AvailabilityZone   string                 `xml:"availabilityZone"`
	AvailabilityZoneID string                 `xml:"availabilityZoneId"`
	AvailableAddresses int                    `xml:"availableIpAddressCount"`
	DefaultForAZ       bool                   `xml:"defaultForAz"`
	MapPublicIP        bool                   `xml:"mapPublicIpOnLaunch"`
	MapCustomerOwnedIP bool                   `xml:"mapCustomerOwnedIpOnLaunch"`
	AssignIPv6         bool                   `xml:"assignIpv6AddressOnCreation"`
	IPv6Native         bool                   `xml:"ipv6Native"`
	DNS64              bool                   `xml:"enableDns64"`
	PrivateDNSNames    privateDNSNames        `xml:"privateDnsNameOptionsOnLaunch"`
	BlockPublicAccess  blockPublicAccessState `xml:"blockPublicAccessStates"`
	Tags               []tag                  `xml:"tagSet"`
}

// subnetIPv6Block is the association of a subnet with its IPv6 block.
type subnetIPv6Block struct {
	AssociationID    string     `xml:"associationId"`
	CIDRBlock        string     `xml:"ipv6CidrBlock"`
	State            blockState `xml:"ipv6CidrBlockState"`
	AddressAttribute string     `xml:"ipv6AddressAttribute"`
	Source           string     `xml:"ipSource"`
}

// privateDNSNames says which names instances of a subnet get. There is no DNS
// here; these are AWS's defaults.
type privateDNSNames struct {
	HostnameType string `xml:"hostnameType"`
	A            bool   `xml:"enableResourceNameDnsARecord"`
	AAAA         bool   `xml:"enableResourceNameDnsAAAARecord"`
}

// hostnameType is EC2's default for what the private names of instances are made
// of.
const hostnameType = "ip-name"

// reservedAddresses are those of a subnet's IPv4 block that EC2 keeps for itself.
const reservedAddresses = 5

// subnetItem returns a subnet of whose IPv4 addresses some are used.
func (c *call) subnetItem(n *vpc.Subnet, used int) subnetItem {
	z := c.zoneNamed(n.AvailabilityZone)
	item := subnetItem{
		ID: n.ID, ARN: c.arn("subnet", n.ID), VPCID: n.VPCID, OwnerID: c.owner(), State: available, CIDRBlock: n.CIDR.String(),
		AvailabilityZone: z.Name, AvailabilityZoneID: z.ID, AvailableAddresses: 1<<(32-n.CIDR.Bits()) - reservedAddresses - used,
		DefaultForAZ: n.DefaultForAZ, MapPublicIP: n.MapPublicIPOnLaunch, AssignIPv6: n.AssignIPv6AddressOnCreation,
		PrivateDNSNames:   privateDNSNames{HostnameType: hostnameType},
		BlockPublicAccess: blockPublicAccessState{"off"}, Tags: c.tagsOf(n.ID),
	}
	if n.IPv6CIDR.IsValid() {
		item.IPv6Blocks = []subnetIPv6Block{subnetIPv6BlockOf(n, associated)}
	}
	return item
}

func subnetIPv6BlockOf(n *vpc.Subnet, state string) subnetIPv6Block {
	return subnetIPv6Block{
		AssociationID: subnetBlockID(n.ID, n.IPv6CIDR), CIDRBlock: n.IPv6CIDR.String(), State: blockState{state},
		AddressAttribute: ipv6Attribute(n.IPv6CIDR), Source: "amazon",
	}
}

// subnetBlockID returns the id of a subnet's association with its IPv6 block.
func subnetBlockID(subnetID string, block netip.Prefix) string {
	return vpc.NewID("subnet-cidr-assoc", subnetID, block.String())
}

// addressesUsed counts the IPv4 addresses of interfaces by subnet.
func (c *call) addressesUsed() map[string]int {
	used := make(map[string]int)
	all := c.Interfaces.All()
	for i := range all {
		for _, a := range all[i].Addresses {
			if a.Is4() {
				used[all[i].SubnetID]++
			}
		}
	}
	return used
}

type describeSubnetsRequest struct {
	filtered
	paged
	IDs []string `query:"SubnetId"`
}

type describeSubnetsAnswer struct {
	Subnets []subnetItem `xml:"subnetSet"`
	nextPage
}

var subnetFilters = filters[subnetItem]{
	"availability-zone":               ofSubnet(func(n *subnetItem) string { return n.AvailabilityZone }),
	"availabilityZone":                ofSubnet(func(n *subnetItem) string { return n.AvailabilityZone }),
	"availability-zone-id":            ofSubnet(func(n *subnetItem) string { return n.AvailabilityZoneID }),
	"availabilityZoneId":              ofSubnet(func(n *subnetItem) string { return n.AvailabilityZoneID }),
	"available-ip-address-count":      ofSubnet(func(n *subnetItem) string { return strconv.Itoa(n.AvailableAddresses) }),
	"cidr-block":                      ofSubnet(func(n *subnetItem) string { return n.CIDRBlock }),
	"cidr":                            ofSubnet(func(n *subnetItem) string { return n.CIDRBlock }),
	"cidrBlock":                       ofSubnet(func(n *subnetItem) string { return n.CIDRBlock }),
	"default-for-az":                  ofSubnet(func(n *subnetItem) string { return strconv.FormatBool(n.DefaultForAZ) }),
	"defaultForAz":                    ofSubnet(func(n *subnetItem) string { return strconv.FormatBool(n.DefaultForAZ) }),
	"enable-dns64":                    ofSubnet(func(n *subnetItem) string { return strconv.FormatBool(n.DNS64) }),
	"ipv6-native":                     ofSubnet(func(n *subnetItem) string { return strconv.FormatBool(n.IPv6Native) }),
	"map-customer-owned-ip-on-launch": ofSubnet(func(n *subnetItem) string { return strconv.FormatBool(n.MapCustomerOwnedIP) }),
	"map-public-ip-on-launch":         ofSubnet(func(n *subnetItem) string { return strconv.FormatBool(n.MapPublicIP) }),
	"owner-id":                        ofSubnet(func(n *subnetItem) string { return n.OwnerID }),
	"state":                           ofSubnet(func(n *subnetItem) string { return n.State }),
	"subnet-arn":                      ofSubnet(func(n *subnetItem) string { return n.ARN }),
	"subnet-id":                       ofSubnet(func(n *subnetItem) string { return n.ID }),
	"vpc-id":                          ofSubnet(func(n *subnetItem) string { return n.VPCID }),

	"private-dns-name-options-on-launch.hostname-type": ofSubnet(func(n *subnetItem) string { return n.PrivateDNSNames.HostnameType }),
	"private-dns-name-options-on-launch.enable-resource-name-dns-a-record": ofSubnet(func(n *subnetItem) string {
		return strconv.FormatBool(n.PrivateDNSNames.A)
	}),
	"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": ofSubnet(func(n *subnetItem) string {
		return strconv.FormatBool(n.PrivateDNSNames.AAAA)
	}),
	"ipv6-cidr-block-association.ipv6-cidr-block": ofSubnetBlocks(func(b *subnetIPv6Block) string { return b.CIDRBlock }),
	"ipv6-cidr-block-association.association-id":  ofSubnetBlocks(func(b *subnetIPv6Block) string { return b.AssociationID }),
	"ipv6-cidr-block-association.state":           ofSubnetBlocks(func(b *subnetIPv6Block) string { return b.State.State }),
}.without("customer-owned-ipv4-pool enable-lni-at-device-index outpost-arn")

// ofSubnet returns a filter on one thing of a subnet.
func ofSubnet(of func(*subnetItem) string) func(*call, *subnetItem) []string {
	return func(_ *call, n *subnetItem) []string { return []string{of(n)} }
}

// ofSubnetBlocks returns a filter on something of a subnet's IPv6 blocks.
func ofSubnetBlocks(of func(*subnetIPv6Block) string) func(*call, *subnetItem) []string {
	return func(_ *call, n *subnetItem) []string {
		var values []string
		for i := range n.IPv6Blocks {
			values = append(values, of(&n.IPv6Blocks[i]))
		}
		return values
	}
}

func idOfSubnetItem(n *subnetItem) string { return n.ID }

// describeSubnets lists subnets.
func (c *call) describeSubnets(in *describeSubnetsRequest) (*describeSubnetsAnswer, error) {
	all, used := c.Subnets.All(), c.addressesUsed()
	items := make([]subnetItem, len(all))
	for i := range all {
		items[i] = c.subnetItem(&all[i], used[all[i].ID])
	}
	items, err := named(items, in.IDs, idOfSubnetItem, noSubnet)
	if err != nil {
		return nil, err
	}
	if items, err = selected(c, items, in.Filters, subnetFilters, idOfSubnetItem); err != nil {
		return nil, err
	}
	items, next, err := page(items, in.paged, ordinaryPages, idOfSubnetItem)
	return &describeSubnetsAnswer{items, next}, err
}

func subnetActions() []action {
	return []action{
		write("CreateSubnet", (*call).createSubnet),
		write("CreateDefaultSubnet", (*call).createDefaultSubnet),
		write("DeleteSubnet", (*call).deleteSubnet),
		read("DescribeSubnets", (*call).describeSubnets),
		write("ModifySubnetAttribute", (*call).modifySubnetAttribute),
		write("AssociateSubnetCidrBlock", (*call).associateSubnetBlock),
		write("DisassociateSubnetCidrBlock", (*call).disassociateSubnetBlock),
	}
}
