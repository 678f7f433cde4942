package export

import "time"

// mapping is a mapping of a file, its keys in order. A value is a string, an int,
// a bool, a list of strings, a mapping or a list of mappings.
type mapping []field

type field struct {
	key   string
	value any
}

func (m *mapping) set(key string, value any) { *m = append(*m, field{key, value}) }

// The methods below leave the key out where the value is what the file says
// without it.

func (m *mapping) text(key, value string) {
	if value != "" {
		m.set(key, value)
	}
}

// unless writes a text that differs from what it would be without.
func (m *mapping) unless(key, value, otherwise string) {
	if value != otherwise {
		m.set(key, value)
	}
}

func (m *mapping) number(key string, n int) {
	if n != 0 {
		m.set(key, n)
	}
}

func (m *mapping) seconds(key string, d time.Duration) { m.number(key, int(d/time.Second)) }

func (m *mapping) flag(key string, value, otherwise bool) {
	if value != otherwise {
		m.set(key, value)
	}
}

func (m *mapping) time(key string, at, otherwise time.Time) {
	if !at.Equal(otherwise) {
		m.set(key, at.UTC().Format(time.RFC3339Nano))
	}
}

// texts writes a list.
func (m *mapping) texts(key string, values []string) {
	if len(values) > 0 {
		m.set(key, values)
	}
}

// oneOrMore writes one value as such, and more as a list.
func (m *mapping) oneOrMore(key string, values []string) {
	if len(values) == 1 {
		m.set(key, values[0])
		return
	}
	m.set(key, values)
}

func (m *mapping) mapping(key string, value mapping) {
	if len(value) > 0 {
		m.set(key, value)
	}
}

func (m *mapping) items(key string, values []mapping) {
	if len(values) > 0 {
		m.set(key, values)
	}
}
