package gateway

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/vpc"
)

// rulesOfOnly returns the rules of the only flow.
func (w *world) rulesOfOnly() [2]string {
	w.t.Helper()
	flows := w.g.FlowInfos()
	if len(flows) != 1 {
		w.t.Fatalf("%d flows, want 1", len(flows))
	}
	return flows[0].Rules
}

// awaitNames waits until every flow of a replaced policy has its names.
func (w *world) awaitNames() {
	w.t.Helper()
	awaitNames(w.t, w.g)
}

func awaitNames(t *testing.T, g *Gateway) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); g.naming.oldest() != nil; time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal("flows are without names still")
		}
	}
}

// TestFlowsKnowTheirRules for as long as they live, whatever becomes of the rules.
func TestFlowsKnowTheirRules(t *testing.T) {
	w := watched(t, Options{})
	w.want("forwarded", "client", syn("10.0.1.10:1", "10.0.1.20:80"))
	w.want("forwarded", "server", synAck("10.0.1.20:80", "10.0.1.10:1"))
	want := [2]string{w.ruleID("client", vpc.Egress, 0), w.ruleID("server", vpc.Ingress, 0)}
	if got := w.rulesOfOnly(); got != want {
		t.Fatalf("under the policy in force: %v, want %v", got, want)
	}
	w.group("client").Egress = nil
	w.group("server").Ingress = nil
	w.apply()
	if got := w.rulesOfOnly(); got != want {
		t.Errorf("right after the rules have gone: %v, want %v", got, want)
	}
	w.awaitNames()
	w.apply()
	w.awaitNames()
	if got := w.rulesOfOnly(); got != want {
		t.Errorf("long after the rules have gone: %v, want %v", got, want)
	}
	var j journal
	defer w.g.Watch(&j)()
	w.want("forwarded", "client", ack("10.0.1.10:1", "10.0.1.20:80"))
	if got := j.await(t, 1); got.Egress != (Side{SideFlow, want[0]}) || got.Ingress != (Side{SideFlow, want[1]}) {
		t.Errorf("its packets: %+v, want rules %v", got, want)
	}
}

// TestAnEndThatLearnsLater: the receiver's end lets the flow in only once a rule has
// come, and names that one.
func TestAnEndThatLearnsLater(t *testing.T) {
	w := watched(t, Options{})
	w.group("server").Ingress = nil
	w.apply()
	w.want("no_ingress_rule", "client", udpPacket("10.0.1.10:1", "10.0.1.20:53"))
	w.group("server").Ingress = []vpc.Rule{all("client")}
	w.apply()
	w.awaitNames()
	egress := w.ruleID("client", vpc.Egress, 1)
	if got := w.rulesOfOnly(); got != [2]string{egress, ""} {
		t.Errorf("before: %v, want the egress rule %v alone", got, egress)
	}
	w.want("forwarded", "client", udpPacket("10.0.1.10:1", "10.0.1.20:53"))
	if got, want := w.rulesOfOnly(), [2]string{egress, w.ruleID("server", vpc.Ingress, 0)}; got != want {
		t.Errorf("then: %v, want %v", got, want)
	}
}

// TestManyPolicies: each flow is named by the policy that it was opened under, also
// where policies are replaced faster than flows are named.
func TestManyPolicies(t *testing.T) {
	w := watched(t, Options{})
	want := make(map[uint16]string)
	for i := range 3 * maxReplaced {
		port := int32(1000 + i)
		w.group("server").Ingress = []vpc.Rule{rule(vpc.UDP, port, port, "client")}
		w.apply()
		if i%maxReplaced == maxReplaced-1 {
			w.awaitNames()
		}
		w.want("forwarded", "client", udpPacket("10.0.1.10:1", fmt.Sprintf("10.0.1.20:%d", port)))
		w.arrived("server")
		want[uint16(port)] = w.ruleID("server", vpc.Ingress, 0)
	}
	w.awaitNames()
	for _, f := range w.g.FlowInfos() {
		if got := f.Rules[1]; got != want[f.Dst.Port()] {
			t.Errorf("port %d: rule %q, want %q", f.Dst.Port(), got, want[f.Dst.Port()])
		}
	}
}

