package config

import (
	"fmt"
	"math"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// plain converts a value that is no mapping and no list of mappings to what
// decodes into t. It returns false if the value is not of that kind.
func plain(node ast.Node, t reflect.Type) (any, bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[text]():
		return asText(node)
	case reflect.TypeFor[texts]():
		if list, ok := node.(*ast.SequenceNode); ok {
			return eachOf(list, asText)
		}
		one, ok := asText(node)
		return []any{one}, ok
	case reflect.TypeFor[Word]():
		return asWord(node)
	case reflect.TypeFor[words]():
		if list, ok := node.(*ast.SequenceNode); ok {
			return eachOf(list, asWord)
		}
		return nil, false
	}
	switch t.Kind() {
	case reflect.String:
		return asString(node)
	case reflect.Bool:
		if b, ok := node.(*ast.BoolNode); ok {
			return b.Value, true
		}
	case reflect.Int:
		if n, ok := node.(*ast.IntegerNode); ok {
			return asInt(n)
		}
	}
	return nil, false
}

func eachOf(list *ast.SequenceNode, as func(ast.Node) (string, bool)) ([]any, bool) {
	out := make([]any, 0, len(list.Values))
	for _, node := range list.Values {
		v, ok := as(node)
		if !ok {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}

func asString(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

// asText takes integers as they are written: port 0443 must stay a mistake and
// not become octal.
func asText(node ast.Node) (string, bool) {
	if n, ok := node.(*ast.IntegerNode); ok {
		return n.Token.Value, true
	}
	return asString(node)
}

// asWord takes any scalar as it is written: the command `true`, the version 1.10.
func asWord(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.BoolNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return asText(node)
}

func asInt(node *ast.IntegerNode) (any, bool) {
	switch v := node.Value.(type) {
	case int64:
		return int(v), true
	case uint64:
		return int(v), v <= math.MaxInt64
	}
	return nil, false
}

// wrongKind says what a value ought to be and what it is.
func wrongKind(node ast.Node, t reflect.Type) string {
	want, got := wanted(t), describe(node)
	_, isNull := node.(*ast.NullNode)
	_, isNumber := node.(*ast.IntegerNode)
	s, isString := asString(node)
	switch {
	case isNull && t.Kind() == reflect.Slice:
		return fmt.Sprintf("has no value: want %s, write [] for none, or leave the key out", want)
	case isNull:
		return fmt.Sprintf("has no value: want %s, or leave the key out", want)
	case t == reflect.TypeFor[words]() && isString:
		return fmt.Sprintf("want %s, such as [python3, -m, http.server], got %s", want, quote(s))
	case t == reflect.TypeFor[texts]():
		if i, item := odd(node); item != nil {
			got += fmt.Sprintf(" whose item %d is %s", i+1, describe(item))
			if describe(item) == "a mapping" {
				got += " (an IPv6 address in brackets takes quotes)"
			}
		}
	case t.Kind() == reflect.String && isNumber:
		return fmt.Sprintf("want %s, got %s: put it in quotes", want, got)
	}
	return fmt.Sprintf("want %s, got %s", want, got)
}

// odd returns the first item of a list that cannot be a text, nil if there is
// none.
func odd(node ast.Node) (int, ast.Node) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		return 0, nil
	}
	for i, item := range list.Values {
		if _, ok := asText(item); !ok {
			return i, item
		}
	}
	return 0, nil
}

func wanted(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[text]():
		return "a string or an integer"
	case reflect.TypeFor[texts]():
		return "a string, an integer or a list of them"
	case reflect.TypeFor[Word]():
		return "a string, a number, true or false"
	case reflect.TypeFor[words]():
		return "a list of strings"
	}
	switch t.Kind() {
	case reflect.Struct:
		return "a mapping"
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "an integer"
	}
	return "a string"
}

// describe says what a value is.
func describe(node ast.Node) string {
	switch n := node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.IntegerNode:
		return "the integer " + n.Token.Value
	case *ast.BoolNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the value " + n.GetToken().Value
	}
	if s, ok := asString(node); ok {
		return "the string " + quote(s)
	}
	return "something else"
}
