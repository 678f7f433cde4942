package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// listOf returns resources with one prefix list.
func listOf(entries ...PrefixListEntry) Resources {
	return Resources{PrefixLists: []PrefixList{{ID: "pl-1", Name: "office", MaxEntries: 50, Entries: entries}}}
}

func entryOf(cidr, description string) PrefixListEntry {
	return PrefixListEntry{CIDR: prefix(cidr), Description: description}
}

func TestVersionsOfPrefixLists(t *testing.T) {
	hq, branch := entryOf("203.0.113.0/24", "HQ"), entryOf("198.51.100.0/24", "Branch")
	first := must(t, listOf(hq, branch))
	if got := first.After(nil); got != first || got.PrefixLists()[0].Version != 1 {
		t.Fatalf("the first snapshot: version %d, want 1 and the snapshot as it is", got.PrefixLists()[0].Version)
	}
	given := listOf(hq, branch)
	given.PrefixLists[0].Version = 7
	before := must(t, given)

	moved := hq
	moved.Origin = line(99)
	renamed := listOf(hq, branch)
	renamed.PrefixLists[0].Name, renamed.PrefixLists[0].MaxEntries = "offices", 60
	other := listOf(hq)
	other.PrefixLists[0].ID = "pl-2"
	for _, c := range []struct {
		name string
		next Resources
		want int
	}{
		{"the same", listOf(hq, branch), 7},
		{"another order", listOf(branch, hq), 7},
		{"host bits", listOf(entryOf("203.0.113.9/24", "HQ"), branch), 7},
		{"another place in the file", listOf(moved, branch), 7},
		{"another name and max_entries", renamed, 7},
		{"an entry less", listOf(hq), 8},
		{"no entries", listOf(), 8},
		{"an entry more", listOf(hq, branch, entryOf("192.0.2.0/24", "")), 8},
		{"another prefix length", listOf(entryOf("203.0.113.0/25", "HQ"), branch), 8},
		{"another description", listOf(entryOf("203.0.113.0/24", "Headquarters"), branch), 8},
		{"descriptions exchanged", listOf(entryOf("203.0.113.0/24", "Branch"), entryOf("198.51.100.0/24", "HQ")), 8},
		{"another list", other, 1},
	} {
		next := must(t, c.next)
		after := next.After(before)
		if got := after.PrefixLists()[0].Version; got != c.want {
			t.Errorf("%s: version %d, want %d", c.name, got, c.want)
		}
		if got, ok := after.PrefixList(c.next.PrefixLists[0].ID); !ok || got.Version != c.want {
			t.Errorf("%s: found by id it has version %d, want %d", c.name, got.Version, c.want)
		}
		if got := next.PrefixLists()[0].Version; got != 1 {
			t.Errorf("%s: After changed the snapshot that it was called on: version %d", c.name, got)
		}
	}
	if got := before.PrefixLists()[0].Version; got != 7 {
		t.Errorf("After changed the snapshot before: version %d", got)
	}
}

func TestNegativeVersion(t *testing.T) {
	testFaults(t, []faultCase{
		{"version", func(r *Resources) { r.PrefixLists[0].Version = -1 }, []string{
			`InvalidParameterValue lab.yaml:4:3: prefix list "office": version -1: want 1 or more`,
		}},
		{"max_entries", func(r *Resources) { r.PrefixLists[0].MaxEntries = -1 }, []string{
			`InvalidParameterValue lab.yaml:4:3: prefix list "office": max_entries -1: want at least 1`,
		}},
	})
}

// TestVersionCountsTheChanges holds the version against a model: a map from
// CIDR to description, and one more for each step that changes the map.
func TestVersionCountsTheChanges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		model := make(map[netip.Prefix]string)
		version := 1
		before, err := New(listOf())
		if err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			if changes(rt, model) {
				version++
			}
			next, err := New(listOf(spelt(rt, model)...))
			if err != nil {
				rt.Fatal(err)
			}
			before = next.After(before)
			if got := before.PrefixLists()[0].Version; got != version {
				rt.Fatalf("version %d, want %d, of %v", got, version, model)
			}
		}
	})
}

// changes adds, removes or describes anew an entry, or does nothing. It
// reports whether the model is another now.
func changes(t *rapid.T, model map[netip.Prefix]string) bool {
	cidr := prefix(fmt.Sprintf("10.%d.0.0/16", rapid.IntRange(0, 3).Draw(t, "cidr")))
	description := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "description")
	was, had := model[cidr]
	switch rapid.SampledFrom([]string{"set", "remove", "nothing"}).Draw(t, "change") {
	case "set":
		model[cidr] = description
		return !had || was != description
	case "remove":
		delete(model, cidr)
		return had
	}
	return false
}

// spelt writes the model's entries in some order, with some host bits.
func spelt(t *rapid.T, model map[netip.Prefix]string) []PrefixListEntry {
	var entries []PrefixListEntry
	for cidr, description := range model {
		entries = append(entries, PrefixListEntry{CIDR: cidr, Description: description})
	}
	slices.SortFunc(entries, func(a, b PrefixListEntry) int { return a.CIDR.Addr().Compare(b.CIDR.Addr()) })
	for i := range entries {
		host := LastAddr(entries[i].CIDR)
		if rapid.Bool().Draw(t, "host bits") {
			entries[i].CIDR = netip.PrefixFrom(host, entries[i].CIDR.Bits())
		}
	}
	return rapid.Permutation(entries).Draw(t, "order")
}
