package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sends is a backend whose events are what a function sends.
func sends(f func(context.Context, func(...EventLine) error) error) fake {
	return fake{events: func(ctx context.Context, _ EventsRequest, send func(...EventLine) error) error { return f(ctx, send) }}
}

// follows asks for events.
func follows(t *testing.T, c *Client) *Stream[EventLine] {
	t.Helper()
	s, err := c.Events(t.Context(), EventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// reasonsOf reads a stream to its end, and returns the events' reasons and why
// there are no more.
func reasonsOf(s *Stream[EventLine]) (reasons []string, err error) {
	for {
		line, err := s.Next()
		if err != nil {
			return reasons, err
		}
		reasons = append(reasons, line.Reason)
	}
}

func because(reason string) EventLine { return EventLine{Event: &Event{Reason: reason}} }

func TestEvents(t *testing.T) {
	var got EventsRequest
	kind, code := uint8(8), uint8(0)
	want := []EventLine{
		{Event: &Event{
			Time: time.Date(2026, 1, 2, 15, 4, 5, 123456789, time.UTC), Verdict: "drop", Fate: "dropped", Reason: "no_ingress_rule", VPC: "main", Protocol: "tcp",
			From:     EventEnd{Name: "web", ID: "eni-1", Address: netip.MustParseAddr("10.0.1.10"), Port: 43210},
			To:       EventEnd{Address: netip.MustParseAddr("fd00::1"), Port: 3306},
			TCPFlags: "S", Packets: 1, Bytes: 60, Generation: 7,
			Egress:  EventSide{AnswerRule, RuleRef{"sgr-1", "web", "all traffic to 0.0.0.0/0"}},
			Ingress: EventSide{Answer: AnswerNoRule},
		}},
		{Lost: 1204},
		{Event: &Event{Protocol: "icmp", ICMPType: &kind, ICMPCode: &code}},
	}
	_, c := serving(t, fake{events: func(_ context.Context, r EventsRequest, send func(...EventLine) error) error {
		got = r
		return errors.Join(send(), send(want[0]), send(want[1:]...))
	}})
	for _, r := range []EventsRequest{
		{}, {VPC: "v", Instance: "a&b=c /?#é", From: "f", To: "t", Protocol: "p", Port: 65535, Verdict: VerdictDrop, Reasons: []string{"land", "broadcast"}},
	} {
		s, err := c.Events(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("request (-sent +received):\n%s", diff)
		}
		for _, line := range want {
			reply, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(line, reply, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("reply (-sent +received):\n%s", diff)
			}
		}
		if line, err := s.Next(); err != io.EOF {
			t.Errorf("after the last one: %+v, %v", line, err)
		}
	}
}

func TestFlows(t *testing.T) {
	var got FlowsRequest
	matched := 5
	want := []Flow{{VPC: "main", State: "STREAM", From: FlowEnd{Packets: 1, Bytes: 2}, Ingress: RuleRef{RuleID: "sgr-1"}}, {}}
	_, c := serving(t, fake{flows: func(_ context.Context, r FlowsRequest, send func(...FlowLine) error) error {
		got = r
		switch r.Limit {
		case 1:
			return errors.New("out of order")
		case 2:
			return send(FlowLine{Flow: &want[0]}) // and not how many
		}
		return errors.Join(send(FlowLine{Flow: &want[0]}, FlowLine{Flow: &want[1]}), send(FlowLine{Matched: &matched}))
	}})
	list := func(r FlowsRequest) (flows []Flow, matched int, err error) {
		matched, err = c.Flows(t.Context(), r, func(f Flow) error {
			flows = append(flows, f)
			return nil
		})
		return flows, matched, err
	}
	for _, r := range []FlowsRequest{
		{}, {FlowFilter: FlowFilter{VPC: "v", Instance: "i", From: "f", To: "t", Protocol: "p", Port: 1}, States: []string{"a", "b"}, Sort: SortBytes, Limit: MaxListedFlows},
	} {
		flows, matched, err := list(r)
		if err != nil || matched != 5 {
			t.Errorf("matched %d, %v", matched, err)
		}
		if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("request (-sent +received):\n%s", diff)
		}
		if diff := cmp.Diff(want, flows, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("reply (-sent +received):\n%s", diff)
		}
	}
	_, _, err := list(FlowsRequest{Limit: 1})
	wantError(t, err, "out of order")
	_, _, err = list(FlowsRequest{Limit: 2})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("without an end: %v", err)
	}
	enough := errors.New("enough")
	if _, err := c.Flows(t.Context(), FlowsRequest{}, func(Flow) error { return enough }); err != enough {
		t.Errorf("the caller's own error: %v", err)
	}
}

