package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestCounters(t *testing.T) {
	var got CountersRequest
	want := CountersReply{Interfaces: []Counters{
		{Name: "web", ID: "eni-1", Received: 1, ReceivedBytes: 2, Forwarded: 3, Local: 4, Sent: 5, SentBytes: math.MaxUint64, Dropped: 7,
			Drops: map[string]uint64{"no_ingress_rule": 7}, ConntrackAllowanceExceeded: 8, ConntrackAllowanceAvailable: -9},
		{Name: "db"},
	}}
	_, c := serving(t, fake{counters: func(_ context.Context, r CountersRequest) (CountersReply, error) {
		got = r
		return want, nil
	}})
	for _, r := range []CountersRequest{{}, {Names: []string{"web", "a&b=c /?#é"}, Zeros: true}} {
		reply, err := c.Counters(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("request (-sent +received):\n%s", diff)
		}
		if diff := cmp.Diff(want, reply); diff != "" {
			t.Errorf("reply (-sent +received):\n%s", diff)
		}
	}
}

func TestCutFlows(t *testing.T) {
	var got CutFlowsRequest
	id := uint16(0)
	want := CutFlowsReply{Matched: 2, Flows: []Flow{
		{VPC: "main", Protocol: "tcp", State: "established", Age: 1.5, Expires: 432000,
			From: FlowEnd{Name: "web", ID: "eni-1", Address: netip.MustParseAddr("10.0.1.10"), Port: 40000, Tracked: true},
			To:   FlowEnd{Address: netip.MustParseAddr("fd00::1"), Port: 80}},
		{Protocol: "icmp", ICMPID: &id, From: FlowEnd{Address: netip.MustParseAddr("10.0.1.10")}, To: FlowEnd{Address: netip.MustParseAddr("10.0.1.1")}},
	}}
	_, c := serving(t, fake{cut: func(_ context.Context, r CutFlowsRequest) (CutFlowsReply, error) {
		got = r
		return want, nil
	}})
	for _, r := range []CutFlowsRequest{
		{All: true}, {All: true, DryRun: true},
		{FlowFilter: FlowFilter{VPC: "v", Instance: "i", From: "f", To: "t", Protocol: "p", Port: 65535}, DryRun: true},
	} {
		reply, err := c.CutFlows(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("request (-sent +received):\n%s", diff)
		}
		if diff := cmp.Diff(want, reply, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("reply (-sent +received):\n%s", diff)
		}
	}
}

// TestCutFlowsSaysWhich holds that no request cuts everything unless it says
// so.
func TestCutFlowsSaysWhich(t *testing.T) {
	s, c := serving(t, fake{cut: func(context.Context, CutFlowsRequest) (CutFlowsReply, error) {
		t.Error("the backend was asked")
		return CutFlowsReply{}, nil
	}})
	_, err := c.CutFlows(t.Context(), CutFlowsRequest{DryRun: true})
	wantError(t, err, "which flows?", "or all")
	_, err = c.CutFlows(t.Context(), CutFlowsRequest{All: true, FlowFilter: FlowFilter{Port: 1}})
	wantError(t, err, "all stands for every flow")
	for name, body := range map[string]string{
		"nothing": "", "an empty object": "{}", "null": "null", "a list": "[]", "broken": `{"all":`,
		"a condition it does not know": `{"all": true, "state": "established"}`,
		"a wrong kind":                 `{"all": true, "port": "80"}`,
		"a port that is none":          `{"port": 65536}`,
		"a negative port":              `{"port": -1}`,
		"two objects":                  `{"all": true} {"all": true}`,
		"text at the end":              `{"all": true} x`,
	} {
		if status, reply := raw(t, s.Path(), "POST", cutFlowsPath, body); status != 400 || !strings.HasPrefix(reply, `{"error":"`) {
			t.Errorf("%s: %d %s", name, status, reply)
		}
	}
}

