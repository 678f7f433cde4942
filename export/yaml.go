package export

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/token"
)

// width is how long a line may be that holds a whole mapping.
const width = 120

// write returns a mapping as YAML: short mappings on one line, as people write
// them, and an empty line between sections. The library that reads YAML can write
// either all or nothing so, and does not quote all that takes quotes.
func write(header string, root mapping) []byte {
	w := writer{append([]byte(nil), header...)}
	for _, f := range root {
		w.out = append(w.out, '\n')
		w.field(f, "")
	}
	return w.out
}

type writer struct{ out []byte }

// field writes a key and its value, behind an indent that is there already.
func (w *writer) field(f field, indent string) {
	w.out = append(w.out, f.key...)
	w.out = append(w.out, ':')
	switch value := f.value.(type) {
	case mapping:
		if !w.line(" ", value) {
			w.out = append(w.out, '\n')
			w.block(value, indent+"  ")
		}
	case []mapping:
		if len(value) == 0 {
			w.out = append(w.out, " []\n"...)
			return
		}
		w.out = append(w.out, '\n')
		for _, item := range value {
			w.out = append(w.out, indent...)
			if !w.line("  - ", item) {
				w.out = append(w.out, "  - "...)
				w.rest(item, indent+"    ")
			}
		}
	default:
		w.out = append(w.out, ' ')
		w.flow(value)
		w.out = append(w.out, '\n')
	}
}

// block writes the fields of a mapping, each on lines of its own.
func (w *writer) block(m mapping, indent string) {
	w.out = append(w.out, indent...)
	w.rest(m, indent)
}

// rest is block behind the first indent.
func (w *writer) rest(m mapping, indent string) {
	for i, f := range m {
		if i > 0 {
			w.out = append(w.out, indent...)
		}
		w.field(f, indent)
	}
}

// line writes a mapping on one line, if it fits there and has no lists of mappings
// but tags. Otherwise it writes nothing and returns false.
func (w *writer) line(before string, m mapping) bool {
	for _, f := range m {
		if _, list := f.value.([]mapping); list && f.key != "tags" {
			return false
		}
	}
	start := len(w.out)
	begin := start
	for begin > 0 && w.out[begin-1] != '\n' {
		begin--
	}
	w.out = append(w.out, before...)
	w.flow(m)
	if len(w.out)-begin > width {
		w.out = w.out[:start]
		return false
	}
	w.out = append(w.out, '\n')
	return true
}

// flow writes a value in the form that takes no lines.
func (w *writer) flow(value any) {
	switch value := value.(type) {
	case string:
		w.out = append(w.out, scalar(value)...)
	case []string:
		flowList(w, value)
	case []mapping:
		flowList(w, value)
	case mapping:
		w.out = append(w.out, '{')
		for i, f := range value {
			if i > 0 {
				w.out = append(w.out, ", "...)
			}
			w.out = append(w.out, f.key...)
			w.out = append(w.out, ": "...)
			w.flow(f.value)
		}
		w.out = append(w.out, '}')
	default:
		w.out = fmt.Append(w.out, value)
	}
}

func flowList[T any](w *writer, values []T) {
	w.out = append(w.out, '[')
	for i, value := range values {
		if i > 0 {
			w.out = append(w.out, ", "...)
		}
		w.flow(value)
	}
	w.out = append(w.out, ']')
}

// plain is what means the same with and without quotes wherever it stands, unless
// it is of another kind than a string: 10, true, null.
var plain = regexp.MustCompile(`^[A-Za-z0-9/][A-Za-z0-9 ._/+=@*()-]*[A-Za-z0-9_/+=@*()-]$|^[A-Za-z]$`)

// scalar returns a string as YAML has it.
func scalar(s string) string {
	if plain.MatchString(s) && !token.IsNeedQuoted(s) {
		return s
	}
	return quoted(s)
}

// quoted returns a string in double quotes. What is not printable is escaped, as
// is what a terminal would take for more than text.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			b.WriteString(`\x` + hex(r, 2))
		case r <= 0xffff:
			b.WriteString(`\u` + hex(r, 4))
		default:
			b.WriteString(`\U` + hex(r, 8))
		}
	}
	b.WriteByte('"')
	return b.String()
}

func hex(r rune, digits int) string {
	s := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", digits-len(s)) + s
}
