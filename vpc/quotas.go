package vpc

// Quotas are AWS's limits on resources (VPC User Guide, Amazon VPC quotas). All
// of them can be raised in an account; New takes what it is given, and AWS's
// default for each that is 0.
type Quotas struct {
	SecurityGroups     int // in a Region, default groups included: 2,500
	RulesPerGroup      int // for each direction and family: 60
	GroupsPerInterface int // 5, at most MaxGroupsPerInterface
	PrefixLists        int // in a Region: 100
	PrefixListEntries  int // the most that MaxEntries may be: 1,000
	NetworkACLs        int // in a VPC, its default ACL aside: 200
	NetworkACLEntries  int // for each direction and family, the last one, "*", included: 20, at most MaxNetworkACLEntries
	VPCs               int // in a Region: 5
	SubnetsPerVPC      int // 200

	Origin Origin
}

// How far AWS raises quotas. MaxRulesPerInterface is what RulesPerGroup times
// GroupsPerInterface may be at most.
const (
	MaxRulesPerInterface  = 1000
	MaxGroupsPerInterface = 16
	MaxNetworkACLEntries  = 40
)

// DefaultQuotas returns those of a new account.
func DefaultQuotas() Quotas {
	return Quotas{
		SecurityGroups: 2500, RulesPerGroup: 60, GroupsPerInterface: 5,
		PrefixLists: 100, PrefixListEntries: 1000,
		NetworkACLs: 200, NetworkACLEntries: 20,
		VPCs: 5, SubnetsPerVPC: 200,
	}
}

// WithDefaults returns the quotas with AWS's default for each that is 0.
func (q Quotas) WithDefaults() Quotas {
	defaults := DefaultQuotas()
	standard := defaults.each()
	for i, quota := range q.each() {
		if *quota.value == 0 {
			*quota.value = *standard[i].value
		}
	}
	return q
}

// quota is one of Quotas.
type quota struct {
	name  string // as a configuration file has it
	value *int
	most  int // how far AWS raises it, or 0 if that is not known
}

func (q *Quotas) each() []quota {
	return []quota{
		{"security_groups", &q.SecurityGroups, 0},
		{"rules_per_security_group", &q.RulesPerGroup, 0},
		{"security_groups_per_interface", &q.GroupsPerInterface, MaxGroupsPerInterface},
		{"prefix_lists", &q.PrefixLists, 0},
		{"prefix_list_entries", &q.PrefixListEntries, 0},
		{"network_acls_per_vpc", &q.NetworkACLs, 0},
		{"network_acl_entries", &q.NetworkACLEntries, MaxNetworkACLEntries},
		{"vpcs", &q.VPCs, 0},
		{"subnets_per_vpc", &q.SubnetsPerVPC, 0},
	}
}

// quotasFit checks the quotas themselves, which have their defaults. It returns
// false if resources cannot be held against them.
func (v *validation) quotasFit() bool {
	before := len(v.faults)
	q := v.res.Quotas
	for _, quota := range q.each() {
		switch n := *quota.value; {
		case n < 1:
			v.fault(q.Origin, "quotas", "", "%s %d: want at least 1", quota.name, n)
		case quota.most > 0 && n > quota.most:
			v.fault(q.Origin, "quotas", "", "%s %d: want at most %d, which is as far as AWS raises it", quota.name, n, quota.most)
		}
	}
	if len(v.faults) > before {
		return false
	}
	if most := MaxRulesPerInterface / q.GroupsPerInterface; q.RulesPerGroup > most {
		v.fault(q.Origin, "quotas", "", "rules_per_security_group %d: want at most %d beside security_groups_per_interface %d, since AWS limits their product to %d",
			q.RulesPerGroup, most, q.GroupsPerInterface, MaxRulesPerInterface)
		return false
	}
	return true
}
