package vpc

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rulesFor returns n rules that differ, each with that peer.
func rulesFor(n int, peer Peer) []Rule {
	var rules []Rule
	for i := range n {
		rules = append(rules, rule(TCP, int32(i), 65535, peer))
	}
	return rules
}

// concat returns all the rules, with ports that make no two the same.
func concat(lists ...[]Rule) []Rule {
	var all []Rule
	for _, l := range lists {
		for _, r := range l {
			r.FromPort = int32(len(all))
			all = append(all, r)
		}
	}
	return all
}

// tooManyRules is the fault of group web.
func tooManyRules(count int, family, direction string, most int) string {
	return fmt.Sprintf(`RulesPerSecurityGroupLimitExceeded lab.yaml:3:3: security group "web": `+
		`The maximum number of rules per security group has been reached. Its rules count as %d %s %s rules `+
		`(a CIDR is one of its family, a security group one of each, a prefix list its max_entries): `+
		`want at most %d, or a higher quota rules_per_security_group`, count, family, direction, most)
}

// Each rule of docs/semantics.md, sections 1.6 and 5, about what counts as what.
func TestRulesPerGroup(t *testing.T) {
	v4, v6, group := cidr("10.0.0.0/8"), cidr("2001:db8::/32"), Peer{GroupID: "sg-web"}
	list := Peer{PrefixListID: "pl-1"}
	type twoLists struct{ ingress, egress []Rule }
	lists := func(max int, ipv6 bool) func(*Resources) {
		return func(r *Resources) {
			r.PrefixLists = []PrefixList{{ID: "pl-1", Name: "l", MaxEntries: max, IPv6: ipv6}}
		}
	}
	quota := func(n int) func(*Resources) { return func(r *Resources) { r.Quotas.RulesPerGroup = n } }
	for _, c := range []struct {
		name   string
		rules  twoLists
		change func(*Resources)
		want   []string
	}{
		{"60 of each kind", twoLists{concat(rulesFor(60, v4), rulesFor(60, v6)), concat(rulesFor(60, v4), rulesFor(60, v6))}, nil, nil},
		{"61 IPv4", twoLists{ingress: rulesFor(61, v4)}, nil, []string{tooManyRules(61, "IPv4", "ingress", 60)}},
		{"61 IPv6", twoLists{ingress: rulesFor(61, v6)}, nil, []string{tooManyRules(61, "IPv6", "ingress", 60)}},
		{"61 IPv4 out", twoLists{egress: rulesFor(61, v4)}, nil, []string{tooManyRules(61, "IPv4", "egress", 60)}},
		{"61 IPv6 out", twoLists{egress: rulesFor(61, v6)}, nil, []string{tooManyRules(61, "IPv6", "egress", 60)}},
		{"a group counts in both families", twoLists{ingress: concat(rulesFor(60, v4), rulesFor(60, v6), rulesFor(1, group))}, nil,
			[]string{tooManyRules(61, "IPv4", "ingress", 60), tooManyRules(61, "IPv6", "ingress", 60)}},
		{"60 groups", twoLists{ingress: rulesFor(60, group)}, nil, nil},
		{"61 groups", twoLists{ingress: rulesFor(61, group)}, nil,
			[]string{tooManyRules(61, "IPv4", "ingress", 60), tooManyRules(61, "IPv6", "ingress", 60)}},
		{"a list counts as max_entries", twoLists{ingress: concat(rulesFor(1, list), rulesFor(5, v4))}, lists(55, false), nil},
		{"and one more", twoLists{ingress: concat(rulesFor(1, list), rulesFor(6, v4))}, lists(55, false),
			[]string{tooManyRules(61, "IPv4", "ingress", 60)}},
		{"each time", twoLists{ingress: rulesFor(2, list)}, lists(31, false), []string{tooManyRules(62, "IPv4", "ingress", 60)}},
		{"a list in its own family alone", twoLists{ingress: concat(rulesFor(1, list), rulesFor(60, v6))}, lists(60, false), nil},
		{"an IPv6 list in its own", twoLists{egress: concat(rulesFor(1, list), rulesFor(60, v4), rulesFor(1, v6))}, lists(60, true),
			[]string{tooManyRules(61, "IPv6", "egress", 60)}},
		{"raised", twoLists{ingress: rulesFor(200, v4)}, quota(200), nil},
		{"one above the raised", twoLists{ingress: rulesFor(201, v4)}, quota(200), []string{tooManyRules(201, "IPv4", "ingress", 200)}},
		{"lowered", twoLists{ingress: rulesFor(2, v4)}, quota(1), []string{tooManyRules(2, "IPv4", "ingress", 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := with(func(r *Resources) {
				r.SecurityGroups[0].Ingress, r.SecurityGroups[0].Egress = c.rules.ingress, c.rules.egress
			})
			if c.change != nil {
				c.change(&res)
			}
			if diff := cmp.Diff(c.want, faults(t, res)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoSumOfPrefixListsOverflows(t *testing.T) {
	res := with(func(r *Resources) {
		r.PrefixLists[0].MaxEntries, r.Quotas.PrefixListEntries = math.MaxInt, math.MaxInt
		r.SecurityGroups[0].Ingress = rulesFor(3, Peer{PrefixListID: "pl-1"})
	})
	want := []string{tooManyRules(math.MaxInt, "IPv4", "ingress", 60)}
	if diff := cmp.Diff(want, faults(t, res)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// groups adds n groups to world, which has its own and the default one.
func groups(n int) func(*Resources) {
	return func(r *Resources) {
		for i := range n {
			r.SecurityGroups = append(r.SecurityGroups, SecurityGroup{
				ID: fmt.Sprintf("sg-%d", i), Name: fmt.Sprintf("g%d", i), VPCID: "vpc-1", Origin: line(1000 + i),
			})
		}
	}
}

func TestGroupsPerRegion(t *testing.T) {
	const above = `: there are 2501 security groups, the VPCs' default groups included: want at most 2500, or a higher quota security_groups`
	declared := func(r *Resources) {
		groups(2498)(r)
		r.SecurityGroups = append(r.SecurityGroups, SecurityGroup{ID: "sg-d", Name: "default", VPCID: "vpc-1"})
	}
	testFaults(t, []faultCase{
		{"2,500 with the default group", groups(2498), nil},
		{"2,500 with a declared default group", declared, nil},
		{"2,501, of which AWS makes the last", groups(2499), []string{
			`SecurityGroupLimitExceeded lab.yaml:1:3: security group "default"` + above,
		}},
		{"2,501 declared", func(r *Resources) {
			declared(r)
			groups(1)(r)
			r.SecurityGroups[2500].ID = "sg-last"
			r.SecurityGroups[2500].Name = "last"
		}, []string{
			`SecurityGroupLimitExceeded lab.yaml:1000:3: security group "last"` + above,
		}},
		{"2,501 over two VPCs", func(r *Resources) {
			groups(2498)(r)
			r.VPCs = append(r.VPCs, VPC{ID: "vpc-2", CIDR: prefix("10.0.0.0/16"), Origin: line(9)})
		}, []string{`SecurityGroupLimitExceeded lab.yaml:9:3: security group "default"` + above}},
		{"raised", func(r *Resources) { groups(2499)(r); r.Quotas.SecurityGroups = 2501 }, nil},
	})
}

func TestGroupsPerInterface(t *testing.T) {
	inAll := func(n, quota int) func(*Resources) {
		return func(r *Resources) {
			groups(n - 1)(r)
			for i := range n - 1 {
				r.Interfaces[0].GroupIDs = append(r.Interfaces[0].GroupIDs, fmt.Sprintf("sg-%d", i))
			}
			r.Quotas.GroupsPerInterface = quota
		}
	}
	const above = `SecurityGroupsPerInterfaceLimitExceeded lab.yaml:6:3: instance "web-1": ` +
		`The maximum number of security groups per interface has been reached. It has %d: want at most %d, or a higher quota security_groups_per_interface`
	testFaults(t, []faultCase{
		{"5", inAll(5, 0), nil},
		{"6", inAll(6, 0), []string{fmt.Sprintf(above, 6, 5)}},
		{"16, raised", inAll(16, 16), nil},
		{"17, raised as far as it goes", inAll(17, 16), []string{fmt.Sprintf(above, 17, 16)}},
	})
}

func TestPrefixListQuotas(t *testing.T) {
	add := func(n int) func(*Resources) {
		return func(r *Resources) {
			for i := range n {
				r.PrefixLists = append(r.PrefixLists, PrefixList{ID: fmt.Sprintf("pl-x%d", i), Name: fmt.Sprintf("l%d", i), MaxEntries: 1, Origin: line(1000 + i)})
			}
		}
	}
	entries := func(n int) func(*Resources) { return func(r *Resources) { r.PrefixLists[0].MaxEntries = n } }
	testFaults(t, []faultCase{
		{"100 lists", add(99), nil},
		{"101 lists", add(100), []string{
			`PrefixListLimitExceeded lab.yaml:1099:3: prefix list "l99": there are 101 prefix lists: want at most 100, or a higher quota prefix_lists`,
		}},
		{"101 lists, raised", func(r *Resources) { add(100)(r); r.Quotas.PrefixLists = 101 }, nil},
		{"1,000 entries", entries(1000), nil},
		{"1,001 entries", entries(1001), []string{
			`PrefixListMaxEntriesExceeded lab.yaml:4:3: prefix list "office": max_entries 1001: want at most 1000, or a higher quota prefix_list_entries`,
		}},
		{"1,001 entries, raised", func(r *Resources) { entries(1001)(r); r.Quotas.PrefixListEntries = 1001 }, nil},
	})
}

func TestNetworkACLQuotas(t *testing.T) {
	acls := func(first, n int, vpcID string) func(*Resources) {
		return func(r *Resources) {
			for i := first; i < first+n; i++ {
				r.NetworkACLs = append(r.NetworkACLs, NetworkACL{ID: fmt.Sprintf("acl-%d", i), Name: fmt.Sprintf("a%d", i), VPCID: vpcID, Origin: line(1000 + i)})
			}
		}
	}
	testFaults(t, []faultCase{
		{"200 ACLs", acls(0, 200, "vpc-1"), nil},
		{"202 ACLs", acls(0, 202, "vpc-1"), []string{
			`NetworkAclLimitExceeded lab.yaml:1200:3: network acl "a200": its vpc has more than 200: want fewer, or a higher quota network_acls_per_vpc`,
		}},
		{"201 ACLs, raised", func(r *Resources) { acls(0, 201, "vpc-1")(r); r.Quotas.NetworkACLs = 201 }, nil},
		{"200 in each of two VPCs", func(r *Resources) {
			r.VPCs = append(r.VPCs, VPC{ID: "vpc-2", CIDR: prefix("10.0.0.0/16")})
			acls(0, 200, "vpc-1")(r)
			acls(200, 200, "vpc-2")(r)
		}, nil},
	})
}

func TestEntriesPerNetworkACL(t *testing.T) {
	entries := func(n int, d Direction, cidr string) []NetworkACLEntry {
		var out []NetworkACLEntry
		for i := range n {
			e := aclEntry(i+1, cidr)
			if prefix(cidr).Addr().Is6() {
				e.Number += 1000
			}
			e.Direction = d
			out = append(out, e)
		}
		return out
	}
	const above = `NetworkAclEntryLimitExceeded lab.yaml:80:3: network acl "edge": has %d %s entries, the last one, *, included: want at most %d, or a higher quota network_acl_entries`
	for _, c := range []struct {
		name         string
		v4In, v6In   int
		v4Out, v6Out int
		quota        int
		want         []string
	}{
		{"19 of each, and *", 19, 19, 19, 19, 0, nil},
		{"20 IPv4 in", 20, 0, 0, 0, 0, []string{fmt.Sprintf(above, 21, "IPv4 ingress", 20)}},
		{"20 IPv6 in", 0, 20, 0, 0, 0, []string{fmt.Sprintf(above, 21, "IPv6 ingress", 20)}},
		{"20 IPv4 out", 0, 0, 20, 0, 0, []string{fmt.Sprintf(above, 21, "IPv4 egress", 20)}},
		{"20 IPv6 out", 0, 0, 0, 20, 0, []string{fmt.Sprintf(above, 21, "IPv6 egress", 20)}},
		{"39 and *, raised", 39, 0, 0, 0, 40, nil},
		{"40 and *, raised", 40, 0, 0, 0, 40, []string{fmt.Sprintf(above, 41, "IPv4 ingress", 40)}},
		{"* alone", 0, 0, 0, 0, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []NetworkACLEntry
			all = append(all, entries(c.v4In, Ingress, "10.0.0.0/8")...)
			all = append(all, entries(c.v6In, Ingress, "::/0")...)
			all = append(all, entries(c.v4Out, Egress, "10.0.0.0/8")...)
			all = append(all, entries(c.v6Out, Egress, "::/0")...)
			res := withACL(all...)
			res.Quotas.NetworkACLEntries = c.quota
			if diff := cmp.Diff(c.want, faults(t, res)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// places adds VPCs and, to vpc-1, subnets to world, which has one of each.
func places(vpcs, subnets int) func(*Resources) {
	return func(r *Resources) {
		for i := range vpcs {
			r.VPCs = append(r.VPCs, VPC{ID: fmt.Sprintf("vpc-more-%d", i), CIDR: prefix("10.0.0.0/16"), Origin: line(200 + i)})
		}
		for i := range subnets {
			r.Subnets = append(r.Subnets, Subnet{
				ID: fmt.Sprintf("subnet-more-%d", i), VPCID: "vpc-1", CIDR: prefix(fmt.Sprintf("10.0.%d.0/24", 2+i)), Origin: line(300 + i),
			})
		}
	}
}

func TestVPCsAndSubnets(t *testing.T) {
	const (
		vpcs    = `VpcLimitExceeded lab.yaml:204:3: vpc "vpc-more-4": The maximum number of VPCs has been reached. There are 6: want at most 5, or a higher quota vpcs`
		subnets = `SubnetLimitExceeded lab.yaml:499:3: subnet "subnet-more-199": The maximum number of subnets has been reached. Its vpc has more than 200: want fewer, or a higher quota subnets_per_vpc`
	)
	raised := func(change, also func(*Resources)) func(*Resources) {
		return func(r *Resources) { change(r); also(r) }
	}
	testFaults(t, []faultCase{
		{"5 vpcs", places(4, 0), nil},
		{"6 vpcs", places(5, 0), []string{vpcs}},
		{"6 vpcs, raised", raised(places(5, 0), func(r *Resources) { r.Quotas.VPCs = 6 }), nil},
		{"200 subnets", places(0, 199), nil},
		{"201 subnets", places(0, 200), []string{subnets}},
		{"201 subnets, raised", raised(places(0, 200), func(r *Resources) { r.Quotas.SubnetsPerVPC = 201 }), nil},
		{"200 and one of another vpc", raised(places(1, 199), func(r *Resources) {
			r.Subnets = append(r.Subnets, Subnet{ID: "subnet-other", VPCID: "vpc-more-0", CIDR: prefix("10.0.1.0/24")})
		}), nil},
	})
}

func TestDefaultACLIsNotCounted(t *testing.T) {
	res := with(func(r *Resources) {
		r.Quotas.NetworkACLs = 1
		r.NetworkACLs = []NetworkACL{DefaultNetworkACL(r.VPCs[0]), {ID: "acl-1", VPCID: "vpc-1"}}
	})
	used := 0
	must(t, res).QuotaUses(func(use QuotaUse) {
		if use.Quota == "network_acls_per_vpc" {
			used = use.Used
		}
	})
	if used != 1 {
		t.Errorf("%d network ACLs are counted, want 1: the default one aside", used)
	}
	res.NetworkACLs = append(res.NetworkACLs, NetworkACL{ID: "acl-2", VPCID: "vpc-1"})
	if got := faults(t, res); len(got) != 1 {
		t.Errorf("two ACLs besides the default one: %q, want one fault", got)
	}
}

func TestFaultsOfQuotas(t *testing.T) {
	quotas := func(q Quotas) func(*Resources) {
		q.Origin = line(95)
		return func(r *Resources) { r.Quotas = q }
	}
	const at = ` lab.yaml:95:3: quotas: `
	testFaults(t, []faultCase{
		{"none", quotas(Quotas{}), nil},
		{"AWS's defaults", quotas(DefaultQuotas()), nil},
		{"a product of 1,000", quotas(Quotas{RulesPerGroup: 200, GroupsPerInterface: 5}), nil},
		{"a product of 1,005", quotas(Quotas{RulesPerGroup: 201, GroupsPerInterface: 5}), []string{
			at + `rules_per_security_group 201: want at most 200 beside security_groups_per_interface 5, since AWS limits their product to 1000`,
		}},
		{"a product of 1,005 with a default", quotas(Quotas{RulesPerGroup: 201}), []string{
			at + `rules_per_security_group 201: want at most 200 beside security_groups_per_interface 5, since AWS limits their product to 1000`,
		}},
		{"16 groups and 62 rules", quotas(Quotas{RulesPerGroup: 62, GroupsPerInterface: 16}), nil},
		{"16 groups and 63 rules", quotas(Quotas{RulesPerGroup: 63, GroupsPerInterface: 16}), []string{
			at + `rules_per_security_group 63: want at most 62 beside security_groups_per_interface 16, since AWS limits their product to 1000`,
		}},
		{"one group and 1,000 rules", quotas(Quotas{RulesPerGroup: 1000, GroupsPerInterface: 1}), nil},
		{"a product that overflows", quotas(Quotas{RulesPerGroup: math.MaxInt}), []string{
			at + fmt.Sprintf(`rules_per_security_group %d: want at most 200 beside security_groups_per_interface 5, since AWS limits their product to 1000`, math.MaxInt),
		}},
		{"above what AWS raises", quotas(Quotas{GroupsPerInterface: 17, RulesPerGroup: 1, NetworkACLEntries: 41}), []string{
			at + `security_groups_per_interface 17: want at most 16, which is as far as AWS raises it`,
			at + `network_acl_entries 41: want at most 40, which is as far as AWS raises it`,
		}},
		{"negative, and no fault of resources follows", quotas(Quotas{-1, -1, -1, -1, -1, -1, -1, -1, -1, Origin{}}), []string{
			at + `security_groups -1: want at least 1`,
			at + `rules_per_security_group -1: want at least 1`,
			at + `security_groups_per_interface -1: want at least 1`,
			at + `prefix_lists -1: want at least 1`,
			at + `prefix_list_entries -1: want at least 1`,
			at + `network_acls_per_vpc -1: want at least 1`,
			at + `network_acl_entries -1: want at least 1`,
			at + `vpcs -1: want at least 1`,
			at + `subnets_per_vpc -1: want at least 1`,
		}},
	})
}

func TestQuotasHaveTheirDefaults(t *testing.T) {
	own := Quotas{RulesPerGroup: 100, Origin: line(95)}
	want := DefaultQuotas()
	want.RulesPerGroup, want.Origin = 100, line(95)
	if got := own.WithDefaults(); got != want {
		t.Errorf("WithDefaults: got %+v, want %+v", got, want)
	}
	if own.SecurityGroups != 0 {
		t.Error("WithDefaults changed what it was called on")
	}
	if got := must(t, with(func(r *Resources) { r.Quotas = own })).Resources().Quotas; got != want {
		t.Errorf("a snapshot's quotas: got %+v, want %+v", got, want)
	}
	// Section 5.
	if got, aws := DefaultQuotas(), (Quotas{2500, 60, 5, 100, 1000, 200, 20, 5, 200, Origin{}}); got != aws {
		t.Errorf("DefaultQuotas: got %+v, want %+v", got, aws)
	}
}
