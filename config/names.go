package config

import (
	"slices"
	"strings"
)

// names resolves what a file calls resources of one kind to their ids.
type names struct {
	ids   map[string][]string // by name, and by id
	known []string            // the names, in the file's order
	// partial is set if a declaration's name could not be read. A name that
	// is not found may then be that one.
	partial bool
	taken   map[string]bool // names, in lower case
}

func newNames() *names {
	return &names{ids: make(map[string][]string), taken: make(map[string]bool)}
}

// declare makes a resource known by name and by id. It returns false if the
// name is taken, letter case aside: AWS does so with group names, and in other
// names a difference in case alone is a trap.
func (n *names) declare(name, id string) bool {
	if n.taken[strings.ToLower(name)] {
		return false
	}
	n.taken[strings.ToLower(name)] = true
	n.known = append(n.known, name)
	n.add(name, id)
	n.add(id, id)
	return true
}

// share makes a resource known by id, and by its name if it has one, which
// others may have as well.
func (n *names) share(name, id string) {
	n.add(id, id)
	if name == "" {
		n.known = append(n.known, id)
		return
	}
	n.taken[strings.ToLower(name)] = true
	n.known = append(n.known, name)
	n.add(name, id)
}

func (n *names) add(ref, id string) {
	if !slices.Contains(n.ids[ref], id) {
		n.ids[ref] = append(n.ids[ref], id)
	}
}

// resolve returns the id of the resource that it.key names as ref. It returns
// "" if there is none or more than one, which it reports.
func (n *names) resolve(it item, key, ref, kind string) string {
	ids := n.ids[ref]
	switch {
	case len(ids) == 1:
		return ids[0]
	case len(ids) > 1 && !slices.Contains(ids, ref):
		it.fault(key, ref, "is the name of several: use an id, %s", strings.Join(ids, " or "))
	case len(ids) > 1:
		it.fault(key, ref, "is the name of one %s and the id of another: use an id", kind)
	case !n.partial:
		it.fault(key, ref, "there is no such %s: %s", kind, hint(ref, n.known))
	}
	return ""
}
