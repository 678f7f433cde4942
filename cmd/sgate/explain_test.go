package main

import (
	"bytes"
	"testing"
)

// TestExplainStatus: 0 is allow, 1 is drop, and nothing else is.
func TestExplainStatus(t *testing.T) {
	for _, c := range []struct {
		want int
		args []string
	}{
		{0, []string{"--from", "app", "--to", "db", "--port", "3306"}},
		{1, []string{"--from", "web", "--to", "db", "--port", "3306"}},
		{1, []string{"--from", "web", "--to", "db", "--port", "3306", "--output", "json"}},
		{0, []string{"--matrix"}},
		{0, []string{"--from", "laptop,stranger", "--to", "web", "--matrix", "--output", "json"}},
		{2, []string{"--from", "web", "--to", "nobody", "--port", "3306"}},
		{2, []string{"--from", "web", "--to", "db"}},
		{2, []string{"--from", "web", "--to", "db", "--port", "x"}},
		{2, []string{"--no-such-flag"}},
		{2, []string{"web", "db"}},
		{2, []string{"--matrix", "--source-port", "1"}},
		{2, []string{"--lab", "x"}},
		{2, []string{"--config", "../../configs/none.yaml"}},
	} {
		root := newRoot()
		var stdout, stderr bytes.Buffer
		root.SetOut(&stdout)
		root.SetErr(&stderr)
		root.SetArgs(append([]string{"explain", "--config", "../../configs/three-tier.yaml"}, c.args...))
		if got := statusOf(root.ExecuteContext(t.Context()), &stderr); got != c.want {
			t.Errorf("%q: status %d, want %d\n%s%s", c.args, got, c.want, &stdout, &stderr)
		}
		if c.want == 2 && (stdout.Len() > 0 || stderr.Len() == 0) {
			t.Errorf("%q: printed %q, and as an error %q", c.args, &stdout, &stderr)
		}
	}
}
