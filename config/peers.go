package config

import (
	"net/netip"
	"strings"

	"github.com/sgate/sgate/vpc"
)

// peers reads whom a rule admits: the source of an ingress rule, the
// destination of an egress rule. What it had to report is not among them.
func (b *builder) peers(it item, g *group, d vpc.Direction, raw rawRule) []vpc.Peer {
	key, ok := it.peerKey(d, "rule", "want a CIDR, a security group, a prefix list or self")
	if !ok {
		return nil
	}
	values := raw.Source
	if d == vpc.Egress {
		values = raw.Destination
	}
	if len(values) == 0 {
		it.misplaced(key, "is an empty list: want at least one CIDR, security group, prefix list or self")
	}
	var out []vpc.Peer
	for _, value := range values {
		if peer, ok := b.peer(it, g, key, string(value)); ok {
			out = append(out, peer)
		}
	}
	return out
}

// peerKey returns the key of the other end in a direction. It returns false if
// there is no value of the right kind, which has been reported.
func (it item) peerKey(d vpc.Direction, kind, want string) (key string, ok bool) {
	key, otherKey := "source", "destination"
	if d == vpc.Egress {
		key, otherKey = otherKey, key
	}
	if it.given(otherKey) {
		it.misplaced(otherKey, "an %s %s has a %s: write it as %s", d, kind, key, key)
		if !it.given(key) {
			return key, false
		}
	}
	if !it.given(key) {
		it.missing(key, "%s", want)
	}
	return key, it.ok(key)
}

// peer finds what one value means. It must mean one thing: a group may well be
// called self, or as a prefix list is. What reads as a CIDR is one, also where a
// group is called so: a CIDR has no id to use instead, and the group has.
func (b *builder) peer(it item, g *group, key, value string) (vpc.Peer, bool) {
	cidr, problem := parseCIDR(value)
	if everywhere, ok := anywhere(value); ok {
		cidr, problem = everywhere, ""
	}
	if problem == "" {
		return vpc.Peer{CIDR: cidr}, true
	}
	var found []vpc.Peer
	if value == "self" {
		found = append(found, vpc.Peer{GroupID: g.ID})
	}
	groups := b.groupsOf(g.VPCID)
	for _, id := range groups.ids[value] {
		if peer := (vpc.Peer{GroupID: id}); value != "self" || id != g.ID {
			found = append(found, peer)
		}
	}
	for _, id := range b.lists.ids[value] {
		found = append(found, vpc.Peer{PrefixListID: id})
	}
	switch {
	case len(found) == 1:
		peer := found[0]
		id := peer.GroupID + peer.PrefixListID
		return peer, id == "" || b.sound[id]
	case len(found) > 1:
		it.fault(key, value, "can mean %s: use an id", meanings(found))
	case problem != "" && looksLikeAddress(value):
		it.fault(key, value, "%s", problem)
	case !groups.partial && !b.lists.partial:
		known := append(append([]string{"self"}, groups.known...), b.lists.known...)
		it.fault(key, value, "there is no such security group in the vpc, and no such prefix list: %s", hint(value, known))
	}
	return vpc.Peer{}, false
}

// anywhere knows the console's source types for everyone.
func anywhere(value string) (netip.Prefix, bool) {
	switch strings.ToLower(value) {
	case "anywhere-ipv4":
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
	case "anywhere-ipv6":
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), true
	}
	return netip.Prefix{}, false
}

// looksLikeAddress reports whether a value that is no name was rather meant as
// an address or a CIDR.
func looksLikeAddress(value string) bool {
	if _, err := netip.ParseAddr(value); err == nil {
		return true
	}
	return value != "" && strings.Trim(value, "0123456789abcdefABCDEF.:/") == "" && strings.ContainsAny(value, ".:/")
}

func meanings(found []vpc.Peer) string {
	var out []string
	for _, p := range found {
		if p.GroupID != "" {
			out = append(out, "security group "+p.GroupID)
		} else {
			out = append(out, "prefix list "+p.PrefixListID)
		}
	}
	return strings.Join(out, " or ")
}
