package ec2

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sgate/sgate/vpc"
)

func attachParams(interfaceID, instanceID string, index int) []string {
	return []string{"NetworkInterfaceId", interfaceID, "InstanceId", instanceID, "DeviceIndex", strconv.Itoa(index)}
}

func TestAttachAndDetach(t *testing.T) {
	w := newWorld(t, machinesFile)
	instance, second := w.run(), w.newInterface()
	w.now = w.now.Add(time.Minute)
	answer := w.do("AttachNetworkInterface", attachParams(second, instance, 1)...)
	attachment := answer.get("attachmentId")
	if want := vpc.NewID("eni-attach", second, instance); attachment != want {
		t.Errorf("the attachment is %s, want %s", attachment, want)
	}
	expect(t, "answer", answer, "networkCardIndex", "0")
	expect(t, "interface", w.interfaceItem(second), "status", "in-use", "attachment.attachmentId", attachment, "attachment.instanceId", instance,
		"attachment.deviceIndex", "1", "attachment.status", "attached", "attachment.deleteOnTermination", "false",
		"attachment.attachTime", "2026-11-21T12:01:00.000Z", "attachment.instanceOwnerId", "123456789012")
	expectTexts(t, "instance", w.instanceItem(instance), "networkInterfaceSet.item.attachment.deviceIndex", "0", "1")
	if held := w.held(second); held.Name != "" {
		t.Errorf("a secondary interface is called %q", held.Name)
	}
	w.do("DetachNetworkInterface", "AttachmentId", attachment, "Force", "true")
	expect(t, "interface", w.interfaceItem(second), "status", "available", "attachment", "")
	if w.interfaceItem(second).all("attachment") != nil {
		t.Error("it is attached still")
	}
	w.refused("InvalidAttachmentID.NotFound", "The network interface attachment ID '"+attachment+"' does not exist", "DetachNetworkInterface", "AttachmentId", attachment)

	// Who asks for the attachment, as Terraform does until it is detached, sees that.
	last := []string{"Filter.1.Name", "attachment.attachment-id", "Filter.1.Value.1", attachment}
	seen := w.do("DescribeNetworkInterfaces", last...)
	expect(t, "by the attachment", seen, "networkInterfaceSet.item.networkInterfaceId", second, "networkInterfaceSet.item.status", "available",
		"networkInterfaceSet.item.attachment.status", "detached", "networkInterfaceSet.item.attachment.instanceId", instance)
	w.do("AttachNetworkInterface", attachParams(second, w.run(), 1)...)
	if seen := w.do("DescribeNetworkInterfaces", last...).all("networkInterfaceSet.item"); len(seen) != 0 {
		t.Error("it is attached elsewhere, and found by its last attachment")
	}
}

// TestInstancesOfTheFileHaveAllThatAWSTells looks at what a file does not say.
func TestInstancesOfTheFileHaveAllThatAWSTells(t *testing.T) {
	w := newWorld(t, machinesFile)
	w.now = w.now.Add(time.Hour)
	expect(t, "instance", w.instanceItem(declaredInstance), "instanceType", "m1.small", "launchTime", "2026-11-21T12:00:00.000Z",
		"networkInterfaceSet.item.attachment.attachTime", "2026-11-21T12:00:00.000Z")
	expect(t, "attribute", w.do("DescribeInstanceAttribute", "InstanceId", declaredInstance, "Attribute", "instanceType"), "instanceType.value", "m1.small")
}

func TestAttachToInstanceOfTheFile(t *testing.T) {
	w := newWorld(t, machinesFile)
	second := w.newInterface()
	w.do("AttachNetworkInterface", attachParams(second, declaredInstance, 1)...)
	expectTexts(t, "instance", w.instanceItem(declaredInstance), "networkInterfaceSet.item.networkInterfaceId", declaredInterface, second)
}

