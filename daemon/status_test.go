package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sgate/sgate/control"
)

// TestStatus holds what a gateway says of itself, before its first configuration
// and after.
func TestStatus(t *testing.T) {
	w := newWorld(t, "")
	status := func() control.Status {
		t.Helper()
		s, err := w.client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := status()
	if before.Generation != 0 || before.Flows != 0 || len(before.FlowStates) != 0 || !before.Applied.IsZero() || !before.Started.IsZero() {
		t.Errorf("before a configuration: %+v", before)
	}
	w.apply(twoVPCs)
	w.send("app", "10.0.1.10", "10.0.1.20", syn(40000, 3306))
	w.send("app", "10.0.1.10", "10.0.1.20", syn(40001, 3306))
	w.send("app", "10.0.1.10", "10.0.1.20", udp(1, 2))
	w.send("web", "10.0.1.30", "10.0.1.10", ping(7)) // dropped by app's rules; web's end has a flow
	w.daemon.history.started = time.Unix(1000, 0)
	w.daemon.history.applied.Store(2000e9)
	want := control.Status{
		Started: time.Unix(1000, 0), Applied: time.Unix(2000, 0), Generation: 1, Rules: before.Rules, Flows: 4, MaxFlows: w.g.Flows().Max(),
		FlowStates: []control.FlowState{{Protocol: "tcp", State: "SYN_SENT", Flows: 2}, {Protocol: "udp", State: "ONE_WAY", Flows: 1}, {Protocol: "icmp", State: "ASKED", Flows: 1}},
	}
	got := status()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(control.Status{}, "Rules", "Workers")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Rules == 0 || got.Workers == 0 {
		t.Errorf("%d rules, %d workers", got.Rules, got.Workers)
	}
}
