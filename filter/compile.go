package filter

import (
	"cmp"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// Compile turns a snapshot into a policy.
func Compile(s *vpc.Snapshot) *Policy { return Update(nil, s) }

// Update is Compile, given a policy of resources that are mostly the same: what
// has not changed is taken from there, so that a change of one rule costs little.
// The result says nothing else than Compile's would. before may be nil.
func Update(before *Policy, s *vpc.Snapshot) *Policy {
	if before == nil {
		before = &Policy{numbers: new(numbering)}
	}
	p := &Policy{snapshot: s, directory: before.directory}
	c := &compiler{snapshot: s, before: before, known: make(map[string]*services)}
	if before.snapshot == nil || !sameDirectory(before.snapshot, s) {
		p.directory = newDirectory(s)
	}
	c.numberGroups(p)
	c.compileGroups(p)
	c.enterMembers(p)
	p.compileACLs(s)
	return p
}

// compiler makes one policy.
type compiler struct {
	snapshot *vpc.Snapshot
	before   *Policy // its snapshot is nil where there is none
	numbers  *numbering
	changed  map[string]bool      // prefix lists that are not what they were
	known    map[string]*services // by their lists
	grants   []grant              // of the table at hand
	list     []byte               // of the services at hand
}

// groupIndex is the number of a security group. A group keeps it through
// updates, so that what names it need not be compiled anew.
type groupIndex int32

// numbering is how security groups are numbered and ordered.
type numbering struct {
	of    map[string]groupIndex
	list  []groupIndex // in the order of the snapshot
	limit int          // above every number
	// order is the place of each group among all of them by id, by number;
	// byOrder the number of each, by place.
	order   []uint32
	byOrder []groupIndex
}

func (c *compiler) numberGroups(p *Policy) {
	groups, before := c.snapshot.SecurityGroups(), c.before
	if before.snapshot != nil && equalInPlace(groups, before.snapshot.SecurityGroups(), func(x, y *vpc.SecurityGroup) bool { return x.ID == y.ID }) {
		p.numbers = before.numbers
	} else {
		p.numbers = before.numbers.next(groups)
	}
	c.numbers = p.numbers
}

// next numbers groups: those that have a number keep it, others get those that
// are free.
func (n *numbering) next(groups []vpc.SecurityGroup) *numbering {
	out := &numbering{of: make(map[string]groupIndex, len(groups)), list: make([]groupIndex, len(groups))}
	taken := make([]bool, n.limit+len(groups))
	for i := range groups {
		if old, ok := n.of[groups[i].ID]; ok {
			out.of[groups[i].ID], out.list[i], taken[old] = old, old, true
		}
	}
	free := 0
	for i := range groups {
		if _, ok := out.of[groups[i].ID]; ok {
			continue
		}
		for taken[free] {
			free++
		}
		out.of[groups[i].ID], out.list[i], taken[free] = groupIndex(free), groupIndex(free), true
	}
	for number, is := range taken {
		if is {
			out.limit = number + 1
		}
	}
	byID := make([]int, len(groups))
	for i := range byID {
		byID[i] = i
	}
	slices.SortFunc(byID, func(i, j int) int { return cmp.Compare(groups[i].ID, groups[j].ID) })
	out.order, out.byOrder = make([]uint32, out.limit), make([]groupIndex, len(groups))
	for place, i := range byID {
		out.order[out.list[i]], out.byOrder[place] = uint32(place), out.list[i]
	}
	return out
}

// compileGroups compiles each group, or takes it as it was.
func (c *compiler) compileGroups(p *Policy) {
	c.findChangedLists()
	p.groups, p.summaries = make([]*group, c.numbers.limit), make([]summary, c.numbers.limit)
	for d := range p.tables {
		p.tables[d] = make([]*table, c.numbers.limit)
	}
	for i := range c.snapshot.SecurityGroups() {
		g, number := &c.snapshot.SecurityGroups()[i], c.numbers.list[i]
		compiled := c.group(g, c.groupBefore(number))
		p.groups[number], p.summaries[number] = compiled, summaryOf(compiled.tables)
		for d, t := range compiled.tables {
			p.tables[d][number] = t
		}
		p.rules += len(g.Ingress) + len(g.Egress)
	}
}

// group compiles one group. old is what had its number before, or nil: what a
// table is made of is all in the rules, so it may even be another's.
func (c *compiler) group(g *vpc.SecurityGroup, old *group) *group {
	out := &group{id: g.ID, rules: [2][]vpc.Rule{g.Ingress, g.Egress}}
	for d, rules := range out.rules {
		if old == nil {
			out.tables[d] = c.table(rules, nil)
		} else if t := old.tables[d]; c.listsAsBefore(t) && sameRules(old.rules[d], rules) {
			out.tables[d] = t
		} else {
			out.tables[d] = c.table(rules, t)
		}
	}
	return out
}

// groupBefore returns the group that had the number in the policy before, or nil.
func (c *compiler) groupBefore(number groupIndex) *group {
	if int(number) >= len(c.before.groups) {
		return nil
	}
	return c.before.groups[number]
}

// sameRules reports whether two lists have the same rules in the same order.
func sameRules(a, b []vpc.Rule) bool {
	if len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] {
		return true
	}
	return equalInPlace(a, b, func(x, y *vpc.Rule) bool { return x.Key() == y.Key() })
}

func (c *compiler) listsAsBefore(t *table) bool {
	return !slices.ContainsFunc(t.lists, func(id string) bool { return c.changed[id] })
}

// findChangedLists finds the prefix lists whose entries differ from those in the
// policy before.
func (c *compiler) findChangedLists() {
	if c.before.snapshot == nil {
		return
	}
	c.changed = make(map[string]bool)
	for _, l := range c.snapshot.PrefixLists() {
		old, _ := c.before.snapshot.PrefixList(l.ID)
		c.changed[l.ID] = !slices.EqualFunc(l.Entries, old.Entries, func(x, y vpc.PrefixListEntry) bool { return x.CIDR == y.CIDR })
	}
}

// enterMembers enters the groups of each endpoint.
func (c *compiler) enterMembers(p *Policy) {
	if c.before.directory == p.directory && equalInPlace(c.snapshot.Interfaces(), c.before.snapshot.Interfaces(),
		func(x, y *vpc.NetworkInterface) bool { return same(x.GroupIDs, y.GroupIDs) }) {
		p.endpoints, p.members = c.before.endpoints, c.before.members
		return
	}
	p.endpoints = slices.Clone(p.bare)
	for i := range c.snapshot.Interfaces() {
		nic := &c.snapshot.Interfaces()[i]
		e := &p.endpoints[p.byID[nic.ID]]
		e.count = uint8(len(nic.GroupIDs))
		if many := len(nic.GroupIDs) > len(e.few); many {
			e.few[0] = groupIndex(len(p.members))
			p.members = slices.Grow(p.members, len(nic.GroupIDs))[:len(p.members)+len(nic.GroupIDs)]
		}
		of := p.groupsOf(p.byID[nic.ID])
		for i, id := range nic.GroupIDs {
			of[i] = c.numbers.of[id]
		}
	}
}