func TestRefusedAttachments(t *testing.T) {
	w := newWorld(t, machinesFile)
	instance, second := w.run("InstanceType", "t3.micro"), w.newInterface()
	primary := w.primaryInterface(instance)
	gone := w.run()
	w.do("TerminateInstances", "InstanceId.1", gone)
	elsewhere := w.do("CreateNetworkInterface", "SubnetId", subnetOf).get("networkInterface.networkInterfaceId")
	zoneC := w.do("CreateNetworkInterface", "SubnetId", subnetC).get("networkInterface.networkInterfaceId")
	const apart = "You may not attach a network interface to an instance if they are not in the same availability zone"
	for _, x := range []struct {
		code, message string
		params        []string
	}{
		{"InvalidNetworkInterface.InUse", "Interface: [" + primary + "] in use.", attachParams(primary, instance, 1)},
		{"InvalidParameterValue", "Instance '" + instance + "' already has an interface attached at device index '0'.", attachParams(second, instance, 0)},
		{"InvalidParameterValue", "Value (15) for parameter DeviceIndex is invalid. Want 0 to 14.", attachParams(second, instance, 15)},
		{"InvalidParameterValue", "Value (-1) for parameter DeviceIndex is invalid. Want 0 to 14.", attachParams(second, instance, -1)},
		{"InvalidParameterValue", "Value (1) for parameter NetworkCardIndex is invalid. Instances have one network card, 0.", append(attachParams(second, instance, 1), "NetworkCardIndex", "1")},
		{"InvalidParameterCombination", apart, attachParams(elsewhere, instance, 1)},
		{"InvalidParameterCombination", apart, attachParams(zoneC, instance, 1)},
		{"IncorrectInstanceState", "Instance '" + gone + "' is not 'running' or 'stopped'.", attachParams(second, gone, 1)},
		{"InvalidInstanceID.NotFound", "The instance ID 'i-" + nobody + "' does not exist", attachParams(second, "i-"+nobody, 1)},
		{"InvalidInstanceID.Malformed", `Invalid id: "web"`, attachParams(second, "web", 1)},
		{"InvalidNetworkInterfaceID.NotFound", "The networkInterface ID 'eni-" + nobody + "' does not exist", attachParams("eni-"+nobody, instance, 1)},
		{"MissingParameter", "The request must contain the parameter DeviceIndex", []string{"NetworkInterfaceId", second, "InstanceId", instance}},
	} {
		w.refused(x.code, x.message, "AttachNetworkInterface", x.params...)
	}
	w.refused("OperationNotPermitted", "The network interface at device index 0 and networkCard index 0 cannot be detached.",
		"DetachNetworkInterface", "AttachmentId", w.interfaceItem(primary).get("attachment.attachmentId"))
	for i := 1; i < maxInterfaces; i++ {
		w.do("AttachNetworkInterface", attachParams(w.newInterface(), instance, i)...)
	}
	w.refused("AttachmentLimitExceeded", "Interface count 16 exceeds the limit for t3.micro", "AttachNetworkInterface", attachParams(second, instance, 1)...)
}

func TestModifyNetworkInterfaceAttribute(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.newInterface("ConnectionTrackingSpecification.UdpTimeout", "40")
	modify := func(params ...string) {
		t.Helper()
		expect(t, "answer", w.do("ModifyNetworkInterfaceAttribute", append(params, "NetworkInterfaceId", id)...), "return", "true")
	}
	modify(numbered("SecurityGroupId", groupWeb, groupApp)...)
	modify("SecurityGroupId.1", groupApp) // replaces them
	expectTexts(t, "interface", w.interfaceItem(id), "groupSet.item.groupId", groupApp)
	modify("SourceDestCheck.Value", "false")
	modify("Description.Value", "second")
	modify("ConnectionTrackingSpecification.UdpStreamTimeout", "100")
	expect(t, "interface", w.interfaceItem(id), "sourceDestCheck", "false", "description", "second",
		"connectionTrackingConfiguration.udpTimeout", "40", "connectionTrackingConfiguration.udpStreamTimeout", "100")
	expect(t, "answer", w.do("ResetNetworkInterfaceAttribute", "NetworkInterfaceId", id, "SourceDestCheck", "true"), "return", "true")
	expect(t, "interface", w.interfaceItem(id), "sourceDestCheck", "true")
	attachment := w.do("AttachNetworkInterface", attachParams(id, w.run(), 1)...).get("attachmentId")
	modify("Attachment.AttachmentId", attachment, "Attachment.DeleteOnTermination", "true")
	expect(t, "interface", w.interfaceItem(id), "attachment.deleteOnTermination", "true")
}

