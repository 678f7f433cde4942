package ec2

import "slices"

// allActions lists what the endpoint can do, by kind of resource.
func allActions() []action {
	return slices.Concat(
		accountActions(),
		interfaceActions(),
		instanceActions(),
		securityGroupActions(),
		tagActions(),
		flowLogActions(),
		prefixListActions(),
		vpcActions(),
		subnetActions(),
		aclActions(),
	)
}
