package ec2

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

// makeSubnet makes a subnet over the API and returns its id.
func (w *world) makeSubnet(vpcID, cidr string, params ...string) string {
	w.t.Helper()
	return w.do("CreateSubnet", append([]string{"VpcId", vpcID, "CidrBlock", cidr}, params...)...).get("subnet.subnetId")
}

// dualVPC is a file with a VPC of both families, a subnet and an instance in it.
const dualVPC = `
vpc: {id: ` + fileVPC + `, name: lab, cidr: 10.0.0.0/16, ipv6_cidr: "fd00:10::/56"}
subnets: [{id: ` + fileSubnet + `, name: main, cidr: 10.0.0.0/24, ipv6_cidr: "fd00:10::/64"}]
instances: [{name: web, address: 10.0.0.10, ipv6_address: "fd00:10::10"}]
`

const fileSubnet = "subnet-0123456789abcdef0"

func TestASubnetAsAWSTellsIt(t *testing.T) {
	w := newWorld(t, dualVPC)
	made := w.do("CreateSubnet", "VpcId", fileVPC, "CidrBlock", "10.0.1.7/26", "Ipv6CidrBlock", "fd00:10:0:1::9/64", "AvailabilityZone", "us-east-1b",
		"TagSpecification.1.ResourceType", "subnet", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "x")
	id := made.get("subnet.subnetId")
	want := []string{
		"subnetId=" + id, "subnetArn=arn:aws:ec2:us-east-1:123456789012:subnet/" + id, "vpcId=" + fileVPC, "ownerId=123456789012",
		"state=available", "cidrBlock=10.0.1.0/26",
		"ipv6CidrBlockAssociationSet.item.associationId=" + made.get("subnet.ipv6CidrBlockAssociationSet.item.associationId"),
		"ipv6CidrBlockAssociationSet.item.ipv6CidrBlock=fd00:10:0:1::/64",
		"ipv6CidrBlockAssociationSet.item.ipv6CidrBlockState.state=associated",
		"ipv6CidrBlockAssociationSet.item.ipv6AddressAttribute=private",
		"ipv6CidrBlockAssociationSet.item.ipSource=amazon",
		"availabilityZone=us-east-1b", "availabilityZoneId=use1-az2", "availableIpAddressCount=59",
		"defaultForAz=false", "mapPublicIpOnLaunch=false", "mapCustomerOwnedIpOnLaunch=false", "assignIpv6AddressOnCreation=false",
		"ipv6Native=false", "enableDns64=false", "privateDnsNameOptionsOnLaunch.hostnameType=ip-name",
		"privateDnsNameOptionsOnLaunch.enableResourceNameDnsARecord=false", "privateDnsNameOptionsOnLaunch.enableResourceNameDnsAAAARecord=false",
		"blockPublicAccessStates.internetGatewayBlockMode=off", "tagSet.item.key=Name", "tagSet.item.value=x",
	}
	if diff := cmp.Diff(want, made.all("subnet")[0].lines()); diff != "" {
		t.Errorf("CreateSubnet (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, w.describe("DescribeSubnets", "subnetSet", "SubnetId.1", id).lines()); diff != "" {
		t.Errorf("DescribeSubnets (-want +got):\n%s", diff)
	}
	// The instance of the file has one of 256 addresses, and EC2 five.
	if got := w.describe("DescribeSubnets", "subnetSet", "SubnetId.1", fileSubnet).get("availableIpAddressCount"); got != "250" {
		t.Errorf("the file's subnet has %s addresses left, want 250", got)
	}
}

func TestSubnetsThatAWSRefuses(t *testing.T) {
	w := newWorld(t, dualVPC+"quotas: {subnets_per_vpc: 2}\n")
	for _, c := range []struct{ cidr, ipv6, code, message string }{
		{"10.0.1.0/33", "", "InvalidParameterValue", "Value (10.0.1.0/33) for parameter cidrBlock is invalid. This is not a valid CIDR block."},
		{"10.1.0.0/24", "", "InvalidSubnet.Range", "The CIDR '10.1.0.0/24' is invalid."},
		{"10.0.0.0/15", "", "InvalidSubnet.Range", "The CIDR '10.0.0.0/15' is invalid."},
		{"10.0.1.0/29", "", "InvalidSubnet.Range", "The CIDR '10.0.1.0/29' is invalid."},
		{"10.0.0.128/25", "", "InvalidSubnet.Conflict", "The CIDR '10.0.0.128/25' conflicts with another subnet"},
		{"10.0.1.0/24", "fd00:10::/64", "InvalidSubnet.Conflict", "The CIDR 'fd00:10::/64' conflicts with another subnet"},
		{"10.0.1.0/24", "fd00:11::/64", "InvalidSubnet.Range", "The CIDR 'fd00:11::/64' is invalid."},
		{"10.0.1.0/24", "fd00:10:0:1::/62", "InvalidSubnet.Range", "The CIDR 'fd00:10::/62' is invalid."},
		{"10.0.1.0/24", "fd00:10:0:1::/68", "InvalidSubnet.Range", "The CIDR 'fd00:10:0:1::/68' is invalid."},
		{"10.0.1.0/24", "10.0.2.0/24", "InvalidParameterValue", "Value (10.0.2.0/24) for parameter ipv6CidrBlock is invalid. This is not a valid CIDR block."},
		{"", "", "MissingParameter", "Either 'cidrBlock' or 'ipv6CidrBlock' should be provided."},
		{"", "fd00:10:0:1::/64", "MissingParameter", "The request must contain the parameter cidrBlock"},
	} {
		w.refused(c.code, c.message, "CreateSubnet", "VpcId", fileVPC, "CidrBlock", c.cidr, "Ipv6CidrBlock", c.ipv6)
	}
	small := w.makeVPC("10.1.0.0/24")
	w.refused("InvalidSubnet.Range", "The CIDR '10.1.0.0/20' is invalid.", "CreateSubnet", "VpcId", small, "CidrBlock", "10.1.0.0/20")
	block := []string{"VpcId", fileVPC, "CidrBlock", "10.0.1.0/24"}
	w.refused("InvalidVpcID.NotFound", "The vpc ID 'vpc-9' does not exist", "CreateSubnet", "VpcId", "vpc-9", "CidrBlock", "10.0.1.0/24")
	w.refused("InvalidParameterValue", "Value (us-east-1x) for parameter availabilityZone is invalid. "+
		"Subnets can currently only be created in the following availability zones: us-east-1a, us-east-1b, us-east-1c.",
		"CreateSubnet", append(block, "AvailabilityZone", "us-east-1x")...)
	w.refused("InvalidParameterValue", "Value (use1-az9) for parameter availabilityZoneId is invalid. "+
		"Subnets can currently only be created in the following availability zones: use1-az1, use1-az2, use1-az3.",
		"CreateSubnet", append(block, "AvailabilityZoneId", "use1-az9")...)
	w.refused("InvalidParameterCombination", "Either AvailabilityZone or AvailabilityZoneId must be specified, but not both.",
		"CreateSubnet", append(block, "AvailabilityZoneId", "use1-az1", "AvailabilityZone", "us-east-1a")...)
	w.do("CreateSubnet", block...)
	w.refused("SubnetLimitExceeded", "The maximum number of subnets has been reached.", "CreateSubnet", "VpcId", fileVPC, "CidrBlock", "10.0.2.0/24")
}

func TestSubnetsAreFound(t *testing.T) {
	w := newWorld(t, dualVPC)
	a := w.makeSubnet(fileVPC, "10.0.1.0/24", "AvailabilityZoneId", "use1-az3",
		"TagSpecification.1.ResourceType", "subnet", "TagSpecification.1.Tag.1.Key", "team", "TagSpecification.1.Tag.1.Value", "blue")
	w.do("ModifySubnetAttribute", "SubnetId", a, "MapPublicIpOnLaunch.Value", "true")
	told := w.describe("DescribeSubnets", "subnetSet", "SubnetId.1", fileSubnet)
	both := []string{fileSubnet, a}
	for _, c := range []struct {
		filter, value string
		want          []string
	}{
		{"availability-zone", "us-east-1c", []string{a}}, {"availabilityZone", "us-east-1a", []string{fileSubnet}},
		{"availability-zone-id", "use1-az3", []string{a}}, {"availabilityZoneId", "use1-az1", []string{fileSubnet}},
		{"available-ip-address-count", "251", []string{a}},
		{"cidr-block", "10.0.1.0/24", []string{a}}, {"cidr", "10.0.1.0/24", []string{a}}, {"cidrBlock", "10.0.?.0/24", both},
		{"default-for-az", "true", nil}, {"defaultForAz", "false", both},
		{"enable-dns64", "false", both}, {"ipv6-native", "true", nil},
		{"map-customer-owned-ip-on-launch", "false", both}, {"map-public-ip-on-launch", "true", []string{a}},
		{"owner-id", "123456789012", both}, {"state", "available", both},
		{"subnet-arn", "arn:aws:ec2:us-east-1:123456789012:subnet/" + a, []string{a}},
		{"subnet-id", a, []string{a}}, {"vpc-id", fileVPC, both}, {"tag:team", "blue", []string{a}},
		{"private-dns-name-options-on-launch.hostname-type", "ip-name", both},
		{"private-dns-name-options-on-launch.enable-resource-name-dns-a-record", "true", nil},
		{"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record", "false", both},
		{"ipv6-cidr-block-association.ipv6-cidr-block", "fd00:10::/64", []string{fileSubnet}},
		{"ipv6-cidr-block-association.association-id", told.get("ipv6CidrBlockAssociationSet.item.associationId"), []string{fileSubnet}},
		{"ipv6-cidr-block-association.state", "associated", []string{fileSubnet}},
	} {
		got := w.do("DescribeSubnets", "Filter.1.Name", c.filter, "Filter.1.Value.1", c.value).texts("subnetSet.item.subnetId")
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s=%s (-want +got):\n%s", c.filter, c.value, diff)
		}
	}
	w.refused("InvalidSubnetID.NotFound", "The subnet ID 'subnet-9' does not exist", "DescribeSubnets", "SubnetId.1", "subnet-9")
}

