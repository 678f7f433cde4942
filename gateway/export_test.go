package gateway

import (
	"fmt"
	"testing"

	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// supply is a device that always has the next of its packets, and takes all.
type supply struct {
	*tun.Memory
	frames [][]byte
	next   int
}

func (d *supply) ReadFrame(buf []byte) (int, error) {
	d.next = (d.next + 1) % len(d.frames)
	return copy(buf, d.frames[d.next]), nil
}

func (d *supply) WriteFrame([]byte) error { return nil }

// Supplied is a gateway that moves packets of a thousand live flows when a
// benchmark tells it to: batches of 64, UDP with that much payload.
type Supplied struct {
	Gateway *Gateway
	worker  *worker
	port    *Port
}

// NewSupplied returns one.
func NewSupplied(b *testing.B, payload int) *Supplied {
	snapshot, err := vpc.New(vpc.Resources{
		VPCs:    []vpc.VPC{{ID: theVPC, CIDR: prefix("10.0.0.0/16")}},
		Subnets: []vpc.Subnet{{ID: theSubnet, VPCID: theVPC, CIDR: prefix("10.0.1.0/24")}},
		SecurityGroups: []vpc.SecurityGroup{
			{ID: "sg-client", Name: "client", VPCID: theVPC, Egress: []vpc.Rule{all("server")}},
			{ID: "sg-server", Name: "server", VPCID: theVPC, Ingress: []vpc.Rule{all("client")}},
		},
		Interfaces: []vpc.NetworkInterface{instance("client", []string{"10.0.1.10"}, "client"), instance("server", []string{"10.0.1.20"}, "server")},
	})
	if err != nil {
		b.Fatal(err)
	}
	w := quiet(b, snapshot, "server")
	m, err := tun.NewMemory("client", DefaultMTU)
	if err != nil {
		b.Fatal(err)
	}
	d := &supply{Memory: m}
	for i := range 1000 {
		packet := udpPacket(fmt.Sprintf("10.0.1.10:%d", 1000+i), "10.0.1.20:53", make([]byte, payload)...)
		d.frames = append(d.frames, append(make([]byte, tun.HeaderLen), packet...))
	}
	s := &Supplied{Gateway: w.gateway, worker: w}
	if s.port, err = w.gateway.Attach("client", d); err != nil {
		b.Fatal(err)
	}
	s.Move(2 * len(d.frames))
	if n := w.gateway.Flows().Len(); n != len(d.frames) {
		b.Fatalf("%d flows, want %d", n, len(d.frames))
	}
	return s
}

// Move moves at least that many packets.
func (s *Supplied) Move(packets int) {
	v := s.worker.gateway.view.Load()
	in := v.at(s.port.slot)
	for ; packets > 0; packets -= tun.BatchSize {
		s.worker.reader.Enter()
		n, _ := s.worker.batch.Read(s.port.dev, tun.BatchSize)
		s.worker.move(v, in, n)
		s.worker.reader.Leave()
	}
}