func TestRefusedModifications(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.newInterface()
	for _, x := range []struct {
		code, message string
		params        []string
	}{
		{"InvalidParameterCombination", "No attributes specified.", nil},
		{"InvalidParameterCombination", "Fields for multiple attribute types specified", []string{"Description.Value", "x", "SourceDestCheck.Value", "true"}},
		{"InvalidGroup.NotFound", "The security group 'sg-" + nobody + "' does not exist", []string{"SecurityGroupId.1", "sg-" + nobody}},
		{"InvalidParameter", "Security group " + groupFar + " and subnet " + subnetA + " belong to different networks.", []string{"SecurityGroupId.1", groupFar}},
		{"MissingParameter", "The request must contain the parameter Attachment.AttachmentId", []string{"Attachment.DeleteOnTermination", "true"}},
		{"MissingParameter", "The request must contain the parameter Attachment.DeleteOnTermination", []string{"Attachment.AttachmentId", "eni-attach-1"}},
		{"InvalidAttachmentID.NotFound", "The network interface attachment ID 'eni-attach-1' does not exist",
			[]string{"Attachment.AttachmentId", "eni-attach-1", "Attachment.DeleteOnTermination", "true"}},
		{"InvalidParameterValue", "Value (0) for parameter UdpTimeout is invalid. Want 30 to 60 seconds.", []string{"ConnectionTrackingSpecification.UdpTimeout", "0"}},
		{"UnknownParameter", "The parameter AssociatePublicIpAddress is not recognized", []string{"AssociatePublicIpAddress", "true"}},
	} {
		w.refused(x.code, x.message, "ModifyNetworkInterfaceAttribute", append(x.params, "NetworkInterfaceId", id)...)
	}
	w.refused("InvalidParameterCombination", "No attributes specified.", "ResetNetworkInterfaceAttribute", "NetworkInterfaceId", id)
}

// TestInterfacesOfTheFile changes what the file leaves open, the groups, and is
// refused the rest.
func TestInterfacesOfTheFile(t *testing.T) {
	w := newWorld(t, machinesFile)
	w.do("ModifyNetworkInterfaceAttribute", "NetworkInterfaceId", declaredInterface, "SecurityGroupId.1", groupWeb)
	expectTexts(t, "interface", w.interfaceItem(declaredInterface), "groupSet.item.groupId", groupWeb)
	for _, x := range []struct {
		action string
		params []string
	}{
		{"ModifyNetworkInterfaceAttribute", []string{"NetworkInterfaceId", closedInterface, "SecurityGroupId.1", groupApp}},
		{"ModifyNetworkInterfaceAttribute", []string{"NetworkInterfaceId", declaredInterface, "SourceDestCheck.Value", "false"}},
		{"ModifyNetworkInterfaceAttribute", []string{"NetworkInterfaceId", declaredInterface, "Description.Value", "x"}},
		{"AssignPrivateIpAddresses", []string{"NetworkInterfaceId", declaredInterface, "SecondaryPrivateIpAddressCount", "1"}},
		{"AssignIpv6Addresses", []string{"NetworkInterfaceId", declaredInterface, "Ipv6AddressCount", "1"}},
	} {
		w.refused("OperationNotPermitted", "", x.action, x.params...)
	}
}

