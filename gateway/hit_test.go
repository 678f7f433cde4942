package gateway

import (
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
