package vpc

import "testing"

func TestDefaultsAreThereOnce(t *testing.T) {
	second := VPC{ID: "vpc-2", Name: "second", CIDR: prefix("10.0.0.0/16"), Origin: line(21)}
	acl := func(id, vpcID string, n int) NetworkACL {
		return NetworkACL{ID: id, VPCID: vpcID, Default: true, Origin: line(n)}
	}
	subnet := func(zone string, n int) Subnet {
		return Subnet{ID: "subnet-2", VPCID: "vpc-1", CIDR: prefix("10.0.2.0/24"), AvailabilityZone: zone, DefaultForAZ: true, Origin: line(n)}
	}
	vpcs := func(first, other bool) func(*Resources) {
		return func(r *Resources) {
			second.Default = other
			r.VPCs[0].Default = first
			r.VPCs = append(r.VPCs, second)
		}
	}
	acls := func(all ...NetworkACL) func(*Resources) {
		return func(r *Resources) {
			second.Default = false
			r.VPCs = append(r.VPCs, second)
			r.NetworkACLs = all
		}
	}
	subnets := func(first bool, other Subnet) func(*Resources) {
		return func(r *Resources) {
			r.Subnets[0].DefaultForAZ, r.Subnets[0].AvailabilityZone = first, "us-east-1a"
			r.Subnets = append(r.Subnets, other)
		}
	}
	testFaults(t, []faultCase{
		{"one default vpc", vpcs(false, true), nil},
		{"two default vpcs", vpcs(true, true), []string{
			`DefaultVpcAlreadyExists lab.yaml:21:3: vpc "second": A Default VPC already exists for this account in this region: vpc "main" (declared at lab.yaml:1:3); want one default vpc at most`,
		}},
		{"a default acl", acls(acl("acl-1", "vpc-1", 31)), nil},
		{"a default acl in each vpc", acls(acl("acl-1", "vpc-1", 31), acl("acl-2", "vpc-2", 32)), nil},
		{"two default acls", acls(acl("acl-1", "vpc-1", 31), NetworkACL{ID: "acl-0", VPCID: "vpc-1"}, acl("acl-2", "vpc-1", 32)), []string{
			`InvalidParameterValue lab.yaml:32:3: network acl "acl-2": its vpc has a default network acl already: "acl-1" (declared at lab.yaml:31:3); want one at most`,
		}},
		{"default subnets in two zones", subnets(true, subnet("us-east-1b", 41)), nil},
		{"a default subnet beside another", subnets(false, subnet("us-east-1a", 41)), nil},
		{"two default subnets in a zone", subnets(true, subnet("us-east-1a", 41)), []string{
			`DefaultSubnetAlreadyExistsInAvailabilityZone lab.yaml:41:3: subnet "subnet-2": its vpc has a default subnet in that Availability Zone already: "public" (declared at lab.yaml:2:3); want one at most`,
		}},
	})
}
