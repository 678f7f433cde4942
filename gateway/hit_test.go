package gateway

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// lockAll takes every lock of the flow table, and returns what gives them back.
func lockAll(flows *conntrack.Table) (unlock func()) {
	var shards []*conntrack.Shard
	for i := range uint64(256) {
		shards = append(shards, flows.Lock(conntrack.Hash(i<<56)))
	}
	return func() {
		for _, s := range shards {
			s.Unlock()
		}
	}
}

// TestLiveFlowsNeedNoLock holds every lock of the flow table. Packets of live flows are forwarded,
// be their ends tracked, without groups, or asked by rules; one that opens a flow waits.
func TestLiveFlowsNeedNoLock(t *testing.T) {
	s := twoTiers(t)
	w := quiet(t, s, "web", "app", "laptop")
	v := w.gateway.view.Load()
	take := func(from string, packet []byte) Fate {
		port := w.gateway.Port(from)
		before := port.Counters()
		w.takeFrame(v, port, append(make([]byte, tun.HeaderLen), packet...))
		if after := port.Counters(); after.Forwarded == before.Forwarded {
			return Dropped
		}
		return Forwarded
	}
	const web, app, laptop = "10.0.1.10:4000", "10.0.1.20:8080", "203.0.113.10:5000"
	const web6, app6 = "[fd00:10:0:1::10]:4000", "[fd00:10:0:1::20]:8080"
	type sent struct {
		from   string
		packet []byte
	}
	opening := []sent{
		{"web", syn(web, app)}, {"app", synAck(app, web)}, {"web", tcpPacket(web, app, header.TCPFlagAck)},
		{"web", syn(web6, app6)}, {"app", synAck(app6, web6)}, {"web", tcpPacket(web6, app6, header.TCPFlagAck)},
		{"laptop", syn(laptop, "10.0.1.10:443")}, {"web", synAck("10.0.1.10:443", laptop)}, {"laptop", tcpPacket(laptop, "10.0.1.10:443", header.TCPFlagAck)},
		{"web", udpPacket("10.0.1.10:7", "10.0.1.20:53")}, {"web", icmpPacket("10.0.1.10", "10.0.1.20", 8, 0, 1)},
	}
	for _, p := range opening {
		if take(p.from, p.packet) != Forwarded {
			t.Fatalf("%s sends %s: not forwarded", p.from, describe(p.packet))
		}
	}
	unlock := lockAll(w.gateway.flows)
	w.now += int64(time.Second)
	done := make(chan string)
	go func() {
		for _, p := range []sent{
			{"web", ack(web, app)}, {"app", segment(app, web, header.TCPFlagAck, isn+1, isn+2)}, {"web", segment(web, app, header.TCPFlagAck, isn+2, isn+1, 'y')},
			{"web", ack(web6, app6)}, {"app", segment(app6, web6, header.TCPFlagAck, isn+1, isn+2)},
			{"laptop", ack(laptop, "10.0.1.10:443")}, {"web", segment("10.0.1.10:443", laptop, header.TCPFlagAck, isn+1, isn+2)},
			{"web", udpPacket("10.0.1.10:7", "10.0.1.20:53")}, {"web", icmpPacket("10.0.1.10", "10.0.1.20", 8, 0, 1)},
		} {
			if take(p.from, p.packet) != Forwarded {
				t.Errorf("%s sends %s: not forwarded", p.from, describe(p.packet))
			}
			done <- describe(p.packet)
		}
		take("web", syn("10.0.1.10:4001", app))
		close(done)
	}()
	last := "nothing"
	for range 9 {
		select {
		case last = <-done:
		case <-time.After(10 * time.Second):
			t.Errorf("what comes after %s waits for a lock", last)
			unlock()
			for range done { // let it end
			}
			return
		}
	}
	select {
	case <-done:
		t.Error("a newcomer does not wait for a lock: the test shows nothing")
	case <-time.After(10 * time.Millisecond):
	}
	unlock()
	<-done
}

// TestHitsAndMissesAreOneDecision: rules that go and come decide about packets of a
// live flow as about others where its ends do not track it.
func TestHitsAndMissesAreOneDecision(t *testing.T) {
	w := tiers(t)
	const laptop, web = "203.0.113.10:4000", "10.0.1.10:443" // an untracked flow
	w.want("forwarded", "laptop", syn(laptop, web))
	w.want("forwarded", "web", synAck(web, laptop))
	for range 2 {
		w.want("forwarded", "laptop", ack(laptop, web))
		w.want("forwarded", "web", ack(web, laptop))
	}
	rules := w.group("web").Ingress
	w.group("web").Ingress = nil
	w.apply()
	w.want("no_ingress_rule", "laptop", ack(laptop, web))
	w.group("web").Ingress = rules
	w.apply()
	w.want("forwarded", "laptop", ack(laptop, web))
	w.group("web").Ingress = []vpc.Rule{rule(vpc.TCP, 443, 443, "203.0.113.0/24")} // not open to all: tracked from now on
	w.apply()
	w.want("forwarded", "laptop", ack(laptop, web))
	w.group("web").Ingress, w.group("web").Egress = nil, nil
	w.apply()
	w.want("forwarded", "laptop", ack(laptop, web))
	w.want("forwarded", "web", ack(web, laptop))
}

