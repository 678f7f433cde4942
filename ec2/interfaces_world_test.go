package ec2

import (
	"slices"
	"strconv"
	"testing"

	"github.com/sgate/sgate/vpc"
)

// machinesFile has a default VPC with subnets a (zone a, both families), small (zone
// a, 3 addresses for interfaces) and c (zone c), another VPC, and an instance of the
// file, whose groups it leaves open.
const machinesFile = `
vpcs:
  - {name: main, id: vpc-00000000000000001, cidr: 10.0.0.0/16, ipv6_cidr: "fd00:10::/56", default: true, dns_hostnames: true}
  - {name: other, id: vpc-00000000000000002, cidr: 10.0.0.0/16}
subnets:
  - {name: a, id: subnet-0000000000000000a, vpc: main, cidr: 10.0.1.0/24, ipv6_cidr: "fd00:10:0:1::/64", default_for_az: true}
  - {name: small, id: subnet-0000000000000000b, vpc: main, cidr: 10.0.2.0/28}
  - {name: c, id: subnet-0000000000000000c, vpc: main, cidr: 10.0.3.0/24, availability_zone: us-east-1c, default_for_az: true}
  - {name: there, id: subnet-0000000000000000d, vpc: other, cidr: 10.0.1.0/24}
security_groups:
  - {name: web, id: sg-00000000000000001, vpc: main}
  - {name: app, id: sg-00000000000000002, vpc: main}
  - {name: far, id: sg-00000000000000003, vpc: other}
instances:
  - {name: declared, id: i-00000000000000001, subnet: a, address: 10.0.1.200, network_interface: {id: eni-00000000000000001}}
  - {name: closed, id: i-00000000000000002, subnet: a, address: 10.0.1.201, security_groups: [web], network_interface: {id: eni-00000000000000002}}
`

const (
	mainVPC, otherVPC                       = "vpc-00000000000000001", "vpc-00000000000000002"
	subnetA, subnetSmall, subnetC, subnetOf = "subnet-0000000000000000a", "subnet-0000000000000000b", "subnet-0000000000000000c", "subnet-0000000000000000d"
	groupWeb, groupApp, groupFar            = "sg-00000000000000001", "sg-00000000000000002", "sg-00000000000000003"
	declaredInstance, declaredInterface     = "i-00000000000000001", "eni-00000000000000001"
	closedInstance, closedInterface         = "i-00000000000000002", "eni-00000000000000002"
	nobody                                  = "00000000000000099"
)

// newInterface makes an interface and returns its id.
func (w *world) newInterface(params ...string) string {
	w.t.Helper()
	params = append([]string{"SubnetId", subnetA}, params...)
	return w.do("CreateNetworkInterface", params...).get("networkInterface.networkInterfaceId")
}

// run launches an instance and returns its id.
func (w *world) run(params ...string) string {
	w.t.Helper()
	return w.do("RunInstances", runParams(params...)...).get("instancesSet.item.instanceId")
}

// runParams adds what RunInstances always needs, unless it is given.
func runParams(params ...string) []string {
	for _, p := range [][2]string{{"ImageId", "ami-netns"}, {"MinCount", "1"}, {"MaxCount", "1"}} {
		given := false
		for i := 0; i < len(params); i += 2 {
			given = given || params[i] == p[0]
		}
		if !given {
			params = append(params, p[0], p[1])
		}
	}
	return params
}

// interfaceItem returns what DescribeNetworkInterfaces tells of an interface.
func (w *world) interfaceItem(id string) *element {
	w.t.Helper()
	return w.do("DescribeNetworkInterfaces", "NetworkInterfaceId.1", id).all("networkInterfaceSet.item")[0]
}

// instanceItem returns what DescribeInstances tells of an instance.
func (w *world) instanceItem(id string) *element {
	w.t.Helper()
	return w.do("DescribeInstances", "InstanceId.1", id).all("reservationSet.item.instancesSet.item")[0]
}

// primaryInterface returns the id of an instance's interface, its only one.
func (w *world) primaryInterface(instanceID string) string {
	w.t.Helper()
	return w.instanceItem(instanceID).get("networkInterfaceSet.item.networkInterfaceId")
}

// filtering returns the parameters of filters, of names and values in turn.
func filtering(filters ...string) []string {
	var out []string
	for i := 0; i < len(filters); i += 2 {
		n := strconv.Itoa(i/2 + 1)
		out = append(out, "Filter."+n+".Name", filters[i], "Filter."+n+".Value.1", filters[i+1])
	}
	return out
}

// expect compares what is told with what should be, by paths and texts in turn.
func expect(t *testing.T, what string, e *element, pathsAndTexts ...string) {
	t.Helper()
	for i := 0; i < len(pathsAndTexts); i += 2 {
		path, want := pathsAndTexts[i], pathsAndTexts[i+1]
		if got := e.get(path); got != want {
			t.Errorf("%s: %s is %q, want %q", what, path, got, want)
		}
	}
}

// expectTexts compares the texts at a path.
func expectTexts(t *testing.T, what string, e *element, path string, want ...string) {
	t.Helper()
	if got := e.texts(path); !slices.Equal(got, want) {
		t.Errorf("%s: %s: %q, want %q", what, path, got, want)
	}
}

// held returns an interface as the store has it.
func (w *world) held(id string) vpc.NetworkInterface {
	nic, _ := w.store.View().Interface(id)
	return nic
}
