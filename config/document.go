package config

import (
	"reflect"

	"github.com/go-viper/mapstructure/v2"

	"github.com/sgate/sgate/vpc"
)

// Form is a kind of YAML file, in the words of its error messages.
type Form struct {
	Name  string // with its article: "a configuration"
	Least string // what none goes without: "a vpc"
	Keys  string // some of its keys: "vpc, subnets and instances"
}

// The kinds of value that a file's structs have besides Go's own: string, bool,
// int, structs and slices of structs.
type (
	// Text is a string that may be written as a number: port: 443.
	Text = text
	// Texts is one Text or a list of them.
	Texts = texts
	// Word is any scalar, taken as it is written.
	Word string
)

// Document is a file that goes beside configurations, read as strictly: it
// collects what is wrong with the file, each fault with its place.
type Document struct{ root Mapping }

// ReadDocument decodes the YAML file called path. T is a struct whose fields
// have the tags `mapstructure`, the key, and `label`, what an item of the list
// is called in an error; the item's name follows if it has the key name. What
// cannot be decoded is left at its zero value and noted as a fault.
func ReadDocument[T any](path string, data []byte, form Form) (T, *Document) {
	var value T
	index, faults := newIndex(path), &faults{file: path}
	d := &Document{Mapping{item{index, faults, ""}}}
	if len(data) > maxFileSize {
		faults.add(d.root.Origin(), "", "is larger than %d MiB, which %s never is", maxFileSize>>20, form.Name)
		return value, d
	}
	root, ok := parseForm(data, form, faults)
	if !ok {
		return value, d
	}
	tree := checkShapeOf(root, reflect.TypeFor[T](), index, faults)
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{Result: &value, ErrorUnused: true})
	if err == nil {
		err = decoder.Decode(tree)
	}
	if err != nil { // never: the shape is that of T
		faults.add(d.root.Origin(), "", "%v", err)
	}
	return value, d
}

// Root returns the file's one mapping.
func (d *Document) Root() Mapping { return d.root }

// Err joins a *vpc.Error for each fault, in the order of the file; nil if there
// is none.
func (d *Document) Err() error { return d.root.it.faults.err() }

// Mapping is a mapping of a document, as the place of what is wrong with it.
type Mapping struct{ it item }

// Item returns the i-th mapping of the list at a key, counted from 0.
func (m Mapping) Item(key string, i int) Mapping { return Mapping{m.it.child(key, i)} }

// Origin returns where the mapping begins.
func (m Mapping) Origin() vpc.Origin { return m.it.origin() }

// At returns where the i-th value of a key stands, counted from 0, which is
// where the key's value stands if that is no list.
func (m Mapping) At(key string, i int) vpc.Origin {
	if at, ok := m.it.places[listItem(m.it.key(key), i)]; ok {
		return at
	}
	return m.it.at(m.it.key(key))
}

// Broken reports whether there is something else than a mapping.
func (m Mapping) Broken() bool { return m.it.broken() }

// Given reports whether the mapping has the key, well formed or not.
func (m Mapping) Given(key string) bool { return m.it.given(key) }

// OK reports whether it has the key with a value of the right kind.
func (m Mapping) OK(key string) bool { return m.it.ok(key) }

// Fault notes what is wrong with the i-th value of a key, counted from 0.
func (m Mapping) Fault(key string, i int, value, format string, args ...any) {
	m.it.faults.add(m.At(key, i), join(m.it.subject(), key+" "+quote(value), ": "), format, args...)
}

// Misplaced notes a key that must not be there, or not so.
func (m Mapping) Misplaced(key, format string, args ...any) { m.it.misplaced(key, format, args...) }

// Missing notes a key that ought to be there.
func (m Mapping) Missing(key, format string, args ...any) { m.it.missing(key, format, args...) }

// Note notes what is wrong with the mapping as a whole.
func (m Mapping) Note(format string, args ...any) {
	m.it.faults.add(m.it.origin(), m.it.subject(), format, args...)
}

// Hint ends a message about a name that nobody knows: with the known ones that
// are near it, else with all.
func Hint(got string, known []string) string { return hint(got, known) }

// ParsePorts reads 443 or 8000-8100, or returns what is wrong with it.
func ParsePorts(s string) (first, last int32, problem string) { return parsePorts(s) }
