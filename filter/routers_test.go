package filter

import (
	"net/netip"
	"testing"

	"github.com/sgate/sgate/vpc"
)

func TestRouters(t *testing.T) {
	s, err := vpc.New(vpc.Resources{
		VPCs: []vpc.VPC{
			{ID: "vpc-1", Name: "one", CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")},
			{ID: "vpc-2", Name: "two", CIDR: prefix("10.0.0.0/16")},
			{ID: "vpc-3", Name: "three", CIDR: prefix("10.0.0.0/16")},
		},
		Subnets: []vpc.Subnet{
			{ID: "subnet-1", Name: "v4", VPCID: "vpc-1", CIDR: prefix("10.0.1.0/24")},
			{ID: "subnet-2", Name: "both", VPCID: "vpc-1", CIDR: prefix("10.0.2.0/24"), IPv6CIDR: prefix("fd00:10:0:2::/64")},
			{ID: "subnet-3", Name: "other", VPCID: "vpc-2", CIDR: prefix("10.0.3.0/24")},
		},
		Interfaces: []vpc.NetworkInterface{
			{ID: "a", Name: "a", VPCID: "vpc-1", SubnetID: "subnet-1", Addresses: addrList("10.0.1.10")},
			{ID: "b", Name: "b", VPCID: "vpc-1", SubnetID: "subnet-2", Addresses: addrList("10.0.2.10 fd00:10:0:2::10")},
			{ID: "c", Name: "c", VPCID: "vpc-2", SubnetID: "subnet-3", Addresses: addrList("10.0.3.10")},
		},
		Hosts: []vpc.Host{
			{ID: "h1", Name: "h1", VPCID: "vpc-1", Addresses: addrList("192.0.2.1")},
			{ID: "h2", Name: "h2", VPCID: "vpc-2", Addresses: addrList("192.0.2.1")},
			{ID: "h3", Name: "h3", VPCID: "vpc-3", Addresses: addrList("192.0.2.1")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, none := Compile(s), netip.Addr{}
	for _, c := range []struct {
		id, vpcID string
		want      [2]netip.Addr
	}{
		{"a", "vpc-1", [2]netip.Addr{address("10.0.1.1"), none}}, // its own subnet has no IPv6
		{"b", "vpc-1", [2]netip.Addr{address("10.0.2.1"), address("fd00:10:0:2::1")}},
		{"c", "vpc-2", [2]netip.Addr{address("10.0.3.1"), none}},
		{"h1", "vpc-1", [2]netip.Addr{address("10.0.1.1"), address("fd00:10:0:2::1")}},
		{"h2", "vpc-2", [2]netip.Addr{address("10.0.3.1"), none}},
		{"h3", "vpc-3", [2]netip.Addr{none, none}},
	} {
		e := p.ByID(c.id)
		if got := p.Routers(e); got != c.want || p.VPCID(e) != c.vpcID {
			t.Errorf("%s: routers %v in %s, want %v in %s", c.id, got, p.VPCID(e), c.want, c.vpcID)
		}
	}
}

// TestServiceAddresses resolves what AWS serves instances at (docs/semantics.md,
// 3.1), in a VPC with IPv6 and in one without.
func TestServiceAddresses(t *testing.T) {
	res := resources(nic("a", "10.0.1.10", ""), host("h1", "203.0.113.10"))
	res.VPCs = append(res.VPCs, vpc.VPC{ID: "vpc-2", Name: "two", CIDR: prefix("10.7.0.0/16")})
	res.Hosts = append(res.Hosts, vpc.Host{ID: "h2", Name: "h2", VPCID: "vpc-2", Addresses: addrList("203.0.113.10")})
	w := compiled(t, res)
	for _, c := range []struct {
		addr     string
		one, two bool // a service in vpc-1, in vpc-2
	}{
		{"10.0.0.2", true, false}, {"10.7.0.2", false, true}, {"10.0.1.2", false, false}, {"10.0.0.1", false, false},
		{"169.254.169.253", true, true}, {"169.254.169.254", true, true}, {"169.254.170.2", true, true}, {"169.254.169.123", true, true},
		{"169.254.169.250", true, true}, {"169.254.169.251", true, true}, {"169.254.169.252", false, false},
		{"fd00:ec2::253", true, false}, {"fd00:ec2::254", true, false}, {"fd00:ec2::123", true, false}, {"fd00:ec2::1", false, false},
		{"::ffff:169.254.169.254", false, false},
	} {
		for from, want := range map[string]bool{"h1": c.one, "h2": c.two} {
			e := w.Resolve(w.ByID(from), address(c.addr))
			if got := e != NoEndpoint; got != want {
				t.Errorf("%s is something to %s: %t, want %t", c.addr, from, got, want)
			} else if got && (w.Kind(e) != KindService || w.ID(e) != "" || w.VPCID(e) != w.VPCID(w.ByID(from))) {
				t.Errorf("%s is to %s an endpoint of kind %d in %s, want a service of its own VPC", c.addr, from, w.Kind(e), w.VPCID(e))
			}
		}
	}
	if r := w.Resolve(w.ByID("h1"), address("10.0.1.1")); w.Kind(r) != KindRouter {
		t.Errorf("the router is an endpoint of kind %d", w.Kind(r))
	}
	for _, f := range []*Flow{w.flow("udp 10.0.1.10 9 > 10.0.0.2 53"), w.flow("udp 10.0.0.2 53 > 10.0.1.10 9")} {
		side, acl := w.Ingress(f), w.ACLIngress(f)
		if w.Kind(f.From) == KindService {
			side, acl = w.Egress(f), w.ACLEgress(f)
		}
		if side.Decision != NotAsked || acl.Decision != NotAsked {
			t.Errorf("%+v: at the service, got %+v and %+v, want that nothing is asked", f, side, acl)
		}
	}
	if w.MaySend(w.ByID("eni-a"), address("169.254.169.254")) || w.Owns(w.ByID("eni-a"), address("10.0.0.2")) {
		t.Error("an interface may use the address of a service, want not")
	}
}
