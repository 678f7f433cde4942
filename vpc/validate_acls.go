package vpc

import (
	"fmt"
	"slices"
	"strings"
)

// aclsFit checks network ACLs, what they are associated with and their entries.
func (v *validation) aclsFit() {
	owners := make(map[string]NetworkACL) // by subnet id
	for _, x := range v.res.NetworkACLs {
		subject := fmt.Sprintf("network acl %q", orID(x.Name, x.ID))
		if !strings.HasPrefix(x.ID, "acl-") {
			v.fault(x.Origin, subject, CodeInvalidParameter, "id %q: want acl- and 17 hexadecimal digits", x.ID)
		}
		if _, ok := v.VPC(x.VPCID); !ok {
			v.fault(x.Origin, subject, "InvalidVpcID.NotFound", "the vpc %q does not exist", x.VPCID)
			continue
		}
		if !x.Default { // the subnets of a default ACL are New's own finding
			v.associationsFit(x, subject, owners)
		}
		v.entriesFit(x, subject)
	}
}

// associationsFit checks the subnets of an ACL: each has one ACL at most.
func (v *validation) associationsFit(x NetworkACL, subject string, owners map[string]NetworkACL) {
	for i, id := range x.SubnetIDs {
		subnet, ok := v.Subnet(id)
		owner, taken := owners[id]
		switch {
		case !ok:
			v.fault(x.Origin, subject, "InvalidSubnetID.NotFound", "the subnet %q does not exist", id)
		case subnet.VPCID != x.VPCID:
			v.fault(x.Origin, subject, "InvalidParameter", "subnet %q belongs to another vpc", subnet.Name)
		case slices.Contains(x.SubnetIDs[:i], id):
			v.fault(x.Origin, subject, CodeInvalidParameter, "subnet %q is associated twice", subnet.Name)
		case taken:
			v.fault(x.Origin, subject, CodeInvalidParameter, "subnet %q has network acl %q already%s: want one acl a subnet",
				subnet.Name, owner.Name, at(owner.Origin))
		default:
			owners[id] = x
		}
	}
}

func (v *validation) entriesFit(x NetworkACL, subject string) {
	type place struct {
		direction Direction
		number    int
	}
	seen := make(map[place]Origin)
	for _, e := range x.Entries {
		subject := fmt.Sprintf("%s: %s entry number %d", subject, e.Direction, e.Number)
		if err := e.Validate(); err != nil {
			v.fault(e.Origin, subject, CodeInvalidParameter, "%v", err)
			continue
		}
		key := place{e.Direction, e.Number}
		if first, taken := seen[key]; taken {
			v.fault(e.Origin, subject, CodeDuplicateACLEntry, "the number is taken in this direction%s", at(first))
			continue
		}
		seen[key] = e.Origin
	}
}
