package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNobodyListens(t *testing.T) {
	dir := t.TempDir()
	stale(t, filepath.Join(dir, "stale"))
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nothing", "stale", "file"} {
		path := filepath.Join(dir, name)
		_, err := client(t, path).Counters(t.Context(), CountersRequest{})
		wantError(t, err, "control socket "+path+": no gateway listens there")
	}
}

// other is a server on a socket that is no gateway's.
func other(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler}
	done := inBackground(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return l.Addr().String()
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, c := range []struct {
		name, want string
		handler    http.HandlerFunc
	}{
		{"no JSON", "the answer cannot be read", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }},
		{"a wrong kind", "the answer cannot be read", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"interfaces": 3}`) }},
		{"not found", `it answers "404 Not Found": is it a gateway's?`, http.NotFound},
		{"too much", "more than 1000 bytes", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"interfaces": []}`, strings.Repeat(" ", 2000))
		}},
		{"cut short", "unexpected EOF", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "{")
		}},
	} {
		path := other(t, c.handler)
		asker := client(t, path)
		asker.limit = 1000
		_, err := asker.Counters(t.Context(), CountersRequest{})
		wantError(t, err, path, c.want)
	}
}

func TestClientGivesUp(t *testing.T) {
	path := other(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c := client(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := c.Counters(ctx, CountersRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if c.http.Timeout <= 0 {
		t.Error("a client waits for ever")
	}
	c.http.Timeout = 10 * time.Millisecond
	_, err := c.Counters(t.Context(), CountersRequest{})
	wantError(t, err, path, "Timeout exceeded")
}
