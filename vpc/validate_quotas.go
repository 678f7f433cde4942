package vpc

import (
	"fmt"
	"net/netip"
)

// AWS's error codes for quotas that are used up.
const (
	CodeGroupLimit              = "SecurityGroupLimitExceeded"
	CodeRulesPerGroupLimit      = "RulesPerSecurityGroupLimitExceeded"
	CodeGroupsPerInterfaceLimit = "SecurityGroupsPerInterfaceLimitExceeded"
	CodePrefixListLimit         = "PrefixListLimitExceeded"
	CodePrefixListEntriesLimit  = "PrefixListMaxEntriesExceeded"
	CodeNetworkACLLimit         = "NetworkAclLimitExceeded"
	CodeNetworkACLEntryLimit    = "NetworkAclEntryLimitExceeded"
	CodeVPCLimit                = "VpcLimitExceeded"
	CodeSubnetLimit             = "SubnetLimitExceeded"
)

// withinQuotas holds the resources against the quotas, which are sound.
func (v *validation) withinQuotas() {
	q := v.res.Quotas
	v.placesWithinQuotas()
	if groups := v.res.SecurityGroups; len(groups) > q.SecurityGroups {
		first := groups[q.SecurityGroups]
		v.fault(first.Origin, fmt.Sprintf("security group %q", first.Name), CodeGroupLimit,
			"there are %d security groups, the VPCs' default groups included: want at most %d, or a higher quota security_groups",
			len(groups), q.SecurityGroups)
	}
	if lists := v.res.PrefixLists; len(lists) > q.PrefixLists {
		first := lists[q.PrefixLists]
		v.fault(first.Origin, fmt.Sprintf("prefix list %q", first.Name), CodePrefixListLimit,
			"there are %d prefix lists: want at most %d, or a higher quota prefix_lists", len(lists), q.PrefixLists)
	}
	for _, l := range v.res.PrefixLists {
		if l.MaxEntries > q.PrefixListEntries {
			v.fault(l.Origin, fmt.Sprintf("prefix list %q", l.Name), CodePrefixListEntriesLimit,
				"max_entries %d: want at most %d, or a higher quota prefix_list_entries", l.MaxEntries, q.PrefixListEntries)
		}
	}
	for i := range v.res.SecurityGroups {
		g := &v.res.SecurityGroups[i]
		if same := &v.same; !same.quotas || !same.lists || !same.rules(g, Ingress) || !same.rules(g, Egress) {
			v.groupWithinQuota(g)
		}
	}
	for _, nic := range v.res.Interfaces {
		if n := len(nic.GroupIDs); n > q.GroupsPerInterface {
			v.fault(nic.Origin, nic.subject(), CodeGroupsPerInterfaceLimit,
				"The maximum number of security groups per interface has been reached. It has %d: want at most %d, or a higher quota security_groups_per_interface",
				n, q.GroupsPerInterface)
		}
	}
	v.aclsWithinQuotas()
}

// placesWithinQuotas counts the VPCs, and the subnets of each.
func (v *validation) placesWithinQuotas() {
	q := v.res.Quotas
	if all := v.res.VPCs; len(all) > q.VPCs {
		first := all[q.VPCs]
		v.fault(first.Origin, fmt.Sprintf("vpc %q", orID(first.Name, first.ID)), CodeVPCLimit,
			"The maximum number of VPCs has been reached. There are %d: want at most %d, or a higher quota vpcs", len(all), q.VPCs)
	}
	perVPC := make(map[string]int, len(v.res.VPCs))
	for i := range v.res.Subnets {
		n := &v.res.Subnets[i]
		if perVPC[n.VPCID]++; perVPC[n.VPCID] == q.SubnetsPerVPC+1 {
			v.fault(n.Origin, fmt.Sprintf("subnet %q", orID(n.Name, n.ID)), CodeSubnetLimit,
				"The maximum number of subnets has been reached. Its vpc has more than %d: want fewer, or a higher quota subnets_per_vpc", q.SubnetsPerVPC)
		}
	}
}

// budget is what is counted by itself: one direction of one family.
type budget struct {
	direction Direction
	ipv6      bool
}

func budgets() []budget {
	return []budget{{Ingress, false}, {Ingress, true}, {Egress, false}, {Egress, true}}
}

// String returns "IPv4 ingress" and so on.
func (b budget) String() string {
	if b.ipv6 {
		return "IPv6 " + b.direction.String()
	}
	return "IPv4 " + b.direction.String()
}

// holds returns 1 if the CIDR is of the budget's family, else 0.
func (b budget) holds(cidr netip.Prefix) int {
	if cidr.IsValid() && cidr.Addr().Is6() == b.ipv6 {
		return 1
	}
	return 0
}

func (v *validation) groupWithinQuota(g *SecurityGroup) {
	most := v.res.Quotas.RulesPerGroup
	for _, b := range budgets() {
		if count := v.ruleCount(g, b); count > most {
			v.fault(g.Origin, fmt.Sprintf("security group %q", g.Name), CodeRulesPerGroupLimit,
				"The maximum number of rules per security group has been reached. Its rules count as %d %s rules "+
					"(a CIDR is one of its family, a security group one of each, a prefix list its max_entries): "+
					"want at most %d, or a higher quota rules_per_security_group", count, b, most)
		}
	}
}

// weight returns how many rules of a budget a rule with that peer counts as. A
// CIDR is one, and a prefix list is as many as it may have entries (VPC User
// Guide, security group rules). A security group is one; that it is so in both
// families, which its members may have, AWS does not document.
func (s *Snapshot) weight(peer Peer, b budget) int {
	switch {
	case peer.GroupID != "":
		return 1
	case peer.PrefixListID != "":
		if list, ok := s.PrefixList(peer.PrefixListID); ok && list.IPv6 == b.ipv6 {
			return max(list.MaxEntries, 0)
		}
		return 0
	}
	return b.holds(peer.CIDR)
}

// aclsWithinQuotas counts the ACLs of each VPC, its default one aside, and the
// entries of each ACL, "*" among them.
func (v *validation) aclsWithinQuotas() {
	q := v.res.Quotas
	perVPC := make(map[string]int)
	for _, x := range v.res.NetworkACLs {
		subject := fmt.Sprintf("network acl %q", orID(x.Name, x.ID))
		if !x.Default {
			perVPC[x.VPCID]++
		}
		if !x.Default && perVPC[x.VPCID] == q.NetworkACLs+1 {
			v.fault(x.Origin, subject, CodeNetworkACLLimit,
				"its vpc has more than %d: want fewer, or a higher quota network_acls_per_vpc", q.NetworkACLs)
		}
		for _, b := range budgets() {
			if count := entryCount(&x, b); count > q.NetworkACLEntries {
				v.fault(x.Origin, subject, CodeNetworkACLEntryLimit,
					"has %d %s entries, the last one, *, included: want at most %d, or a higher quota network_acl_entries",
					count, b, q.NetworkACLEntries)
			}
		}
	}
}
