package ec2

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

// labVPC is a file with a VPC of its own, which the tests call fileVPC.
const labVPC = "vpc: {id: " + fileVPC + ", name: lab, cidr: 10.0.0.0/16}\nquotas: {vpcs: 20}\n"

const fileVPC = "vpc-0123456789abcdef0"

// makeVPC makes a VPC over the API and returns its id.
func (w *world) makeVPC(cidr string, params ...string) string {
	w.t.Helper()
	return w.do("CreateVpc", append([]string{"CidrBlock", cidr}, params...)...).get("vpc.vpcId")
}

// describe returns the only item of a describing action's answer.
func (w *world) describe(action, set string, params ...string) *element {
	w.t.Helper()
	items := w.do(action, params...).all(set + ".item")
	if len(items) != 1 {
		w.t.Fatalf("%s %q has %d items, want one", action, params, len(items))
	}
	return items[0]
}

// lines returns what is below an element as lines of path=text, so that
// answers can be compared whole.
func (e *element) lines() []string {
	var out []string
	for i := range e.Below {
		b := &e.Below[i]
		if len(b.Below) == 0 {
			out = append(out, b.XMLName.Local+"="+strings.TrimSpace(b.Text))
		}
		for _, line := range b.lines() {
			out = append(out, b.XMLName.Local+"."+line)
		}
	}
	return out
}

