package query

import (
	"bytes"
	"encoding"
	"encoding/xml"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// timeForm is how EC2 writes times.
const timeForm = "2006-01-02T15:04:05.000Z"

// Namespace is the XML namespace of EC2's answers.
const Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// Begin begins the document of an answer at the end of dst: a root element that is
// called after the action, and in it the request's id. Append and End go on.
func Begin(dst []byte, action, requestID string) []byte {
	b := bytes.NewBuffer(dst)
	b.WriteString(xml.Header)
	b.WriteString("<" + action + `Response xmlns="` + Namespace + `">`)
	element(b, "requestId", requestID)
	return b.Bytes()
}

// End ends the document.
func End(dst []byte, action string) []byte { return append(dst, "</"+action+"Response>\n"...) }

// Append renders the elements of an answer, a struct or a pointer to one, at the end
// of dst. Fields that are nil pointers, and empty ones with the option omitempty,
// are left out; all others are there, as empty elements if need be. Embedded
// structs' fields stand among the struct's own.
func Append(dst []byte, answer any) []byte {
	e := encoder{Buffer: *bytes.NewBuffer(dst), shapes: make(map[reflect.Type][]field)}
	e.fields(reflect.Indirect(reflect.ValueOf(answer)))
	return e.Bytes()
}

// encoder renders one answer. What it finds out about a type it keeps, because an
// answer has thousands of values of a few types.
type encoder struct {
	bytes.Buffer
	shapes map[reflect.Type][]field
}

// field is how a field of a struct is rendered.
type field struct {
	index       []int // through embedded structs
	open, close string
	omitEmpty   bool
	text        func(reflect.Value) string // nil: not a scalar
}

func tagsOf(name string) (open, close string) { return "<" + name + ">", "</" + name + ">" }

// shape returns the fields of a struct type, those of embedded ones included.
func (e *encoder) shape(of reflect.Type) []field {
	fields, known := e.shapes[of]
	if known {
		return fields
	}
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			for _, inner := range e.shape(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("xml"), ",")
		next := field{index: f.Index, omitEmpty: strings.Contains(options, "omitempty"), text: textOf(elem(f.Type))}
		next.open, next.close = tagsOf(name)
		fields = append(fields, next)
	}
	e.shapes[of] = fields
	return fields
}

// elem returns what a pointer type points to, or else the type.
func elem(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// fields renders a struct's fields.
func (e *encoder) fields(v reflect.Value) {
	fields := e.shape(v.Type())
	for i := range fields {
		f := &fields[i]
		value := v.FieldByIndex(f.index)
		switch {
		case value.Kind() == reflect.Pointer && value.IsNil(), f.omitEmpty && isEmpty(value):
			continue
		case value.Kind() == reflect.Pointer:
			value = value.Elem()
		}
		e.WriteString(f.open)
		e.value(value, f.text)
		e.WriteString(f.close)
	}
}

func isEmpty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice {
		return v.Len() == 0
	}
	return v.IsZero()
}

// value renders what stands inside an element.
func (e *encoder) value(v reflect.Value, text func(reflect.Value) string) {
	switch {
	case text != nil:
		escape(&e.Buffer, text(v))
	case v.Kind() == reflect.Struct:
		e.fields(v)
	case v.Kind() == reflect.Slice:
		e.items(v)
	default:
		panic("query: an answer has a field of kind " + v.Kind().String()) // found by the test that goes through all answers
	}
}

// items renders the elements of a list.
func (e *encoder) items(v reflect.Value) {
	text := textOf(v.Type().Elem())
	for i := range v.Len() {
		e.WriteString("<item>")
		e.value(v.Index(i), text)
		e.WriteString("</item>")
	}
}

// textOf returns what makes the text of scalars of a type, or nil.
func textOf(t reflect.Type) func(reflect.Value) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return func(v reflect.Value) string { return v.Interface().(time.Time).UTC().Format(timeForm) }
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return func(v reflect.Value) string {
			text, _ := v.Interface().(encoding.TextMarshaler).MarshalText() // addresses and prefixes do not fail
			return string(text)
		}
	}
	switch t.Kind() {
	case reflect.String:
		return reflect.Value.String
	case reflect.Bool:
		return func(v reflect.Value) string { return strconv.FormatBool(v.Bool()) }
	case reflect.Int, reflect.Int32, reflect.Int64:
		return func(v reflect.Value) string { return strconv.FormatInt(v.Int(), 10) }
	}
	return nil
}

// element writes one element that holds text.
func element(b *bytes.Buffer, name, text string) {
	open, close := tagsOf(name)
	b.WriteString(open)
	escape(b, text)
	b.WriteString(close)
}

// escape writes text. What XML cannot hold becomes U+FFFD.
func escape(b *bytes.Buffer, text string) {
	if isPlain(text) {
		b.WriteString(text)
		return
	}
	_ = xml.EscapeText(b, []byte(text)) // a Buffer does not fail
}

// isPlain reports whether text stands in XML as it is, which is quickly seen.
func isPlain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < 0x20, c > 0x7e, c == '<', c == '>', c == '&', c == '"', c == '\'':
			return false
		}
	}
	return true
}