func TestSubnetAttributes(t *testing.T) {
	w := newWorld(t, dualVPC)
	bare, dual := w.makeSubnet(fileVPC, "10.0.1.0/24"), w.makeSubnet(fileVPC, "10.0.2.0/24", "Ipv6CidrBlock", "fd00:10:0:2::/64")
	w.do("ModifySubnetAttribute", "SubnetId", dual, "AssignIpv6AddressOnCreation.Value", "true")
	if got := w.describe("DescribeSubnets", "subnetSet", "SubnetId.1", dual).get("assignIpv6AddressOnCreation"); got != "true" {
		t.Errorf("assignIpv6AddressOnCreation is %s", got)
	}
	w.refused("InvalidParameterValue", "Invalid value 'true' for assignIpv6AddressOnCreation. Subnet must be associated with an IPv6 CIDR block",
		"ModifySubnetAttribute", "SubnetId", bare, "AssignIpv6AddressOnCreation.Value", "true")
	w.refused("InvalidParameterCombination", "Fields for multiple attribute types specified",
		"ModifySubnetAttribute", "SubnetId", dual, "AssignIpv6AddressOnCreation.Value", "true", "MapPublicIpOnLaunch.Value", "true")
	w.refused("InvalidParameterCombination", "No attributes specified.", "ModifySubnetAttribute", "SubnetId", dual)
	w.refused("InvalidSubnetID.NotFound", "The subnet ID 'subnet-9' does not exist", "ModifySubnetAttribute", "SubnetId", "subnet-9", "MapPublicIpOnLaunch.Value", "true")
	w.refused("OperationNotPermitted", fileSubnet+" is declared in lab.yaml:3:11: change it there",
		"ModifySubnetAttribute", "SubnetId", fileSubnet, "MapPublicIpOnLaunch.Value", "true")
}

