package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
	"github.com/sgate/sgate/vpc"
)

// shape holds a syntax tree against the raw structs.
type shape struct {
	index  *index
	faults *faults
	known  map[reflect.Type]fields
}

// checkShape reports every key and value that the raw structs have no place
// for, fills the index, and returns what is left as the maps, lists and values
// that decode into the raw structs without conversion. A list keeps its length:
// an item of the wrong kind becomes an empty one and is marked in the index.
func checkShape(root *ast.MappingNode, index *index, f *faults) map[string]any {
	return checkShapeOf(root, reflect.TypeFor[rawFile](), index, f)
}

// checkShapeOf is checkShape for a file whose keys are the fields of struct t.
func checkShapeOf(root *ast.MappingNode, t reflect.Type, index *index, f *faults) map[string]any {
	s := &shape{index, f, make(map[reflect.Type]fields)}
	return s.mapping(root, t, "", "")
}

// mapping converts a mapping whose keys are the fields of struct t.
func (s *shape) mapping(node *ast.MappingNode, t reflect.Type, path, subject string) map[string]any {
	s.index.subjects[path] = subject
	fields := s.fieldsOf(t)
	seen := make(map[string]vpc.Origin)
	out := make(map[string]any)
	for _, pair := range node.Values {
		at := s.origin(pair.Key)
		name, isName := pair.Key.(*ast.StringNode)
		if !isName {
			s.faults.add(at, subject, "want a key, got %s", describe(pair.Key))
			continue
		}
		key := name.Value
		if first, twice := seen[key]; twice {
			s.faults.add(at, subject, "the key %s stands here twice (first at %s)", quote(key), first)
			continue
		}
		seen[key] = at
		field, known := fields.byKey[key]
		if !known {
			s.index.unknown[path] = true
			s.faults.add(at, subject, "unknown key %s: %s", quote(key), hint(key, fields.keys))
			continue
		}
		here := join(path, key, ".")
		s.index.places[here] = s.origin(pair.Value)
		if tok := pair.Value.GetToken(); tok != nil && tok.Type == token.ImplicitNullType {
			s.index.places[here] = at // what is not there stands nowhere
		}
		if v, ok := s.value(pair.Value, field, here, subject); ok {
			out[key] = v
		}
	}
	return out
}

// value converts the value of a key. It returns false if it had to report it.
func (s *shape) value(node ast.Node, field reflect.StructField, path, subject string) (any, bool) {
	t, label := field.Type, field.Tag.Get("label")
	switch {
	case t.Kind() == reflect.Struct:
		if m, ok := node.(*ast.MappingNode); ok {
			return s.mapping(m, t, path, join(subject, s.called(m, t, label, ""), ": ")), true
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		if list, ok := node.(*ast.SequenceNode); ok {
			return s.items(list, t.Elem(), path, subject, label), true
		}
	default:
		if v, ok := plain(node, t); ok {
			s.placeItems(node, path)
			return v, true
		}
	}
	s.index.bad[path] = true
	key := field.Tag.Get("mapstructure")
	s.faults.add(s.index.places[path], join(subject, key, ": "), "%s", wrongKind(node, t))
	return nil, false
}

// placeItems notes where the items of a list of plain values stand.
func (s *shape) placeItems(node ast.Node, path string) {
	if list, ok := node.(*ast.SequenceNode); ok {
		for i, item := range list.Values {
			s.index.places[listItem(path, i)] = s.origin(item)
		}
	}
}

func (s *shape) items(list *ast.SequenceNode, t reflect.Type, path, subject, label string) []any {
	out := make([]any, 0, len(list.Values))
	for i, node := range list.Values {
		here := listItem(path, i)
		s.index.places[here] = s.origin(node)
		m, ok := node.(*ast.MappingNode)
		if !ok {
			name := join(subject, fmt.Sprintf("%s %d", label, i+1), ": ")
			s.index.bad[here], s.index.subjects[here] = true, name
			s.faults.add(s.index.places[here], name, "want a mapping with keys such as %s, got %s",
				strings.Join(s.fieldsOf(t).keys[:2], " and "), describe(node))
			out = append(out, map[string]any{})
			continue
		}
		name := s.called(m, t, label, fmt.Sprint(" ", i+1))
		out = append(out, s.mapping(m, t, here, join(subject, name, ": ")))
	}
	return out
}

func (s *shape) origin(node ast.Node) vpc.Origin { return origin(s.index.file, node) }

// called returns what an error calls a mapping: its label and its name if it
// has one, else its number. An entry of a network ACL has a number of its own.
func (s *shape) called(m *ast.MappingNode, t reflect.Type, label, number string) string {
	known := s.fieldsOf(t).byKey
	_, hasName := known["name"]
	_, hasNumber := known["number"]
	for _, pair := range m.Values {
		key, isKey := pair.Key.(*ast.StringNode)
		if !isKey {
			continue
		}
		if name, is := pair.Value.(*ast.StringNode); is && hasName && key.Value == "name" {
			return label + " " + quote(name.Value)
		}
		if n, is := pair.Value.(*ast.IntegerNode); is && hasNumber && key.Value == "number" {
			return label + " number " + n.Token.Value
		}
	}
	if hasName && number == "" {
		return label + " " + quote(defaultVPCName)
	}
	return label + number
}

type fields struct {
	keys  []string // in the order of the struct
	byKey map[string]reflect.StructField
}

// fieldsOf returns the keys of a raw struct.
func (s *shape) fieldsOf(t reflect.Type) fields {
	if f, ok := s.known[t]; ok {
		return f
	}
	f := fields{byKey: make(map[string]reflect.StructField)}
	for _, field := range reflect.VisibleFields(t) {
		if key := field.Tag.Get("mapstructure"); !strings.HasPrefix(key, ",") {
			f.keys = append(f.keys, key)
			f.byKey[key] = field
		}
	}
	s.known[t] = f
	return f
}
