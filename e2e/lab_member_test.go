package e2e

import (
	"strings"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// TestLabExecFindsMembers: a member goes by its name, and by whatever else it is
// known by in AWS.
func TestLabExecFindsMembers(t *testing.T) {
	needs.Root(t)
	lab := labUp(t, threeTier)
	instance := ""
	for line := range strings.Lines(must(t, "lab", "list").stdout) {
		if fields := strings.Fields(line); fields[0] == lab && fields[2] == "db" {
			instance = fields[3]
		}
	}
	if !strings.HasPrefix(instance, "i-") {
		t.Fatalf("lab list shows db as instance %q", instance)
	}
	for _, ref := range []string{"db", instance, "10.0.2.30"} {
		if got := in(t, lab, ref, "ip", "-brief", "-4", "address", "show", "dev", "eth0"); !strings.Contains(got.stdout, "10.0.2.30/24") {
			t.Errorf("%s: %+v, want db", ref, got)
		}
	}
	if got := in(t, lab, "10.0.2.31", "true"); got.code == 0 || !strings.Contains(got.stderr, `no instance or host "10.0.2.31"; it has: web, app, db`) {
		t.Errorf("nobody's address: %+v", got)
	}
}
