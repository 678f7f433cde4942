package config

import (
	"fmt"
	"strings"

	"github.com/sgate/sgate/vpc"
)

// index knows where the file says what. Paths are those of the raw structs,
// such as security_groups[0].ingress[1].port_range; the file as a whole is "".
type index struct {
	file     string
	places   map[string]vpc.Origin // where a value or an item begins
	bad      map[string]bool       // values that the shape check has reported
	unknown  map[string]bool       // mappings with a key that nobody knows
	subjects map[string]string     // what a mapping is called in an error
}

func newIndex(file string) *index {
	return &index{
		file:     file,
		places:   make(map[string]vpc.Origin),
		bad:      make(map[string]bool),
		unknown:  make(map[string]bool),
		subjects: make(map[string]string),
	}
}

// at returns where path stands, or where what it is missing from stands.
func (x *index) at(path string) vpc.Origin {
	for path != "" {
		if o, ok := x.places[path]; ok {
			return o
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return vpc.Origin{File: x.file, Line: 1, Column: 1}
}

// item is one mapping of the file, as the place to report faults at.
type item struct {
	*index
	faults *faults
	path   string
}

func (it item) origin() vpc.Origin { return it.at(it.path) }

func (it item) subject() string { return it.subjects[it.path] }

func (it item) key(key string) string { return join(it.path, key, ".") }

// child returns the i-th item of one of the mapping's lists.
func (it item) child(list string, i int) item {
	it.path = listItem(it.key(list), i)
	return it
}

// section returns the mapping at one of the mapping's keys.
func (it item) section(key string) item {
	it.path = it.key(key)
	return it
}

// broken reports whether the mapping as such was refused.
func (it item) broken() bool { return it.bad[it.path] }

// given reports whether the file has the key, well formed or not.
func (it item) given(key string) bool {
	_, ok := it.places[it.key(key)]
	return ok
}

// ok reports whether the file has the key with a value of the right kind.
func (it item) ok(key string) bool { return it.given(key) && !it.bad[it.key(key)] }

// fault reports a value of the mapping.
func (it item) fault(key, value, format string, args ...any) {
	it.faults.add(it.at(it.key(key)), join(it.subject(), key+" "+quote(value), ": "), format, args...)
}

// misplaced reports a key that must not be there.
func (it item) misplaced(key, format string, args ...any) {
	it.faults.add(it.at(it.key(key)), join(it.subject(), key, ": "), format, args...)
}

// missing reports a key that ought to be there. A mapping with an unknown key
// has probably just misspelt it, and that has been reported.
func (it item) missing(key, format string, args ...any) {
	if !it.unknown[it.path] {
		it.faults.add(it.origin(), it.subject(), "%s is missing: %s", key, fmt.Sprintf(format, args...))
	}
}

func listItem(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func join(a, b, separator string) string {
	if a == "" {
		return b
	}
	return a + separator + b
}

// quote returns s for a message: in quotes, on one line, not endless.
func quote(s string) string {
	const most = 64
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "..."
	}
	return fmt.Sprintf("%q", s)
}
