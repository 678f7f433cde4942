package docs

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/lint"
	"github.com/sgate/sgate/lint/finding"
)

// TestLintPage holds lint.md to the code: each kind of finding has its section,
// in their order, with what the code says of it, an example in which it is found
// and a better one in which it is not.
func TestLintPage(t *testing.T) {
	text, err := os.ReadFile("lint.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := regexp.MustCompile(`(?m)^### `).Split(string(text), -1)[1:]
	kinds := finding.Kinds()
	if len(sections) != len(kinds) {
		t.Fatalf("lint.md has %d sections, and there are %d kinds of findings", len(sections), len(kinds))
	}
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for i, k := range kinds {
		id, body, _ := strings.Cut(sections[i], "\n")
		if id != k.ID {
			t.Fatalf("section %d is %s, want %s", i+1, id, k.ID)
		}
		said := strings.Join(strings.Fields(body), " ")
		for _, want := range []string{severityOf(k) + ": " + k.Title + ". " + k.Why, "Remedy: ", "Source: " + strings.Join(k.Sources, "; ") + "."} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: the section lacks %q", id, want)
			}
		}
		examples := example.FindAllStringSubmatch(body, -1)
		if len(examples) != 2 {
			t.Fatalf("%s: %d examples, want a bad one and a better one", id, len(examples))
		}
		if !finds(t, examples[0][1], id) || finds(t, examples[1][1], id) {
			t.Errorf("%s: want it found in the first example and not in the second", id)
		}
	}
}

func severityOf(k finding.Kind) string {
	text := "**" + k.Severity.String() + "**"
	if k.Lower != "" {
		text += ", a note where " + k.Lower
	}
	if k.Optional {
		text += ", optional"
	}
	return text
}

// finds reports whether an example has a finding of a kind. Examples leave out
// the VPC and its subnet.
func finds(t *testing.T, example, id string) bool {
	t.Helper()
	text := fmt.Sprintf("vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: main, cidr: 10.0.1.0/24}]\n%s", example)
	cfg, err := config.Parse([]byte(text), config.Source{Path: id})
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	for _, f := range lint.Run(cfg.Resources, cfg.Silences...) {
		if f.Kind == id {
			return true
		}
	}
	return false
}
