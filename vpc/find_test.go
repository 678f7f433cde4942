package vpc

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// twins is world with a second VPC, which has the same addresses, an interface
// without a name there, and one whose name is the id of another. The two are an
// instance's, the latter its primary one.
func twins(t *testing.T) *Snapshot {
	t.Helper()
	s, err := New(with(func(r *Resources) {
		r.VPCs = append(r.VPCs, VPC{ID: "vpc-2", CIDR: prefix("10.0.0.0/16")})
		r.Subnets = append(r.Subnets, Subnet{ID: "subnet-2", VPCID: "vpc-2", CIDR: prefix("10.0.1.0/24")})
		r.Instances = append(r.Instances, Instance{ID: "i-2", VPCID: "vpc-2", SubnetID: "subnet-2", State: Running})
		r.Interfaces = append(r.Interfaces,
			NetworkInterface{ID: "eni-2", VPCID: "vpc-2", SubnetID: "subnet-2", Addresses: []netip.Addr{address("10.0.1.10")},
				Attachment: Attachment{InstanceID: "i-2", DeviceIndex: 1}},
			NetworkInterface{ID: "eni-3", Name: "host-1", VPCID: "vpc-2", SubnetID: "subnet-2", Addresses: []netip.Addr{address("10.0.1.11")},
				Attachment: Attachment{InstanceID: "i-2"}})
	}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFindEndpoint(t *testing.T) {
	s := twins(t)
	for ref, want := range map[string]string{
		"web-1": "eni-1", "eni-1": "eni-1", "laptop": "host-1", "eni-2": "eni-2",
		"i-2":    "eni-3", // its primary interface, though another stands before it
		"host-1": "eni-3", // a name goes before an id
	} {
		if e, err := s.FindEndpoint(ref); err != nil || e.ID != want {
			t.Errorf("%s: %v, %v; want %s", ref, e, err, want)
		}
	}
	const want = `no instance or host "nobody"; there are: web-1, eni-2, host-1, laptop`
	if _, err := s.FindEndpoint("nobody"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := s.FindEndpoint(""); err == nil {
		t.Error("an empty reference finds something")
	}
}

func TestEndpoint(t *testing.T) {
	s := twins(t)
	host, _ := s.Endpoint("host-1")
	want := Endpoint{Name: "laptop", ID: "host-1", Host: true, VPCID: "vpc-1", Addresses: []netip.Addr{address("203.0.113.10")}, Origin: line(7)}
	if diff := cmp.Diff(want, host, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for id, want := range map[string]string{"eni-1": "web-1", "eni-2": "eni-2", "host-1": "laptop", "web-1": "", "": ""} {
		if got := s.EndpointName(id); got != want {
			t.Errorf("the name of %q is %q, want %q", id, got, want)
		}
	}
}

func TestEndpointsAt(t *testing.T) {
	s := twins(t)
	for addr, want := range map[string]string{
		"10.0.1.10": "web-1 eni-2", "fd00:10:0:1::10": "web-1", "203.0.113.10": "laptop", "10.0.1.99": "",
	} {
		var got []string
		for _, e := range s.EndpointsAt(address(addr)) {
			got = append(got, e.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}

func TestFindVPC(t *testing.T) {
	s := twins(t)
	for ref, want := range map[string]string{"main": "vpc-1", "vpc-1": "vpc-1", "vpc-2": "vpc-2"} {
		if v, err := s.FindVPC(ref); err != nil || v.ID != want {
			t.Errorf("%s: %v, %v; want %s", ref, v.ID, err, want)
		}
	}
	if _, err := s.FindVPC("x"); err == nil || err.Error() != `no VPC "x"; there are: main, vpc-2` {
		t.Error(err)
	}
	for id, want := range map[string]string{"vpc-1": "main", "vpc-2": "vpc-2", "vpc-3": "vpc-3"} {
		if got := s.VPCName(id); got != want {
			t.Errorf("the name of %s is %s, want %s", id, got, want)
		}
	}
}

func TestErrorsListSomeNamesOnly(t *testing.T) {
	var names []string
	for i := range maxListed {
		names = append(names, fmt.Sprint("n", i))
	}
	if got := listed(names); strings.Contains(got, "more") || !strings.HasSuffix(got, "n18, n19") {
		t.Errorf("%d names: %s", len(names), got)
	}
	if got := listed(append(names, "a", "b")); !strings.HasSuffix(got, "n19 and 2 more") {
		t.Errorf("22 names: %s", got)
	}
}
