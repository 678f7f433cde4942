package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/internal/local"
)

// limits bound what a client can make a server spend.
type limits struct {
	header, request, reply, idle time.Duration // to read a request's, to read a request, to answer it, between requests
	grace                        time.Duration // that requests under way get when the server closes
}

func defaultLimits() limits {
	return limits{header: 5 * time.Second, request: 10 * time.Second, reply: 30 * time.Second, idle: 2 * time.Minute, grace: 2 * time.Second}
}

const headerBytes = 16 << 10

// Server answers GET /metrics, /healthz and /readyz by HTTP. It asks nobody who
// he is.
type Server struct {
	listener net.Listener
	limits   limits
	http     *http.Server  // nil before Serve
	served   chan struct{} // closed when nobody is accepted any more
	// requests is held for reading by each request under way. Close takes it
	// and keeps it.
	requests sync.RWMutex
	closing  sync.Once
	closed   error
}

// Listen makes a server on a TCP address of the namespace that the process is in.
// Port 0 lets the system choose. Clients wait until Serve.
func Listen(address string) (*Server, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return nil, fmt.Errorf("metrics: %s: another process listens there: choose another port, or 0 for any that is free (gateway.metrics.listen)", address)
	case err != nil:
		return nil, fmt.Errorf("metrics: %w: want an address of this machine (gateway.metrics.listen)", err)
	}
	return &Server{listener: l, limits: defaultLimits(), served: make(chan struct{})}, nil
}

// Addr returns the address, with the port that was chosen.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers, in the background, until Close. It is called at most once, and
// not after Close. Only requests that name the server by its address are
// answered, unless anyName.
func (s *Server) Serve(g *gateway.Gateway, m *Metrics, anyName bool, log *slog.Logger) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m)
	mux.Handle("GET /healthz", probe(func() []string { return Health(g) }))
	mux.Handle("GET /readyz", probe(func() []string { return Readiness(g) }))
	mux.HandleFunc("GET /{$}", index)
	var handler http.Handler = mux
	if !anyName {
		handler = byAddress(mux)
	}
	s.http = &http.Server{
		Handler:           s.guard(handler),
		ReadHeaderTimeout: s.limits.header,
		ReadTimeout:       s.limits.request,
		WriteTimeout:      s.limits.reply,
		IdleTimeout:       s.limits.idle,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what clients do wrong
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are no longer served", "url", "http://"+s.Addr().String(), "error", err,
				"remedy", "start the gateway anew; the control socket has them meanwhile")
		}
	}()
}

// Close returns when no request is under way any more. Requests get a moment to
// come to their end; then their connections are closed.
func (s *Server) Close() error {
	s.closing.Do(func() { s.closed = s.close() })
	return s.closed
}

func (s *Server) close() error {
	if s.http == nil {
		return s.listener.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.grace)
	defer cancel()
	var err error
	if s.http.Shutdown(ctx) != nil {
		err = s.http.Close()
	}
	<-s.served
	s.requests.Lock()
	return err
}

// guard turns requests away that come too late.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.requests.TryRLock() {
			http.Error(w, "the gateway is ending", http.StatusServiceUnavailable)
			return
		}
		defer s.requests.RUnlock()
		next.ServeHTTP(w, r)
	})
}

// byAddress turns away requests for another name than this server's, so that no
// web page can read what is there (see [local.Name]).
func byAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "" && !local.Name(r.Host) {
			http.Error(w, fmt.Sprintf("%q is not this server: ask for localhost or its IP address, or set gateway.metrics.allow_remote", r.Host), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, `<!DOCTYPE html>
<title>sgate</title>
<h1>sgate</h1>
<ul>
<li><a href="/metrics">metrics</a>, for Prometheus
<li><a href="/healthz">healthz</a>: whether the gateway works
<li><a href="/readyz">readyz</a>: whether it moves everybody's packets
</ul>
`)
}
