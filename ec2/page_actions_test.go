package ec2

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestActionsOnThePage holds the table of actions of docs/ec2.md to what the
// endpoint can do.
func TestActionsOnThePage(t *testing.T) {
	text, err := os.ReadFile("../docs/ec2.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Actions\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var said []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| ") {
			for _, m := range regexp.MustCompile("`([A-Za-z0-9]+)`").FindAllStringSubmatch(line, -1) {
				said = append(said, m[1])
			}
		}
	}
	can := []string{"GetCallerIdentity"} // of STS, on the same port
	for _, a := range allActions() {
		can = append(can, a.name)
	}
	slices.Sort(said)
	slices.Sort(can)
	if diff := cmp.Diff(can, said); diff != "" {
		t.Errorf("docs/ec2.md (-endpoint +page):\n%s", diff)
	}
}
