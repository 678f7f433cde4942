package vpc

import (
	"fmt"
	"math"
)

// QuotaUse is how much of a quota is used by one resource, or by all together.
type QuotaUse struct {
	Quota   string // as a configuration file has it, such as "rules_per_security_group"
	ID      string // of the resource that it is counted for; "" for all together
	Subject string // that resource, such as `security group "web"`; "quotas" for all
	Counted string // what is counted, such as "IPv4 ingress rules"
	Used    int
	Most    int // the quota itself
	Origin  Origin
}

// QuotaUses shows visit what New holds against the quotas, counted in the same
// way: a CIDR is one rule of its family, a security group one of each, a prefix
// list its max_entries, and "*" is an entry of a network ACL.
func (s *Snapshot) QuotaUses(visit func(QuotaUse)) {
	q, r := s.res.Quotas, &s.res
	s.placeUses(visit)
	visit(QuotaUse{"security_groups", "", "quotas", "security groups", len(r.SecurityGroups), q.SecurityGroups, q.Origin})
	visit(QuotaUse{"prefix_lists", "", "quotas", "prefix lists", len(r.PrefixLists), q.PrefixLists, q.Origin})
	for _, l := range r.PrefixLists {
		visit(QuotaUse{"prefix_list_entries", l.ID, fmt.Sprintf("prefix list %q", l.Name), "max_entries", l.MaxEntries, q.PrefixListEntries, l.Origin})
	}
	for i := range r.SecurityGroups {
		g := &r.SecurityGroups[i]
		for _, b := range budgets() {
			visit(QuotaUse{"rules_per_security_group", g.ID, fmt.Sprintf("security group %q", g.Name), b.String() + " rules",
				s.ruleCount(g, b), q.RulesPerGroup, g.Origin})
		}
	}
	for i := range r.Interfaces {
		nic := &r.Interfaces[i]
		visit(QuotaUse{"security_groups_per_interface", nic.ID, nic.subject(), "security groups",
			len(nic.GroupIDs), q.GroupsPerInterface, nic.Origin})
	}
	s.aclUses(visit)
}

func (s *Snapshot) placeUses(visit func(QuotaUse)) {
	q, r := s.res.Quotas, &s.res
	visit(QuotaUse{"vpcs", "", "quotas", "vpcs", len(r.VPCs), q.VPCs, q.Origin})
	perVPC := make(map[string]int)
	for i := range r.Subnets {
		perVPC[r.Subnets[i].VPCID]++
	}
	for _, v := range r.VPCs {
		visit(QuotaUse{"subnets_per_vpc", v.ID, fmt.Sprintf("vpc %q", orID(v.Name, v.ID)), "subnets", perVPC[v.ID], q.SubnetsPerVPC, v.Origin})
	}
}

func (s *Snapshot) aclUses(visit func(QuotaUse)) {
	q := s.res.Quotas
	perVPC := make(map[string]int)
	for _, x := range s.res.NetworkACLs {
		if !x.Default {
			perVPC[x.VPCID]++
		}
		for _, b := range budgets() {
			visit(QuotaUse{"network_acl_entries", x.ID, fmt.Sprintf("network acl %q", orID(x.Name, x.ID)), b.String() + " entries",
				entryCount(&x, b), q.NetworkACLEntries, x.Origin})
		}
	}
	for _, v := range s.res.VPCs {
		visit(QuotaUse{"network_acls_per_vpc", v.ID, fmt.Sprintf("vpc %q", orID(v.Name, v.ID)), "network acls", perVPC[v.ID], q.NetworkACLs, v.Origin})
	}
}

// ruleCount returns how many rules of a budget a group's rules count as.
func (s *Snapshot) ruleCount(g *SecurityGroup, b budget) int {
	count := 0
	for _, r := range g.Rules(b.direction) {
		weight := s.weight(r.Peer, b)
		count = min(count, math.MaxInt-weight) + weight
	}
	return count
}

// entryCount returns how many entries of a budget a network ACL has, "*" among
// them.
func entryCount(x *NetworkACL, b budget) int {
	count := 1
	for _, e := range x.Entries {
		if e.Direction == b.direction {
			count += b.holds(e.CIDR)
		}
	}
	return count
}
