package probe

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sgate/sgate/assertion"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/vpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var local = netip.MustParseAddr("127.0.0.1")

// gateway is a Backend that tells the same events again and again.
type gateway struct {
	control.Backend
	events []control.Event
	fails  error // instead of telling more
}

func (g gateway) Events(ctx context.Context, _ control.EventsRequest, send func(...control.EventLine) error) error {
	if err := send(); err != nil {
		return err
	}
	for {
		for i := range g.events {
			if err := send(control.EventLine{Event: &g.events[i]}); err != nil {
				return err
			}
		}
		if g.fails != nil {
			return g.fails
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// newProber returns a prober whose one member, me, is this process's own
// namespace.
func newProber(t *testing.T, g gateway) *Prober {
	t.Helper()
	socket, err := control.Listen(filepath.Join(t.TempDir(), "c.sock"))
	if err != nil {
		t.Fatal(err)
	}
	socket.Serve(g, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = socket.Close() })
	client, err := control.NewClient(socket.Path())
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(t.Context(), map[string]string{"me": ""}, client, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	p.eventWait = 50 * time.Millisecond
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// ports returns a port that somebody listens on and two that are free.
func ports(t *testing.T) (open, closed, source uint16) {
	t.Helper()
	var got [3]uint16
	for i := range got {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		got[i] = l.Addr().(*net.TCPAddr).AddrPort().Port()
		if i > 0 {
			l.Close()
			continue
		}
		t.Cleanup(func() { l.Close() })
	}
	return got[0], got[1], got[2]
}

func question(protocol string, port, source uint16) (assertion.Case, *control.Explanation) {
	c := assertion.Case{From: "me", To: "127.0.0.1", Protocol: protocol, Port: port, SourcePort: source}
	return c, &control.Explanation{
		From:   control.ExplainedEnd{Kind: control.EndInstance, Name: "me"},
		Packet: control.ExplainedPacket{Protocol: protocol, Source: local, Destination: local},
	}
}

func told(verdict, reason, protocol string, from, to uint16) control.Event {
	return control.Event{
		Verdict: verdict, Fate: "forwarded", Reason: reason, Protocol: protocol,
		From: control.EventEnd{Address: local, Port: from}, To: control.EventEnd{Address: local, Port: to},
		Egress:  control.EventSide{Answer: control.AnswerRule, RuleRef: control.RuleRef{RuleID: "sgr-1"}},
		Ingress: control.EventSide{Answer: control.AnswerFlow, RuleRef: control.RuleRef{RuleID: "sgr-2"}},
	}
}

func TestProbe(t *testing.T) {
	open, closed, source := ports(t)
	for _, tt := range []struct {
		name, protocol string
		port           uint16
		event          control.Event
		want           assertion.Observation
	}{
		{"connected", "tcp", open, told("allow", "rule", "tcp", source, open), assertion.Observation{
			Verdict: assertion.Allow, Reason: "rule", Rules: [2]string{"sgr-1", ""}, Seen: "connected",
		}},
		{"refused", "tcp", closed, told("allow", "rule", "tcp", source, closed), assertion.Observation{
			Verdict: assertion.Allow, Reason: "rule", Rules: [2]string{"sgr-1", ""}, Seen: "connection refused: it arrived, and nobody listens there",
		}},
		{"datagram", "udp", 9, told("allow", "rule", "udp", source, 9), assertion.Observation{
			Verdict: assertion.Allow, Reason: "rule", Rules: [2]string{"sgr-1", ""}, Seen: "sent; the gateway let it through",
		}},
		{"datagram dropped", "udp", 9, told("drop", "no_route", "udp", source, 9), assertion.Observation{
			Verdict: assertion.Drop, Reason: "no_route", Rules: [2]string{"sgr-1", ""}, Seen: "sent; the gateway dropped it",
		}},
	} {
		p := newProber(t, gateway{events: []control.Event{told("drop", "other", tt.protocol, source+1, tt.port), tt.event}})
		c, e := question(tt.protocol, tt.port, source)
		got, err := p.Probe(t.Context(), c, e)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
		if n := len(p.events.want); n != 0 {
			t.Errorf("%s: %d flows are still looked for", tt.name, n)
		}
	}
}

// TestProbeFails has what must not pass for an observation.
func TestProbeFails(t *testing.T) {
	open, _, source := ports(t)
	for _, tt := range []struct {
		name, protocol, want string
		gateway              gateway
	}{
		{"nothing told", "udp", "the gateway has not told of the packet", gateway{}},
		{"nothing told of a connection", "tcp", "connected; the gateway has not told of the packet", gateway{}},
		{"connected, yet dropped", "tcp", "connected; yet the gateway dropped its first packet: no_route", gateway{events: []control.Event{told("drop", "no_route", "tcp", source, open)}}},
		{"the gateway ends", "udp", "the gateway tells no more events: it is full", gateway{fails: control.Refuse("it is full")}},
	} {
		p := newProber(t, tt.gateway)
		p.timeout = 50 * time.Millisecond
		c, e := question(tt.protocol, open, source)
		if got, err := p.Probe(t.Context(), c, e); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got %+v, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

// TestTimedOut has connections that nobody has answered.
func TestTimedOut(t *testing.T) {
	for _, tt := range []struct {
		name   string
		events []control.Event
		want   assertion.Observation
	}{
		{"dropped", []control.Event{told("drop", "no_ingress_rule", "tcp", 7, 9)}, assertion.Observation{
			Verdict: assertion.Drop, Reason: "no_ingress_rule", Rules: [2]string{"sgr-1", ""}, Seen: "no answer within 5s",
		}},
		{"arrived", []control.Event{told("allow", "rule", "tcp", 7, 9)}, assertion.Observation{
			Verdict: assertion.Allow, Reason: "rule", Rules: [2]string{"sgr-1", ""}, Unanswered: true, Seen: "no answer within 5s",
		}},
		{"answer dropped", []control.Event{told("drop", "network_acl_egress", "tcp", 9, 7), told("allow", "rule", "tcp", 7, 9)}, assertion.Observation{
			Verdict: assertion.Allow, Reason: "rule", Rules: [2]string{"sgr-1", ""}, Unanswered: true,
			Seen: "no answer within 5s; the gateway dropped what came back: network_acl_egress",
		}},
	} {
		p := newProber(t, gateway{events: tt.events})
		a := &attempt{Prober: p, protocol: 6, source: netip.AddrPortFrom(local, 7), destination: netip.AddrPortFrom(local, 9)}
		a.expectEvents()
		got, err := a.timedOut(t.Context())
		a.sight.forget()
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

// TestEchoed has pings that went through.
func TestEchoed(t *testing.T) {
	request, reply, code := uint8(8), uint8(0), uint8(0)
	answer := func(verdict string) control.Event {
		e := told(verdict, "network_acl_egress", "icmp", 0, 0)
		e.ICMPType, e.ICMPCode = &reply, &code
		return e
	}
	for _, tt := range []struct {
		name   string
		events []control.Event
		want   assertion.Observation
	}{
		{"answered", []control.Event{answer("allow")}, assertion.Observation{Seen: "answered"}},
		{"dropped", []control.Event{answer("drop")}, assertion.Observation{Unanswered: true, Seen: "the gateway dropped the echo reply: network_acl_egress"}},
		{"silent", nil, assertion.Observation{Unanswered: true, Seen: "no answer within 10ms"}},
	} {
		p := newProber(t, gateway{events: tt.events})
		if tt.events == nil {
			p.timeout = 10 * time.Millisecond
		}
		at := netip.AddrPortFrom(local, 0)
		a := &attempt{Prober: p, protocol: 1, source: at, destination: at, kind: &request, code: &code}
		a.expectEvents()
		var got assertion.Observation
		a.echoed(t.Context(), &got)
		a.sight.forget()
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestSenderElsewhere has senders that packets cannot be sent from.
func TestSenderElsewhere(t *testing.T) {
	p := newProber(t, gateway{})
	c, e := question("tcp", 1, 0)
	e.From = control.ExplainedEnd{Kind: control.EndUnknown, Address: local}
	got, err := p.Probe(t.Context(), c, e)
	if want := (assertion.Observation{Seen: "no packet was sent: nobody in the lab has 127.0.0.1"}); got != want || err != nil {
		t.Errorf("nobody's address: %+v, %v", got, err)
	}
	e.From = control.ExplainedEnd{Kind: control.EndInstance, Name: "other"}
	if got, err := p.Probe(t.Context(), c, e); err == nil || err.Error() != "the lab has no namespace for other" {
		t.Errorf("an unknown member: %+v, %v", got, err)
	}
}

func TestCancelled(t *testing.T) {
	p := newProber(t, gateway{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, protocol := range []string{"tcp", "udp"} {
		c, e := question(protocol, 9, 0)
		if got, err := p.Probe(ctx, c, e); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %+v, %v", protocol, got, err)
		}
	}
}

// TestLost says so where the gateway could not tell of all packets.
func TestLost(t *testing.T) {
	p := newProber(t, gateway{})
	p.events.lost.Store(3)
	c, e := question("udp", 9, 0)
	p.timeout = 10 * time.Millisecond
	if _, err := p.Probe(t.Context(), c, e); err == nil || !strings.Contains(err.Error(), "3 events were lost") {
		t.Errorf("got %v", err)
	}
}

// TestMessageOfErrors holds that an ICMP error quotes a packet, without which a
// gateway drops it as one about nothing.
func TestMessageOfErrors(t *testing.T) {
	for _, tt := range []struct {
		address  string
		protocol vpc.Protocol
		kind     uint8
		want     int // bytes: the message's 8, and what it quotes
	}{
		{"10.0.0.1", 1, 8, 8}, {"10.0.0.1", 1, 3, 8 + 20 + 20}, {"fd00::1", 58, 128, 8}, {"fd00::1", 58, 1, 8 + 40 + 20}, {"10.0.0.1", 47, 0, 0},
	} {
		at, code := netip.AddrPortFrom(netip.MustParseAddr(tt.address), 0), uint8(0)
		a := &attempt{protocol: tt.protocol, source: at, destination: at, kind: &tt.kind, code: &code}
		if got := len(a.message()); got != tt.want {
			t.Errorf("protocol %d type %d: %d bytes, want %d", tt.protocol, tt.kind, got, tt.want)
		}
	}
}
