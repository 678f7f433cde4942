package ec2

import (
	"net/netip"
	"strconv"

	"github.com/sgate/sgate/vpc"
)

// vpcItem is a VPC on the wire.
type vpcItem struct {
	ID                string                 `xml:"vpcId"`
	OwnerID           string                 `xml:"ownerId"`
	State             string                 `xml:"state"`
	CIDRBlock         string                 `xml:"cidrBlock"`
	Blocks            []vpcBlock             `xml:"cidrBlockAssociationSet"`
	IPv6Blocks        []vpcIPv6Block         `xml:"ipv6CidrBlockAssociationSet"`
	DHCPOptionsID     string                 `xml:"dhcpOptionsId"`
	InstanceTenancy   string                 `xml:"instanceTenancy"`
	Default           bool                   `xml:"isDefault"`
	BlockPublicAccess blockPublicAccessState `xml:"blockPublicAccessStates"`
	Tags              []tag                  `xml:"tagSet"`
}

// vpcBlock is the association of a VPC with its IPv4 block.
type vpcBlock struct {
	AssociationID string     `xml:"associationId"`
	CIDRBlock     string     `xml:"cidrBlock"`
	State         blockState `xml:"cidrBlockState"`
}

// vpcIPv6Block is the association of a VPC with its IPv6 block.
type vpcIPv6Block struct {
	AssociationID      string     `xml:"associationId"`
	CIDRBlock          string     `xml:"ipv6CidrBlock"`
	State              blockState `xml:"ipv6CidrBlockState"`
	NetworkBorderGroup string     `xml:"networkBorderGroup"`
	Pool               string     `xml:"ipv6Pool"`
	AddressAttribute   string     `xml:"ipv6AddressAttribute"`
	Source             string     `xml:"ipSource"`
}

// blockPublicAccessState is whether VPC Block Public Access is on. There is none
// here.
type blockPublicAccessState struct {
	InternetGateway string `xml:"internetGatewayBlockMode"`
}

// available is the state of a VPC or subnet that is there.
const available = "available"

// noDHCPOptions is what EC2 has in place of an id for a VPC without a set of DHCP
// options (EC2 API, AssociateDhcpOptions).
const noDHCPOptions = "default"

// amazonPool is the pool of the IPv6 blocks that AWS provides. Terraform takes a
// block of any other pool for one that the user has brought.
const amazonPool = "Amazon"

func (c *call) vpcItem(v *vpc.VPC) vpcItem {
	item := vpcItem{
		ID: v.ID, OwnerID: c.owner(), State: available, CIDRBlock: v.CIDR.String(),
		Blocks:        []vpcBlock{{vpcBlockID(v.ID, v.CIDR), v.CIDR.String(), blockState{associated}}},
		DHCPOptionsID: noDHCPOptions, InstanceTenancy: "default", Default: v.Default,
		BlockPublicAccess: blockPublicAccessState{"off"}, Tags: c.tagsOf(v.ID),
	}
	if v.HasIPv6() {
		item.IPv6Blocks = []vpcIPv6Block{c.vpcIPv6Block(v, associated)}
	}
	return item
}

func (c *call) vpcIPv6Block(v *vpc.VPC, state string) vpcIPv6Block {
	return vpcIPv6Block{
		AssociationID: vpcBlockID(v.ID, v.IPv6CIDR), CIDRBlock: v.IPv6CIDR.String(), State: blockState{state},
		NetworkBorderGroup: c.options.Place().Region, Pool: amazonPool,
		AddressAttribute: ipv6Attribute(v.IPv6CIDR), Source: "amazon",
	}
}

// vpcBlockID returns the id of a VPC's association with a block.
func vpcBlockID(vpcID string, block netip.Prefix) string {
	return vpc.NewID("vpc-cidr-assoc", vpcID, block.String())
}

type describeVPCsRequest struct {
	filtered
	paged
	IDs []string `query:"VpcId"`
}

type describeVPCsAnswer struct {
	VPCs []vpcItem `xml:"vpcSet"`
	nextPage
}

var vpcFilters = filters[vpcItem]{
	"cidr":                              func(_ *call, v *vpcItem) []string { return []string{v.CIDRBlock} },
	"cidr-block-association.cidr-block": func(_ *call, v *vpcItem) []string { return []string{v.CIDRBlock} },
	"cidr-block-association.state":      func(_ *call, v *vpcItem) []string { return []string{v.Blocks[0].State.State} },
	"dhcp-options-id":                   func(_ *call, v *vpcItem) []string { return []string{v.DHCPOptionsID} },
	"is-default":                        func(_ *call, v *vpcItem) []string { return []string{strconv.FormatBool(v.Default)} },
	"isDefault":                         func(_ *call, v *vpcItem) []string { return []string{strconv.FormatBool(v.Default)} }, // Terraform's spelling
	"owner-id":                          func(_ *call, v *vpcItem) []string { return []string{v.OwnerID} },
	"state":                             func(_ *call, v *vpcItem) []string { return []string{v.State} },
	"vpc-id":                            func(_ *call, v *vpcItem) []string { return []string{v.ID} },
	"ipv6-cidr-block-association.state": ofIPv6Blocks(func(b *vpcIPv6Block) string { return b.State.State }),
	"cidr-block-association.association-id": func(_ *call, v *vpcItem) []string {
		return []string{v.Blocks[0].AssociationID}
	},
	"ipv6-cidr-block-association.ipv6-cidr-block": ofIPv6Blocks(func(b *vpcIPv6Block) string { return b.CIDRBlock }),
	"ipv6-cidr-block-association.ipv6-pool":       ofIPv6Blocks(func(b *vpcIPv6Block) string { return b.Pool }),
	"ipv6-cidr-block-association.association-id":  ofIPv6Blocks(func(b *vpcIPv6Block) string { return b.AssociationID }),
}

