package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// town is sound resources with two of most kinds in one VPC and some in another.
func town() Resources {
	res := world()
	res.VPCs = append(res.VPCs, VPC{ID: "vpc-2", Name: "other", CIDR: prefix("10.0.0.0/16")})
	res.Subnets = append(res.Subnets, Subnet{ID: "subnet-2", Name: "other", VPCID: "vpc-2", CIDR: prefix("10.0.1.0/24")})
	res.SecurityGroups = append(res.SecurityGroups,
		SecurityGroup{
			ID: "sg-app", Name: "app", VPCID: "vpc-1", Egress: []Rule{rule(TCP, 443, 443, cidr("10.0.0.0/8"))},
			Ingress: []Rule{rule(TCP, 8080, 8080, Peer{GroupID: "sg-web"}), rule(TCP, 22, 22, Peer{PrefixListID: "pl-1"})},
		},
		SecurityGroup{ID: "sg-other", Name: "app", VPCID: "vpc-2", Ingress: []Rule{rule(UDP, 53, 53, Peer{GroupID: "sg-other"})}},
	)
	res.Interfaces = append(res.Interfaces,
		NetworkInterface{ID: "eni-2", Name: "app-1", VPCID: "vpc-1", SubnetID: "subnet-1", Addresses: []netip.Addr{address("10.0.1.20")}, GroupIDs: []string{"sg-app"}},
		NetworkInterface{ID: "eni-3", Name: "other-1", VPCID: "vpc-2", SubnetID: "subnet-2", Addresses: []netip.Addr{address("10.0.1.10")}})
	res.NetworkACLs = []NetworkACL{{ID: "acl-1", Name: "one", VPCID: "vpc-1", SubnetIDs: []string{"subnet-1"}, Entries: []NetworkACLEntry{
		{Number: 100, Allow: true, Protocol: AllProtocols, FromPort: Any, ToPort: Any, CIDR: prefix("0.0.0.0/0")},
	}}}
	return res
}

// one returns a copy of items with one of them edited.
func one[T any](t *rapid.T, items []T, edit func(*T)) []T {
	items = slices.Clone(items)
	if len(items) > 0 {
		edit(&items[rapid.IntRange(0, len(items)-1).Draw(t, "item")])
	}
	return items
}

// drawEdit changes something of resources, for better or worse. What hangs below
// a resource is replaced and never changed, as Resources asks.
func drawEdit(t *rapid.T, res *Resources) {
	vpcID := rapid.SampledFrom([]string{"vpc-1", "vpc-2", "vpc-3"}).Draw(t, "vpc")
	groupID := rapid.SampledFrom([]string{"sg-web", "sg-app", "sg-other", "sg-none"}).Draw(t, "group")
	edits := map[string]func(){
		"nothing": func() {},
		"rules": func() {
			res.SecurityGroups = one(t, res.SecurityGroups, func(g *SecurityGroup) {
				port := int32(rapid.SampledFrom([]int{22, 443, 8080, 70000}).Draw(t, "port"))
				peer := rapid.SampledFrom([]Peer{cidr("10.0.0.9/8"), {GroupID: groupID}, {PrefixListID: "pl-1"}, {PrefixListID: "pl-9"}, {}}).Draw(t, "peer")
				of := rapid.SampledFrom([]*[]Rule{&g.Ingress, &g.Egress}).Draw(t, "direction")
				*of = append(slices.Clone(*of), rule(TCP, port, port, peer))
			})
		},
		"fewer rules": func() {
			res.SecurityGroups = one(t, res.SecurityGroups, func(g *SecurityGroup) {
				g.Ingress = g.Ingress[:len(g.Ingress)/2]
			})
		},
		"group": func() {
			res.SecurityGroups = one(t, res.SecurityGroups, func(g *SecurityGroup) {
				g.Name = rapid.SampledFrom([]string{"web", "app", "APP ", "new", ""}).Draw(t, "name")
				g.VPCID = rapid.SampledFrom([]string{g.VPCID, vpcID}).Draw(t, "group's vpc")
				g.Description = "another"
			})
		},
		"groups": func() {
			if len(res.SecurityGroups) > 0 && rapid.Bool().Draw(t, "fewer") {
				res.SecurityGroups = slices.Clone(res.SecurityGroups[1:])
				return
			}
			res.SecurityGroups = append(slices.Clone(res.SecurityGroups), SecurityGroup{ID: groupID, Name: "new", VPCID: vpcID})
		},
		"lists": func() {
			res.PrefixLists = one(t, res.PrefixLists, func(l *PrefixList) {
				l.MaxEntries = rapid.SampledFrom([]int{0, 1, 5, 100}).Draw(t, "max entries")
				l.Entries = append(slices.Clone(l.Entries), PrefixListEntry{CIDR: prefix(rapid.SampledFrom([]string{"192.0.2.0/24", "2001:db8::/32"}).Draw(t, "entry"))})
			})
		},
		"interface": func() {
			res.Interfaces = one(t, res.Interfaces, func(n *NetworkInterface) {
				n.GroupIDs = rapid.SampledFrom([][]string{nil, {groupID}, {"sg-web", groupID}, n.GroupIDs}).Draw(t, "groups")
				n.Addresses = append(slices.Clone(n.Addresses), address(rapid.SampledFrom([]string{"10.0.1.30", "10.0.1.20", "10.0.9.9"}).Draw(t, "address")))
				n.Name = rapid.SampledFrom([]string{n.Name, "web-1"}).Draw(t, "name")
				n.ConnectionTracking.UDP = rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "timeout")
			})
		},
		"interfaces": func() {
			if n := len(res.Interfaces); n > 0 {
				res.Interfaces = append(res.Interfaces[1:n:n], res.Interfaces[:rapid.IntRange(0, 1).Draw(t, "stays")]...)
			}
		},
		"host": func() {
			res.Hosts = one(t, res.Hosts, func(h *Host) {
				h.Addresses = addrs(rapid.SampledFrom([]string{"203.0.113.11", "10.0.1.9", "169.254.169.254"}).Draw(t, "address"))
			})
		},
		"subnet": func() {
			res.Subnets = one(t, res.Subnets, func(n *Subnet) {
				n.CIDR = prefix(rapid.SampledFrom([]string{"10.0.0.0/20", "10.1.0.0/24"}).Draw(t, "cidr"))
			})
		},
		"subnets": func() {
			if rapid.Bool().Draw(t, "fewer") {
				res.Subnets = slices.Clone(res.Subnets[1:])
				return
			}
			res.Subnets = one(t, res.Subnets, func(n *Subnet) { n.VPCID = vpcID })
		},
		"vpc": func() {
			res.VPCs = one(t, res.VPCs, func(v *VPC) {
				v.CIDR = prefix(rapid.SampledFrom([]string{"10.0.0.0/20", "10.0.0.0/8"}).Draw(t, "cidr"))
			})
		},
		"vpcs": func() { res.VPCs = slices.Clone(res.VPCs[:1]) },
		"acl": func() {
			res.NetworkACLs = one(t, res.NetworkACLs, func(a *NetworkACL) {
				a.SubnetIDs = rapid.SampledFrom([][]string{nil, {"subnet-2"}, {"subnet-1", "subnet-1"}}).Draw(t, "subnets")
				a.Entries = append(slices.Clone(a.Entries), NetworkACLEntry{Number: 100, Protocol: TCP, FromPort: 1, ToPort: 0, CIDR: prefix("0.0.0.0/0")})
			})
		},
		"quotas": func() {
			res.Quotas = Quotas{RulesPerGroup: rapid.IntRange(1, 3).Draw(t, "rules a group"), GroupsPerInterface: 1}
		},
	}
	kind := rapid.SampledFrom(slices.Sorted(func(yield func(string) bool) {
		for name := range edits {
			if !yield(name) {
				return
			}
		}
	})).Draw(t, "edit")
	edits[kind]()
}

