package metrics

import (
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/goleak"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/tun"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// twoVPCs has ids of its own, so that they can stand in a golden file.
const twoVPCs = `
vpcs:
  - {name: blue, id: vpc-0000000000000000b, cidr: 10.0.0.0/16}
  - {name: green, id: vpc-0000000000000000c, cidr: 10.0.0.0/16}
subnets:
  - {name: blue, vpc: blue, cidr: 10.0.1.0/24}
  - {name: green, vpc: green, cidr: 10.0.1.0/24}
security_groups:
  - {name: web, vpc: blue, ingress: [{type: HTTPS, source: 203.0.113.0/24}]}
  - {name: db, vpc: blue, ingress: [{type: MySQL/Aurora, source: web}], egress: []}
instances:
  - {name: web, subnet: blue, address: 10.0.1.10, security_groups: [web]}
  - {name: db, subnet: blue, address: 10.0.1.20, security_groups: [db]}
  - {name: web-green, subnet: green, address: 10.0.1.10}
hosts:
  - {name: laptop, vpc: blue, address: 203.0.113.10}
`

// world is a gateway with in-memory devices, a manual clock and one worker.
type world struct {
	t     *testing.T
	clock atomic.Int64
	g     *gateway.Gateway
	ids   map[string]string // of endpoints, by name
	devs  map[string]*device
	sent  map[string]uint64 // packets, by endpoint
}

// device is one that can be broken.
type device struct {
	*tun.Memory
	broken atomic.Bool
}

func (d *device) ReadFrame(buf []byte) (int, error) {
	if d.broken.Load() {
		return 0, errors.New("deleted")
	}
	return d.Memory.ReadFrame(buf)
}

func newWorld(t *testing.T, o gateway.Options) *world {
	t.Helper()
	w := &world{t: t, ids: make(map[string]string), devs: make(map[string]*device), sent: make(map[string]uint64)}
	o.Now, o.Workers = w.clock.Load, 1
	var err error
	if w.g, err = gateway.New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.g.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

// apply puts a configuration in force and attaches what has no device yet.
func (w *world) apply(content string) {
	w.t.Helper()
	cfg, err := config.Parse([]byte(content), config.Source{Path: "f.yaml"})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range cfg.Endpoints {
		w.ids[e.Name] = e.ID
		if w.devs[e.Name] == nil {
			w.attach(e.Name)
		}
	}
	if err := w.g.Apply(filter.Compile(cfg.Resources)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) attach(name string) {
	w.t.Helper()
	memory, err := tun.NewMemory(name, 9001)
	if err != nil {
		w.t.Fatal(err)
	}
	w.devs[name], w.sent[name] = &device{Memory: memory}, 0
	if _, err := w.g.Attach(w.ids[name], w.devs[name]); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) detach(name string) {
	w.t.Helper()
	if err := w.g.Detach(w.ids[name]); err != nil {
		w.t.Fatal(err)
	}
}

// port returns an endpoint's port.
func (w *world) port(name string) *gateway.Port { return w.g.Port(w.ids[name]) }

// send sends a packet from an endpoint, and returns once it is judged.
func (w *world) send(from string, packet []byte) {
	w.t.Helper()
	if err := w.devs[from].Send(packet); err != nil {
		w.t.Fatal(err)
	}
	w.sent[from]++
	w.await("the packet", func() bool { return w.port(from).Counters().Received == w.sent[from] })
}

// open sends the first segment of a connection.
func (w *world) open(from, src, dst string, srcPort, dstPort layers.TCPPort) {
	w.t.Helper()
	w.send(from, tcp(w.t, src, dst, func(s *layers.TCP) { s.SrcPort, s.DstPort, s.SYN = srcPort, dstPort, true }))
}

// connect does so, and has the other end answer: such a flow yields to no other.
func (w *world) connect(from, src, to, dst string, port layers.TCPPort) {
	w.t.Helper()
	w.open(from, src, dst, 40000, port)
	w.send(to, tcp(w.t, dst, src, func(s *layers.TCP) { s.SrcPort, s.DstPort, s.SYN, s.ACK, s.Ack = port, 40000, true, true, 2 }))
	w.send(from, tcp(w.t, src, dst, func(s *layers.TCP) { s.SrcPort, s.DstPort, s.ACK, s.Seq, s.Ack = 40000, port, true, 2, 2 }))
}

// shatter deletes an endpoint's device under the gateway.
func (w *world) shatter(name string) {
	w.t.Helper()
	w.devs[name].broken.Store(true)
	if err := w.devs[name].Send([]byte{0}); err != nil {
		w.t.Fatal(err)
	}
	w.await("the worker to notice", w.port(name).Gone)
}

func (w *world) await(what string, happened func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !happened(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// tcp makes a segment, of a connection that carries no data, from port 40000 on.
func tcp(t *testing.T, src, dst string, change func(*layers.TCP)) []byte {
	t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP,
		SrcIP: netip.MustParseAddr(src).AsSlice(), DstIP: netip.MustParseAddr(dst).AsSlice()}
	segment := &layers.TCP{Seq: 1, Window: 65535}
	change(segment)
	if err := segment.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, segment); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withTraffic is a world in which every kind of fate has come up.
func withTraffic(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, gateway.Options{MaxFlows: 1000})
	w.apply(twoVPCs)
	w.connect("laptop", "203.0.113.10", "web", "10.0.1.10", 443)
	w.open("laptop", "203.0.113.10", "10.0.1.10", 40000, 22) // no ingress rule
	w.open("web", "10.0.1.10", "10.0.1.20", 40000, 3306)     // forwarded
	w.open("web", "10.0.1.10", "10.0.1.20", 40000, 80)       // no ingress rule
	w.open("web", "10.0.1.99", "10.0.1.20", 40000, 3306)     // source check
	w.open("web", "10.0.1.10", "10.0.1.1", 40000, 80)        // local
	w.open("db", "10.0.1.20", "203.0.113.10", 40000, 443)    // no egress rule
	w.open("web-green", "10.0.1.10", "10.0.1.20", 40000, 443)
	w.await("the router's answer", func() bool { return w.port("web").Counters().Sent == 3 })
	return w
}

// scrape returns what m tells, in Prometheus's text format.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}
