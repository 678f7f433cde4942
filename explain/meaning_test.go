package explain

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sgate/sgate/gateway"
)

// TestMeaningsAreThoseOfTheDocumentation holds the meanings to docs/reasons.md.
func TestMeaningsAreThoseOfTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../docs/reasons.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+`) \\| ([^|]+) \\|").FindAllStringSubmatch(string(text), -1) {
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			documented[name[1]] = strings.ReplaceAll(row[2], "`", "")
		}
	}
	// The page says of these what it has said above, of two at once, or more
	// than a sentence.
	own := map[string]bool{
		"routing_header": true, "multicast": true, "broadcast": true, "source_check": true,
		"fragment_tiny_first": true, "fragment_duplicate": true, "no_ingress_rule": true,
		"network_acl_egress": true, "network_acl_ingress": true, "conntrack_allowance_exceeded": true,
		"flow": true, "service_address": true, "neighbour_discovery": true,
	}
	for r := range gateway.Reason(gateway.Reasons) {
		if !r.IsReason() {
			continue
		}
		got, want := Meaning(r), documented[r.String()]
		switch {
		case got == "" || want == "":
			t.Errorf("%s: means %q, is documented as %q", r, got, want)
		case own[r.String()] == (got == want):
			t.Errorf("%s: means %q, is documented as %q; has words of its own: %v", r, got, want, own[r.String()])
		}
	}
	if len(meanings) != len(documented) {
		t.Errorf("%d meanings, %d documented reasons", len(meanings), len(documented))
	}
}
