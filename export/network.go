package export

import (
	"net/netip"
	"slices"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/vpc"
)

// mainVPC is the name of a file's only VPC that needs none.
const mainVPC = "main"

// vpcs writes the VPCs: vpc for one, vpcs for several, or for one without a name.
func (x *exporter) vpcs(root *mapping) {
	all := x.VPCs()
	if len(all) == 1 && x.names.vpcs.own(all[0].ID) {
		root.set("vpc", x.vpc(all[0], true))
		return
	}
	items := make([]mapping, len(all))
	for i, v := range all {
		items[i] = x.vpc(v, false)
	}
	root.set("vpcs", items)
}

func (x *exporter) vpc(v vpc.VPC, only bool) mapping {
	m := new(mapping)
	x.names.vpcs.called(m, v.ID, func(name string) string { return vpc.NewID("vpc", name) })
	if only && v.Name == mainVPC {
		*m = slices.DeleteFunc(*m, func(f field) bool { return f.key == "name" })
	}
	m.set("cidr", v.CIDR.String())
	m.text("ipv6_cidr", prefix(v.IPv6CIDR))
	m.flag("default", v.Default, false)
	m.flag("dns_support", v.DNSSupport, true)
	m.flag("dns_hostnames", v.DNSHostnames, false)
	m.flag("network_address_usage_metrics", v.NetworkAddressUsageMetrics, false)
	m.items("tags", x.namedTags(v.ID, v.Name, "vpc"))
	m.items("lint_ignore", x.silenced(v.Origin))
	return *m
}

// vpcOf writes which VPC something is in, where there are several.
func (x *exporter) vpcOf(m *mapping, id string) {
	if len(x.VPCs()) > 1 {
		m.set("vpc", x.names.vpcs.ref(id))
	}
}

func (x *exporter) subnets() []mapping {
	var out []mapping
	for _, n := range x.Subnets() {
		m := new(mapping)
		x.names.subnets.called(m, n.ID, func(name string) string { return vpc.NewID("subnet", n.VPCID, name) })
		x.vpcOf(m, n.VPCID)
		m.set("cidr", n.CIDR.String())
		m.text("ipv6_cidr", prefix(n.IPv6CIDR))
		m.text("availability_zone", n.AvailabilityZone)
		m.flag("default_for_az", n.DefaultForAZ, false)
		m.flag("map_public_ip_on_launch", n.MapPublicIPOnLaunch, false)
		m.flag("assign_ipv6_address_on_creation", n.AssignIPv6AddressOnCreation, false)
		m.items("tags", x.namedTags(n.ID, n.Name, "subnet"))
		out = append(out, *m)
	}
	return out
}

// namedTags returns the tags of a resource whose name is its Name tag in AWS. A
// name that no file can have stays as that.
func (x *exporter) namedTags(id, name, prefix string) []mapping {
	tags := x.tags(id)
	named := slices.ContainsFunc(x.Tags(id), func(t vpc.Tag) bool { return t.Key == vpc.NameTag })
	if name != "" && !config.ValidName(name, prefix) && !named {
		tags = append(tags, mapping{{"key", vpc.NameTag}, {"value", name}})
	}
	return tags
}

func (x *exporter) acls() []mapping {
	var out []mapping
	for i := range x.NetworkACLs() {
		a := &x.NetworkACLs()[i]
		v, _ := x.VPC(a.VPCID)
		standard := vpc.DefaultNetworkACL(v)
		if a.Default && a.ID == standard.ID && a.Name == "" && len(x.Tags(a.ID)) == 0 && sameEntries(a.Entries, standard.Entries) {
			continue // as AWS makes it
		}
		out = append(out, x.acl(a, standard))
	}
	return out
}

func (x *exporter) acl(a *vpc.NetworkACL, standard vpc.NetworkACL) mapping {
	m := new(mapping)
	derived := func(name string) string {
		if a.Default {
			return standard.ID
		}
		return vpc.NewID("acl", a.VPCID, name)
	}
	if a.Default && a.Name == "" {
		m.unless("id", a.ID, standard.ID)
	} else {
		x.names.acls.called(m, a.ID, derived)
	}
	x.vpcOf(m, a.VPCID)
	m.flag("default", a.Default, false)
	if !a.Default {
		var subnets []string
		for _, id := range a.SubnetIDs {
			subnets = append(subnets, x.names.subnets.ref(id))
		}
		m.texts("subnets", subnets)
	}
	m.items("tags", x.namedTags(a.ID, a.Name, "acl"))
	for _, d := range []vpc.Direction{vpc.Ingress, vpc.Egress} {
		own, implied := entriesOf(a.Entries, d), []vpc.NetworkACLEntry(nil)
		if a.Default {
			implied = entriesOf(standard.Entries, d)
		}
		if sameEntries(own, implied) {
			continue
		}
		m.set(d.String(), x.entries(own))
	}
	m.items("lint_ignore", x.silenced(a.Origin))
	return *m
}

func entriesOf(all []vpc.NetworkACLEntry, d vpc.Direction) []vpc.NetworkACLEntry {
	return slices.DeleteFunc(slices.Clone(all), func(e vpc.NetworkACLEntry) bool { return e.Direction != d })
}

// sameEntries reports whether two canonical lists are the same, origins aside.
func sameEntries(a, b []vpc.NetworkACLEntry) bool {
	return slices.EqualFunc(a, b, func(x, y vpc.NetworkACLEntry) bool {
		x.Origin, y.Origin = vpc.Origin{}, vpc.Origin{}
		return x == y
	})
}

func (x *exporter) entries(entries []vpc.NetworkACLEntry) []mapping {
	out := make([]mapping, 0, len(entries))
	for _, e := range entries {
		m, action, peer := new(mapping), "deny", "source"
		if e.Allow {
			action = "allow"
		}
		if e.Direction == vpc.Egress {
			peer = "destination"
		}
		m.set("number", e.Number)
		m.set("action", action)
		x.service(m, e.Protocol, e.FromPort, e.ToPort)
		m.set(peer, e.CIDR.String())
		m.items("lint_ignore", x.silenced(e.Origin))
		out = append(out, *m)
	}
	return out
}

// prefix returns a block as text, "" for none.
func prefix(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}
