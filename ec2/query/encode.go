package query

import (
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

// Document renders an answer: the fields, as Fields made them, after the request's
// id in a root element that is called after the action.
func Document(action, requestID string, fields []byte) []byte {
	var b strings.Builder
	b.WriteString(xml.Header)
	b.WriteString("<" + action + `Response xmlns="` + Namespace + `">`)
	element(&b, "requestId", requestID)
	b.Write(fields)
	b.WriteString("</" + action + "Response>\n")
	return []byte(b.String())
}

// Fields renders the elements of an answer, a struct or a pointer to one. Fields
// that are nil pointers, and empty ones with the option omitempty, are left out;
// all others are there, as empty elements if need be. Embedded structs' fields
// stand among the struct's own.
func Fields(answer any) []byte {
	var b strings.Builder
	encodeFields(&b, reflect.Indirect(reflect.ValueOf(answer)))
	return []byte(b.String())
}

func encodeFields(b *strings.Builder, v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous {
			encodeFields(b, v.Field(i))
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("xml"), ",")
		if strings.Contains(options, "omitempty") && isEmpty(v.Field(i)) {
			continue
		}
		encode(b, name, v.Field(i))
	}
}

func isEmpty(v reflect.Value) bool {
	return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
}

func encode(b *strings.Builder, name string, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if !v.IsNil() {
			encode(b, name, v.Elem())
		}
		return
	}
	if text, ok := textOf(v); ok {
		element(b, name, text)
		return
	}
	b.WriteString("<" + name + ">")
	switch v.Kind() {
	case reflect.Struct:
		encodeFields(b, v)
	case reflect.Slice:
		for i := range v.Len() {
			encode(b, "item", v.Index(i))
		}
	default:
		panic("query: an answer has a field of kind " + v.Kind().String()) // found by the test that goes through all answers
	}
	b.WriteString("</" + name + ">")
}

// textOf returns the text of a scalar.
func textOf(v reflect.Value) (string, bool) {
	switch x := v.Interface().(type) {
	case time.Time:
		return x.UTC().Format(timeForm), true
	case encoding.TextMarshaler:
		text, _ := x.MarshalText() // addresses and prefixes do not fail
		return string(text), true
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), true
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case reflect.Int, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), true
	}
	return "", false
}
