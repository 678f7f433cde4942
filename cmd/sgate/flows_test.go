package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sgate/sgate/control"
)

// watched is a gateway with flows, that drops a packet and lets one pass, and
// then has nothing more to say.
type watched struct {
	control.Backend
	flows  chan control.FlowsRequest
	events chan control.EventsRequest
}

func (w *watched) Flows(_ context.Context, r control.FlowsRequest, send func(...control.FlowLine) error) error {
	w.flows <- r
	flows, matched := listedFlows(), 5
	return send(control.FlowLine{Flow: &flows[0]}, control.FlowLine{Matched: &matched})
}

func (w *watched) Events(ctx context.Context, r control.EventsRequest, send func(...control.EventLine) error) error {
	w.events <- r
	if err := send(followedEvents()...); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// followedEvents are what such a gateway shows.
func followedEvents() []control.EventLine {
	at := time.Date(2026, 1, 2, 15, 4, 5, 123_400_000, time.Local)
	web := control.EventEnd{Name: "web", Address: netip.MustParseAddr("10.0.1.10"), Port: 43210}
	db := control.EventEnd{Name: "db", Address: netip.MustParseAddr("10.0.2.30"), Port: 3306}
	return []control.EventLine{
		{Event: &control.Event{Time: at, Verdict: "drop", Reason: "no_ingress_rule", Protocol: "tcp", TCPFlags: "S", From: web, To: db, Packets: 1,
			Ingress: control.EventSide{Answer: control.AnswerNoRule}}},
		{Lost: 1204},
		{Event: &control.Event{Time: at, Verdict: "allow", Reason: "router_address", Protocol: "udp", From: db, To: control.EventEnd{Address: netip.MustParseAddr("10.0.2.1"), Port: 53}}},
		{Event: &control.Event{Time: at, Verdict: "drop", Reason: "fragment_timeout", From: control.EventEnd{Name: "web"}, Packets: 3}},
	}
}

const followedText = `15:04:05.123 DROP  web:43210 -> db:3306 tcp SYN  no_ingress_rule  (db: no rule admits tcp 3306 from web)
... 1,204 events lost: the reader was too slow
15:04:05.123 ALLOW db:3306 -> 10.0.2.1:53 udp  router_address
15:04:05.123 DROP  web -> ? x3  fragment_timeout
`

// serveWatched returns such a gateway, the path of its socket, and what ends it.
func serveWatched(t *testing.T) (w *watched, socket string, end func()) {
	t.Helper()
	s, err := control.Listen(filepath.Join(t.TempDir(), "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	w = &watched{flows: make(chan control.FlowsRequest, 10), events: make(chan control.EventsRequest, 10)}
	s.Serve(w, slog.New(slog.DiscardHandler))
	end = func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	return w, s.Path(), end
}

func TestFlowsCommand(t *testing.T) {
	w, socket, _ := serveWatched(t)
	for _, c := range []struct {
		args string
		want control.FlowsRequest
	}{
		{"", control.FlowsRequest{Sort: "age", Limit: 10_000}},
		{"--limit 0", control.FlowsRequest{Sort: "age"}},
		{"--instance i --from f --to t --protocol tcp --port 1 --vpc v --state a,b --state c --sort bytes --limit 7", control.FlowsRequest{
			FlowFilter: control.FlowFilter{Instance: "i", From: "f", To: "t", Protocol: "tcp", Port: 1, VPC: "v"},
			States:     []string{"a", "b", "c"}, Sort: "bytes", Limit: 7,
		}},
	} {
		var out bytes.Buffer
		if stderr, err := runSgate(t.Context(), &out, append([]string{"flows", "--control", socket}, strings.Fields(c.args)...)...); err != nil || stderr != "" {
			t.Fatalf("%s: %s, %v", c.args, stderr, err)
		}
		if diff := cmp.Diff(c.want, <-w.flows, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +asked):\n%s", c.args, diff)
		}
		if lines := strings.Split(out.String(), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "PROTOCOL") || !strings.HasPrefix(lines[1], "tcp ") ||
			lines[2] != "and 4 more (--limit 0 lists all)" {
			t.Errorf("%s:\n%s", c.args, out.String())
		}
	}
	var out bytes.Buffer
	var object struct {
		Flows   []control.Flow
		Matched int
	}
	if _, err := runSgate(t.Context(), &out, "flows", "--control", socket, "--output", "json"); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &object); err != nil || len(object.Flows) != 1 || object.Matched != 5 {
		t.Errorf("%s, %v", out.String(), err)
	}
}

// reached cancels a context once so much has been written to it.
type reached struct {
	bytes.Buffer
	size   int
	cancel func()
}

func (r *reached) Write(p []byte) (int, error) {
	n, err := r.Buffer.Write(p)
	if r.Len() >= r.size {
		r.cancel()
	}
	return n, err
}

// follow runs sgate flows --follow until something ends it: that much output
// calls enough.
func follow(t *testing.T, socket string, size int, enough func(), args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if enough == nil {
		enough = cancel
	}
	out := &reached{size: size, cancel: enough}
	stderr, err = runSgate(ctx, out, append([]string{"flows", "--follow", "--control", socket}, args...)...)
	return out.String(), stderr, err
}

func TestFollowCommand(t *testing.T) {
	w, socket, end := serveWatched(t)
	const begins = "following; Ctrl-C ends\n"
	t.Run("interrupted", func(t *testing.T) {
		out, stderr, err := follow(t, socket, len(followedText), nil,
			"--verdict", "drop", "--reason", "a,b", "--reason", "c", "--instance", "i", "--from", "f", "--to", "t", "--protocol", "p", "--port", "9", "--vpc", "v")
		if diff := cmp.Diff(followedText, out); diff != "" || stderr != begins || err != nil {
			t.Errorf("%s, %v (-want +got):\n%s", stderr, err, diff)
		}
		want := control.EventsRequest{VPC: "v", Instance: "i", From: "f", To: "t", Protocol: "p", Port: 9, Verdict: "drop", Reasons: []string{"a", "b", "c"}}
		if diff := cmp.Diff(want, <-w.events); diff != "" {
			t.Errorf("(-want +asked):\n%s", diff)
		}
	})
	t.Run("enough", func(t *testing.T) {
		want := followedText[:strings.Index(followedText, "15:04:05.123 DROP  web ->")]
		out, _, err := follow(t, socket, 1<<20, nil, "--count", "2") // events; what was lost is none
		if diff := cmp.Diff(want, out); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("JSON", func(t *testing.T) {
		out, _, err := follow(t, socket, 1<<20, nil, "--count", "3", "-o", "json")
		if err != nil {
			t.Error(err)
		}
		var got []control.EventLine
		for d := json.NewDecoder(strings.NewReader(out)); err == nil; {
			var line control.EventLine
			if err = d.Decode(&line); err == nil {
				got = append(got, line)
			}
		}
		if diff := cmp.Diff(followedEvents(), got, cmpopts.EquateComparable(netip.Addr{})); diff != "" || err != io.EOF || strings.Count(out, "\n") != len(got) {
			t.Errorf("%v\n%s (-want +got):\n%s", err, out, diff)
		}
	})
	t.Run("a reader that leaves", func(t *testing.T) {
		if stderr, err := runSgate(t.Context(), broken{}, "flows", "--follow", "--control", socket); err != nil || stderr != begins {
			t.Errorf("%s, %v", stderr, err)
		}
	})
	t.Run("a full disk", func(t *testing.T) {
		if _, err := runSgate(t.Context(), full{}, "flows", "--follow", "--control", socket); !errors.Is(err, syscall.ENOSPC) {
			t.Error(err)
		}
	})
	t.Run("the gateway's end", func(t *testing.T) {
		out, stderr, err := follow(t, socket, len(followedText), func() { go end() })
		if diff := cmp.Diff(followedText, out); diff != "" || stderr != begins+"the gateway has ended\n" || err != nil {
			t.Errorf("%s, %v (-want +got):\n%s", stderr, err, diff)
		}
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, syscall.EPIPE }

type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
