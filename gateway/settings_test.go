package gateway

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

const second = time.Second

// pair is a client whose every way back is a flow, and a server.
func pair(t *testing.T, o Options, client, server vpc.ConnectionTracking) *world {
	c, s := instance("client", []string{"10.0.1.10"}, "client"), instance("server", []string{"10.0.1.20"}, "server")
	c.ConnectionTracking, s.ConnectionTracking = client, server
	return newWorld(t, o,
		[]vpc.SecurityGroup{
			{Name: "client", Egress: []vpc.Rule{all("server")}},
			{Name: "server", Ingress: []vpc.Rule{all("client")}},
		}, c, s)
}

// TestTimeoutsArePerInterface: each end forgets by its own, and the one that has
// forgotten judges by its rules.
func TestTimeoutsArePerInterface(t *testing.T) {
	request, answer := udpPacket("10.0.1.10:4000", "10.0.1.20:53"), udpPacket("10.0.1.20:53", "10.0.1.10:4000")
	for name, c := range map[string]struct {
		client, server vpc.ConnectionTracking
		after          time.Duration
		want           string
	}{
		"both at the default":          {after: 30*second - 1, want: "forwarded"},
		"after the default":            {after: 30 * second, want: "no_egress_rule"},
		"the client's is longer":       {client: vpc.ConnectionTracking{UDP: 60 * second}, after: 59 * second, want: "no_egress_rule"},
		"the server's is longer":       {server: vpc.ConnectionTracking{UDP: 60 * second}, after: 59 * second, want: "no_ingress_rule"},
		"both are longer":              {vpc.ConnectionTracking{UDP: 60 * second}, vpc.ConnectionTracking{UDP: 60 * second}, 60*second - 1, "forwarded"},
		"and over":                     {vpc.ConnectionTracking{UDP: 60 * second}, vpc.ConnectionTracking{UDP: 60 * second}, 60 * second, "no_egress_rule"},
		"another protocol's is longer": {client: vpc.ConnectionTracking{TCPEstablished: 3600 * second, UDPStream: 60 * second}, after: 30 * second, want: "no_egress_rule"},
	} {
		t.Run(name, func(t *testing.T) {
			w := pair(t, Options{}, c.client, c.server)
			w.want("forwarded", "client", request)
			w.pass(c.after)
			w.want(c.want, "server", answer)
		})
	}
}

func TestEachTimeoutOfAnInterface(t *testing.T) {
	own := vpc.ConnectionTracking{TCPEstablished: 60 * second, UDP: 45 * second, UDPStream: 70 * second}
	to, from := "10.0.1.20:53", "10.0.1.10:4000"
	for name, c := range map[string]struct {
		open    func(w *world)
		answer  []byte
		timeout time.Duration
	}{
		"TCP established": {func(w *world) {
			w.want("forwarded", "client", syn(from, to))
			w.want("forwarded", "server", synAck(to, from))
			w.want("forwarded", "client", ack(from, to))
		}, ack(to, from), 60 * second},
		"UDP": {func(w *world) { w.want("forwarded", "client", udpPacket(from, to)) }, udpPacket(to, from), 45 * second},
		"UDP stream": {func(w *world) {
			for range 2 {
				w.want("forwarded", "client", udpPacket(from, to))
				w.want("forwarded", "server", udpPacket(to, from))
			}
		}, udpPacket(to, from), 70 * second},
		"ping": {func(w *world) { w.want("forwarded", "client", icmpPacket("10.0.1.10", "10.0.1.20", 8, 0, 1)) }, icmpPacket("10.0.1.20", "10.0.1.10", 0, 0, 1), 30 * second},
		"another protocol": {func(w *world) {
			w.want("forwarded", "client", ipPacket(addr("10.0.1.10"), addr("10.0.1.20"), 47, []byte("gre")))
		}, ipPacket(addr("10.0.1.20"), addr("10.0.1.10"), 47, []byte("gre")), 600 * second},
	} {
		for _, late := range []bool{false, true} {
			w := pair(t, Options{}, own, own)
			c.open(w)
			w.pass(c.timeout - 1)
			want := "forwarded"
			if late {
				w.pass(1)
				want = "no_egress_rule"
			}
			if got := w.send("server", c.answer); got != want {
				t.Errorf("%s, late %t: %s, want %s", name, late, got, want)
			}
		}
	}
}

