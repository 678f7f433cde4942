package gateway

import (
	"bytes"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/fragment"
	"github.com/sgate/sgate/vpc"
)

// tally sums events up as counters do. It is for one worker.
type tally struct {
	forwarded, local uint64
	dropped          [Reasons]uint64
	bytes            uint64
}

// Packet implements Watcher.
func (s *tally) Packet(e *Event) {
	s.bytes += uint64(e.Bytes)
	switch n := uint64(e.Packets); e.Fate {
	case Forwarded:
		s.forwarded += n
	case Local:
		s.local += n
	default:
		s.dropped[e.Reason] += n
	}
}

// shown is what a test wants to know of an event.
type shown struct {
	Fate            Fate
	Reason          Reason
	In, Out         string
	Src, Dst        string
	Egress, Ingress Side
	VPC             string
}

// journal keeps what it is shown.
type journal struct {
	mu   sync.Mutex
	all  []shown
	data [][]byte
}

// Packet implements Watcher.
func (j *journal) Packet(e *Event) {
	s := shown{Fate: e.Fate, Reason: e.Reason, In: e.In.ID(), VPC: e.VPCID, Egress: e.Side(vpc.Egress), Ingress: e.Side(vpc.Ingress)}
	if e.Out != nil {
		s.Out = e.Out.ID()
	}
	if e.Packet != nil {
		s.Src, s.Dst = e.Packet.Src.String(), e.Packet.Dst.String()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, s)
	j.data = append(j.data, bytes.Clone(e.Data))
}

// await returns the newest of that many events.
func (j *journal) await(t *testing.T, n int) shown {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Microsecond) {
		j.mu.Lock()
		if len(j.all) >= n {
			defer j.mu.Unlock()
			return j.all[n-1]
		}
		j.mu.Unlock()
		if time.Now().After(deadline) {
			t.Fatalf("%d events, want %d", len(j.all), n)
		}
	}
}

// watched is two instances, a host and a subnet of its own behind a network ACL.
func watched(t *testing.T, o Options) *world {
	return newWorld(t, o,
		[]vpc.SecurityGroup{
			{Name: "client", Egress: []vpc.Rule{rule(vpc.TCP, 80, 90, "server"), all("0.0.0.0/0")}},
			{Name: "server", Ingress: []vpc.Rule{rule(vpc.TCP, 80, 80, "client"), rule(vpc.TCP, 0, 100, "0.0.0.0/0")}},
		},
		instance("client", []string{"10.0.1.10", "fd00:10:0:1::10"}, "client"), instance("server", []string{"10.0.1.20", "fd00:10:0:1::20"}, "server"),
		host("laptop", "203.0.113.10"))
}

