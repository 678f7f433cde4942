package vpc

import (
	"errors"
	"slices"
)

// Update is New for resources that were taken from the snapshot, with Resources,
// and then changed. It returns the same as New would. What the resources still
// share with the snapshot is not copied, and what is known to be sound is not
// checked again, so that a change of one rule costs little.
func (s *Snapshot) Update(res Resources) (*Snapshot, error) {
	u := &update{before: s}
	next := &Snapshot{res: u.complete(res)}
	u.index(next)
	u.compare(next)
	v := &validation{Snapshot: next, same: u.same}
	v.all()
	if err := errors.Join(v.faults...); err != nil {
		return nil, err
	}
	return next, nil
}

// update makes a snapshot from the one before, which is empty for New.
type update struct {
	before *Snapshot
	same   sameness
}

// sameness says what of a snapshot is as it was in the one before, which was
// sound. What depends on nothing else need not be checked.
type sameness struct {
	before     *Snapshot
	ids        bool // of all resources, in the same order
	places     bool // VPCs and subnets
	groupNames bool // ids, names and VPCs of security groups
	lists      bool
	endpoints  bool // interfaces and hosts
	acls       bool
	instances  bool
	tags       bool
	quotas     bool
}

// index makes the maps of a snapshot's ids.
func (u *update) index(next *Snapshot) {
	r, old, same := &next.res, u.before, true
	next.vpcs = index(r.VPCs, old.res.VPCs, old.vpcs, &same, func(v *VPC) string { return v.ID })
	next.subnets = index(r.Subnets, old.res.Subnets, old.subnets, &same, func(n *Subnet) string { return n.ID })
	next.groups = index(r.SecurityGroups, old.res.SecurityGroups, old.groups, &same, func(g *SecurityGroup) string { return g.ID })
	next.prefixLists = index(r.PrefixLists, old.res.PrefixLists, old.prefixLists, &same, func(l *PrefixList) string { return l.ID })
	next.interfaces = index(r.Interfaces, old.res.Interfaces, old.interfaces, &same, func(i *NetworkInterface) string { return i.ID })
	next.hosts = index(r.Hosts, old.res.Hosts, old.hosts, &same, func(h *Host) string { return h.ID })
	next.acls = index(r.NetworkACLs, old.res.NetworkACLs, old.acls, &same, func(a *NetworkACL) string { return a.ID })
	next.instances = index(r.Instances, old.res.Instances, old.instances, &same, func(i *Instance) string { return i.ID })
	tagsSame := true // which resources have tags is no matter to others
	next.tags = index(r.Tags, old.res.Tags, old.tags, &tagsSame, idOfTags)
	next.aclOf = make(map[string]int)
	for i, acl := range r.NetworkACLs {
		for _, subnetID := range acl.SubnetIDs {
			next.aclOf[subnetID] = i
		}
	}
	u.same.ids = same
}

// index returns the place of each item by its id. If the items before, which of
// is the index of, have the same ids, it is that; otherwise same becomes false.
func index[T any](items, before []T, of map[string]int, same *bool, id func(*T) string) map[string]int {
	if of != nil && equal(items, before, func(x, y *T) bool { return id(x) == id(y) }) {
		return of
	}
	*same = false
	m := make(map[string]int, len(items))
	for i := range items {
		m[id(&items[i])] = i
	}
	return m
}