func TestDeletingASubnet(t *testing.T) {
	w := newWorld(t, dualVPC)
	id := w.makeSubnet(fileVPC, "10.0.1.0/24", "TagSpecification.1.ResourceType", "subnet", "TagSpecification.1.Tag.1.Key", "a", "TagSpecification.1.Tag.1.Value", "b")
	acl := w.do("CreateNetworkAcl", "VpcId", fileVPC).get("networkAcl.networkAclId")
	w.associate(acl, id)
	nic := vpc.NetworkInterface{ID: "eni-00000000000000001", VPCID: fileVPC, SubnetID: id, Addresses: addresses("10.0.1.10")}
	w.change(func(d *store.Draft) error { return d.Interfaces.Put(nic) })
	w.refused("DependencyViolation", "The subnet '"+id+"' has dependencies and cannot be deleted.", "DeleteSubnet", "SubnetId", id)
	w.change(func(d *store.Draft) error { return d.Interfaces.Delete(nic.ID) })

	w.do("DeleteSubnet", "SubnetId", id)
	w.refused("InvalidSubnetID.NotFound", "The subnet ID '"+id+"' does not exist", "DescribeSubnets", "SubnetId.1", id)
	if got := w.describe("DescribeNetworkAcls", "networkAclSet", "NetworkAclId.1", acl).texts("associationSet.item.subnetId"); got != nil {
		t.Errorf("the ACL still has %s", got)
	}
	if got := w.store.View().Tags(id); got != nil {
		t.Errorf("its tags are left: %v", got)
	}
	w.refused("InvalidSubnetID.NotFound", "", "DeleteSubnet", "SubnetId", id)
	w.refused("OperationNotPermitted", "", "DeleteSubnet", "SubnetId", fileSubnet)
}

