package gateway

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/fragment"
	"github.com/sgate/sgate/vpc"
)

// underAttack is a victim that a client talks to, and an attacker in the same
// subnet: an instance whose source check is off, as a NAT instance's is, and
// which may send ICMP to the client and HTTP to the victim.
func underAttack(t *testing.T, o Options) *world {
	attacker := instance("attacker", []string{"10.0.1.66"}, "attacker")
	attacker.SourceDestCheck = false
	return newWorld(t, o,
		[]vpc.SecurityGroup{
			{Name: "client", Egress: []vpc.Rule{rule(vpc.TCP, 22, 22, "victim")}, Ingress: []vpc.Rule{rule(vpc.ICMP, vpc.Any, vpc.Any, "0.0.0.0/0")}},
			{Name: "victim", Ingress: []vpc.Rule{
				rule(vpc.TCP, 22, 22, "client"), rule(vpc.TCP, 80, 80, "0.0.0.0/0"), rule(vpc.UDP, 53, 53, "0.0.0.0/0"), rule(vpc.TCP, 80, 80, "::/0"),
			}},
			{Name: "attacker", Egress: everything()},
		},
		instance("client", []string{"10.0.1.10"}, "client"), instance("victim", []string{"10.0.1.20", "fd00:10:0:1::20"}, "victim"),
		attacker, instance("mallory", []string{"10.0.1.67", "fd00:10:0:1::67"}, "attacker"),
	)
}

const (
	clientSSH = "10.0.1.10:4000"
	victimSSH = "10.0.1.20:22"
)

// connected opens the client's connection to the victim.
func (w *world) connected() {
	w.t.Helper()
	w.want("forwarded", "client", syn(clientSSH, victimSSH))
	w.want("forwarded", "victim", synAck(victimSSH, clientSSH))
	w.want("forwarded", "client", ack(clientSSH, victimSSH))
}

// TestAttacks shows that each attack works where the check against it is left
// out, and fails where it is not.
func TestAttacks(t *testing.T) {
	for _, c := range []struct {
		name    string
		check   Reason
		attack  func(w *world) (works bool)
		options Options
	}{
		{
			name:  "a neighbour that replays the tuple of another's flow",
			check: ReasonSourceCheck,
			attack: func(w *world) bool {
				w.connected()
				w.group("victim").Ingress = w.group("victim").Ingress[1:] // only the live flow lets anyone in
				w.apply()
				// It has the address as a second one in its own namespace.
				return w.send("mallory", syn("10.0.1.10:80", "10.0.1.20:80")) == "forwarded"
			},
		}, {
			name:  "a packet that a machine seems to send to itself (land)",
			check: ReasonLand,
			attack: func(w *world) bool {
				return w.send("attacker", syn("10.0.1.20:80", "10.0.1.20:80")) == "forwarded"
			},
		}, {
			name:  "a packet that seems to come from the victim's own loopback",
			check: ReasonMartianSource,
			attack: func(w *world) bool {
				return w.send("attacker", udpPacket("127.0.0.1:53", "10.0.1.20:53")) == "forwarded"
			},
		}, {
			name:  "a segment with a bad checksum, which the gateway believes and the victim does not",
			check: ReasonBadTransportChecksum,
			attack: func(w *world) bool {
				w.connected()
				end := tcpPacket(victimSSH, clientSSH, header.TCPFlagRst|header.TCPFlagAck)
				end[len(end)-4] ^= 1 // in the checksum
				w.send("victim", end)
				w.pass(11 * time.Second)
				return w.send("victim", ack(victimSSH, clientSSH)) != "forwarded" // both still think that they are connected
			},
		}, {
			name:  "data from outside the window that keeps a dead connection's entry alive",
			check: ReasonOutOfWindow,
			attack: func(w *world) bool {
				w.connected()
				w.group("attacker").Egress = everything()
				for range 3 {
					w.pass(300_000 * time.Second)
					w.send("client", segment(clientSSH, victimSSH, header.TCPFlagAck, isn+1<<30, isn+1, 'x'))
				}
				return w.send("victim", ack(victimSSH, clientSSH)) == "forwarded"
			},
		}, {
			name:  "an ICMP error about a connection that is not the addressee's",
			check: ReasonICMPErrorAboutNothing,
			attack: func(w *world) bool {
				w.connected()
				return w.send("attacker", icmpError("10.0.1.66", "10.0.1.10", 3, 4, ack(victimSSH, clientSSH))) == "forwarded"
			},
		},
		{
			name:  "a question to the router in the victim's name, which gets the answer beside all rules",
			check: ReasonSourceCheck,
			attack: func(w *world) bool {
				w.send("attacker", icmpPacket("10.0.1.20", "10.0.1.1", 8, 0, 7))
				w.send("attacker", udpPacket("10.0.1.20:1", "169.254.169.253:53"))
				select {
				case <-w.devs["victim"].Received():
					return true
				case <-time.After(50 * time.Millisecond):
					return false
				}
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, checked := range []bool{false, true} {
				w := underAttack(t, c.options)
				w.g.unchecked[c.check] = !checked
				if works := c.attack(w); works == checked {
					t.Errorf("with the check %t the attack works %t", checked, works)
				}
				port := func(id string) uint64 { return w.g.Port(id).Counters().Dropped[c.check] }
				if counted := port("attacker")+port("mallory")+port("client")+port("victim") > 0; counted != checked {
					t.Errorf("with the check %t, drops for %v are counted %t", checked, c.check, counted)
				}
			}
		})
	}
}

