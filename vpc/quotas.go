package vpc

// Quotas are AWS's limits on resources (VPC User Guide, Amazon VPC quotas). All
// of them can be raised in an account; New takes what it is given, and AWS's
// default for each that is 0.
type Quotas struct {
	SecurityGroups     int // in a Region: 2,500
	RulesPerGroup      int // for each direction and family: 60
	GroupsPerInterface int // 5
	PrefixLists        int // in a Region: 100
	PrefixListEntries  int // the most that MaxEntries may be: 1,000
	NetworkACLs        int // in a VPC: 200
	NetworkACLEntries  int // for each direction and family, the last one, "*", included: 20
}

// MaxRulesPerInterface is what RulesPerGroup times GroupsPerInterface may be at
// most. AWS does not raise it.
const MaxRulesPerInterface = 1000

// DefaultQuotas returns those of a new account.
func DefaultQuotas() Quotas {
	return Quotas{
		SecurityGroups: 2500, RulesPerGroup: 60, GroupsPerInterface: 5,
		PrefixLists: 100, PrefixListEntries: 1000,
		NetworkACLs: 200, NetworkACLEntries: 20,
	}
}