func TestAVPCAsAWSTellsIt(t *testing.T) {
	w := newWorld(t, labVPC)
	made := w.do("CreateVpc", "CidrBlock", "10.1.0.9/16", "AmazonProvidedIpv6CidrBlock", "true", "InstanceTenancy", "default",
		"TagSpecification.1.ResourceType", "vpc", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "x")
	id, block := made.get("vpc.vpcId"), made.get("vpc.ipv6CidrBlockAssociationSet.item.ipv6CidrBlock")
	want := []string{
		"vpcId=" + id, "ownerId=123456789012", "state=available", "cidrBlock=10.1.0.0/16",
		"cidrBlockAssociationSet.item.associationId=" + made.get("vpc.cidrBlockAssociationSet.item.associationId"),
		"cidrBlockAssociationSet.item.cidrBlock=10.1.0.0/16",
		"cidrBlockAssociationSet.item.cidrBlockState.state=associated",
		"ipv6CidrBlockAssociationSet.item.associationId=" + made.get("vpc.ipv6CidrBlockAssociationSet.item.associationId"),
		"ipv6CidrBlockAssociationSet.item.ipv6CidrBlock=" + block,
		"ipv6CidrBlockAssociationSet.item.ipv6CidrBlockState.state=associated",
		"ipv6CidrBlockAssociationSet.item.networkBorderGroup=us-east-1",
		"ipv6CidrBlockAssociationSet.item.ipv6Pool=Amazon",
		"ipv6CidrBlockAssociationSet.item.ipv6AddressAttribute=private",
		"ipv6CidrBlockAssociationSet.item.ipSource=amazon",
		"dhcpOptionsId=default", "instanceTenancy=default", "isDefault=false",
		"blockPublicAccessStates.internetGatewayBlockMode=off",
		"tagSet.item.key=Name", "tagSet.item.value=x",
	}
	if diff := cmp.Diff(want, w.describe("DescribeVpcs", "vpcSet", "VpcId.1", id).lines()); diff != "" {
		t.Errorf("DescribeVpcs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, made.all("vpc")[0].lines()); diff != "" {
		t.Errorf("CreateVpc (-want +got):\n%s", diff)
	}
	if p := netip.MustParsePrefix(block); p.Bits() != 56 || p.Addr().As16()[0] != 0xfd || p != p.Masked() {
		t.Errorf("the IPv6 block is %s, want a /56 of fd00::/8", p)
	}
	other := w.makeVPC("10.1.0.0/16", "AmazonProvidedIpv6CidrBlock", "true") // VPCs may have equal addresses
	if got := w.describe("DescribeVpcs", "vpcSet", "VpcId.1", other).get("ipv6CidrBlockAssociationSet.item.ipv6CidrBlock"); got == block {
		t.Errorf("two VPCs got the block %s", got)
	}
	for _, prefix := range []string{"vpc", "vpc-cidr-assoc"} {
		if found := strings.Join(want, " "); !strings.Contains(found, "="+prefix+"-") {
			t.Errorf("no id begins with %s-: %s", prefix, found)
		}
	}
}

func TestNewIPv6BlocksStayClearOfAWSServices(t *testing.T) {
	services := []byte{0, 0x0e, 0xc2, 9, 9, 9} // fd00:ec2:909:9
	free := []byte{1, 2, 3, 4, 5, 6}
	e := &Endpoint{options: Options{Random: strings.NewReader(string(services) + string(free))}}
	if got := e.newIPv6Block().String(); got != "fd01:203:405:600::/56" {
		t.Errorf("got %s", got)
	}
}

func TestVPCsThatAWSRefuses(t *testing.T) {
	w := newWorld(t, "vpc: {name: lab, cidr: 10.0.0.0/16}\nquotas: {vpcs: 2}\n")
	for _, c := range []struct{ cidr, code, message string }{
		{"10.0.0.0/33", "InvalidParameterValue", "Value (10.0.0.0/33) for parameter cidrBlock is invalid. This is not a valid CIDR block."},
		{"10.0.0.0", "InvalidParameterValue", "Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR block."},
		{"fd00::/56", "InvalidParameterValue", "Value (fd00::/56) for parameter cidrBlock is invalid. This is not a valid CIDR block."},
		{"10.0.0.0/15", "InvalidVpc.Range", "The CIDR '10.0.0.0/15' is invalid."},
		{"10.0.0.0/29", "InvalidVpc.Range", "The CIDR '10.0.0.0/29' is invalid."},
		{"127.0.0.0/16", "InvalidVpc.Range", ""},
		{"", "MissingParameter", "The request must contain the parameter cidrBlock"},
	} {
		w.refused(c.code, c.message, "CreateVpc", "CidrBlock", c.cidr)
	}
	const block = "10.9.0.0/16"
	w.refused("UnsupportedTenancy", "The tenancy value dedicated is not supported.", "CreateVpc", "CidrBlock", block, "InstanceTenancy", "dedicated")
	w.refused("UnknownParameter", "The parameter Ipv6CidrBlock is not recognized", "CreateVpc", "CidrBlock", block, "Ipv6CidrBlock", "fd00::/56")
	w.refused("InvalidParameterValue", "Value (us-east-1-wl1) for parameter ipv6CidrBlockNetworkBorderGroup is invalid. Want us-east-1.",
		"CreateVpc", "CidrBlock", block, "AmazonProvidedIpv6CidrBlock", "true", "Ipv6CidrBlockNetworkBorderGroup", "us-east-1-wl1")
	w.refused("InvalidParameterCombination", "", "CreateVpc", "CidrBlock", block, "Ipv6CidrBlockNetworkBorderGroup", "us-east-1")
	w.refused("DryRunOperation", "", "CreateVpc", "CidrBlock", block, "DryRun", "true")

	w.makeVPC(block)
	w.refused("VpcLimitExceeded", "The maximum number of VPCs has been reached.", "CreateVpc", "CidrBlock", block)
	w.refused("VpcLimitExceeded", "The maximum number of VPCs has been reached.", "CreateDefaultVpc")
}

func TestVPCsAreFound(t *testing.T) {
	w := newWorld(t, labVPC)
	a := w.makeVPC("10.1.0.0/16", "AmazonProvidedIpv6CidrBlock", "true",
		"TagSpecification.1.ResourceType", "vpc", "TagSpecification.1.Tag.1.Key", "team", "TagSpecification.1.Tag.1.Value", "blue")
	b := w.do("CreateDefaultVpc").get("vpc.vpcId")
	told := w.describe("DescribeVpcs", "vpcSet", "VpcId.1", a)
	v4, v6 := told.get("cidrBlockAssociationSet.item.associationId"), told.get("ipv6CidrBlockAssociationSet.item.associationId")
	for _, c := range []struct {
		filter, value string
		want          []string
	}{
		{"cidr", "10.1.0.0/16", []string{a}},
		{"cidr", "10.*", []string{fileVPC, a}},
		{"cidr-block-association.cidr-block", "172.31.0.0/16", []string{b}},
		{"cidr-block-association.association-id", v4, []string{a}},
		{"cidr-block-association.state", "associated", []string{fileVPC, a, b}},
		{"dhcp-options-id", "default", []string{fileVPC, a, b}},
		{"ipv6-cidr-block-association.ipv6-cidr-block", "fd*", []string{a}},
		{"ipv6-cidr-block-association.ipv6-pool", "Amazon", []string{a}},
		{"ipv6-cidr-block-association.association-id", v6, []string{a}},
		{"ipv6-cidr-block-association.association-id", v4, nil},
		{"ipv6-cidr-block-association.state", "associated", []string{a}},
		{"is-default", "true", []string{b}},
		{"isDefault", "false", []string{fileVPC, a}},
		{"owner-id", "123456789012", []string{fileVPC, a, b}},
		{"state", "pending", nil},
		{"tag:team", "blue", []string{a}},
		{"tag-key", "team", []string{a}},
		{"vpc-id", b, []string{b}},
	} {
		got := w.do("DescribeVpcs", "Filter.1.Name", c.filter, "Filter.1.Value.1", c.value).texts("vpcSet.item.vpcId")
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s=%s (-want +got):\n%s", c.filter, c.value, diff)
		}
	}
	w.refused("InvalidVpcID.NotFound", "The vpc ID 'vpc-9' does not exist", "DescribeVpcs", "VpcId.1", a, "VpcId.2", "vpc-9")
	w.refused("InvalidParameterValue", "The filter 'colour' is invalid", "DescribeVpcs", "Filter.1.Name", "colour", "Filter.1.Value.1", "red")

	for range 3 {
		w.makeVPC("10.5.0.0/16")
	}
	first := w.do("DescribeVpcs", "MaxResults", "5")
	second := w.do("DescribeVpcs", "MaxResults", "5", "NextToken", first.get("nextToken"))
	if n, m := len(first.all("vpcSet.item")), len(second.all("vpcSet.item")); n != 5 || m != 1 || second.get("nextToken") != "" {
		t.Errorf("pages of %d and %d, want 5 and 1", n, m)
	}
}