// TestFlowsKnowTheirRulesWhileTheyAreReplaced: as long as packets may still be judged
// by the old policy, its flows are named by it, and none is taken for the last.
func TestFlowsKnowTheirRulesWhileTheyAreReplaced(t *testing.T) {
	w := watched(t, Options{})
	w.want("forwarded", "client", syn("10.0.1.10:1", "10.0.1.20:80"))
	want := w.rulesOfOnly()
	reader := w.g.readers.NewReader()
	reader.Enter() // a packet is on its way
	w.group("client").Egress = nil
	_, before := w.g.Policy()
	var applying sync.WaitGroup
	applying.Go(w.apply)
	for now := before; now == before; _, now = w.g.Policy() {
		runtime.Gosched()
	}
	if got := w.rulesOfOnly(); got != want {
		t.Errorf("meanwhile: %v, want %v", got, want)
	}
	w.g.naming.mu.Lock()
	if w.g.naming.retiring == nil || len(w.g.naming.replaced) != 0 {
		t.Error("the policy's flows are named, although more may come")
	}
	w.g.naming.mu.Unlock()
	reader.Leave()
	applying.Wait()
	w.awaitNames()
	if got := w.rulesOfOnly(); got != want {
		t.Errorf("then: %v, want %v", got, want)
	}
}

// TestListedFlowsKnowTheirRules also if they get them while the list is read.
func TestListedFlowsKnowTheirRules(t *testing.T) {
	s := twoTiers(t)
	w := quiet(t, s, "web", "app")
	v, web := w.gateway.view.Load(), w.gateway.Port("web")
	const flows = 2000 // so that there are several in a shard
	for i := range flows {
		w.takeFrame(v, web, plain(udpPacket(fmt.Sprintf("10.0.1.10:%d", 1000+i), "10.0.1.20:53")))
	}
	listed := 0
	for f := range w.gateway.EachFlow() {
		if listed++; f.Rules[0] == "" || f.Rules[1] == "" {
			t.Fatalf("flow %d has the rules %q", listed, f.Rules)
		}
		if listed == 1 {
			if err := w.gateway.Apply(filter.Compile(s)); err != nil {
				t.Fatal(err)
			}
			awaitNames(t, w.gateway)
		}
	}
	if listed != flows {
		t.Errorf("%d flows, want %d", listed, flows)
	}
}

// TestFlowsKeepTheirRulesAsDevicesCome: a view that grows is of the same policy.
func TestFlowsKeepTheirRulesAsDevicesCome(t *testing.T) {
	w := watched(t, Options{})
	w.want("forwarded", "client", syn("10.0.1.10:1", "10.0.1.20:80"))
	want := w.rulesOfOnly()
	_, before := w.g.Policy()
	for i := range 40 {
		w.attach(fmt.Sprintf("more-%d", i), DefaultMTU)
	}
	if got := w.rulesOfOnly(); got != want || got[0] == "" {
		t.Errorf("%v, want %v", got, want)
	}
	if _, after := w.g.Policy(); after != before {
		t.Errorf("generation %d, want %d", after, before)
	}
}

// TestCloseDoesNotWaitForNames: of the flow that is at hand at most.
func TestCloseDoesNotWaitForNames(t *testing.T) {
	s := twoTiers(t)
	w := quiet(t, s, "web", "app")
	g := w.gateway
	v, web := g.view.Load(), g.Port("web")
	for i := range 100 {
		w.takeFrame(v, web, plain(udpPacket(fmt.Sprintf("10.0.1.10:%d", 1000+i), "10.0.1.20:53")))
	}
	// As if it were another that has the same flows, and is closed once it has begun.
	closing := &Gateway{flows: g.flows, ending: make(chan struct{}), naming: naming{wake: make(chan struct{}, 1)}}
	closing.now = func() int64 { close(closing.ending); return g.now() }
	closing.view.Store(v)
	closing.naming.retire(v)
	closing.naming.replace()
	if err := closing.nameReplaced(); err != nil {
		t.Fatal(err)
	}
	named := 0
	for f := range g.flows.All(g.now()) {
		if f.Rule(f.Origin()) != unnamed(v.generation) {
			named++
		}
	}
	if named > 1 {
		t.Errorf("%d flows were named", named)
	}
}

