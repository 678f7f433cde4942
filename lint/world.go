package lint

import (
	"net/netip"

	"github.com/sgate/sgate/vpc"
)

// isWorld reports whether a CIDR stands for the Internet at large: 0.0.0.0/0 and
// ::/0 as AWS's own checks have it, and what is nearly that, because 0.0.0.0/1
// beside 128.0.0.0/1 is the same under another name. No one organisation has
// more than a /8 of IPv4 (there is no private block above it, either), nor more
// than a /13 of IPv6; regional registries have /12s.
func isWorld(cidr netip.Prefix) bool {
	if !cidr.IsValid() {
		return false
	}
	if cidr.Addr().Is4() {
		multicast := netip.PrefixFrom(netip.AddrFrom4([4]byte{224}), 3) // and reserved: nobody sends from there
		return cidr.Bits() < 8 && (cidr.Bits() < multicast.Bits() || !multicast.Overlaps(cidr))
	}
	// Unique local addresses, fc00::/7, are private.
	unicast := netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20}), 3)
	return cidr.Bits() <= 12 && unicast.Overlaps(cidr)
}

// list is a prefix list, looked through once.
type list struct {
	vpc.PrefixList
	world string // an entry that is the world, "" if there is none
	parts []netip.Prefix
}

func newList(p vpc.PrefixList) *list {
	l := &list{PrefixList: p}
	for _, e := range p.Entries {
		l.parts = append(l.parts, e.CIDR)
		if l.world == "" && isWorld(e.CIDR) {
			l.world = e.CIDR.String()
		}
	}
	return l
}

// isWorldPeer reports whether a rule's peer is the world.
func (l *linter) isWorldPeer(p vpc.Peer) bool {
	if p.PrefixListID != "" {
		return l.lists[p.PrefixListID].world != ""
	}
	return isWorld(p.CIDR)
}

// isIPv6 reports whether a CIDR or a prefix list is IPv6's; ok is false for a
// group, which may have members of both families.
func (l *linter) isIPv6(p vpc.Peer) (is, ok bool) {
	switch {
	case p.PrefixListID != "":
		return l.lists[p.PrefixListID].IPv6, true
	case p.CIDR.IsValid():
		return p.CIDR.Addr().Is6(), true
	}
	return false, false
}
