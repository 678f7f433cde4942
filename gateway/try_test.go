package gateway

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/filter"
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
		info, _ := g.describeWhole(v, &f)
		s.flows = append(s.flows, info)
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
			Hosts:   []vpc.Host{host("h", addresses["h"][0], addresses["h"][1])},
		}
		peers := append([]string{"0.0.0.0/0", "::/0", "10.0.1.0/24", "203.0.113.0/24"}, names...)
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
				if rapid.IntRange(0, 2).Draw(rt, "open") > 0 { // else few packets would get far
					*rules = []vpc.Rule{rule(vpc.UDP, 0, 65535, "0.0.0.0/0"), rule(vpc.TCP, 0, 65535, "0.0.0.0/0"), rule(vpc.AllProtocols, vpc.Any, vpc.Any, "::/0")}
				}
				for range rapid.IntRange(0, 3).Draw(rt, "rules") {
					if r := anyRule(); !admitsAll(*rules, r) {
						*rules = append(*rules, r)
					}
				}
			}
			res.SecurityGroups = append(res.SecurityGroups, g)
			nic := instance(name, []string{fmt.Sprintf("10.0.1.%d", 10+i), fmt.Sprintf("fd00:10:0:1::%d", 10+i)}, name)
			nic.SourceDestCheck = name != "c"
			res.Interfaces = append(res.Interfaces, nic)
		}
		w, apply := manual(rt, res, senders)
		g := w.gateway
		g.relatedICMPErrors, g.dropMidstreamTCP = rapid.Bool().Draw(rt, "related"), rapid.Bool().Draw(rt, "drop midstream")
		g.limits.Allowance = rapid.SampledFrom([]int{0, 1, 2}).Draw(rt, "allowance")
		apply(res)
		v, now := g.view.Load(), int64(time.Hour)
		packets := traffic{rt: rt}
		var got last
		defer g.Watch(&got)()
		for range rapid.IntRange(1, 40).Draw(rt, "packets") {
			w.now = now
			from, packet := packets.next()
			before := stateOf(g, now)
			trial, err := g.tryAt(now, Source{ID: from}, packet)
			if err != nil { // a piece, where the version or the flags were mangled
				continue
			}
			if g.limits.Allowance > 0 && trial.From() == trial.To() {
				continue // it would need two places; see conntrack.Shard.WouldRefuse
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
	if martian, err := w.g.Try(Source{VPCID: theVPC}, syn("127.0.0.1:4000", "10.0.1.20:22")); err != nil || martian.Reason != ReasonMartianSource {
		t.Errorf("from a loopback address: %v, %v", martian.Reason, err)
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

// TestTryOfVPCs that there were, and that have the same addresses.
func TestTryOfVPCs(t *testing.T) {
	w := watched(t, Options{})
	w.res.VPCs = append(w.res.VPCs, vpc.VPC{ID: "vpc-2", Name: "second", CIDR: prefix("10.0.0.0/16")})
	w.apply()
	packet := syn("198.51.100.7:4000", "10.0.1.20:22")
	if trial, err := w.g.Try(Source{VPCID: theVPC}, packet); err != nil || trial.Fate != Forwarded || trial.VPCID != theVPC {
		t.Errorf("to the first: %+v, %v", trial, err)
	}
	if trial, err := w.g.Try(Source{VPCID: "vpc-2"}, packet); err != nil || trial.Reason != ReasonNoRoute || trial.VPCID != "vpc-2" {
		t.Errorf("to the second: %+v, %v", trial, err)
	}
	w.res.VPCs = w.res.VPCs[:1]
	w.apply()
	if trial, err := w.g.Try(Source{VPCID: "vpc-2"}, packet); err == nil {
		t.Errorf("to one that has gone: %+v, want an error", trial)
	}
}

// TestTryLeavesNothingBehind: what comes after a packet that was only tried is judged
// as if it had not been.
func TestTryLeavesNothingBehind(t *testing.T) {
	const client, server = "10.0.1.10:1", "10.0.1.20:80"
	again := segment(client, server, header.TCPFlagSyn, 5_000_000, 0)
	for name, c := range map[string]struct {
		before func(*world)
		tried  []byte
		times  int
		fate   Fate
		then   func(*world)
	}{
		"a connection anew after a reset": {
			func(w *world) {
				w.want("forwarded", "client", syn(client, server))
				w.want("forwarded", "server", tcpPacket(server, client, header.TCPFlagRst|header.TCPFlagAck))
			}, again, 1, Forwarded,
			func(w *world) {
				if f := w.g.FlowInfos(); len(f) != 1 || f[0].State != "CLOSED" {
					t.Errorf("the flows are %+v, want the one that was reset", f)
				}
			},
		},
		"a connection anew, unseen": {
			func(w *world) {
				w.want("forwarded", "client", syn(client, server))
				w.want("forwarded", "server", synAck(server, client))
				w.want("forwarded", "client", tcpPacket(client, server, header.TCPFlagAck))
			}, again, 1, Forwarded,
			func(w *world) {
				w.want("tcp_out_of_window", "server", segment(server, client, header.TCPFlagSyn|header.TCPFlagAck, 7, 5_000_001))
			},
		},
		"queries": {func(*world) {}, udpPacket(client, "169.254.169.253:53"), 2 * linkLocalPerSecond, Local, func(w *world) {
			w.want("local", "client", udpPacket(client, "169.254.169.253:53"))
		}},
	} {
		w := watched(t, Options{})
		c.before(w)
		for range c.times {
			if trial, err := w.g.Try(Source{ID: "client"}, c.tried); err != nil || trial.Fate != c.fate {
				t.Fatalf("%s: %v for %v, %v", name, trial.Fate, trial.Reason, err)
			}
		}
		c.then(w)
	}
}

// TestTrialsOutliveFlows: what was let in by a flow that is gone by now.
func TestTrialsOutliveFlows(t *testing.T) {
	w := watched(t, Options{})
	w.want("forwarded", "client", syn("10.0.1.10:1", "10.0.1.20:80"))
	trial, err := w.g.Try(Source{ID: "server"}, synAck("10.0.1.20:80", "10.0.1.10:1"))
	if err != nil {
		t.Fatal(err)
	}
	w.g.CutFlows(func(*FlowInfo) bool { return true })
	if got := trial.Side(vpc.Egress); got != (Side{Answer: SideFlow}) {
		t.Errorf("%+v, want a flow whose rule is not known any more", got)
	}
}

// TestTryWithoutDevices: an interface whose device is not there sends and is sent to.
func TestTryWithoutDevices(t *testing.T) {
	w := watched(t, Options{})
	try := func() Trial {
		trial, err := w.g.Try(Source{ID: "client"}, syn("10.0.1.10:1", "10.0.1.20:80"))
		if err != nil {
			t.Fatal(err)
		}
		return trial
	}
	if err := w.g.Detach("client"); err != nil {
		t.Fatal(err)
	}
	if trial := try(); trial.Fate != Forwarded || trial.In != nil || trial.Out == nil || trial.Side(vpc.Egress).RuleID == "" {
		t.Errorf("the sender has none: %+v", trial)
	}
	if err := w.g.Detach("server"); err != nil {
		t.Fatal(err)
	}
	if trial := try(); trial.Reason != ReasonNoRoute || trial.Out != nil || trial.Side(vpc.Ingress).RuleID == "" {
		t.Errorf("nor has the receiver: %+v", trial)
	}
}

// TestTryMalformed: what cannot be parsed is judged as well.
func TestTryMalformed(t *testing.T) {
	w := watched(t, Options{})
	whole := syn("10.0.1.10:1", "10.0.1.20:80")
	for n := range whole {
		trial, err := w.g.Try(Source{ID: "client"}, whole[:n])
		if err != nil || trial.Fate != Dropped || !trial.Reason.IsDrop() || trial.Live != nil {
			t.Errorf("%d bytes: %+v, %v", n, trial, err)
		}
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
	model, err := NewModel(policy, Options{Now: w.clock.Load}, nil)
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
