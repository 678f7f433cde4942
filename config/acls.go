package config

import (
	"net/netip"

	"github.com/sgate/sgate/vpc"
)

func (b *builder) buildNetworkACLs() {
	for i, raw := range b.raw.NetworkACLs {
		it := b.root.child("network_acls", i)
		if it.broken() {
			continue
		}
		vpcID := b.vpcOf(it, raw.VPC)
		name, named := it.aclName(raw)
		acl := vpc.NetworkACL{
			ID: it.id("acl", raw.ID, aclID(vpcID, name, raw.Default)), Name: name, VPCID: vpcID, Default: raw.Default, Origin: it.origin(),
		}
		unique := true
		if name != "" || !raw.Default { // nothing refers to an ACL
			unique = b.declare(it, b.acls, name, acl.ID, named)
		}
		b.namedTags(it, name, raw.Tags, acl.ID)
		acl.SubnetIDs = b.associated(it, raw)
		acl.Entries = append(aclEntries(it, vpc.Ingress, raw.Ingress), aclEntries(it, vpc.Egress, raw.Egress)...)
		if raw.Default {
			acl.Entries = append(acl.Entries, b.defaultEntries(it, vpcID)...)
		}
		if named && unique && b.sound[vpcID] {
			b.res.NetworkACLs = append(b.res.NetworkACLs, acl)
		}
	}
}

// aclName reads the name of a network ACL, which a default one can do without.
func (it item) aclName(raw rawNetworkACL) (name string, ok bool) {
	if raw.Default && !it.given("name") {
		return "", true
	}
	return it.nameOrID(raw.Name, "acl")
}

// aclID derives an id. That of a VPC's default ACL is the one that it has anyway,
// whatever the file calls it.
func aclID(vpcID, name string, isDefault bool) string {
	if isDefault {
		return vpc.DefaultNetworkACL(vpc.VPC{ID: vpcID}).ID
	}
	return vpc.NewID("acl", vpcID, name)
}

// defaultEntries returns what AWS has in a default ACL in the directions of which
// the file says nothing.
func (b *builder) defaultEntries(it item, vpcID string) []vpc.NetworkACLEntry {
	var out []vpc.NetworkACLEntry
	for _, e := range vpc.DefaultNetworkACL(b.vpcByID[vpcID]).Entries {
		if !it.given(e.Direction.String()) {
			e.Origin = it.origin()
			out = append(out, e)
		}
	}
	return out
}

// associated resolves the subnets of a network ACL. A default one has all those
// that have no other one.
func (b *builder) associated(it item, raw rawNetworkACL) []string {
	if raw.Default && it.given("subnets") {
		it.misplaced("subnets", "a default network acl has every subnet of its vpc that has no other one: leave it out")
		return nil
	}
	var ids []string
	for _, ref := range raw.Subnets {
		if id := b.subnets.resolve(it, "subnets", string(ref), "subnet"); b.sound[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func aclEntries(acl item, d vpc.Direction, raws []rawACLEntry) []vpc.NetworkACLEntry {
	var out []vpc.NetworkACLEntry
	for i, raw := range raws {
		it := acl.child(d.String(), i)
		if it.broken() {
			continue
		}
		if !it.given("number") {
			it.missing("number", "want one from 1 to %d, such as 100", vpc.MaxNetworkACLEntryNumber)
		}
		allow, actionOK := it.action(raw.Action)
		service, serviceOK := oneService(it, raw.rawService)
		cidr, cidrOK := aclCIDR(it, d, raw)
		if it.ok("number") && actionOK && serviceOK && cidrOK {
			out = append(out, vpc.NetworkACLEntry{
				Number: raw.Number, Direction: d, Allow: allow,
				Protocol: service.protocol, FromPort: service.from, ToPort: service.to,
				CIDR: cidr, Origin: it.origin(),
			})
		}
	}
	return out
}

// action reads what an entry does. It returns false for ok if that is not
// known, which has been reported.
func (it item) action(value string) (allow, ok bool) {
	switch {
	case it.ok("action") && value == "allow":
		return true, true
	case it.ok("action") && value == "deny":
		return false, true
	case it.ok("action"):
		it.fault("action", value, "%s", hint(value, []string{"allow", "deny"}))
	case !it.given("action"):
		it.missing("action", "want allow or deny")
	}
	return false, false
}

// oneService reads the protocol and the ports of an entry. A rule may be
// written with several port ranges; an entry has a number, and so is one.
func oneService(it item, raw rawService) (service, bool) {
	services := readServices(it, raw)
	if len(services) > 1 {
		it.misplaced("port_range", "is several: want one, and another entry for each of the others")
	}
	if len(services) != 1 {
		return service{}, false
	}
	return services[0], true
}

// aclCIDR reads the other end of an entry.
func aclCIDR(it item, d vpc.Direction, raw rawACLEntry) (netip.Prefix, bool) {
	key, ok := it.peerKey(d, "entry", "want a CIDR such as 203.0.113.0/24 or 2001:db8::/32")
	if !ok {
		return netip.Prefix{}, false
	}
	value := raw.Source
	if d == vpc.Egress {
		value = raw.Destination
	}
	if everywhere, ok := anywhere(value); ok {
		return everywhere, true
	}
	cidr, problem := parseCIDR(value)
	if problem != "" && !looksLikeAddress(value) {
		problem += ": a network acl knows no security groups and no prefix lists"
	}
	if problem != "" {
		it.fault(key, value, "%s", problem)
	}
	return cidr, problem == ""
}
