package gateway

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/stack"
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

// TestABlockedSYNEndsNothing: the tuple of a connection that is over is free for
// a new one only if that is let in.
func TestABlockedSYNEndsNothing(t *testing.T) {
	w := pair(t, Options{}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
	const client, server = "10.0.1.10:4000", "10.0.1.20:80"
	w.want("forwarded", "client", syn(client, server))
	w.want("forwarded", "server", synAck(server, client))
	w.want("forwarded", "client", tcpPacket(client, server, header.TCPFlagRst|header.TCPFlagAck))
	w.group("server").Ingress = nil
	w.apply()
	w.want("no_ingress_rule", "client", syn(client, server))
	w.want("forwarded", "server", ack(server, client)) // what trails behind
	w.group("server").Ingress = []vpc.Rule{all("client")}
	w.apply()
	w.want("forwarded", "client", syn(client, server))
	if f := w.g.FlowInfos(); len(f) != 1 || f[0].State != "SYN_SENT" {
		t.Errorf("flows %+v, want a new one", f)
	}
}

// TestWhatNeverArrivesEndsNothing has the receiver's end forget a connection and
// drop what would end it.
func TestWhatNeverArrivesEndsNothing(t *testing.T) {
	const client, server = "10.0.1.10:4000", "10.0.1.20:80"
	fin := header.TCPFlagFin | header.TCPFlagAck
	for name, flags := range map[string]header.TCPFlags{"RST": header.TCPFlagRst | header.TCPFlagAck, "FIN": fin} {
		w := pair(t, Options{}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{TCPEstablished: 60 * second})
		w.want("forwarded", "client", syn(client, server))
		w.want("forwarded", "server", synAck(server, client))
		w.want("forwarded", "client", ack(client, server))
		w.pass(60 * second)
		w.group("server").Ingress = nil
		w.apply()
		w.want("no_ingress_rule", "client", segment(client, server, flags, isn+2, isn+1))
		if f := w.g.FlowInfos(); len(f) != 1 || f[0].State != "ESTABLISHED" || f[0].Tracked != [2]bool{true, false} {
			t.Errorf("after a %s that never arrived: %+v", name, f)
		}
	}
	// The same for a connection that is picked up at its end.
	w := pair(t, Options{}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
	w.group("server").Ingress = nil
	w.apply()
	w.want("no_ingress_rule", "client", tcpPacket(client, server, fin))
	w.group("server").Ingress = []vpc.Rule{all("client")}
	w.apply()
	w.want("forwarded", "client", ack(client, server))
	w.want("forwarded", "server", tcpPacket(server, client, fin))
	if f := w.g.FlowInfos(); len(f) != 1 || f[0].State != "FIN_WAIT" {
		t.Errorf("after one FIN that arrived: %+v", f)
	}
}

// TestConnectionsThatAreOlder go on where rules admit the client's direction,
// whatever segment of them is the first to be seen.
func TestConnectionsThatAreOlder(t *testing.T) {
	const client, server = "10.0.1.10:4000", "10.0.1.20:80"
	for name, segments := range map[string][2][]byte{
		"a keepalive":                 {segment(client, server, header.TCPFlagAck, 4999, 9000), segment(server, client, header.TCPFlagAck, 9000, 5000)},
		"what the server has already": {segment(client, server, header.TCPFlagAck, 5000, 9000, 'x'), segment(server, client, header.TCPFlagAck, 9000, 60_000)},
		"an ACK from a closed window": {offering(segment(client, server, header.TCPFlagAck, 5000, 9000), 0), segment(server, client, header.TCPFlagAck, 39_000, 5000, 'x')},
	} {
		w := pair(t, Options{}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
		for range 3 {
			w.want("forwarded", "client", segments[0])
			if got := w.send("server", segments[1]); got != "forwarded" {
				t.Errorf("%s: the answer is %s", name, got)
			}
		}
	}
}

// offering changes the window that an IPv4 segment offers.
func offering(packet []byte, window uint16) []byte {
	h := header.TCP(packet[header.IPv4MinimumSize:])
	was := h.WindowSize()
	h.SetWindowSize(window)
	h.SetChecksum(^checksum.Combine(^h.Checksum(), checksum.Combine(^was, window)))
	return packet
}

// TestANewConnectionOnTheTupleOfALostOne: both machines have lost it, and the
// gateway has not seen that. The server's answer shows it.
func TestANewConnectionOnTheTupleOfALostOne(t *testing.T) {
	const client, server = "10.0.1.10:700", "10.0.1.20:80"
	synAckTo := func(ack uint32) []byte {
		return segment(server, client, header.TCPFlagSyn|header.TCPFlagAck, 3_000_000_000, ack)
	}
	// The server's end alone may know nothing of it any more.
	w := pair(t, Options{}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{TCPEstablished: 60 * second})
	w.want("forwarded", "client", syn(client, server))
	w.want("forwarded", "server", synAck(server, client))
	w.want("forwarded", "client", ack(client, server))
	w.pass(time.Hour)
	w.want("forwarded", "client", segment(client, server, header.TCPFlagSyn, 2_000_000_000, 0))
	w.want("forwarded", "server", synAckTo(2_000_000_001))

	w = pair(t, Options{}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
	w.want("forwarded", "client", syn(client, server))
	w.want("forwarded", "server", synAck(server, client))
	w.want("forwarded", "client", ack(client, server))
	w.pass(time.Hour)
	w.want("forwarded", "client", segment(client, server, header.TCPFlagSyn, 2_000_000_000, 0))
	w.want("forwarded", "server", ack(server, client))             // the old one is not over yet
	w.want("tcp_out_of_window", "server", synAckTo(2_000_000_002)) // not the answer
	w.want("forwarded", "server", synAckTo(2_000_000_001))
	w.want("forwarded", "client", segment(client, server, header.TCPFlagAck, 2_000_000_001, 3_000_000_001))
	if f := w.g.FlowInfos(); len(f) != 1 || f[0].State != "ESTABLISHED" || f[0].Src.Port() != 700 {
		t.Errorf("flows %+v, want the new connection's", f)
	}
	w.want("tcp_out_of_window", "server", ack(server, client)) // now it is

	// A SYN that no rule admits is no attempt.
	w.group("server").Ingress = nil
	w.apply()
	w.want("tcp_out_of_window", "client", segment(client, server, header.TCPFlagSyn, 1_000_000_000, 0))
	w.want("tcp_out_of_window", "server", synAckTo(1_000_000_001))
}

// TestHostsHaveNoFlows: between two machines without groups nothing is asked.
func TestHostsHaveNoFlows(t *testing.T) {
	w := tiers(t)
	w.want("forwarded", "laptop", syn("203.0.113.10:4000", "198.51.100.7:80"))
	if n := len(w.g.FlowInfos()); n != 0 {
		t.Errorf("%d flows, want none", n)
	}
}

// TestWindowsFollowThePackets: payloads, scales and super-packets.
func TestWindowsFollowThePackets(t *testing.T) {
	const client, server = "10.0.1.10:4000", "10.0.1.20:80"
	for _, scaled := range []bool{false, true} {
		w := pair(t, Options{}, vpc.ConnectionTracking{}, vpc.ConnectionTracking{})
		open, accept := syn(client, server), synAck(server, client)
		if scaled {
			open, accept = withScale(open, 7), withScale(accept, 7)
		}
		w.want("forwarded", "client", open)
		w.want("forwarded", "server", accept)
		w.want("forwarded", "client", segment(client, server, header.TCPFlagAck, isn+1, isn+1, make([]byte, 1000)...))
		w.want("forwarded", "server", segment(server, client, header.TCPFlagAck, isn+1, isn+1001))
		w.want("no_egress_rule", "server", udpPacket("10.0.1.20:80", "10.0.1.10:4000")) // nothing but the flow lets it answer
		w.want("tcp_out_of_window", "server", segment(server, client, header.TCPFlagAck, isn+1, isn+1002))
		want := "tcp_out_of_window"
		if scaled {
			want = "forwarded"
		}
		w.want(want, "server", segment(server, client, header.TCPFlagAck, isn+1+500_000, isn+1001, 'x'))
	}
}

// withScale adds a window scale option to a SYN of IPv4.
func withScale(packet []byte, scale uint8) []byte {
	var p stack.Packet
	p.Parse(packet)
	t := append(bytes.Clone(packet[p.HeaderLen:p.PayloadStart]), header.TCPOptionNOP, header.TCPOptionWS, header.TCPOptionWSLength, scale)
	h := header.TCP(t)
	h.SetDataOffset(header.TCPMinimumSize + 4)
	h.SetChecksum(0)
	h.SetChecksum(^checksum.Checksum(t, pseudo(header.TCPProtocolNumber, p.Src, p.Dst, len(t))))
	return ipPacket(p.Src, p.Dst, uint8(header.TCPProtocolNumber), t)
}
