package top

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/internal/pty"
)

// session is Run on a terminal, and the person before it.
type session struct {
	t       *testing.T
	person  *os.File
	program *os.File
	before  unix.Termios
	done    chan struct{}
	err     error
	panic   any

	mu   sync.Mutex
	seen bytes.Buffer
}

// begin runs o on a terminal of 100x30.
func begin(t *testing.T, ctx context.Context, o Options) *session {
	t.Helper()
	person, program, err := pty.Open(100, 30)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, person: person, program: program, done: make(chan struct{}), before: termios(t, program)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buffer := make([]byte, 4096)
		for {
			n, err := person.Read(buffer)
			s.mu.Lock()
			s.seen.Write(buffer[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	o.In, o.Out, o.Title = program, program, "lab test"
	o.Interval = max(o.Interval, MinInterval)
	go func() {
		defer close(s.done)
		defer func() { s.panic = recover() }()
		s.err = Run(ctx, o)
	}()
	t.Cleanup(func() {
		<-s.done
		person.Close()
		program.Close()
		<-read
	})
	return s
}

func termios(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	got, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *got
}

func (s *session) types(keys string) {
	s.t.Helper()
	if _, err := s.person.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// sees waits until the terminal has been sent a text, and forgets what came
// before its end.
func (s *session) sees(text string) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		all := s.seen.String()
		if _, rest, found := strings.Cut(all, text); found {
			s.seen.Reset()
			s.seen.WriteString(rest)
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain for %q in %q", text, all)
		}
	}
}

// ends waits until Run has returned, and holds that the terminal is as it was.
func (s *session) ends() {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		s.t.Fatal("Run does not return")
	}
	s.sees("\x1b[?1049l") // the screen of before
	if after := termios(s.t, s.program); after != s.before {
		s.t.Errorf("the terminal is in another mode: %+v, was %+v", after, s.before)
	}
}

func aDrop() []control.EventLine {
	e := dropped(0, web, db, "tcp", "no_ingress_rule")
	return []control.EventLine{{Event: &e}, {Lost: 12}}
}

// TestRun plays a whole session: rates, drops, an explanation, a gateway that
// ends and comes back, the end.
func TestRun(t *testing.T) {
	f := &fake{events: aDrop(), explain: func() (control.Explanation, error) {
		return control.Explanation{}, control.Refuse("nothing to explain")
	}}
	path := filepath.Join(t.TempDir(), "s.sock")
	client, end := serve(t, f, path)
	s := begin(t, t.Context(), Options{Gateway: client})
	s.sees("\x1b[?1049h")
	s.sees("lab test")
	s.sees("12 events lost")
	s.types("3\r")
	s.sees("nothing to explain")
	s.types("\x1b")
	s.sees("Newest drops")
	end()
	s.sees("no answer since ")
	serve(t, f, path)
	s.sees("24 events lost")
	s.types("q")
	s.ends()
	if s.err != nil {
		t.Errorf("Run: %v", s.err)
	}
}

// TestSlowGateway holds that keys work while the gateway does not answer, and
// that the view ends without it.
func TestSlowGateway(t *testing.T) {
	blocked := make(chan struct{})
	defer close(blocked)
	client, _ := serve(t, &fake{blocked: blocked}, "")
	s := begin(t, t.Context(), Options{Gateway: client})
	s.sees("waiting for the gateway to answer")
	s.types("?")
	s.sees("sgate top: help")
	s.types("q")
	s.sees("Interfaces 0")
	s.types("\x03")
	s.ends()
	if s.err != nil {
		t.Errorf("Run: %v", s.err)
	}
}

// TestRunIsEnded holds that a signal ends the view, and is no error.
func TestRunIsEnded(t *testing.T) {
	client, _ := serve(t, &fake{}, "")
	ctx, cancel := context.WithCancel(t.Context())
	s := begin(t, ctx, Options{Gateway: client})
	s.sees("Interfaces 2")
	cancel()
	s.ends()
	if s.err != nil {
		t.Errorf("Run: %v", s.err)
	}
}

// broken is a gateway whose client panics.
type broken struct {
	Gateway
	counters, explain func()
}

func (b broken) Counters(ctx context.Context, r control.CountersRequest) (control.CountersReply, error) {
	b.counters()
	return b.Gateway.Counters(ctx, r)
}

func (b broken) Explain(ctx context.Context, r control.ExplainRequest) (control.Explanation, error) {
	b.explain()
	return b.Gateway.Explain(ctx, r)
}

// TestPanic holds that the terminal is given back before the process ends of a
// panic, wherever that comes up.
func TestPanic(t *testing.T) {
	client, _ := serve(t, &fake{events: aDrop()}, "")
	s := begin(t, t.Context(), Options{Gateway: broken{client, func() { panic("on purpose") }, nil}})
	s.ends()
	if text, _ := s.panic.(string); !strings.Contains(text, "on purpose") || !strings.Contains(text, "run_test.go") {
		t.Errorf("panic %v, error %v: want the reason and the stack", s.panic, s.err)
	}

	s = begin(t, t.Context(), Options{Gateway: broken{client, func() {}, func() { panic("on purpose") }}})
	s.sees("12 events lost")
	s.types("3\r")
	s.ends()
	if text, _ := s.panic.(string); !strings.Contains(text, "on purpose") {
		t.Errorf("panic %v, error %v", s.panic, s.err)
	}
}

// TestNoGateway holds that the terminal is left alone where there is nothing to
// show.
func TestNoGateway(t *testing.T) {
	client, err := control.NewClient(filepath.Join(t.TempDir(), "none.sock"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = Run(t.Context(), Options{Gateway: client, Out: &out})
	if err == nil || !strings.Contains(err.Error(), "no gateway listens there") || out.Len() != 0 {
		t.Errorf("error %v, printed %q", err, out.String())
	}
	if err := Print(t.Context(), &out, PrintOptions{Gateway: client}); err == nil || out.Len() != 0 {
		t.Errorf("error %v, printed %q", err, out.String())
	}
}