// TestATakenOverFlowKnowsItsRules: a forwarder has opened it, and the one in whose name
// it did goes on. The receiver let it in for the address, not for the group.
func TestATakenOverFlowKnowsItsRules(t *testing.T) {
	forwarder := instance("forwarder", []string{"10.0.1.30"}, "client")
	forwarder.SourceDestCheck = false
	w := newWorld(t, Options{},
		[]vpc.SecurityGroup{
			{Name: "client", Egress: everything()},
			{Name: "server", Ingress: []vpc.Rule{rule(vpc.UDP, 53, 53, "client"), rule(vpc.UDP, 0, 100, "10.0.1.0/24")}},
		},
		instance("client", []string{"10.0.1.10"}, "client"), forwarder, instance("server", []string{"10.0.1.20"}, "server"))
	packet := udpPacket("10.0.1.10:1", "10.0.1.20:53")
	want := [2]string{w.ruleID("client", vpc.Egress, 0), w.ruleID("server", vpc.Ingress, 1)}
	w.want("forwarded", "forwarder", packet)
	if got := w.rulesOfOnly(); got != want {
		t.Errorf("the forwarder's: %v, want %v", got, want)
	}
	w.want("forwarded", "client", packet)
	if got := w.rulesOfOnly(); got != want {
		t.Errorf("taken over: %v, want %v", got, want)
	}
}

// TestPoliciesAreNotKept once their flows have names.
func TestPoliciesAreNotKept(t *testing.T) {
	w := watched(t, Options{})
	for range 3 {
		w.apply()
	}
	w.awaitNames()
	if n := len(w.g.naming.replaced); n != 0 || w.g.naming.retiring != nil {
		t.Errorf("%d policies are kept, and %v", n, w.g.naming.retiring)
	}
}

// TestOldPoliciesGiveWay where policies are replaced faster than flows are named.
func TestOldPoliciesGiveWay(t *testing.T) {
	n := naming{wake: make(chan struct{}, 1)}
	p := filter.Compile(twoTiers(t))
	const all = maxReplaced + 24
	for generation := range uint64(all) {
		n.retire(&view{policy: p, generation: generation})
		n.replace()
	}
	for generation := range uint64(all) {
		if kept := n.under(unnamed(generation)) != nil; kept != (generation >= all-maxReplaced) {
			t.Errorf("policy %d of %d is kept: %t", generation, all, kept)
		}
	}
}

// TestRulesAreInTheOpenersOrder, whichever end of its key the opener is.
func TestRulesAreInTheOpenersOrder(t *testing.T) {
	for _, c := range []struct{ from, packet string }{{"laptop", "203.0.113.10:1"}, {"phone", "9.0.113.10:1"}} {
		w := newWorld(t, Options{}, []vpc.SecurityGroup{{Name: "server", Ingress: []vpc.Rule{all("0.0.0.0/0")}}},
			instance("server", []string{"10.0.1.20"}, "server"), host("laptop", "203.0.113.10"), host("phone", "9.0.113.10"))
		w.want("forwarded", c.from, udpPacket(c.packet, "10.0.1.20:53"))
		want := [2]string{"", w.ruleID("server", vpc.Ingress, 0)}
		if got := w.rulesOfOnly(); got != want {
			t.Errorf("from the %s: %q, want %q", c.from, got, want)
		}
		w.g.CutFlows(func(*FlowInfo) bool { return true })
		w.want("forwarded", c.from, udpPacket(c.packet, "10.0.1.20:53"))
		if cut := w.g.CutFlows(func(*FlowInfo) bool { return true }); len(cut) != 1 || cut[0].Rules != want {
			t.Errorf("cut from the %s: %+v, want the rules %q", c.from, cut, want)
		}
	}
}