// TestEventsSayWhy: each end's answer, and the narrowest rule of those that admit.
func TestEventsSayWhy(t *testing.T) {
	w := watched(t, Options{})
	var j journal
	defer w.g.Watch(&j)()
	egress80, egressAll := Side{SideRule, w.ruleID("client", vpc.Egress, 0)}, Side{SideRule, w.ruleID("client", vpc.Egress, 1)}
	ingress80, ingress100 := Side{SideRule, w.ruleID("server", vpc.Ingress, 0)}, Side{SideRule, w.ruleID("server", vpc.Ingress, 1)}
	flow := func(s Side) Side { return Side{SideFlow, s.RuleID} }
	none, hostSide, noRule := Side{}, Side{Answer: SideNoGroups}, Side{Answer: SideNoRule}
	for i, c := range []struct {
		name, from      string
		packet          []byte
		fate            Fate
		reason          Reason
		out             string
		egress, ingress Side
	}{
		{"the narrowest rules", "client", syn("10.0.1.10:1", "10.0.1.20:80"), Forwarded, ReasonRule, "server", egress80, ingress80},
		{"its answer", "server", synAck("10.0.1.20:80", "10.0.1.10:1"), Forwarded, ReasonFlow, "client", flow(ingress80), flow(egress80)},
		{"and what follows", "client", tcpPacket("10.0.1.10:1", "10.0.1.20:80", header.TCPFlagAck), Forwarded, ReasonFlow, "server", flow(egress80), flow(ingress80)},
		{"a wider rule", "client", syn("10.0.1.10:1", "10.0.1.20:70"), Forwarded, ReasonRule, "server", egressAll, ingress100},
		{"nothing lets it in", "client", syn("10.0.1.10:1", "10.0.1.20:443"), Dropped, ReasonNoIngressRule, "server", egressAll, noRule},
		{"nothing lets it out", "server", syn("10.0.1.20:1", "10.0.1.10:80"), Dropped, ReasonNoEgressRule, "client", noRule, none},
		{"from a host", "laptop", syn("203.0.113.10:1", "10.0.1.20:22"), Forwarded, ReasonRule, "server", hostSide, ingress100},
		{"to nobody", "client", syn("10.0.1.10:1", "198.51.100.1:80"), Dropped, ReasonNoRoute, "", egressAll, none},
		{"to nobody, of no flow", "client", icmpPacket("10.0.1.10", "198.51.100.1", 13, 0, 1), Dropped, ReasonNoRoute, "", egressAll, none},
		{"from a host to nobody", "laptop", syn("203.0.113.10:1", "198.51.100.1:80"), Dropped, ReasonNoRoute, "", hostSide, none},
		{"in another's name", "client", syn("10.0.1.11:1", "10.0.1.20:80"), Dropped, ReasonSourceCheck, "", none, none},
		{"to the router", "client", icmpPacket("10.0.1.10", "10.0.1.1", 8, 0, 1), Local, ReasonRouterAddress, "", none, none},
		{"on its last hop", "client", withTTL(syn("10.0.1.10:2", "10.0.1.20:80"), 1), Local, ReasonTTLAnswered, "server", egress80, ingress80},
	} {
		w.send(c.from, c.packet)
		got := j.await(t, i+1)
		want := shown{Fate: c.fate, Reason: c.reason, In: c.from, Out: c.out, Src: got.Src, Dst: got.Dst, Egress: c.egress, Ingress: c.ingress, VPC: theVPC}
		if got != want {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}

// TestErrorsAboutFlowsNameTheirRules: the answer of a flow is told of an ICMP error
// about it, too.
func TestErrorsAboutFlowsNameTheirRules(t *testing.T) {
	w := watched(t, Options{RelatedICMPErrors: true})
	request := udpPacket("10.0.1.10:5", "203.0.113.10:53")
	w.want("forwarded", "client", request)
	var j journal
	defer w.g.Watch(&j)()
	w.want("forwarded", "laptop", icmpError("203.0.113.10", "10.0.1.10", 3, 3, request))
	got, want := j.await(t, 1), Side{SideFlow, w.ruleID("client", vpc.Egress, 1)}
	if got.Reason != ReasonRelated || got.Ingress != want || got.Egress.Answer != SideNoGroups {
		t.Errorf("%+v, want the ingress side to be %+v", got, want)
	}
}

// TestEventsOfPieces: each piece has the fate and the headers of the whole.
func TestEventsOfPieces(t *testing.T) {
	w := watched(t, Options{})
	var j journal
	defer w.g.Watch(&j)()
	whole := udpPacket("10.0.1.10:5", "203.0.113.10:53", bytes.Repeat([]byte{7}, 100)...)
	pieces := cut(whole, 1, 40)
	w.sendPieces("client", pieces...)
	j.await(t, len(pieces))
	for i, e := range j.all {
		if e.Fate != Forwarded || e.Out != "laptop" || e.Egress.Answer != SideRule {
			t.Errorf("piece %d: %+v", i, e)
		}
		if !bytes.Equal(j.data[i], oneHopLess(pieces[i])) {
			t.Errorf("piece %d: its event has other bytes", i)
		}
	}
}

// TestLostPiecesAreShown: those of a packet that never becomes whole.
func TestLostPiecesAreShown(t *testing.T) {
	w := watched(t, Options{})
	pieces := cut(udpPacket("10.0.1.10:5", "203.0.113.10:53", bytes.Repeat([]byte{7}, 100)...), 1, 40)
	for _, p := range pieces[:len(pieces)-1] {
		w.hold("client", p)
	}
	var s tally
	var j journal
	stop := w.g.Watch(&s)
	defer w.g.Watch(&j)()
	w.pass(time.Hour)
	w.g.fragments.Expire(w.g.now())
	stop()
	var lost uint64
	for _, n := range s.dropped {
		lost += n
	}
	if want := uint64(len(pieces) - 1); lost != want {
		t.Errorf("%d pieces shown as lost, want %d", lost, want)
	}
	if want := (shown{Reason: firstFragmentReason + Reason(fragment.Timeout), In: "client", VPC: theVPC}); j.all[0] != want {
		t.Errorf("shown %+v, want %+v", j.all[0], want)
	}
}

// TestEventsOfFailedWrites: what a device did not take was not forwarded.
func TestEventsOfFailedWrites(t *testing.T) {
	w := watched(t, Options{})
	w.breakDevice("server")
	check := func(got shown) {
		t.Helper()
		if got.Fate != Dropped || got.Reason != ReasonWriteFailed || got.Ingress.Answer != SideRule || got.Src != "10.0.1.10" || got.Out != "server" {
			t.Errorf("%+v, want a drop for the write that failed", got)
		}
	}
	failures := &selective{wants: []Reason{ReasonWriteFailed}}
	defer w.g.Watch(failures)()
	w.want("write_failed", "client", syn("10.0.1.10:1", "10.0.1.20:80"))
	check(failures.await(t, 1))
	var j journal
	defer w.g.Watch(&j)()
	w.want("write_failed", "client", syn("10.0.1.10:2", "10.0.1.20:80"))
	check(j.await(t, 1))
}

// counting counts its calls, and whether one comes after it was stopped.
type counting struct {
	calls   atomic.Uint64
	stopped atomic.Bool
	late    atomic.Bool
}

// Packet implements Watcher.
func (c *counting) Packet(*Event) {
	c.calls.Add(1)
	if c.stopped.Load() {
		c.late.Store(true)
	}
}

// TestWatchersComeAndGo while packets move: one that was stopped is shown nothing
// more, and the others all.
func TestWatchersComeAndGo(t *testing.T) {
	w := watched(t, Options{Workers: 2})
	var always counting
	defer w.g.Watch(&always)()
	var watchers sync.WaitGroup
	end := make(chan struct{})
	for range 3 {
		watchers.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				var c counting
				stop := w.g.Watch(&c)
				stop()
				stop() // once more changes nothing
				c.stopped.Store(true)
				if c.late.Load() {
					t.Error("shown an event after stop")
				}
			}
		})
	}
	const packets = 300
	for range packets {
		w.want("forwarded", "client", udpPacket("10.0.1.10:5", "203.0.113.10:53"))
		w.arrived("laptop")
	}
	close(end)
	watchers.Wait()
	for deadline := time.Now().Add(10 * time.Second); always.calls.Load() < packets; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d events, want %d", always.calls.Load(), packets)
		}
	}
	if left := w.g.watchers.audience.Load(); left == nil || len(left.watchers) != 1 {
		t.Errorf("watchers left: %v", left)
	}
}

