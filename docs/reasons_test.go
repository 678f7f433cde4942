package docs

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/gateway"
)

// TestEveryReasonIsDocumented holds reasons.md to the gateway's reasons.
func TestEveryReasonIsDocumented(t *testing.T) {
	text, err := os.ReadFile("reasons.md")
	if err != nil {
		t.Fatal(err)
	}
	var said, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+`) \\|").FindAllStringSubmatch(string(text), -1) {
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			said = append(said, name[1])
		}
	}
	for r := range gateway.Reason(gateway.Reasons) {
		if r.IsReason() {
			want = append(want, r.String())
		}
	}
	slices.Sort(said)
	slices.Sort(want)
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("reasons.md (-code +text):\n%s", diff)
	}
}
