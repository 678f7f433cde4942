package vpc

import (
	"net/netip"
	"testing"
)

func TestAddressesOfAWSServices(t *testing.T) {
	const refused = `: AWS serves instances there (DNS, metadata, time and so on): want another`
	inside := func(cidr4, cidr6, subnet4, subnet6 string, addrs ...string) func(*Resources) {
		return func(r *Resources) {
			*r = Resources{
				VPCs:    []VPC{{ID: "vpc-1", CIDR: prefix(cidr4), IPv6CIDR: prefix(cidr6)}},
				Subnets: []Subnet{{ID: "subnet-1", VPCID: "vpc-1", CIDR: prefix(subnet4), IPv6CIDR: prefix(subnet6)}},
			}
			nic := NetworkInterface{ID: "eni-1", Name: "web-1", VPCID: "vpc-1", SubnetID: "subnet-1", Origin: line(6)}
			for _, a := range addrs {
				nic.Addresses = append(nic.Addresses, address(a))
			}
			r.Interfaces = []NetworkInterface{nic}
		}
	}
	host := func(a string, v6 bool) func(*Resources) {
		return func(r *Resources) {
			r.Hosts[0].Addresses = []netip.Addr{address(a)}
			if !v6 {
				r.VPCs[0].IPv6CIDR, r.Subnets[0].IPv6CIDR = netip.Prefix{}, netip.Prefix{}
				r.Interfaces[0].Addresses = r.Interfaces[0].Addresses[:1]
			}
		}
	}
	testFaults(t, []faultCase{
		{"the VPC's DNS is in its first subnet", inside("10.0.0.0/16", "fd00::/56", "10.0.0.0/28", "fd00::/64", "10.0.0.2"), []string{
			`InvalidParameterValue lab.yaml:6:3: instance "web-1": address 10.0.0.2: AWS reserves it (Amazon DNS)`,
		}},
		{"a VPC over the service addresses", inside("10.0.0.0/16", "fd00:ec2::/56", "10.0.1.0/24", "fd00:ec2::/64",
			"fd00:ec2::253", "fd00:ec2::254", "fd00:ec2::123", "fd00:ec2::252"), []string{
			`InvalidParameterValue lab.yaml:6:3: instance "web-1": address fd00:ec2::253` + refused,
			`InvalidParameterValue lab.yaml:6:3: instance "web-1": address fd00:ec2::254` + refused,
			`InvalidParameterValue lab.yaml:6:3: instance "web-1": address fd00:ec2::123` + refused,
		}},
		{"a host", host("fd00:ec2::254", true), []string{
			`InvalidParameterValue lab.yaml:7:3: host "laptop": address fd00:ec2::254` + refused,
		}},
		{"a host of a VPC without IPv6", host("fd00:ec2::254", false), nil},
		{"a host beside", host("fd00:ec2::252", true), nil},
	})
}