func TestDescribeNetworkInterfaceAttribute(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.newInterface("Description", "first", "SecurityGroupId.1", groupWeb)
	attachment := w.do("AttachNetworkInterface", attachParams(id, w.run(), 1)...).get("attachmentId")
	for attribute, want := range map[string][2]string{
		"description": {"description.value", "first"}, "groupSet": {"groupSet.item.groupId", groupWeb}, "sourceDestCheck": {"sourceDestCheck.value", "true"},
		"attachment": {"attachment.attachmentId", attachment}, "associatePublicIpAddress": {"associatePublicIpAddress", "false"},
	} {
		got := w.do("DescribeNetworkInterfaceAttribute", "NetworkInterfaceId", id, "Attribute", attribute)
		expect(t, attribute, got, "networkInterfaceId", id, want[0], want[1])
		if len(got.Below) != 3 { // the request's id among them
			t.Errorf("%s: the answer has %d elements, want 3", attribute, len(got.Below))
		}
	}
	w.refused("MissingParameter", "The request must contain the parameter Attribute", "DescribeNetworkInterfaceAttribute", "NetworkInterfaceId", id)
	w.refused("InvalidParameterValue", "Value (colour) for parameter attribute is invalid. Unknown attribute.",
		"DescribeNetworkInterfaceAttribute", "NetworkInterfaceId", id, "Attribute", "colour")
}

func TestAssignPrivateAddresses(t *testing.T) {
	w := newWorld(t, machinesFile)
	id, other := w.newInterface(), w.newInterface()
	addresses := func(id string) []string {
		return w.interfaceItem(id).texts("privateIpAddressesSet.item.privateIpAddress")
	}
	got := w.do("AssignPrivateIpAddresses", "NetworkInterfaceId", id, "SecondaryPrivateIpAddressCount", "2")
	expect(t, "answer", got, "networkInterfaceId", id)
	expectTexts(t, "answer", got, "assignedPrivateIpAddressesSet.item.privateIpAddress", "10.0.1.6", "10.0.1.7")
	w.do("AssignPrivateIpAddresses", "NetworkInterfaceId", id, "PrivateIpAddress.1", "10.0.1.90")
	if want := []string{"10.0.1.4", "10.0.1.6", "10.0.1.7", "10.0.1.90"}; !slices.Equal(addresses(id), want) {
		t.Errorf("it has %q, want %q", addresses(id), want)
	}
	assign := func(params ...string) []string { return append(params, "NetworkInterfaceId", other) }
	for _, x := range []struct {
		code, message string
		params        []string
	}{
		{"InvalidIPAddress.InUse", "The specified address is already in use.", assign("PrivateIpAddress.1", "10.0.1.6")},
		{"InvalidParameterCombination", "Either PrivateIpAddress or SecondaryPrivateIpAddressCount must be specified", assign()},
		{"InvalidParameterCombination", "The parameter secondaryPrivateIpAddressCount cannot be used with the parameter privateIpAddress",
			assign("PrivateIpAddress.1", "10.0.1.91", "SecondaryPrivateIpAddressCount", "1")},
		{"InvalidParameterValue", "Address 10.0.3.9 does not fall within the subnet's address range", assign("PrivateIpAddress.1", "10.0.3.9")},
		{"PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.", assign("SecondaryPrivateIpAddressCount", "50")},
		{"InvalidParameterValue", "The address 10.0.1.4 is the primary private address of interface " + id + ", which cannot be unassigned",
			assign("PrivateIpAddress.1", "10.0.1.4", "AllowReassignment", "true")},
	} {
		w.refused(x.code, x.message, "AssignPrivateIpAddresses", x.params...)
	}
	w.do("AssignPrivateIpAddresses", "NetworkInterfaceId", other, "PrivateIpAddress.1", "10.0.1.6", "AllowReassignment", "true")
	w.do("AssignPrivateIpAddresses", "NetworkInterfaceId", other, "PrivateIpAddress.1", "10.0.1.6", "AllowReassignment", "true") // it has it
	if !slices.Equal(addresses(other), []string{"10.0.1.5", "10.0.1.6"}) || slices.Contains(addresses(id), "10.0.1.6") {
		t.Errorf("reassigned: %q and %q", addresses(other), addresses(id))
	}
}

