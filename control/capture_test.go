package control

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// capturing is a backend that captures as the test says.
type capturing struct {
	Backend
	capture func(context.Context, CaptureRequest, io.Writer) error
}

func (c capturing) Capture(ctx context.Context, r CaptureRequest, w io.Writer) error {
	return c.capture(ctx, r, w)
}

// TestCaptureRequest holds that what is asked for is what the gateway is asked.
func TestCaptureRequest(t *testing.T) {
	var got CaptureRequest
	_, c := serving(t, capturing{capture: func(_ context.Context, r CaptureRequest, w io.Writer) error {
		got = r
		_, err := w.Write([]byte("pcapng"))
		return err
	}})
	for _, want := range []CaptureRequest{
		{},
		{
			VPC: "main", Instances: []string{"web", "data base"}, From: "10.0.0.0/8", To: "db", Protocol: "tcp", Port: 3306,
			Verdict: VerdictDrop, Reasons: []string{"land", "no_ingress_rule"}, Snaplen: 128, Count: 3, BothEnds: true, Buffer: 1 << 20,
		},
	} {
		stream, err := c.Capture(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(stream); err != nil || string(b) != "pcapng" {
			t.Errorf("%q, %v", b, err)
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestCaptureRefuses(t *testing.T) {
	s, _ := serving(t, capturing{})
	for query, want := range map[string]string{
		"verdict=deny":    `{"error":"verdict=\"deny\": want allow or drop"}`,
		"snaplen=-1":      `{"error":"snaplen=\"-1\": want a number from 0 to 2147483647"}`,
		"count=many":      `{"error":"count=\"many\": want a number from 0 to 2147483647"}`,
		"buffer=1e9":      `{"error":"buffer=\"1e9\": want a number from 0 to 2147483647"}`,
		"both_ends=maybe": `{"error":"both_ends=\"maybe\": want true or false"}`,
		"port=0":          `{"error":"port=\"0\": want a port from 1 to 65535"}`,
	} {
		if status, body := raw(t, s.Path(), http.MethodGet, capturePath+"?"+query, ""); status != http.StatusBadRequest || body != want {
			t.Errorf("%s: %d %s, want %s", query, status, body, want)
		}
	}
	status, body := raw(t, s.Path(), http.MethodGet, capturePath+"?instances=web", "")
	if status != http.StatusBadRequest || !strings.Contains(body, `no parameter \"instances\", want: vpc, instance, `) {
		t.Errorf("%d %s", status, body)
	}
}

// TestCaptureStop ends a capture from outside: what it has still to say is read.
func TestCaptureStop(t *testing.T) {
	_, c := serving(t, capturing{capture: func(ctx context.Context, _ CaptureRequest, w io.Writer) error {
		_, err := io.WriteString(w, "packets, ")
		<-ctx.Done()
		_, last := io.WriteString(w, "statistics")
		return errors.Join(err, last)
	}})
	stream, err := c.Capture(t.Context(), CaptureRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	first := make([]byte, len("packets, "))
	if _, err := io.ReadFull(stream, first); err != nil {
		t.Fatal(err)
	}
	if err := stream.Stop(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(stream); err != nil || string(rest) != "statistics" {
		t.Errorf("after it: %q, %v", rest, err)
	}
}

// TestCaptureIsPatient lets a client take nothing for longer than other replies
// without end may wait.
func TestCaptureIsPatient(t *testing.T) {
	const size = 4 << 20 // more than a socket holds
	_, c := serving(t, capturing{capture: func(_ context.Context, _ CaptureRequest, w io.Writer) error {
		_, err := w.Write(make([]byte, size))
		return err
	}}, func(l *limits) { l.stall = time.Millisecond })
	stream, err := c.Capture(t.Context(), CaptureRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	time.Sleep(20 * time.Millisecond) // that is the client's idleness
	if n, err := io.Copy(io.Discard, stream); n != size || err != nil {
		t.Errorf("%d bytes of %d, %v", n, size, err)
	}
}

// TestCaptureOfAGatewayThatEnds gets its last word.
func TestCaptureOfAGatewayThatEnds(t *testing.T) {
	s, c := serving(t, capturing{capture: func(ctx context.Context, _ CaptureRequest, w io.Writer) error {
		_, err := io.WriteString(w, "packets, ")
		<-ctx.Done()
		_, last := io.WriteString(w, "statistics")
		return errors.Join(err, last)
	}})
	stream, err := c.Capture(t.Context(), CaptureRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	closed := inBackground(func() { _ = s.Close() })
	if b, err := io.ReadAll(stream); !IsEnding(err) || string(b) != "packets, statistics" {
		t.Errorf("%q, %v", b, err)
	}
	soon(t, "the server to close", closed)
}
