package store

import (
	"slices"

	"github.com/sgate/sgate/vpc"
)

// Draft is the resources while a change of them is being made: a table for each
// kind.
type Draft struct {
	DryRun bool // the change is only to be tried

	VPCs           *Table[vpc.VPC]
	Subnets        *Table[vpc.Subnet]
	SecurityGroups *Table[vpc.SecurityGroup]
	PrefixLists    *Table[vpc.PrefixList]
	NetworkACLs    *Table[vpc.NetworkACL] // without AWS's own default ACLs, which allow everything
	Interfaces     *Table[vpc.NetworkInterface]
	Instances      *Table[vpc.Instance]
	Tags           *Table[vpc.TagSet] // by the resource's id
	FlowLogs       *Table[FlowLog]
	Tokens         *Table[Token]

	before   *View
	attached *Table[Attached]
}

// Read returns a draft for those who only look: changes of it come to nothing.
// There must have been a Declare.
func (s *Store) Read() *Draft {
	none := newOwn()
	return newDraft(s.view.Load(), &none)
}

func newDraft(v *View, o *own) *Draft {
	s, f := v.Snapshot, v.declared
	d := &Draft{
		before:         v,
		VPCs:           newTable("vpcs", &o.vpcs, s.VPCs(), s.VPC, f),
		Subnets:        newTable("subnets", &o.subnets, s.Subnets(), s.Subnet, f),
		SecurityGroups: newTable("security_groups", &o.groups, s.SecurityGroups(), s.SecurityGroup, f),
		PrefixLists:    newTable("prefix_lists", &o.lists, s.PrefixLists(), s.PrefixList, f),
		NetworkACLs:    newTable("network_acls", &o.acls, s.NetworkACLs(), s.NetworkACL, f),
		Interfaces:     newTable("network_interfaces", &o.interfaces, s.Interfaces(), s.Interface, f),
		Instances:      newTable("instances", &o.instances, s.Instances(), s.Instance, f),
		FlowLogs:       newTable("flow_logs", &o.flowLogs, v.FlowLogs, among(v.FlowLogs, idOfFlowLog), f),
		Tags: &Table[vpc.TagSet]{
			bucket: "tags", own: &o.tags, base: s.TagSets(), find: s.TagSet,
			declared: func(id string) bool { return f.tagged[id] }, refuse: f.refuse,
		},
		Tokens:   ownTable("client_tokens", &o.tokens),
		attached: ownTable("attached_groups", &o.attached),
	}
	d.SecurityGroups.disown, d.NetworkACLs.disown = disownGroup, disownACL
	return d
}

// disownGroup makes a group the API's that came with a VPC of the file.
func disownGroup(g *vpc.SecurityGroup) {
	g.Origin = vpc.Origin{}
	for _, rules := range []*[]vpc.Rule{&g.Ingress, &g.Egress} {
		if !slices.ContainsFunc(*rules, func(r vpc.Rule) bool { return r.Origin != vpc.Origin{} }) {
			continue // it shares memory with a view, and may go on doing so
		}
		*rules = slices.Clone(*rules)
		for i := range *rules {
			(*rules)[i].Origin = vpc.Origin{}
		}
	}
}

// disownACL does so with a network ACL.
func disownACL(a *vpc.NetworkACL) {
	a.Origin, a.Entries = vpc.Origin{}, slices.Clone(a.Entries)
	for i := range a.Entries {
		a.Entries[i].Origin = vpc.Origin{}
	}
}

// newTable returns a table of what a file may declare.
func newTable[T any](bucket string, own *records[T], base []T, find func(string) (T, bool), f *declared) *Table[T] {
	is := func(id string) bool { return f.ids[id] }
	return &Table[T]{bucket: bucket, own: own, base: base, find: find, declared: is, refuse: f.refuse}
}