func TestWrongStreams(t *testing.T) {
	s, _ := serving(t, fake{}) // which is not asked
	for target, want := range map[string]string{
		"/v1/events?reasons=land":   `no parameter \"reasons\", want: vpc, instance`,
		"/v1/events?verdict=reject": "want allow or drop",
		"/v1/events?port=0":         "want a port from 1 to 65535",
		"/v1/events?port=65536":     "want a port from 1 to 65535",
		"/v1/events?port=":          "want a port from 1 to 65535",
		"/v1/flows?all=true":        `no parameter \"all\"`,
		"/v1/flows?sort=size":       "want one of age, bytes, packets, expires",
		"/v1/flows?limit=-1":        "want a number up to 10000, or 0",
		"/v1/flows?limit=10001":     "want a number up to 10000, or 0",
		"/v1/flows?limit=all":       "want a number up to 10000, or 0",
		"/v1/flows?port=http":       "want a port",
	} {
		if status, reply := raw(t, s.Path(), "GET", target, ""); status != 400 || !strings.Contains(reply, want) {
			t.Errorf("%s: %d %s, want %s", target, status, reply, want)
		}
	}
}

// TestListsAreBounded holds that a client which does not say how many flows it
// wants does not get a million.
func TestListsAreBounded(t *testing.T) {
	limit := 0
	s, _ := serving(t, fake{flows: func(_ context.Context, r FlowsRequest, send func(...FlowLine) error) error {
		limit = r.Limit
		return Refuse("enough is known")
	}})
	raw(t, s.Path(), "GET", flowsPath, "")
	if limit != MaxListedFlows {
		t.Errorf("the limit is %d", limit)
	}
}

