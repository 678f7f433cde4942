package ec2

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sgate/sgate/vpc"
)

func TestCreateNetworkInterface(t *testing.T) {
	w := newWorld(t, machinesFile)
	got := w.do("CreateNetworkInterface", "SubnetId", subnetA, "Description", "a first one", "SecurityGroupId.1", groupWeb, "SecurityGroupId.2", groupApp,
		"Ipv6AddressCount", "1", "SecondaryPrivateIpAddressCount", "2", "ConnectionTrackingSpecification.TcpEstablishedTimeout", "400",
		"TagSpecification.1.ResourceType", "network-interface", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "one",
		"ClientToken", "token-1", "InterfaceType", "interface", "EnablePrimaryIpv6", "false")
	nic := got.all("networkInterface")[0]
	expect(t, "answer", got, "clientToken", "token-1")
	expect(t, "interface", nic, "subnetId", subnetA, "vpcId", mainVPC, "availabilityZone", "us-east-1a", "availabilityZoneId", "use1-az1",
		"description", "a first one", "ownerId", "123456789012", "status", "available", "sourceDestCheck", "true", "interfaceType", "interface",
		"privateIpAddress", "10.0.1.4", "privateDnsName", "ip-10-0-1-4.ec2.internal", "ipv6Address", "fd00:10:0:1::4", "requesterManaged", "false",
		"connectionTrackingConfiguration.tcpEstablishedTimeout", "400", "tagSet.item.key", "Name", "tagSet.item.value", "one")
	expectTexts(t, "addresses", nic, "privateIpAddressesSet.item.privateIpAddress", "10.0.1.4", "10.0.1.5", "10.0.1.6")
	expectTexts(t, "addresses", nic, "privateIpAddressesSet.item.primary", "true", "false", "false")
	expectTexts(t, "groups", nic, "groupSet.item.groupName", "web", "app")
	if nic.all("attachment") != nil || nic.all("connectionTrackingConfiguration.udpTimeout") != nil {
		t.Error("there is an attachment, or a timeout that was not set")
	}
	id := nic.get("networkInterfaceId")
	if !vpc.IsID("eni", id) {
		t.Errorf("the id is %q", id)
	}
	held := w.held(id)
	if held.ConnectionTracking.TCPEstablished != 400*time.Second || !held.SourceDestCheck || held.Name != "" {
		t.Errorf("the store has %+v", held)
	}
	again := w.do("CreateNetworkInterface", "SubnetId", subnetA, "ClientToken", "token-2")
	if same := w.do("CreateNetworkInterface", "SubnetId", subnetA, "ClientToken", "token-2"); same.get("networkInterface.networkInterfaceId") != again.get("networkInterface.networkInterfaceId") {
		t.Error("the same client token made another interface")
	}
}

func TestMACAddress(t *testing.T) {
	one, two := macAddress("eni-00000000000000001"), macAddress("eni-00000000000000002")
	mac, err := net.ParseMAC(one)
	if err != nil || len(mac) != 6 || mac[0]&3 != 2 {
		t.Errorf("%s is no locally administered unicast address: %v", one, err)
	}
	if one == two || one != macAddress("eni-00000000000000001") {
		t.Errorf("%s and %s: want a function of the id", one, two)
	}
}

func TestInterfaceDefaults(t *testing.T) {
	w := newWorld(t, machinesFile)
	nic := w.interfaceItem(w.newInterface())
	expect(t, "interface", nic, "groupSet.item.groupName", "default", "description", "")
	if nic.all("ipv6Address") != nil || nic.all("connectionTrackingConfiguration") != nil || nic.get("tagSet") != "" {
		t.Error("it has what it was not given")
	}
	// AWS: a subnet may give each interface an IPv6 address (ModifySubnetAttribute).
	w = newWorld(t, strings.Replace(machinesFile, "default_for_az: true}", "default_for_az: true, assign_ipv6_address_on_creation: true}", 1))
	expect(t, "interface", w.interfaceItem(w.newInterface()), "ipv6Address", "fd00:10:0:1::4")
	if got := w.held(w.newInterface("Ipv6Addresses.1.Ipv6Address", "fd00:10:0:1::99")).Addresses; len(got) != 2 {
		t.Errorf("with an address of its own it has %v", got)
	}
}