// ownTable returns a table of what is the API's alone.
func ownTable[T any](bucket string, own *records[T]) *Table[T] {
	never := func(string) bool { return false }
	return &Table[T]{bucket: bucket, own: own, base: own.items, find: among(own.items, own.idOf), declared: never}
}

// among returns a function that finds an item by its id.
func among[T any](items []T, idOf func(*T) string) func(string) (T, bool) {
	return func(id string) (T, bool) {
		for i := range items {
			if idOf(&items[i]) == id {
				return items[i], true
			}
		}
		var none T
		return none, false
	}
}

// Quotas returns the quotas that the resources have to keep.
func (d *Draft) Quotas() vpc.Quotas { return d.before.Snapshot.Quotas() }

// AttachGroups gives an interface other security groups. For an interface of the
// file, that is permitted where the file names none.
func (d *Draft) AttachGroups(interfaceID string, groupIDs []string) error {
	nic, ok := d.Interfaces.Get(interfaceID)
	if !ok {
		return nil
	}
	nic.GroupIDs = groupIDs
	f := d.before.declared
	if !f.ids[interfaceID] {
		return d.Interfaces.Put(nic)
	}
	if !f.open[interfaceID] {
		return f.refuse(interfaceID)
	}
	d.Interfaces.set(nic)
	return d.attached.Put(Attached{interfaceID, groupIDs})
}

// table is a Table of any kind.
type table interface {
	dirty() bool
	write(put func(bucket, id string, value any) error, remove func(bucket, id string) error) error
}

func (d *Draft) tables() []table {
	return []table{
		d.VPCs, d.Subnets, d.SecurityGroups, d.PrefixLists, d.NetworkACLs, d.Interfaces, d.Instances, d.Tags, d.FlowLogs,
		d.Tokens, d.attached,
	}
}

func (d *Draft) changed() bool {
	for _, t := range d.tables() {
		if t.dirty() {
			return true
		}
	}
	return false
}

// next returns the view that the draft makes, if its resources are sound.
func (d *Draft) next() (*View, error) {
	s := d.before.Snapshot
	r := s.Resources()
	r.VPCs, r.Subnets = d.VPCs.All(), d.Subnets.All()
	r.SecurityGroups, r.PrefixLists = d.SecurityGroups.All(), d.PrefixLists.All()
	r.NetworkACLs, r.Interfaces = d.NetworkACLs.All(), d.Interfaces.All()
	r.Instances, r.Tags = d.Instances.All(), d.Tags.All()
	snapshot, err := s.Update(r)
	if err != nil {
		return nil, err
	}
	d.adopt(snapshot)
	return &View{snapshot, d.FlowLogs.All(), nil, d.before.declared}, nil
}

// adopt makes the default groups that came with new VPCs the API's as the VPCs
// are: made again at the next start, they would be those of VPCs as they are by
// then, with an IPv6 rule if an IPv6 block has been associated since.
func (d *Draft) adopt(next *vpc.Snapshot) {
	if !d.VPCs.dirty() {
		return
	}
	for _, g := range next.SecurityGroups() {
		if _, is := d.SecurityGroups.Get(g.ID); !is {
			d.SecurityGroups.set(g)
		}
	}
}

// settle makes the draft what the API owns. Resources are taken from the view,
// where they are canonical and share memory with it.
func (d *Draft) settle(next *View) {
	s := next.Snapshot
	d.VPCs.settle(s.VPC)
	d.Subnets.settle(s.Subnet)
	d.SecurityGroups.settle(s.SecurityGroup)
	d.PrefixLists.settle(s.PrefixList)
	d.NetworkACLs.settle(s.NetworkACL)
	d.Interfaces.settle(s.Interface)
	d.Instances.settle(s.Instance)
	d.Tags.settle(s.TagSet)
	d.FlowLogs.settle(d.FlowLogs.Get)
	d.Tokens.settle(d.Tokens.Get)
	d.attached.settle(d.attached.Get)
}
