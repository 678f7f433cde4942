package conntrack

import (
	"strings"
	"testing"
	"time"

	"github.com/sgate/sgate/epoch"
)

// TestStates walks each protocol's states. After every packet the flow's state
// and timeout are checked.
func TestStates(t *testing.T) {
	o := testTimeouts()
	opening, est, closing, reset := o.TCPOpening, o.TCPEstablished, o.TCPClosing, o.TCPReset
	type step struct {
		packet  string
		state   State
		timeout time.Duration
	}
	for _, c := range []struct {
		name     string
		protocol uint8
		steps    []step
	}{
		{"a connection's life", protoTCP, []step{
			{">S", TCPSynSent, opening}, {"<SA", TCPSynReceived, opening}, {">A", TCPEstablished, est}, {">AP", TCPEstablished, est}, {"<A", TCPEstablished, est},
			{">FA", TCPFinWait, closing}, {"<A", TCPFinWait, closing}, {"<AP", TCPFinWait, closing}, {"<FA", TCPTimeWait, closing}, {">A", TCPTimeWait, closing},
		}},
		{"closed by the server", protoTCP, []step{
			{">S", TCPSynSent, opening}, {"<SA", TCPSynReceived, opening}, {">A", TCPEstablished, est}, {"<FA", TCPFinWait, closing}, {">FA", TCPTimeWait, closing},
		}},
		{"a FIN that is sent again closes one side only", protoTCP, []step{
			{">S", TCPSynSent, opening}, {"<SA", TCPSynReceived, opening}, {">A", TCPEstablished, est}, {">FA", TCPFinWait, closing}, {">FA", TCPFinWait, closing}, {"<FA", TCPTimeWait, closing},
		}},
		{"SYN sent again", protoTCP, []step{{">S", TCPSynSent, opening}, {">S", TCPSynSent, opening}, {"<SA", TCPSynReceived, opening}, {"<SA", TCPSynReceived, opening}}},
		{"the client alone cannot establish", protoTCP, []step{{">S", TCPSynSent, opening}, {">A", TCPSynSent, opening}, {">A", TCPSynSent, opening}, {">FA", TCPSynSent, opening}}},
		{"an answer that is no SYN does not open", protoTCP, []step{{">S", TCPSynSent, opening}, {"<A", TCPSynSent, opening}}},
		{"a simultaneous open", protoTCP, []step{{">S", TCPSynSent, opening}, {"<S", TCPSynReceived, opening}, {">SA", TCPSynReceived, opening}, {"<A", TCPEstablished, est}}},
		{"refused", protoTCP, []step{{">S", TCPSynSent, opening}, {"<RA", TCPClosed, reset}}},
		{"reset during the handshake", protoTCP, []step{{">S", TCPSynSent, opening}, {"<SA", TCPSynReceived, opening}, {">R", TCPClosed, reset}}},
		{"reset while open", protoTCP, []step{{">S", TCPSynSent, opening}, {"<SA", TCPSynReceived, opening}, {">A", TCPEstablished, est}, {"<R", TCPClosed, reset}, {">A", TCPClosed, reset}}},
		{"reset while closing", protoTCP, []step{{">A", TCPPickedUp, opening}, {"<A", TCPEstablished, est}, {">FA", TCPFinWait, closing}, {"<R", TCPClosed, reset}}},
		{"the handshake's last ACK brings the FIN", protoTCP, []step{{">S", TCPSynSent, opening}, {"<SA", TCPSynReceived, opening}, {">FA", TCPFinWait, closing}, {"<FA", TCPTimeWait, closing}}},
		{"picked up in its middle", protoTCP, []step{{">A", TCPPickedUp, opening}, {">AP", TCPPickedUp, opening}, {"<A", TCPEstablished, est}}},
		{"picked up at its end", protoTCP, []step{{">FA", TCPPickedUp, opening}, {">FA", TCPPickedUp, opening}, {"<A", TCPFinWait, closing}, {"<FA", TCPTimeWait, closing}}},
		{"picked up at both FINs", protoTCP, []step{{">FA", TCPPickedUp, opening}, {"<FA", TCPTimeWait, closing}}},
		{"picked up, closed by the answerer", protoTCP, []step{{">A", TCPPickedUp, opening}, {"<FA", TCPFinWait, closing}, {">FA", TCPTimeWait, closing}}},
		{"picked up at its SYN-ACK", protoTCP, []step{{"<SA", TCPSynReceived, opening}, {">A", TCPEstablished, est}}},
		{"a lone reset", protoTCP, []step{{">R", TCPClosed, reset}}},

		{"one request and one response", protoUDP, []step{{">", UDPOneWay, o.UDP}, {">", UDPOneWay, o.UDP}, {"<", UDPAnswered, o.UDP}, {"<", UDPAnswered, o.UDP}}},
		{"a stream", protoUDP, []step{{">", UDPOneWay, o.UDP}, {"<", UDPAnswered, o.UDP}, {">", UDPAskedAgain, o.UDP}, {">", UDPAskedAgain, o.UDP}, {"<", UDPStream, o.UDPStream}, {">", UDPStream, o.UDPStream}, {"<", UDPStream, o.UDPStream}}},
		{"ping", protoICMP, []step{{">", ICMPAsked, o.ICMP}, {">", ICMPAsked, o.ICMP}, {"<", ICMPAnswered, o.ICMP}, {">", ICMPAnswered, o.ICMP}}},
		{"gre", protoGRE, []step{{">", OtherOneWay, o.Other}, {">", OtherOneWay, o.Other}, {"<", OtherAnswered, o.Other}, {">", OtherAnswered, o.Other}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Whoever is the low end, the states are the same.
			for _, conn := range []conn{
				{c.protocol, address("10.0.0.1"), address("10.0.0.2"), 9}, {c.protocol, address("10.0.0.2"), address("10.0.0.1"), 9},
				{c.protocol, address("fd00::2"), address("fd00::1"), 9},
			} {
				w := newWorld(t, 10)
				var last time.Duration
				for i, s := range c.steps {
					w.pass(time.Second)
					f := w.sends(conn, s.packet)
					last = time.Duration(f.Expires() - w.now)
					if f.State().over() && i > 0 && c.steps[i-1].state == s.state {
						last += time.Second // what trails does not keep it
					}
					if f.State() != s.state || last != s.timeout {
						t.Fatalf("after packet %d, %q: %v for %v, want %v for %v", i+1, s.packet, f.State(), last, s.state, s.timeout)
					}
				}
			}
		})
	}
}

