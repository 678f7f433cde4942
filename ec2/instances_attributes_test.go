package ec2

import (
	"testing"
)

func TestModifyInstanceAttribute(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.run()
	modify := func(params ...string) {
		t.Helper()
		expect(t, "answer", w.do("ModifyInstanceAttribute", append(params, "InstanceId", id)...), "return", "true")
	}
	modify(numbered("GroupId", groupWeb, groupApp)...)
	expectTexts(t, "instance", w.instanceItem(id), "groupSet.item.groupId", groupWeb, groupApp)
	modify("SourceDestCheck.Value", "false")
	expect(t, "instance", w.instanceItem(id), "sourceDestCheck", "false")
	modify("Attribute", "sourceDestCheck", "Value", "true")
	expect(t, "instance", w.instanceItem(id), "sourceDestCheck", "true")
	modify("Attribute", "groupSet", "GroupId.1", groupApp)
	expectTexts(t, "instance", w.instanceItem(id), "groupSet.item.groupId", groupApp)
	modify("DisableApiTermination.Value", "false")
	modify("Attribute", "disableApiTermination", "Value", "false")
	modify("DisableApiStop.Value", "false")
	refused := func(code, message string, params ...string) {
		t.Helper()
		w.refused(code, message, "ModifyInstanceAttribute", append(params, "InstanceId", id)...)
	}
	refused("IncorrectInstanceState", "The instance '"+id+"' is not in the 'stopped' state.", "InstanceType.Value", "t3.large")
	w.do("StopInstances", "InstanceId.1", id)
	modify("InstanceType.Value", "t3.large")
	expect(t, "instance", w.instanceItem(id), "instanceType", "t3.large")
	modify("Attribute", "instanceType", "Value", "t3.nano")
	expect(t, "instance", w.instanceItem(id), "instanceType", "t3.nano")
	refused("InvalidParameterValue", "Invalid value 'large' for InstanceType.", "InstanceType.Value", "large")
	refused("InvalidParameterCombination", "No attributes specified.")
	refused("InvalidParameterCombination", "Fields for multiple attribute types specified", "GroupId.1", groupWeb, "SourceDestCheck.Value", "true")
	refused("InvalidParameterValue", "Value (kernel) for parameter attribute is invalid. Unknown attribute.", "Attribute", "kernel", "Value", "x")
	refused("InvalidParameterValue", "Value (maybe) for parameter value is invalid. Want true or false.", "Attribute", "sourceDestCheck", "Value", "maybe")
	refused("MissingParameter", "The request must contain the parameter attribute", "Value", "x")
	refused("UnsupportedOperation", "Instances cannot be protected from being stopped or terminated here.", "DisableApiTermination.Value", "true")
	refused("UnsupportedOperation", "Instances cannot be protected from being stopped or terminated here.", "DisableApiStop.Value", "true")
	refused("InvalidGroup.NotFound", "The security group 'sg-"+nobody+"' does not exist", "GroupId.1", "sg-"+nobody)
	refused("InvalidParameter", "Security group "+groupFar+" and subnet "+subnetA+" belong to different networks.", "GroupId.1", groupFar)
	w.do("AttachNetworkInterface", attachParams(w.newInterface(), id, 1)...)
	message := "There are multiple interfaces attached to instance '" + id + "'. Please specify an interface ID for the operation instead."
	refused("InvalidInstanceID", message, "GroupId.1", groupWeb)
	refused("InvalidInstanceID", message, "SourceDestCheck.Value", "false")
	w.refused("InvalidInstanceID", message, "DescribeInstanceAttribute", "InstanceId", id, "Attribute", "sourceDestCheck")
	w.do("TerminateInstances", "InstanceId.1", id)
	refused("IncorrectInstanceState", "The instance '"+id+"' has no network interface: it is terminated.", "GroupId.1", groupWeb)
}

// TestGroupsOfInstancesOfTheFile changes the groups where the file leaves them
// open, and nothing else.
func TestGroupsOfInstancesOfTheFile(t *testing.T) {
	w := newWorld(t, machinesFile)
	w.do("ModifyInstanceAttribute", "InstanceId", declaredInstance, "GroupId.1", groupApp)
	expectTexts(t, "instance", w.instanceItem(declaredInstance), "groupSet.item.groupId", groupApp)
	for _, params := range [][]string{
		{"InstanceId", "i-00000000000000002", "GroupId.1", groupApp}, {"InstanceId", declaredInstance, "SourceDestCheck.Value", "false"},
	} {
		w.refused("OperationNotPermitted", "", "ModifyInstanceAttribute", params...)
	}
}

func TestDescribeInstanceAttribute(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.run("SecurityGroupId.1", groupWeb, "InstanceType", "t3.nano")
	for attribute, want := range map[string][2]string{
		"groupSet": {"groupSet.item.groupId", groupWeb}, "sourceDestCheck": {"sourceDestCheck.value", "true"}, "instanceType": {"instanceType.value", "t3.nano"},
		"disableApiTermination": {"disableApiTermination.value", "false"}, "disableApiStop": {"disableApiStop.value", "false"}, "userData": {"userData", ""},
		"instanceInitiatedShutdownBehavior": {"instanceInitiatedShutdownBehavior.value", "stop"}, "rootDeviceName": {"rootDeviceName.value", "/dev/xvda"},
		"ebsOptimized": {"ebsOptimized.value", "false"}, "kernel": {"kernel", ""}, "ramdisk": {"ramdisk", ""}, "sriovNetSupport": {"sriovNetSupport", ""},
		"blockDeviceMapping": {"blockDeviceMapping", ""}, "productCodes": {"productCodes", ""},
	} {
		got := w.do("DescribeInstanceAttribute", "InstanceId", id, "Attribute", attribute)
		expect(t, attribute, got, "instanceId", id, want[0], want[1])
		if len(got.Below) != 3 { // the request's id among them
			t.Errorf("%s: the answer has %d elements, want 3", attribute, len(got.Below))
		}
	}
	w.refused("InvalidParameterValue", "Value (colour) for parameter attribute is invalid. Unknown attribute.", "DescribeInstanceAttribute", "InstanceId", id, "Attribute", "colour")
	w.refused("MissingParameter", "The request must contain the parameter Attribute", "DescribeInstanceAttribute", "InstanceId", id)
}