// compare finds what is as it was before. Where it was declared does not count:
// without a fault nobody asks.
func (u *update) compare(next *Snapshot) {
	a, b := &u.before.res, &next.res
	same := &u.same
	same.before = u.before
	same.places = slices.EqualFunc(a.VPCs, b.VPCs, func(x, y VPC) bool {
		return x.ID == y.ID && x.CIDR == y.CIDR && x.IPv6CIDR == y.IPv6CIDR
	}) && slices.EqualFunc(a.Subnets, b.Subnets, func(x, y Subnet) bool {
		return x.ID == y.ID && x.VPCID == y.VPCID && x.CIDR == y.CIDR && x.IPv6CIDR == y.IPv6CIDR
	})
	same.groupNames = equal(a.SecurityGroups, b.SecurityGroups, func(x, y *SecurityGroup) bool {
		return x.ID == y.ID && x.Name == y.Name && x.VPCID == y.VPCID
	})
	same.lists = equal(a.PrefixLists, b.PrefixLists, func(x, y *PrefixList) bool {
		return x.ID == y.ID && x.IPv6 == y.IPv6 && x.MaxEntries == y.MaxEntries && x.Version == y.Version &&
			slices.EqualFunc(x.Entries, y.Entries, func(x, y PrefixListEntry) bool { return x.CIDR == y.CIDR })
	})
	same.endpoints = equal(a.Interfaces, b.Interfaces, func(x, y *NetworkInterface) bool {
		return x.ID == y.ID && x.Name == y.Name && x.VPCID == y.VPCID && x.SubnetID == y.SubnetID &&
			unchanged(x.Addresses, y.Addresses) && unchanged(x.GroupIDs, y.GroupIDs) && x.ConnectionTracking == y.ConnectionTracking &&
			x.Attachment == y.Attachment
	}) && equal(a.Hosts, b.Hosts, func(x, y *Host) bool {
		return x.ID == y.ID && x.Name == y.Name && x.VPCID == y.VPCID && slices.Equal(x.Addresses, y.Addresses)
	})
	same.acls = equal(a.NetworkACLs, b.NetworkACLs, func(x, y *NetworkACL) bool {
		return x.ID == y.ID && x.VPCID == y.VPCID && slices.Equal(x.SubnetIDs, y.SubnetIDs) && slices.Equal(x.Entries, y.Entries)
	})
	same.instances = equal(a.Instances, b.Instances, func(x, y *Instance) bool { return *x == *y })
	same.tags = equal(a.Tags, b.Tags, func(x, y *TagSet) bool { return x.ResourceID == y.ResourceID && unchanged(x.Tags, y.Tags) })
	same.quotas = u.before.vpcs != nil && a.Quotas == b.Quotas
}

// rules reports whether a group's rules of one direction are those that it had
// before.
func (s *sameness) rules(g *SecurityGroup, d Direction) bool {
	i, ok := s.before.groups[g.ID]
	return ok && unchanged(g.Rules(d), s.before.res.SecurityGroups[i].Rules(d))
}

// interfaceBefore returns the interface with that id, which is the i-th, as it
// was before, or an empty one.
func (u *update) interfaceBefore(i int, id string) *NetworkInterface {
	return itemBefore(u.before.res.Interfaces, u.before.interfaces, i, id, func(n *NetworkInterface) string { return n.ID })
}

func (u *update) groupBefore(i int, id string) *SecurityGroup {
	return itemBefore(u.before.res.SecurityGroups, u.before.groups, i, id, idOfGroup)
}

// tagsBefore returns the tags of a resource as they were before.
func (u *update) tagsBefore(i int, resourceID string) []Tag {
	return itemBefore(u.before.res.Tags, u.before.tags, i, resourceID, idOfTags).Tags
}

func idOfTags(t *TagSet) string { return t.ResourceID }

func idOfGroup(g *SecurityGroup) string { return g.ID }

// itemBefore looks where the item is now, which is where it was unless others
// have come or gone.
func itemBefore[T any](before []T, at map[string]int, i int, id string, idOf func(*T) string) *T {
	if i < len(before) && idOf(&before[i]) == id {
		return &before[i]
	}
	if i, ok := at[id]; ok {
		return &before[i]
	}
	return new(T)
}

// shared reports whether two slices are the same memory, which they are only if
// a snapshot has both.
func shared[T any](a, b []T) bool { return len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] }

// unchanged reports whether two slices are the same memory, or empty.
func unchanged[T any](a, b []T) bool { return shared(a, b) || len(a) == 0 && len(b) == 0 }

// keep returns a copy of a slice, or old if that is the same memory and so
// belongs to a snapshot.
func keep[T any](s, old []T) []T {
	if shared(s, old) {
		return old
	}
	return slices.Clone(s)
}

// equal is slices.EqualFunc for elements that are long to copy.
func equal[T any](a, b []T, same func(x, y *T) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(&a[i], &b[i]) {
			return false
		}
	}
	return true
}
