package vpc

import (
	"slices"
	"strings"
)

// Resources is the unvalidated input of New, in any order.
type Resources struct {
	VPCs           []VPC
	Subnets        []Subnet
	SecurityGroups []SecurityGroup
	PrefixLists    []PrefixList
	Interfaces     []NetworkInterface
	Hosts          []Host
	NetworkACLs    []NetworkACL
	Instances      []Instance
	Tags           []TagSet
	Quotas         Quotas // the zero value is AWS's default
}

// Snapshot is a consistent, immutable set of resources. Its slices are shared:
// callers read them and never change them. All methods may be called by
// several goroutines at once.
type Snapshot struct {
	res         Resources
	vpcs        map[string]int
	subnets     map[string]int
	groups      map[string]int
	prefixLists map[string]int
	interfaces  map[string]int
	hosts       map[string]int
	acls        map[string]int
	instances   map[string]int
	tags        map[string]int // by the resource's id
	aclOf       map[string]int // by subnet id
}

// New validates the resources and returns them as a snapshot. Every fault is
// found in one go: the error joins an *Error for each. VPCs without a default
// security group get theirs, interfaces without groups get that one, rules and
// the entries of prefix lists and network ACLs get their canonical form, rules
// without an id get theirs, quotas that are not set are AWS's, and prefix lists
// without a version have their first. The input stays the caller's: New neither
// changes nor keeps any of it.
func New(res Resources) (*Snapshot, error) { return new(Snapshot).Update(res) }

// complete copies the resources and adds what AWS adds by itself.
func (u *update) complete(in Resources) Resources {
	out := in.clone()
	defaults := make(map[string]string) // VPC id to the id of its default group
	for i := range out.SecurityGroups {
		g := &out.SecurityGroups[i]
		g.Name = strings.TrimRight(g.Name, " ")
		if strings.EqualFold(g.Name, DefaultGroupName) {
			defaults[g.VPCID] = g.ID
		}
	}
	for _, v := range out.VPCs {
		if defaults[v.ID] == "" {
			g := DefaultGroup(v)
			defaults[v.ID] = g.ID
			out.SecurityGroups = append(out.SecurityGroups, g)
		}
	}
	for i := range out.Interfaces {
		nic := &out.Interfaces[i]
		old := u.interfaceBefore(i, nic.ID)
		nic.Addresses, nic.GroupIDs = keep(nic.Addresses, old.Addresses), keep(nic.GroupIDs, old.GroupIDs)
		if len(nic.GroupIDs) == 0 && defaults[nic.VPCID] != "" {
			nic.GroupIDs = []string{defaults[nic.VPCID]}
		}
	}
	for i := range out.Hosts {
		out.Hosts[i].Addresses = slices.Clone(out.Hosts[i].Addresses)
	}
	out.Quotas = out.Quotas.WithDefaults()
	u.makeCanonical(&out)
	return out
}

// makeCanonical replaces what stands below groups, prefix lists and network
// ACLs by copies in AWS's form.
func (u *update) makeCanonical(r *Resources) {
	for i := range r.PrefixLists {
		l := &r.PrefixLists[i]
		if l.Version == 0 {
			l.Version = 1
		}
		l.Entries = slices.Clone(l.Entries)
		for j := range l.Entries {
			l.Entries[j].CIDR = l.Entries[j].CIDR.Masked()
		}
	}
	for i := range r.SecurityGroups {
		g := &r.SecurityGroups[i]
		old := u.groupBefore(i, g.ID)
		if !shared(g.Ingress, old.Ingress) {
			g.Ingress = canonical(g.Ingress, g.ID, Ingress)
		}
		if !shared(g.Egress, old.Egress) {
			g.Egress = canonical(g.Egress, g.ID, Egress)
		}
	}
	for i := range r.NetworkACLs {
		r.NetworkACLs[i] = r.NetworkACLs[i].canonical()
	}
	associateDefaults(r)
	for i := range r.Tags {
		if t := &r.Tags[i]; !shared(t.Tags, u.tagsBefore(i, t.ResourceID)) {
			*t = t.canonical()
		}
	}
}

func canonical(rules []Rule, groupID string, d Direction) []Rule {
	out := make([]Rule, len(rules))
	for i, r := range rules {
		r.GroupID, r.Direction = groupID, d
		r = r.Canonical()
		if r.ID == "" {
			r.ID = RuleID(r)
		}
		out[i] = r
	}
	return out
}

