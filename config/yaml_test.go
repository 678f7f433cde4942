package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestText has what goes wrong before keys and values are looked at.
func TestText(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", `f.yaml:1:1: is empty: want at least a vpc`},
		{"comment only", "# nothing\n", `f.yaml:1:1: is empty: want at least a vpc`},
		{"not UTF-8", "vpc: {}\nx: \xff\n", `f.yaml:2:4: is not UTF-8 text`},
		{"a list", "- 1\n", `f.yaml:1:1: want a mapping with keys such as vpc, subnets and instances, got a list`},
		{"a scalar", "hello\n", `f.yaml:1:1: want a mapping with keys such as vpc, subnets and instances, got the string "hello"`},
		{"two documents", onlyVPC + "---\nvpc: {}\n", `f.yaml:3:1: is a second YAML document: a configuration is one`},
		{"open bracket", "vpc: {cidr: 10.0.0.0/16\n", `f.yaml:1:6: is not valid YAML: could not find flow mapping end token '}'`},
		{"tab", "vpc:\n\tcidr: 10.0.0.0/16\n", `f.yaml:2:1: is not valid YAML: found character ' ' that cannot start any token`},
		{"anchor", "vpc: &a {cidr: 10.0.0.0/16}\n", `f.yaml:1:6: anchors, aliases and merge keys are not taken: write the value out (quote it if it begins with &)`},
		{"tag", "vpc: !!map {cidr: 10.0.0.0/16}\n", `f.yaml:1:6: the tag !!map is not taken: kinds follow from the keys`},
		{"directive", "%YAML 1.2\n---\n" + onlyVPC, `f.yaml:1:1: YAML directives are not taken: leave the line out`},
		{"deep brackets", strings.Repeat("[", 1<<14), `f.yaml:1:65: nests deeper than 64 levels, which no configuration does`},
		{"deep dashes", strings.Repeat("- ", 1<<16) + "a", `f.yaml:1:129: nests deeper than 64 levels, which no configuration does`},
		{"deep questions", strings.Repeat("? ", 1<<16) + "a", `f.yaml:1:129: nests deeper than 64 levels, which no configuration does`},
		{"twice", onlyVPC + onlyVPC, `f.yaml:2:1: the key "vpc" stands here twice (first at f.yaml:1:1)`},
	} {
		_, err := parse(tt.text)
		if diff := cmp.Diff([]string{tt.want}, lines(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Ten levels of ten aliases each would be ten thousand million items.
func TestBillionLaughs(t *testing.T) {
	text := "a0: &a0 [lol]\n"
	for i := range 10 {
		n := string(rune('0' + i))
		m := string(rune('1' + i))
		text += "a" + m + ": &a" + m + " [" + strings.TrimSuffix(strings.Repeat("*a"+n+",", 10), ",") + "]\n"
	}
	if _, err := parse(text); err == nil || !strings.Contains(err.Error(), "are not taken") {
		t.Errorf("got %v", err)
	}
}

func TestFilesOfOtherSystems(t *testing.T) {
	for name, text := range map[string]string{
		"byte order mark": "\ufeff" + fullExample,
		"CRLF":            strings.ReplaceAll(fullExample, "\n", "\r\n"),
		"start and end":   "---\n" + fullExample + "...\n",
	} {
		if diff := cmp.Diff(ids(mustParse(t, fullExample)), ids(mustParse(t, text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
