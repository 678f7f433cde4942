package flowlog

import (
	"strings"
	"testing"

	"github.com/gopacket/gopacket/layers"

	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

const whoAndWhat = "${interface-id} ${flow-direction} ${srcaddr} ${dstaddr} ${protocol} ${dstport} ${packets} ${action}"

// The two instances of these tests, and a host. a is in a group that lets TCP 80
// in and all but UDP out; b lets all pass.
const (
	a, aAddr = "eni-aaaaaaaaaaaaaaaaa", "10.0.0.5"
	b, bAddr = "eni-bbbbbbbbbbbbbbbbb", "10.0.1.6"
	h, hAddr = "host-h", "203.0.113.9"
)

func pair(t *testing.T, logs ...Log) *world {
	t.Helper()
	in := []vpc.Rule{rule(vpc.TCP, 80, 80, "0.0.0.0/0")}
	out := []vpc.Rule{rule(vpc.TCP, 0, 65535, "0.0.0.0/0"), rule(vpc.ICMP, vpc.Any, vpc.Any, "0.0.0.0/0")}
	return newWorld(t, resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", in, out,
		instance(a, aAddr, "10.0.0.55", "2001:db8:1234:a102::5"), neighbour(b, bAddr), host(h, hAddr)), Options{}, logs...)
}

func TestWhatIsRecordedOfEachVerdict(t *testing.T) {
	for _, c := range []struct {
		name, from string
		packet     []byte
		want       []string
	}{
		{"admitted", b, tcp(t, bAddr+":1000", aAddr+":80", syn, 60),
			[]string{b + " egress 10.0.1.6 10.0.0.5 6 80 1 ACCEPT", a + " ingress 10.0.1.6 10.0.0.5 6 80 1 ACCEPT"}},
		{"kept out by the receiver", b, tcp(t, bAddr+":1000", aAddr+":22", syn, 60),
			[]string{b + " egress 10.0.1.6 10.0.0.5 6 22 1 ACCEPT", a + " ingress 10.0.1.6 10.0.0.5 6 22 1 REJECT"}},
		{"kept in by the sender", a, udp(t, aAddr+":1000", bAddr+":53", 60), []string{a + " egress 10.0.0.5 10.0.1.6 17 53 1 REJECT"}},
		{"from a host", h, tcp(t, hAddr+":1000", aAddr+":80", syn, 60), []string{a + " ingress 203.0.113.9 10.0.0.5 6 80 1 ACCEPT"}},
		{"from a host, kept out", h, tcp(t, hAddr+":1000", aAddr+":22", syn, 60), []string{a + " ingress 203.0.113.9 10.0.0.5 6 22 1 REJECT"}},
		{"to a host", a, tcp(t, aAddr+":1000", hAddr+":443", syn, 60), []string{a + " egress 10.0.0.5 203.0.113.9 6 443 1 ACCEPT"}},
		{"to nobody", a, tcp(t, aAddr+":1000", "10.0.0.99:443", syn, 60), []string{a + " egress 10.0.0.5 10.0.0.99 6 443 1 ACCEPT"}},
		{"to nobody, kept in", a, udp(t, aAddr+":1000", "10.0.0.99:53", 60), []string{a + " egress 10.0.0.5 10.0.0.99 17 53 1 REJECT"}},
		{"secondary address", b, tcp(t, bAddr+":1000", "10.0.0.55:80", syn, 60),
			[]string{b + " egress 10.0.1.6 10.0.0.55 6 80 1 ACCEPT", a + " ingress 10.0.1.6 10.0.0.5 6 80 1 ACCEPT"}},
		{"no hop left", a, hops(tcp(t, aAddr+":1000", bAddr+":80", syn, 60), 1), []string{a + " egress 10.0.0.5 10.0.1.6 6 80 1 ACCEPT"}},
		{"an unknown protocol", b, ip(t, addrs(bAddr)[0], addrs(hAddr)[0], layers.IPProtocolGRE, &layers.GRE{}, 4, 40),
			[]string{b + " egress 10.0.1.6 203.0.113.9 47 0 1 ACCEPT"}},

		{"in another's name", a, tcp(t, "10.0.0.66:1000", bAddr+":80", syn, 60), nil},
		{"to itself", a, tcp(t, aAddr+":80", aAddr+":80", syn, 60), nil},
		{"multicast", a, tcp(t, aAddr+":1000", "224.0.0.1:80", syn, 60), nil},
		{"broadcast", a, tcp(t, aAddr+":1000", "255.255.255.255:80", syn, 60), nil},
		{"malformed", a, tcp(t, aAddr+":1000", bAddr+":80", syn|fin, 60), nil},
		{"the router", a, ping(t, aAddr, "10.0.0.1", false, 84), nil},
		{"Amazon DNS", a, udp(t, aAddr+":1000", "10.0.0.2:53", 60), nil},
		{"Amazon DNS, link-local", a, udp(t, aAddr+":1000", "169.254.169.253:53", 60), nil},
		{"instance metadata", a, tcp(t, aAddr+":1000", "169.254.169.254:80", syn, 60), nil},
		{"time sync", a, udp(t, aAddr+":1000", "169.254.169.123:123", 76), nil},
		{"licence activation", a, tcp(t, aAddr+":1000", "169.254.169.250:1688", syn, 60), nil},
		{"DHCP", a, udp(t, "0.0.0.0:68", "255.255.255.255:67", 300), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := pair(t, logOf("").in(t, whoAndWhat))
			w.send(c.from, c.packet)
			wantLines(t, w.written(), c.want...)
		})
	}
}