// TestBlindResets has a forwarder reset another's connection: a RST of which the
// number is not the one that is due changes nothing.
func TestBlindResets(t *testing.T) {
	for _, c := range []struct {
		name string
		seq  uint32
		ends bool
	}{
		{"as the victim would", isn + 1, true}, // who knows the number can
		{"within the window", isn + 500, false},
		{"from outside", isn + 1<<30, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := underAttack(t, Options{})
			w.connected()
			w.send("attacker", segment(victimSSH, clientSSH, header.TCPFlagRst, c.seq, 0))
			w.pass(time.Minute)
			want := "forwarded"
			if c.ends {
				want = "no_egress_rule"
			}
			w.want(want, "victim", ack(victimSSH, clientSSH))
		})
	}
}

// TestOverlapRewritesThePort is the attack of RFC 3128: what the gateway sees
// of the port and what the victim puts together are not the same.
func TestOverlapRewritesThePort(t *testing.T) {
	w := underAttack(t, Options{})
	payload := make([]byte, 24)
	allowed, wanted := udpPacket("10.0.1.67:4000", "10.0.1.20:53", payload...), udpPacket("10.0.1.67:4000", "10.0.1.20:22", payload...)
	const ipHeader = header.IPv4MinimumSize
	first := piece(allowed, 7, 0, allowed[ipHeader:ipHeader+16], true)
	rewrite := piece(allowed, 7, 0, wanted[ipHeader:ipHeader+8], true)
	last := piece(allowed, 7, 16, allowed[ipHeader+16:], false)

	// Where the first piece is judged alone, and later bytes win as they do in
	// some systems, the victim gets a datagram for the port that no rule opens.
	data := append([]byte(nil), allowed[ipHeader:]...)
	copy(data, rewrite[ipHeader:])
	if port := header.UDP(data).DestinationPort(); port != 22 {
		t.Fatalf("the attack itself does not work: port %d", port)
	}
	w.want("forwarded", "mallory", allowed)
	w.arrived("victim")
	w.want("no_ingress_rule", "mallory", wanted)

	w.hold("mallory", first)
	w.want("fragment_overlap", "mallory", rewrite)
	w.want("fragment_dead", "mallory", last)
	if got := w.arrived("victim"); got != nil {
		t.Errorf("the victim gets %x", got)
	}
	if n := w.g.Port("mallory").Counters().Dropped[firstFragmentReason+Reason(fragment.Overlap)]; n != 2 {
		t.Errorf("%d pieces are dropped for the overlap, want the one that was held among them", n)
	}
}