func TestVPCAttributes(t *testing.T) {
	w := newWorld(t, labVPC)
	id := w.makeVPC("10.1.0.0/16")
	attribute := func(of, name string) string {
		return w.do("DescribeVpcAttribute", "VpcId", of, "Attribute", name).get(name + ".value")
	}
	for name, want := range map[string]string{"enableDnsSupport": "true", "enableDnsHostnames": "false", "enableNetworkAddressUsageMetrics": "false"} {
		if got := attribute(id, name); got != want {
			t.Errorf("%s is %q at first, want %s", name, got, want)
		}
		if lines := w.do("DescribeVpcAttribute", "VpcId", id, "Attribute", name).lines(); len(lines) != 3 {
			t.Errorf("%s: want the request, the VPC and one attribute, got %q", name, lines)
		}
	}
	for _, c := range []struct{ parameter, attribute, value string }{
		{"EnableDnsHostnames", "enableDnsHostnames", "true"},
		{"EnableNetworkAddressUsageMetrics", "enableNetworkAddressUsageMetrics", "true"},
		{"EnableDnsHostnames", "enableDnsHostnames", "false"},
		{"EnableDnsSupport", "enableDnsSupport", "false"},
	} {
		w.do("ModifyVpcAttribute", "VpcId", id, c.parameter+".Value", c.value)
		if got := attribute(id, c.attribute); got != c.value {
			t.Errorf("%s is %q, want %s", c.attribute, got, c.value)
		}
	}
	w.refused("InvalidParameterCombination", "DNS hostnames can only be enabled if DNS support is enabled.",
		"ModifyVpcAttribute", "VpcId", id, "EnableDnsHostnames.Value", "true")
	w.refused("InvalidParameterCombination", "Fields for multiple attribute types specified",
		"ModifyVpcAttribute", "VpcId", id, "EnableDnsHostnames.Value", "false", "EnableDnsSupport.Value", "true")
	w.refused("InvalidParameterCombination", "No attributes specified.", "ModifyVpcAttribute", "VpcId", id)
	w.refused("InvalidVpcID.NotFound", "The vpc ID 'vpc-9' does not exist", "ModifyVpcAttribute", "VpcId", "vpc-9", "EnableDnsSupport.Value", "true")
	w.refused("OperationNotPermitted", fileVPC+" is declared in lab.yaml:1:6: change it there",
		"ModifyVpcAttribute", "VpcId", fileVPC, "EnableDnsHostnames.Value", "true")
	w.refused("InvalidVpcID.NotFound", "The vpc ID 'vpc-9' does not exist", "DescribeVpcAttribute", "VpcId", "vpc-9", "Attribute", "enableDnsSupport")
	w.refused("InvalidParameterValue", "Value (colour) for parameter attribute is invalid. Unknown attribute.",
		"DescribeVpcAttribute", "VpcId", id, "Attribute", "colour")
}