// hops leaves a packet that many.
func hops(packet []byte, n uint8) []byte {
	packet[8], packet[10], packet[11] = n, 0, 0
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(packet[i])<<8 | uint32(packet[i+1])
	}
	sum = ^(sum + sum>>16)
	packet[10], packet[11] = byte(sum>>8), byte(sum)
	return packet
}

// TestAClosedConnectionsPackets is AWS's "packets arrived after the connection
// was closed": the reply that the client's group lets in by its flow alone.
func TestAClosedConnectionsPackets(t *testing.T) {
	w := pair(t, logOf(a).in(t, whoAndWhat+" ${tcp-flags}"))
	w.send(a, tcp(t, aAddr+":1000", bAddr+":443", syn, 60))
	w.sync()
	w.send(b, tcp(t, bAddr+":443", aAddr+":1000", syn|ack, 60))
	w.sync()
	w.send(a, tcp(t, aAddr+":1000", bAddr+":443", rst, 40))
	w.sync()
	w.clock.Add(3600e9)
	w.send(b, tcp(t, bAddr+":443", aAddr+":1000", ack, 60))
	wantLines(t, w.written(),
		a+" egress 10.0.0.5 10.0.1.6 6 443 2 ACCEPT 6",
		a+" ingress 10.0.1.6 10.0.0.5 6 1000 1 ACCEPT 18",
		a+" ingress 10.0.1.6 10.0.0.5 6 1000 1 REJECT 0")
}

// TestRefusedByTheSendersWindow has a segment that the flow's windows and the
// sender's rules refuse.
func TestRefusedByTheSendersWindow(t *testing.T) {
	res := resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", everything(), nil, instance(a, aAddr), neighbour(b, bAddr))
	w := newWorld(t, res, Options{}, logOf("").in(t, whoAndWhat))
	w.send(b, tcp(t, bAddr+":1000", aAddr+":80", syn, 60))
	w.sync()
	w.send(a, tcp(t, aAddr+":80", bAddr+":1000", syn|ack, 60))
	w.sync()
	w.send(a, ip(t, addrs(aAddr)[0], addrs(bAddr)[0], layers.IPProtocolTCP,
		&layers.TCP{SrcPort: 80, DstPort: 1000, Seq: 1 << 30, Ack: 1001, ACK: true, Window: 65535}, 20, 60))
	wantLines(t, w.written(),
		b+" egress 10.0.1.6 10.0.0.5 6 80 1 ACCEPT", a+" ingress 10.0.1.6 10.0.0.5 6 80 1 ACCEPT",
		a+" egress 10.0.0.5 10.0.1.6 6 1000 1 ACCEPT", b+" ingress 10.0.0.5 10.0.1.6 6 1000 1 ACCEPT",
		a+" egress 10.0.0.5 10.0.1.6 6 1000 1 REJECT")
}

