package filter

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"github.com/sgate/sgate/vpc"
)

// ruleset is what the members of one set of groups admit, by direction.
type ruleset struct {
	tables [2]*table
}

// table finds the rules of one direction by the peer.
type table struct {
	// everywhere are the rules for 0.0.0.0/0 and ::/0, apart from the other
	// prefixes because connection tracking asks for them alone.
	everywhere [2]*services
	prefixes   *bart.Table[*services]
	groups     map[groupIndex]*services
}

// family is the index of an address's family: 0 for IPv4, 1 for IPv6.
func family(addr netip.Addr) int {
	if addr.Is4() {
		return 0
	}
	return 1
}

// match returns the narrowest rule that admits the flow with the peer at addr,
// which is a member of those groups.
func (t *table) match(addr netip.Addr, memberships []groupIndex, f *Flow) Rule {
	best := t.everywhere[family(addr)].match(f)
	if found, ok := t.prefixes.Lookup(addr); ok {
		best = min(best, found.match(f))
	}
	for _, g := range memberships {
		best = min(best, t.groups[g].match(f))
	}
	return best
}

// untracked reports whether a TCP or UDP flow, admitted in direction d, needs
// no tracking: its first packet's direction has a rule for everywhere that
// admits it, and the opposite direction one for everywhere and all ports. The
// packet at hand may be the first one's answer, so both readings are tried.
func (s *ruleset) untracked(d vpc.Direction, addr netip.Addr, f *Flow) bool {
	if protocol := vpc.Protocol(f.Protocol); !f.HasTransport || !protocol.HasPorts() {
		return false
	}
	there, back := s.tables[d].everywhere[family(addr)], s.tables[d.Opposite()].everywhere[family(addr)]
	if there.match(f) != NoRule && back.allPorts(f.Protocol) {
		return true
	}
	answer := *f
	answer.SrcPort, answer.DstPort = f.DstPort, f.SrcPort
	return back.match(&answer) != NoRule && there.allPorts(f.Protocol)
}

func (c *compiler) table(numbers []Rule) *table {
	t := &table{prefixes: new(bart.Table[*services]), groups: make(map[groupIndex]*services)}
	byPrefix := make(map[netip.Prefix][]Rule)
	byGroup := make(map[groupIndex][]Rule)
	for _, n := range numbers {
		switch peer := c.rules[n].Peer; {
		case peer.GroupID != "":
			g := c.groups[peer.GroupID]
			byGroup[g] = append(byGroup[g], n)
		case peer.PrefixListID != "":
			list, _ := c.snapshot.PrefixList(peer.PrefixListID)
			for _, e := range list.Entries {
				byPrefix[e.CIDR.Masked()] = append(byPrefix[e.CIDR.Masked()], n)
			}
		default:
			byPrefix[peer.CIDR] = append(byPrefix[peer.CIDR], n)
		}
	}
	for g, of := range byGroup {
		t.groups[g] = c.services(of)
	}
	c.fillPrefixes(t, byPrefix)
	return t
}

// fillPrefixes gives each prefix the rules of all prefixes that cover it, so
// that the longest match alone has the whole answer.
func (c *compiler) fillPrefixes(t *table, byPrefix map[netip.Prefix][]Rule) {
	prefixes := make([]netip.Prefix, 0, len(byPrefix))
	for p := range byPrefix {
		prefixes = append(prefixes, p)
	}
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(a.Bits(), b.Bits()), a.Addr().Compare(b.Addr()))
	})
	var covering bart.Table[[]Rule]
	for _, p := range prefixes {
		if p.Bits() == 0 {
			t.everywhere[family(p.Addr())] = c.services(byPrefix[p])
			continue
		}
		of := byPrefix[p]
		if wider, ok := covering.LookupPrefix(p); ok {
			of = slices.Concat(of, wider)
		}
		covering.Insert(p, of)
		t.prefixes.Insert(p, c.services(of))
	}
}
