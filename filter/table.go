package filter

import "net/netip"

// table finds the rules of one group and direction by the peer. It never
// changes; policies share it as long as the rules stay the same.
//
// What new flows are asked about comes first, and in as few cache lines as can
// be: with many groups, to wait for those is most of what a new flow costs.
type table struct {
	// bits has one set for each peer, that which its hash says. Most tables
	// know nothing of most peers, and say so by it.
	bits    []uint64
	shift   uint8      // of a hash, for the number of its bit
	lengths [2]lengths // of prefixes, without 0
	few     [8]uint64  // the bits, if they fit
	// starts has the place in peers where the bits of each word begin, and
	// at last the number of peers.
	starts []uint16
	peers  []grantee // prefixes and groups, in the order of their bits

	// everywhere are the rules that cover 0.0.0.0/0 and ::/0; open are those
	// of them whose peer is that CIDR itself, for connection tracking: a
	// prefix list may hold it too, but what a list admits is always tracked.
	everywhere [2]*services
	open       [2]*services
	// beyond are the ports that any peer is granted beyond everywhere: a flow
	// to another, such as a scanner's, is asked about no further.
	beyond portSet

	// positions are those of the rules of each peer, narrowest first.
	positions  []position
	firstOfAll [2]uint16 // where those of everywhere begin

	order  []uint32 // the rules' places in the group's list, by position
	widths []uint32 // by position
	lists  []string // the ids of the prefix lists that the rules name
}

// grantee is a prefix or a group, and what it is granted.
type grantee struct {
	number   ipNumber // see peerKey
	services *services
	kind     uint16
	first    uint16 // where the positions of its rules begin
}

func (g *grantee) key() peerKey { return peerKey{g.number, g.kind} }

// peerKey is what a prefix or a group is looked for by.
type peerKey struct {
	number ipNumber // of a group, in high
	kind   uint16   // the prefix's length and family, or groupKind
}

const groupKind = 1 << 15

func (k peerKey) everywhere() bool { return k.kind>>1 == 0 }
func (k peerKey) family() int      { return int(k.kind & 1) }
func (k peerKey) length() int      { return int(k.kind >> 1) }
func (k peerKey) hash() uint64     { return k.number.mix(uint64(k.kind)) }

func keyOf(p netip.Prefix) peerKey { return prefixKey(numberOf(p.Addr()), p.Bits(), family(p.Addr())) }

func prefixKey(n ipNumber, length, family int) peerKey {
	return peerKey{n.prefix(length), uint16(length<<1 | family)}
}

func groupKey(g groupIndex) peerKey { return peerKey{ipNumber{high: uint64(g)}, groupKind} }

// lengths is a set of prefix lengths, from 1 to 128.
type lengths [2]uint64

func (l *lengths) add(length int) { l[(length-1)>>6] |= 1 << ((length - 1) & 63) }

// screen returns which of the keys, at most 32, the table may have: a bit each.
func (t *table) screen(keys []hashed) (candidates uint32) {
	for i := range keys {
		bit := keys[i].hash >> t.shift
		candidates |= uint32(t.bits[bit>>6]>>(bit&63)&1) << i
	}
	return candidates
}

// find returns the peer with that key, or nil.
func (t *table) find(k *hashed) *grantee {
	word := k.hash >> t.shift >> 6
	for i := t.starts[word]; i < t.starts[word+1]; i++ {
		if p := &t.peers[i]; p.number == k.key.number && p.kind == k.key.kind {
			return p
		}
	}
	return nil
}

// hashed is a key with its hash, which is computed once for all tables.
type hashed struct {
	key  peerKey
	hash uint64
}
