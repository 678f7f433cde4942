package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/vpc"
	"github.com/sgate/sgate/watch"
)

// follow asks for events.
func (w *world) follow(r control.EventsRequest) *control.Stream[control.EventLine] {
	w.t.Helper()
	events, err := w.client.Events(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { events.Close() })
	return events
}

// next returns the next n events.
func next(t *testing.T, events *control.Stream[control.EventLine], n int) []control.Event {
	t.Helper()
	var all []control.Event
	for range n {
		line, err := events.Next()
		if err != nil || line.Event == nil {
			t.Fatalf("after %d events: %+v, %v", len(all), line, err)
		}
		all = append(all, *line.Event)
	}
	return all
}

// TestEventsOnTheWire holds every field of events.
func TestEventsOnTheWire(t *testing.T) {
	w := newWorld(t, twoVPCs)
	events := w.follow(control.EventsRequest{})
	before := time.Now()
	w.send("app", "10.0.1.10", "10.0.1.20", syn(40000, 3306))                                                                               // a new flow
	w.send("db", "10.0.1.20", "10.0.1.10", &layers.TCP{SrcPort: 3306, DstPort: 40000, SYN: true, ACK: true, Seq: 9, Ack: 2, Window: 65535}) // its answer
	w.send("web", "10.0.1.30", "10.0.1.10", ping(7))                                                                                        // app lets nobody in
	w.send("laptop", "203.0.113.10", "10.0.1.20", gopacket.Payload("x"))                                                                    // nor does db
	w.send("app", "10.0.1.99", "10.0.1.20", udp(1, 2))                                                                                      // not app's address
	w.send("app", "fd00:10:0:1::10", "fd00:10:0:1::20", udp(1, 2))
	got := next(t, events, 6)
	end := func(name, addr string, port uint16) control.EventEnd {
		return control.EventEnd{Name: name, ID: w.ids[name], Address: netip.MustParseAddr(addr), Port: port}
	}
	kind, code := uint8(8), uint8(0)
	rule := func(answer, group string, d vpc.Direction, place int, text string) control.EventSide {
		return control.EventSide{Answer: answer, RuleRef: control.RuleRef{RuleID: w.rule(group, d, place), Group: group, Rule: text}}
	}
	side := func(answer string) control.EventSide { return control.EventSide{Answer: answer} }
	drop := func(reason string) control.Event {
		return control.Event{Verdict: "drop", Fate: "dropped", Reason: reason, VPC: "blue", Packets: 1, Generation: 1}
	}
	allow := func(reason string) control.Event {
		return control.Event{Verdict: "allow", Fate: "forwarded", Reason: reason, VPC: "blue", Packets: 1, Generation: 1}
	}
	want := []control.Event{allow("rule"), allow("flow"), drop("no_ingress_rule"), drop("no_ingress_rule"), drop("source_check"), allow("rule")}
	for i, set := range []func(*control.Event){
		func(e *control.Event) {
			e.Protocol, e.TCPFlags, e.Bytes, e.From, e.To = "tcp", "S", 40, end("app", "10.0.1.10", 40000), end("db", "10.0.1.20", 3306)
			e.Egress, e.Ingress = rule("rule", "app", vpc.Egress, 0, "all traffic to 0.0.0.0/0"), rule("rule", "db", vpc.Ingress, 0, "all traffic from group app")
		},
		func(e *control.Event) {
			e.Protocol, e.TCPFlags, e.Bytes, e.From, e.To = "tcp", "S.", 40, end("db", "10.0.1.20", 3306), end("app", "10.0.1.10", 40000)
			// At each end, the rule that let the flow in, which is of the other direction.
			e.Egress, e.Ingress = side("flow"), side("flow")
			e.Egress.RuleRef = control.RuleRef{RuleID: w.rule("db", vpc.Ingress, 0), Group: "db", Rule: "all traffic from group app"}
			e.Ingress.RuleRef = control.RuleRef{RuleID: w.rule("app", vpc.Egress, 0), Group: "app", Rule: "all traffic to 0.0.0.0/0"}
		},
		func(e *control.Event) {
			e.Protocol, e.ICMPType, e.ICMPCode, e.Bytes, e.From, e.To = "icmp", &kind, &code, 28, end("web", "10.0.1.30", 0), end("app", "10.0.1.10", 0)
			e.Egress, e.Ingress = rule("rule", "app", vpc.Egress, 0, "all traffic to 0.0.0.0/0"), side("no_rule")
		},
		func(e *control.Event) {
			e.Protocol, e.Bytes, e.From, e.To = "200", 21, end("laptop", "203.0.113.10", 0), end("db", "10.0.1.20", 0)
			e.Egress, e.Ingress = side("no_groups"), side("no_rule")
		},
		func(e *control.Event) {
			e.Protocol, e.Bytes, e.From, e.To = "udp", 28, end("app", "10.0.1.99", 1), control.EventEnd{Address: netip.MustParseAddr("10.0.1.20"), Port: 2}
			e.Egress, e.Ingress = side("not_asked"), side("not_asked")
		},
		func(e *control.Event) {
			e.Protocol, e.Bytes, e.From, e.To = "udp", 48, end("app", "fd00:10:0:1::10", 1), end("db", "fd00:10:0:1::20", 2)
			e.Egress, e.Ingress = rule("rule", "app", vpc.Egress, 1, "all traffic to ::/0"), rule("rule", "db", vpc.Ingress, 0, "all traffic from group app")
		},
	} {
		set(&want[i])
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(control.Event{}, "Time"), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, e := range got {
		if e.Time.Before(before.Add(-time.Second)) || e.Time.After(time.Now().Add(time.Second)) || e.Time.Location() != time.UTC {
			t.Errorf("the time is %v", e.Time)
		}
	}
}

// TestEventTime has events of another moment than the one at which they are
// read.
func TestEventTime(t *testing.T) {
	w := newWorld(t, twoVPCs)
	w.clock.Add(int64(time.Hour))
	ring := watch.New(watch.Filter{}, 16)
	defer w.g.Watch(ring)()
	w.send("web", "10.0.1.30", "10.0.1.10", ping(7))
	enough := errors.New("enough")
	err := sendEvents(t.Context(), ring, func() int64 { return w.clock.Load() + int64(time.Minute) }, func(lines ...control.EventLine) error {
		if ago := time.Since(lines[0].Time); ago < time.Minute || ago > 2*time.Minute {
			t.Errorf("%v ago, want a minute", ago)
		}
		return enough
	})
	if err != enough {
		t.Error(err)
	}
}

func TestEventFilters(t *testing.T) {
	w := newWorld(t, twoVPCs)
	send := func() {
		w.send("app", "10.0.1.10", "10.0.1.20", syn(40000, 3306))
		w.send("web", "10.0.1.30", "10.0.1.10", ping(7))
		w.send("app", "10.0.1.10", "10.0.1.1", udp(5000, 53)) // for the router
		w.send("green-app", "10.0.1.10", "10.0.1.20", udp(5000, 3306))
		w.send("web", "10.0.1.30", "10.0.1.77", udp(1, 2)) // which nobody has
		w.send("laptop", "203.0.113.10", "10.0.1.30", syn(9, 22))
		w.clock.Add(int64(time.Hour)) // and all flows are over
	}
	for _, c := range []struct {
		name    string
		request control.EventsRequest
		want    []string
	}{
		{"a VPC", control.EventsRequest{VPC: "green"}, []string{"green-app>green-db:3306 rule"}},
		{"either end", control.EventsRequest{Instance: "db"}, []string{"app>db:3306 rule"}},
		{"either end, by id", control.EventsRequest{Instance: w.ids["laptop"]}, []string{"laptop>web:22 no_ingress_rule"}},
		{"the sender", control.EventsRequest{From: "web"}, []string{"web>app:0 no_ingress_rule", "web>:2 no_route"}},
		{"the sender's address", control.EventsRequest{From: "203.0.113.0/24"}, []string{"laptop>web:22 no_ingress_rule"}},
		{"the receiver", control.EventsRequest{To: "app"}, []string{"web>app:0 no_ingress_rule"}},
		{"the receiver's address", control.EventsRequest{To: "10.0.1.77"}, []string{"web>:2 no_route"}},
		{"a protocol", control.EventsRequest{Protocol: "icmp"}, []string{"web>app:0 no_ingress_rule"}},
		{"a port", control.EventsRequest{Port: 3306}, []string{"app>db:3306 rule", "green-app>green-db:3306 rule"}},
		{"the sender's port", control.EventsRequest{Port: 9, Protocol: "tcp"}, []string{"laptop>web:22 no_ingress_rule"}},
		{"what was dropped", control.EventsRequest{Verdict: "drop", VPC: "blue"}, []string{"web>app:0 no_ingress_rule", "web>:2 no_route", "laptop>web:22 no_ingress_rule"}},
		{"what was allowed", control.EventsRequest{Verdict: "allow", VPC: "blue"}, []string{"app>db:3306 rule", "app>:53 router_address"}},
		{"reasons", control.EventsRequest{Reasons: []string{"no_route", "router_address"}}, []string{"app>:53 router_address", "web>:2 no_route"}},
		{"a reason and its verdict", control.EventsRequest{Reasons: []string{"no_route"}, Verdict: "drop"}, []string{"web>:2 no_route"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			names, err := backend{gateway: w.g}.names()
			if err != nil {
				t.Fatal(err)
			}
			filter, err := names.eventFilter(c.request)
			if err != nil {
				t.Fatal(err)
			}
			ring := watch.New(filter, 16)
			stop := w.g.Watch(ring)
			send()
			stop() // all are there
			records := make([]watch.Record, 16)
			n, err := ring.Next(t.Context(), records)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i := range records[:n] {
				e := event(&records[i], time.Now())
				got = append(got, fmt.Sprintf("%s>%s:%d %s", e.From.Name, e.To.Name, e.To.Port, e.Reason))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWrongEventFilters(t *testing.T) {
	w := newWorld(t, twoVPCs)
	for _, c := range []struct {
		request control.EventsRequest
		want    string
	}{
		{control.EventsRequest{VPC: "red"}, `no VPC "red"; there are: blue, green`},
		{control.EventsRequest{Instance: "nobody"}, `no instance or host "nobody"; there are: web`},
		{control.EventsRequest{From: "nobody"}, "(nor is it an address or a CIDR)"},
		{control.EventsRequest{To: "10.0.1.10/24"}, "want 10.0.1.0/24"},
		{control.EventsRequest{Protocol: "all"}, `protocol "all": want`},
		{control.EventsRequest{Protocol: "icmp", Port: 80}, "protocol icmp has no ports"},
		{control.EventsRequest{Reasons: []string{"land", "no_rule"}}, `no reason "no_rule"; there are: truncated,`},
		{control.EventsRequest{Reasons: []string{"fragment_none"}}, `no reason "fragment_none"`},
		{control.EventsRequest{Reasons: []string{"land"}, Verdict: "allow"}, "reason land never goes with verdict allow"},
		{control.EventsRequest{Reasons: []string{"flow"}, Verdict: "drop"}, "reason flow never goes with verdict drop"},
	} {
		_, err := w.client.Events(t.Context(), c.request)
		var answer *control.Error
		if !errors.As(err, &answer) || answer.Status != 400 || !strings.Contains(answer.Message, c.want) {
			t.Errorf("%+v: %v, want %q", c.request, err, c.want)
		}
	}
	if _, err := newWorld(t, "").client.Events(t.Context(), control.EventsRequest{}); err == nil || !strings.Contains(err.Error(), "no configuration yet") {
		t.Errorf("before a configuration: %v", err)
	}
}

// TestEventsEndWithTheGateway has a follower when the gateway ends, and when it
// is done itself, after which nobody watches.
func TestEventsEndWithTheGateway(t *testing.T) {
	w := newWorld(t, twoVPCs)
	ctx, cancel := context.WithCancel(t.Context())
	given, err := w.client.Events(ctx, control.EventsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := given.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	events := w.follow(control.EventsRequest{})
	w.send("web", "10.0.1.30", "10.0.1.10", ping(7))
	next(t, events, 1)
	if err := w.daemon.Close(); err != nil {
		t.Error(err)
	}
	if line, err := events.Next(); !control.IsEnding(err) {
		t.Errorf("%+v, %v", line, err)
	}
}

// TestLostEvents holds that a follower learns how many events there was no room
// for, and between which.
func TestLostEvents(t *testing.T) {
	w := newWorld(t, twoVPCs)
	ring := watch.New(watch.Filter{}, 4)
	defer w.g.Watch(ring)()
	send := func(ports ...layers.UDPPort) {
		for _, port := range ports {
			w.send("web", "10.0.1.30", "10.0.1.10", udp(1, port))
		}
		w.g.Watch(watch.New(watch.Filter{}, 1))() // when that has stopped, all have been shown
	}
	send(1, 2, 3, 4, 5, 6)
	if n, err := ring.Next(t.Context(), make([]watch.Record, 2)); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	send(7, 8)
	var got []string
	enough := errors.New("enough")
	err := sendEvents(t.Context(), ring, w.g.Now, func(lines ...control.EventLine) error {
		for _, line := range lines {
			if line.Event != nil {
				got = append(got, fmt.Sprint(line.To.Port))
			} else {
				got = append(got, fmt.Sprint(line.Lost, " lost"))
			}
		}
		if slices.Contains(got, "14") {
			return enough
		}
		send(11, 12, 13, 14, 15) // the ring is empty
		return nil
	})
	if want := []string{"3", "4", "2 lost", "7", "8", "11", "12", "13", "14", "1 lost"}; !slices.Equal(got, want) || err != enough {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTCPFlags(t *testing.T) {
	for flags, want := range map[uint8]string{0: "", 2: "S", 0x12: "S.", 0x11: "F.", 0x18: "P.", 0x14: "R.", 0xff: "FSRP.UEW"} {
		if got := tcpFlags(header.TCPFlags(flags)); got != want {
			t.Errorf("%#x: %q, want %q", flags, got, want)
		}
	}
}