func TestUnassignPrivateAddresses(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.newInterface("SecondaryPrivateIpAddressCount", "2")
	expect(t, "answer", w.do("UnassignPrivateIpAddresses", "NetworkInterfaceId", id, "PrivateIpAddress.1", "10.0.1.5"), "return", "true")
	expectTexts(t, "interface", w.interfaceItem(id), "privateIpAddressesSet.item.privateIpAddress", "10.0.1.4", "10.0.1.6")
	w.refused("InvalidParameterValue", "Some of [10.0.1.5] are not assigned to interface "+id, "UnassignPrivateIpAddresses",
		append(numbered("PrivateIpAddress", "10.0.1.5", "10.0.1.6"), "NetworkInterfaceId", id)...)
	w.refused("InvalidParameterValue", "The address 10.0.1.4 is the primary private address of interface "+id+", which cannot be unassigned",
		"UnassignPrivateIpAddresses", "NetworkInterfaceId", id, "PrivateIpAddress.1", "10.0.1.4")
	w.refused("MissingParameter", "The request must contain the parameter PrivateIpAddress", "UnassignPrivateIpAddresses", "NetworkInterfaceId", id)
}

func TestIPv6Addresses(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.newInterface()
	got := w.do("AssignIpv6Addresses", "NetworkInterfaceId", id, "Ipv6AddressCount", "2")
	expect(t, "answer", got, "networkInterfaceId", id)
	expectTexts(t, "answer", got, "assignedIpv6Addresses.item", "fd00:10:0:1::4", "fd00:10:0:1::5")
	w.do("AssignIpv6Addresses", "NetworkInterfaceId", id, "Ipv6Addresses.1", "fd00:10:0:1::77")
	expectTexts(t, "interface", w.interfaceItem(id), "ipv6AddressesSet.item.ipv6Address", "fd00:10:0:1::4", "fd00:10:0:1::5", "fd00:10:0:1::77")
	got = w.do("UnassignIpv6Addresses", "NetworkInterfaceId", id, "Ipv6Addresses.1", "fd00:10:0:1::4")
	expectTexts(t, "answer", got, "unassignedIpv6Addresses.item", "fd00:10:0:1::4")
	expect(t, "interface", w.interfaceItem(id), "ipv6Address", "fd00:10:0:1::5")
	for _, x := range []struct{ code, message, action, name, value string }{
		{"InvalidIPAddress.InUse", "The specified address is already in use.", "AssignIpv6Addresses", "Ipv6Addresses.1", "fd00:10:0:1::5"},
		{"InvalidParameterValue", "invalid value for parameter address: 10.0.1.9", "AssignIpv6Addresses", "Ipv6Addresses.1", "10.0.1.9"},
		{"InvalidParameterCombination", "Either Ipv6Addresses or Ipv6AddressCount must be specified", "AssignIpv6Addresses", "Ipv6AddressCount", "0"},
		{"PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.", "AssignIpv6Addresses", "Ipv6AddressCount", "49"},
		{"InvalidParameterValue", "Some of [fd00:10:0:1::9] are not assigned to interface " + id, "UnassignIpv6Addresses", "Ipv6Addresses.1", "fd00:10:0:1::9"},
	} {
		w.refused(x.code, x.message, x.action, "NetworkInterfaceId", id, x.name, x.value)
	}
	w.refused("MissingParameter", "The request must contain the parameter Ipv6Addresses", "UnassignIpv6Addresses", "NetworkInterfaceId", id)
}
