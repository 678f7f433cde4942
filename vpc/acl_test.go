package vpc

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// aclEntry returns an ingress entry that allows tcp 443.
func aclEntry(number int, cidr string) NetworkACLEntry {
	return NetworkACLEntry{
		Number: number, Allow: true, Protocol: TCP, FromPort: 443, ToPort: 443, CIDR: prefix(cidr), Origin: line(100 + number),
	}
}

// withACL returns world with a network ACL on its subnet.
func withACL(entries ...NetworkACLEntry) Resources {
	return with(func(r *Resources) {
		r.NetworkACLs = []NetworkACL{{
			ID: "acl-1", Name: "edge", VPCID: "vpc-1", SubnetIDs: []string{"subnet-1"}, Entries: entries, Origin: line(80),
		}}
	})
}

func TestFaultsOfNetworkACLEntries(t *testing.T) {
	entry := func(change func(*NetworkACLEntry)) NetworkACLEntry {
		e := aclEntry(7, "0.0.0.0/0")
		change(&e)
		return e
	}
	service := func(p Protocol, from, to int32, cidr string) NetworkACLEntry {
		return entry(func(e *NetworkACLEntry) { e.Protocol, e.FromPort, e.ToPort, e.CIDR = p, from, to, prefix(cidr) })
	}
	numbered := func(n int) NetworkACLEntry { return entry(func(e *NetworkACLEntry) { e.Number = n }) }
	const at = `InvalidParameterValue lab.yaml:107:3: network acl "edge": ingress entry number `
	for _, c := range []struct {
		name  string
		entry NetworkACLEntry
		want  string // "" if it is valid
	}{
		{"the lowest number", numbered(1), ""},
		{"the highest number", numbered(32766), ""},
		{"number too low", numbered(0), `0: number 0: want 1 to 32766`},
		{"number too high", numbered(32767), `32767: number 32767: want 1 to 32766`},
		{"all protocols, ports aside", service(AllProtocols, 5, 4, "0.0.0.0/0"), ""},
		{"gre, ports aside", service(47, -7, 99999, "0.0.0.0/0"), ""},
		{"echo request", service(ICMP, 8, 0, "0.0.0.0/0"), ""},
		{"icmpv6", service(ICMPv6, 128, Any, "::/0"), ""},
		{"protocol too high", service(256, 0, 0, "0.0.0.0/0"), `7: protocol 256: want a number from 0 to 255, or -1 for all`},
		{"reversed ports", service(UDP, 80, 79, "0.0.0.0/0"), `7: port range 80-79: the first port is above the last`},
		{"port too high", service(TCP, 80, 65536, "0.0.0.0/0"), `7: TCP/UDP port (65536) out of range: want 0 to 65535`},
		{"icmp code too high", service(ICMP, 3, 256, "0.0.0.0/0"), `7: ICMP code (256) out of range: want 0 to 255, or -1 for all`},
		{"icmpv6 type too high", service(ICMPv6, 256, 0, "::/0"), `7: ICMP type (256) out of range: want 0 to 255, or -1 for all`},
		// Section 7: 58 with an IPv4 CIDR ignores the type.
		{"icmpv6 type with an IPv4 CIDR", service(ICMPv6, 256, 0, "0.0.0.0/0"), ""},
		{"no CIDR", NetworkACLEntry{Number: 7, Protocol: AllProtocols, Origin: line(107)},
			`7: want a CIDR such as 203.0.113.0/24 or 2001:db8::/32`},
		{"no direction", entry(func(e *NetworkACLEntry) { e.Direction = 2 }), `7: direction 2: want ingress or egress`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want []string
			if c.want != "" {
				want = []string{at + c.want}
			}
			if diff := cmp.Diff(want, faults(t, withACL(c.entry))); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNumbersOfEntriesAreUniqueInTheirDirection(t *testing.T) {
	a, b := aclEntry(10, "0.0.0.0/0"), aclEntry(10, "::/0")
	b.Origin = line(120)
	want := []string{`NetworkAclEntryAlreadyExists lab.yaml:120:3: network acl "edge": ingress entry number 10: ` +
		`the number is taken in this direction (declared at lab.yaml:110:3)`}
	if diff := cmp.Diff(want, faults(t, withACL(a, b))); diff != "" {
		t.Errorf("one number twice (-want +got):\n%s", diff)
	}
	b.Direction = Egress
	if got := faults(t, withACL(a, b)); got != nil {
		t.Errorf("one number in each direction: got faults %q, want none", got)
	}
}

func TestFaultsOfNetworkACLs(t *testing.T) {
	add := func(a NetworkACL) func(*Resources) {
		a.Name, a.Origin = "inner", line(90)
		return func(r *Resources) {
			r.NetworkACLs = append(withACL().NetworkACLs, a)
			r.VPCs = append(r.VPCs, VPC{ID: "vpc-2", CIDR: prefix("10.0.0.0/16")})
			r.Subnets = append(r.Subnets, Subnet{ID: "subnet-far", Name: "far", VPCID: "vpc-2", CIDR: prefix("10.0.1.0/24")})
		}
	}
	testFaults(t, []faultCase{
		{"without subnets and entries", add(NetworkACL{ID: "acl-2", VPCID: "vpc-1"}), nil},
		{"id", add(NetworkACL{ID: "nacl-2", VPCID: "vpc-1"}), []string{
			`InvalidParameterValue lab.yaml:90:3: network acl "inner": id "nacl-2": want acl- and 17 hexadecimal digits`,
		}},
		{"id taken", add(NetworkACL{ID: "acl-1", VPCID: "vpc-1"}), []string{
			`InvalidParameterValue lab.yaml:90:3: network acl "inner": the id acl-1 is taken (declared at lab.yaml:80:3)`,
		}},
		{"unknown vpc", add(NetworkACL{ID: "acl-2", VPCID: "vpc-9", SubnetIDs: []string{"subnet-9"}}), []string{
			`InvalidVpcID.NotFound lab.yaml:90:3: network acl "inner": the vpc "vpc-9" does not exist`,
		}},
		{"unknown subnet", add(NetworkACL{ID: "acl-2", VPCID: "vpc-1", SubnetIDs: []string{"subnet-9"}}), []string{
			`InvalidSubnetID.NotFound lab.yaml:90:3: network acl "inner": the subnet "subnet-9" does not exist`,
		}},
		{"another vpc's subnet", add(NetworkACL{ID: "acl-2", VPCID: "vpc-1", SubnetIDs: []string{"subnet-far"}}), []string{
			`InvalidParameter lab.yaml:90:3: network acl "inner": subnet "far" belongs to another vpc`,
		}},
		{"a subnet of another acl", add(NetworkACL{ID: "acl-2", VPCID: "vpc-1", SubnetIDs: []string{"subnet-1"}}), []string{
			`InvalidParameterValue lab.yaml:90:3: network acl "inner": subnet "public" has network acl "edge" already (declared at lab.yaml:80:3): want one acl a subnet`,
		}},
		{"a subnet twice", add(NetworkACL{ID: "acl-2", VPCID: "vpc-2", SubnetIDs: []string{"subnet-far", "subnet-far"}}), []string{
			`InvalidParameterValue lab.yaml:90:3: network acl "inner": subnet "far" is associated twice`,
		}},
	})
}

func TestNetworkACLsAreStoredInCanonicalForm(t *testing.T) {
	gre := NetworkACLEntry{Number: 5, Direction: Egress, Protocol: 47, FromPort: 1, ToPort: 2, CIDR: prefix("2001:db8::1/32")}
	v6onV4 := NetworkACLEntry{Number: 20, Protocol: ICMPv6, FromPort: 128, ToPort: 0, CIDR: prefix("10.9.9.9/8")}
	v6 := NetworkACLEntry{Number: 30, Protocol: ICMPv6, FromPort: 128, ToPort: 0, CIDR: prefix("::/0")}
	first := aclEntry(10, "10.0.0.5/24")
	in := []NetworkACLEntry{gre, v6, v6onV4, first}
	given := withACL(in...)
	s := must(t, given)
	acl, _ := s.NetworkACL("acl-1")

	gre.FromPort, gre.ToPort, gre.CIDR = Any, Any, prefix("2001:db8::/32")
	v6onV4.FromPort, v6onV4.ToPort, v6onV4.CIDR = Any, Any, prefix("10.0.0.0/8")
	first.CIDR = prefix("10.0.0.0/24")
	if diff := cmp.Diff([]NetworkACLEntry{first, v6onV4, v6, gre}, acl.Entries, addresses); diff != "" {
		t.Errorf("entries, ingress first and by number (-want +got):\n%s", diff)
	}
	if given.NetworkACLs[0].Entries[0].Number != 5 || given.NetworkACLs[0].Entries[0].FromPort != 1 {
		t.Error("New changed its input")
	}
	again := must(t, s.Resources())
	if diff := cmp.Diff(s.NetworkACLs(), again.NetworkACLs(), addresses); diff != "" {
		t.Errorf("a snapshot of a snapshot's resources (-once +twice):\n%s", diff)
	}
	given.NetworkACLs[0].SubnetIDs[0] = "subnet-x"
	given.NetworkACLs[0].Entries[0].Allow = true
	if got, _ := s.NetworkACL("acl-1"); got.SubnetIDs[0] != "subnet-1" || slices.ContainsFunc(got.Entries, func(e NetworkACLEntry) bool { return e.Number == 5 && e.Allow }) {
		t.Error("the snapshot changed with its input")
	}
}

func TestNetworkACLLookups(t *testing.T) {
	res := withACL()
	res.Subnets = append(res.Subnets, Subnet{ID: "subnet-2", Name: "app", VPCID: "vpc-1", CIDR: prefix("10.0.2.0/24")})
	s := must(t, res)
	for _, c := range []struct {
		id   string
		find func(string) (NetworkACL, bool)
		want bool
	}{
		{"acl-1", s.NetworkACL, true},
		{"acl-2", s.NetworkACL, false},
		{"subnet-1", s.NetworkACLOf, true},
		{"subnet-2", s.NetworkACLOf, false}, // it has the default ACL
		{"subnet-3", s.NetworkACLOf, false},
	} {
		got, ok := c.find(c.id)
		if ok != c.want || ok && got.Name != "edge" || !ok && got.ID != "" {
			t.Errorf("%s: got %q, %t, want found %t", c.id, got.Name, ok, c.want)
		}
	}
}

func TestADefaultNetworkACLAllowsEverything(t *testing.T) {
	both := VPC{ID: "vpc-1", CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")}
	ipv4 := VPC{ID: "vpc-1", CIDR: prefix("10.0.0.0/16")}
	without := func(a NetworkACL, i int) NetworkACL {
		a.Entries = slices.Delete(slices.Clone(a.Entries), i, i+1)
		return a
	}
	for name, c := range map[string]struct {
		acl  NetworkACL
		of   VPC
		want bool
	}{
		"AWS's own":                      {DefaultNetworkACL(both), both, true},
		"AWS's own, IPv4 only":           {DefaultNetworkACL(ipv4), ipv4, true},
		"of before the VPC got IPv6":     {DefaultNetworkACL(ipv4), both, false},
		"of before the VPC lost IPv6":    {DefaultNetworkACL(both), ipv4, true},
		"without the IPv4 ingress entry": {without(DefaultNetworkACL(both), 0), both, false},
		"without the IPv6 ingress entry": {without(DefaultNetworkACL(both), 1), both, false},
		"without the IPv4 egress entry":  {without(DefaultNetworkACL(both), 2), both, false},
		"without the IPv6 egress entry":  {without(DefaultNetworkACL(both), 3), both, false},
		"without entries":                {NetworkACL{}, ipv4, false},
	} {
		if got := c.acl.AllowsEverything(c.of); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
	if got := DefaultNetworkACL(both).EntriesOf(Egress); len(got) != 2 || got[0].Direction != Egress || got[1].Number != 101 {
		t.Errorf("egress entries: %+v", got)
	}
}
