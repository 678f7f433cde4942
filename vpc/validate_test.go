package vpc

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// faultCase is resources and all that is wrong with them.
type faultCase struct {
	name   string
	change func(*Resources)
	want   []string // "Code message"
}

func testFaults(t *testing.T, cases []faultCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, faults(t, with(c.change))); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewAcceptsTheWorldThatTheFaultsAreMadeIn(t *testing.T) {
	if got := faults(t, world()); got != nil {
		t.Errorf("got faults %q, want none", got)
	}
	if _, err := New(Resources{}); err != nil {
		t.Errorf("nothing at all: got %v, want no fault", err)
	}
}

func TestFaultsOfVPCs(t *testing.T) {
	alone := func(v VPC) func(*Resources) {
		v.ID, v.Name, v.Origin = "vpc-1", "main", line(1)
		return func(r *Resources) { *r = Resources{VPCs: []VPC{v}} }
	}
	v4 := prefix("10.0.0.0/16")
	unusable := func(cidr string) string {
		return `InvalidVpc.Range lab.yaml:1:3: vpc "main": cidr ` + cidr + `: want a block of unicast addresses that machines can have`
	}
	testFaults(t, []faultCase{
		{"no block", alone(VPC{}), []string{
			`InvalidParameterValue lab.yaml:1:3: vpc "main": cidr: want an IPv4 block such as 10.0.0.0/16`,
		}},
		{"an IPv6 block as the IPv4 one", alone(VPC{CIDR: prefix("fd00:10::/56")}), []string{
			`InvalidParameterValue lab.yaml:1:3: vpc "main": cidr: want an IPv4 block such as 10.0.0.0/16`,
		}},
		{"an IPv4-mapped block", alone(VPC{CIDR: prefix("::ffff:10.0.0.0/112")}), []string{
			`InvalidParameterValue lab.yaml:1:3: vpc "main": cidr: want an IPv4 block such as 10.0.0.0/16`,
		}},
		{"host bits", alone(VPC{CIDR: prefix("10.0.0.1/16")}), []string{
			`InvalidParameterValue lab.yaml:1:3: vpc "main": cidr 10.0.0.1/16: has host bits set, want 10.0.0.0/16`,
		}},
		{"too large", alone(VPC{CIDR: prefix("10.0.0.0/15")}), []string{
			`InvalidVpc.Range lab.yaml:1:3: vpc "main": cidr 10.0.0.0/15: want a block between /16 and /28, as in AWS`,
		}},
		{"too small", alone(VPC{CIDR: prefix("10.0.0.0/29")}), []string{
			`InvalidVpc.Range lab.yaml:1:3: vpc "main": cidr 10.0.0.0/29: want a block between /16 and /28, as in AWS`,
		}},
		{"loopback", alone(VPC{CIDR: prefix("127.0.0.0/16")}), []string{unusable("127.0.0.0/16")}},
		{"link-local", alone(VPC{CIDR: prefix("169.254.0.0/16")}), []string{unusable("169.254.0.0/16")}},
		{"multicast", alone(VPC{CIDR: prefix("224.1.0.0/16")}), []string{unusable("224.1.0.0/16")}},
		{"reserved", alone(VPC{CIDR: prefix("240.0.0.0/16")}), []string{unusable("240.0.0.0/16")}},
		{"of this network", alone(VPC{CIDR: prefix("0.1.0.0/16")}), []string{unusable("0.1.0.0/16")}},
		{"an IPv4 block as the IPv6 one", alone(VPC{CIDR: v4, IPv6CIDR: v4}), []string{
			`InvalidParameterValue lab.yaml:1:3: vpc "main": ipv6_cidr 10.0.0.0/16: want an IPv6 block such as fd00:10::/56`,
		}},
		{"IPv6 host bits", alone(VPC{CIDR: v4, IPv6CIDR: prefix("fd00:10::1/56")}), []string{
			`InvalidParameterValue lab.yaml:1:3: vpc "main": ipv6_cidr fd00:10::1/56: has host bits set, want fd00:10::/56`,
		}},
		{"IPv6 too large", alone(VPC{CIDR: v4, IPv6CIDR: prefix("fd00::/43")}), []string{
			`InvalidVpc.Range lab.yaml:1:3: vpc "main": ipv6_cidr fd00::/43: want a block between /44 and /60, as in AWS`,
		}},
		{"IPv6 too small", alone(VPC{CIDR: v4, IPv6CIDR: prefix("fd00::/61")}), []string{
			`InvalidVpc.Range lab.yaml:1:3: vpc "main": ipv6_cidr fd00::/61: want a block between /44 and /60, as in AWS`,
		}},
		{"the largest and the smallest", func(r *Resources) {
			*r = Resources{VPCs: []VPC{
				{ID: "vpc-1", CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00::/44")},
				{ID: "vpc-2", CIDR: prefix("10.0.0.0/28"), IPv6CIDR: prefix("fd00::/60")},
			}}
		}, nil},
	})
}

func TestFaultsOfSubnets(t *testing.T) {
	add := func(v4, v6 string) func(*Resources) {
		return func(r *Resources) {
			n := Subnet{ID: "subnet-2", Name: "app", VPCID: "vpc-1", CIDR: prefix(v4), Origin: line(20)}
			if v6 != "" {
				n.IPv6CIDR = prefix(v6)
			}
			r.Subnets = append(r.Subnets, n)
		}
	}
	testFaults(t, []faultCase{
		{"unknown vpc", func(r *Resources) {
			r.Subnets = append(r.Subnets, Subnet{ID: "subnet-2", Name: "app", VPCID: "vpc-9", CIDR: prefix("10.0.2.0/24")})
		}, []string{`InvalidVpcID.NotFound subnet "app": the vpc "vpc-9" does not exist`}},
		{"no block", func(r *Resources) {
			r.Subnets = append(r.Subnets, Subnet{ID: "subnet-2", Name: "app", VPCID: "vpc-1"})
		}, []string{`InvalidParameterValue subnet "app": cidr: want an IPv4 block such as 10.0.1.0/24`}},
		{"an IPv6 block as the IPv4 one", add("fd00:10:0:2::/64", ""), []string{
			`InvalidParameterValue lab.yaml:20:3: subnet "app": cidr: want an IPv4 block such as 10.0.1.0/24`,
		}},
		{"an IPv4 block as the IPv6 one", add("10.0.2.0/24", "10.0.3.0/24"), []string{
			`InvalidParameterValue lab.yaml:20:3: subnet "app": ipv6_cidr 10.0.3.0/24: want an IPv6 block such as fd00:10:0:1::/64`,
		}},
		{"host bits", add("10.0.2.1/24", "fd00:10:0:2::1/64"), []string{
			`InvalidParameterValue lab.yaml:20:3: subnet "app": cidr 10.0.2.1/24: has host bits set, want 10.0.2.0/24`,
			`InvalidParameterValue lab.yaml:20:3: subnet "app": ipv6_cidr fd00:10:0:2::1/64: has host bits set, want fd00:10:0:2::/64`,
		}},
		{"too small", add("10.0.2.0/29", "fd00:10:0:2::/65"), []string{
			`InvalidSubnet.Range lab.yaml:20:3: subnet "app": cidr 10.0.2.0/29: want a block between /16 and /28, as in AWS`,
			`InvalidSubnet.Range lab.yaml:20:3: subnet "app": ipv6_cidr fd00:10:0:2::/65: want a block between /44 and /64, as in AWS`,
		}},
		{"outside its vpc", add("10.1.0.0/24", "fd00:11::/64"), []string{
			`InvalidSubnet.Range lab.yaml:20:3: subnet "app": cidr 10.1.0.0/24: is not inside the vpc's 10.0.0.0/16`,
			`InvalidSubnet.Range lab.yaml:20:3: subnet "app": ipv6_cidr fd00:11::/64: is not inside the vpc's fd00:10::/56`,
		}},
		{"IPv6 wider than its vpc", add("10.0.2.0/24", "fd00:10::/48"), []string{
			`InvalidSubnet.Range lab.yaml:20:3: subnet "app": ipv6_cidr fd00:10::/48: is not inside the vpc's fd00:10::/56`,
			`InvalidSubnet.Conflict lab.yaml:20:3: subnet "app": ipv6_cidr fd00:10::/48: overlaps fd00:10:0:1::/64 of subnet "public" (declared at lab.yaml:2:3)`,
		}},
		{"IPv6 in a vpc without", func(r *Resources) {
			r.VPCs = append(r.VPCs, VPC{ID: "vpc-2", Name: "other", CIDR: prefix("10.0.0.0/16")})
			r.Subnets = append(r.Subnets, Subnet{
				ID: "subnet-2", Name: "app", VPCID: "vpc-2", CIDR: prefix("10.0.2.0/24"), IPv6CIDR: prefix("fd00:10:0:2::/64"),
			})
		}, []string{`InvalidSubnet.Range subnet "app": ipv6_cidr fd00:10:0:2::/64: the vpc has no ipv6_cidr`}},
		{"overlap", add("10.0.1.128/25", "fd00:10:0:1::/64"), []string{
			`InvalidSubnet.Conflict lab.yaml:20:3: subnet "app": cidr 10.0.1.128/25: overlaps 10.0.1.0/24 of subnet "public" (declared at lab.yaml:2:3)`,
			`InvalidSubnet.Conflict lab.yaml:20:3: subnet "app": ipv6_cidr fd00:10:0:1::/64: overlaps fd00:10:0:1::/64 of subnet "public" (declared at lab.yaml:2:3)`,
		}},
		{"equal blocks in two vpcs", func(r *Resources) {
			r.VPCs = append(r.VPCs, VPC{ID: "vpc-2", CIDR: prefix("10.0.0.0/16")})
			r.Subnets = append(r.Subnets, Subnet{ID: "subnet-2", VPCID: "vpc-2", CIDR: prefix("10.0.1.0/24")})
		}, nil},
		{"its vpc's fault is not its own", func(r *Resources) {
			*r = Resources{
				VPCs:    []VPC{{ID: "vpc-1", Name: "main"}},
				Subnets: []Subnet{{ID: "subnet-1", VPCID: "vpc-1", CIDR: prefix("10.0.1.0/24")}},
			}
		}, []string{`InvalidParameterValue vpc "main": cidr: want an IPv4 block such as 10.0.0.0/16`}},
	})
}

func TestFaultsOfPrefixLists(t *testing.T) {
	entries := func(max int, v6 bool, es ...PrefixListEntry) func(*Resources) {
		return func(r *Resources) {
			r.PrefixLists = []PrefixList{{ID: "pl-1", Name: "office", MaxEntries: max, IPv6: v6, Entries: es, Origin: line(4)}}
		}
	}
	entry := func(s string) PrefixListEntry { return PrefixListEntry{CIDR: prefix(s), Origin: line(5)} }
	testFaults(t, []faultCase{
		{"too many", entries(1, false, entry("192.0.2.0/24"), entry("203.0.113.0/24")), []string{
			`PrefixListMaxEntriesExceeded lab.yaml:4:3: prefix list "office": has 2 entries, more than its max_entries of 1`,
		}},
		{"empty entry", entries(1, false, PrefixListEntry{Origin: line(5)}), []string{
			`InvalidParameterValue lab.yaml:5:3: prefix list "office": an entry without a cidr`,
		}},
		{"IPv6 among IPv4", entries(2, false, entry("192.0.2.0/24"), entry("fd00::/64")), []string{
			`InvalidParameterValue lab.yaml:5:3: prefix list "office": entry fd00::/64: a list has one address family, and its first entry is of the other`,
		}},
		{"IPv4 among IPv6", entries(2, true, entry("fd00::/64"), entry("192.0.2.0/24")), []string{
			`InvalidParameterValue lab.yaml:5:3: prefix list "office": entry 192.0.2.0/24: a list has one address family, and its first entry is of the other`,
		}},
		{"twice, host bits aside", entries(2, false, entry("192.0.2.0/24"), entry("192.0.2.9/24")), []string{
			`InvalidParameterValue lab.yaml:5:3: prefix list "office": entry 192.0.2.0/24: stands in the list twice`,
		}},
	})
}

func TestFaultsOfSecurityGroups(t *testing.T) {
	add := func(g SecurityGroup) func(*Resources) {
		if g.VPCID == "" {
			g.VPCID = "vpc-1"
		}
		g.ID, g.Origin = "sg-2", line(30)
		return func(r *Resources) { r.SecurityGroups = append(r.SecurityGroups, g) }
	}
	testFaults(t, []faultCase{
		{"unknown vpc", add(SecurityGroup{Name: "app", VPCID: "vpc-9"}), []string{
			`InvalidVpcID.NotFound lab.yaml:30:3: security group "app": the vpc "vpc-9" does not exist`,
		}},
		{"no name", add(SecurityGroup{}), []string{
			`InvalidParameterValue lab.yaml:30:3: security group "": name: want 1 to 255 characters`,
		}},
		{"only spaces", add(SecurityGroup{Name: "  "}), []string{
			`InvalidParameterValue lab.yaml:30:3: security group "": name: want 1 to 255 characters`,
		}},
		{"the name of an id", add(SecurityGroup{Name: "SG-app"}), []string{
			`InvalidParameterValue lab.yaml:30:3: security group "SG-app": name "SG-app": must not start with sg-, which marks an id`,
		}},
		{"a character that AWS refuses", add(SecurityGroup{Name: "app\n"}), []string{
			`InvalidParameterValue lab.yaml:30:3: security group "app\n": name "app\n": want at most 255 characters from the set a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*`,
		}},
		{"taken, letter case aside", add(SecurityGroup{Name: "WEB"}), []string{
			`InvalidGroup.Duplicate lab.yaml:30:3: security group "WEB": the name is taken in this vpc, letter case aside (declared at lab.yaml:3:3)`,
		}},
		{"taken, trailing spaces aside", add(SecurityGroup{Name: "web "}), []string{
			`InvalidGroup.Duplicate lab.yaml:30:3: security group "web": the name is taken in this vpc, letter case aside (declared at lab.yaml:3:3)`,
		}},
		{"two default groups", func(r *Resources) {
			r.SecurityGroups = append(r.SecurityGroups,
				SecurityGroup{ID: "sg-d1", Name: "default", VPCID: "vpc-1", Origin: line(31)},
				SecurityGroup{ID: "sg-d2", Name: "default", VPCID: "vpc-1", Origin: line(32)})
		}, []string{
			`InvalidGroup.Duplicate lab.yaml:32:3: security group "default": the name is taken in this vpc, letter case aside (declared at lab.yaml:31:3)`,
		}},
		{"the same name in two vpcs", func(r *Resources) {
			r.VPCs = append(r.VPCs, VPC{ID: "vpc-2", CIDR: prefix("10.0.0.0/16")})
			r.SecurityGroups = append(r.SecurityGroups, SecurityGroup{ID: "sg-2", Name: "web", VPCID: "vpc-2"})
		}, nil},
	})
}

func TestFaultsOfEndpoints(t *testing.T) {
	nic := func(addrs ...string) NetworkInterface {
		n := NetworkInterface{ID: "eni-2", Name: "web-2", VPCID: "vpc-1", SubnetID: "subnet-1", GroupIDs: []string{"sg-web"}, Origin: line(40)}
		for _, a := range addrs {
			n.Addresses = append(n.Addresses, address(a))
		}
		return n
	}
	add := func(n NetworkInterface) func(*Resources) {
		return func(r *Resources) { r.Interfaces = append(r.Interfaces, n) }
	}
	host := func(name, vpcID string, addrs ...netip.Addr) func(*Resources) {
		return func(r *Resources) {
			r.Hosts = append(r.Hosts, Host{ID: "host-2", Name: name, VPCID: vpcID, Addresses: addrs, Origin: line(50)})
		}
	}
	groups := func(ids ...string) NetworkInterface {
		n := nic("10.0.1.11")
		n.GroupIDs = ids
		return n
	}
	foreign := func(r *Resources) {
		r.VPCs = append(r.VPCs, VPC{ID: "vpc-2", CIDR: prefix("10.0.0.0/16")})
		r.SecurityGroups = append(r.SecurityGroups, SecurityGroup{ID: "sg-far", Name: "far", VPCID: "vpc-2"})
		r.Subnets = append(r.Subnets, Subnet{ID: "subnet-far", Name: "far", VPCID: "vpc-2", CIDR: prefix("10.0.1.0/24")})
	}
	testFaults(t, []faultCase{
		{"no address", add(nic()), []string{
			`InvalidParameterValue lab.yaml:40:3: instance "web-2": has no address`,
		}},
		{"address taken", add(nic("10.0.1.10")), []string{
			`InvalidIPAddress.InUse lab.yaml:40:3: instance "web-2": address 10.0.1.10: is taken by instance "web-1"`,
		}},
		{"one's own address twice", add(nic("10.0.1.11", "10.0.1.11")), []string{
			`InvalidIPAddress.InUse lab.yaml:40:3: instance "web-2": address 10.0.1.11: is taken by instance "web-2"`,
		}},
		{"outside its subnet", add(nic("10.0.2.1")), []string{
			`InvalidParameterValue lab.yaml:40:3: instance "web-2": address 10.0.2.1: is not in subnet "public" (10.0.1.0/24)`,
		}},
		{"an IPv4-mapped address", add(nic("::ffff:10.0.1.11")), []string{
			`InvalidParameterValue lab.yaml:40:3: instance "web-2": address ::ffff:10.0.1.11: is not in subnet "public" (fd00:10:0:1::/64)`,
		}},
		{"an address with a zone", add(nic("fd00:10:0:1::11%eth0")), []string{
			`InvalidParameterValue lab.yaml:40:3: instance "web-2": address fd00:10:0:1::11%eth0: is not in subnet "public" (fd00:10:0:1::/64)`,
		}},
		{"reserved", add(nic("10.0.1.1", "fd00:10:0:1::2")), []string{
			`InvalidParameterValue lab.yaml:40:3: instance "web-2": address 10.0.1.1: AWS reserves it (the VPC router)`,
			`InvalidParameterValue lab.yaml:40:3: instance "web-2": address fd00:10:0:1::2: AWS reserves it (Amazon DNS)`,
		}},
		{"IPv6 in a subnet without", func(r *Resources) {
			r.Subnets = append(r.Subnets, Subnet{ID: "subnet-2", Name: "app", VPCID: "vpc-1", CIDR: prefix("10.0.2.0/24")})
			n := nic("10.0.2.10", "fd00:10:0:2::10")
			n.SubnetID = "subnet-2"
			r.Interfaces = append(r.Interfaces, n)
		}, []string{`InvalidParameterValue lab.yaml:40:3: instance "web-2": address fd00:10:0:2::10: subnet "app" has no IPv6 block`}},
		{"its subnet's fault is not its own", func(r *Resources) { r.Subnets[0].CIDR = netip.Prefix{} }, []string{
			`InvalidParameterValue lab.yaml:2:3: subnet "public": cidr: want an IPv4 block such as 10.0.1.0/24`,
		}},
		{"unknown subnet", func(r *Resources) { r.Interfaces[0].SubnetID = "subnet-9" }, []string{
			`InvalidSubnetID.NotFound lab.yaml:6:3: instance "web-1": the subnet "subnet-9" does not exist in its vpc`,
		}},
		{"subnet of another vpc", func(r *Resources) { foreign(r); r.Interfaces[0].SubnetID = "subnet-far" }, []string{
			`InvalidSubnetID.NotFound lab.yaml:6:3: instance "web-1": the subnet "subnet-far" does not exist in its vpc`,
		}},
		{"unknown group", add(groups("sg-9")), []string{
			`InvalidGroup.NotFound lab.yaml:40:3: instance "web-2": the security group "sg-9" does not exist`,
		}},
		{"group of another vpc", func(r *Resources) { foreign(r); r.Interfaces[0].GroupIDs = []string{"sg-far"} }, []string{
			`InvalidParameter lab.yaml:6:3: instance "web-1": security group "far" and subnet "public" belong to different networks`,
		}},
		{"group twice", add(groups("sg-web", "sg-web")), []string{
			`InvalidParameterValue lab.yaml:40:3: instance "web-2": security group "web" is attached twice`,
		}},
		{"name of another instance", func(r *Resources) { n := nic("10.0.1.11"); n.Name = "web-1"; add(n)(r) }, []string{
			`InvalidParameterValue lab.yaml:40:3: instance "web-1": the name is taken by another instance or host (declared at lab.yaml:6:3)`,
		}},
		{"host with the name of an instance", host("web-1", "vpc-1", address("198.51.100.7")), []string{
			`InvalidParameterValue lab.yaml:50:3: host "web-1": the name is taken by another instance or host (declared at lab.yaml:6:3)`,
		}},
		{"host in an unknown vpc", host("stranger", "vpc-9", address("198.51.100.7")), []string{
			`InvalidVpcID.NotFound lab.yaml:50:3: host "stranger": the vpc "vpc-9" does not exist`,
		}},
		{"host without address", host("stranger", "vpc-1"), []string{
			`InvalidParameterValue lab.yaml:50:3: host "stranger": has no address`,
		}},
		{"host inside the vpc", host("stranger", "vpc-1", address("10.0.9.9"), address("fd00:10:0:9::9")), []string{
			`InvalidParameterValue lab.yaml:50:3: host "stranger": address 10.0.9.9: lies inside the vpc; a host is outside, an instance inside`,
			`InvalidParameterValue lab.yaml:50:3: host "stranger": address fd00:10:0:9::9: lies inside the vpc; a host is outside, an instance inside`,
		}},
		{"host with another's address", host("stranger", "vpc-1", address("203.0.113.10")), []string{
			`InvalidIPAddress.InUse lab.yaml:50:3: host "stranger": address 203.0.113.10: is taken by host "laptop"`,
		}},
	})
	for _, a := range []string{
		"0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "ff02::1", "::ffff:203.0.113.11", "2001:db8::1%eth0",
	} {
		want := []string{`InvalidParameterValue lab.yaml:50:3: host "stranger": address ` + a + `: want a unicast address that a machine can have`}
		if diff := cmp.Diff(want, faults(t, with(host("stranger", "vpc-1", address(a))))); diff != "" {
			t.Errorf("host at %s: faults (-want +got):\n%s", a, diff)
		}
	}
}

func TestEveryFaultIsFoundInOneGo(t *testing.T) {
	res := world()
	res.VPCs = append(res.VPCs, VPC{ID: "vpc-1", Name: "again", CIDR: prefix("10.9.0.0/16"), Origin: line(60)})
	res.Subnets = append(res.Subnets, Subnet{ID: "subnet-1", Name: "again", VPCID: "vpc-1", CIDR: prefix("10.9.1.0/24"), Origin: line(61)})
	res.SecurityGroups = append(res.SecurityGroups, SecurityGroup{ID: "sg-web", Name: "again", VPCID: "vpc-1", Origin: line(62)})
	res.PrefixLists = append(res.PrefixLists, PrefixList{ID: "pl-1", Name: "again", Origin: line(63)})
	res.Interfaces[0].Addresses = nil
	res.Interfaces = append(res.Interfaces, res.Interfaces[0])
	res.Hosts = append(res.Hosts, Host{ID: "host-1", Name: "again", VPCID: "vpc-1", Addresses: []netip.Addr{address("192.0.2.1")}})
	want := []string{
		`InvalidParameterValue lab.yaml:60:3: vpc "again": the id vpc-1 is taken (declared at lab.yaml:1:3)`,
		`InvalidParameterValue lab.yaml:61:3: subnet "again": the id subnet-1 is taken (declared at lab.yaml:2:3)`,
		`InvalidParameterValue lab.yaml:62:3: security group "again": the id sg-web is taken (declared at lab.yaml:3:3)`,
		`InvalidParameterValue lab.yaml:63:3: prefix list "again": the id pl-1 is taken (declared at lab.yaml:4:3)`,
		`InvalidParameterValue lab.yaml:6:3: instance "web-1": the id eni-1 is taken (declared at lab.yaml:6:3)`,
		`InvalidParameterValue host "again": the id host-1 is taken (declared at lab.yaml:7:3)`,
	}
	got := faults(t, res)
	if diff := cmp.Diff(want, got[:min(len(want), len(got))]); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	// The rest follows: each instance without an address, and so on.
	if len(got) < len(want)+3 {
		t.Errorf("got %d faults, want the later checks to have run as well:\n%s", len(got), strings.Join(got, "\n"))
	}
}
