package gateway

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// stream is a direction of many connections between two machines: a frame that is
// each connection's in turn, as it is in a worker's buffer.
type stream struct {
	in    *attachment
	frame []byte
	tcp   header.TCP
}

func newStream(w *worker, from, src, dst string, payload int) *stream {
	packet := tcpPacket(src, dst, header.TCPFlagAck, make([]byte, payload)...)
	s := &stream{in: w.gateway.view.Load().at(w.gateway.Port(from).slot), frame: append(make([]byte, tun.HeaderLen), packet...)}
	start := len(packet) - payload - header.TCPMinimumSize
	// As the kernel hands it over: its checksum is to be completed.
	tun.Header(s.frame).Encode(tun.NeedsChecksum, tun.GSONone, 0, 0, uint16(start), tcpChecksumOffset)
	s.tcp = header.TCP(s.frame[tun.HeaderLen+start:])
	return s
}

// set makes the frame a segment of another connection.
func (s *stream) set(srcPort, dstPort uint16, flags header.TCPFlags, seq, ack uint32) {
	s.tcp.SetSourcePort(srcPort)
	s.tcp.SetDestinationPort(dstPort)
	s.tcp[header.TCPFlagsOffset] = uint8(flags)
	binary.BigEndian.PutUint32(s.tcp[4:], seq)
	binary.BigEndian.PutUint32(s.tcp[8:], ack)
}

func (s *stream) judge(w *worker, v *view) decision {
	a, d := w.admit(v, s.in, s.frame)
	if d.fate != Forwarded {
		return d
	}
	return w.decide(v, s.in, s.frame[tun.HeaderLen:], a)
}

// benchPeers is two interfaces whose rules let one connect to all ports of the other.
func benchPeers(b *testing.B) *vpc.Snapshot {
	s, err := vpc.New(vpc.Resources{
		VPCs:    []vpc.VPC{{ID: theVPC, CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")}},
		Subnets: []vpc.Subnet{{ID: theSubnet, VPCID: theVPC, CIDR: prefix("10.0.1.0/24"), IPv6CIDR: prefix("fd00:10:0:1::/64")}},
		SecurityGroups: []vpc.SecurityGroup{
			{ID: "sg-client", Name: "client", VPCID: theVPC, Egress: []vpc.Rule{rule(vpc.TCP, 0, 65535, "server")}},
			{ID: "sg-server", Name: "server", VPCID: theVPC, Ingress: []vpc.Rule{rule(vpc.TCP, 0, 65535, "client")}},
		},
		Interfaces: []vpc.NetworkInterface{
			instance("client", []string{"10.0.1.10", "fd00:10:0:1::10"}, "client"), instance("server", []string{"10.0.1.20", "fd00:10:0:1::20"}, "server"),
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkHit is a packet of an established connection that both ends track, from
// parse to decision. All connections have their turn in random order, once with
// data of the client's and once with the server's ACK of it.
func BenchmarkHit(b *testing.B) {
	for _, family := range []struct{ name, client, server string }{
		{"IPv4", "10.0.1.10:1", "10.0.1.20:1"}, {"IPv6", "[fd00:10:0:1::10]:1", "[fd00:10:0:1::20]:1"},
	} {
		for _, flows := range []int{1, 1000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/flows=%d", family.name, flows), func(b *testing.B) { benchHit(b, family.client, family.server, flows) })
		}
	}
}

func benchHit(b *testing.B, client, server string, flows int) {
	const payload = 100
	w := quiet(b, benchPeers(b), "client", "server")
	v := w.gateway.view.Load()
	there, back := newStream(w, "client", client, server, payload), newStream(w, "server", server, client, 0)
	ports := make([][2]uint16, flows)
	for i := range ports {
		ports[i] = [2]uint16{uint16(1 + i/1000), uint16(1 + i%1000)}
		port := ports[i]
		there.set(port[0], port[1], header.TCPFlagSyn, isn, 0)
		there.judge(w, v)
		back.set(port[1], port[0], header.TCPFlagSyn|header.TCPFlagAck, isn, isn+payload+1)
		back.judge(w, v)
		there.set(port[0], port[1], header.TCPFlagAck, isn+payload+1, isn+1)
		if d := there.judge(w, v); d.fate != Forwarded || d.reason != ReasonFlow {
			b.Fatalf("the handshake's end is %v for reason %v", d.fate, d.reason)
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(flows, func(i, j int) { ports[i], ports[j] = ports[j], ports[i] })
	b.ReportAllocs()
	seq, i, data := uint32(isn+payload+1), 0, true
	for n := 0; b.Loop(); n++ {
		if n%32 == 0 { // a batch
			w.reader.Enter()
		}
		port, s := ports[i], there
		if data {
			there.set(port[0], port[1], header.TCPFlagAck, seq, isn+1)
		} else {
			s = back
			back.set(port[1], port[0], header.TCPFlagAck, isn+1, seq+payload)
		}
		if d := s.judge(w, v); d.reason != ReasonFlow {
			b.Fatal(d)
		}
		if i++; i == flows {
			if i = 0; !data {
				seq += payload
			}
			data = !data
		}
	}
	w.reader.Leave()
}
