package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/sgate/sgate/vpc"
)

// maxNesting bounds what can nest on one line. The parser descends once a
// level, so hostile input could exhaust its stack, which nothing recovers.
const maxNesting = 64

// parseYAML returns the one mapping that a configuration consists of. Otherwise
// it adds the faults and returns false.
func parseYAML(data []byte, f *faults) (*ast.MappingNode, bool) {
	return parseForm(data, Form{"a configuration", "a vpc", "vpc, subnets and instances"}, f)
}

// parseForm is parseYAML for a file of any form.
func parseForm(data []byte, form Form, f *faults) (*ast.MappingNode, bool) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // editors on Windows write one
	if !utf8.Valid(data) {
		f.add(invalidUTF8(data, f.file), "", "is not UTF-8 text")
		return nil, false
	}
	file := parseTokens(data, f)
	if f.any() {
		return nil, false
	}
	start := vpc.Origin{File: f.file, Line: 1, Column: 1}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body == nil:
			body = doc.Body
		default:
			f.add(origin(f.file, doc.Body), "", "is a second YAML document: %s is one", form.Name)
			return nil, false
		}
	}
	if body == nil {
		f.add(start, "", "is empty: want at least %s", form.Least)
		return nil, false
	}
	root, ok := body.(*ast.MappingNode)
	if !ok {
		f.add(origin(f.file, body), "", "want a mapping with keys such as %s, got %s", form.Keys, describe(body))
	}
	return root, ok
}

// parseTokens runs the parser on tokens that have been looked through first.
func parseTokens(data []byte, f *faults) (file *ast.File) {
	defer func() {
		// Another project's parser meets arbitrary text here, while a gateway
		// that must not die reloads its file.
		if r := recover(); r != nil {
			f.add(vpc.Origin{File: f.file, Line: 1, Column: 1}, "", "is not valid YAML (%s)", oneLine(fmt.Sprint(r)))
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if checkTokens(tokens, f); f.any() {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file
	}
	at, message := vpc.Origin{File: f.file, Line: 1, Column: 1}, err.Error()
	var located yaml.Error
	if errors.As(err, &located) {
		at, message = tokenOrigin(f.file, located.GetToken()), located.GetMessage()
	}
	f.add(at, "", "is not valid YAML: %s", oneLine(message))
	return nil
}

// checkTokens refuses what configurations have no use for and what makes
// parsing or reading them dear: anchors, aliases, tags, directives, depth.
func checkTokens(tokens token.Tokens, f *faults) {
	flow, onLine, line := 0, 0, 0
	for _, tok := range tokens {
		at := tokenOrigin(f.file, tok)
		if at.Line != line {
			line, onLine = at.Line, 0
		}
		switch tok.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType:
			onLine++
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			f.add(at, "", "anchors, aliases and merge keys are not taken: write the value out (quote it if it begins with %s)", tok.Value)
		case token.TagType:
			f.add(at, "", "the tag %s is not taken: kinds follow from the keys", tok.Value)
		case token.DirectiveType:
			f.add(at, "", "YAML directives are not taken: leave the line out")
		}
		if flow > maxNesting || onLine > maxNesting {
			f.add(at, "", "nests deeper than %d levels, which no configuration does", maxNesting)
			return
		}
	}
}

func invalidUTF8(data []byte, file string) vpc.Origin {
	at := vpc.Origin{File: file, Line: 1, Column: 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			break
		}
		at.Column++
		if r == '\n' {
			at.Line, at.Column = at.Line+1, 1
		}
		data = data[size:]
	}
	return at
}

func tokenOrigin(file string, tok *token.Token) vpc.Origin {
	if tok == nil || tok.Position == nil {
		return vpc.Origin{File: file, Line: 1, Column: 1}
	}
	return vpc.Origin{File: file, Line: tok.Position.Line, Column: tok.Position.Column}
}

// origin returns where a node begins. A block mapping's own token is its first
// colon, so its first key stands in for it.
func origin(file string, node ast.Node) vpc.Origin {
	if m, ok := node.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		node = m.Values[0].Key
	}
	return tokenOrigin(file, node.GetToken())
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
