package ec2

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sgate/sgate/vpc"
)

func TestRunInstances(t *testing.T) {
	w := newWorld(t, machinesFile)
	got := w.do("RunInstances", "ImageId", "ami-web", "MinCount", "1", "MaxCount", "1", "InstanceType", "t3.micro", "KeyName", "mine", "SubnetId", subnetA,
		"SecurityGroupId.1", groupWeb, "PrivateIpAddress", "10.0.1.20", "Ipv6AddressCount", "1", "UserData", "aGk=", "Monitoring.Enabled", "false",
		"TagSpecification.1.ResourceType", "instance", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "web",
		"TagSpecification.2.ResourceType", "network-interface", "TagSpecification.2.Tag.1.Key", "of", "TagSpecification.2.Tag.1.Value", "web",
		"TagSpecification.3.ResourceType", "volume", "TagSpecification.3.Tag.1.Key", "of", "TagSpecification.3.Tag.1.Value", "web")
	expect(t, "answer", got, "ownerId", "123456789012", "instancesSet.item.instanceState.name", "pending", "instancesSet.item.instanceState.code", "0", "groupSet", "")
	id := got.get("instancesSet.item.instanceId")
	if !vpc.IsID("i", id) || !vpc.IsID("r", got.get("reservationId")) {
		t.Errorf("ids %q and %q", id, got.get("reservationId"))
	}
	item := w.instanceItem(id)
	expect(t, "instance", item, "instanceState.name", "running", "instanceState.code", "16", "imageId", "ami-web", "instanceType", "t3.micro", "keyName", "mine",
		"subnetId", subnetA, "vpcId", mainVPC, "privateIpAddress", "10.0.1.20", "privateDnsName", "ip-10-0-1-20.ec2.internal", "ipv6Address", "fd00:10:0:1::4",
		"launchTime", "2026-11-21T12:00:00.000Z", "placement.availabilityZone", "us-east-1a", "placement.tenancy", "default", "sourceDestCheck", "true",
		"groupSet.item.groupId", groupWeb, "groupSet.item.groupName", "web", "tagSet.item.value", "web", "monitoring.state", "disabled",
		"reason", "", "amiLaunchIndex", "0", "rootDeviceType", "ebs", "virtualizationType", "hvm")
	nic := item.all("networkInterfaceSet.item")[0]
	expect(t, "interface", nic, "status", "in-use", "attachment.deviceIndex", "0", "attachment.deleteOnTermination", "true", "attachment.status", "attached",
		"privateIpAddress", "10.0.1.20", "ipv6AddressesSet.item.ipv6Address", "fd00:10:0:1::4", "groupSet.item.groupId", groupWeb)
	if nic.all("attachment.instanceId") != nil || item.all("stateReason") != nil {
		t.Error("there is more than AWS tells")
	}
	expect(t, "tags", w.interfaceItem(nic.get("networkInterfaceId")), "tagSet.item.key", "of")
	held, _ := w.store.View().Instance(id)
	if held.Name != "web" || held.State != vpc.Running || w.held(nic.get("networkInterfaceId")).Name != "web" {
		t.Errorf("the store has %+v", held)
	}
}

func TestRunSeveral(t *testing.T) {
	w := newWorld(t, machinesFile)
	got := w.do("RunInstances", runParams("MinCount", "2", "MaxCount", "3", "SubnetId", subnetSmall,
		"TagSpecification.1.ResourceType", "instance", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "many")...)
	expectTexts(t, "answer", got, "instancesSet.item.amiLaunchIndex", "0", "1", "2")
	ids := got.texts("instancesSet.item.instanceId")
	for i, want := range []string{"many", ids[1], ids[2]} {
		if in, _ := w.store.View().Instance(ids[i]); in.Name != want {
			t.Errorf("instance %d is called %q, want %q", i, in.Name, want)
		}
	}
	full := "There are not enough free addresses in subnet '" + subnetSmall + "' to satisfy the requested number of instances."
	// Eight addresses are left in the subnet.
	w.refused("InsufficientFreeAddressesInSubnet", full, "RunInstances", runParams("MinCount", "9", "MaxCount", "20", "SubnetId", subnetSmall)...)
	expectTexts(t, "answer", w.do("RunInstances", runParams("MinCount", "7", "MaxCount", "20", "SubnetId", subnetSmall)...), "instancesSet.item.amiLaunchIndex",
		"0", "1", "2", "3", "4", "5", "6", "7")
	w.refused("InsufficientFreeAddressesInSubnet", full, "RunInstances", runParams("SubnetId", subnetSmall)...)
}

