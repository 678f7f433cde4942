package store

import (
	"fmt"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// attach gives interfaces of a file the groups that the API has given them. Where
// an interface, or a VPC and its default group, comes into force again, or a
// process starts, groups and prefix lists may have gone that nobody used
// meanwhile. Nobody could mend that over the API, so they are left out. lost says
// which. What was in use until now is not left out: it is missed by the validation.
func (s *Store) attach(r *vpc.Resources, d *declared, before *View) (lost []string) {
	here := referable(r)
	at := make(map[string]int, len(r.Interfaces))
	for i := range r.Interfaces {
		at[r.Interfaces[i].ID] = i
	}
	for _, a := range s.own.attached.items {
		i, is := at[a.InterfaceID]
		if !is || !d.open[a.InterfaceID] {
			continue
		}
		used := before.groupsOf(a.InterfaceID)
		r.Interfaces[i].GroupIDs = slices.DeleteFunc(slices.Clone(a.GroupIDs), func(id string) bool {
			gone := !here[id] && !slices.Contains(used, id)
			if gone {
				lost = append(lost, fmt.Sprintf("network interface %s: the security group %s that the API gave it has gone", a.InterfaceID, id))
			}
			return gone
		})
	}
	for i := range r.SecurityGroups {
		if g := &r.SecurityGroups[i]; g.Name == vpc.DefaultGroupName && !d.ids[g.ID] {
			lost = append(lost, withoutStale(g, here, before)...)
		}
	}
	return lost
}

// withoutStale leaves out the rules of a group that are about what has gone, those
// aside that were in force.
func withoutStale(g *vpc.SecurityGroup, here map[string]bool, before *View) (lost []string) {
	used := before.rulesOf(g.ID)
	for _, rules := range []*[]vpc.Rule{&g.Ingress, &g.Egress} {
		stale := func(rule vpc.Rule) bool {
			about := rule.Peer.GroupID + rule.Peer.PrefixListID // a rule has one of them at most
			return about != "" && !here[about] && !used[rule.ID]
		}
		if !slices.ContainsFunc(*rules, stale) {
			continue
		}
		*rules = slices.DeleteFunc(slices.Clone(*rules), func(rule vpc.Rule) bool {
			gone := stale(rule)
			if gone {
				lost = append(lost, fmt.Sprintf("security group %s: its rule %s is about %s, which has gone", g.ID, rule.ID, rule.Peer))
			}
			return gone
		})
	}
	return lost
}

// groupsOf returns the groups of an interface in force.
func (v *View) groupsOf(interfaceID string) []string {
	if v == nil {
		return nil
	}
	nic, _ := v.Interface(interfaceID)
	return nic.GroupIDs
}

// rulesOf returns the ids of the rules of a group in force.
func (v *View) rulesOf(groupID string) map[string]bool {
	ids := make(map[string]bool)
	if v == nil {
		return ids
	}
	g, _ := v.SecurityGroup(groupID)
	for _, r := range slices.Concat(g.Ingress, g.Egress) {
		ids[r.ID] = true
	}
	return ids
}

// referable returns the ids of what rules and interfaces can refer to: groups, the
// default ones included that vpc adds, and prefix lists.
func referable(r *vpc.Resources) map[string]bool {
	ids := make(map[string]bool, len(r.SecurityGroups)+len(r.PrefixLists)+len(r.VPCs))
	for i := range r.VPCs {
		ids[vpc.NewID("sg", r.VPCs[i].ID, vpc.DefaultGroupName)] = true
	}
	for i := range r.SecurityGroups {
		ids[r.SecurityGroups[i].ID] = true
	}
	for i := range r.PrefixLists {
		ids[r.PrefixLists[i].ID] = true
	}
	return ids
}
