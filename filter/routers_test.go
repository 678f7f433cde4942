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