func TestAddressesOfNewInterface(t *testing.T) {
	w := newWorld(t, machinesFile)
	addresses := func(id string) []string {
		return w.interfaceItem(id).texts("privateIpAddressesSet.item.privateIpAddress")
	}
	for _, x := range []struct {
		params []string
		want   []string
	}{
		{[]string{"PrivateIpAddress", "10.0.1.5"}, []string{"10.0.1.5"}},
		{nil, []string{"10.0.1.4"}}, // the lowest that is free
		{nil, []string{"10.0.1.6"}},
		{[]string{"PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.7"}, []string{"10.0.1.8", "10.0.1.7"}}, // a secondary one
		{[]string{"PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.10", "PrivateIpAddresses.2.PrivateIpAddress", "10.0.1.9", "PrivateIpAddresses.2.Primary", "true"},
			[]string{"10.0.1.9", "10.0.1.10"}},
		{[]string{"PrivateIpAddress", "10.0.1.11", "PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.11", "PrivateIpAddresses.1.Primary", "true"}, []string{"10.0.1.11"}},
	} {
		if got := addresses(w.newInterface(x.params...)); !slices.Equal(got, x.want) {
			t.Errorf("%q: %q, want %q", x.params, got, x.want)
		}
	}
}

func TestRefusedInterfaces(t *testing.T) {
	w := newWorld(t, machinesFile)
	for _, x := range []struct {
		code, message string
		params        []string
	}{
		{"MissingParameter", "The request must contain the parameter SubnetId", nil},
		{"InvalidSubnetID.NotFound", "The subnet ID 'subnet-" + nobody + "' does not exist", []string{"SubnetId", "subnet-" + nobody}},
		{"InvalidParameterValue", "Address 10.0.3.4 does not fall within the subnet's address range", []string{"PrivateIpAddress", "10.0.3.4"}},
		{"InvalidParameterValue", "Address 10.0.1.1 is in subnet's reserved address range", []string{"PrivateIpAddress", "10.0.1.1"}},
		{"InvalidParameterValue", "invalid value for parameter address: 10.0.1", []string{"PrivateIpAddress", "10.0.1"}},
		{"InvalidParameterValue", "invalid value for parameter address: fd00:10:0:1::9", []string{"PrivateIpAddress", "fd00:10:0:1::9"}},
		{"InvalidIPAddress.InUse", "The specified address is already in use.", []string{"PrivateIpAddress", "10.0.1.200"}},
		{"InvalidIPAddress.InUse", "The specified address is already in use.", []string{"PrivateIpAddress", "10.0.1.9", "PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.9"}},
		{"InvalidParameterCombination", "Only one primary private IP address may be specified",
			[]string{"PrivateIpAddress", "10.0.1.9", "PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.10", "PrivateIpAddresses.1.Primary", "true"}},
		{"InvalidParameterCombination", "The parameter secondaryPrivateIpAddressCount cannot be used with the parameter privateIpAddresses",
			[]string{"SecondaryPrivateIpAddressCount", "1", "PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.10"}},
		{"InvalidParameterCombination", "The parameter ipv6AddressCount cannot be used with the parameter ipv6Addresses",
			[]string{"Ipv6AddressCount", "1", "Ipv6Addresses.1.Ipv6Address", "fd00:10:0:1::9"}},
		{"PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.", []string{"SecondaryPrivateIpAddressCount", "50"}},
		{"InvalidParameterValue", "Value (-1) for parameter secondaryPrivateIpAddressCount is invalid. Want 0 to 50.", []string{"SecondaryPrivateIpAddressCount", "-1"}},
		{"InvalidParameterValue", "The subnet 'subnet-0000000000000000b' has no IPv6 CIDR block associated with it", []string{"SubnetId", subnetSmall, "Ipv6AddressCount", "1"}},
		{"InsufficientFreeAddressesInSubnet", "The specified subnet does not have enough free addresses to satisfy the request.",
			[]string{"SubnetId", subnetSmall, "SecondaryPrivateIpAddressCount", "11"}},
		{"InvalidGroup.NotFound", "The security group 'sg-" + nobody + "' does not exist", []string{"SecurityGroupId.1", "sg-" + nobody}},
		{"InvalidGroupId.Malformed", `Invalid id: "web" (expecting "sg-...")`, []string{"SecurityGroupId.1", "web"}},
		{"InvalidGroupId.Malformed", `Invalid id: "sg-web"`, []string{"SecurityGroupId.1", "sg-web"}},
		{"InvalidParameterValue", "Value () for parameter groupId is invalid. The value cannot be empty", []string{"SecurityGroupId.1", ""}},
		{"InvalidParameter", "Security group " + groupFar + " and subnet " + subnetA + " belong to different networks.", []string{"SecurityGroupId.1", groupFar}},
		{"InvalidParameterValue", "The security group '" + groupWeb + "' appears more than once in the request", numbered("SecurityGroupId", groupWeb, groupWeb)},
		{"InvalidParameterValue", "Value (efa) for parameter InterfaceType is invalid. Want interface.", []string{"InterfaceType", "efa"}},
		{"InvalidParameterValue", "Value for parameter Description is invalid. It has more than 255 characters.", []string{"Description", strings.Repeat("x", 256)}},
		{"InvalidParameterValue", "Value (59) for parameter TcpEstablishedTimeout is invalid. Want 60 to 432000 seconds.", []string{"ConnectionTrackingSpecification.TcpEstablishedTimeout", "59"}},
		{"InvalidParameterValue", "Value (61) for parameter UdpTimeout is invalid. Want 30 to 60 seconds.", []string{"ConnectionTrackingSpecification.UdpTimeout", "61"}},
		{"InvalidParameterValue", "Value (181) for parameter UdpStreamTimeout is invalid. Want 60 to 180 seconds.", []string{"ConnectionTrackingSpecification.UdpStreamTimeout", "181"}},
		{"InvalidParameterValue", "'instance' is not a valid taggable resource type for this operation.",
			[]string{"TagSpecification.1.ResourceType", "instance", "TagSpecification.1.Tag.1.Key", "a", "TagSpecification.1.Tag.1.Value", ""}},
	} {
		params := x.params
		if params != nil && !slices.Contains(params, "SubnetId") {
			params = append([]string{"SubnetId", subnetA}, params...)
		}
		w.refused(x.code, x.message, "CreateNetworkInterface", params...)
	}
}

