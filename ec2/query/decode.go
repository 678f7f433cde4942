package query

import (
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Ignored is the type of a parameter that is taken and has no effect here. Its
// field may be called _.
type Ignored struct{}

// reserved are the parameters that no action has of its own.
var reserved = []string{"Action", "Version"}

// Decode fills the struct that into points to from a form. Fields that are
// pointers stay nil where the form has nothing for them. The error is an *Error:
// UnknownParameter, MissingParameter or InvalidParameterValue.
func Decode(form url.Values, into any) error {
	root := &node{}
	for key, values := range form {
		if len(values) != 1 {
			return Errorf("InvalidParameterValue", "The parameter %s appears %d times", key, len(values))
		}
		if slices.Contains(reserved, key) {
			continue
		}
		if err := root.add(key, values[0]); err != nil {
			return err
		}
	}
	return root.decode("", reflect.ValueOf(into).Elem())
}

// node is a place in the tree that the dots in the names of parameters span.
type node struct {
	value *string
	below map[string]*node
}

// maxDepth is deeper than any parameter of EC2.
const maxDepth = 12

func (n *node) add(key, value string) error {
	parts := strings.Split(key, ".")
	if len(parts) > maxDepth {
		return Errorf("UnknownParameter", "The parameter %s is not recognized", key)
	}
	for _, part := range parts {
		if n.below == nil {
			n.below = make(map[string]*node)
		}
		if n.below[part] == nil {
			n.below[part] = &node{}
		}
		n = n.below[part]
	}
	n.value = &value
	return nil
}

// decode fills v, which the parameter path names.
func (n *node) decode(path string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return n.decode(path, v.Elem())
	case reflect.Struct:
		return n.decodeStruct(path, v)
	case reflect.Slice:
		return n.decodeList(path, v)
	}
	if n.value == nil || n.below != nil {
		least := slices.Min(slices.Collect(maps.Keys(n.below)))
		return Errorf("UnknownParameter", "The parameter %s is not recognized", n.below[least].anyBelow(join(path, least)))
	}
	return scalar(path, *n.value, v)
}

// anyBelow returns the whole name of a parameter at or below a node.
func (n *node) anyBelow(path string) string {
	for n.value == nil {
		least := slices.Min(slices.Collect(maps.Keys(n.below)))
		path, n = join(path, least), n.below[least]
	}
	return path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (n *node) decodeStruct(path string, v reflect.Value) error {
	if n.value != nil {
		return Errorf("UnknownParameter", "The parameter %s is not recognized", path)
	}
	known := make(map[string]bool)
	if err := n.decodeFields(path, v, known); err != nil {
		return err
	}
	var unknown []string
	for name := range n.below {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		name := slices.Min(unknown)
		return Errorf("UnknownParameter", "The parameter %s is not recognized", n.below[name].anyBelow(join(path, name)))
	}
	return nil
}

// decodeFields fills the fields of a struct, those of embedded ones included.
func (n *node) decodeFields(path string, v reflect.Value, known map[string]bool) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous {
			if err := n.decodeFields(path, v.Field(i), known); err != nil {
				return err
			}
			continue
		}
		name, option, _ := strings.Cut(field.Tag.Get("query"), ",")
		known[name] = true
		at := n.below[name]
		if field.Type == reflect.TypeFor[Ignored]() {
			continue
		}
		if at == nil {
			if option == "required" {
				return Errorf("MissingParameter", "The request must contain the parameter %s", join(path, name))
			}
			continue
		}
		if err := at.decode(join(path, name), v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

// decodeList fills a slice from name.1, name.2 and so on. Numbers may be left
// out; their order counts.
func (n *node) decodeList(path string, v reflect.Value) error {
	if n.value != nil {
		if *n.value == "" && n.below == nil {
			return nil // an empty list, as botocore sends it
		}
		return Errorf("UnknownParameter", "The parameter %s is not recognized", path)
	}
	numbers := make([]int, 0, len(n.below))
	for name := range n.below {
		number, err := strconv.Atoi(name)
		if err != nil || number < 0 || strconv.Itoa(number) != name {
			return Errorf("InvalidParameterValue", "The parameter %s is not a list: want %s.1", join(path, name), path)
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	v.Set(reflect.MakeSlice(v.Type(), len(numbers), len(numbers)))
	for i, number := range numbers {
		name := strconv.Itoa(number)
		if err := n.below[name].decode(join(path, name), v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func scalar(path, value string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		if !isText(value) {
			return Errorf("InvalidParameterValue", "Value (%.200q) for parameter %s is invalid. Want UTF-8 without control characters.", value, path)
		}
		v.SetString(value)
		return nil
	case reflect.Bool:
		switch strings.ToLower(value) {
		case "true", "1":
			v.SetBool(true)
		case "false", "0":
			v.SetBool(false)
		default:
			return Errorf("InvalidParameterValue", "Value (%s) for parameter %s is invalid. Want true or false.", value, path)
		}
		return nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		number, err := strconv.ParseInt(value, 10, v.Type().Bits())
		if err != nil {
			return Errorf("InvalidParameterValue", "Value (%s) for parameter %s is invalid. Want an integer.", value, path)
		}
		v.SetInt(number)
		return nil
	}
	panic("query: a request has a field of kind " + v.Kind().String()) // found by the test that goes through all requests
}

// isText reports whether XML 1.0 can hold a value (section 2.2), so that answers
// can tell it as it is, and the state file, which is JSON, keep it.
func isText(value string) bool {
	if !utf8.ValidString(value) {
		return false
	}
	return !strings.ContainsFunc(value, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
	})
}
