package export

import "github.com/sgate/sgate/vpc"

func (x *exporter) prefixLists() []mapping {
	var out []mapping
	for _, l := range x.PrefixLists() {
		m := new(mapping)
		x.names.lists.called(m, l.ID, func(name string) string { return vpc.NewID("pl", name) })
		if l.IPv6 && len(l.Entries) == 0 {
			m.set("address_family", "IPv6")
		}
		if l.MaxEntries != max(1, len(l.Entries)) {
			m.set("max_entries", l.MaxEntries)
		}
		if l.Version > 1 {
			m.set("version", l.Version)
		}
		m.items("tags", x.tags(l.ID))
		m.items("entries", listEntries(l.Entries))
		m.items("history", history(l.History))
		m.items("lint_ignore", x.silenced(l.Origin))
		out = append(out, *m)
	}
	return out
}

func listEntries(entries []vpc.PrefixListEntry) []mapping {
	var out []mapping
	for _, e := range entries {
		m := new(mapping)
		m.set("cidr", e.CIDR.String())
		m.text("description", e.Description)
		out = append(out, *m)
	}
	return out
}

func history(versions []vpc.PrefixListVersion) []mapping {
	var out []mapping
	for _, v := range versions {
		m := new(mapping)
		m.set("version", v.Number)
		m.items("entries", listEntries(v.Entries))
		out = append(out, *m)
	}
	return out
}
