// Package docs holds the documentation to the code.
package docs

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/sgate/sgate/"

// packages returns the folders with Go code, without tests, and what each
// imports of this project.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("../*/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	imports := make(map[string][]string)
	for _, file := range append(files, deeper...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		folder := strings.TrimPrefix(filepath.Dir(file), "../")
		of := imports[folder]
		for _, spec := range syntax.Imports {
			if name, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module); ours {
				of = append(of, name)
			}
		}
		slices.Sort(of)
		imports[folder] = slices.Compact(of)
	}
	return imports
}

// TestLayoutTables holds that the tables of the layout name every package, and
// what each imports.
func TestLayoutTables(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)/` \\|[^|]*\\|([^|]*)\\|$")
	name := regexp.MustCompile("`([a-z0-9/]+)`")
	for _, file := range []string{"design.md", "../CONTRIBUTING.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		said := make(map[string][]string)
		for _, m := range row.FindAllStringSubmatch(string(text), -1) {
			var imports []string
			for _, n := range name.FindAllStringSubmatch(m[2], -1) {
				imports = append(imports, n[1])
			}
			slices.Sort(imports)
			said[m[1]] = imports
		}
		delete(said, "cmd/sgate") // everything
		delete(said, "e2e")       // tests only
		want := packages(t)
		delete(want, "cmd/sgate")
		if diff := cmp.Diff(want, said, cmp.Transformer("empty", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
			t.Errorf("%s (-code +text):\n%s", file, diff)
		}
	}
}

// TestEveryPackageIsDocumented holds that each package has one comment of its
// own.
func TestEveryPackageIsDocumented(t *testing.T) {
	for folder := range packages(t) {
		files, err := filepath.Glob("../" + folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		comments := 0
		for _, file := range files {
			syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if syntax.Doc != nil {
				comments++
			}
		}
		if comments != 1 {
			t.Errorf("%s: %d package comments, want 1", folder, comments)
		}
	}
}

// pages returns all of the documentation.
func pages(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(all, "../README.md", "../CONTRIBUTING.md")
}

// TestLinksLeadSomewhere follows the links between the repository's pages.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#: ]+)(#[^)]*)?\)`)
	for _, file := range pages(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s: link to %s: %v", file, m[1], err)
			}
		}
	}
}
