package vpc

import "fmt"

// defaultsFit checks what AWS has once: a Region's default VPC, the default
// network ACL of a VPC, and the default subnet of a VPC in a zone.
func (v *validation) defaultsFit() {
	var first *VPC
	for i := range v.res.VPCs {
		x := &v.res.VPCs[i]
		switch {
		case !x.Default:
		case first == nil:
			first = x
		default:
			v.fault(x.Origin, fmt.Sprintf("vpc %q", orID(x.Name, x.ID)), CodeDefaultVPC,
				"A Default VPC already exists for this account in this region: vpc %q%s; want one default vpc at most", orID(first.Name, first.ID), at(first.Origin))
		}
	}
	v.defaultACLsFit()
	v.defaultSubnetsFit()
}

func (v *validation) defaultACLsFit() {
	first := make(map[string]*NetworkACL) // by VPC id
	for i := range v.res.NetworkACLs {
		x := &v.res.NetworkACLs[i]
		if !x.Default {
			continue
		}
		if other := first[x.VPCID]; other != nil {
			v.fault(x.Origin, fmt.Sprintf("network acl %q", orID(x.Name, x.ID)), CodeInvalidParameter,
				"its vpc has a default network acl already: %q%s; want one at most", orID(other.Name, other.ID), at(other.Origin))
			continue
		}
		first[x.VPCID] = x
	}
}

func (v *validation) defaultSubnetsFit() {
	type zone struct{ vpcID, name string }
	first := make(map[zone]*Subnet)
	for i := range v.res.Subnets {
		x := &v.res.Subnets[i]
		if !x.DefaultForAZ {
			continue
		}
		in := zone{x.VPCID, x.AvailabilityZone}
		if other := first[in]; other != nil {
			v.fault(x.Origin, fmt.Sprintf("subnet %q", orID(x.Name, x.ID)), CodeDefaultSubnet,
				"its vpc has a default subnet in that Availability Zone already: %q%s; want one at most", orID(other.Name, other.ID), at(other.Origin))
			continue
		}
		first[in] = x
	}
}
