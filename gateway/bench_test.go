package gateway

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
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
	// As large as a worker's buffers: two workers' do not share a line of the cache.
	frame := make([]byte, tun.HeaderLen, tun.MaxFrame)
	s := &stream{in: w.gateway.view.Load().at(w.gateway.Port(from).slot), frame: append(frame, packet...)}
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

// benchPeers is two pairs of interfaces whose rules let one connect to all ports of the other.
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
			instance("client-2", []string{"10.0.1.11"}, "client"), instance("server-2", []string{"10.0.1.21"}, "server"),
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
	w := quiet(b, benchPeers(b), "client", "server")
	x := newExchange(b, w, newStream(w, "client", client, server, exchangePayload), newStream(w, "server", server, client, 0), flows)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%tun.BatchSize == 0 {
			x.w.reader.Enter()
		}
		if d := x.next(); d.reason != ReasonFlow {
			b.Fatal(d)
		}
	}
	x.w.reader.Leave()
}

// BenchmarkQueues is packets of established connections, a thousand a queue, from
// parse to decision: one worker's, or two workers' at once. It takes as many
// processors as queues; then a packet costs the half with two. Each queue is that of
// another pair of interfaces.
func BenchmarkQueues(b *testing.B) {
	for _, queues := range []int{1, 2} {
		b.Run(fmt.Sprintf("queues=%d", queues), func(b *testing.B) { benchQueues(b, queues) })
	}
}

func benchQueues(b *testing.B, queues int) {
	const flows = 1000
	first := quiet(b, benchPeers(b), "client", "server", "client-2", "server-2")
	pairs := [][2]string{{"client", "server"}, {"client-2", "server-2"}}
	addrs := [][2]string{{"10.0.1.10:1", "10.0.1.20:1"}, {"10.0.1.11:1", "10.0.1.21:1"}}
	var exchanges []*exchange
	for q := range queues {
		w := first
		if q > 0 {
			var err error
			if w, err = newWorker(first.gateway); err != nil {
				b.Fatal(err)
			}
			defer w.close()
		}
		there := newStream(w, pairs[q][0], addrs[q][0], addrs[q][1], exchangePayload)
		back := newStream(w, pairs[q][1], addrs[q][1], addrs[q][0], 0)
		exchanges = append(exchanges, newExchange(b, w, there, back, flows))
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for _, x := range exchanges {
		wg.Go(func() {
			for n := range b.N / queues {
				if n%tun.BatchSize == 0 {
					x.w.reader.Enter()
				}
				if d := x.next(); d.reason != ReasonFlow {
					b.Error(d)
					break
				}
			}
			x.w.reader.Leave()
		})
	}
	wg.Wait()
}

// exchange is many connections, established and tracked at both ends, that have
// their turn in random order: once with data of the client's, and once with the
// server's ACK of it.
type exchange struct {
	w           *worker
	v           *view
	there, back *stream
	ports       [][2]uint16
	seq         uint32 // of the client's next data
	at          int    // whose turn it is
	answers     bool   // it is the server's

	_ [128]byte // another's is not in the same line of the cache
}

const exchangePayload = 100

// newExchange establishes that many connections.
func newExchange(b *testing.B, w *worker, there, back *stream, flows int) *exchange {
	const payload = exchangePayload
	x := &exchange{
		w: w, v: w.gateway.view.Load(), there: there, back: back, seq: isn + payload + 1, ports: make([][2]uint16, flows),
	}
	for i := range x.ports {
		port := [2]uint16{uint16(1 + i/1000), uint16(1 + i%1000)}
		x.ports[i] = port
		x.there.set(port[0], port[1], header.TCPFlagSyn, isn, 0)
		x.there.judge(w, x.v)
		x.back.set(port[1], port[0], header.TCPFlagSyn|header.TCPFlagAck, isn, isn+payload+1)
		x.back.judge(w, x.v)
		x.there.set(port[0], port[1], header.TCPFlagAck, isn+payload+1, isn+1)
		if d := x.there.judge(w, x.v); d.fate != Forwarded || d.reason != ReasonFlow {
			b.Fatalf("the handshake's end is %v for reason %v", d.fate, d.reason)
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(flows, func(i, j int) { x.ports[i], x.ports[j] = x.ports[j], x.ports[i] })
	return x
}

// next judges the next connection's packet.
func (x *exchange) next() decision {
	port, s, seq, ack := x.ports[x.at], x.there, x.seq, uint32(isn+1)
	if x.answers {
		s, port[0], port[1], seq, ack = x.back, port[1], port[0], isn+1, x.seq+exchangePayload
	}
	s.set(port[0], port[1], header.TCPFlagAck, seq, ack)
	if x.at++; x.at == len(x.ports) {
		x.turn()
	}
	return s.judge(x.w, x.v)
}

// turn has the other end send, once all have had their turn.
func (x *exchange) turn() {
	if x.at = 0; x.answers {
		x.seq += exchangePayload
	}
	x.answers = !x.answers
}