// TestNobodyWatches: nothing of an event is made then, nor kept afterwards.
func TestNobodyWatches(t *testing.T) {
	w := watched(t, Options{})
	var s counting
	w.g.Watch(&s)()
	w.want("forwarded", "client", syn("10.0.1.10:1", "10.0.1.20:80"))
	if w.g.watchers.audience.Load() != nil {
		t.Error("the audience is there, though empty")
	}
	if n := s.calls.Load(); n != 0 {
		t.Errorf("shown %d events after stop", n)
	}
	for _, worker := range w.g.workers {
		if cap(worker.noted) != 0 {
			t.Error("a worker notes events that nobody is to see")
		}
	}
}

// selective wants to be shown some reasons.
type selective struct {
	journal
	wants []Reason
}

// Wants implements Selective.
func (s *selective) Wants(r Reason) bool { return slices.Contains(s.wants, r) }

// TestSelective: an event that nobody wants is not made; what somebody wants, all are
// shown.
func TestSelective(t *testing.T) {
	w := watched(t, Options{})
	drops := &selective{wants: []Reason{ReasonNoIngressRule, ReasonWriteFailed}}
	defer w.g.Watch(drops)()
	w.want("forwarded", "client", syn("10.0.1.10:1", "10.0.1.20:80"))
	w.want("no_ingress_rule", "client", syn("10.0.1.10:1", "10.0.1.20:443"))
	if got := drops.await(t, 1); got.Reason != ReasonNoIngressRule {
		t.Errorf("shown %+v, want the drop alone", got)
	}
	var s tally
	stop := w.g.Watch(&s)
	w.want("forwarded", "client", syn("10.0.1.10:2", "10.0.1.20:80"))
	if got := drops.await(t, 2); got.Reason != ReasonRule {
		t.Errorf("shown %+v, want what the other watcher wants", got)
	}
	stop()
	if s.forwarded != 1 {
		t.Errorf("the other watcher is shown %+v", s)
	}
	nothing := &selective{}
	defer w.g.Watch(nothing)()
	w.want("no_ingress_rule", "client", syn("10.0.1.10:3", "10.0.1.20:443"))
	if got := drops.await(t, 3); got.Reason != ReasonNoIngressRule {
		t.Errorf("shown %+v, want the drop, though another watcher wants nothing", got)
	}
}

