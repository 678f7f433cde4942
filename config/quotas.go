package config

import (
	"strings"

	"github.com/sgate/sgate/vpc"
)

// buildQuotas reads the quotas. What is not given is AWS's default, which
// vpc.New fills in.
func (b *builder) buildQuotas() {
	if !b.root.given("quotas") {
		return
	}
	it, raw := b.root.section("quotas"), b.raw.Quotas
	b.quotasPartial = it.broken()
	read := func(key string, n int) int {
		switch {
		case it.ok(key) && n > 0:
			return n
		case it.ok(key):
			it.misplaced(key, "%d: want at least 1, or leave the key out for AWS's default", n)
			b.quotasPartial = true
		case it.given(key):
			b.quotasPartial = true
		}
		return 0
	}
	b.res.Quotas = vpc.Quotas{
		SecurityGroups:     read("security_groups", raw.SecurityGroups),
		RulesPerGroup:      read("rules_per_security_group", raw.RulesPerSecurityGroup),
		GroupsPerInterface: read("security_groups_per_interface", raw.SecurityGroupsPerInterface),
		PrefixLists:        read("prefix_lists", raw.PrefixLists),
		PrefixListEntries:  read("prefix_list_entries", raw.PrefixListEntries),
		NetworkACLs:        read("network_acls_per_vpc", raw.NetworkACLsPerVPC),
		NetworkACLEntries:  read("network_acl_entries", raw.NetworkACLEntries),
		VPCs:               read("vpcs", raw.VPCs),
		SubnetsPerVPC:      read("subnets_per_vpc", raw.SubnetsPerVPC),
		Origin:             it.origin(),
	}
}

// followsFromQuotas reports whether a fault of vpc.New may be there only
// because a quota could not be read.
func (b *builder) followsFromQuotas(fault *vpc.Error) bool {
	return b.quotasPartial && (fault.Origin == b.res.Quotas.Origin || strings.HasSuffix(fault.Code, "LimitExceeded"))
}
