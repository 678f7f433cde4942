package filter

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// grant is one rule for one peer: a rule that names a prefix list is one for
// each of its entries.
type grant struct {
	key peerKey
	at  position
}

// table compiles the rules of one group and direction. before is the table that
// it takes the place of, or nil.
func (c *compiler) table(rules []vpc.Rule, before *table) *table {
	c.learn(before)
	t := &table{order: sorted(rules, c.canMatch)}
	for i := range rules {
		if id := rules[i].Peer.PrefixListID; id != "" && !slices.Contains(t.lists, id) {
			t.lists = append(t.lists, id)
		}
	}
	c.grants = c.grants[:0]
	t.widths = make([]uint32, len(t.order))
	for at, i := range t.order {
		t.widths[at] = width(&rules[i])
		c.grant(rules[i].Peer, position(at))
	}
	slices.SortStableFunc(c.grants, func(a, b grant) int { return a.key.compare(b.key) })
	t.positions = make([]position, 0, len(c.grants))
	for rest := c.grants; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].key == rest[0].key {
			n++
		}
		c.admit(t, rules, rest[:n])
		rest = rest[n:]
	}
	t.index()
	return t
}

// canMatch reports whether a rule admits anything.
func (c *compiler) canMatch(r *vpc.Rule) bool {
	if r.Peer.PrefixListID == "" {
		return true
	}
	list, _ := c.snapshot.PrefixList(r.Peer.PrefixListID)
	return len(list.Entries) > 0
}

// grant adds the grants of the rule at a position.
func (c *compiler) grant(peer vpc.Peer, at position) {
	switch {
	case peer.GroupID != "":
		c.grants = append(c.grants, grant{groupKey(c.numbers.of[peer.GroupID]), at})
	case peer.PrefixListID != "":
		list, _ := c.snapshot.PrefixList(peer.PrefixListID)
		for _, e := range list.Entries {
			c.grants = append(c.grants, grant{keyOf(e.CIDR), at})
		}
	default:
		c.grants = append(c.grants, grant{keyOf(peer.CIDR), at})
	}
}

// admit enters the grants of one peer, narrowest first.
func (c *compiler) admit(t *table, rules []vpc.Rule, grants []grant) {
	key, first := grants[0].key, uint16(len(t.positions))
	c.list = c.list[:0]
	for _, g := range grants {
		t.positions = append(t.positions, g.at)
		c.list = encode(c.list, &rules[t.order[g.at]])
	}
	all := c.services()
	if !key.everywhere() {
		t.peers = append(t.peers, grantee{key.number, all, key.kind, first})
		t.beyond.add(all)
		return
	}
	family := key.family()
	t.everywhere[family], t.firstOfAll[family] = all, first
	c.list = c.list[:0]
	for _, g := range grants {
		if r := &rules[t.order[g.at]]; r.Peer.CIDR.IsValid() {
			c.list = encode(c.list, r)
		}
	}
	t.open[family] = c.services()
}

// bitsPerPeer is how many bits a table has for each peer: of the peers that it
// does not have, at most one in as many seems to be there.
const bitsPerPeer = 16

// index puts the peers in order and sets their bits.
func (t *table) index() {
	if len(t.peers) == 0 {
		return
	}
	words := 1 << max(0, bits.Len(uint(len(t.peers)*bitsPerPeer-1))-6)
	if t.bits = t.few[:min(words, len(t.few))]; words > len(t.few) {
		t.bits = make([]uint64, words)
	}
	t.shift = uint8(64 - 6 - bits.TrailingZeros(uint(words)))
	slices.SortFunc(t.peers, func(a, b grantee) int { return cmp.Compare(a.key().hash(), b.key().hash()) })
	t.starts = make([]uint16, words+1)
	for i := range t.peers {
		k := t.peers[i].key()
		bit := k.hash() >> t.shift
		t.bits[bit>>6] |= 1 << (bit & 63)
		t.starts[bit>>6+1] = uint16(i + 1)
		if k.kind != groupKind {
			t.lengths[k.family()].add(k.length())
		}
	}
	for i := range words { // where a word has no bits, so that no search begins before its time
		t.starts[i+1] = max(t.starts[i], t.starts[i+1])
	}
}

// services returns what the list admits.
func (c *compiler) services() *services {
	if len(c.list) == 0 {
		return nil
	}
	s := c.known[string(c.list)]
	if s == nil {
		s = newServices(string(c.list))
		c.known[s.list] = s
	}
	return s
}

// learn makes the services of a table those of later ones with equal lists.
func (c *compiler) learn(t *table) {
	if t == nil {
		return
	}
	for i := range t.peers {
		c.known[t.peers[i].services.list] = t.peers[i].services
	}
	for _, s := range [...]*services{t.everywhere[0], t.everywhere[1], t.open[0], t.open[1]} {
		if s != nil {
			c.known[s.list] = s
		}
	}
}

func (k peerKey) compare(other peerKey) int {
	return cmp.Or(cmp.Compare(k.kind, other.kind),
		cmp.Compare(k.number.high, other.number.high), cmp.Compare(k.number.low, other.number.low))
}