// TestExhaustion has two machines open connections with each other until the
// table is full; a third wants one.
func TestExhaustion(t *testing.T) {
	for _, c := range []struct {
		allowance int
		works     bool
	}{{0, true}, {30, false}} {
		w := newWorld(t, Options{MaxFlows: 100, Allowance: c.allowance},
			[]vpc.SecurityGroup{
				{Name: "bots", Ingress: []vpc.Rule{rule(vpc.TCP, 0, 65535, "bots")}, Egress: everything()},
				{Name: "client", Egress: everything()}, {Name: "server", Ingress: []vpc.Rule{rule(vpc.TCP, 80, 80, "client")}},
			},
			instance("bot", []string{"10.0.1.10"}, "bots"), instance("bot-2", []string{"10.0.1.20"}, "bots"),
			instance("client", []string{"10.0.1.30"}, "client"), instance("server", []string{"10.0.1.40"}, "server"))
		refused := make(map[string]int)
		for i := range 150 {
			from := fmt.Sprintf("10.0.1.10:%d", 1000+i)
			refused[w.send("bot", syn(from, "10.0.1.20:1"))]++
			w.send("bot-2", synAck("10.0.1.20:1", from))
			w.send("bot", ack(from, "10.0.1.20:1"))
		}
		got := w.send("client", syn("10.0.1.30:1000", "10.0.1.40:80"))
		if works := got != "forwarded"; works != c.works {
			t.Errorf("with an allowance of %d the client's packet is %s", c.allowance, got)
		}
		counters := w.g.Port("bot").Counters()
		if c.allowance > 0 && (refused["conntrack_allowance_exceeded"] != 120 || counters.ConntrackAllowanceExceeded < 120 || counters.ConntrackAllowanceAvailable != 0) {
			t.Errorf("the bot's packets: %v, conntrack_allowance_exceeded %d, available %d", refused, counters.ConntrackAllowanceExceeded, counters.ConntrackAllowanceAvailable)
		}
	}
}

// TestAFloodOfSYNsEvictsItsOwnKind: connections that are established stay, and
// new ones get in.
func TestAFloodOfSYNsEvictsItsOwnKind(t *testing.T) {
	w := underAttack(t, Options{MaxFlows: 50})
	w.connected()
	for i := range 500 {
		w.want("forwarded", "mallory", syn(fmt.Sprintf("10.0.1.67:%d", 1000+i), "10.0.1.20:80"))
		w.arrived("victim")
	}
	w.want("forwarded", "victim", ack(victimSSH, clientSSH))
	w.want("forwarded", "client", syn("10.0.1.10:4001", victimSSH))
	w.want("forwarded", "victim", synAck(victimSSH, "10.0.1.10:4001"))
	if n := w.g.flows.Len(); n > 50 {
		t.Errorf("%d flows in a table of 50", n)
	}
}

// TestAVanishedFlowsTuple: what a flow alone would have let in is dropped once
// it is gone, be it replayed to the letter.
func TestAVanishedFlowsTuple(t *testing.T) {
	w := underAttack(t, Options{})
	w.connected()
	reply := ack(victimSSH, clientSSH)
	w.want("forwarded", "victim", reply)
	w.want("forwarded", "client", tcpPacket(clientSSH, victimSSH, header.TCPFlagFin|header.TCPFlagAck))
	w.want("forwarded", "victim", tcpPacket(victimSSH, clientSSH, header.TCPFlagFin|header.TCPFlagAck))
	w.pass(121 * time.Second)
	w.want("no_egress_rule", "victim", reply)
	w.want("no_egress_rule", "victim", synAck(victimSSH, clientSSH))
	w.want("forwarded", "client", ack(clientSSH, victimSSH)) // rules admit this direction, SYN or not
	w.want("forwarded", "victim", reply)                     // and then its answers
}

// TestMartianSources: none of these may come in, whatever the source check says.
func TestMartianSources(t *testing.T) {
	w := underAttack(t, Options{})
	for _, src := range []string{"127.0.0.1:53", "224.0.0.1:53", "255.255.255.255:53", "0.0.0.0:53"} {
		w.want("martian_source", "attacker", udpPacket(src, "10.0.1.20:53"))
	}
	for _, src := range []string{"[::1]:80", "[ff02::1]:80", "[::]:80"} {
		w.want("martian_source", "attacker", syn(src, "[fd00:10:0:1::20]:80"))
	}
}

