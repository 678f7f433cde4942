package finding

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestKindsAreWhole holds that each kind has all that its page, its help and
// SARIF need.
func TestKindsAreWhole(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
	seen := make(map[string]bool)
	for _, k := range Kinds() {
		if !form.MatchString(k.ID) || seen[k.ID] {
			t.Errorf("%q: want words with hyphens between them, once", k.ID)
		}
		seen[k.ID] = true
		if k.Title == "" || strings.HasSuffix(k.Title, ".") || !strings.HasSuffix(k.Why, ".") || len(k.Sources) == 0 {
			t.Errorf("%s: want a title without a full stop, a reason with one, and who says so: %+v", k.ID, k)
		}
		if k.Lower != "" && k.Severity == Note {
			t.Errorf("%s: is a note, and cannot be lower", k.ID)
		}
		if k.Optional && k.Severity != Note {
			t.Errorf("%s: what few want to see is a note", k.ID)
		}
		if got, ok := Lookup(k.ID); !ok || got.Title != k.Title {
			t.Errorf("%s: is not found by its id", k.ID)
		}
	}
	if _, ok := Lookup("no-such-kind"); ok {
		t.Error("a kind is found that there is not")
	}
	if ids := IDs(); slices.Contains(ids, UnusedSilence) || len(ids) != len(Kinds())-1 {
		t.Errorf("ids to silence: %v", ids)
	}
}

func TestSeverities(t *testing.T) {
	for _, s := range []Severity{Note, Warning, Error} {
		if got, err := ParseSeverity(s.String()); got != s || err != nil {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	if _, err := ParseSeverity("high"); err == nil || err.Error() != `severity "high": want note, warning or error` {
		t.Errorf("high: %v", err)
	}
}