func TestASubnetGetsAndLosesIPv6(t *testing.T) {
	w := newWorld(t, dualVPC)
	id := w.makeSubnet(fileVPC, "10.0.1.0/24")
	made := w.do("AssociateSubnetCidrBlock", "SubnetId", id, "Ipv6CidrBlock", "fd00:10:0:1::/64")
	association := made.get("ipv6CidrBlockAssociation.associationId")
	if got := made.get("subnetId") + " " + made.get("ipv6CidrBlockAssociation.ipv6CidrBlockState.state"); got != id+" associated" {
		t.Errorf("the answer is %s", got)
	}
	w.refused("CidrLimitExceeded", "This network '"+id+"' has met its maximum number of allowed CIDRs: 1",
		"AssociateSubnetCidrBlock", "SubnetId", id, "Ipv6CidrBlock", "fd00:10:0:2::/64")
	w.do("ModifySubnetAttribute", "SubnetId", id, "AssignIpv6AddressOnCreation.Value", "true")

	nic := vpc.NetworkInterface{ID: "eni-00000000000000001", VPCID: fileVPC, SubnetID: id, Addresses: addresses("10.0.1.10", "fd00:10:0:1::10")}
	w.change(func(d *store.Draft) error { return d.Interfaces.Put(nic) })
	w.refused("InvalidCidrBlock.InUse", "", "DisassociateSubnetCidrBlock", "AssociationId", association)
	w.change(func(d *store.Draft) error { return d.Interfaces.Delete(nic.ID) })
	gone := w.do("DisassociateSubnetCidrBlock", "AssociationId", association)
	if got := gone.get("ipv6CidrBlockAssociation.ipv6CidrBlockState.state"); got != "disassociating" {
		t.Errorf("the state is %s", got)
	}
	told := w.describe("DescribeSubnets", "subnetSet", "SubnetId.1", id)
	if got := told.texts("ipv6CidrBlockAssociationSet.item.ipv6CidrBlock"); got != nil || told.get("assignIpv6AddressOnCreation") != "false" {
		t.Errorf("the subnet still has %s, and gives addresses: %s", got, told.get("assignIpv6AddressOnCreation"))
	}
	w.refused("InvalidSubnetCidrBlockAssociationID.NotFound", "The subnet CIDR block with association ID '"+association+"' does not exist",
		"DisassociateSubnetCidrBlock", "AssociationId", association)
	w.refused("InvalidSubnet.Conflict", "", "AssociateSubnetCidrBlock", "SubnetId", id, "Ipv6CidrBlock", "fd00:10::/64")
	w.refused("MissingParameter", "The request must contain the parameter ipv6CidrBlock", "AssociateSubnetCidrBlock", "SubnetId", id)
	w.refused("InvalidSubnetID.NotFound", "", "AssociateSubnetCidrBlock", "SubnetId", "subnet-9", "Ipv6CidrBlock", "fd00:10:0:1::/64")
}

func TestZonesFollowThePlace(t *testing.T) {
	w := newWorld(t, "vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: a, cidr: 10.0.0.0/24, availability_zone: us-east-1e}, {name: b, cidr: 10.0.1.0/24, availability_zone: us-east-1d}]\n")
	zones := func(firstID string) string {
		w.endpoint.options.Place = func() Place { return Place{"123456789012", "us-east-1", firstID} }
		c := &call{w.store.Read(), w.endpoint, nil}
		var out []string
		for _, z := range c.zones() {
			out = append(out, z.Name+"="+z.ID)
		}
		return strings.Join(out, " ")
	}
	for firstID, want := range map[string]string{
		"use1-az1": "us-east-1a=use1-az1 us-east-1b=use1-az2 us-east-1c=use1-az3 us-east-1d=use1-az4 us-east-1e=use1-az5",
		"use1-az2": "us-east-1a=use1-az2 us-east-1b=use1-az1 us-east-1c=use1-az3 us-east-1d=use1-az4 us-east-1e=use1-az5",
		"use1-az6": "us-east-1a=use1-az6 us-east-1b=use1-az1 us-east-1c=use1-az2 us-east-1d=use1-az3 us-east-1e=use1-az4",
	} {
		if got := zones(firstID); got != want {
			t.Errorf("first %s: got %s, want %s", firstID, got, want)
		}
	}
}