func TestWrongRequests(t *testing.T) {
	s, _ := serving(t, echoing(), func(l *limits) { l.bodyBytes = 100 })
	for _, c := range []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"GET", "/v1/nothing", "", 404, "this gateway has: GET /v1/counters, POST /v1/flows/cut"},
		{"GET", "/", "", 404, "this gateway has"},
		{"GET", "/v2/counters", "", 404, "this gateway has"},
		{"POST", "/v1/counters", "{}", 405, "want the method GET"},
		{"GET", "/v1/flows/cut", "", 405, "want the method POST"},
		{"GET", "/v1/counters?names=web", "", 400, `no parameter \"names\", want: name, zeros`},
		{"GET", "/v1/counters?zeros=maybe", "", 400, "want true or false"},
		{"GET", "/v1/counters?name=%zz", "", 400, "invalid URL escape"},
		{"POST", "/v1/flows/cut", `{"instance": "` + strings.Repeat("x", 100) + `"}`, 413, "more than 100 bytes"},
	} {
		status, reply := raw(t, s.Path(), c.method, c.target, c.body)
		if status != c.status || !strings.Contains(reply, c.want) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.target, status, reply, c.status, c.want)
		}
	}
	if status, reply := raw(t, s.Path(), "POST", cutFlowsPath, `{"all": true}`+strings.Repeat(" ", 100-13)); status != 200 {
		t.Errorf("a body of just 100 bytes: %d %s", status, reply)
	}
	if status, _ := raw(t, s.Path(), "GET", "/v1/counters?name="+strings.Repeat("x", 1000), ""); status != 200 {
		t.Errorf("a long query: %d", status)
	}
}

func TestBackendErrors(t *testing.T) {
	var log strings.Builder
	s := listenAt(t, filepath.Join(t.TempDir(), "s.sock"))
	s.Serve(fake{
		counters: func(context.Context, CountersRequest) (CountersReply, error) {
			return CountersReply{}, fmt.Errorf("wrapped: %w", Refuse("no instance %q", "x"))
		},
		cut: func(_ context.Context, r CutFlowsRequest) (CutFlowsReply, error) {
			if r.DryRun { // what JSON cannot say
				return CutFlowsReply{Flows: []Flow{{Age: math.NaN()}}}, nil
			}
			return CutFlowsReply{}, errors.New("out of order")
		},
	}, slog.New(slog.NewTextHandler(&log, nil)))
	c := client(t, s.Path())
	var answer *Error
	_, err := c.Counters(t.Context(), CountersRequest{})
	if !errors.As(err, &answer) || *answer != (Error{400, `no instance "x"`}) {
		t.Errorf("a refusal: %v", err)
	}
	_, err = c.CutFlows(t.Context(), CutFlowsRequest{All: true})
	if !errors.As(err, &answer) || *answer != (Error{500, "out of order"}) {
		t.Errorf("a failure: %v", err)
	}
	_, err = c.CutFlows(t.Context(), CutFlowsRequest{All: true, DryRun: true})
	if !errors.As(err, &answer) || answer.Status != 500 || !strings.Contains(answer.Message, "NaN") {
		t.Errorf("an answer that JSON cannot say: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := log.String(); !strings.Contains(got, "out of order") || strings.Contains(got, "no instance") {
		t.Errorf("logged: %s", got)
	}
}

func TestManyClients(t *testing.T) {
	s, c := serving(t, echoing())
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 20 {
				name := fmt.Sprintf("client-%d-%d", i, j)
				reply, err := c.Counters(t.Context(), CountersRequest{Names: []string{name}})
				if err != nil || len(reply.Interfaces) != 1 || reply.Interfaces[0].Name != name {
					t.Errorf("%s: %+v, %v", name, reply, err)
				}
				cut, err := c.CutFlows(t.Context(), CutFlowsRequest{FlowFilter: FlowFilter{Instance: name}})
				if err != nil || !strings.Contains(cut.Flows[0].State, name+" ") {
					t.Errorf("%s: %+v, %v", name, cut, err)
				}
			}
		})
	}
	all.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestClientsWaitForServe asks before there is a backend.
func TestClientsWaitForServe(t *testing.T) {
	s := listenAt(t, filepath.Join(t.TempDir(), "s.sock"))
	c := client(t, s.Path())
	asked := inBackground(func() {
		if reply, err := c.Counters(t.Context(), CountersRequest{Names: []string{"web"}}); err != nil || len(reply.Interfaces) != 1 {
			t.Errorf("%+v, %v", reply, err)
		}
	})
	select {
	case <-asked:
		t.Error("answered by nobody")
	case <-time.After(20 * time.Millisecond):
	}
	s.Serve(echoing(), slog.New(slog.DiscardHandler))
	soon(t, "the answer", asked)
}