// TestTimeoutsOfTheGateway are those of interfaces that set none.
func TestTimeoutsOfTheGateway(t *testing.T) {
	o := conntrack.DefaultTimeouts()
	o.UDP = 33 * second
	w := pair(t, Options{Timeouts: o}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
	w.want("forwarded", "client", udpPacket("10.0.1.10:4000", "10.0.1.20:53"))
	w.pass(33*second - 1)
	w.want("forwarded", "server", udpPacket("10.0.1.20:53", "10.0.1.10:4000"))
	// They may be changed for flows that live: their next packet starts anew.
	w.res.Interfaces[1].ConnectionTracking.UDP = 60 * second
	w.apply()
	w.want("forwarded", "client", udpPacket("10.0.1.10:4000", "10.0.1.20:53"))
	w.pass(59 * second)
	w.want("no_ingress_rule", "server", udpPacket("10.0.1.20:53", "10.0.1.10:4000"))
}

func TestMidstreamTCP(t *testing.T) {
	for _, drop := range []bool{false, true} {
		w := pair(t, Options{DropMidstreamTCP: drop}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
		want := "forwarded"
		if drop {
			want = "tcp_midstream"
		}
		w.want(want, "client", ack("10.0.1.10:4000", "10.0.1.20:80"))
		w.want(map[bool]string{false: "forwarded", true: "no_egress_rule"}[drop], "server", ack("10.0.1.20:80", "10.0.1.10:4000"))
		// A server's segment that only a vanished flow would have let out.
		w.want("no_egress_rule", "server", ack("10.0.1.20:80", "10.0.1.10:4001"))
		w.want("no_egress_rule", "server", synAck("10.0.1.20:80", "10.0.1.10:4001"))
		w.want("forwarded", "client", syn("10.0.1.10:4002", "10.0.1.20:80"))
		w.group("server").Ingress = nil
		w.apply()
		w.want("no_ingress_rule", "client", ack("10.0.1.10:4003", "10.0.1.20:80")) // that it has no SYN is not what stops it
		if n := len(w.g.FlowInfos()); n != map[bool]int{false: 3, true: 1}[drop] {
			t.Errorf("dropping %t: %d flows", drop, n)
		}
	}
}

// TestARefusalOfMidstream: a server that knows nothing of a connection resets it
// with the number that it is told, and without an ACK (RFC 9293, section 3.10.7.1).
func TestARefusalOfMidstream(t *testing.T) {
	for _, seq := range []uint32{1000, 1 << 30, 1<<31 + 5, 1<<32 - 5} {
		w := pair(t, Options{}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
		w.want("forwarded", "client", segment("10.0.1.10:4000", "10.0.1.20:80", header.TCPFlagAck, seq, 77))
		w.want("tcp_out_of_window", "server", segment("10.0.1.20:80", "10.0.1.10:4000", header.TCPFlagRst, 77+1<<31, 0))
		w.want("forwarded", "server", segment("10.0.1.20:80", "10.0.1.10:4000", header.TCPFlagRst, 77, 0))
	}
}

// TestMidstreamIsWhateverOpensNothing: a SYN-ACK too, and what is not part of the
// live flow whose tuple it has.
func TestMidstreamIsWhateverOpensNothing(t *testing.T) {
	w := pair(t, Options{DropMidstreamTCP: true}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
	w.want("tcp_midstream", "client", synAck("10.0.1.10:4000", "10.0.1.20:80"))
	w.want("forwarded", "client", syn("10.0.1.10:4000", "10.0.1.20:80"))
	w.want("forwarded", "server", synAck("10.0.1.20:80", "10.0.1.10:4000"))
	w.want("forwarded", "client", ack("10.0.1.10:4000", "10.0.1.20:80"))
	w.want("tcp_midstream", "client", segment("10.0.1.10:4000", "10.0.1.20:80", header.TCPFlagAck, 1<<30, isn))
}

// TestUntrackedTCPHasNoMiddle: AWS keeps nothing of it that a SYN could begin.
func TestUntrackedTCPHasNoMiddle(t *testing.T) {
	w := newWorld(t, Options{DropMidstreamTCP: true},
		[]vpc.SecurityGroup{{Name: "web", Ingress: []vpc.Rule{rule(vpc.TCP, 80, 80, "0.0.0.0/0")}, Egress: everything()}},
		instance("web", []string{"10.0.1.10"}, "web"), host("laptop", "203.0.113.10"))
	w.want("forwarded", "laptop", ack("203.0.113.10:4000", "10.0.1.10:80"))
}

func TestRuleChange(t *testing.T) {
	for change, want := range map[RuleChange][3]string{
		// the flow whose rule went, the one whose rule stayed, the latter's answer
		KeepFlows:       {"forwarded", "forwarded", "forwarded"},
		RevalidateFlows: {"no_egress_rule", "forwarded", "forwarded"},
		FlushFlows:      {"no_egress_rule", "forwarded", "no_egress_rule"},
	} {
		w := newWorld(t, Options{OnRuleChange: change},
			[]vpc.SecurityGroup{
				{Name: "client", Egress: []vpc.Rule{rule(vpc.TCP, 22, 22, "server"), rule(vpc.TCP, 80, 80, "server")}},
				{Name: "server", Ingress: []vpc.Rule{all("client")}},
			},
			instance("client", []string{"10.0.1.10"}, "client"), instance("server", []string{"10.0.1.20"}, "server"))
		for _, port := range []string{"22", "80"} {
			w.want("forwarded", "client", syn("10.0.1.10:4000", "10.0.1.20:"+port))
			w.want("forwarded", "server", synAck("10.0.1.20:"+port, "10.0.1.10:4000"))
			w.want("forwarded", "client", ack("10.0.1.10:4000", "10.0.1.20:"+port))
		}
		// What bears on no verdict is no change.
		w.group("client").Description, w.group("client").Egress[0].Description = "another", "another"
		w.apply()
		w.want("forwarded", "server", ack("10.0.1.20:22", "10.0.1.10:4000"))
		w.group("client").Egress = w.group("client").Egress[1:]
		w.apply()
		answer := w.send("server", ack("10.0.1.20:80", "10.0.1.10:4000"))
		got := [3]string{
			w.send("client", ack("10.0.1.10:4000", "10.0.1.20:22")), w.send("client", ack("10.0.1.10:4000", "10.0.1.20:80")), answer,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("on a rule change %v (-want +got):\n%s", change, diff)
		}
	}
}

// TestWhatIsNoRuleChange: the order of lists, and machines that come or go, end no flow.
func TestWhatIsNoRuleChange(t *testing.T) {
	w := pair(t, Options{OnRuleChange: FlushFlows}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
	w.res.Interfaces[1].GroupIDs = []string{"sg-server", "sg-client"}
	w.apply()
	w.want("forwarded", "client", syn("10.0.1.10:4000", "10.0.1.20:80"))
	w.res.Interfaces[1].GroupIDs = []string{"sg-client", "sg-server"}
	w.res.Interfaces = append(w.res.Interfaces, instance("another", []string{"10.0.1.30"}, "client"))
	w.apply()
	w.want("forwarded", "server", synAck("10.0.1.20:80", "10.0.1.10:4000"))
	w.res.Interfaces = w.res.Interfaces[:2]
	w.apply()
	w.want("forwarded", "server", synAck("10.0.1.20:80", "10.0.1.10:4000"))
}

// TestRevalidatedAtTheReceiver: the ingress side is judged again too, and so is
// a group that an interface has left.
func TestRevalidatedAtTheReceiver(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"its rule":     func(w *world) { w.group("server").Ingress = []vpc.Rule{rule(vpc.UDP, 1, 1, "client")} },
		"its groups":   func(w *world) { w.res.Interfaces[1].GroupIDs = []string{"sg-client"} },
		"the sender's": func(w *world) { w.res.Interfaces[0].GroupIDs = []string{"sg-server"} },
	} {
		w := pair(t, Options{OnRuleChange: RevalidateFlows}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
		w.want("forwarded", "client", syn("10.0.1.10:4000", "10.0.1.20:80"))
		change(w)
		w.apply()
		if got := w.send("server", synAck("10.0.1.20:80", "10.0.1.10:4000")); got == "forwarded" {
			t.Errorf("%s changed: the answer is %s", name, got)
		}
	}
}

// TestReclassify opens the rules of a tracked flow to everyone and then takes
// them all away: AWS's containment practice.
func TestReclassify(t *testing.T) {
	for _, reclassify := range []bool{false, true} {
		w := newWorld(t, Options{Reclassify: reclassify},
			[]vpc.SecurityGroup{
				{Name: "web", Ingress: []vpc.Rule{rule(vpc.TCP, 22, 22, "203.0.113.0/24")}, Egress: everything()},
				{Name: "isolation"},
			},
			instance("web", []string{"10.0.1.10"}, "web"), host("laptop", "203.0.113.10"))
		w.want("forwarded", "laptop", syn("203.0.113.10:4000", "10.0.1.10:22"))
		w.want("forwarded", "web", synAck("10.0.1.10:22", "203.0.113.10:4000"))
		w.group("web").Ingress = []vpc.Rule{all("0.0.0.0/0")}
		w.apply()
		w.want("forwarded", "laptop", ack("203.0.113.10:4000", "10.0.1.10:22"))
		w.res.Interfaces[0].GroupIDs = []string{"sg-isolation"}
		w.apply()
		want := "forwarded"
		if reclassify {
			want = "no_ingress_rule"
		}
		w.want(want, "laptop", ack("203.0.113.10:4000", "10.0.1.10:22"))
	}
}

// TestReclassifyTouchesNoOtherFlow: one that would be tracked again stays so.
func TestReclassifyTouchesNoOtherFlow(t *testing.T) {
	w := pair(t, Options{Reclassify: true}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
	w.want("forwarded", "client", syn("10.0.1.10:4000", "10.0.1.20:80"))
	w.group("client").Egress = append(w.group("client").Egress, rule(vpc.UDP, 1, 1, "server"))
	w.apply()
	w.want("forwarded", "server", synAck("10.0.1.20:80", "10.0.1.10:4000"))
}

// TestRevisedByEveryKindOfChange: memberships, addresses and prefix lists.
func TestRevisedByEveryKindOfChange(t *testing.T) {
	list := vpc.PrefixList{ID: "pl-1", Name: "clients", MaxEntries: 2, Entries: []vpc.PrefixListEntry{{CIDR: prefix("10.0.1.10/32")}}}
	for name, change := range map[string]func(w *world){
		"an entry":   func(w *world) { w.res.PrefixLists[0].Entries[0].CIDR = prefix("10.0.1.99/32") },
		"a group":    func(w *world) { w.res.Interfaces[0].GroupIDs = []string{"sg-server"} },
		"an address": func(w *world) { w.res.Interfaces[0].Addresses[0] = addr("10.0.1.12") },
	} {
		w := pair(t, Options{OnRuleChange: RevalidateFlows}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
		w.res.PrefixLists = []vpc.PrefixList{list}
		w.res.PrefixLists[0].Entries = []vpc.PrefixListEntry{{CIDR: prefix("10.0.1.10/32")}}
		if name == "an entry" {
			w.group("server").Ingress = nil
		}
		w.group("server").Ingress = append(w.group("server").Ingress, vpc.Rule{Protocol: vpc.TCP, FromPort: 80, ToPort: 80, Peer: vpc.Peer{PrefixListID: "pl-1"}})
		if name == "an address" {
			w.group("server").Ingress = w.group("server").Ingress[:1]
		}
		w.apply()
		w.want("forwarded", "client", syn("10.0.1.10:4000", "10.0.1.20:80"))
		change(w)
		w.apply()
		if n := len(w.g.FlowInfos()); n != 0 {
			t.Errorf("%s has changed, and %d flows go on", name, n)
		}
	}
}

// TestRevalidatedIsWhatAnEndTracks: that the other end has never let the flow in
// does not end it at this one.
func TestRevalidatedIsWhatAnEndTracks(t *testing.T) {
	w := pair(t, Options{OnRuleChange: RevalidateFlows}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
	w.group("server").Ingress = nil
	w.apply()
	w.want("no_ingress_rule", "client", syn("10.0.1.10:4000", "10.0.1.20:80"))
	w.group("server").Ingress = []vpc.Rule{rule(vpc.UDP, 1, 1, "client")}
	w.apply()
	if n := len(w.g.FlowInfos()); n != 1 {
		t.Errorf("%d flows, want the client's own", n)
	}
}

// TestAnEndThatHasForgottenNeedsItsAllowanceAnew.
func TestAnEndThatHasForgottenNeedsItsAllowanceAnew(t *testing.T) {
	w := pair(t, Options{Allowance: 1}, vpc.ConnectionTracking{UDP: 60 * second}, vpc.ConnectionTracking{})
	w.res.Interfaces = append(w.res.Interfaces, instance("other", []string{"10.0.1.30"}, "client"))
	w.apply()
	w.attach("other", DefaultMTU)
	w.want("forwarded", "client", udpPacket("10.0.1.10:4000", "10.0.1.20:53"))
	w.want("forwarded", "server", udpPacket("10.0.1.20:53", "10.0.1.10:4000"))
	w.pass(30 * second)
	w.g.flows.Sweep(w.clock.Load()) // the server's allowance is free again
	w.want("forwarded", "other", udpPacket("10.0.1.30:4000", "10.0.1.20:53"))
	w.want("forwarded", "server", udpPacket("10.0.1.20:53", "10.0.1.30:4000"))
	w.want("conntrack_allowance_exceeded", "client", udpPacket("10.0.1.10:4000", "10.0.1.20:53"))
	if c := w.g.Port("server").Counters(); c.ConntrackAllowanceExceeded != 1 || c.ConntrackAllowanceAvailable != 0 {
		t.Errorf("the server's conntrack_allowance_exceeded is %d, available %d", c.ConntrackAllowanceExceeded, c.ConntrackAllowanceAvailable)
	}
}

// TestADeviceThatComesLaterHasItsTimeouts.
func TestADeviceThatComesLaterHasItsTimeouts(t *testing.T) {
	w := pair(t, Options{}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{UDP: 60 * second})
	late := instance("late", []string{"10.0.1.30"}, "client")
	late.ConnectionTracking.UDP = 60 * second
	w.res.Interfaces = append(w.res.Interfaces, late)
	w.apply()
	w.attach("late", DefaultMTU)
	w.want("forwarded", "late", udpPacket("10.0.1.30:4000", "10.0.1.20:53"))
	w.pass(59 * second)
	w.want("forwarded", "server", udpPacket("10.0.1.20:53", "10.0.1.30:4000"))
}

func TestCutFlows(t *testing.T) {
	w := pair(t, Options{}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
	w.pass(time.Hour)
	for _, port := range []string{"4000", "4001"} {
		w.want("forwarded", "client", syn("10.0.1.10:"+port, "10.0.1.20:80"))
		w.want("forwarded", "server", synAck("10.0.1.20:80", "10.0.1.10:"+port))
	}
	w.want("forwarded", "client", icmpPacket("10.0.1.10", "10.0.1.20", 8, 0, 7))
	if n := len(w.g.FlowInfos()); n != 3 {
		t.Fatalf("%d flows, want 3", n)
	}
	cut := w.g.CutFlows(func(f *FlowInfo) bool { return f.Src.Port() == 4000 })
	want := []FlowInfo{{
		VPCID: theVPC, Protocol: 6, Src: netip.MustParseAddrPort("10.0.1.10:4000"), Dst: netip.MustParseAddrPort("10.0.1.20:80"),
		State: "SYN_RECEIVED", Created: int64(time.Hour), Expires: int64(time.Hour + time.Minute),
		Interfaces: [2]string{"client", "server"}, Tracked: [2]bool{true, true}, Packets: [2]uint64{1, 1}, Bytes: [2]uint64{40, 40},
		Rules: [2]string{w.ruleID("client", vpc.Egress, 0), w.ruleID("server", vpc.Ingress, 0)},
	}}
	if diff := cmp.Diff(want, cut, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("cut (-want +got):\n%s", diff)
	}
	w.want("no_egress_rule", "server", synAck("10.0.1.20:80", "10.0.1.10:4000"))
	w.want("forwarded", "server", synAck("10.0.1.20:80", "10.0.1.10:4001"))
	ping := w.g.CutFlows(func(f *FlowInfo) bool { return f.Protocol == 1 })
	if len(ping) != 1 || ping[0].Src != netip.MustParseAddrPort("10.0.1.10:7") || ping[0].Dst.Port() != 0 {
		t.Errorf("cut %+v, want the ping with its id", ping)
	}
	w.want("no_egress_rule", "server", icmpPacket("10.0.1.20", "10.0.1.10", 0, 0, 7))
}

// TestServices: what security groups do not filter is the netstack's, whatever
// the rules.
func TestServices(t *testing.T) {
	w := newWorld(t, Options{}, []vpc.SecurityGroup{{Name: "sealed"}}, instance("a", []string{"10.0.1.10", "fd00:10:0:1::10"}, "sealed"))
	for _, to := range []string{"10.0.0.2", "169.254.169.253", "169.254.169.254", "169.254.170.2", "169.254.169.123", "169.254.169.250", "169.254.169.251"} {
		w.want("local", "a", icmpPacket("10.0.1.10", to, 8, 0, 7))
		if got := w.awaitPacket("a"); header.IPv4(got).SourceAddress().String() != to || got[20] != 0 {
			t.Errorf("%s answers %x", to, got)
		}
	}
	for _, to := range []string{"fd00:ec2::253", "fd00:ec2::254", "fd00:ec2::123"} {
		w.want("local", "a", icmpPacket("fd00:10:0:1::10", to, 128, 0, 7))
		if got := w.awaitPacket("a"); header.IPv6(got).SourceAddress().String() != to || got[40] != 129 {
			t.Errorf("%s answers %x", to, got)
		}
	}
	w.want("local", "a", udpPacket("10.0.1.10:68", "255.255.255.255:67"))
	w.want("local", "a", udpPacket("0.0.0.0:68", "255.255.255.255:67"))
	w.want("source_check", "a", udpPacket("10.0.1.99:68", "255.255.255.255:67"))
	w.want("local", "a", udpPacket("[fe80::1]:546", "[ff02::1:2]:547"))
	w.want("local", "a", udpPacket("[fd00:10:0:1::10]:546", "[ff05::1:3]:547"))
	w.want("multicast", "a", udpPacket("[fd00:10:0:1::10]:547", "[ff02::1:2]:547"))
	w.want("no_egress_rule", "a", icmpPacket("10.0.1.10", "10.0.0.3", 8, 0, 7)) // reserved, and nobody's
	if n := len(w.g.FlowInfos()); n != 0 {
		t.Errorf("%d flows, want none: what is not filtered is not tracked", n)
	}
}

func TestLinkLocalAllowance(t *testing.T) {
	w := newWorld(t, Options{}, []vpc.SecurityGroup{{Name: "a"}}, instance("a", []string{"10.0.1.10"}, "a"), instance("b", []string{"10.0.1.20"}, "a"))
	w.pass(time.Hour) // saves nothing up
	query := udpPacket("10.0.1.10:4000", "169.254.169.253:53")
	for range 1024 {
		w.want("local", "a", query)
		w.arrived("a")
	}
	w.want("linklocal_allowance_exceeded", "a", query)
	w.want("local", "b", udpPacket("10.0.1.20:4000", "169.254.169.253:53")) // each has its own
	w.want("local", "a", icmpPacket("10.0.1.10", "10.0.1.1", 8, 0, 1))      // the router's address is no such service
	w.pass(second / 1024)
	w.want("local", "a", query)
	w.want("linklocal_allowance_exceeded", "a", query)
}

// TestLinkLocalAllowanceCountsPackets, of which a super-packet is many.
func TestLinkLocalAllowanceCountsPackets(t *testing.T) {
	var l linkLocalAllowance
	for _, c := range []struct {
		packets int
		want    bool
	}{{1000, true}, {25, false}, {24, true}, {1, false}} {
		if got := l.take(0, c.packets); got != c.want {
			t.Errorf("%d packets more: %t, want %t", c.packets, got, c.want)
		}
	}
}

// TestDuplicateAddressDetection asks from no address; the answer is for all.
func TestDuplicateAddressDetection(t *testing.T) {
	w := newWorld(t, Options{}, []vpc.SecurityGroup{{Name: "a"}}, instance("a", []string{"fd00:10:0:1::10"}, "a"))
	w.want("local", "a", solicitation("::", "ff02::1:ff00:1", "fd00:10:0:1::1", 255))
	if got := w.arrived("a"); got == nil || header.IPv6(got[tun.HeaderLen:]).DestinationAddress().String() != "ff02::1" {
		t.Errorf("the router's address is taken, and the answer is %x", got)
	}
}

// TestNeighbourDiscovery never depends on a rule, and never reaches another
// machine.
func TestNeighbourDiscovery(t *testing.T) {
	w := newWorld(t, Options{}, []vpc.SecurityGroup{{Name: "sealed"}, {Name: "open", Ingress: []vpc.Rule{all("::/0")}, Egress: everything()}},
		instance("a", []string{"fd00:10:0:1::10"}, "sealed"), instance("b", []string{"fd00:10:0:1::20"}, "open"))
	const router, routersGroup = "fd00:10:0:1::1", "ff02::1:ff00:1"
	for _, c := range []struct {
		src, dst, target string
		hops             uint8
		want             string
		answered         bool
	}{
		{"fd00:10:0:1::10", routersGroup, router, 255, "local", true},
		{"fe80::10", routersGroup, router, 255, "local", true},
		{"fd00:10:0:1::10", "fd00:10:0:1::20", "fd00:10:0:1::20", 255, "local", false},
		{"fd00:10:0:1::10", "ff02::1:ff00:20", "fd00:10:0:1::20", 255, "local", false},
		{"fd00:10:0:1::20", routersGroup, router, 255, "bad_neighbour_discovery", false},
		{"fd00:10:0:1::10", routersGroup, router, 254, "bad_neighbour_discovery", false},
	} {
		w.want(c.want, "a", solicitation(c.src, c.dst, c.target, c.hops))
		got := w.arrived("a")
		if answered := got != nil; answered != c.answered {
			t.Errorf("%s asks %s for %s: answered %t, want %t", c.src, c.dst, c.target, answered, c.answered)
		}
		if got != nil && (got[tun.HeaderLen+40] != uint8(header.ICMPv6NeighborAdvert) || header.IPv6(got[tun.HeaderLen:]).DestinationAddress().String() != c.src) {
			t.Errorf("%s is answered by %x", c.src, got)
		}
		if got := w.arrived("b"); got != nil {
			t.Errorf("another machine gets %x", got)
		}
	}
}

// solicitation asks who has the target address.
func solicitation(src, dst, target string, hops uint8) []byte {
	raw := addr(target).As16()
	m := append(append([]byte{uint8(header.ICMPv6NeighborSolicit), 0, 0, 0}, 0, 0, 0, 0), raw[:]...)
	h := header.ICMPv6(m)
	s, d := addr(src), addr(dst)
	h.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{
		Header: h, Src: tcpip.AddrFromSlice(s.AsSlice()), Dst: tcpip.AddrFromSlice(d.AsSlice()),
	}))
	return withTTL(ipPacket(s, d, uint8(header.ICMPv6ProtocolNumber), m), hops)
}
