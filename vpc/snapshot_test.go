package vpc

import (
	"net/netip"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// addresses compares addresses and prefixes by ==.
var addresses = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

func TestDefaultGroup(t *testing.T) {
	all := func(d Direction, peer Peer) Rule {
		r := rule(AllProtocols, Any, Any, peer)
		r.Direction, r.Origin = d, line(1)
		return r
	}
	for _, c := range []struct {
		name   string
		ipv6   netip.Prefix
		egress []Rule
	}{
		{"with IPv4 alone", netip.Prefix{}, []Rule{all(Egress, cidr("0.0.0.0/0"))}},
		{"with IPv6", prefix("fd00:10::/56"), []Rule{all(Egress, cidr("0.0.0.0/0")), all(Egress, cidr("::/0"))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := must(t, Resources{VPCs: []VPC{{ID: "vpc-1", CIDR: prefix("10.0.0.0/16"), IPv6CIDR: c.ipv6, Origin: line(1)}}})
			id := s.SecurityGroups()[0].ID
			if !IsID("sg", id) {
				t.Errorf("the default group's id is %q, want AWS's form", id)
			}
			want := []SecurityGroup{{
				ID: id, Name: "default", Description: "default VPC security group", VPCID: "vpc-1", Origin: line(1),
				Ingress: []Rule{all(Ingress, Peer{GroupID: id})}, Egress: c.egress,
			}}
			ignore := cmpopts.IgnoreFields(Rule{}, "ID", "GroupID")
			if diff := cmp.Diff(want, s.SecurityGroups(), addresses, ignore); diff != "" {
				t.Errorf("groups of an empty VPC (-want +got):\n%s", diff)
			}
			for _, r := range slices.Concat(s.SecurityGroups()[0].Ingress, s.SecurityGroups()[0].Egress) {
				if !IsID("sgr", r.ID) || r.GroupID != id {
					t.Errorf("rule %v has id %q in group %q, want an sgr- id in %q", r, r.ID, r.GroupID, id)
				}
			}
			// A new group's egress is the same, without the ingress.
			if diff := cmp.Diff(c.egress, DefaultEgress(s.VPCs()[0], id, line(1)), addresses, ignore); diff != "" {
				t.Errorf("DefaultEgress (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDeclaredDefaultGroupReplacesTheImplied(t *testing.T) {
	for _, name := range []string{"default", "Default", "default "} {
		res := with(func(r *Resources) {
			r.SecurityGroups = append(r.SecurityGroups, SecurityGroup{ID: "sg-mine", Name: name, VPCID: "vpc-1"})
			r.Interfaces[0].GroupIDs = nil
		})
		s := must(t, res)
		if got := len(s.SecurityGroups()); got != 2 {
			t.Errorf("%q: got %d groups, want web and the declared one", name, got)
		}
		if mine, _ := s.SecurityGroup("sg-mine"); len(mine.Ingress)+len(mine.Egress) != 0 {
			t.Errorf("%q: rules were added to a declared default group: %v", name, mine)
		}
		nic, _ := s.Interface("eni-1")
		if diff := cmp.Diff([]string{"sg-mine"}, nic.GroupIDs); diff != "" {
			t.Errorf("%q: groups of an interface without (-want +got):\n%s", name, diff)
		}
	}
}

func TestInterfaceWithoutGroupsGetsItsOwnVPCsDefault(t *testing.T) {
	s := must(t, with(func(r *Resources) {
		r.Interfaces[0].GroupIDs = nil
		r.VPCs = append(r.VPCs, VPC{ID: "vpc-2", CIDR: prefix("10.0.0.0/16")})
		r.Subnets = append(r.Subnets, Subnet{ID: "subnet-2", VPCID: "vpc-2", CIDR: prefix("10.0.1.0/24")})
		r.Interfaces = append(r.Interfaces, NetworkInterface{
			ID: "eni-2", Name: "other", VPCID: "vpc-2", SubnetID: "subnet-2", Addresses: []netip.Addr{address("10.0.1.10")},
		})
	}))
	for _, nic := range s.Interfaces() {
		if len(nic.GroupIDs) != 1 {
			t.Fatalf("%s is in %q, want one group", nic.ID, nic.GroupIDs)
		}
		g, _ := s.SecurityGroup(nic.GroupIDs[0])
		if g.Name != "default" || g.VPCID != nic.VPCID {
			t.Errorf("%s of %s is in group %q of %s, want its VPC's default", nic.ID, nic.VPCID, g.Name, g.VPCID)
		}
	}
}

func TestIDs(t *testing.T) {
	form := regexp.MustCompile(`^sg-[0-9a-f]{17}$`)
	id := NewID("sg", "vpc-1", "web")
	if !form.MatchString(id) || !IsID("sg", id) {
		t.Errorf("NewID = %q, want sg- and 17 hexadecimal digits", id)
	}
	// The value itself is part of the promise: a file's ids outlive the process.
	if want := "sg-633b4fa75622ac6ef"; id != want {
		t.Errorf("NewID = %q, want %q as ever", id, want)
	}
	for _, other := range []string{
		NewID("sg", "vpc-1", "app"), NewID("sg", "vpc-2", "web"), NewID("sg", "vpc-1web"), NewID("sg", "vpc-1", "web", ""),
		"sg-" + NewID("subnet", "vpc-1", "web")[len("subnet-"):],
	} {
		if other == id {
			t.Errorf("other parts have the same id %s", id)
		}
	}
	for s, want := range map[string]bool{
		"sg-0123456789abcdef0": true, "sg-01234567": true,
		"sg-0123456789ABCDEF0": false, "sg-0123456": false, "sg-": false, "web": false, "": false,
		"subnet-01234567": false, "sg-0123456789abcdef01": false, "sg-01234567\n": false,
	} {
		if got := IsID("sg", s); got != want {
			t.Errorf("IsID(sg, %q) = %t, want %t", s, got, want)
		}
	}
}

func TestIDsOfRulesAreStable(t *testing.T) {
	a := rule(TCP, 443, 443, cidr("0.0.0.0/0"))
	b := rule(TCP, 80, 80, cidr("10.0.0.1/8"))
	given := rule(TCP, 22, 22, cidr("10.0.0.0/8"))
	given.ID = "sgr-0123456789abcdef0"
	ids := func(rules ...Rule) map[string]string {
		s := must(t, with(func(r *Resources) { r.SecurityGroups[0].Ingress = rules }))
		g, _ := s.SecurityGroup("sg-web")
		byRule := make(map[string]string)
		for _, r := range g.Ingress {
			byRule[r.String()] = r.ID
		}
		return byRule
	}
	described := b
	described.Description, described.Origin = "another", line(99)
	first, again := ids(a, b, given), ids(given, described, a)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("ids after the rules changed places, origins and descriptions (-first +again):\n%s", diff)
	}
	if first[given.String()] != given.ID {
		t.Errorf("a rule with an id has %q afterwards, want %q", first[given.String()], given.ID)
	}
	if first[a.String()] == first[b.Canonical().String()] {
		t.Error("two rules have one id")
	}
}

func TestLookups(t *testing.T) {
	s := must(t, world())
	check := func(kind, id, name string, ok bool, wantName string, want bool) {
		if ok != want || name != wantName {
			t.Errorf("%s %q: got %q, %t, want %q, %t", kind, id, name, ok, wantName, want)
		}
	}
	for _, known := range []bool{true, false} {
		at := func(id, name string) (string, string) {
			if known {
				return id, name
			}
			return "none", ""
		}
		id, name := at("vpc-1", "main")
		v, ok := s.VPC(id)
		check("vpc", id, v.Name, ok, name, known)
		id, name = at("subnet-1", "public")
		n, ok := s.Subnet(id)
		check("subnet", id, n.Name, ok, name, known)
		id, name = at("sg-web", "web")
		g, ok := s.SecurityGroup(id)
		check("security group", id, g.Name, ok, name, known)
		id, name = at("pl-1", "office")
		l, ok := s.PrefixList(id)
		check("prefix list", id, l.Name, ok, name, known)
		id, name = at("eni-1", "web-1")
		nic, ok := s.Interface(id)
		check("interface", id, nic.Name, ok, name, known)
		id, name = at("host-1", "laptop")
		h, ok := s.Host(id)
		check("host", id, h.Name, ok, name, known)
	}
	if got := len(s.VPCs()) + len(s.Subnets()) + len(s.PrefixLists()) + len(s.Interfaces()) + len(s.Hosts()); got != 5 {
		t.Errorf("the lists hold %d resources besides the groups, want 5", got)
	}
}

// input is deep enough a copy of resources to see any change to them.
func input() Resources {
	res := world()
	res.SecurityGroups[0].Name = "web "
	res.SecurityGroups[0].Ingress[0].Peer = cidr("10.0.0.9/8")
	res.PrefixLists[0].Entries[0].CIDR = prefix("203.0.113.9/24")
	res.Interfaces[0].GroupIDs = nil
	return res
}

func TestNewDoesNotTouchItsInput(t *testing.T) {
	res := input()
	must(t, res)
	if diff := cmp.Diff(input(), res, addresses); diff != "" {
		t.Errorf("New changed its input (-before +after):\n%s", diff)
	}
}

func TestSnapshotDoesNotFollowItsInput(t *testing.T) {
	res := world()
	s := must(t, res)
	res.VPCs[0].Name = "x"
	res.Subnets[0].Name = "x"
	res.SecurityGroups[0].Name = "x"
	res.SecurityGroups[0].Ingress[0] = rule(AllProtocols, Any, Any, cidr("0.0.0.0/0"))
	res.PrefixLists[0].Entries[0].CIDR = prefix("0.0.0.0/0")
	res.Interfaces[0].Addresses[0] = address("10.0.1.99")
	res.Interfaces[0].GroupIDs[0] = "sg-x"
	res.Hosts[0].Addresses[0] = address("192.0.2.1")
	if diff := cmp.Diff(must(t, world()).Resources(), s.Resources(), addresses); diff != "" {
		t.Errorf("the snapshot changed with its input (-before +after):\n%s", diff)
	}
}

func TestResourcesOfASnapshotMakeTheSameSnapshot(t *testing.T) {
	once := must(t, input())
	twice := must(t, once.Resources())
	if diff := cmp.Diff(once.Resources(), twice.Resources(), addresses); diff != "" {
		t.Errorf("a snapshot of a snapshot's resources (-once +twice):\n%s", diff)
	}
	entry := once.PrefixLists()[0].Entries[0].CIDR
	if want := prefix("203.0.113.0/24"); entry != want {
		t.Errorf("prefix list entry: got %s, want it stored as %s", entry, want)
	}
	if got := once.SecurityGroups()[0].Name; got != "web" {
		t.Errorf("group name: got %q, want its trailing space trimmed", got)
	}
	res := once.Resources()
	res.Interfaces[0].Name = "x"
	if once.Interfaces()[0].Name == "x" {
		t.Error("a change to the list that Resources returns reaches the snapshot")
	}
}