// DefaultGroup returns the security group that comes with a VPC: it admits its
// own members and lets everything out.
func DefaultGroup(v VPC) SecurityGroup {
	id := NewID("sg", v.ID, DefaultGroupName)
	return SecurityGroup{
		ID: id, Name: DefaultGroupName, VPCID: v.ID, Origin: v.Origin,
		Description: "default VPC security group",
		Ingress:     []Rule{allTraffic(id, Ingress, Peer{GroupID: id}, v.Origin)},
		Egress:      DefaultEgress(v, id, v.Origin),
	}
}

func lookup[T any](items []T, at map[string]int, id string) (T, bool) {
	if i, ok := at[id]; ok {
		return items[i], true
	}
	var none T
	return none, false
}

// Resources returns a copy of what the snapshot holds, to be changed and given
// to New or Update again. The lists are the caller's; what hangs below a resource (rules,
// entries, addresses, groups) is shared and must be replaced, not changed.
func (s *Snapshot) Resources() Resources {
	return s.res.clone()
}

func (r Resources) clone() Resources {
	return Resources{
		VPCs:           slices.Clone(r.VPCs),
		Subnets:        slices.Clone(r.Subnets),
		SecurityGroups: slices.Clone(r.SecurityGroups),
		PrefixLists:    slices.Clone(r.PrefixLists),
		Interfaces:     slices.Clone(r.Interfaces),
		Hosts:          slices.Clone(r.Hosts),
		NetworkACLs:    slices.Clone(r.NetworkACLs),
		Instances:      slices.Clone(r.Instances),
		Tags:           slices.Clone(r.Tags),
		Quotas:         r.Quotas,
	}
}

// Quotas returns the quotas that the resources keep, none of them 0.
func (s *Snapshot) Quotas() Quotas { return s.res.Quotas }

// VPCs returns all VPCs.
func (s *Snapshot) VPCs() []VPC { return s.res.VPCs }

// Subnets returns all subnets.
func (s *Snapshot) Subnets() []Subnet { return s.res.Subnets }

// SecurityGroups returns all security groups, default groups included.
func (s *Snapshot) SecurityGroups() []SecurityGroup { return s.res.SecurityGroups }

// PrefixLists returns all prefix lists.
func (s *Snapshot) PrefixLists() []PrefixList { return s.res.PrefixLists }

// Interfaces returns all network interfaces.
func (s *Snapshot) Interfaces() []NetworkInterface { return s.res.Interfaces }

// Hosts returns all machines outside the VPCs.
func (s *Snapshot) Hosts() []Host { return s.res.Hosts }

// NetworkACLs returns all network ACLs.
func (s *Snapshot) NetworkACLs() []NetworkACL { return s.res.NetworkACLs }

// Instances returns all instances.
func (s *Snapshot) Instances() []Instance { return s.res.Instances }

// TagSets returns the tags of every resource that has any.
func (s *Snapshot) TagSets() []TagSet { return s.res.Tags }

// Instance finds an instance by id.
func (s *Snapshot) Instance(id string) (Instance, bool) {
	return lookup(s.res.Instances, s.instances, id)
}

// VPC finds a VPC by id.
func (s *Snapshot) VPC(id string) (VPC, bool) { return lookup(s.res.VPCs, s.vpcs, id) }

// Subnet finds a subnet by id.
func (s *Snapshot) Subnet(id string) (Subnet, bool) { return lookup(s.res.Subnets, s.subnets, id) }

// SecurityGroup finds a security group by id.
func (s *Snapshot) SecurityGroup(id string) (SecurityGroup, bool) {
	return lookup(s.res.SecurityGroups, s.groups, id)
}

// PrefixList finds a prefix list by id.
func (s *Snapshot) PrefixList(id string) (PrefixList, bool) {
	return lookup(s.res.PrefixLists, s.prefixLists, id)
}

// Interface finds a network interface by id.
func (s *Snapshot) Interface(id string) (NetworkInterface, bool) {
	return lookup(s.res.Interfaces, s.interfaces, id)
}

// Host finds a host by id.
func (s *Snapshot) Host(id string) (Host, bool) { return lookup(s.res.Hosts, s.hosts, id) }

// NetworkACL finds a network ACL by id.
func (s *Snapshot) NetworkACL(id string) (NetworkACL, bool) {
	return lookup(s.res.NetworkACLs, s.acls, id)
}

// NetworkACLOf finds the network ACL of a subnet. There is none for a subnet
// that has the default ACL, which allows everything.
func (s *Snapshot) NetworkACLOf(subnetID string) (NetworkACL, bool) {
	return lookup(s.res.NetworkACLs, s.aclOf, subnetID)
}

// Rules returns a group's rules of one direction.
func (g SecurityGroup) Rules(d Direction) []Rule {
	if d == Egress {
		return g.Egress
	}
	return g.Ingress
}