// ofIPv6Blocks returns a filter on something of a VPC's IPv6 blocks.
func ofIPv6Blocks(of func(*vpcIPv6Block) string) func(*call, *vpcItem) []string {
	return func(_ *call, v *vpcItem) []string {
		var values []string
		for i := range v.IPv6Blocks {
			values = append(values, of(&v.IPv6Blocks[i]))
		}
		return values
	}
}

func idOfVPCItem(v *vpcItem) string { return v.ID }

// describeVPCs lists VPCs.
func (c *call) describeVPCs(in *describeVPCsRequest) (*describeVPCsAnswer, error) {
	all := c.VPCs.All()
	items := make([]vpcItem, len(all))
	for i := range all {
		items[i] = c.vpcItem(&all[i])
	}
	items, err := named(items, in.IDs, idOfVPCItem, noVPC)
	if err != nil {
		return nil, err
	}
	if items, err = selected(c, items, in.Filters, vpcFilters, idOfVPCItem); err != nil {
		return nil, err
	}
	items, next, err := page(items, in.paged, ordinaryPages, idOfVPCItem)
	return &describeVPCsAnswer{items, next}, err
}

// boolValue is an attribute that is on or off.
type boolValue struct {
	Value bool `xml:"value" query:"Value"`
}

type describeVPCAttributeRequest struct {
	Attribute string `query:"Attribute,required"`
	VPCID     string `query:"VpcId,required"`
}

type describeVPCAttributeAnswer struct {
	VPCID        string     `xml:"vpcId"`
	DNSSupport   *boolValue `xml:"enableDnsSupport"`
	DNSHostnames *boolValue `xml:"enableDnsHostnames"`
	UsageMetrics *boolValue `xml:"enableNetworkAddressUsageMetrics"`
}

// describeVPCAttribute tells one attribute of a VPC.
func (c *call) describeVPCAttribute(in *describeVPCAttributeRequest) (*describeVPCAttributeAnswer, error) {
	v, is := c.VPCs.Get(in.VPCID)
	if !is {
		return nil, noVPC(in.VPCID)
	}
	out := &describeVPCAttributeAnswer{VPCID: v.ID}
	switch in.Attribute {
	case "enableDnsSupport":
		out.DNSSupport = &boolValue{v.DNSSupport}
	case "enableDnsHostnames":
		out.DNSHostnames = &boolValue{v.DNSHostnames}
	case "enableNetworkAddressUsageMetrics":
		out.UsageMetrics = &boolValue{v.NetworkAddressUsageMetrics}
	default:
		return nil, invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

type modifyVPCAttributeRequest struct {
	VPCID        string     `query:"VpcId,required"`
	DNSSupport   *boolValue `query:"EnableDnsSupport"`
	DNSHostnames *boolValue `query:"EnableDnsHostnames"`
	UsageMetrics *boolValue `query:"EnableNetworkAddressUsageMetrics"`
}

// modifyVPCAttribute changes one attribute of a VPC.
func (c *call) modifyVPCAttribute(in *modifyVPCAttributeRequest) (*done, error) {
	v, is := c.VPCs.Get(in.VPCID)
	if !is {
		return nil, noVPC(in.VPCID)
	}
	if err := oneOf(in.DNSSupport != nil, in.DNSHostnames != nil, in.UsageMetrics != nil); err != nil {
		return nil, err
	}
	switch {
	case in.DNSSupport != nil:
		v.DNSSupport = in.DNSSupport.Value
	case in.DNSHostnames != nil && in.DNSHostnames.Value && !v.DNSSupport:
		return nil, combination("DNS hostnames can only be enabled if DNS support is enabled.")
	case in.DNSHostnames != nil:
		v.DNSHostnames = in.DNSHostnames.Value
	default:
		v.NetworkAddressUsageMetrics = in.UsageMetrics.Value
	}
	return finished(c.VPCs.Put(v))
}

func vpcActions() []action {
	return []action{
		write("CreateVpc", (*call).createVPC),
		write("CreateDefaultVpc", (*call).createDefaultVPC),
		write("DeleteVpc", (*call).deleteVPC),
		read("DescribeVpcs", (*call).describeVPCs),
		read("DescribeVpcAttribute", (*call).describeVPCAttribute),
		write("ModifyVpcAttribute", (*call).modifyVPCAttribute),
		write("AssociateVpcCidrBlock", (*call).associateVPCBlock),
		write("DisassociateVpcCidrBlock", (*call).disassociateVPCBlock),
	}
}
