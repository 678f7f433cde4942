package config

import "github.com/sgate/sgate/vpc"

// The address families of prefix lists, as AWS writes them.
const (
	familyIPv4 = "IPv4"
	familyIPv6 = "IPv6"
)

// isIPv6 reads the family of a prefix list, which its first entry shows unless
// there is none.
func (it item) isIPv6(value string, entries []vpc.PrefixListEntry) bool {
	shown := len(entries) > 0 && entries[0].CIDR.Addr().Is6()
	switch {
	case !it.ok("address_family"):
		return shown
	case value != familyIPv4 && value != familyIPv6:
		it.fault("address_family", value, "want %s or %s", familyIPv4, familyIPv6)
		return shown
	case len(entries) > 0 && shown != (value == familyIPv6):
		it.fault("address_family", value, "the entries are of the other one")
		return shown
	}
	return value == familyIPv6
}

// history reads the versions that a prefix list had before.
func (b *builder) history(list item, raw rawPrefixList, ipv6 bool) []vpc.PrefixListVersion {
	if list.ok("version") && raw.Version < 1 {
		list.misplaced("version", "%d: want 1 or more", raw.Version)
	}
	var out []vpc.PrefixListVersion
	last := 0
	for i, old := range raw.History {
		it := list.child("history", i)
		if it.broken() {
			continue
		}
		switch {
		case !it.given("version"):
			it.missing("version", "want its number")
		case !it.ok("version") || list.bad[list.key("version")]:
		case old.Version <= last || old.Version >= max(1, raw.Version):
			it.misplaced("version", "%d: want versions from 1 up, each above the one before, and all below the list's version, %d",
				old.Version, max(1, raw.Version))
		}
		last = old.Version
		out = append(out, vpc.PrefixListVersion{Number: old.Version, Entries: b.oldEntries(it, old.Entries, ipv6)})
	}
	return out
}

// oldEntries reads the entries of an earlier version, held against the same rules
// as those in force.
func (b *builder) oldEntries(it item, raws []rawEntry, ipv6 bool) []vpc.PrefixListEntry {
	entries := b.entries(it, raws)
	seen := make(map[string]bool, len(entries))
	for _, e := range entries {
		switch {
		case e.CIDR.Addr().Is6() != ipv6:
			b.root.faults.add(e.Origin, it.subject(), "entry %s: a list has one address family, %s", e.CIDR, family(ipv6))
		case seen[e.CIDR.String()]:
			b.root.faults.add(e.Origin, it.subject(), "entry %s: stands in the list twice", e.CIDR)
		}
		seen[e.CIDR.String()] = true
	}
	return entries
}
