package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFactsNameTestsThatExist holds facts.md to the tests, and every fact that
// sgate has to at least one of them.
func TestFactsNameTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("facts.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := make(map[string]bool) // by package and name
	files, err := filepath.Glob("../*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("../*/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)
	for _, file := range append(files, deeper...) {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllSubmatch(source, -1) {
			tests[filepath.Base(filepath.Dir(file))+"."+string(m[1])] = true
		}
	}
	named := regexp.MustCompile("`([a-z0-9]+\\.Test[A-Za-z0-9_]+)`")
	for i, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		found := named.FindAllStringSubmatch(line, -1)
		for _, m := range found {
			if !tests[m[1]] {
				t.Errorf("facts.md:%d: there is no test %s", i+1, m[1])
			}
		}
		if len(cells) > 1 && (strings.HasPrefix(cells[1], "yes") || strings.HasPrefix(cells[1], "chosen")) && len(found) == 0 &&
			!strings.HasPrefix(cells[1], "yes: they never") {
			t.Errorf("facts.md:%d: %q names no test", i+1, cells[0])
		}
	}
}
