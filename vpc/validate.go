package vpc

import (
	"fmt"
	"net/netip"
	"strings"
)

// Error is one fault of the resources: where it stands, which resource has it,
// what is wrong and what would be right. Code is AWS's error code for it, or
// "" where AWS has none.
type Error struct {
	Origin  Origin
	Subject string // such as `security group "web": rule 2`
	Code    string // such as "InvalidPermission.Duplicate"
	Detail  string
}

// Error returns "file:line:column: subject: detail", less what is unknown. Of a
// quota it names AWS's code as well, for that is what people look up.
func (e *Error) Error() string {
	var parts []string
	for _, s := range []string{e.Origin.String(), e.Subject, e.Detail} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if strings.HasSuffix(e.Code, "Exceeded") {
		parts[len(parts)-1] += " (" + e.Code + ")"
	}
	return strings.Join(parts, ": ")
}

// AWS's error codes for faults that New finds.
const (
	CodeInvalidParameter    = "InvalidParameterValue"
	CodeDuplicatePermission = "InvalidPermission.Duplicate"
	CodeDuplicateGroup      = "InvalidGroup.Duplicate"
	CodeGroupNotFound       = "InvalidGroup.NotFound"
	CodeSubnetConflict      = "InvalidSubnet.Conflict"
	CodeSubnetRange         = "InvalidSubnet.Range"
	CodeAddressInUse        = "InvalidIPAddress.InUse"
	CodeDuplicateACLEntry   = "NetworkAclEntryAlreadyExists"
	CodeDefaultVPC          = "DefaultVpcAlreadyExists"
	CodeDefaultSubnet       = "DefaultSubnetAlreadyExistsInAvailabilityZone"
)

// validation collects the faults of one snapshot.
type validation struct {
	*Snapshot
	same   sameness
	faults []error
}

func (v *validation) all() {
	same := &v.same
	if !same.ids {
		v.uniqueIDs()
	}
	if !same.places {
		v.vpcs()
		v.subnetsFit()
	}
	if !same.lists {
		v.prefixListsFit()
	}
	v.groupsFit()
	if !same.acls || !same.places {
		v.aclsFit()
	}
	if !same.endpoints || !same.places || !same.groupNames {
		v.endpointsFit()
	}
	if !same.instances || !same.endpoints || !same.places {
		v.instancesFit()
	}
	if !same.tags {
		v.tagsFit()
	}
	v.defaultsFit()
	if v.quotasFit() {
		v.withinQuotas()
	}
}

func (v *validation) fault(o Origin, subject, code, format string, args ...any) {
	v.faults = append(v.faults, &Error{o, subject, code, fmt.Sprintf(format, args...)})
}

// uniqueIDs finds ids that two resources of one kind share.
func (v *validation) uniqueIDs() {
	seen := make(map[string]Origin)
	check := func(kind, name, id string, o Origin) {
		if first, taken := seen[id]; taken {
			v.fault(o, fmt.Sprintf("%s %q", kind, name), CodeInvalidParameter, "the id %s is taken%s", id, at(first))
		}
		seen[id] = o
	}
	for _, x := range v.res.VPCs {
		check("vpc", x.Name, x.ID, x.Origin)
	}
	for _, x := range v.res.Subnets {
		check("subnet", x.Name, x.ID, x.Origin)
	}
	for _, x := range v.res.SecurityGroups {
		check("security group", x.Name, x.ID, x.Origin)
	}
	for _, x := range v.res.PrefixLists {
		check("prefix list", x.Name, x.ID, x.Origin)
	}
	for _, x := range v.res.Interfaces {
		check("instance", x.Name, x.ID, x.Origin)
	}
	for _, x := range v.res.Hosts {
		check("host", x.Name, x.ID, x.Origin)
	}
	for _, x := range v.res.NetworkACLs {
		check("network acl", x.Name, x.ID, x.Origin)
	}
	for _, x := range v.res.Instances {
		check("instance", x.Name, x.ID, x.Origin)
	}
}

// at says where the other party of a conflict stands.
func at(o Origin) string {
	if o == (Origin{}) {
		return ""
	}
	return " (declared at " + o.String() + ")"
}

