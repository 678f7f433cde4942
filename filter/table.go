package filter

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// ruleset is what a security group admits, by direction.
type ruleset [2]table

// table finds the rules of one direction by the peer.
type table struct {
	// everywhere are the rules that cover 0.0.0.0/0 and ::/0; open are those
	// of them whose peer is that CIDR itself, for connection tracking: a
	// prefix list may hold it too, but what a list admits is always tracked.
	everywhere [2]*services
	open       [2]*services
	prefixes   bart.Table[*services]
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
	if covering, ok := t.prefixes.Lookup(addr); ok {
		for ; covering != nil; covering = covering.wider {
			best = min(best, covering.match(f))
		}
	}
	if len(t.groups) > 0 {
		for _, g := range memberships {
			best = min(best, t.groups[g].match(f))
		}
	}
	return best
}

// fill enters the rules of one group and direction.
func (c *compiler) fill(t *table, numbers []Rule) {
	t.groups = make(map[groupIndex]*services)
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
}

// fillPrefixes enters the rules of each prefix, from the widest to the longest,
// so that each finds the one that covers it.
func (c *compiler) fillPrefixes(t *table, byPrefix map[netip.Prefix][]Rule) {
	prefixes := slices.SortedFunc(maps.Keys(byPrefix), func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(a.Bits(), b.Bits()), a.Addr().Compare(b.Addr()))
	})
	for _, p := range prefixes {
		if p.Bits() == 0 {
			t.everywhere[family(p.Addr())] = c.services(byPrefix[p])
			t.open[family(p.Addr())] = c.services(slices.DeleteFunc(byPrefix[p], func(n Rule) bool {
				return !c.rules[n].Peer.CIDR.IsValid()
			}))
			continue
		}
		of := c.services(byPrefix[p])
		of.wider, _ = t.prefixes.LookupPrefix(p)
		t.prefixes.Insert(p, of)
	}
}
