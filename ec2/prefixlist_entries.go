package ec2

import (
	"net/netip"
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// maxEntriesInCall is how many entries a call can add, and how many it can remove
// (EC2 API, AddPrefixListEntries).
const maxEntriesInCall = 100

// prefixListEntry is an entry on the wire.
type prefixListEntry struct {
	CIDR        string `xml:"cidr" query:"Cidr,required"`
	Description string `xml:"description,omitempty" query:"Description"`
}

// entryToRemove names an entry by its CIDR.
type entryToRemove struct {
	CIDR string `query:"Cidr,required"`
}

// addEntries returns entries with others added.
func addEntries(entries []vpc.PrefixListEntry, add []prefixListEntry, ipv6 bool) ([]vpc.PrefixListEntry, error) {
	out, added := slices.Clone(entries), make(map[netip.Prefix]bool)
	for _, e := range add {
		cidr, err := readCIDR("Cidr", e.CIDR, ipv6)
		switch {
		case err != nil:
			return nil, err
		case added[cidr]:
			return nil, invalid("The same entry must not appear multiple times: %s", cidr)
		case indexOfEntry(entries, cidr) >= 0:
			return nil, query.Errorf("InvalidRequest", "The request received was invalid. The prefix list has an entry %s already: remove it first.", cidr)
		}
		if err := vpc.ValidateDescription(e.Description); err != nil {
			return nil, invalid("The entry %s has an invalid %v", cidr, err)
		}
		added[cidr] = true
		out = append(out, vpc.PrefixListEntry{CIDR: cidr, Description: e.Description})
	}
	return out, nil
}

// removeEntries returns entries without some of them. Terraform knows by the error
// that an entry has gone already.
func removeEntries(entries []vpc.PrefixListEntry, remove []entryToRemove, ipv6 bool) ([]vpc.PrefixListEntry, error) {
	out := slices.Clone(entries)
	for _, e := range remove {
		cidr, err := readCIDR("Cidr", e.CIDR, ipv6)
		if err != nil {
			return nil, err
		}
		i := indexOfEntry(out, cidr)
		if i < 0 {
			return nil, query.Errorf("InvalidPrefixListModification", "The prefix list entry %s does not exist.", cidr)
		}
		out = slices.Delete(out, i, i+1)
	}
	return out, nil
}

func indexOfEntry(entries []vpc.PrefixListEntry, cidr netip.Prefix) int {
	return slices.IndexFunc(entries, func(e vpc.PrefixListEntry) bool { return e.CIDR == cidr })
}

// checkBoth refuses to add what is removed: a change of a description takes two
// calls.
func checkBoth(add []prefixListEntry, remove []entryToRemove, ipv6 bool) error {
	for _, e := range add {
		cidr, err := readCIDR("Cidr", e.CIDR, ipv6)
		if err != nil {
			return err
		}
		for _, gone := range remove {
			if other, err := readCIDR("Cidr", gone.CIDR, ipv6); err == nil && other == cidr {
				return invalid("Request cannot contain Cidr %s in both AddPrefixListEntries and RemovePrefixListEntries", cidr)
			}
		}
	}
	return nil
}