// TestStreamIsPrompt holds that what is sent is there before anything else
// happens: first that the gateway watches, then each event.
func TestStreamIsPrompt(t *testing.T) {
	goOn := make(chan struct{})
	_, c := serving(t, sends(func(ctx context.Context, send func(...EventLine) error) error {
		_ = send()
		for i := range 3 {
			<-goOn
			_ = send(because(fmt.Sprint(i)), because("more"))
		}
		<-goOn
		return nil
	}))
	s := follows(t, c)
	for i := range 3 {
		goOn <- struct{}{}
		line, err := s.Next()
		if err != nil || line.Reason != fmt.Sprint(i) || !s.HasNext() {
			t.Errorf("%d: %+v, %v, has next %v", i, line, err, s.HasNext())
		}
		if line, err = s.Next(); err != nil || line.Reason != "more" || s.HasNext() {
			t.Errorf("%d: %+v, %v, has next %v", i, line, err, s.HasNext())
		}
	}
	close(goOn)
	if _, err := s.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// TestStreamOutlivesTimeLimits holds that the limits of other replies are none
// of a stream's: its client waits for longer than it may take to send a request
// or to be sent a reply.
func TestStreamOutlivesTimeLimits(t *testing.T) {
	const limit = 10 * time.Millisecond
	_, c := serving(t, sends(func(ctx context.Context, send func(...EventLine) error) error {
		_ = send()
		select {
		case <-ctx.Done(): // it takes the client for gone
			return ctx.Err()
		case <-time.After(10 * limit):
		}
		return send(because("patience"))
	}), func(l *limits) { l.header, l.body, l.reply, l.idle, l.stall = limit, limit, limit, limit, limit })
	c.http.Timeout = limit
	if got, err := reasonsOf(follows(t, c)); err != io.EOF || !slices.Equal(got, []string{"patience"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestStreamErrors(t *testing.T) {
	var log strings.Builder
	s := listenAt(t, filepath.Join(t.TempDir(), "s.sock"))
	var answer func(send func(...EventLine) error) error
	s.Serve(sends(func(_ context.Context, send func(...EventLine) error) error { return answer(send) }), slog.New(slog.NewTextHandler(&log, nil)))
	c := client(t, s.Path())
	for _, f := range []struct {
		name  string
		err   error
		want  Error
		count int // of events before
	}{
		{"a refusal", fmt.Errorf("wrapped: %w", Refuse("no instance %q", "x")), Error{400, `no instance "x"`}, 0},
		{"a failure", errors.New("out of order"), Error{500, "out of order"}, 0},
		{"a late refusal", Refuse("no\nmore \"é\""), Error{400, "no\nmore \"é\""}, 3},
		{"a late failure", errors.New("worn out"), Error{500, "worn out"}, 3},
	} {
		answer = func(send func(...EventLine) error) error {
			for range f.count {
				_ = send(because("x"))
			}
			return f.err
		}
		var e *Error
		events, err := c.Events(t.Context(), EventsRequest{})
		if f.count == 0 {
			if !errors.As(err, &e) || *e != f.want {
				t.Errorf("%s: %v", f.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer events.Close()
		got, err := reasonsOf(events)
		if !errors.As(err, &e) || *e != f.want || len(got) != f.count {
			t.Errorf("%s: %q, %v", f.name, got, err)
		}
		if _, again := events.Next(); again.Error() != err.Error() {
			t.Errorf("%s: the end changes: %v", f.name, again)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for part, want := range map[string]bool{"out of order": true, "worn out": true, "no instance": false, "more": false} {
		if strings.Contains(log.String(), part) != want {
			t.Errorf("logged %q: %s", part, log.String())
		}
	}
}

// TestStreamEndsWithItsClient has clients that leave in every way; the backend
// must learn of it though it sends nothing.
func TestStreamEndsWithItsClient(t *testing.T) {
	ended := make(chan error)
	s, c := serving(t, sends(func(ctx context.Context, send func(...EventLine) error) error {
		_ = send()
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}))
	for name, leave := range map[string]func(){
		"by closing": func() { follows(t, c).Close() },
		"by its context": func() {
			ctx, cancel := context.WithCancel(t.Context())
			events, err := c.Events(ctx, EventsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if _, err := events.Next(); !errors.Is(err, context.Canceled) || err.Error() != "context canceled" {
				t.Errorf("by its context: %v", err)
			}
		},
		"rudely": func() {
			conn := dialStream(t, s, "")
			readHead(t, conn)
			conn.Close()
		},
	} {
		done := inBackground(leave)
		soon(t, "the client that leaves "+name, inBackground(func() { <-ended }))
		soon(t, name, done)
	}
}

// dialStream asks for events by hand, with more headers.
func dialStream(t *testing.T, s *Server, headers string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "GET "+eventsPath+" HTTP/1.1\r\nHost: x\r\n"+headers+"\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

func readHead(t *testing.T, conn net.Conn) {
	t.Helper()
	head := make([]byte, 15)
	if _, err := io.ReadFull(conn, head); err != nil || string(head) != "HTTP/1.1 200 OK" {
		t.Errorf("%q, %v", head, err)
	}
}

// TestSlowReader has a client that stops reading: it is cut, and the backend is
// free.
func TestSlowReader(t *testing.T) {
	ended := make(chan error, 1)
	s, _ := serving(t, sends(func(ctx context.Context, send func(...EventLine) error) error {
		for {
			if err := send(because(strings.Repeat("x", 10_000))); err != nil {
				ended <- err
				return err
			}
		}
	}), func(l *limits) { l.stall = 50 * time.Millisecond })
	conn := dialStream(t, s, "")
	soon(t, "the client that does not read to be cut", inBackground(func() { <-ended }))
	if n, err := io.Copy(io.Discard, conn); err != nil || n == 0 {
		t.Errorf("the client reads %d bytes to the end, %v", n, err)
	}
}

// TestCloseEndsStreams closes the server while streams are under way: one that
// is read, one that is not, and one whose backend is busy. Others' time of grace
// is not theirs.
func TestCloseEndsStreams(t *testing.T) {
	started := make(chan struct{}, 2)
	s, c := serving(t, fake{
		events: func(ctx context.Context, _ EventsRequest, send func(...EventLine) error) error {
			_ = send(because("first"))
			started <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		},
		flows: func(ctx context.Context, _ FlowsRequest, send func(...FlowLine) error) error {
			for {
				if err := send(FlowLine{Flow: &Flow{State: strings.Repeat("x", 10_000)}}); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				default:
				}
			}
		},
	}, func(l *limits) { l.grace, l.stall = time.Hour, 100*time.Millisecond })
	read := follows(t, c)
	got := inBackground(func() {
		if got, err := reasonsOf(read); !IsEnding(err) || !slices.Equal(got, []string{"first"}) {
			t.Errorf("the client that reads: %q, %v", got, err)
		}
	})
	unread := dialStream(t, s, "")
	readHead(t, unread)
	flooded, err := follow[FlowLine](t.Context(), c, flowsPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer flooded.Close()
	<-started
	<-started
	soon(t, "the end", inBackground(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}))
	soon(t, "the client", got)
	_, err = c.Events(t.Context(), EventsRequest{})
	wantError(t, err, "no gateway listens there")
}

// TestStreamWithBody has requests with bodies: one that comes is read past, and
// one that never does ends the request.
func TestStreamWithBody(t *testing.T) {
	ended := make(chan struct{}, 1)
	s, _ := serving(t, sends(func(ctx context.Context, send func(...EventLine) error) error {
		_ = send()
		<-ctx.Done()
		ended <- struct{}{}
		return ctx.Err()
	}), func(l *limits) { l.body = 20 * time.Millisecond })
	conn := dialStream(t, s, "Content-Length: 2\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400") || !strings.Contains(string(answer), "the body cannot be read") {
		t.Errorf("no body: %s, %v", answer, err)
	}
	conn = dialStream(t, s, "Content-Length: 2\r\n\r\n{}")
	readHead(t, conn)
	conn.Close()
	soon(t, "the client's leaving to be noticed", inBackground(func() { <-ended }))
}

// TestStreamBrokenOff has a gateway that is killed, and one that says what no
// gateway does.
func TestStreamBrokenOff(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"killed":             {"8\r\n{\"lost\":", "the gateway has broken off: unexpected EOF"},
		"killed in between":  {"b\r\n{\"lost\":1}\n\r\n", "the gateway has broken off: unexpected EOF"},
		"no JSON":            {"6\r\nhello\n\r\n0\r\n\r\n", "the answer cannot be read: invalid character 'h'"},
		"a wrong kind":       {"c\r\n{\"lost\":-1}\n\r\n0\r\n\r\n", "the answer cannot be read"},
		"half a line":        {"8\r\n{\"lost\":\r\n0\r\n\r\n", "the answer cannot be read: unexpected EOF"},
		"an unknown trailer": {"b\r\n{\"lost\":1}\n\r\n0\r\nSgate-Error: hello\r\n\r\n", "EOF"},
	} {
		l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s.sock"))
		if err != nil {
			t.Fatal(err)
		}
		served := inBackground(func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = conn.Read(make([]byte, 1000))
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sgate-Error\r\n\r\n"+c.body)
		})
		events, err := client(t, l.Addr().String()).Events(t.Context(), EventsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = events.Next()
		}
		if !strings.Contains(err.Error(), c.want) || IsEnding(err) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		events.Close()
		l.Close()
		<-served
	}
}