// TestDisguises has packets that rules alone would let in, because of what they
// seem to be: each has a plain packet beside it, which is how a filter without
// the check would read it, and which passes.
func TestDisguises(t *testing.T) {
	const from, victim = "10.0.1.67", "10.0.1.20"
	const from6, victim6 = "fd00:10:0:1::67", "fd00:10:0:1::20"
	plain := syn(from+":4000", victim+":80")
	plain6 := syn("["+from6+"]:4000", "["+victim6+"]:80")
	segment6 := plain6[header.IPv6MinimumSize:]
	via := addr("fd00:10:0:1::10").As16() // where the routing header sends it
	routing := func(kind, left byte) []byte {
		return append([]byte{uint8(header.TCPProtocolNumber), 2, kind, left, 0, 0, 0, 0}, via[:]...)
	}
	empty := func(next uint8) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} } // of options
	const destination, hopByHop, route, tcp = 60, 0, 43, 6
	for name, c := range map[string]struct {
		seems, is []byte
		reason    string
	}{
		"a loose source route, past the one that is judged": {plain, withOptions(plain, 131, 7, 4, 10, 0, 1, 10, 0), "source_route"},
		"a strict one":                            {plain, withOptions(plain, 137, 7, 4, 10, 0, 1, 10, 0), "source_route"},
		"an option that ends past the header":     {plain, withOptions(plain, 7, 40, 4, 0), "bad_options"},
		"a routing header of type 0":              {plain6, chain6(plain6, route, routing(0, 1), segment6), "routing_header"},
		"one of any type with a stop left":        {plain6, chain6(plain6, route, routing(4, 1), segment6), "routing_header"},
		"ports behind a misplaced hop-by-hop":     {plain6, chain6(plain6, destination, empty(hopByHop), empty(tcp), segment6), "hop_by_hop_misplaced"},
		"ports behind more headers than are read": {plain6, chain6(plain6, destination, bytes.Repeat(empty(destination), 8), empty(tcp), segment6), "extensions_too_long"},
		"a header that runs past the packet":      {plain6, chain6(plain6, destination, []byte{tcp, 200, 1, 4, 0, 0, 0, 0}, segment6), "extensions_overflow"},
		"a SYN that is a FIN to others":           {plain, tcpPacket(from+":4001", victim+":80", header.TCPFlagSyn|header.TCPFlagFin), "bad_tcp_flags"},
		"a segment without any flag":              {plain, tcpPacket(from+":4002", victim+":80", 0), "bad_tcp_flags"},
		"a datagram longer than it says":          {udpPacket(from+":1", victim+":53", 1, 2, 3, 4), lying(udpPacket(from+":1", victim+":53", 1, 2, 3, 4)), "bad_length"},
		"half a header":                           {plain, cutShort(plain, header.IPv4MinimumSize+12), "truncated"},
	} {
		t.Run(name, func(t *testing.T) {
			w := underAttack(t, Options{})
			w.want("forwarded", "mallory", c.seems)
			w.arrived("victim")
			w.want(c.reason, "mallory", c.is)
			if got := w.arrived("victim"); got != nil {
				t.Errorf("the victim gets %x", got)
			}
		})
	}
}

// withOptions puts options into an IPv4 packet, padded to whole words.
func withOptions(packet []byte, options ...byte) []byte {
	for len(options)%4 != 0 {
		options = append(options, 0)
	}
	b := append(bytes.Clone(packet[:header.IPv4MinimumSize]), options...)
	b = append(b, packet[header.IPv4MinimumSize:]...)
	h := header.IPv4(b)
	h.SetHeaderLength(uint8(header.IPv4MinimumSize + len(options)))
	h.SetTotalLength(uint16(len(b)))
	return withTTL(b, 64) // and the checksum
}

// chain6 puts headers between an IPv6 packet's header and its segment.
func chain6(packet []byte, first uint8, parts ...[]byte) []byte {
	b := bytes.Clone(packet[:header.IPv6MinimumSize])
	b[6] = first
	for _, p := range parts {
		b = append(b, p...)
	}
	header.IPv6(b).SetPayloadLength(uint16(len(b) - header.IPv6MinimumSize))
	return b
}

// lying shortens what a UDP datagram of IPv4 says of its length.
func lying(packet []byte) []byte {
	u := header.UDP(packet[header.IPv4MinimumSize:])
	u.SetLength(uint16(len(u) - 2))
	return packet
}

// cutShort cuts an IPv4 packet off, and says so in its header.
func cutShort(packet []byte, length int) []byte {
	b := bytes.Clone(packet[:length])
	header.IPv4(b).SetTotalLength(uint16(length))
	return withTTL(b, 64)
}
