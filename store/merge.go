package store

import (
	"slices"

	"github.com/sgate/sgate/vpc"
)

// declared is a Declaration, with what is asked of it.
type declared struct {
	Declaration
	ids    map[string]bool       // of every resource in it
	tagged map[string]bool       // ids of resources whose tags it states
	open   map[string]bool       // ids of interfaces for which it names no groups
	origin map[string]vpc.Origin // of every resource in it
}

func declare(from Declaration) *declared {
	d := &declared{from, make(map[string]bool), make(map[string]bool), make(map[string]bool), make(map[string]vpc.Origin)}
	add := func(id string, o vpc.Origin) { d.ids[id], d.origin[id] = true, o }
	r := &from.Resources
	for i := range r.VPCs {
		add(r.VPCs[i].ID, r.VPCs[i].Origin)
	}
	for i := range r.Subnets {
		add(r.Subnets[i].ID, r.Subnets[i].Origin)
	}
	for i := range r.SecurityGroups {
		d.addGroup(&r.SecurityGroups[i], add)
	}
	for i := range r.PrefixLists {
		add(r.PrefixLists[i].ID, r.PrefixLists[i].Origin)
	}
	for i := range r.NetworkACLs {
		add(r.NetworkACLs[i].ID, r.NetworkACLs[i].Origin)
	}
	for i := range r.Interfaces {
		nic := &r.Interfaces[i]
		add(nic.ID, nic.Origin)
		d.open[nic.ID] = len(nic.GroupIDs) == 0
	}
	for i := range r.Instances {
		add(r.Instances[i].ID, r.Instances[i].Origin)
	}
	for i := range r.Hosts {
		add(r.Hosts[i].ID, r.Hosts[i].Origin)
	}
	for i := range r.Tags {
		d.tagged[r.Tags[i].ResourceID] = true
	}
	for i := range from.FlowLogs {
		add(from.FlowLogs[i].ID, from.FlowLogs[i].Origin)
	}
	return d
}

// addGroup adds a group and its rules.
func (d *declared) addGroup(g *vpc.SecurityGroup, add func(string, vpc.Origin)) {
	add(g.ID, g.Origin)
	for _, rules := range [][]vpc.Rule{g.Ingress, g.Egress} {
		for i := range rules {
			if rules[i].ID != "" {
				add(rules[i].ID, rules[i].Origin)
			}
		}
	}
}

// refuse returns the error for a change of the resource with that id.
func (d *declared) refuse(id string) error { return &DeclaredError{id, d.origin[id]} }

// merge returns what a file states together with what the API owns. Where both
// have an id, the file wins.
func (s *Store) merge(d *declared) (*View, error) {
	r := d.Resources
	r.VPCs = with(r.VPCs, s.own.vpcs, d.ids)
	r.Subnets = with(r.Subnets, s.own.subnets, d.ids)
	r.SecurityGroups = with(r.SecurityGroups, s.own.groups, d.ids)
	r.PrefixLists = with(r.PrefixLists, s.own.lists, d.ids)
	r.NetworkACLs = with(r.NetworkACLs, s.own.acls, d.ids)
	r.Interfaces = with(r.Interfaces, s.own.interfaces, d.ids)
	r.Instances = with(r.Instances, s.own.instances, d.ids)
	r.Tags = with(r.Tags, s.own.tags, d.tagged)
	withoutOrphans(&r, d.ids)
	yieldSubnets(&r, d.ids)
	before := s.view.Load()
	lost := s.attach(&r, d, before)
	from := new(vpc.Snapshot)
	if before != nil {
		from = before.Snapshot
	}
	snapshot, err := from.Update(r)
	if err != nil && !s.own.empty() {
		err = &ConflictError{err}
	}
	if err != nil {
		return nil, err
	}
	if before != nil {
		snapshot = snapshot.After(before.Snapshot)
	}
	return &View{snapshot, with(d.FlowLogs, s.own.flowLogs, d.ids), lost, d}, nil
}

// with returns what a file declares followed by what the API owns of a kind.
func with[T any](items []T, own records[T], taken map[string]bool) []T {
	items = slices.Clone(items)
	for i := range own.items {
		if !taken[own.idOf(&own.items[i])] {
			items = append(items, own.items[i])
		}
	}
	return items
}

// withoutOrphans leaves out the default groups and ACLs of VPCs that a file no
// longer has: AWS removes them together with their VPC.
func withoutOrphans(r *vpc.Resources, declared map[string]bool) {
	gone := func(vpcID string) bool {
		return !slices.ContainsFunc(r.VPCs, func(v vpc.VPC) bool { return v.ID == vpcID })
	}
	r.SecurityGroups = slices.DeleteFunc(r.SecurityGroups, func(g vpc.SecurityGroup) bool {
		return !declared[g.ID] && g.Name == vpc.DefaultGroupName && gone(g.VPCID)
	})
	r.NetworkACLs = slices.DeleteFunc(r.NetworkACLs, func(a vpc.NetworkACL) bool {
		return !declared[a.ID] && a.Default && gone(a.VPCID)
	})
}

// yieldSubnets takes from the API's network ACLs the subnets that the file gives
// one of its own, and those that it no longer has.
func yieldSubnets(r *vpc.Resources, declared map[string]bool) {
	free := make(map[string]bool, len(r.Subnets))
	for _, n := range r.Subnets {
		free[n.ID] = true
	}
	for _, a := range r.NetworkACLs {
		for _, id := range a.SubnetIDs {
			free[id] = free[id] && !declared[a.ID]
		}
	}
	for i := range r.NetworkACLs {
		if a := &r.NetworkACLs[i]; !declared[a.ID] {
			a.SubnetIDs = slices.DeleteFunc(slices.Clone(a.SubnetIDs), func(id string) bool { return !free[id] })
		}
	}
}