func TestOriginIsWhoSpokeFirst(t *testing.T) {
	for _, c := range []conn{tcp(1), {protoTCP, address("10.0.0.9"), address("10.0.0.1"), 1}} {
		_, client := c.key()
		w := newWorld(t, 10)
		if f := w.sends(c, ">S <SA"); f.Origin() != client {
			t.Errorf("origin is end %d, want the client's %d", f.Origin(), client)
		}
		w = newWorld(t, 10)
		if f := w.sends(c, "<S >SA"); f.Origin() != client.Opposite() {
			t.Errorf("origin is end %d, want the server's", f.Origin())
		}
	}
}

// TestExpiryIsExact takes a flow of each kind to the last ns of its life.
func TestExpiryIsExact(t *testing.T) {
	for _, c := range []struct {
		conn    conn
		packets string
		want    time.Duration
	}{
		{tcp(1), ">S", 60 * time.Second}, {tcp(1), ">S <SA >A", 5000 * time.Second}, {tcp(1), ">S <R", 10 * time.Second},
		{numbered(protoUDP, 1), ">", 30 * time.Second}, {numbered(protoUDP, 1), "> < > <", 180 * time.Second},
		{numbered(protoICMP, 1), ">", 31 * time.Second}, {numbered(protoGRE, 1), ">", 600 * time.Second},
	} {
		for _, how := range []string{"found", "swept", "listed"} {
			w := newWorld(t, 10)
			w.sends(c.conn, c.packets)
			there := func() bool {
				switch how {
				case "swept":
					w.Sweep(w.now)
					return w.Len() == 1
				case "listed":
					for range w.All(w.now) {
						return true
					}
					return false
				}
				return w.lives(c.conn)
			}
			w.pass(c.want - 1)
			if !there() {
				t.Errorf("%q of protocol %d: gone (%s) 1 ns before its end", c.packets, c.conn.protocol, how)
			}
			w.pass(1)
			if there() {
				t.Errorf("%q of protocol %d: still there (%s) at its end", c.packets, c.conn.protocol, how)
			}
		}
	}
}

func TestAFindForgetsTheDead(t *testing.T) {
	w := newWorld(t, 10)
	w.sends(tcp(1), ">S")
	w.pass(time.Minute)
	if w.Len() != 1 {
		t.Fatalf("got %d flows before anyone looked, want 1", w.Len())
	}
	if w.lives(tcp(1)) || w.Len() != 0 {
		t.Errorf("got %d flows after the dead one was looked for, want 0", w.Len())
	}
}

