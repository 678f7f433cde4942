package config

import (
	"net/netip"

	"github.com/sgate/sgate/vpc"
)

func (b *builder) buildPrefixLists() {
	if b.root.bad["prefix_lists"] {
		b.lists.partial = true
	}
	for i, raw := range b.raw.PrefixLists {
		it := b.root.child("prefix_lists", i)
		name, named := it.nameOrID(raw.Name, "pl")
		list := vpc.PrefixList{
			ID: it.id("pl", raw.ID, vpc.NewID("pl", name)), Name: name,
			MaxEntries: max(1, len(raw.Entries)), Version: raw.Version, Origin: it.origin(),
		}
		unique := b.declare(it, b.lists, name, list.ID, named)
		b.tags(it, raw.Tags, list.ID)
		if it.ok("max_entries") {
			if list.MaxEntries = raw.MaxEntries; raw.MaxEntries < 1 {
				it.misplaced("max_entries", "%d: want at least 1", raw.MaxEntries)
				list.MaxEntries = max(1, len(raw.Entries))
			}
		}
		list.Entries = b.entries(it, raw.Entries)
		list.IPv6 = it.isIPv6(raw.AddressFamily, list.Entries)
		list.History = b.history(it, raw, list.IPv6)
		if named && unique {
			b.sound[list.ID] = true
			b.res.PrefixLists = append(b.res.PrefixLists, list)
		}
	}
}

func (b *builder) entries(list item, raws []rawEntry) []vpc.PrefixListEntry {
	var out []vpc.PrefixListEntry
	for i, raw := range raws {
		it := list.child("entries", i)
		if !it.ok("cidr") {
			if !it.given("cidr") && !it.broken() {
				it.missing("cidr", "want one such as 203.0.113.0/24")
			}
			continue
		}
		cidr, problem := parseCIDR(raw.CIDR)
		if problem != "" {
			it.fault("cidr", raw.CIDR, "%s", problem)
			continue
		}
		out = append(out, vpc.PrefixListEntry{CIDR: cidr, Description: raw.Description, Origin: it.origin()})
	}
	return out
}

// parseCIDR reads a CIDR as a rule or a prefix list takes it: AWS clears host
// bits. Otherwise it returns what would be right.
func parseCIDR(s string) (cidr netip.Prefix, problem string) {
	cidr, err := netip.ParsePrefix(s)
	if err == nil && !cidr.Addr().Is4In6() {
		return cidr.Masked(), ""
	}
	addr, addrErr := netip.ParseAddr(s)
	switch {
	case err == nil:
		return netip.Prefix{}, "is an IPv4 block in IPv6 clothes: write it as IPv4"
	case addrErr == nil && addr.Is4():
		return netip.Prefix{}, "is an address: for that address alone write " + s + "/32"
	case addrErr == nil:
		return netip.Prefix{}, "is an address: for that address alone write " + s + "/128"
	}
	return netip.Prefix{}, "want a CIDR such as 203.0.113.0/24 or 2001:db8::/32"
}

// group is a security group on the way: declared, its rules not yet read.
type group struct {
	item item
	raw  rawGroup
	vpc.SecurityGroup
	unique bool
}

// buildGroups declares all groups before it reads a rule, which may name any.
func (b *builder) buildGroups() {
	b.groupsPartial = b.root.bad["security_groups"]
	var groups []group
	for i, raw := range b.raw.SecurityGroups {
		groups = append(groups, b.declareGroup(b.root.child("security_groups", i), raw))
	}
	for _, g := range groups {
		if g.unique && g.Name != "" && b.sound[g.VPCID] {
			b.sound[g.ID] = true
		}
	}
	for _, v := range b.res.VPCs { // each has its default group, declared or not
		if names := b.groupsOf(v.ID); len(names.ids[vpc.DefaultGroupName]) == 0 {
			id := vpc.DefaultGroup(v).ID
			names.declare(vpc.DefaultGroupName, id)
			b.sound[id] = true
		}
	}
	for _, g := range groups {
		b.buildRules(&g)
		if b.sound[g.ID] && g.unique {
			b.res.SecurityGroups = append(b.res.SecurityGroups, g.SecurityGroup)
		}
	}
}

func (b *builder) declareGroup(it item, raw rawGroup) group {
	name := it.name(raw.Name, "sg")
	vpcID := b.vpcOf(it, raw.VPC)
	g := group{item: it, raw: raw, SecurityGroup: vpc.SecurityGroup{
		ID: it.id("sg", raw.ID, vpc.NewID("sg", vpcID, name)), Name: name, VPCID: vpcID,
		Description: raw.Description, Origin: it.origin(),
	}}
	if !it.given("description") {
		g.Description = name
		if name == vpc.DefaultGroupName {
			g.Description = vpc.DefaultGroup(vpc.VPC{}).Description
		}
	}
	if vpcID == "" {
		b.groupsPartial = true
	}
	b.tags(it, raw.Tags, g.ID)
	g.unique = b.declareGroupName(it, b.groupsOf(vpcID), name, g.ID)
	return g
}

// declareGroupName makes a group known. AWS has no two of one name in a VPC.
func (b *builder) declareGroupName(it item, among *names, name, id string) bool {
	if name == "" {
		among.partial = true
		return true
	}
	if among.declare(name, id) {
		return true
	}
	it.fault("name", name, "is taken: names are unique, letter case aside")
	return false
}

// groupsOf returns the names of a VPC's groups.
func (b *builder) groupsOf(vpcID string) *names {
	if b.groups[vpcID] == nil {
		b.groups[vpcID] = newNames()
	}
	n := b.groups[vpcID]
	n.partial = n.partial || b.groupsPartial || vpcID == ""
	return n
}

// buildRules reads the rules of a group. Where the file is silent about a
// direction the group has what AWS gives a new one.
func (b *builder) buildRules(g *group) {
	g.Ingress = b.rules(g, vpc.Ingress, g.raw.Ingress)
	g.Egress = b.rules(g, vpc.Egress, g.raw.Egress)
	v := b.vpcByID[g.VPCID]
	defer g.nameRules()
	if !g.item.given("egress") {
		g.Egress = vpc.DefaultEgress(v, g.ID, g.Origin)
	}
	if g.Name == vpc.DefaultGroupName && !g.item.given("ingress") {
		for _, r := range vpc.DefaultGroup(v).Ingress {
			r.GroupID, r.Peer, r.Origin = g.ID, vpc.Peer{GroupID: g.ID}, g.Origin
			g.Ingress = append(g.Ingress, r)
		}
	}
}

func (b *builder) rules(g *group, d vpc.Direction, raws []rawRule) []vpc.Rule {
	var out []vpc.Rule
	for i, raw := range raws {
		it := g.item.child(d.String(), i)
		if it.broken() {
			continue
		}
		b.ruleSubjects[it.origin()] = it.subject()
		services := readServices(it, raw.rawService)
		peers := b.peers(it, g, d, raw)
		first := len(out)
		for _, s := range services {
			for _, peer := range peers {
				out = append(out, vpc.Rule{
					GroupID: g.ID, Direction: d,
					Protocol: s.protocol, FromPort: s.from, ToPort: s.to,
					Peer: peer, Description: raw.Description, Origin: it.origin(),
				})
			}
		}
		b.identify(it, raw, out[first:])
	}
	return out
}