// TestMidstream has a segment of a connection that nobody has seen begin, where
// such are dropped: REJECT at the first interface on its way.
func TestMidstream(t *testing.T) {
	tracked := []vpc.Rule{rule(vpc.TCP, 80, 80, "10.0.0.0/8"), rule(vpc.TCP, 80, 80, "203.0.113.0/24")}
	res := resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", tracked, everything(), instance(a, aAddr), neighbour(b, bAddr), host(h, hAddr))
	w := newWorldOf(t, gateway.Options{DropMidstreamTCP: true}, res, Options{}, logOf("").in(t, whoAndWhat))
	w.send(b, tcp(t, bAddr+":1000", aAddr+":80", ack, 60))
	w.send(h, tcp(t, hAddr+":1000", aAddr+":80", ack, 60))
	wantLines(t, w.written(), b+" egress 10.0.1.6 10.0.0.5 6 80 1 REJECT", a+" ingress 203.0.113.9 10.0.0.5 6 80 1 REJECT")
}

// TestWhatIsKeptInTakesNoPath looks at the traffic-path.
func TestWhatIsKeptInTakesNoPath(t *testing.T) {
	w := pair(t, logOf(a).in(t, "${dstaddr} ${protocol} ${action} ${traffic-path}"))
	w.send(a, udp(t, aAddr+":1000", hAddr+":53", 60), tcp(t, aAddr+":1", hAddr+":1", syn, 60), tcp(t, aAddr+":1", bAddr+":1", syn, 60),
		tcp(t, aAddr+":1", "10.0.0.99:1", syn, 60))
	wantLines(t, w.written(), hAddr+" 17 REJECT -", hAddr+" 6 ACCEPT 8", bAddr+" 6 ACCEPT 1", "10.0.0.99 6 ACCEPT -")
}

// TestHostsAreNotCollected spares the memory for what gets no record.
func TestHostsAreNotCollected(t *testing.T) {
	w := pair(t, logOf(""))
	w.send(h, udp(t, hAddr+":1", "10.0.1.99:1", 60), tcp(t, hAddr+":1", aAddr+":80", syn, 60))
	w.send(a, tcp(t, aAddr+":1", hAddr+":80", syn, 60))
	w.sync()
	flows := 0
	for i := range w.m.collector.shards {
		for k := range w.m.collector.shards[i].flows {
			flows++
			if k.in != nil && k.in.ID() == h || k.out != nil && k.out.ID() == h {
				t.Errorf("collected: %+v", k)
			}
		}
	}
	if flows != 2 {
		t.Errorf("%d flows are collected, want 2", flows)
	}
}

// TestWhatNoLogIsAboutIsNotCollected spares the memory.
func TestWhatNoLogIsAboutIsNotCollected(t *testing.T) {
	w := pair(t, logOf(a))
	w.send(b, udp(t, bAddr+":1", hAddr+":1", 60), udp(t, bAddr+":1", "10.0.1.99:1", 60)) // not a
	w.send(h, udp(t, hAddr+":1", "10.0.1.99:1", 60), udp(t, hAddr+":1", bAddr+":1", 60)) // nor these
	w.sync()
	for i := range w.m.collector.shards {
		for k := range w.m.collector.shards[i].flows {
			t.Errorf("collected: %+v", k)
		}
	}
	w.send(b, tcp(t, bAddr+":1", aAddr+":80", syn, 60))
	w.send(h, tcp(t, hAddr+":1", aAddr+":80", syn, 60))
	w.sync()
	for i := range w.m.collector.shards {
		for k := range w.m.collector.shards[i].flows {
			if k.in != nil || k.out.ID() != a {
				t.Errorf("collected: %+v", k)
			}
		}
	}
}