func TestDeletingAVPCTakesItsDefaultsWithIt(t *testing.T) {
	w := newWorld(t, labVPC)
	id := w.makeVPC("10.1.0.0/16", "TagSpecification.1.ResourceType", "vpc", "TagSpecification.1.Tag.1.Key", "a", "TagSpecification.1.Tag.1.Value", "b")
	inVPC := []string{"Filter.1.Name", "vpc-id", "Filter.1.Value.1", id}
	acl := w.describe("DescribeNetworkAcls", "networkAclSet", inVPC...).get("networkAclId")
	w.do("CreateNetworkAclEntry", "NetworkAclId", acl, "RuleNumber", "1", "Protocol", "-1", "RuleAction", "deny", "Egress", "true", "CidrBlock", "0.0.0.0/0")

	subnet := w.makeSubnet(id, "10.1.1.0/24")
	message := "The vpc '" + id + "' has dependencies and cannot be deleted."
	w.refused("DependencyViolation", message, "DeleteVpc", "VpcId", id)
	w.do("DeleteSubnet", "SubnetId", subnet)
	custom := w.do("CreateNetworkAcl", "VpcId", id).get("networkAcl.networkAclId")
	w.refused("DependencyViolation", message, "DeleteVpc", "VpcId", id)
	w.do("DeleteNetworkAcl", "NetworkAclId", custom)
	w.change(func(d *store.Draft) error {
		return d.SecurityGroups.Put(vpc.SecurityGroup{ID: "sg-00000000000000001", Name: "web", Description: "web", VPCID: id})
	})
	w.refused("DependencyViolation", message, "DeleteVpc", "VpcId", id)
	w.change(func(d *store.Draft) error { return d.SecurityGroups.Delete("sg-00000000000000001") })

	w.do("DeleteVpc", "VpcId", id)
	w.refused("InvalidVpcID.NotFound", "The vpc ID '"+id+"' does not exist", "DescribeVpcs", "VpcId.1", id)
	view := w.store.View()
	if n, m, k := len(view.SecurityGroups()), len(view.NetworkACLs()), len(view.Tags(id)); n != 1 || m != 0 || k != 0 {
		t.Errorf("left: %d groups, %d ACLs, %d tags of the VPC; want the file's default group alone", n, m, k)
	}
	w.refused("InvalidVpcID.NotFound", "", "DeleteVpc", "VpcId", id)
	w.refused("OperationNotPermitted", fileVPC+" is declared in lab.yaml:1:6: change it there", "DeleteVpc", "VpcId", fileVPC)
}

func TestTheDefaultVPC(t *testing.T) {
	w := newWorld(t, labVPC)
	w.refused("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.", "CreateDefaultSubnet", "AvailabilityZone", "us-east-1a")
	made := w.do("CreateDefaultVpc")
	id := made.get("vpc.vpcId")
	if got := made.get("vpc.cidrBlock") + " " + made.get("vpc.isDefault"); got != "172.31.0.0/16 true" {
		t.Errorf("the default VPC is %s", got)
	}
	if got := w.do("DescribeVpcAttribute", "VpcId", id, "Attribute", "enableDnsHostnames").get("enableDnsHostnames.value"); got != "true" {
		t.Errorf("DNS hostnames: %s", got)
	}
	w.refused("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.", "CreateDefaultVpc")

	subnets := func() []string {
		var out []string
		for _, n := range w.do("DescribeSubnets", "Filter.1.Name", "vpc-id", "Filter.1.Value.1", id).all("subnetSet.item") {
			out = append(out, strings.Join([]string{n.get("availabilityZone"), n.get("availabilityZoneId"), n.get("cidrBlock"), n.get("defaultForAz"), n.get("mapPublicIpOnLaunch")}, " "))
		}
		return out
	}
	want := []string{
		"us-east-1a use1-az1 172.31.0.0/20 true true", "us-east-1b use1-az2 172.31.16.0/20 true true", "us-east-1c use1-az3 172.31.32.0/20 true true",
	}
	if diff := cmp.Diff(want, subnets()); diff != "" {
		t.Errorf("default subnets (-want +got):\n%s", diff)
	}
	second := w.describe("DescribeSubnets", "subnetSet", "Filter.1.Name", "availability-zone", "Filter.1.Value.1", "us-east-1b").get("subnetId")
	w.refused("DefaultSubnetAlreadyExistsInAvailabilityZone", "'"+second+"' is already the default subnet in us-east-1b.",
		"CreateDefaultSubnet", "AvailabilityZone", "us-east-1b")
	w.do("DeleteSubnet", "SubnetId", second)
	w.makeSubnet(id, "172.31.16.0/24", "AvailabilityZone", "us-east-1b")
	again := w.do("CreateDefaultSubnet", "AvailabilityZoneId", "use1-az2")
	if got := again.get("subnet.cidrBlock") + " " + again.get("subnet.defaultForAz"); got != "172.31.48.0/20 true" {
		t.Errorf("the new default subnet is %s, want it behind those that there are", got)
	}
	w.refused("MissingParameter", "The request must contain the parameter availabilityZone", "CreateDefaultSubnet")

	w.change(func(d *store.Draft) error {
		for _, n := range d.Subnets.All() {
			if err := d.Subnets.Delete(n.ID); err != nil {
				return err
			}
		}
		return nil
	})
	w.do("DeleteVpc", "VpcId", id)
	w.do("CreateDefaultVpc")
}