// TestAFlowWithNobodyIsNotKept: packets to an address that nobody has any more do not keep the
// flow that its last holder, who had no device, was an end of.
func TestAFlowWithNobodyIsNotKept(t *testing.T) {
	w := tiers(t)
	others := w.res.Interfaces
	w.res.Interfaces = append(slices.Clone(others), instance("ghost", []string{"10.0.1.99"}, "app"))
	w.apply()
	packet := udpPacket("10.0.1.10:7", "10.0.1.99:53")
	w.want("no_route", "web", packet)
	w.res.Interfaces = others
	w.apply()
	before := w.g.FlowInfos()
	if len(before) != 1 || before[0].Tracked != [2]bool{true, true} {
		t.Fatalf("got flows %+v, want one that both ends track", before)
	}
	w.pass(time.Second)
	w.want("no_route", "web", packet)
	if after := w.g.FlowInfos(); !slices.Equal(after, before) {
		t.Errorf("a packet to nobody has changed the flow:\n%+v, want\n%+v", after, before)
	}
}

// TestACLsAreAskedAboutHits: both ends track the flow, and the network ACL between them has
// changed.
func TestACLsAreAskedAboutHits(t *testing.T) {
	const app, web = "10.0.2.20:4000", "10.0.1.10:22"
	in, out := entry(100, vpc.Ingress, true, 0, 65535, "0.0.0.0/0"), entry(100, vpc.Egress, true, 0, 65535, "0.0.0.0/0")
	w := twoSubnets(t, in, out)
	w.want("forwarded", "app", syn(app, web))
	w.want("forwarded", "web", synAck(web, app))
	w.want("forwarded", "app", ack(app, web))
	for _, f := range w.g.FlowInfos() {
		if f.Tracked != [2]bool{true, true} {
			t.Fatalf("got flow %+v, want one that both ends track", f)
		}
	}
	entries := w.res.NetworkACLs[0].Entries
	w.res.NetworkACLs[0].Entries = nil
	w.apply()
	w.want("network_acl_ingress", "app", ack(app, web))
	w.want("network_acl_egress", "web", ack(web, app))
	w.res.NetworkACLs[0].Entries = entries
	w.apply()
	w.want("forwarded", "app", ack(app, web))
	w.want("forwarded", "web", ack(web, app))
}

// observed is a device that tells when it is written to.
type observed struct {
	*tun.Memory
	written func()
}

func (o *observed) WriteFrame(frame []byte) error {
	o.written()
	return o.Memory.WriteFrame(frame)
}

// TestWorkersAreInsideWhileTheyWork, so that nothing that they use is taken away, and outside
// while they wait.
func TestWorkersAreInsideWhileTheyWork(t *testing.T) {
	w := tiers(t)
	if err := w.g.Detach("app"); err != nil {
		t.Fatal(err)
	}
	memory, err := tun.NewMemory("app", DefaultMTU)
	if err != nil {
		t.Fatal(err)
	}
	inside := make(chan bool, 1)
	if _, err := w.g.Attach("app", &observed{memory, func() { inside <- !w.g.readers.Passed(w.g.readers.Stamp()) }}); err != nil {
		t.Fatal(err)
	}
	w.want("forwarded", "web", udpPacket("10.0.1.10:7", "10.0.1.20:53"))
	if !<-inside {
		t.Error("nobody is inside while a frame is written")
	}
	w.g.synchronize() // or this takes for ever
}

// TestAnAddressThatMovesTakesItsFlowsAlong: the interface that has it now learns of each by the
// next packet that its rules admit, and answers without a rule.
func TestAnAddressThatMovesTakesItsFlowsAlong(t *testing.T) {
	w := tiers(t)
	there, back := ipPacket(addr("10.0.1.20"), addr("10.0.1.30"), 47, nil), ipPacket(addr("10.0.1.30"), addr("10.0.1.20"), 47, nil)
	w.want("forwarded", "app", there)
	w.want("forwarded", "db", back)
	for i := range w.res.Interfaces {
		if n := &w.res.Interfaces[i]; n.ID == "db" {
			n.Addresses = []netip.Addr{addr("10.0.1.31")}
		}
	}
	w.res.Interfaces = append(w.res.Interfaces, instance("db2", []string{"10.0.1.30"}, "db"))
	w.attach("db2", DefaultMTU)
	w.apply()
	w.want("no_egress_rule", "db2", back)
	w.want("forwarded", "app", there)
	w.want("forwarded", "db2", back)
	w.want("source_check", "db", back)
}