// slow is a watcher that has not returned from its first event until it is told to.
type slow struct {
	entered, leave chan struct{}
	once           sync.Once
}

// Packet implements Watcher.
func (s *slow) Packet(*Event) {
	s.once.Do(func() {
		close(s.entered)
		<-s.leave
	})
}

// TestStopWaits until the watcher has returned, whoever has called it.
func TestStopWaits(t *testing.T) {
	w := watched(t, Options{})
	pieces := cut(udpPacket("10.0.1.10:5", "203.0.113.10:53", bytes.Repeat([]byte{7}, 100)...), 1, 40)
	for name, show := range map[string]func(){
		"a worker": func() { w.want("forwarded", "client", udpPacket("10.0.1.10:6", "203.0.113.10:53")) },
		"the sweeper": func() {
			w.hold("client", pieces[0])
			w.pass(time.Hour)
			w.g.fragments.Expire(w.g.now())
		},
	} {
		s := &slow{entered: make(chan struct{}), leave: make(chan struct{})}
		stop := w.g.Watch(s)
		var wg sync.WaitGroup
		wg.Go(show)
		<-s.entered
		var stopped atomic.Bool
		wg.Go(func() {
			stop()
			stopped.Store(true)
		})
		for w.g.watchers.audience.Load() != nil { // until it has begun
			runtime.Gosched()
		}
		for range 1000 {
			if runtime.Gosched(); stopped.Load() {
				t.Fatalf("%s is in the watcher still", name)
			}
		}
		close(s.leave)
		wg.Wait()
	}
}

// TestAnswersAreThisPackets: the sender of a live flow's packet does not let it out, so
// the other end was not asked, although it tracks the flow.
func TestAnswersAreThisPackets(t *testing.T) {
	forwarder := instance("forwarder", []string{"10.0.1.30"}, "shut")
	forwarder.SourceDestCheck = false
	w := newWorld(t, Options{},
		[]vpc.SecurityGroup{{Name: "shut"}, {Name: "client", Egress: everything()}, {Name: "server", Ingress: []vpc.Rule{all("client")}}},
		instance("client", []string{"10.0.1.10"}, "client"), forwarder, instance("server", []string{"10.0.1.20"}, "server"))
	w.want("forwarded", "client", udpPacket("10.0.1.10:1", "10.0.1.20:53"))
	var j journal
	defer w.g.Watch(&j)()
	w.want("no_egress_rule", "forwarder", udpPacket("10.0.1.10:1", "10.0.1.20:53"))
	if got := j.await(t, 1); got.Egress != (Side{Answer: SideNoRule}) || got.Ingress != (Side{}) {
		t.Errorf("%+v, want the egress side alone to have answered", got)
	}
}

// TestReasonsHaveOneFate: the fate that a packet has goes with its reason.
func TestReasonsHaveOneFate(t *testing.T) {
	for r := range reasons {
		if r.IsReason() && (r.Fate() == Dropped) != r.IsDrop() {
			t.Errorf("%v: %v", r, r.Fate())
		}
	}
	for r, want := range map[Reason]Fate{ReasonRule: Forwarded, ReasonFlow: Forwarded, ReasonRelated: Forwarded, ReasonNoGroups: Forwarded, ReasonRouterAddress: Local, ReasonTooBigAnswered: Local} {
		if got := r.Fate(); got != want {
			t.Errorf("%v: %v, want %v", r, got, want)
		}
	}
}
