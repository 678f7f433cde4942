package gateway

import (
	"errors"
	"sync/atomic"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

func TestForwarderIsNotWhomItForwardsFor(t *testing.T) {
	fw := instance("fw", []string{"10.0.1.40"}, "web")
	fw.SourceDestCheck = false
	w := tiers(t)
	w.res.Interfaces = append(w.res.Interfaces, fw)
	w.attach("fw", DefaultMTU)
	w.apply()
	w.want("forwarded", "fw", syn("10.0.1.40:4000", "10.0.1.20:8080")) // as itself, a member of web
	// Its membership is not that of the packets it forwards, nor is theirs its.
	w.want("no_ingress_rule", "fw", syn("192.0.2.9:4000", "10.0.1.20:8080"))
	w.want("no_ingress_rule", "fw", syn("10.0.1.10:4000", "10.0.1.20:8080"))

	// Another's live flow is not its to use: its own end has not seen it.
	w.want("forwarded", "app", syn("10.0.1.20:4000", "10.0.1.30:3306"))
	w.want("forwarded", "db", synAck("10.0.1.30:3306", "10.0.1.20:4000"))
	w.group("web").Egress = nil
	w.apply()
	w.want("no_egress_rule", "fw", ack("10.0.1.20:4000", "10.0.1.30:3306"))
	w.want("forwarded", "app", ack("10.0.1.20:4000", "10.0.1.30:3306"))

	// Even where its rules let it send in another's name, it does not take
	// the other's place in the flow, which outlives its rules as before.
	w.group("web").Egress = everything()
	w.apply()
	w.want("forwarded", "fw", ack("10.0.1.20:4000", "10.0.1.30:3306"))
	w.group("app").Egress = nil
	w.apply()
	w.want("forwarded", "app", ack("10.0.1.20:4000", "10.0.1.30:3306"))
}

func TestUnaskedAnswerOpensNothing(t *testing.T) {
	w := newWorld(t, Options{},
		[]vpc.SecurityGroup{
			{Name: "a", Ingress: []vpc.Rule{rule(vpc.ICMP, vpc.Any, vpc.Any, "b")}},
			{Name: "b", Egress: everything()},
		},
		instance("a", []string{"10.0.1.10"}, "a"), instance("b", []string{"10.0.1.20"}, "b"))
	unasked := icmpPacket("10.0.1.20", "10.0.1.10", 0, 0, 7)
	w.want("forwarded", "b", unasked) // a rule admits it
	w.group("a").Ingress = nil
	w.apply()
	w.want("no_ingress_rule", "b", unasked) // and nothing but the rule did
}

func TestClosedFlowIsOver(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"reset": func(w *world) {
			w.want("forwarded", "laptop", tcpPacket("203.0.113.10:4000", "10.0.1.10:22", header.TCPFlagRst))
		},
		"both have finished": func(w *world) {
			w.want("forwarded", "laptop", tcpPacket("203.0.113.10:4000", "10.0.1.10:22", header.TCPFlagFin|header.TCPFlagAck))
			w.want("forwarded", "web", tcpPacket("10.0.1.10:22", "203.0.113.10:4000", header.TCPFlagFin|header.TCPFlagAck))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := tiers(t)
			w.want("forwarded", "laptop", syn("203.0.113.10:4000", "10.0.1.10:22"))
			w.want("forwarded", "web", synAck("10.0.1.10:22", "203.0.113.10:4000"))
			w.want("forwarded", "laptop", ack("203.0.113.10:4000", "10.0.1.10:22"))
			end(w)
			w.group("web").Ingress = nil
			w.apply()
			w.want("forwarded", "web", ack("10.0.1.10:22", "203.0.113.10:4000"))          // what trails behind
			w.want("no_ingress_rule", "laptop", syn("203.0.113.10:4000", "10.0.1.10:22")) // the tuple again, a new flow
		})
	}
}

// broken is a device that has always something to say and never a frame.
type broken struct {
	*tun.Memory
	reads *atomic.Int64
}

var errBroken = errors.New("the namespace is gone")

func (b broken) ReadFrame([]byte) (int, error) {
	b.reads.Add(1)
	return 0, errBroken
}

func TestFailedDeviceIsReadOnceAndLeftAlone(t *testing.T) {
	w := tiers(t)
	if err := w.g.Detach("stranger"); err != nil {
		t.Fatal(err)
	}
	m, err := tun.NewMemory("stranger", DefaultMTU)
	if err != nil {
		t.Fatal(err)
	}
	dev := broken{m, new(atomic.Int64)}
	if err := m.Send([]byte("anything")); err != nil {
		t.Fatal(err)
	}
	p, err := w.g.Attach("stranger", dev)
	if err != nil {
		t.Fatal(err)
	}
	for !p.gone.Load() {
		w.want("forwarded", "laptop", syn("203.0.113.10:4000", "10.0.1.10:22"))
	}
	for range 100 { // each of these wakes a worker
		w.want("forwarded", "laptop", syn("203.0.113.10:4000", "10.0.1.10:22"))
		w.want("forwarded", "web", ack("10.0.1.10:22", "203.0.113.10:4000"))
	}
	if n := dev.reads.Load(); n != 1 {
		t.Errorf("the failed device was read %d times", n)
	}
	if err := w.g.Detach("stranger"); err != nil {
		t.Fatal(err)
	}
}
