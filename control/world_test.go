package control

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a backend that does as the test says. What it does not say must not be
// asked.
type fake struct {
	Backend
	metrics           func(http.ResponseWriter, *http.Request)
	health, readiness func() []string
	status            func(context.Context) (Status, error)
	config            func(context.Context) ([]byte, error)
	counters          func(context.Context, CountersRequest) (CountersReply, error)
	cut               func(context.Context, CutFlowsRequest) (CutFlowsReply, error)
	flows             func(context.Context, FlowsRequest, func(...FlowLine) error) error
	events            func(context.Context, EventsRequest, func(...EventLine) error) error
}

func (f fake) Flows(ctx context.Context, r FlowsRequest, send func(...FlowLine) error) error {
	return f.flows(ctx, r, send)
}

func (f fake) Events(ctx context.Context, r EventsRequest, send func(...EventLine) error) error {
	return f.events(ctx, r, send)
}

func (f fake) Config(ctx context.Context) ([]byte, error) { return f.config(ctx) }

func (f fake) Metrics(w http.ResponseWriter, r *http.Request) { f.metrics(w, r) }

func (f fake) Health() []string { return f.health() }

func (f fake) Readiness() []string { return f.readiness() }

func (f fake) Counters(ctx context.Context, r CountersRequest) (CountersReply, error) {
	return f.counters(ctx, r)
}

func (f fake) CutFlows(ctx context.Context, r CutFlowsRequest) (CutFlowsReply, error) {
	return f.cut(ctx, r)
}

// echoing answers with what it was asked.
func echoing() fake {
	return fake{
		counters: func(_ context.Context, r CountersRequest) (CountersReply, error) {
			var reply CountersReply
			for _, name := range r.Names {
				reply.Interfaces = append(reply.Interfaces, Counters{Name: name, Drops: map[string]uint64{fmt.Sprint("zeros_", r.Zeros): 1}})
			}
			return reply, nil
		},
		cut: func(_ context.Context, r CutFlowsRequest) (CutFlowsReply, error) {
			return CutFlowsReply{Matched: 1, Flows: []Flow{{State: fmt.Sprintf("%+v", r)}}}, nil
		},
	}
}

// listenAt makes a server that is closed with the test.
func listenAt(t *testing.T, path string) *Server {
	t.Helper()
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// serving makes a server with a backend, and a client of it. Its limits can be
// changed first.
func serving(t *testing.T, b Backend, change ...func(*limits)) (*Server, *Client) {
	t.Helper()
	s := listenAt(t, filepath.Join(t.TempDir(), "s.sock"))
	for _, f := range change {
		f(&s.limits)
	}
	s.Serve(b, slog.New(slog.DiscardHandler))
	return s, client(t, s.Path())
}

func client(t *testing.T, path string) *Client {
	t.Helper()
	c, err := NewClient(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stale leaves a socket at path that nobody listens on, as a killed process
// does.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
}

// raw sends a request as it stands and returns the status and the body.
func raw(t *testing.T, path, method, target, body string) (int, string) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", path)
	}}}
	r, err := http.NewRequest(method, "http://gateway"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s %s: content type %q", method, target, got)
	}
	return response.StatusCode, strings.TrimSuffix(string(data), "\n")
}

// wantError checks that an error says all of that.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one that says %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}

// soon fails the test if a channel stays open.
func soon(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited in vain for: %s", what)
	}
}

// inBackground runs f and returns a channel that is closed when it is done.
func inBackground(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}

// umask sets the process's umask for a test.
func umask(t *testing.T, mask int) {
	t.Helper()
	old := unix.Umask(mask)
	t.Cleanup(func() { unix.Umask(old) })
}
