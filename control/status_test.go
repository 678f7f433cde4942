package control

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (f fake) Status(ctx context.Context) (Status, error) { return f.status(ctx) }

// TestStatus holds that all of it comes over.
func TestStatus(t *testing.T) {
	want := Status{
		Started: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Generation: 7, Applied: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), Rules: 8,
		Flows: 3, MaxFlows: 10, FlowStates: []FlowState{{Protocol: "tcp", State: "ESTABLISHED", Flows: 3}}, Workers: 2, FailedWorkers: 1,
	}
	s, c := serving(t, fake{status: func(context.Context) (Status, error) { return want, nil }})
	got, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if status, body := raw(t, s.Path(), "POST", "/v1/status", ""); status != 405 {
		t.Errorf("POST: %d %s", status, body)
	}
}