func TestPacketsKeepAFlowAlive(t *testing.T) {
	w := newWorld(t, 10)
	w.established(tcp(1))
	for range 10 {
		w.pass(4999 * time.Second)
		w.sends(tcp(1), ">A")
	}
	if f := w.sends(tcp(1), "<A"); f.State() != TCPEstablished {
		t.Errorf("the connection is %v, want it as ever", f.State())
	}
}

// TestTrailingPacketsDoNotKeepAClosedFlow sends more of a connection that is
// over, each packet before the last one's timeout would end.
func TestTrailingPacketsDoNotKeepAClosedFlow(t *testing.T) {
	for ending, timeout := range map[string]time.Duration{"<R": 10 * time.Second, ">FA <FA": 120 * time.Second} {
		w := newWorld(t, 10)
		w.established(tcp(1))
		w.sends(tcp(1), ending)
		end := w.now + int64(timeout)
		for _, packet := range strings.Fields(">A <A >R <FA >SA") {
			w.pass(timeout / 6)
			if f := w.sends(tcp(1), packet); f.Expires() != end {
				t.Errorf("after %q, %q moved the end by %v", ending, packet, time.Duration(f.Expires()-end))
			}
		}
		w.now = end
		if w.lives(tcp(1)) {
			t.Errorf("after %q, the flow outlives its end", ending)
		}
	}
}

func TestOnlyASynReopens(t *testing.T) {
	for _, c := range []struct {
		before, packet string
		want           bool
	}{
		{">S <SA >A <R", ">S", true}, {">S <SA >A <R", "<S", true}, {">S <SA >A >FA <FA", ">S", true}, {">S <R", ">S", true},
		{">S <SA >A <R", ">SA", false}, {">S <SA >A <R", ">A", false}, {">S <SA >A <R", ">SR", false}, {">S <SA >A <R", ">", false},
		{">S", ">S", false}, {">S <SA", ">S", false}, {">S <SA >A", ">S", false}, {">S <SA >A >FA", ">S", false}, {">A", ">S", true},
	} {
		w := newWorld(t, 10)
		w.sends(tcp(1), c.before)
		key, _ := tcp(1).key()
		if got := w.reopens(key, &Segment{Flags: tcpFlags(c.packet[1:])}); got != c.want {
			t.Errorf("%q after %q: reopens %t, want %t", c.packet, c.before, got, c.want)
		}
		w.pass(time.Second)
		after := w.sends(tcp(1), c.packet)
		if anew := after.created == w.now; anew != c.want {
			t.Errorf("%q after %q: a flow of its own %t, want %t", c.packet, c.before, anew, c.want)
		}
		if c.want && after.State() != TCPSynSent {
			t.Errorf("%q after %q: the new flow is %v, want SYN_SENT", c.packet, c.before, after.State())
		}
	}
}

func TestTimeoutsAreValidated(t *testing.T) {
	if err := DefaultTimeouts().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for name, spoil := range map[string]func(*Timeouts){
		"established": func(o *Timeouts) { o.TCPEstablished = 0 }, "opening": func(o *Timeouts) { o.TCPOpening = -1 },
		"closing": func(o *Timeouts) { o.TCPClosing = 0 }, "reset": func(o *Timeouts) { o.TCPReset = 0 }, "udp": func(o *Timeouts) { o.UDP = 0 },
		"stream": func(o *Timeouts) { o.UDPStream = 0 }, "a month": func(o *Timeouts) { o.TCPOpening = 30 * 24 * time.Hour }, "icmp": func(o *Timeouts) { o.ICMP = 0 }, "other": func(o *Timeouts) { o.Other = 0 },
	} {
		o := DefaultTimeouts()
		spoil(&o)
		if _, err := New(1, o, new(epoch.Domain)); err == nil || !strings.HasPrefix(err.Error(), "conntrack: timeout of ") {
			t.Errorf("without a timeout for %s: got %v, want an error", name, err)
		}
	}
	for _, max := range []int{0, -1} {
		if _, err := New(max, DefaultTimeouts(), new(epoch.Domain)); err == nil || !strings.Contains(err.Error(), "want at least 1") {
			t.Errorf("max_flows %d: got %v, want an error", max, err)
		}
	}
	// AWS's values (EC2 User Guide, connection tracking: idle timeouts).
	d := DefaultTimeouts()
	if d.TCPEstablished != 432_000*time.Second || d.UDP != 30*time.Second || d.UDPStream != 180*time.Second || d.Other != 600*time.Second {
		t.Errorf("the defaults are %+v, want AWS's", d)
	}
}

func TestEveryStateHasAName(t *testing.T) {
	for s := range states {
		if s.String() == "" || strings.ToUpper(s.String()) != s.String() {
			t.Errorf("state %d is called %q", s, s)
		}
	}
}
