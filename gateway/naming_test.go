package gateway

import (
	"fmt"
	"testing"
	"time"

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
	for deadline := time.Now().Add(10 * time.Second); w.g.naming.oldest() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("flows are without names still")
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

// TestPoliciesAreNotKept once their flows have names.
func TestPoliciesAreNotKept(t *testing.T) {
	w := watched(t, Options{})
	for range 3 {
		w.apply()
	}
	w.awaitNames()
	if n := len(w.g.naming.replaced); n != 0 {
		t.Errorf("%d policies are kept", n)
	}
}