func TestGroupsPerInterface(t *testing.T) {
	w := newWorld(t, machinesFile+"quotas: {security_groups_per_interface: 1}\n")
	const message = "The maximum number of security groups per interface has been reached."
	two := numbered("SecurityGroupId", groupWeb, groupApp)
	w.refused("SecurityGroupsPerInterfaceLimitExceeded", message, "CreateNetworkInterface", append(two, "SubnetId", subnetA)...)
	w.refused("SecurityGroupsPerInterfaceLimitExceeded", message, "ModifyNetworkInterfaceAttribute", append(two, "NetworkInterfaceId", w.newInterface())...)
	w.refused("SecurityGroupsPerInterfaceLimitExceeded", message, "RunInstances", runParams(two...)...)
}

func TestDeleteNetworkInterface(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.newInterface("TagSpecification.1.ResourceType", "network-interface", "TagSpecification.1.Tag.1.Key", "a", "TagSpecification.1.Tag.1.Value", "")
	expect(t, "answer", w.do("DeleteNetworkInterface", "NetworkInterfaceId", id), "return", "true")
	w.refused("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '"+id+"' does not exist", "DescribeNetworkInterfaces", "NetworkInterfaceId.1", id)
	if tags := w.store.View().Tags(id); tags != nil {
		t.Errorf("its tags are there still: %v", tags)
	}
	w.refused("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '"+id+"' does not exist", "DeleteNetworkInterface", "NetworkInterfaceId", id)
	w.refused("InvalidNetworkInterfaceId.Malformed", `Invalid id: "eni-1"`, "DeleteNetworkInterface", "NetworkInterfaceId", "eni-1")
	primary := w.primaryInterface(w.run())
	w.refused("InvalidParameterValue", "Network interface '"+primary+"' is currently in use.", "DeleteNetworkInterface", "NetworkInterfaceId", primary)
}