func TestInstanceNames(t *testing.T) {
	w := newWorld(t, machinesFile+"hosts: [{name: laptop, vpc: main, address: 203.0.113.10}]\n")
	name := func(tag string) string {
		id := w.run("TagSpecification.1.ResourceType", "instance", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", tag)
		in, _ := w.store.View().Instance(id)
		if in.Name == id {
			return "its id"
		}
		return in.Name
	}
	for _, x := range [][2]string{
		{"a-web.1_x", "a-web.1_x"}, {"a-web.1_x", "its id"}, {"declared", "its id"}, {"laptop", "its id"}, {"my web", "its id"}, {"-x", "its id"},
		{declaredInterface, "its id"}, {declaredInstance, "its id"}, {"", "its id"}, {strings.Repeat("x", 63), strings.Repeat("x", 63)}, {strings.Repeat("y", 64), "its id"},
	} {
		if got := name(x[0]); got != x[1] {
			t.Errorf("tag %q: it is called %q, want %q", x[0], got, x[1])
		}
	}
}

func TestRunByDefault(t *testing.T) {
	w := newWorld(t, machinesFile)
	expect(t, "by default", w.instanceItem(w.run()), "subnetId", subnetA, "instanceType", "m1.small", "groupSet.item.groupName", "default")
	expect(t, "zone c", w.instanceItem(w.run("Placement.AvailabilityZone", "us-east-1c")), "subnetId", subnetC)
	expect(t, "zone c by id", w.instanceItem(w.run("Placement.AvailabilityZoneId", "use1-az3", "Placement.Tenancy", "default")), "subnetId", subnetC)
	expectTexts(t, "by name", w.instanceItem(w.run(numbered("SecurityGroup", "web", "app")...)), "groupSet.item.groupId", groupWeb, groupApp)
	w.refused("MissingInput", "No default subnet for availability zone: 'us-east-1b'.", "RunInstances", runParams("Placement.AvailabilityZone", "us-east-1b")...)
	w.refused("InvalidParameterValue", "Invalid availability zone: [us-east-1z]", "RunInstances", runParams("Placement.AvailabilityZone", "us-east-1z")...)
	w.refused("InvalidParameterValue", "Invalid availability zone: [use1-az9]", "RunInstances", runParams("Placement.AvailabilityZoneId", "use1-az9")...)
	w = newWorld(t, strings.ReplaceAll(machinesFile, ", default_for_az: true", ""))
	w.refused("MissingInput", "No subnets found for the default VPC '"+mainVPC+"'. Please specify a subnet.", "RunInstances", runParams()...)
	w = newWorld(t, strings.ReplaceAll(strings.ReplaceAll(machinesFile, ", default_for_az: true", ""), ", default: true", ""))
	w.refused("VPCIdNotSpecified", "No default VPC for this user", "RunInstances", runParams()...)
}

func TestRunWithInterfaces(t *testing.T) {
	w := newWorld(t, machinesFile)
	existing := w.newInterface("PrivateIpAddress", "10.0.1.77")
	id := w.run("NetworkInterface.1.DeviceIndex", "2", "NetworkInterface.1.NetworkInterfaceId", existing,
		"NetworkInterface.2.DeviceIndex", "0", "NetworkInterface.2.SubnetId", subnetSmall, "NetworkInterface.2.Description", "first", "NetworkInterface.2.SecurityGroupId.1", groupApp,
		"NetworkInterface.2.PrivateIpAddresses.1.PrivateIpAddress", "10.0.2.9", "NetworkInterface.2.PrivateIpAddresses.1.Primary", "true",
		"NetworkInterface.2.SecondaryPrivateIpAddressCount", "1", "NetworkInterface.2.ConnectionTrackingSpecification.UdpTimeout", "40",
		"NetworkInterface.3.DeviceIndex", "1", "NetworkInterface.3.DeleteOnTermination", "false", "NetworkInterface.3.AssociatePublicIpAddress", "false")
	item := w.instanceItem(id)
	expect(t, "instance", item, "subnetId", subnetSmall, "privateIpAddress", "10.0.2.9", "groupSet.item.groupId", groupApp)
	expectTexts(t, "instance", item, "networkInterfaceSet.item.attachment.deviceIndex", "0", "1", "2")
	expectTexts(t, "instance", item, "networkInterfaceSet.item.attachment.deleteOnTermination", "true", "false", "false")
	expectTexts(t, "instance", item, "networkInterfaceSet.item.privateIpAddress", "10.0.2.9", "10.0.1.4", "10.0.1.77")
	expectTexts(t, "instance", item, "networkInterfaceSet.item.description", "first", "", "")
	nics := item.texts("networkInterfaceSet.item.networkInterfaceId")
	if nics[2] != existing || w.held(nics[0]).Name != id || w.held(nics[1]).Name != "" {
		t.Errorf("the interfaces are %q, and the first is called %q", nics, w.held(nics[0]).Name)
	}
	double := w.run("NetworkInterface.1.DeviceIndex", "0", "NetworkInterface.2.DeviceIndex", "1") // both in the default subnet
	expectTexts(t, "two interfaces", w.instanceItem(double), "networkInterfaceSet.item.privateIpAddress", "10.0.1.5", "10.0.1.6")
	// An interface that is there is the primary one and keeps its addresses; its name comes and goes with the instance.
	primary := w.newInterface()
	only := w.run("NetworkInterface.1.DeviceIndex", "0", "NetworkInterface.1.NetworkInterfaceId", primary)
	if w.held(primary).Name != only {
		t.Errorf("the primary interface is called %q, want %q", w.held(primary).Name, only)
	}
	w.do("TerminateInstances", numbered("InstanceId", only, id)...)
	for _, nic := range []string{primary, nics[1], existing} {
		expect(t, "left over", w.interfaceItem(nic), "status", "available")
		if w.held(nic).Name != "" || w.held(nic).Attachment != (vpc.Attachment{}) {
			t.Errorf("it has %+v", w.held(nic))
		}
	}
	if w.held(nics[0]).ID != "" {
		t.Error("the primary interface is there still")
	}
}

func TestRefusedLaunches(t *testing.T) {
	w := newWorld(t, machinesFile)
	taken := w.primaryInterface(w.run())
	free, zoneC := w.newInterface(), w.do("CreateNetworkInterface", "SubnetId", subnetC).get("networkInterface.networkInterfaceId")
	at := func(index string, params ...string) []string {
		return append([]string{"NetworkInterface.1.DeviceIndex", index}, params...)
	}
	const together = "Network interfaces and an instance-level %s may not be specified on the same request"
	for _, x := range []struct {
		code, message string
		params        []string
	}{
		{"InvalidAMIID.NotFound", "The image id '[ami-0]' does not exist", []string{"ImageId", "ami-0"}},
		{"InvalidAMIID.Malformed", `Invalid id: "debian" (expecting "ami-...")`, []string{"ImageId", "debian"}},
		{"MissingParameter", "The request must contain the parameter ImageId", []string{"ImageId", ""}},
		{"InvalidParameterValue", "Value (0) for parameter minCount is invalid. Want at least 1.", []string{"MinCount", "0"}},
		{"InvalidParameterValue", "Value (1) for parameter maxCount is invalid. Want at least minCount, 2.", []string{"MinCount", "2"}},
		{"InstanceLimitExceeded", "You have requested 101 instances at once: want at most 100 in one request.", []string{"MaxCount", "101"}},
		{"InvalidParameterValue", "Invalid value 'large' for InstanceType.", []string{"InstanceType", "large"}},
		{"UnsupportedOperation", "Instances cannot be protected from being stopped or terminated here.", []string{"DisableApiTermination", "true"}},
		{"UnsupportedOperation", "Instances cannot be hibernated here.", []string{"HibernationOptions.Configured", "true"}},
		{"InvalidSubnetID.NotFound", "The subnet ID 'subnet-1' does not exist", []string{"SubnetId", "subnet-1"}},
		{"InvalidParameterCombination", "The parameter groupName cannot be used with the parameter subnet", []string{"SubnetId", subnetA, "SecurityGroup.1", "web"}},
		{"InvalidGroup.NotFound", "The security group 'db' does not exist in default VPC '" + mainVPC + "'", []string{"SecurityGroup.1", "db"}},
		{"InvalidGroup.NotFound", "The security group 'sg-" + nobody + "' does not exist", []string{"SecurityGroupId.1", "sg-" + nobody}},
		{"InvalidParameter", "Security group " + groupWeb + " and subnet " + subnetOf + " belong to different networks.", []string{"SubnetId", subnetOf, "SecurityGroupId.1", groupWeb}},
		{"InvalidIPAddress.InUse", "Address 10.0.1.200 is in use.", []string{"PrivateIpAddress", "10.0.1.200"}},
		{"InvalidParameterValue", "Address 10.0.3.9 does not fall within the subnet's address range", []string{"PrivateIpAddress", "10.0.3.9"}},
		{"InvalidParameterCombination", "The IP address may not be specified when launching more than one instance", []string{"PrivateIpAddress", "10.0.1.9", "MaxCount", "2"}},
		{"InvalidParameterValue", "The availability zone 'us-east-1c' does not match the subnet '" + subnetA + "', which is in 'us-east-1a'",
			[]string{"SubnetId", subnetA, "Placement.AvailabilityZone", "us-east-1c"}},
		{"InvalidParameterCombination", strings.Replace(together, "%s", "security groups", 1), at("0", "SecurityGroupId.1", groupWeb)},
		{"InvalidParameterCombination", strings.Replace(together, "%s", "subnet ID", 1), at("0", "SubnetId", subnetA)},
		{"InvalidParameterCombination", strings.Replace(together, "%s", "private IP address", 1), at("0", "PrivateIpAddress", "10.0.1.9")},
		{"InvalidParameterCombination", strings.Replace(together, "%s", "IPv6 address", 1), at("0", "Ipv6AddressCount", "1")},
		{"InvalidParameterCombination", "When specifying network interfaces, you must include a device at index 0.", at("1")},
		{"InvalidParameterValue", "Each network interface requires a device index.", []string{"NetworkInterface.1.SubnetId", subnetA}},
		{"InvalidParameterValue", "Value (15) for parameter DeviceIndex is invalid. Want 0 to 14.", at("15")},
		{"InvalidParameterCombination", "Two network interfaces may not have the same device index, 0", at("0", "NetworkInterface.2.DeviceIndex", "0")},
		{"InvalidParameterValue", "Value (efa) for parameter InterfaceType is invalid. Want interface.", at("0", "NetworkInterface.1.InterfaceType", "efa")},
		{"InvalidParameterValue", "Value (1) for parameter NetworkCardIndex is invalid. Instances have one network card, 0.", at("0", "NetworkInterface.1.NetworkCardIndex", "1")},
		{"UnsupportedOperation", "There are no public IP addresses here: want AssociatePublicIpAddress=false, or nothing.", at("0", "NetworkInterface.1.AssociatePublicIpAddress", "true")},
		{"InvalidParameterCombination", "All network interfaces must be in the same VPC and availability zone",
			at("0", "NetworkInterface.1.SubnetId", subnetA, "NetworkInterface.2.DeviceIndex", "1", "NetworkInterface.2.SubnetId", subnetC)},
		{"InvalidParameterCombination", "All network interfaces must be in the same VPC and availability zone",
			at("0", "NetworkInterface.1.SubnetId", subnetA, "NetworkInterface.2.DeviceIndex", "1", "NetworkInterface.2.NetworkInterfaceId", zoneC)},
		{"InvalidNetworkInterface.InUse", "Interface: [" + taken + "] in use.", at("0", "NetworkInterface.1.NetworkInterfaceId", taken)},
		{"InvalidParameterCombination", "A network interface may not specify a network interface ID and delete on termination as true",
			at("0", "NetworkInterface.1.NetworkInterfaceId", free, "NetworkInterface.1.DeleteOnTermination", "true")},
		{"InvalidParameterCombination", "A network interface may not specify a network interface ID and a subnet ID",
			at("0", "NetworkInterface.1.NetworkInterfaceId", free, "NetworkInterface.1.SubnetId", subnetA)},
		{"InvalidParameterCombination", "A network interface may not specify a network interface ID and security groups",
			at("0", "NetworkInterface.1.NetworkInterfaceId", free, "NetworkInterface.1.SecurityGroupId.1", groupWeb)},
		{"InvalidParameterCombination", "A network interface may not specify a network interface ID and IP addresses",
			at("0", "NetworkInterface.1.NetworkInterfaceId", free, "NetworkInterface.1.PrivateIpAddress", "10.0.1.9")},
		{"InvalidParameterCombination", "The network interface '" + free + "' may not be specified twice",
			at("0", "NetworkInterface.1.NetworkInterfaceId", free, "NetworkInterface.2.DeviceIndex", "1", "NetworkInterface.2.NetworkInterfaceId", free)},
		{"InvalidParameterCombination", "The network interface ID may not be specified when launching more than one instance",
			at("0", "NetworkInterface.1.NetworkInterfaceId", free, "MaxCount", "2")},
		{"OperationNotPermitted", "", at("0", "NetworkInterface.1.NetworkInterfaceId", "eni-00000000000000003")},
		{"UnknownParameter", "The parameter LaunchTemplate.LaunchTemplateId is not recognized", []string{"LaunchTemplate.LaunchTemplateId", "lt-1"}},
	} {
		if x.code == "OperationNotPermitted" { // an interface of the file that is free
			w.declare(machinesFile + "network_interfaces: [{id: eni-00000000000000003, subnet: a, address: 10.0.1.150}]\n")
		}
		w.refused(x.code, x.message, "RunInstances", runParams(x.params...)...)
	}
	if n := len(w.store.View().Instances()); n != 3 {
		t.Errorf("there are %d instances, want 3", n)
	}
	w.endpoint.options.Images = func() []Image { return nil }
	w.refused("UnsupportedOperation", "This gateway runs no lab: instances are launched where sgate lab up serves the API.", "RunInstances", runParams()...)
}

func TestLives(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.run("TagSpecification.1.ResourceType", "instance", "TagSpecification.1.Tag.1.Key", "a", "TagSpecification.1.Tag.1.Value", "")
	nic := w.primaryInterface(id)
	change := func(action, previous, current string) {
		t.Helper()
		w.now = w.now.Add(time.Minute)
		expect(t, action, w.do(action, "InstanceId.1", id, "InstanceId.2", id), "instancesSet.item.instanceId", id,
			"instancesSet.item.previousState.name", previous, "instancesSet.item.currentState.name", current)
	}
	change("StartInstances", "running", "running")
	change("StopInstances", "running", "stopping")
	change("StopInstances", "stopped", "stopped")
	expect(t, "stopped", w.instanceItem(id), "instanceState.name", "stopped", "instanceState.code", "80", "reason", "User initiated (2026-11-21 12:02:00 GMT)",
		"stateReason.code", "Client.UserInitiatedShutdown", "stateReason.message", "Client.UserInitiatedShutdown: User initiated shutdown",
		"privateIpAddress", "10.0.1.4", "networkInterfaceSet.item.networkInterfaceId", nic)
	change("StartInstances", "stopped", "pending")
	expect(t, "started", w.instanceItem(id), "instanceState.name", "running", "reason", "", "launchTime", "2026-11-21T12:04:00.000Z")
	change("TerminateInstances", "running", "shutting-down")
	change("TerminateInstances", "terminated", "terminated")
	item := w.instanceItem(id)
	expect(t, "terminated", item, "instanceState.name", "terminated", "instanceState.code", "48", "reason", "User initiated (2026-11-21 12:05:00 GMT)",
		"networkInterfaceSet", "", "groupSet", "", "tagSet.item.key", "a", "privateDnsName", "")
	if item.all("vpcId") != nil || item.all("subnetId") != nil || item.all("privateIpAddress") != nil || w.held(nic).ID != "" {
		t.Error("a terminated instance has a place still")
	}
	w.refused("IncorrectInstanceState", "This instance '"+id+"' is not in a state from which it can be stopped.", "StopInstances", "InstanceId.1", id)
	w.refused("IncorrectInstanceState", "The instance '"+id+"' is not in a state from which it can be started.", "StartInstances", "InstanceId.1", id)
	w.now = w.now.Add(59 * time.Minute)
	w.instanceItem(id)
	w.now = w.now.Add(2 * time.Minute)
	w.refused("InvalidInstanceID.NotFound", "The instance ID '"+id+"' does not exist", "DescribeInstances", "InstanceId.1", id)
	expectTexts(t, "all", w.do("DescribeInstances"), "reservationSet.item.instancesSet.item.instanceId", declaredInstance, "i-00000000000000002")
	w.run() // a change forgets it
	if _, there := w.store.View().Instance(id); there || w.store.View().Tags(id) != nil {
		t.Error("it is in the store still")
	}
}

func TestRefusedStates(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.run()
	for _, action := range []string{"StopInstances", "StartInstances", "TerminateInstances"} {
		w.refused("InvalidInstanceID.NotFound", "The instance ID 'i-"+nobody+"' does not exist", action, numbered("InstanceId", id, "i-"+nobody)...)
		w.refused("InvalidInstanceID.NotFound", "The instance IDs 'i-"+nobody+", i-12345678' do not exist", action, numbered("InstanceId", "i-"+nobody, "i-12345678")...)
		w.refused("InvalidInstanceID.Malformed", `Invalid id: "web"`, action, "InstanceId.1", "web")
		w.refused("MissingParameter", "The request must contain the parameter InstanceId", action)
	}
	for _, action := range []string{"StopInstances", "TerminateInstances"} {
		w.refused("OperationNotPermitted", declaredInstance+" is declared in lab.yaml:15:5: change it there", action, numbered("InstanceId", id, declaredInstance)...)
	}
	w.refused("UnsupportedHibernationConfiguration", "The instances are not configured for hibernation", "StopInstances", "InstanceId.1", id, "Hibernate", "true")
	w.refused("InvalidAction", "The action RebootInstances is not valid for this web service.", "RebootInstances", "InstanceId.1", id)
	expect(t, "after all that", w.instanceItem(id), "instanceState.name", "running")
}

func TestDescribeInstances(t *testing.T) {
	w := newWorld(t, machinesFile)
	two := w.do("RunInstances", runParams("MaxCount", "2", "MinCount", "2", "SecurityGroupId.1", groupWeb, "KeyName", "mine")...)
	ids := two.texts("instancesSet.item.instanceId")
	third := w.run("ImageId", "ami-web", "InstanceType", "t3.nano", "SubnetId", subnetC, "Ipv6AddressCount", "0",
		"TagSpecification.1.ResourceType", "instance", "TagSpecification.1.Tag.1.Key", "team", "TagSpecification.1.Tag.1.Value", "red",
		"TagSpecification.2.ResourceType", "network-interface", "TagSpecification.2.Tag.1.Key", "nic", "TagSpecification.2.Tag.1.Value", "blue")
	w.do("StopInstances", "InstanceId.1", third)
	if n := len(w.do("DescribeInstances").all("reservationSet.item")); n != 4 {
		t.Errorf("%d reservations, want 4: two of the file, and one for each call", n)
	}
	nic := w.primaryInterface(third)
	thirdOnly, pair := []string{third}, []string{ids[0], ids[1]}
	for _, x := range []struct {
		name, value string
		want        []string
	}{
		{"instance-id", third, thirdOnly}, {"image-id", "ami-web", thirdOnly}, {"instance-type", "t3.*", thirdOnly}, {"instance-state-name", "stopped", thirdOnly},
		{"instance-state-code", "80", thirdOnly}, {"subnet-id", subnetC, thirdOnly}, {"availability-zone", "us-east-1c", thirdOnly}, {"availability-zone-id", "use1-az3", thirdOnly},
		{"private-ip-address", "10.0.3.4", thirdOnly}, {"private-dns-name", "ip-10-0-3-4.ec2.internal", thirdOnly}, {"tag:team", "red", thirdOnly}, {"tag-key", "team", thirdOnly},
		{"state-reason-code", "Client.UserInitiatedShutdown", thirdOnly}, {"state-reason-message", "*shutdown", thirdOnly}, {"reason", "User initiated*", thirdOnly},
		{"network-interface.network-interface-id", nic, thirdOnly}, {"network-interface.subnet-id", subnetC, thirdOnly}, {"network-interface.tag-key", "nic", thirdOnly},
		{"network-interface.tag-value", "blue", thirdOnly}, {"network-interface.addresses.private-ip-address", "10.0.3.4", thirdOnly},
		{"network-interface.attachment.instance-id", third, thirdOnly}, {"network-interface.mac-address", macAddress(nic), thirdOnly},
		{"launch-index", "1", ids[1:]}, {"key-name", "mine", pair}, {"reservation-id", two.get("reservationId"), pair},
		{"instance.group-id", groupWeb, append([]string{"i-00000000000000002"}, pair...)}, {"instance.group-name", "web", append([]string{"i-00000000000000002"}, pair...)},
		{"network-interface.group-id", groupWeb, append([]string{"i-00000000000000002"}, pair...)}, {"network-interface.group-name", "w?b", append([]string{"i-00000000000000002"}, pair...)},
		{"vpc-id", otherVPC, nil}, {"source-dest-check", "false", nil}, {"ip-address", "*", nil}, {"ipv6-address", "*", nil}, {"owner-id", "999999999999", nil},
		{"architecture", "sparc", nil}, {"launch-time", "2026-11-20T*", nil}, {"tenancy", "dedicated", nil}, {"block-device-mapping.volume-id", "*", nil},
		{"network-interface.status", "available", nil}, {"network-interface.addresses.association.public-ip", "*", nil},
	} {
		got := w.do("DescribeInstances", filtering(x.name, x.value)...).texts("reservationSet.item.instancesSet.item.instanceId")
		slices.Sort(got)
		slices.Sort(x.want)
		if !slices.Equal(got, x.want) {
			t.Errorf("%s %s: %q, want %q", x.name, x.value, got, x.want)
		}
	}
	w.refused("InvalidParameterValue", "The filter 'colour' is invalid", "DescribeInstances", filtering("colour", "red")...)
	w.refused("InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults", "DescribeInstances", "InstanceId.1", third, "MaxResults", "5")
	w.refused("InvalidInstanceID.NotFound", "The instance ID 'i-"+nobody+"' does not exist", "DescribeInstances", "InstanceId.1", "i-"+nobody)
	w.refused("InvalidInstanceID.Malformed", `Invalid id: "i-xyz"`, "DescribeInstances", "InstanceId.1", "i-xyz")
}

func TestInstancePages(t *testing.T) {
	w := newWorld(t, machinesFile)
	for range 3 {
		w.do("RunInstances", runParams("MaxCount", "4", "MinCount", "4")...)
	}
	var all []string
	for token, more := "", true; more; more = token != "" {
		params := []string{"MaxResults", "5"}
		if token != "" {
			params = append(params, "NextToken", token)
		}
		page := w.do("DescribeInstances", params...)
		ids := page.texts("reservationSet.item.instancesSet.item.instanceId")
		if len(ids) > 5 {
			t.Errorf("a page has %d instances", len(ids))
		}
		all, token = append(all, ids...), page.get("nextToken")
	}
	if slices.Sort(all); len(slices.Compact(all)) != 14 {
		t.Errorf("%d instances in the pages together, want 14", len(all))
	}
}
