package gateway

import (
	"bytes"
	"sync"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// tiers is a web server open to all on 443 and to the laptop on 22, an app that
// web's group may reach, and a db without egress that app's group may reach.
func tiers(t *testing.T) *world { return tiersWith(t, Options{}) }

func tiersWith(t *testing.T, o Options) *world {
	return newWorld(t, o,
		[]vpc.SecurityGroup{
			{Name: "web", Egress: everything(), Ingress: []vpc.Rule{
				rule(vpc.TCP, 22, 22, "203.0.113.10/32"), rule(vpc.TCP, 443, 443, "0.0.0.0/0"), rule(vpc.TCP, 443, 443, "::/0"),
				rule(vpc.ICMP, 8, vpc.Any, "203.0.113.0/24"), rule(vpc.ICMPv6, 128, 0, "::/0"),
			}},
			{Name: "app", Egress: everything(), Ingress: []vpc.Rule{rule(vpc.TCP, 8080, 8080, "web"), rule(vpc.UDP, 53, 53, "web")}},
			{Name: "db", Ingress: []vpc.Rule{rule(vpc.TCP, 3306, 3306, "app"), rule(47, vpc.Any, vpc.Any, "app")}},
		},
		instance("web", []string{"10.0.1.10", "fd00:10:0:1::10"}, "web"),
		instance("app", []string{"10.0.1.20"}, "app"),
		instance("db", []string{"10.0.1.30"}, "db"),
		host("laptop", "203.0.113.10", "2001:db8::10"),
		host("stranger", "198.51.100.7"),
	)
}

func TestGroupsDecide(t *testing.T) {
	w := tiers(t)
	for _, c := range []struct {
		fate, from string
		packet     []byte
	}{
		{"forwarded", "laptop", syn("203.0.113.10:4000", "10.0.1.10:22")},
		{"no_ingress_rule", "stranger", syn("198.51.100.7:4000", "10.0.1.10:22")},
		{"forwarded", "stranger", syn("198.51.100.7:4000", "10.0.1.10:443")},
		{"forwarded", "laptop", syn("[2001:db8::10]:4000", "[fd00:10:0:1::10]:443")},
		{"no_ingress_rule", "laptop", syn("[2001:db8::10]:4000", "[fd00:10:0:1::10]:22")},
		{"forwarded", "web", syn("10.0.1.10:4000", "10.0.1.20:8080")},
		{"no_ingress_rule", "laptop", syn("203.0.113.10:4000", "10.0.1.20:8080")},
		{"forwarded", "web", udpPacket("10.0.1.10:4000", "10.0.1.20:53")},
		{"forwarded", "app", syn("10.0.1.20:4000", "10.0.1.30:3306")},
		{"forwarded", "app", ipPacket(addr("10.0.1.20"), addr("10.0.1.30"), 47, []byte("gre"))},
		{"no_ingress_rule", "app", ipPacket(addr("10.0.1.20"), addr("10.0.1.30"), 50, []byte("esp"))},
		{"no_ingress_rule", "web", syn("10.0.1.10:4000", "10.0.1.30:3306")},
		{"no_egress_rule", "db", syn("10.0.1.30:4000", "10.0.1.10:443")},
		{"forwarded", "laptop", icmpPacket("203.0.113.10", "10.0.1.10", 8, 0, 1)},
		{"no_ingress_rule", "stranger", icmpPacket("198.51.100.7", "10.0.1.10", 8, 0, 1)},
		{"forwarded", "laptop", icmpPacket("2001:db8::10", "fd00:10:0:1::10", 128, 0, 1)},
		{"forwarded", "laptop", syn("203.0.113.10:4000", "198.51.100.7:80")},
		{"no_route", "web", syn("10.0.1.10:4000", "10.0.1.99:80")},
		{"no_route", "web", syn("10.0.1.10:4000", "192.0.2.1:80")},
	} {
		w.want(c.fate, c.from, c.packet)
	}
}

func TestForwardedPacketArrivesOneHopLater(t *testing.T) {
	w := tiers(t)
	for _, packet := range [][]byte{
		syn("203.0.113.10:4000", "10.0.1.10:22"),
		syn("[2001:db8::10]:4000", "[fd00:10:0:1::10]:443"),
	} {
		w.want("forwarded", "laptop", packet)
		got := w.arrived("web")
		if got == nil {
			t.Fatal("nothing arrived at web")
		}
		if want := withTTL(packet, 63); !bytes.Equal(got[tun.HeaderLen:], want) {
			t.Errorf("arrived:\n%x\nwant\n%x", got[tun.HeaderLen:], want)
		}
		if packet[0]>>4 == 4 && !header.IPv4(got[tun.HeaderLen:]).IsChecksumValid() {
			t.Error("the IPv4 checksum is wrong after the hop")
		}
	}
}

func TestBlockedPacketGetsNothing(t *testing.T) {
	w := tiers(t)
	w.want("no_ingress_rule", "stranger", syn("198.51.100.7:4000", "10.0.1.10:22"))
	w.want("no_ingress_rule", "stranger", withTTL(syn("198.51.100.7:4000", "10.0.1.10:22"), 1))
	w.want("no_egress_rule", "db", syn("10.0.1.30:4000", "10.0.1.10:443"))
	for id := range w.devs {
		if got := w.arrived(id); got != nil {
			t.Errorf("%s got %s", id, describe(got[tun.HeaderLen:]))
		}
	}
}

func TestRepliesPassWhileTheirFlowLives(t *testing.T) {
	w := tiers(t)
	// db has no egress rule: it may answer app, and only what app has asked.
	w.want("no_egress_rule", "db", synAck("10.0.1.30:3306", "10.0.1.20:4000"))
	w.want("forwarded", "app", syn("10.0.1.20:4000", "10.0.1.30:3306"))
	w.want("forwarded", "db", synAck("10.0.1.30:3306", "10.0.1.20:4000"))
	w.want("no_egress_rule", "db", synAck("10.0.1.30:3306", "10.0.1.20:4001"))
	w.want("forwarded", "app", ack("10.0.1.20:4000", "10.0.1.30:3306"))

	const day = 24 * 3600 * 1_000_000_000
	w.clock.Add(5*day - 1)
	w.want("forwarded", "db", ack("10.0.1.30:3306", "10.0.1.20:4000"))
	w.clock.Add(5*day + int64(conntrack.Resolution))
	w.want("no_egress_rule", "db", ack("10.0.1.30:3306", "10.0.1.20:4000"))
}

func TestPingRepliesByID(t *testing.T) {
	w := newWorld(t, Options{},
		[]vpc.SecurityGroup{{Name: "a", Egress: everything()}, {Name: "b", Ingress: []vpc.Rule{rule(vpc.ICMP, 8, vpc.Any, "a"), rule(vpc.ICMPv6, 128, vpc.Any, "a")}}},
		instance("a", []string{"10.0.1.10", "fd00:10:0:1::10"}, "a"), instance("b", []string{"10.0.1.20", "fd00:10:0:1::20"}, "b"))
	for _, c := range []struct {
		a, b            string
		request, answer uint8
	}{{"10.0.1.10", "10.0.1.20", 8, 0}, {"fd00:10:0:1::10", "fd00:10:0:1::20", 128, 129}} {
		w.want("no_egress_rule", "b", icmpPacket(c.b, c.a, c.answer, 0, 7))
		w.want("forwarded", "a", icmpPacket(c.a, c.b, c.request, 0, 7))
		w.want("forwarded", "b", icmpPacket(c.b, c.a, c.answer, 0, 7))
		w.want("no_egress_rule", "b", icmpPacket(c.b, c.a, c.answer, 0, 8))
		w.want("no_egress_rule", "b", icmpPacket(c.b, c.a, c.request, 0, 7)) // a question is no answer
	}
}

func TestTrackedFlowOutlivesItsRuleUntrackedDoesNot(t *testing.T) {
	w := tiers(t)
	// SSH from one address is tracked, HTTPS from everywhere is not.
	w.want("forwarded", "laptop", syn("203.0.113.10:4000", "10.0.1.10:22"))
	w.want("forwarded", "web", synAck("10.0.1.10:22", "203.0.113.10:4000"))
	w.want("forwarded", "laptop", syn("203.0.113.10:4001", "10.0.1.10:443"))
	w.want("forwarded", "web", synAck("10.0.1.10:443", "203.0.113.10:4001"))
	w.want("forwarded", "laptop", ack("203.0.113.10:4001", "10.0.1.10:443"))

	w.group("web").Ingress = nil
	w.apply()
	w.want("forwarded", "laptop", ack("203.0.113.10:4000", "10.0.1.10:22"))
	w.want("forwarded", "web", ack("10.0.1.10:22", "203.0.113.10:4000"))
	w.want("no_ingress_rule", "laptop", ack("203.0.113.10:4001", "10.0.1.10:443"))
	// What the server still sends is its own business, and does not bring
	// the flow back.
	w.want("forwarded", "web", ack("10.0.1.10:443", "203.0.113.10:4001"))
	w.want("no_ingress_rule", "laptop", ack("203.0.113.10:4001", "10.0.1.10:443"))
	// New ones are judged anew.
	w.want("no_ingress_rule", "laptop", syn("203.0.113.10:4002", "10.0.1.10:22"))
}

// TestCutFlowStaysCut is the attack on the memory of a cut flow: packets that
// are dropped must not make the gateway forget it.
func TestCutFlowStaysCut(t *testing.T) {
	for _, change := range []RuleChange{KeepFlows, RevalidateFlows, FlushFlows} {
		w := tiersWith(t, Options{OnRuleChange: change})
		w.want("forwarded", "laptop", syn("203.0.113.10:4001", "10.0.1.10:443"))
		w.want("forwarded", "web", synAck("10.0.1.10:443", "203.0.113.10:4001"))
		w.want("forwarded", "laptop", ack("203.0.113.10:4001", "10.0.1.10:443"))
		w.group("web").Ingress = nil
		w.apply()
		for _, end := range []header.TCPFlags{header.TCPFlagRst, header.TCPFlagFin | header.TCPFlagAck} {
			w.want("no_ingress_rule", "laptop", tcpPacket("203.0.113.10:4001", "10.0.1.10:443", end))
			w.want("no_ingress_rule", "laptop", syn("203.0.113.10:4001", "10.0.1.10:443"))
			w.want("forwarded", "web", ack("10.0.1.10:443", "203.0.113.10:4001"))
			w.want("no_ingress_rule", "laptop", ack("203.0.113.10:4001", "10.0.1.10:443"))
		}
	}
}

func TestEachEndTracksByItself(t *testing.T) {
	// a's packet is let out by a and kept out by b. a's end has seen it, so
	// b's packet back, which b's egress rules admit, is an answer to a.
	w := newWorld(t, Options{},
		[]vpc.SecurityGroup{{Name: "closed", Egress: everything()}},
		instance("a", []string{"10.0.1.10"}, "closed"), instance("b", []string{"10.0.1.20"}, "closed"))
	w.want("no_ingress_rule", "b", udpPacket("10.0.1.20:2000", "10.0.1.10:1000"))
	w.want("forwarded", "a", udpPacket("10.0.1.10:1000", "10.0.1.20:2000")) // answers b's
	w.want("no_ingress_rule", "a", udpPacket("10.0.1.10:1001", "10.0.1.20:2000"))
}

func TestSecondMemberNeedsNoNewRule(t *testing.T) {
	w := tiers(t)
	w.res.Interfaces = append(w.res.Interfaces, instance("app-2", []string{"10.0.1.21"}))
	w.attach("app-2", DefaultMTU)
	w.want("interface_not_compiled", "app-2", syn("10.0.1.21:4000", "10.0.1.30:3306"))
	w.apply()
	w.want("no_ingress_rule", "app-2", syn("10.0.1.21:4000", "10.0.1.30:3306"))
	w.res.Interfaces[len(w.res.Interfaces)-1].GroupIDs = []string{"sg-app"}
	w.apply()
	w.want("forwarded", "app-2", syn("10.0.1.21:4000", "10.0.1.30:3306"))
}

func TestSourceCheck(t *testing.T) {
	w := tiers(t)
	// The attack: stranger claims the laptop's address, or web's.
	w.want("source_check", "stranger", syn("203.0.113.10:4000", "10.0.1.10:22"))
	w.want("source_check", "db", syn("10.0.1.20:4000", "10.0.1.10:443"))
	// Replaying a live flow's tuple from elsewhere does not help either.
	w.want("forwarded", "laptop", syn("203.0.113.10:4000", "10.0.1.10:22"))
	w.want("source_check", "stranger", ack("203.0.113.10:4000", "10.0.1.10:22"))

	// It works where the check is off, but the sender's groups are not the
	// address's: group references still do not match.
	w.res.Interfaces[2].SourceDestCheck = false // db
	w.group("db").Egress = everything()
	w.apply()
	w.want("forwarded", "db", syn("192.0.2.9:4000", "10.0.1.10:443"))
	w.want("no_ingress_rule", "db", syn("10.0.1.10:4000", "10.0.1.20:8080"))
}

func TestHostilePacketsHaveTheirReasons(t *testing.T) {
	w := tiers(t)
	broken := syn("203.0.113.10:4000", "10.0.1.10:22")
	broken[10]++
	for _, c := range []struct {
		fate   string
		packet []byte
	}{
		{"truncated", nil},
		{"bad_version", bytes.Repeat([]byte{0x5f}, 40)},
		{"bad_checksum", broken},
		{"truncated", syn("203.0.113.10:4000", "10.0.1.10:22")[:30]},
		{"multicast", udpPacket("203.0.113.10:4000", "224.0.0.1:53")},
		{"broadcast", udpPacket("203.0.113.10:4000", "255.255.255.255:67")}, // not from a DHCP client's port
		{"broadcast", udpPacket("203.0.113.10:4000", "0.0.0.0:67")},
		{"no_route", udpPacket("203.0.113.10:4000", "10.0.1.255:67")},
	} {
		w.want(c.fate, "laptop", c.packet)
	}
}

func TestNothingPassesWithoutPolicy(t *testing.T) {
	g, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, g: g, devs: make(map[string]*tun.Memory), sent: make(map[string]uint64)}
	w.attach("a", DefaultMTU)
	w.attach("b", DefaultMTU)
	w.want("interface_not_compiled", "a", syn("10.0.1.10:1", "10.0.1.20:2"))
	w.checkCounters()
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestVerdictZeroValuesAreDrops(t *testing.T) {
	var fate Fate
	if fate != Dropped {
		t.Errorf("the zero Fate is %v", fate)
	}
	if (filter.Verdict{}).Allowed() {
		t.Error("the zero Verdict is an allow")
	}
}

func TestEveryReasonHasItsName(t *testing.T) {
	seen := make(map[string]Reason)
	for r := range Reason(Reasons) {
		if !r.IsReason() {
			continue
		}
		if other, taken := seen[r.String()]; taken || r.String() == "" {
			t.Errorf("reasons %d and %d are both named %q", other, r, r)
		}
		seen[r.String()] = r
	}
}

func TestFullTableDropsNewTrackedFlowsOnly(t *testing.T) {
	w := newWorld(t, Options{MaxFlows: 2},
		[]vpc.SecurityGroup{
			{Name: "client", Egress: everything()},
			{Name: "server", Ingress: []vpc.Rule{rule(vpc.TCP, 80, 80, "client")}},
			{Name: "open", Ingress: []vpc.Rule{rule(vpc.TCP, 443, 443, "0.0.0.0/0")}, Egress: everything()},
		},
		instance("client", []string{"10.0.1.10"}, "client"), instance("server", []string{"10.0.1.20"}, "server"),
		instance("open", []string{"10.0.1.30"}, "open"), host("laptop", "203.0.113.10"))
	establish := func(port string) {
		w.want("forwarded", "client", syn("10.0.1.10:"+port, "10.0.1.20:80"))
		w.want("forwarded", "server", synAck("10.0.1.20:80", "10.0.1.10:"+port))
		w.want("forwarded", "client", ack("10.0.1.10:"+port, "10.0.1.20:80"))
	}
	establish("1000")
	establish("1001")
	w.want("flow_table_full", "client", syn("10.0.1.10:1002", "10.0.1.20:80"))
	w.want("no_ingress_rule", "client", syn("10.0.1.10:1002", "10.0.1.20:81")) // the rules' no comes first
	w.want("forwarded", "laptop", syn("203.0.113.10:1", "10.0.1.30:443"))      // untracked: needs no room
	w.want("forwarded", "server", ack("10.0.1.20:80", "10.0.1.10:1000"))       // the live ones go on
	w.want("forwarded", "server", ack("10.0.1.20:80", "10.0.1.10:1001"))
}

func TestDetachEndsTheFlows(t *testing.T) {
	w := tiers(t)
	w.want("forwarded", "app", syn("10.0.1.20:4000", "10.0.1.30:3306"))
	w.want("forwarded", "db", synAck("10.0.1.30:3306", "10.0.1.20:4000"))
	if err := w.g.Detach("app"); err != nil {
		t.Fatal(err)
	}
	delete(w.sent, "app")
	w.want("no_egress_rule", "db", ack("10.0.1.30:3306", "10.0.1.20:4000"))
	if err := w.g.Detach("app"); err == nil {
		t.Error("detaching twice is no error")
	}
	w.attach("app", DefaultMTU)
	w.want("no_egress_rule", "db", ack("10.0.1.30:3306", "10.0.1.20:4000"))
	w.want("forwarded", "app", syn("10.0.1.20:4000", "10.0.1.30:3306"))
}

func TestAttachTwice(t *testing.T) {
	w := tiers(t)
	dev, err := tun.NewMemory("second", DefaultMTU)
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if _, err := w.g.Attach("web", dev); err == nil {
		t.Error("a second device for web is no error")
	}
}

// TestSwapsUnderLoad changes rules and devices while packets move. Each packet
// still has one fate, and flows that should live do.
func TestSwapsUnderLoad(t *testing.T) {
	w := tiers(t)
	w.want("forwarded", "app", syn("10.0.1.20:4000", "10.0.1.30:3306"))
	w.want("forwarded", "db", synAck("10.0.1.30:3306", "10.0.1.20:4000"))
	stop := make(chan struct{})
	var changes sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			s, err := vpc.New(w.res)
			if err != nil {
				t.Error(err)
				return
			}
			if err := w.g.Apply(filter.Compile(s)); err != nil {
				t.Error(err)
				return
			}
			dev, err := tun.NewMemory("extra", DefaultMTU)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := w.g.Attach("extra", dev); err != nil {
				t.Error(err)
				return
			}
			if err := w.g.Detach("extra"); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 2000 {
		w.want("forwarded", "db", ack("10.0.1.30:3306", "10.0.1.20:4000"))
		w.want("no_egress_rule", "db", ack("10.0.1.30:3306", "10.0.1.20:4001"))
		for w.arrived("app") != nil {
		}
	}
	close(stop)
	changes.Wait()
}