func TestDescribeNetworkInterfaces(t *testing.T) {
	w := newWorld(t, machinesFile)
	one := w.newInterface("Description", "first", "SecurityGroupId.1", groupWeb, "PrivateIpAddress", "10.0.1.50", "Ipv6Addresses.1.Ipv6Address", "fd00:10:0:1::50",
		"TagSpecification.1.ResourceType", "network-interface", "TagSpecification.1.Tag.1.Key", "team", "TagSpecification.1.Tag.1.Value", "red")
	two := w.do("CreateNetworkInterface", "SubnetId", subnetC).get("networkInterface.networkInterfaceId")
	w.do("ModifyNetworkInterfaceAttribute", "NetworkInterfaceId", two, "SourceDestCheck.Value", "false")
	w.now = w.now.Add(time.Minute)
	instance := w.run("PrivateIpAddress", "10.0.1.60")
	three := w.primaryInterface(instance)
	attachment := w.interfaceItem(three).get("attachment.attachmentId")
	for _, x := range []struct {
		name, value string
		want        []string
	}{
		{"network-interface-id", one, []string{one}},
		{"description", "fir*", []string{one}},
		{"group-id", groupWeb, []string{closedInterface, one}},
		{"group-name", "we?", []string{closedInterface, one}},
		{"subnet-id", subnetC, []string{two}},
		{"vpc-id", otherVPC, nil},
		{"availability-zone", "us-east-1c", []string{two}},
		{"availability-zone-id", "use1-az3", []string{two}},
		{"status", "available", []string{one, two}},
		{"source-dest-check", "false", []string{two}},
		{"addresses.private-ip-address", "10.0.1.50", []string{one}},
		{"private-ip-address", "10.0.1.5?", []string{one}},
		{"private-dns-name", "ip-10-0-1-50.ec2.internal", []string{one}},
		{"ipv6-addresses.ipv6-address", "fd00:10:0:1::50", []string{one}},
		{"mac-address", macAddress(one), []string{one}},
		{"tag:team", "red", []string{one}},
		{"tag-key", "team", []string{one}},
		{"attachment.attachment-id", attachment, []string{three}},
		{"attachment.instance-id", instance, []string{three}},
		{"attachment.instance-owner-id", "1*", []string{declaredInterface, closedInterface, three}},
		{"attachment.device-index", "0", []string{declaredInterface, closedInterface, three}},
		{"attachment.status", "attached", []string{declaredInterface, closedInterface, three}},
		{"attachment.delete-on-termination", "false", nil},
		{"attachment.attach-time", "2026-11-21T12:01:00.000Z", []string{three}},
		{"addresses.primary", "false", nil},
		{"association.public-ip", "*", nil},
		{"requester-managed", "true", nil},
		{"requester-id", "*", nil},
		{"owner-id", "999999999999", nil},
		{"interface-type", "lambda", nil},
	} {
		got := w.do("DescribeNetworkInterfaces", filtering(x.name, x.value)...).texts("networkInterfaceSet.item.networkInterfaceId")
		slices.Sort(got)
		slices.Sort(x.want)
		if !slices.Equal(got, x.want) {
			t.Errorf("%s %s: %q, want %q", x.name, x.value, got, x.want)
		}
	}
	w.refused("InvalidParameterValue", "The filter 'colour' is invalid", "DescribeNetworkInterfaces", filtering("colour", "red")...)
	w.refused("InvalidParameterCombination", "The parameter networkInterfaceIds cannot be used with the parameter maxResults",
		"DescribeNetworkInterfaces", "NetworkInterfaceId.1", one, "MaxResults", "5")
	w.refused("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID 'eni-"+nobody+"' does not exist",
		"DescribeNetworkInterfaces", numbered("NetworkInterfaceId", one, "eni-"+nobody)...)
}

func TestInterfacePages(t *testing.T) {
	w := newWorld(t, machinesFile)
	for range 11 {
		w.newInterface()
	}
	var all []string
	for token, pages := "", 0; ; pages++ {
		params := []string{"MaxResults", "5"}
		if token != "" {
			params = append(params, "NextToken", token)
		}
		page := w.do("DescribeNetworkInterfaces", params...)
		all = append(all, page.texts("networkInterfaceSet.item.networkInterfaceId")...)
		if token = page.get("nextToken"); token == "" {
			break
		}
	}
	if slices.Sort(all); len(slices.Compact(all)) != 13 {
		t.Errorf("%d interfaces in the pages together, want 13", len(all))
	}
}