func TestAVPCGetsAndLosesIPv6(t *testing.T) {
	w := newWorld(t, labVPC)
	id := w.makeVPC("10.1.0.0/16")
	made := w.do("AssociateVpcCidrBlock", "VpcId", id, "AmazonProvidedIpv6CidrBlock", "true")
	association := made.get("ipv6CidrBlockAssociation.associationId")
	if got := made.get("ipv6CidrBlockAssociation.ipv6CidrBlockState.state"); got != "associated" || made.get("vpcId") != id {
		t.Errorf("the answer has state %q", got)
	}
	told := w.describe("DescribeVpcs", "vpcSet", "Filter.1.Name", "ipv6-cidr-block-association.association-id", "Filter.1.Value.1", association)
	block := told.get("ipv6CidrBlockAssociationSet.item.ipv6CidrBlock")
	w.refused("CidrLimitExceeded", "This network '"+id+"' has met its maximum number of allowed CIDRs: 1",
		"AssociateVpcCidrBlock", "VpcId", id, "AmazonProvidedIpv6CidrBlock", "true")

	subnet := w.makeSubnet(id, "10.1.1.0/24", "Ipv6CidrBlock", strings.Replace(block, "/56", "/64", 1))
	w.refused("InvalidCidrBlock.InUse", "The vpc "+id+" currently has a subnet within CIDR block "+block, "DisassociateVpcCidrBlock", "AssociationId", association)
	w.do("DeleteSubnet", "SubnetId", subnet)
	gone := w.do("DisassociateVpcCidrBlock", "AssociationId", association)
	if got := gone.get("ipv6CidrBlockAssociation.ipv6CidrBlockState.state"); got != "disassociating" {
		t.Errorf("the answer has state %q", got)
	}
	if got := w.do("DescribeVpcs", "VpcId.1", id).texts("vpcSet.item.ipv6CidrBlockAssociationSet.item.ipv6CidrBlock"); got != nil {
		t.Errorf("the VPC still has %s", got)
	}
	w.refused("InvalidVpcCidrBlockAssociationID.NotFound", "The vpc CIDR block association ID '"+association+"' does not exist",
		"DisassociateVpcCidrBlock", "AssociationId", association)
	primary := w.describe("DescribeVpcs", "vpcSet", "VpcId.1", id).get("cidrBlockAssociationSet.item.associationId")
	w.refused("OperationNotPermitted", "The vpc CIDR block with association ID "+primary+" may not be disassociated. It is the primary IPv4 CIDR block of the VPC",
		"DisassociateVpcCidrBlock", "AssociationId", primary)
	w.refused("InvalidVpcID.NotFound", "", "AssociateVpcCidrBlock", "VpcId", "vpc-9", "AmazonProvidedIpv6CidrBlock", "true")
	w.refused("MissingParameter", "", "AssociateVpcCidrBlock", "VpcId", id)
	w.refused("OperationNotPermitted", "", "AssociateVpcCidrBlock", "VpcId", fileVPC, "AmazonProvidedIpv6CidrBlock", "true")
}
