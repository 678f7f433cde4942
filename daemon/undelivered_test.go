package daemon

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/flowlog"
)

// TestALogThatIsNotDelivered has a folder where one of two logs' file was.
func TestALogThatIsNotDelivered(t *testing.T) {
	w := newWorld(t, twoVPCs)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ended := make(chan struct{})
	close(ended)
	l := &logged{world: w, dir: t.TempDir(), logs: &flowLogs{
		manager: flowlog.New(w.g, flowlog.Options{Clock: func() (time.Time, int64) { return at, w.g.Now() }}),
		end:     context.CancelFunc(func() {}), ended: ended,
	}}
	t.Cleanup(l.close)
	l.mustConfigure(`flow_logs:
  - {name: good, id: fl-00000000000000001, destination: good.log, max_aggregation_interval: 60}
  - {name: bad, id: fl-00000000000000002, destination: bad.log, max_aggregation_interval: 60}
`)
	d := &Daemon{flowLogs: l.logs}
	if got := d.Undelivered(); len(got) != 0 {
		t.Errorf("at first: %v", got)
	}
	bad := filepath.Join(l.dir, "bad.log")
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(bad, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		at = at.Add(time.Minute)
		l.logs.manager.Tick()
	}
	if diff := cmp.Diff(d.Undelivered(), map[string]bool{"fl-00000000000000002": true}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}
