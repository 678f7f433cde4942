package gateway

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// last keeps the newest event.
type last struct {
	shown
	seen bool
}

// Packet implements Watcher.
func (l *last) Packet(e *Event) {
	var j journal
	j.Packet(e)
	l.shown, l.seen = j.all[0], true
}

// tried puts a trial into the form of what is shown of a packet.
func tried(t Trial) shown {
	s := shown{Fate: t.Fate, Reason: t.Reason, VPC: t.VPCID, Egress: t.Side(vpc.Egress), Ingress: t.Side(vpc.Ingress)}
	s.Src, s.Dst = t.Packet.Src.String(), t.Packet.Dst.String()
	if t.In != nil {
		s.In = t.In.ID()
	}
	if t.Out != nil {
		s.Out = t.Out.ID()
	}
	return s
}

// state is all that a packet could change.
type state struct {
	counters []Counters
	flows    []FlowInfo
}

func stateOf(g *Gateway, now int64) (s state) {
	for _, p := range g.Ports() {
		c := p.Counters()
		c.Sent, c.SentBytes = 0, 0        // the router's answers to earlier ones come when they come
		c.ConntrackAllowanceAvailable = 0 // a dead flow that is come upon may be swept
		s.counters = append(s.counters, c)
	}
	v := g.view.Load()
	for f := range g.flows.All(now) {
		s.flows = append(s.flows, g.describeWhole(v, &f))
	}
	return s
}