func addrs(s string) []netip.Addr { return []netip.Addr{address(s)} }

// TestUpdateIsNew makes each state of a random history by Update and by New: the
// same snapshot, or the same faults in the same order. Of a state with faults the
// next one is made all the same, from the last sound snapshot.
func TestUpdateIsNew(t *testing.T) {
	refused := 0
	rapid.Check(t, func(rt *rapid.T) {
		s := must(t, town())
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			before := must(t, s.Resources()).Resources()
			res := s.Resources()
			for range rapid.IntRange(1, 2).Draw(rt, "edits") {
				drawEdit(rt, &res)
			}
			got, gotErr := s.Update(res)
			want, wantErr := New(res)
			if diff := cmp.Diff(fmt.Sprint(wantErr), fmt.Sprint(gotErr)); diff != "" {
				rt.Fatalf("faults (-New +Update):\n%s", diff)
			}
			if diff := cmp.Diff(before, s.Resources(), addresses); diff != "" {
				rt.Fatalf("the snapshot before has changed (-before +after):\n%s", diff)
			}
			if wantErr != nil {
				refused++
				continue
			}
			if diff := cmp.Diff(want, got, addresses, cmp.AllowUnexported(Snapshot{})); diff != "" {
				rt.Fatalf("snapshots (-New +Update):\n%s", diff)
			}
			s = got
		}
	})
	if refused == 0 {
		t.Error("no state had a fault, so nothing was shown of them")
	}
}

// TestUpdateSharesWhatStays holds what makes a change of one rule cheap, and that
// nothing of the caller's is kept.
func TestUpdateSharesWhatStays(t *testing.T) {
	s := must(t, town())
	res := s.Resources()
	changed := slices.Clone(res.SecurityGroups[0].Ingress)
	changed[0].FromPort = 1
	res.SecurityGroups[0].Ingress = changed
	next, err := s.Update(res)
	if err != nil {
		t.Fatal(err)
	}
	changed[0].FromPort = 2
	res.Interfaces[0].Name = "x"
	if got := next.SecurityGroups()[0].Ingress[0].FromPort; got != 1 || next.Interfaces()[0].Name == "x" {
		t.Errorf("the snapshot follows its input: port %d, want 1", got)
	}
	if !shared(next.SecurityGroups()[1].Ingress, s.SecurityGroups()[1].Ingress) || !shared(next.Interfaces()[0].Addresses, s.Interfaces()[0].Addresses) {
		t.Error("what has not changed was copied")
	}
}
