package vpc

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// NetworkACL is a network ACL: the stateless filter of the subnets that it is
// associated with. A subnet without one has the default ACL, which allows
// everything.
type NetworkACL struct {
	ID    string // "acl-" and 17 hexadecimal digits
	Name  string
	VPCID string
	// Default marks the VPC's default ACL. New associates it with every subnet
	// of the VPC that has no other one. A VPC without one among the resources has
	// AWS's own, which allows everything: see DefaultNetworkACL.
	Default   bool
	SubnetIDs []string
	// Entries are asked in the order of their numbers, and the first that
	// matches decides. What none matches is denied: AWS's last entry, "*", is
	// not among them. New sorts them: ingress first, then by number.
	Entries []NetworkACLEntry
	Origin  Origin
}

// NetworkACLEntry allows or denies traffic of one kind with one CIDR.
type NetworkACLEntry struct {
	Number    int // 1 to 32766, unique in its direction
	Direction Direction
	Allow     bool
	Protocol  Protocol
	// FromPort and ToPort are the range of destination ports of TCP and UDP,
	// or the type and code of ICMP and ICMPv6, as in a Rule.
	FromPort, ToPort int32
	CIDR             netip.Prefix // the source of ingress, the destination of egress; canonical
	Origin           Origin
}

// MaxNetworkACLEntryNumber is the highest number of an entry. AWS keeps 32767
// and up for itself; "*" is 32767.
const MaxNetworkACLEntryNumber = 32766

// Canonical returns the entry as AWS stores it: host bits of the CIDR cleared,
// ports dropped where the protocol has none. An ICMPv6 entry with an IPv4 CIDR
// is for all types and codes, whatever it says (EC2 API,
// CreateNetworkAclEntry).
func (e NetworkACLEntry) Canonical() NetworkACLEntry {
	if e.CIDR.IsValid() {
		e.CIDR = e.CIDR.Masked()
	}
	e.FromPort, e.ToPort = canonicalPorts(e.Protocol, e.FromPort, e.ToPort)
	if e.Protocol == ICMPv6 && e.CIDR.Addr().Is4() {
		e.FromPort, e.ToPort = Any, Any
	}
	return e
}

// Validate reports what AWS would refuse in the entry itself. The entry must be
// canonical.
func (e NetworkACLEntry) Validate() error {
	if e.Number < 1 || e.Number > MaxNetworkACLEntryNumber {
		return fmt.Errorf("number %d: want 1 to %d", e.Number, MaxNetworkACLEntryNumber)
	}
	if e.Direction > Egress {
		return fmt.Errorf("direction %d: want ingress or egress", e.Direction)
	}
	if err := validateService(e.Protocol, e.FromPort, e.ToPort); err != nil {
		return err
	}
	if !e.CIDR.IsValid() {
		return errors.New("want a CIDR such as 203.0.113.0/24 or 2001:db8::/32")
	}
	return nil
}

// canonical returns a copy of the ACL as AWS stores and lists it.
func (a NetworkACL) canonical() NetworkACL {
	a.SubnetIDs, a.Entries = slices.Clone(a.SubnetIDs), slices.Clone(a.Entries)
	for i, e := range a.Entries {
		a.Entries[i] = e.Canonical()
	}
	slices.SortStableFunc(a.Entries, compareEntries)
	return a
}

// compareEntries orders entries by direction and number.
func compareEntries(a, b NetworkACLEntry) int {
	return cmp.Or(cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.Number, b.Number))
}

// associateDefaults gives default ACLs the subnets that have no other one.
func associateDefaults(r *Resources) {
	taken := make(map[string]bool)
	for _, a := range r.NetworkACLs {
		for _, id := range a.SubnetIDs {
			taken[id] = taken[id] || !a.Default
		}
	}
	for i := range r.NetworkACLs {
		a := &r.NetworkACLs[i]
		if !a.Default {
			continue
		}
		a.SubnetIDs = nil
		for _, n := range r.Subnets {
			if n.VPCID == a.VPCID && !taken[n.ID] {
				a.SubnetIDs = append(a.SubnetIDs, n.ID)
			}
		}
	}
}

// DefaultNetworkACL returns the network ACL that comes with a VPC: entry 100
// allows all IPv4, and 101 all IPv6 where the VPC has that, both ways (VPC User
// Guide, default network ACL). It has no subnets yet.
func DefaultNetworkACL(v VPC) NetworkACL {
	a := NetworkACL{ID: NewID("acl", v.ID, DefaultGroupName), VPCID: v.ID, Default: true, Origin: v.Origin}
	everywhere := []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	if v.HasIPv6() {
		everywhere = append(everywhere, netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	}
	for _, d := range []Direction{Ingress, Egress} {
		for i, cidr := range everywhere {
			a.Entries = append(a.Entries, NetworkACLEntry{
				Number: 100 + i, Direction: d, Allow: true, Protocol: AllProtocols, FromPort: Any, ToPort: Any, CIDR: cidr, Origin: v.Origin,
			})
		}
	}
	return a
}

// EntriesOf returns the entries of one direction, by number.
func (a NetworkACL) EntriesOf(d Direction) []NetworkACLEntry {
	var of []NetworkACLEntry
	for _, e := range a.Entries {
		if e.Direction == d {
			of = append(of, e)
		}
	}
	return of
}

// AllowsEverything reports whether the ACL lets all traffic of its VPC through,
// both ways, as AWS's own default one does: its first entry of each family that
// the VPC has allows everything. The ACL must be canonical.
func (a NetworkACL) AllowsEverything(v VPC) bool {
	for _, all := range DefaultNetworkACL(v).Entries {
		i := slices.IndexFunc(a.Entries, func(e NetworkACLEntry) bool {
			return e.Direction == all.Direction && e.CIDR.Addr().Is6() == all.CIDR.Addr().Is6()
		})
		if i < 0 || !a.Entries[i].Allow || a.Entries[i].Protocol != AllProtocols || a.Entries[i].CIDR != all.CIDR {
			return false
		}
	}
	return true
}
