package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLogKeys holds that the log's keys are those of logs.md, so that one thing has
// one name in all lines.
func TestLogKeys(t *testing.T) {
	text, err := os.ReadFile("logs.md")
	if err != nil {
		t.Fatal(err)
	}
	said := make(map[string]bool)
	_, table, _ := strings.Cut(string(text), "| Key |")
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+`) \\|").FindAllStringSubmatch(table, -1) {
		for _, key := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			said[key[1]] = true
		}
	}
	used := make(map[string]bool)
	for folder := range packages(t) {
		files, err := filepath.Glob("../" + folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				noteLogKeys(t, file, used)
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(said))); diff != "" {
		t.Errorf("logs.md (-code +text):\n%s", diff)
	}
}

// noteLogKeys adds the keys of a file's calls of slog's loggers, which are known by
// their form: a message, then keys and values.
func noteLogKeys(t *testing.T, file string, used map[string]bool) {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if of, ok := method.X.(*ast.Ident); ok && of.Name == "http" { // http.Error
			return true
		}
		first := map[string]int{"With": 0, "Debug": 1, "Info": 1, "Warn": 1, "Error": 1}
		at, is := first[method.Sel.Name]
		if !is || (len(call.Args)-at)%2 != 0 {
			return true
		}
		for i := at; i < len(call.Args); i += 2 {
			if literal, ok := call.Args[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				key, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				used[key] = true
			}
		}
		return true
	})
}