func (v *validation) vpcs() {
	for _, x := range v.res.VPCs {
		subject := fmt.Sprintf("vpc %q", orID(x.Name, x.ID))
		switch {
		case !x.CIDR.IsValid() || !x.CIDR.Addr().Is4():
			v.fault(x.Origin, subject, CodeInvalidParameter, "cidr: want an IPv4 block such as 10.0.0.0/16")
		case x.CIDR != x.CIDR.Masked():
			v.fault(x.Origin, subject, CodeInvalidParameter, "cidr %s: has host bits set, want %s", x.CIDR, x.CIDR.Masked())
		case x.CIDR.Bits() < 16 || x.CIDR.Bits() > 28:
			v.fault(x.Origin, subject, "InvalidVpc.Range", "cidr %s: want a block between /16 and /28, as in AWS", x.CIDR)
		case !usable(x.CIDR.Addr()) || x.CIDR.Addr().As4()[0] == 0 || x.CIDR.Addr().As4()[0] >= 240:
			v.fault(x.Origin, subject, "InvalidVpc.Range", "cidr %s: want a block of unicast addresses that machines can have", x.CIDR)
		}
		if !x.HasIPv6() {
			continue
		}
		switch {
		case !x.IPv6CIDR.Addr().Is6():
			v.fault(x.Origin, subject, CodeInvalidParameter, "ipv6_cidr %s: want an IPv6 block such as fd00:10::/56", x.IPv6CIDR)
		case x.IPv6CIDR != x.IPv6CIDR.Masked():
			v.fault(x.Origin, subject, CodeInvalidParameter, "ipv6_cidr %s: has host bits set, want %s", x.IPv6CIDR, x.IPv6CIDR.Masked())
		case x.IPv6CIDR.Bits() < 44 || x.IPv6CIDR.Bits() > 60:
			v.fault(x.Origin, subject, "InvalidVpc.Range", "ipv6_cidr %s: want a block between /44 and /60, as in AWS", x.IPv6CIDR)
		}
	}
}

func (v *validation) subnetsFit() {
	for i, x := range v.res.Subnets {
		subject := fmt.Sprintf("subnet %q", orID(x.Name, x.ID))
		in, ok := v.VPC(x.VPCID)
		if !ok {
			v.fault(x.Origin, subject, "InvalidVpcID.NotFound", "the vpc %q does not exist", x.VPCID)
			continue
		}
		if !x.CIDR.IsValid() || !x.CIDR.Addr().Is4() {
			v.fault(x.Origin, subject, CodeInvalidParameter, "cidr: want an IPv4 block such as 10.0.1.0/24")
			continue
		}
		v.blockFits(x, "cidr", x.CIDR, in.CIDR, 16, 28)
		switch {
		case !x.IPv6CIDR.IsValid():
		case !x.IPv6CIDR.Addr().Is6():
			v.fault(x.Origin, subject, CodeInvalidParameter, "ipv6_cidr %s: want an IPv6 block such as fd00:10:0:1::/64", x.IPv6CIDR)
		case !in.HasIPv6():
			v.fault(x.Origin, subject, CodeSubnetRange, "ipv6_cidr %s: the vpc has no ipv6_cidr", x.IPv6CIDR)
		default:
			v.blockFits(x, "ipv6_cidr", x.IPv6CIDR, in.IPv6CIDR, 44, 64)
		}
		for _, other := range v.res.Subnets[:i] {
			if other.VPCID != x.VPCID {
				continue
			}
			if x.CIDR.Overlaps(other.CIDR) {
				v.fault(x.Origin, subject, CodeSubnetConflict, "cidr %s: overlaps %s of subnet %q%s", x.CIDR, other.CIDR, other.Name, at(other.Origin))
			}
			if x.IPv6CIDR.IsValid() && x.IPv6CIDR.Overlaps(other.IPv6CIDR) {
				v.fault(x.Origin, subject, CodeSubnetConflict, "ipv6_cidr %s: overlaps %s of subnet %q%s", x.IPv6CIDR, other.IPv6CIDR, other.Name, at(other.Origin))
			}
		}
	}
}

// blockFits checks one block of a subnet against its VPC's.
func (v *validation) blockFits(x Subnet, field string, block, in netip.Prefix, shortest, longest int) {
	subject := fmt.Sprintf("subnet %q", orID(x.Name, x.ID))
	switch {
	case block != block.Masked():
		v.fault(x.Origin, subject, CodeInvalidParameter, "%s %s: has host bits set, want %s", field, block, block.Masked())
	case block.Bits() < shortest || block.Bits() > longest:
		v.fault(x.Origin, subject, CodeSubnetRange, "%s %s: want a block between /%d and /%d, as in AWS", field, block, shortest, longest)
	case !in.IsValid(): // the VPC's fault, found there
	case block.Bits() < in.Bits() || !in.Contains(block.Addr()):
		v.fault(x.Origin, subject, CodeSubnetRange, "%s %s: is not inside the vpc's %s", field, block, in)
	}
}

