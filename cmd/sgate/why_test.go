package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWhyPage holds what docs/why.md shows of commands that need no lab to what they
// print. SGATE_UPDATE=1 writes it anew.
func TestWhyPage(t *testing.T) {
	t.Chdir("../..")
	const page = "docs/why.md"
	before, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	after := withOutput(t, string(before))
	if os.Getenv("SGATE_UPDATE") != "" {
		if err := os.WriteFile(page, []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(before), after); diff != "" {
		t.Errorf("%s (-page +what is printed):\n%s", page, diff)
	}
}

// withOutput returns a page in which each "$ sgate ..." is followed, up to the end of
// its block, by what that prints.
func withOutput(t *testing.T, page string) string {
	var out strings.Builder
	skipping := false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "```") {
			skipping = false
		}
		if !skipping {
			out.WriteString(line)
		}
		if command, is := strings.CutPrefix(line, "$ sgate "); is {
			out.WriteString(printed(t, strings.Fields(command)))
			skipping = true
		}
	}
	return out.String()
}

// printed runs a command in this process.
func printed(t *testing.T, args []string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	if statusOf(root.ExecuteContext(t.Context()), &stderr); stderr.Len() > 0 {
		t.Errorf("sgate %s: %s", strings.Join(args, " "), stderr.String())
	}
	return stdout.String()
}