// TestOutsideTheWindow has a segment that the flow's windows and the receiver's
// rules refuse.
func TestOutsideTheWindow(t *testing.T) {
	w := pair(t, logOf("").in(t, whoAndWhat))
	w.send(a, tcp(t, aAddr+":1000", bAddr+":443", syn, 60))
	w.sync()
	w.send(b, tcp(t, bAddr+":443", aAddr+":1000", syn|ack, 60))
	w.sync()
	w.send(a, tcp(t, aAddr+":1000", bAddr+":443", ack, 60))
	w.sync()
	far := ip(t, addrs(bAddr)[0], addrs(aAddr)[0], layers.IPProtocolTCP,
		&layers.TCP{SrcPort: 443, DstPort: 1000, Seq: 1 << 30, Ack: 1001, ACK: true, Window: 65535}, 20, 60)
	w.send(b, far)
	got := strings.Join(w.written(), "\n")
	for _, want := range []string{
		b + " egress 10.0.1.6 10.0.0.5 6 1000 2 ACCEPT", a + " ingress 10.0.1.6 10.0.0.5 6 1000 1 REJECT",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
}

// TestSuperPacketsCountAsTheirSegments sends 4,000 bytes of payload as three
// segments in one frame.
func TestSuperPacketsCountAsTheirSegments(t *testing.T) {
	w := pair(t, logOf(b).in(t, "${packets} ${bytes} ${flow-direction}"))
	w.send(b, tcp(t, bAddr+":1000", aAddr+":80", syn, 40))
	w.sync()
	super := tcp(t, bAddr+":1000", aAddr+":80", ack, 4040)
	frame := append(make([]byte, tun.HeaderLen), super...)
	tun.Header(frame).Encode(tun.NeedsChecksum, tun.GSOTCPv4, 40, 1460, 20, 16)
	w.sendFrame(b, 3, frame)
	wantLines(t, w.written(), "4 4160 egress") // 40 + 3*40 + 4000
}

// TestFragmentsCountAsTheyCame sends a datagram in two pieces, and one of which
// a piece is missing.
func TestFragmentsCountAsTheyCame(t *testing.T) {
	w := pair(t, logOf(a).in(t, whoAndWhat+" ${bytes}"))
	w.send(h, fragments(ping(t, hAddr, aAddr, false, 2028), 1480)...)
	w.send(a, fragments(ping(t, aAddr, bAddr, false, 2028), 1480)[0])
	for _, piece := range fragments(ping(t, aAddr, bAddr, false, 2028), 1480) {
		piece[5] = 9 // another datagram
		fixSum(piece)
		w.send(a, piece)
	}
	w.sent-- // the lonely piece is not judged yet
	wantLines(t, w.written(),
		a+" ingress 203.0.113.9 10.0.0.5 1 0 2 REJECT 2048",
		a+" egress 10.0.0.5 10.0.1.6 1 0 2 ACCEPT 2048")
}

// fragments cuts an IPv4 packet into pieces of that many bytes of payload.
func fragments(packet []byte, most int) (pieces [][]byte) {
	payload := packet[20:]
	for at := 0; at < len(payload); at += most {
		part := payload[at:min(len(payload), at+most)]
		piece := append(append([]byte{}, packet[:20]...), part...)
		piece[2], piece[3] = byte(len(piece)>>8), byte(len(piece))
		piece[6], piece[7] = byte(at/8>>8), byte(at/8)
		if at+most < len(payload) {
			piece[6] |= 0x20
		}
		fixSum(piece)
		pieces = append(pieces, piece)
	}
	return pieces
}

func fixSum(packet []byte) { hops(packet, packet[8]) }

// TestEveryReasonHasADecision lists what is recorded under which reason of the
// data path's, so that a new reason is thought about.
func TestEveryReasonHasADecision(t *testing.T) {
	recorded := map[string]bool{}
	for _, r := range strings.Fields("rule flow related write_failed no_egress_rule network_acl_egress no_ingress_rule network_acl_ingress " +
		"no_route ttl_exceeded ttl_exceeded_answered too_big too_big_answered flow_table_full conntrack_allowance_exceeded " +
		"tcp_midstream tcp_out_of_window icmp_error_about_nothing") {
		recorded[r] = true
	}
	// Of what became of packets before groups or ACLs were asked, or that AWS does
	// not record, or at hosts.
	unrecorded := map[string]bool{}
	for _, r := range strings.Fields("interface_not_compiled bad_offload land martian_source multicast broadcast source_check bad_transport_checksum " +
		"bad_neighbour_discovery linklocal_allowance_exceeded no_groups router_address service_address neighbour_discovery") {
		unrecorded[r] = true
	}
	for r := gateway.Reason(0); int(r) < gateway.Reasons; r++ {
		early := r < gateway.ReasonNotCompiled // the parser's, and pieces'
		if r.IsReason() && !early && recorded[r.String()] == unrecorded[r.String()] {
			t.Errorf("%s: recorded %v, unrecorded %v", r, recorded[r.String()], unrecorded[r.String()])
		}
		e := &gateway.Event{Reason: r}
		switch r {
		case gateway.ReasonOutOfWindow, gateway.ReasonICMPErrorAboutNothing, gateway.ReasonMidstream:
			continue // they ask the policy
		}
		if got := answered(e) != (verdict{}); r.IsReason() && got != (recorded[r.String()] && !early) {
			t.Errorf("%s: recorded %v", r, got)
		}
	}
}
