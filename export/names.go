package export

import (
	"net/netip"
	"strings"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/vpc"
)

// names tells what a file can call resources, so that the name leads back.
type names struct {
	vpcs, subnets, lists, acls *kind
	groups                     map[string]*kind // by VPC id
}

// kind has the names of the resources of one kind. Letter case makes no other name.
type kind struct {
	prefix string
	shared map[string]int    // how many have a name, in lower case
	of     map[string]string // id to name
}

func newKind(prefix string) *kind {
	return &kind{prefix, make(map[string]int), make(map[string]string)}
}

func (k *kind) add(id, name string) {
	if !config.ValidName(name, k.prefix) {
		name = ""
	}
	k.of[id] = name
	k.shared[strings.ToLower(name)]++
}

// own returns whether a resource's name is its alone.
func (k *kind) own(id string) bool {
	name := k.of[id]
	return name != "" && k.shared[strings.ToLower(name)] == 1
}

// ref returns the name that leads to a resource, or its id.
func (k *kind) ref(id string) string {
	if k.own(id) {
		return k.of[id]
	}
	return id
}

// called writes a resource's name and id, as far as the id does not follow from
// the name.
func (k *kind) called(m *mapping, id string, derived func(name string) string) {
	name := k.of[id]
	m.text("name", name)
	if !k.own(id) || id != derived(name) {
		m.set("id", id)
	}
}

func namesOf(s *vpc.Snapshot) *names {
	n := &names{newKind("vpc"), newKind("subnet"), newKind("pl"), newKind("acl"), make(map[string]*kind)}
	for _, v := range s.VPCs() {
		n.vpcs.add(v.ID, v.Name)
		n.groups[v.ID] = newKind("sg")
	}
	for _, x := range s.Subnets() {
		n.subnets.add(x.ID, x.Name)
	}
	for _, l := range s.PrefixLists() {
		n.lists.add(l.ID, l.Name)
	}
	for _, a := range s.NetworkACLs() {
		n.acls.add(a.ID, a.Name)
	}
	for _, g := range s.SecurityGroups() {
		n.groups[g.VPCID].add(g.ID, g.Name)
	}
	return n
}

// peer returns what a rule of a group calls its peer: a name only if it can mean
// nothing else.
func (n *names) peer(g *vpc.SecurityGroup, p vpc.Peer) string {
	groups := n.groups[g.VPCID]
	clear := func(name string) bool {
		_, notCIDR := netip.ParsePrefix(name)
		reserved := strings.EqualFold(name, "self") || strings.HasPrefix(strings.ToLower(name), "anywhere-")
		return name != "" && notCIDR != nil && !reserved && groups.shared[strings.ToLower(name)]+n.lists.shared[strings.ToLower(name)] == 1
	}
	switch {
	case p.GroupID == g.ID && groups.shared["self"]+n.lists.shared["self"] == 0:
		return "self"
	case p.GroupID != "" && clear(groups.of[p.GroupID]):
		return groups.of[p.GroupID]
	case p.PrefixListID != "" && clear(n.lists.of[p.PrefixListID]):
		return n.lists.of[p.PrefixListID]
	}
	return p.String()
}