// TestCloseWaitsForRequests closes the server while a request is under way: it
// comes to its end.
func TestCloseWaitsForRequests(t *testing.T) {
	inside, goOn := make(chan struct{}), make(chan struct{})
	var waits atomic.Bool
	s, c := serving(t, fake{counters: func(context.Context, CountersRequest) (CountersReply, error) {
		if waits.CompareAndSwap(false, true) { // the first one
			close(inside)
			<-goOn
		}
		return CountersReply{Interfaces: []Counters{{Name: "web"}}}, nil
	}}, func(l *limits) { l.grace = time.Minute })
	end := sync.OnceFunc(func() { close(goOn) })
	defer end()
	asked := inBackground(func() {
		if reply, err := c.Counters(t.Context(), CountersRequest{}); err != nil || len(reply.Interfaces) != 1 {
			t.Errorf("the request under way: %+v, %v", reply, err)
		}
	})
	soon(t, "the request", inside)
	closed := inBackground(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := c.Counters(t.Context(), CountersRequest{})
		if err != nil && strings.Contains(err.Error(), "no gateway listens there") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it still listens")
		}
	}
	select {
	case <-closed:
		t.Error("closed while a request was under way")
	default:
	}
	end()
	soon(t, "the answer", asked)
	soon(t, "the end", closed)
}

// TestCloseEndsRequests has requests that take until their contexts are done,
// one with a body that nobody reads, so that the server does not see its client
// leave; a client that never sends its request; and one that never sends its
// body.
func TestCloseEndsRequests(t *testing.T) {
	inside := make(chan struct{}, 2)
	s, c := serving(t, fake{counters: func(ctx context.Context, _ CountersRequest) (CountersReply, error) {
		inside <- struct{}{}
		<-ctx.Done()
		return CountersReply{}, ctx.Err()
	}}, func(l *limits) {
		l.grace = 10 * time.Millisecond
		l.header, l.body, l.reply = time.Hour, time.Hour, time.Hour
	})
	for _, begin := range []string{
		"", "POST " + cutFlowsPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
		"GET " + countersPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
	} {
		conn, err := net.Dial("unix", s.Path())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, begin); err != nil {
			t.Fatal(err)
		}
	}
	asked := inBackground(func() {
		if _, err := c.Counters(t.Context(), CountersRequest{}); err == nil {
			t.Error("answered")
		}
	})
	soon(t, "the requests", inBackground(func() { <-inside; <-inside }))
	soon(t, "the end", inBackground(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}))
	soon(t, "the client", asked)
}

// TestRequestAfterClose gets in after the server has closed, as one can that
// was read just before.
func TestRequestAfterClose(t *testing.T) {
	s, _ := serving(t, echoing())
	handler := s.http.Handler
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w := &recorder{header: http.Header{}}
	handler.ServeHTTP(w, &http.Request{Method: "GET"})
	if w.status != 503 || !strings.Contains(w.body.String(), "the gateway is ending") {
		t.Errorf("got %d %s", w.status, w.body.String())
	}
}

type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// TestSlowClients holds that one which does not send on is given up.
func TestSlowClients(t *testing.T) {
	s, _ := serving(t, echoing(), func(l *limits) {
		l.header, l.body, l.idle = 20*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond
	})
	for name, begin := range map[string]string{
		"nothing":      "",
		"half a head":  "GET " + countersPath + " HTTP/1.1\r\nHo",
		"half a body":  "POST " + cutFlowsPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
		"no body":      "GET " + countersPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
		"no more":      "GET " + countersPath + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"unknown path": "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
	} {
		conn, err := net.Dial("unix", s.Path())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, begin); err != nil {
			t.Fatal(err)
		}
		soon(t, name+": the server to give up", inBackground(func() { _, _ = io.Copy(io.Discard, conn) }))
		conn.Close()
	}
}

// TestLongHead holds that what comes before a body is bounded too.
func TestLongHead(t *testing.T) {
	s, _ := serving(t, echoing())
	conn, err := net.Dial("unix", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { // the server stops reading, so writing fails
		_, _ = io.WriteString(conn, "GET "+countersPath+" HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 1<<20)+"\r\n\r\n")
	}()
	answer := make([]byte, 12)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 431" {
		t.Errorf("%q, %v", answer, err)
	}
}
