package vpc

import (
	"cmp"
	"net/netip"
	"slices"
)

// PrefixList is a managed prefix list: CIDRs of one address family that a rule
// names together.
type PrefixList struct {
	ID         string // "pl-" and 17 hexadecimal digits
	Name       string
	IPv6       bool // the family of every entry
	MaxEntries int  // what a rule that names the list counts as
	// Version grows by one with each change of the entries, from 1 on; rules
	// follow the newest. 0 in the input of New stands for 1.
	Version int
	Entries []PrefixListEntry
	// History has the versions before Version, the oldest first, as far back as
	// they are kept (RestoreManagedPrefixListVersion).
	History []PrefixListVersion
	// LastChange is what the EC2 API did last, of which its state tells: "create",
	// "modify" or "restore"; "" of a file's list.
	LastChange string
	Origin     Origin
}

// PrefixListVersion is what the entries of a prefix list were.
type PrefixListVersion struct {
	Number  int
	Entries []PrefixListEntry
}

// PrefixListEntry is one CIDR of a prefix list.
type PrefixListEntry struct {
	CIDR        netip.Prefix // canonical
	Description string
	Origin      Origin
}

// After returns the snapshot with its prefix lists numbered as the successors
// of those in prev, the snapshot before it, or nil if there was none. A list
// that prev has under the same id keeps the version that it has there, or gets
// the next one if its entries differ: their CIDRs or descriptions, in whatever
// order. Its name and max_entries make no version (EC2 API,
// ModifyManagedPrefixList). Other lists stay as they are, so one that is
// removed and made anew begins at 1; and so do lists with a higher version than
// they had in prev.
func (s *Snapshot) After(prev *Snapshot) *Snapshot {
	if prev == nil {
		return s
	}
	next := *s
	next.res.PrefixLists = slices.Clone(s.res.PrefixLists)
	for i := range next.res.PrefixLists {
		l := &next.res.PrefixLists[i]
		old, ok := prev.PrefixList(l.ID)
		if !ok {
			continue
		}
		if l.Version > old.Version {
			continue // numbered by whoever changed it
		}
		l.Version = old.Version
		if !sameEntries(l.Entries, old.Entries) {
			l.Version++
		}
	}
	return &next
}

// sameEntries reports whether two canonical lists have the same entries,
// whatever their order and origins.
func sameEntries(a, b []PrefixListEntry) bool {
	compare := func(x, y PrefixListEntry) int {
		return cmp.Or(x.CIDR.Addr().Compare(y.CIDR.Addr()), cmp.Compare(x.CIDR.Bits(), y.CIDR.Bits()))
	}
	a, b = slices.SortedFunc(slices.Values(a), compare), slices.SortedFunc(slices.Values(b), compare)
	return slices.EqualFunc(a, b, func(x, y PrefixListEntry) bool {
		return x.CIDR == y.CIDR && x.Description == y.Description
	})
}
