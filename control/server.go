package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"
)

// Backend is what a gateway does for the server. All methods may be called by
// several goroutines at once.
type Backend interface {
	StatusBackend
	CountersBackend
	CutFlowsBackend
	FlowsBackend
	EventsBackend
	CaptureBackend
	ExplainBackend
	MatrixBackend
	MetricsBackend
	ConfigBackend
}

// endpoints lists them all, in the order in which they are made known.
func (s *Server) endpoints(b Backend) []endpoint {
	return []endpoint{
		s.counters(b), s.cutFlows(b), s.flows(b), s.events(b), s.capture(b), s.explain(b), s.matrix(b),
		s.status(b), s.metrics(b), s.healthz(b), s.readyz(b), s.config(b), s.openapi(),
	}
}

// endpoint is one thing that can be asked.
type endpoint struct {
	method, path string
	handler      http.Handler
}

// limits bound what a client can make a server spend.
type limits struct {
	header, body, reply, idle time.Duration // to read a request's, to write a reply, between requests
	stall                     time.Duration // to take a piece of a reply without end
	grace                     time.Duration // that requests under way get when the server closes
	bodyBytes                 int64
}

func defaultLimits() limits {
	return limits{
		header: 5 * time.Second, body: 10 * time.Second, reply: 30 * time.Second, idle: 30 * time.Second,
		stall: time.Minute, grace: 2 * time.Second, bodyBytes: 64 << 10,
	}
}

const headerBytes = 16 << 10

// Server answers on a socket.
type Server struct {
	socket *socket
	limits limits
	log    *slog.Logger
	http   *http.Server       // nil before Serve
	cancel context.CancelFunc // ends the context of all requests
	// streams is done when replies without end are to come to theirs.
	streams    context.Context
	endStreams context.CancelFunc
	served     chan struct{} // closed when the socket is no longer accepted from
	// requests is held for reading by each request under way. Close takes it
	// and keeps it.
	requests sync.RWMutex
	closing  sync.Once
	closed   error
}

// Listen makes a socket at path, and its folder, for its owner only, if that is
// not there. The socket of a process that has ended is replaced; one that
// somebody listens on is an error. Clients wait until Serve.
func Listen(path string) (*Server, error) {
	path, err := cleanPath(path)
	if err != nil {
		return nil, err
	}
	s, err := listen(path)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: run it with sudo, or, if it may open /dev/net/tun without, choose another path with --control", err)
	}
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return &Server{socket: s, limits: defaultLimits(), served: make(chan struct{})}, nil
}

// ListenIn is Listen at a path of this process's own in a folder of sockets,
// such as DefaultDir. Sockets that ended processes have left there are removed.
func ListenIn(dir string) (*Server, error) {
	s, err := Listen(ownPath(dir))
	if err != nil {
		return nil, err
	}
	unlock, err := lockFolder(filepath.Dir(s.Path()))
	if err == nil {
		err = removeStale(dir)
		unlock()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("control socket %s: %w", s.Path(), err), s.Close())
	}
	return s, nil
}

// Path returns the socket's path.
func (s *Server) Path() string { return s.socket.path }

// Serve answers from a backend, in the background, until Close. It is called at
// most once, and not after Close.
func (s *Server) Serve(b Backend, log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.log = cancel, log
	s.streams, s.endStreams = context.WithCancel(ctx)
	s.http = &http.Server{
		Handler:           s.guard(s.mux(b)),
		ReadHeaderTimeout: s.limits.header,
		IdleTimeout:       s.limits.idle,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(s.socket); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the control socket has failed", "socket", s.Path(), "error", err, "remedy", "start the gateway anew to have it back")
		}
	}()
}

// Close removes the socket and returns when no request is under way any more.
// Replies without end come to theirs at once. Other requests get a moment; then
// their contexts are done and their connections closed.
func (s *Server) Close() error {
	s.closing.Do(func() { s.closed = s.close() })
	return s.closed
}

func (s *Server) close() error {
	err := s.socket.remove() // first, so that nobody finds a socket that does not answer
	if s.http == nil {
		return errors.Join(err, s.socket.Close())
	}
	s.endStreams()
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.grace)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.cancel()
	s.requests.Lock()
	<-s.served
	return err
}

// guard turns requests away that come too late.
func (s *Server) guard(next http.Handler) http.Handler {
	late := s.reply(func(http.ResponseWriter, *http.Request) (any, error) {
		return nil, goodbye()
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.requests.TryRLock() {
			late.ServeHTTP(w, r)
			return
		}
		defer s.requests.RUnlock()
		next.ServeHTTP(w, r)
	})
}
