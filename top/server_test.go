package top

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sgate/sgate/control"
)

// fake is a gateway behind a real socket. It counts one more packet each time it
// is asked.
type fake struct {
	control.Backend
	mu      sync.Mutex
	asked   uint64
	problem error               // instead of counters
	blocked chan struct{}       // what counters wait for, nil for nothing
	events  []control.EventLine // what a follower is sent
	explain func() (control.Explanation, error)
}

func (f *fake) Status(context.Context) (control.Status, error) {
	return sample(0).Status, nil
}

func (f *fake) Counters(ctx context.Context, _ control.CountersRequest) (control.CountersReply, error) {
	f.mu.Lock()
	f.asked++
	asked, problem, blocked := f.asked, f.problem, f.blocked
	f.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-ctx.Done():
		}
	}
	return control.CountersReply{Interfaces: []control.Counters{face("web", 10*asked, reason(asked)), face("db", 0, nil)}}, problem
}

func (f *fake) Events(ctx context.Context, r control.EventsRequest, send func(...control.EventLine) error) error {
	if r.Verdict != control.VerdictDrop {
		return control.Refuse("verdict=%q", r.Verdict)
	}
	if err := send(f.events...); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *fake) Explain(context.Context, control.ExplainRequest) (control.Explanation, error) {
	return f.explain()
}

func (f *fake) Metrics(http.ResponseWriter, *http.Request) {}

// serve makes a server of a fake, and returns a client of it, its path, and what
// ends it.
func serve(t *testing.T, f *fake, path string) (client *control.Client, end func()) {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "s.sock")
	}
	s, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(f, slog.New(slog.DiscardHandler))
	end = func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(end)
	if client, err = control.NewClient(path); err != nil {
		t.Fatal(err)
	}
	return client, end
}
