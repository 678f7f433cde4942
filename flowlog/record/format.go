package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Format is which fields a record has, in which order. It can be compared with
// ==. The zero value has none.
type Format struct{ fields string } // a byte for each

// Default returns the default format: the fields of version 2.
func Default() Format {
	var all []byte
	for f := Version; f <= LogStatus; f++ {
		all = append(all, byte(f))
	}
	return Format{string(all)}
}

// UnknownFieldError says that a format names a field which there is none of.
type UnknownFieldError struct{ Name string }

// Error lists the fields that there are.
func (e *UnknownFieldError) Error() string {
	return fmt.Sprintf("unknown field %q: known are %s", e.Name, strings.Join(FieldNames(), ", "))
}

// Parse reads a format as AWS's LogFormat has it: "${srcaddr} ${dstaddr}". It
// returns an UnknownFieldError for a field that AWS has not got either.
func Parse(text string) (Format, error) {
	var all []byte
	for _, word := range strings.Fields(text) {
		field, err := parseField(word)
		if err != nil {
			return Format{}, err
		}
		if slices.Contains(all, byte(field)) {
			return Format{}, fmt.Errorf("%s stands there twice", word)
		}
		all = append(all, byte(field))
	}
	if len(all) == 0 {
		return Format{}, errors.New("want at least one field, such as ${srcaddr} ${dstaddr}")
	}
	return Format{string(all)}, nil
}

func parseField(word string) (Field, error) {
	name, opened := strings.CutPrefix(word, "${")
	name, closed := strings.CutSuffix(name, "}")
	if !opened || !closed || name == "" || strings.ContainsAny(name, "${}") {
		return 0, fmt.Errorf("%q: want fields as ${srcaddr}, with a space between two", word)
	}
	if at := slices.Index(FieldNames(), name); at >= 0 {
		return Field(at), nil
	}
	if why := unsupported(name); why != "" {
		return 0, fmt.Errorf("field %q: %s", name, why)
	}
	return 0, &UnknownFieldError{name}
}

// Version returns the highest version among the fields.
func (f Format) Version() int {
	version := 2
	for i := range len(f.fields) {
		version = max(version, Field(f.fields[i]).Version())
	}
	return version
}

// String returns the format as Parse reads it.
func (f Format) String() string { return f.join("${", "}") }

// Header returns the names of the fields, as they head a file.
func (f Format) Header() string { return f.join("", "") }

func (f Format) join(before, after string) string {
	var b strings.Builder
	for i := range len(f.fields) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(before + Field(f.fields[i]).String() + after)
	}
	return b.String()
}
