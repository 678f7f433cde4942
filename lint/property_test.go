package lint_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/lint"
	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// The universe of the random worlds is small, so that rules cover each other.
var (
	someCIDRs = []string{
		"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "10.0.0.0/16", "10.0.1.0/24", "10.0.1.10/32", "203.0.113.0/24", "203.0.113.10/32",
		"::/0", "fd00::/8", "fd00:10::/56", "fd00:10:0:1::/64", "2001:db8::/32",
	}
	someAddresses = []string{
		"10.0.1.10", "10.0.1.11", "10.0.1.99", "203.0.113.10", "198.51.100.7",
		"fd00:10:0:1::10", "fd00:10:0:1::11", "fd00:10:0:1::99", "2001:db8::10", "2001:db9::7",
	}
	somePorts = []int32{0, 22, 443, 1024, 65535}
	someTypes = []int32{0, 8, 128}
)

func drawRule(t *rapid.T, groups, lists []string) vpc.Rule {
	r := vpc.Rule{FromPort: vpc.Any, ToPort: vpc.Any}
	r.Protocol = rapid.SampledFrom([]vpc.Protocol{vpc.AllProtocols, vpc.TCP, vpc.TCP, vpc.UDP, vpc.ICMP, vpc.ICMPv6, 47}).Draw(t, "protocol")
	switch {
	case r.Protocol.HasPorts():
		a, b := rapid.SampledFrom(somePorts).Draw(t, "port"), rapid.SampledFrom(somePorts).Draw(t, "port")
		r.FromPort, r.ToPort = min(a, b), max(a, b)
	case r.Protocol.IsICMP() && rapid.Bool().Draw(t, "has type"):
		r.FromPort, r.ToPort = rapid.SampledFrom(someTypes).Draw(t, "type"), rapid.SampledFrom([]int32{vpc.Any, 0}).Draw(t, "code")
	}
	switch rapid.IntRange(0, 4).Draw(t, "kind of peer") {
	case 0:
		r.Peer.GroupID = rapid.SampledFrom(groups).Draw(t, "group")
	case 1:
		r.Peer.PrefixListID = rapid.SampledFrom(lists).Draw(t, "list")
	default:
		r.Peer.CIDR = prefix(rapid.SampledFrom(someCIDRs).Draw(t, "cidr"))
	}
	return r
}

func drawRules(t *rapid.T, groups, lists []string) []vpc.Rule {
	rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) vpc.Rule { return drawRule(t, groups, lists) }), 0, 7).Draw(t, "rules")
	seen := make(map[vpc.Key]bool)
	return slices.DeleteFunc(rules, func(r vpc.Rule) bool {
		twice := seen[r.Canonical().Key()]
		seen[r.Canonical().Key()] = true
		return twice
	})
}

// drawWorld makes a VPC, with IPv6 or without, with groups that are often
// attached together.
func drawWorld(t *rapid.T) vpc.Resources {
	six := rapid.Bool().Draw(t, "IPv6")
	v := vpc.VPC{ID: "vpc-1", Name: "main", CIDR: prefix("10.0.0.0/16")}
	n := vpc.Subnet{ID: "subnet-1", Name: "main", VPCID: v.ID, CIDR: prefix("10.0.1.0/24")}
	if six {
		v.IPv6CIDR, n.IPv6CIDR = prefix("fd00:10::/56"), prefix("fd00:10:0:1::/64")
	}
	res := vpc.Resources{VPCs: []vpc.VPC{v}, Subnets: []vpc.Subnet{n}}
	groups, lists := []string{"sg-a", "sg-b", "sg-c"}, []string{"pl-4", "pl-6"}
	for i, id := range lists {
		l := vpc.PrefixList{ID: id, Name: id, IPv6: i == 1, MaxEntries: 4}
		for _, cidr := range rapid.SliceOfNDistinct(rapid.SampledFrom(someCIDRs), 0, 3, rapid.ID).Draw(t, "entries") {
			if c := prefix(cidr); c.Addr().Is6() == l.IPv6 {
				l.Entries = append(l.Entries, vpc.PrefixListEntry{CIDR: c})
			}
		}
		res.PrefixLists = append(res.PrefixLists, l)
	}
	for _, id := range groups {
		res.SecurityGroups = append(res.SecurityGroups, vpc.SecurityGroup{
			ID: id, Name: id[3:], VPCID: v.ID, Ingress: drawRules(t, groups, lists), Egress: drawRules(t, groups, lists),
		})
	}
	for i := range 2 {
		nic := vpc.NetworkInterface{
			ID: fmt.Sprintf("eni-%d", i), Name: fmt.Sprint("i", i), VPCID: v.ID, SubnetID: n.ID, SourceDestCheck: i == 0,
			Addresses: []netip.Addr{netip.MustParseAddr(someAddresses[i])},
			GroupIDs:  rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 1, 3, rapid.ID).Draw(t, "groups"),
		}
		if six {
			nic.Addresses = append(nic.Addresses, netip.MustParseAddr(someAddresses[5+i]))
		}
		res.Interfaces = append(res.Interfaces, nic)
	}
	return res
}

