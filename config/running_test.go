package config

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sgate/sgate/vpc"
)

// account is resources that were made over the EC2 API, beside those of a file.
type account struct {
	*testing.T
	file *Config
	res  vpc.Resources
}

func newAccount(t *testing.T, text string) *account {
	t.Helper()
	cfg := mustParse(t, text)
	return &account{t, cfg, cfg.Resources.Resources()}
}

// attach adds an interface without a name that is attached to an instance.
func (b *account) attach(id, instance string, index int, subnet string, addresses ...string) {
	at := slices.IndexFunc(b.res.Subnets, func(s vpc.Subnet) bool { return s.Name == subnet })
	nic := vpc.NetworkInterface{
		ID: id, VPCID: b.res.Subnets[at].VPCID, SubnetID: b.res.Subnets[at].ID, Addresses: addrs(addresses...),
		Attachment: vpc.Attachment{InstanceID: instance, DeviceIndex: index},
	}
	b.res.Interfaces = append(b.res.Interfaces, nic)
}

func (b *account) launch(id, name, image string) {
	b.res.Instances = append(b.res.Instances, vpc.Instance{ID: id, Name: name, VPCID: b.res.VPCs[0].ID, ImageID: image, State: vpc.Running})
}

func (b *account) setState(id string, state vpc.InstanceState) {
	at := slices.IndexFunc(b.res.Instances, func(in vpc.Instance) bool { return in.ID == id })
	b.res.Instances[at].State = state
}

func (b *account) snapshot() *vpc.Snapshot {
	b.Helper()
	s, err := vpc.New(b.res)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

var comparable = cmp.Options{
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

const twoImages = "images: [{id: ami-web, command: [sgate, listen, 443]}]\n"

func TestEndpointsOfLaunchedInstances(t *testing.T) {
	b := newAccount(t, world+twoImages+"hosts: [{name: laptop, address: 192.0.2.1}]\n")
	b.launch("i-11111111", "web", "ami-web")
	b.attach("eni-22222222", "i-11111111", 1, "b", "10.0.2.10", "10.0.2.11")
	b.attach("eni-11111111", "i-11111111", 0, "a", "10.0.1.10", "fd00:10:0:1::10")
	b.launch("i-22222222", "", "ami-gone")
	b.attach("eni-33333333", "i-22222222", 0, "b", "10.0.2.20")
	b.attach("eni-44444444", "", 0, "b", "10.0.2.30") // attached to nothing
	vpcID := b.res.VPCs[0].ID
	want := []Endpoint{{
		Name: "eni-11111111", Member: "web", ID: "eni-11111111", VPCID: vpcID, Device: "eth0", Configure: true,
		Addresses: prefixes("10.0.1.10/24", "fd00:10:0:1::10/64"), Gateways: addrs("10.0.1.1", "fd00:10:0:1::1"),
		Command: []string{"sgate", "listen", "443"},
	}, {
		Name: "eni-22222222", Member: "web", ID: "eni-22222222", VPCID: vpcID, Device: "eth1", DeviceIndex: 1, Configure: true,
		Addresses: prefixes("10.0.2.10/24", "10.0.2.11/24"), Gateways: addrs("10.0.2.1"),
	}, {
		Name: "eni-33333333", Member: "i-22222222", ID: "eni-33333333", VPCID: vpcID, Device: "eth0", Configure: true,
		Addresses: prefixes("10.0.2.20/24"), Gateways: addrs("10.0.2.1"),
	}}
	s := b.snapshot()
	merged := b.file.WithResources(s)
	if merged.Resources != s || merged.Endpoints[0].Name != "laptop" || len(b.file.Endpoints) != 1 {
		t.Errorf("resources, the host and the file's configuration: %+v, %+v", merged, b.file.Endpoints)
	}
	if diff := cmp.Diff(merged.Endpoints[1:], want, comparable); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}

	for _, state := range []vpc.InstanceState{vpc.Stopped, vpc.Running} {
		b.setState("i-11111111", state)
		merged = merged.WithResources(b.snapshot())
		if n := len(merged.Endpoints); state == vpc.Stopped && n != 2 || state == vpc.Running && n != 4 {
			t.Errorf("%s: endpoints %+v", state, merged.Endpoints)
		}
	}
}

// TestEndpointsOfAFilesInstance: what the file says of an instance stays so,
// whatever is made of it over the API.
func TestEndpointsOfAFilesInstance(t *testing.T) {
	b := newAccount(t, world+twoImages+`instances:
  - {name: one, subnet: a, address: 10.0.1.10, netns: ns, device: net0, command: [sleep, 9]}
  - {name: two, subnet: a, address: 10.0.1.11, image: ami-web}
`)
	one, two := b.res.Instances[0], b.res.Instances[1]
	b.attach("eni-11111111", one.ID, 1, "b", "10.0.2.10")
	b.attach("eni-22222222", two.ID, 2, "b", "10.0.2.11")
	b.res.Interfaces[0].Addresses = addrs("10.0.1.10", "10.0.1.12")
	got := b.file.WithResources(b.snapshot()).Endpoints
	if len(got) != 4 {
		t.Fatalf("endpoints %+v", got)
	}
	if e := got[0]; e.Device != "net0" || e.Netns != "ns" || !slices.Equal(e.Command, []string{"sleep", "9"}) || !slices.Equal(e.Addresses, prefixes("10.0.1.10/24", "10.0.1.12/24")) {
		t.Errorf("one: %+v", e)
	}
	if e := got[1]; !slices.Equal(e.Command, []string{"sgate", "listen", "443"}) {
		t.Errorf("two runs %q, want what its image runs", e.Command)
	}
	if e := got[2]; e.Member != "one" || e.Device != "eth1" || e.Netns != "ns" || !e.Configure || e.Command != nil {
		t.Errorf("one's second: %+v", e)
	}
	// In the gateway's own namespace a device is nobody's eth2.
	if e := got[3]; e.Member != "two" || e.Device != ownDevice("eni-22222222") || e.Configure {
		t.Errorf("two's second: %+v", e)
	}
	b.setState(one.ID, vpc.Stopped)
	stopped := b.file.WithResources(b.snapshot())
	if len(stopped.Endpoints) != 2 || stopped.Endpoints[0].Member != "two" || stopped.Endpoints[1].Member != "two" {
		t.Errorf("one is stopped: %+v", stopped.Endpoints)
	}
	b.setState(one.ID, vpc.Running)
	if diff := cmp.Diff(stopped.WithResources(b.snapshot()).Endpoints, got, comparable); diff != "" {
		t.Errorf("one is started again (-got +want):\n%s", diff)
	}
}
