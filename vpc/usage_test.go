package vpc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestQuotaUses holds what is counted, and for whom.
func TestQuotaUses(t *testing.T) {
	res := with(func(r *Resources) {
		r.SecurityGroups[0].Ingress = []Rule{
			rule(TCP, 443, 443, cidr("0.0.0.0/0")), rule(TCP, 443, 443, cidr("::/0")),
			rule(TCP, 22, 22, Peer{GroupID: "sg-web"}), rule(TCP, 80, 80, Peer{PrefixListID: "pl-1"}),
		}
		r.NetworkACLs = []NetworkACL{{ID: "acl-1", Name: "main", VPCID: "vpc-1", Origin: line(8), Entries: []NetworkACLEntry{
			{Number: 1, Allow: true, Protocol: AllProtocols, CIDR: prefix("0.0.0.0/0")},
		}}}
		r.Quotas.Origin = line(9)
	})
	want := []QuotaUse{
		{"vpcs", "", "quotas", "vpcs", 1, 5, line(9)},
		{"subnets_per_vpc", "vpc-1", `vpc "main"`, "subnets", 1, 200, line(1)},
		{"security_groups", "", "quotas", "security groups", 2, 2500, line(9)}, // and the default group
		{"prefix_lists", "", "quotas", "prefix lists", 1, 100, line(9)},
		{"prefix_list_entries", "pl-1", `prefix list "office"`, "max_entries", 5, 1000, line(4)},
		{"rules_per_security_group", "sg-web", `security group "web"`, "IPv4 ingress rules", 7, 60, line(3)},
		{"rules_per_security_group", "sg-web", `security group "web"`, "IPv6 ingress rules", 2, 60, line(3)},
		{"rules_per_security_group", "sg-web", `security group "web"`, "IPv4 egress rules", 0, 60, line(3)},
		{"rules_per_security_group", "sg-web", `security group "web"`, "IPv6 egress rules", 0, 60, line(3)},
		{"security_groups_per_interface", "eni-1", `instance "web-1"`, "security groups", 1, 5, line(6)},
		{"network_acl_entries", "acl-1", `network acl "main"`, "IPv4 ingress entries", 2, 20, line(8)},
		{"network_acl_entries", "acl-1", `network acl "main"`, "IPv6 ingress entries", 1, 20, line(8)},
		{"network_acl_entries", "acl-1", `network acl "main"`, "IPv4 egress entries", 1, 20, line(8)},
		{"network_acl_entries", "acl-1", `network acl "main"`, "IPv6 egress entries", 1, 20, line(8)},
		{"network_acls_per_vpc", "vpc-1", `vpc "main"`, "network acls", 1, 200, line(1)},
	}
	var got []QuotaUse
	must(t, res).QuotaUses(func(use QuotaUse) {
		if use.Subject != `security group "default"` {
			got = append(got, use)
		}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestQuotaUsesAreWhatNewHoldsAgainstTheQuotas sets each quota to what is used,
// which is accepted, and to one less, which is not.
func TestQuotaUsesAreWhatNewHoldsAgainstTheQuotas(t *testing.T) {
	res := with(func(r *Resources) {
		r.PrefixLists = append(r.PrefixLists, PrefixList{ID: "pl-2", Name: "branch", MaxEntries: 7})
		r.SecurityGroups[0].Ingress = append(r.SecurityGroups[0].Ingress, rule(TCP, 80, 80, Peer{PrefixListID: "pl-2"}))
		r.SecurityGroups = append(r.SecurityGroups, SecurityGroup{ID: "sg-2", Name: "two", VPCID: "vpc-1"})
		r.Interfaces[0].GroupIDs = append(r.Interfaces[0].GroupIDs, "sg-2")
		places(1, 1)(r)
		for _, id := range []string{"acl-1", "acl-2"} {
			r.NetworkACLs = append(r.NetworkACLs, NetworkACL{ID: id, Name: id, VPCID: "vpc-1", Entries: []NetworkACLEntry{
				{Number: 1, Allow: true, Protocol: AllProtocols, CIDR: prefix("0.0.0.0/0")},
			}})
		}
	})
	most := make(map[string]int)
	must(t, res).QuotaUses(func(use QuotaUse) { most[use.Quota] = max(most[use.Quota], use.Used) })
	for _, q := range new(Quotas).each() {
		used := most[q.name]
		if used < 2 {
			t.Fatalf("%s: %d used, want a world that uses more", q.name, used)
		}
		for n, want := range map[int]bool{used: true, used - 1: false} {
			tight := res
			for _, of := range tight.Quotas.each() {
				if of.name == q.name {
					*of.value = n
				}
			}
			if _, err := New(tight); (err == nil) != want {
				t.Errorf("%s %d of which %d are used: %v, want accepted %t", q.name, n, used, err, want)
			}
		}
	}
}