// without returns the resources without rules of those ids.
func without(res vpc.Resources, ids map[string]bool) vpc.Resources {
	res.SecurityGroups = slices.Clone(res.SecurityGroups)
	gone := func(r vpc.Rule) bool { return ids[r.ID] }
	for i := range res.SecurityGroups {
		g := &res.SecurityGroups[i]
		g.Ingress = slices.DeleteFunc(slices.Clone(g.Ingress), gone)
		g.Egress = slices.DeleteFunc(slices.Clone(g.Egress), gone)
	}
	return res
}

// flows calls visit with flows between all addresses, of each kind that rules
// can tell apart.
func flows(p *filter.Policy, visit func(f *filter.Flow)) {
	kinds := []filter.Flow{{Protocol: 47}, {Protocol: 6}, {Protocol: 99}}
	for _, protocol := range []uint8{6, 17} {
		for _, port := range []uint16{0, 21, 22, 443, 1023, 1024, 65535} {
			kinds = append(kinds, filter.Flow{Protocol: protocol, HasTransport: true, SrcPort: 40000, DstPort: port})
		}
	}
	for _, protocol := range []uint8{1, 58} {
		for _, kind := range []uint8{0, 3, 8, 128} {
			for code := range uint8(2) {
				kinds = append(kinds, filter.Flow{Protocol: protocol, HasTransport: true, ICMPType: kind, ICMPCode: code})
			}
		}
	}
	for from := filter.Endpoint(-1); int(from) < p.Len(); from++ {
		if from >= 0 && p.Kind(from) != filter.KindInterface {
			continue
		}
		for _, src := range someAddresses {
			for _, dst := range someAddresses {
				for _, f := range kinds {
					f.From, f.Src, f.Dst = from, netip.MustParseAddr(src), netip.MustParseAddr(dst)
					if f.Src.Is4() == f.Dst.Is4() {
						f.To = p.ResolveIn("vpc-1", f.Dst)
						visit(&f)
					}
				}
			}
		}
	}
}

// TestCoveredRulesCanGo holds what "covered" means to the compiled policy: with
// all such rules removed at once, it gives every flow the same verdict, and
// tracks the same flows. It also holds that not everything is called covered.
func TestCoveredRulesCanGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, err := vpc.New(drawWorld(t))
		if err != nil {
			t.Fatal(err)
		}
		covered := make(map[string]bool)
		for _, f := range lint.Run(before) {
			if f.Kind == finding.RuleCovered || f.Kind == finding.RuleCoveredByOther {
				for _, id := range f.IDs {
					covered[id] = covered[id] || strings.HasPrefix(id, "sgr-")
				}
			}
		}
		if len(covered) == 0 {
			return
		}
		after, err := vpc.New(without(before.Resources(), covered))
		if err != nil {
			t.Fatal(err)
		}
		p, q := filter.Compile(before), filter.Compile(after)
		flows(p, func(f *filter.Flow) {
			if a, b := answers(p, f), answers(q, f); a != b {
				t.Fatalf("without %v, %+v is judged %v, before %v", covered, *f, b, a)
			}
		})
	})
}

func answers(p *filter.Policy, f *filter.Flow) [2]filter.Answer {
	return [2]filter.Answer{p.DecideEgress(f), p.DecideIngress(f)}
}

// TestEveryCoveredRuleIsFound holds the search to a naive one: each rule beside
// which another of its group has the same or a wider peer, and the same or a
// wider service, is found.
func TestEveryCoveredRuleIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := vpc.New(drawWorld(t))
		if err != nil {
			t.Fatal(err)
		}
		found := make(map[string]bool)
		for _, f := range lint.Run(s) {
			for _, id := range f.IDs {
				found[id] = found[id] || f.Kind == finding.RuleCovered || f.Kind == finding.RuleMatchesNothing
			}
		}
		for _, g := range s.SecurityGroups() {
			for _, rules := range [][]vpc.Rule{g.Ingress, g.Egress} {
				for _, a := range rules {
					for _, b := range rules {
						if a.ID != b.ID && isWider(b, a) && !found[a.ID] {
							t.Fatalf("%v is not found, though %v covers it", a, b)
						}
					}
				}
			}
		}
	})
}

// isWider reports whether rule b plainly covers a.
func isWider(b, a vpc.Rule) bool {
	peer := a.Peer == b.Peer || a.Peer.CIDR.IsValid() && b.Peer.CIDR.IsValid() &&
		b.Peer.CIDR.Bits() <= a.Peer.CIDR.Bits() && b.Peer.CIDR.Contains(a.Peer.CIDR.Addr())
	any := func(wide, narrow int32) bool { return wide == vpc.Any || wide == narrow }
	service := b.Protocol == vpc.AllProtocols || b.Protocol == a.Protocol &&
		(b.Protocol.HasPorts() && b.FromPort <= a.FromPort && a.ToPort <= b.ToPort ||
			!b.Protocol.HasPorts() && any(b.FromPort, a.FromPort) && any(b.ToPort, a.ToPort))
	return peer && service
}