func (v *validation) prefixListsFit() {
	for _, x := range v.res.PrefixLists {
		subject := fmt.Sprintf("prefix list %q", x.Name)
		if x.Version < 0 {
			v.fault(x.Origin, subject, CodeInvalidParameter, "version %d: want 1 or more", x.Version)
		}
		if x.MaxEntries < 0 {
			v.fault(x.Origin, subject, CodeInvalidParameter, "max_entries %d: want at least 1", x.MaxEntries)
		} else if len(x.Entries) > x.MaxEntries {
			v.fault(x.Origin, subject, "PrefixListMaxEntriesExceeded", "has %d entries, more than its max_entries of %d", len(x.Entries), x.MaxEntries)
		}
		seen := make(map[netip.Prefix]bool)
		for _, e := range x.Entries {
			switch {
			case !e.CIDR.IsValid():
				v.fault(e.Origin, subject, CodeInvalidParameter, "an entry without a cidr")
			case e.CIDR.Addr().Is6() != x.IPv6:
				v.fault(e.Origin, subject, CodeInvalidParameter, "entry %s: a list has one address family, and its first entry is of the other", e.CIDR)
			case seen[e.CIDR]:
				v.fault(e.Origin, subject, CodeInvalidParameter, "entry %s: stands in the list twice", e.CIDR)
			}
			seen[e.CIDR] = true
		}
	}
}

func (v *validation) groupsFit() {
	names := make(map[nameInVPC]Origin)
	sameNames := v.same.groupNames && v.same.places
	// What a rule refers to are groups of its VPC and prefix lists.
	sameReferences := v.same.groupNames && v.same.ids
	for i := range v.res.SecurityGroups {
		g := &v.res.SecurityGroups[i]
		if !sameNames {
			v.groupNameFits(g, names)
		}
		for _, d := range []Direction{Ingress, Egress} {
			if !sameReferences || !v.same.rules(g, d) {
				v.rulesFit(g, d)
			}
		}
	}
}

type nameInVPC struct{ vpcID, name string }

func (v *validation) groupNameFits(g *SecurityGroup, names map[nameInVPC]Origin) {
	subject := fmt.Sprintf("security group %q", g.Name)
	if _, ok := v.VPC(g.VPCID); !ok {
		v.fault(g.Origin, subject, "InvalidVpcID.NotFound", "the vpc %q does not exist", g.VPCID)
	}
	if err := ValidateGroupName(g.Name); err != nil {
		v.fault(g.Origin, subject, CodeInvalidParameter, "%v", err)
	}
	key := nameInVPC{g.VPCID, strings.ToLower(g.Name)}
	if first, taken := names[key]; taken {
		v.fault(g.Origin, subject, CodeDuplicateGroup, "the name is taken in this vpc, letter case aside%s", at(first))
	}
	names[key] = g.Origin
}

func (v *validation) rulesFit(g *SecurityGroup, d Direction) {
	seen := make(map[Key]Origin)
	for i, r := range g.Rules(d) {
		subject := fmt.Sprintf("security group %q: %s rule %d", g.Name, d, i+1)
		if err := r.Validate(); err != nil {
			v.fault(r.Origin, subject, CodeInvalidParameter, "%v", err)
			continue
		}
		if first, taken := seen[r.Key()]; taken {
			v.fault(r.Origin, subject, CodeDuplicatePermission, "the specified rule %q already exists%s", r, at(first))
		}
		seen[r.Key()] = r.Origin
		if id := r.Peer.GroupID; id != "" {
			if peer, ok := v.SecurityGroup(id); !ok || peer.VPCID != g.VPCID {
				v.fault(r.Origin, subject, CodeGroupNotFound, "the security group %q does not exist in this vpc", id)
			}
		}
		if id := r.Peer.PrefixListID; id != "" {
			if _, ok := v.PrefixList(id); !ok {
				v.fault(r.Origin, subject, "InvalidPrefixListID.NotFound", "the prefix list %q does not exist", id)
			}
		}
	}
}