// TestTryIsWhatHappens: a packet that is tried changes nothing, and gets the fate,
// the reason and the rules that it gets when it comes next.
func TestTryIsWhatHappens(t *testing.T) {
	names := []string{"a", "b", "c"}
	rapid.Check(t, func(rt *rapid.T) {
		res := vpc.Resources{
			VPCs:    []vpc.VPC{{ID: theVPC, CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")}},
			Subnets: []vpc.Subnet{{ID: theSubnet, VPCID: theVPC, CIDR: prefix("10.0.1.0/24"), IPv6CIDR: prefix("fd00:10:0:1::/64")}},
			Hosts:   []vpc.Host{host("h", "203.0.113.10")},
		}
		peers := append([]string{"0.0.0.0/0", "10.0.1.0/24", "203.0.113.0/24"}, names...)
		anyRule := func() vpc.Rule {
			protocol := rapid.SampledFrom([]vpc.Protocol{vpc.TCP, vpc.UDP, vpc.ICMP, vpc.AllProtocols, 47}).Draw(rt, "protocol")
			peer := rapid.SampledFrom(peers).Draw(rt, "peer")
			if !protocol.HasPorts() {
				return rule(protocol, vpc.Any, vpc.Any, peer)
			}
			from := int32(rapid.IntRange(1, 3).Draw(rt, "port"))
			return rule(protocol, from, from+int32(rapid.IntRange(0, 1).Draw(rt, "more")), peer)
		}
		for i, name := range names {
			g := vpc.SecurityGroup{ID: "sg-" + name, Name: name, VPCID: theVPC}
			for _, rules := range []*[]vpc.Rule{&g.Ingress, &g.Egress} {
				for range rapid.IntRange(0, 3).Draw(rt, "rules") {
					if r := anyRule(); !admitsAll(*rules, r) {
						*rules = append(*rules, r)
					}
				}
			}
			res.SecurityGroups = append(res.SecurityGroups, g)
			res.Interfaces = append(res.Interfaces, instance(name, []string{fmt.Sprintf("10.0.1.%d", 10+i)}, name))
		}
		addrs := map[string]string{"a": "10.0.1.10", "b": "10.0.1.11", "c": "10.0.1.12", "h": "203.0.113.10", "nobody": "198.51.100.7", "router": "10.0.1.1"}
		w, _ := manual(rt, res, []string{"a", "b", "c", "h"})
		g, v := w.gateway, w.gateway.view.Load()
		now := int64(time.Hour)
		var got last
		defer g.Watch(&got)()
		for range rapid.IntRange(1, 30).Draw(rt, "packets") {
			w.now = now
			from := rapid.SampledFrom([]string{"a", "b", "c", "h"}).Draw(rt, "from")
			packet := anyPacket(rt, addrs[from], addrs[rapid.SampledFrom([]string{"a", "b", "c", "h", "nobody", "router"}).Draw(rt, "to")])
			before := stateOf(g, now)
			trial, err := g.tryAt(now, Source{ID: from}, packet)
			if err != nil {
				rt.Fatal(err)
			}
			if after := stateOf(g, now); !reflect.DeepEqual(after, before) {
				rt.Fatalf("trying %s changed something (-before +after):\n%s", describe(packet), cmp.Diff(before.flows, after.flows, cmpopts.EquateComparable(netip.AddrPort{})))
			}
			want := tried(trial)
			w.takeFrame(v, g.Port(from), append(make([]byte, tun.HeaderLen), packet...))
			if !got.seen || got.shown != want {
				rt.Fatalf("%s: tried (-), then came (+):\n%s", describe(packet), cmp.Diff(want, got.shown))
			}
			now += int64(rapid.IntRange(0, 20).Draw(rt, "seconds")) * int64(time.Second)
		}
	})
}

// anyPacket returns a packet of some kind between two addresses.
func anyPacket(rt *rapid.T, src, dst string) []byte {
	c := stack.Composition{
		Src: addr(src), Dst: addr(dst), Protocol: rapid.SampledFrom([]uint8{1, 6, 17, 47}).Draw(rt, "protocol"),
		SrcPort: rapid.Uint16Range(1, 3).Draw(rt, "source port"), DstPort: rapid.Uint16Range(1, 4).Draw(rt, "port"),
		ICMPType: rapid.SampledFrom([]uint8{0, 8, 3}).Draw(rt, "type"), ICMPID: 7,
		TTL: rapid.SampledFrom([]uint8{64, 64, 64, 1}).Draw(rt, "ttl"),
	}
	if rapid.Bool().Draw(rt, "in the middle") {
		c.Flags = 0x10
	}
	return stack.Compose(c)
}

// TestTryFromOutside: a machine that nobody has declared is judged as a host.
func TestTryFromOutside(t *testing.T) {
	w := watched(t, Options{})
	in := func(dst string) Trial {
		trial, err := w.g.Try(Source{VPCID: theVPC}, syn("198.51.100.7:4000", dst))
		if err != nil {
			t.Fatal(err)
		}
		return trial
	}
	allowed := in("10.0.1.20:22")
	if allowed.Fate != Forwarded || allowed.In != nil || allowed.From() != filter.NoEndpoint ||
		allowed.Side(vpc.Egress).Answer != SideNoGroups || allowed.Side(vpc.Ingress) != (Side{SideRule, w.ruleID("server", vpc.Ingress, 1)}) {
		t.Errorf("port 22: %+v", allowed)
	}
	if blocked := in("10.0.1.20:443"); blocked.Fate != Dropped || blocked.Reason != ReasonNoIngressRule {
		t.Errorf("port 443: %+v", blocked)
	}
	if nobody := in("198.51.100.8:443"); nobody.Reason != ReasonNoRoute {
		t.Errorf("to nobody: %+v", nobody)
	}
}

// TestTryRefuses what cannot be tried.
func TestTryRefuses(t *testing.T) {
	w := watched(t, Options{})
	whole := syn("10.0.1.10:1", "10.0.1.20:80")
	for name, c := range map[string]struct {
		from   Source
		packet []byte
	}{
		"nobody's id":  {Source{ID: "eni-404"}, whole},
		"nobody's VPC": {Source{VPCID: "vpc-404"}, whole},
		"no source":    {Source{}, whole},
		"piece of one": {Source{ID: "client"}, piece(whole, 1, 8, []byte("data"), false)},
	} {
		if trial, err := w.g.Try(c.from, c.packet); err == nil {
			t.Errorf("%s: %+v, want an error", name, trial)
		}
	}
	empty, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if _, err := empty.Try(Source{ID: "client"}, whole); err == nil {
		t.Error("without a policy: want an error")
	}
}

// TestTryKnowsLiveFlows: whether one would let the packet pass, and that it does.
func TestTryKnowsLiveFlows(t *testing.T) {
	w := watched(t, Options{})
	answer := synAck("10.0.1.20:80", "10.0.1.10:1")
	if trial, err := w.g.Try(Source{ID: "server"}, answer); err != nil || trial.Reason != ReasonNoEgressRule || trial.Live != nil {
		t.Errorf("before: %+v, %v", trial, err)
	}
	w.want("forwarded", "client", syn("10.0.1.10:1", "10.0.1.20:80"))
	trial, err := w.g.Try(Source{ID: "server"}, answer)
	if err != nil || trial.Reason != ReasonFlow || trial.Live == nil || trial.Live.State != "SYN_SENT" {
		t.Errorf("after: %+v, %v", trial, err)
	}
	if want := w.ruleID("client", vpc.Egress, 0); trial.Side(vpc.Ingress).RuleID != want {
		t.Errorf("after: let in by %v, want %s", trial.Side(vpc.Ingress), want)
	}
}

// TestTryKnowsLimits: what is full refuses a packet that is tried, and keeps what it
// has.
func TestTryKnowsLimits(t *testing.T) {
	for reason, o := range map[Reason]Options{ReasonAllowanceExceeded: {Allowance: 1}, ReasonFlowTableFull: {MaxFlows: 1}} {
		w := watched(t, o)
		for _, packet := range [][]byte{syn("10.0.1.10:1", "10.0.1.20:80"), tcpPacket("10.0.1.10:1", "10.0.1.20:80", 0x10)} {
			w.want("forwarded", "client", packet)
			w.send("server", synAck("10.0.1.20:80", "10.0.1.10:1"))
		}
		trial, err := w.g.Try(Source{ID: "client"}, syn("10.0.1.10:2", "10.0.1.20:80"))
		if err != nil || trial.Reason != reason {
			t.Errorf("%v: %v, %v", reason, trial.Reason, err)
		}
		if n := len(w.g.FlowInfos()); n != 1 {
			t.Errorf("%v: %d flows are left, want 1", reason, n)
		}
	}
}

// TestModelIsWhatHappens: without a device, as with one.
func TestModelIsWhatHappens(t *testing.T) {
	w := watched(t, Options{})
	policy, _ := w.g.Policy()
	model, err := NewModel(policy, Options{Now: w.clock.Load})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from   string
		packet []byte
	}{
		{"client", syn("10.0.1.10:1", "10.0.1.20:80")}, {"client", syn("10.0.1.10:1", "10.0.1.20:443")},
		{"server", syn("10.0.1.20:1", "10.0.1.10:80")}, {"laptop", syn("203.0.113.10:1", "10.0.1.20:80")},
		{"client", icmpPacket("10.0.1.10", "10.0.1.1", 8, 0, 1)}, {"client", syn("10.0.1.10:1", "198.51.100.7:80")},
		{"client", udpPacket("10.0.1.10:1", "169.254.169.253:53")},
	} {
		real, err := w.g.Try(Source{ID: c.from}, c.packet)
		if err != nil {
			t.Fatal(err)
		}
		modelled, err := model.Try(Source{ID: c.from}, c.packet)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := tried(modelled), tried(real); got != want {
			t.Errorf("%s (-real +model):\n%s", describe(c.packet), cmp.Diff(want, got))
		}
	}
	if err := model.Close(); err != nil {
		t.Error(err)
	}
}