func TestDescribeInstanceStatus(t *testing.T) {
	w := newWorld(t, machinesFile)
	id := w.run()
	got := w.do("DescribeInstanceStatus", "InstanceId.1", id)
	expect(t, "running", got, "instanceStatusSet.item.instanceState.name", "running", "instanceStatusSet.item.instanceStatus.status", "ok",
		"instanceStatusSet.item.systemStatus.status", "ok", "instanceStatusSet.item.instanceStatus.details.item.status", "passed",
		"instanceStatusSet.item.availabilityZone", "us-east-1a")
	w.do("StopInstances", "InstanceId.1", id)
	if got := w.do("DescribeInstanceStatus", "InstanceId.1", id).all("instanceStatusSet.item"); got != nil {
		t.Error("a stopped instance is listed among those that run")
	}
	expect(t, "stopped", w.do("DescribeInstanceStatus", "InstanceId.1", id, "IncludeAllInstances", "true"),
		"instanceStatusSet.item.instanceState.name", "stopped", "instanceStatusSet.item.instanceStatus.status", "not-applicable")
	all := append(filtering("instance-state-name", "stopped"), "IncludeAllInstances", "true")
	expectTexts(t, "filtered", w.do("DescribeInstanceStatus", all...), "instanceStatusSet.item.instanceId", id)
	for filter, value := range map[string]string{"instance-status.status": "impaired", "system-status.reachability": "failed", "event.code": "*", "availability-zone": "us-east-1c"} {
		if got := w.do("DescribeInstanceStatus", filtering(filter, value)...).all("instanceStatusSet.item"); got != nil {
			t.Errorf("%s %s: %d items", filter, value, len(got))
		}
	}
	w.refused("InvalidInstanceID.NotFound", "The instance ID 'i-"+nobody+"' does not exist", "DescribeInstanceStatus", "InstanceId.1", "i-"+nobody)
	w.refused("InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults", "DescribeInstanceStatus", "InstanceId.1", id, "MaxResults", "5")
}

func TestDescribeImages(t *testing.T) {
	w := newWorld(t, machinesFile)
	all := w.do("DescribeImages")
	expectTexts(t, "all", all, "imagesSet.item.imageId", "ami-netns", "ami-web")
	expect(t, "by id", w.do("DescribeImages", "ImageId.1", "ami-web"), "imagesSet.item.name", "web", "imagesSet.item.imageState", "available",
		"imagesSet.item.imageOwnerId", "123456789012", "imagesSet.item.imageLocation", "123456789012/web", "imagesSet.item.isPublic", "false")
	expectTexts(t, "by name", w.do("DescribeImages", filtering("name", "w*", "state", "available")...), "imagesSet.item.imageId", "ami-web")
	expectTexts(t, "ours", w.do("DescribeImages", "Owner.1", "amazon", "Owner.2", "self"), "imagesSet.item.imageId", "ami-netns", "ami-web")
	expectTexts(t, "Amazon's", w.do("DescribeImages", "Owner.1", "amazon"), "imagesSet.item.imageId")
	w.refused("InvalidAMIID.NotFound", "The image id '[ami-0]' does not exist", "DescribeImages", "ImageId.1", "ami-0")
	w.refused("InvalidAMIID.Malformed", `Invalid id: "web" (expecting "ami-...")`, "DescribeImages", "ImageId.1", "web")
}

func TestDescribeInstanceTypes(t *testing.T) {
	w := newWorld(t, machinesFile)
	w.run("InstanceType", "t3.nano")
	expectTexts(t, "in use", w.do("DescribeInstanceTypes"), "instanceTypeSet.item.instanceType", "m1.small", "t3.nano")
	expect(t, "by name", w.do("DescribeInstanceTypes", "InstanceType.1", "m5.large"), "instanceTypeSet.item.instanceType", "m5.large",
		"instanceTypeSet.item.burstablePerformanceSupported", "false", "instanceTypeSet.item.networkInfo.connectionTrackingConfiguration.defaultTcpEstablishedTimeout", "432000",
		"instanceTypeSet.item.networkInfo.connectionTrackingConfiguration.defaultUdpTimeout", "30",
		"instanceTypeSet.item.networkInfo.connectionTrackingConfiguration.defaultUdpStreamTimeout", "180")
	expectTexts(t, "filtered", w.do("DescribeInstanceTypes", filtering("instance-type", "t3.*")...), "instanceTypeSet.item.instanceType", "t3.nano")
	w.refused("InvalidInstanceType", "The following supplied instance types do not exist: [large, small]", "DescribeInstanceTypes", numbered("InstanceType", "large", "t3.nano", "small")...)
}
