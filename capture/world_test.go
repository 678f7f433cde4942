package capture

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/pcapgo"
	"go.uber.org/goleak"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// epoch is when the clock of the test's gateway stood at 0.
var epoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// world is a gateway on in-memory devices and a manual clock: web may speak to
// everybody, db admits web's TCP 3306 and nothing else, and may say nothing.
type world struct {
	t     testing.TB
	g     *gateway.Gateway
	clock atomic.Int64
	res   vpc.Resources
	devs  map[string]*tun.Memory
	sent  map[string]uint64
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, devs: make(map[string]*tun.Memory), sent: make(map[string]uint64)}
	addr := netip.MustParseAddr
	nic := func(id, name, group string, addrs ...netip.Addr) vpc.NetworkInterface {
		return vpc.NetworkInterface{ID: id, Name: name, VPCID: "vpc-1", SubnetID: "subnet-1", SourceDestCheck: true, GroupIDs: []string{group}, Addresses: addrs}
	}
	w.res = vpc.Resources{
		VPCs:    []vpc.VPC{{ID: "vpc-1", Name: "main", CIDR: netip.MustParsePrefix("10.0.0.0/16"), IPv6CIDR: netip.MustParsePrefix("fd00:10::/56")}},
		Subnets: []vpc.Subnet{{ID: "subnet-1", VPCID: "vpc-1", CIDR: netip.MustParsePrefix("10.0.1.0/24"), IPv6CIDR: netip.MustParsePrefix("fd00:10:0:1::/64")}},
		SecurityGroups: []vpc.SecurityGroup{
			{ID: "sg-web", Name: "web", VPCID: "vpc-1", Egress: []vpc.Rule{everything("sgr-web4", "0.0.0.0/0"), everything("sgr-web6", "::/0")}},
			{ID: "sg-db", Name: "data base", VPCID: "vpc-1", Ingress: []vpc.Rule{
				{ID: "sgr-db", Protocol: vpc.TCP, FromPort: 3306, ToPort: 3306, Peer: vpc.Peer{GroupID: "sg-web"}},
			}},
		},
		Interfaces: []vpc.NetworkInterface{
			nic("eni-web", "web", "sg-web", addr("10.0.1.10"), addr("fd00:10:0:1::10")),
			nic("eni-db", "db", "sg-db", addr("10.0.1.20"), addr("fd00:10:0:1::20")),
		},
		Hosts: []vpc.Host{{ID: "host-1", Name: "laptop", VPCID: "vpc-1", Addresses: []netip.Addr{addr("203.0.113.10")}}},
	}
	g, err := gateway.New(gateway.Options{Now: w.clock.Load})
	if err != nil {
		t.Fatal(err)
	}
	w.g = g
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, id := range []string{"eni-web", "eni-db", "host-1"} {
		w.attach(id)
	}
	w.apply()
	return w
}

func everything(id, cidr string) vpc.Rule {
	return vpc.Rule{ID: id, Protocol: vpc.AllProtocols, FromPort: vpc.Any, ToPort: vpc.Any, Peer: vpc.Peer{CIDR: netip.MustParsePrefix(cidr)}}
}

func (w *world) attach(id string) {
	w.t.Helper()
	dev, err := tun.NewMemory(id, 9001)
	if err == nil {
		_, err = w.g.Attach(id, dev)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.devs[id], w.sent[id] = dev, 0
}

func (w *world) apply() {
	w.t.Helper()
	s, err := vpc.New(w.res)
	if err == nil {
		err = w.g.Apply(filter.Compile(s))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// send sends packets from an interface, and waits until all are judged.
func (w *world) send(from string, packets ...[]byte) {
	w.t.Helper()
	for _, p := range packets {
		if err := w.devs[from].Send(p); err != nil {
			w.t.Fatal(err)
		}
	}
	w.sent[from] += uint64(len(packets))
	await(w.t, "the gateway to read", func() bool { return w.g.Port(from).Counters().Received == w.sent[from] })
	for id, dev := range w.devs {
		for len(dev.Received()) > 0 {
			<-w.devs[id].Received()
		}
	}
}

func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// tcp makes a SYN with a payload, udp a datagram; src and dst have ports.
func tcp(src, dst string, payload ...byte) []byte { return compose(vpc.TCP, src, dst, payload) }
func udp(src, dst string, payload ...byte) []byte { return compose(vpc.UDP, src, dst, payload) }

func compose(p vpc.Protocol, src, dst string, payload []byte) []byte {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return stack.Compose(stack.Composition{
		Src: s.Addr(), Dst: d.Addr(), SrcPort: s.Port(), DstPort: d.Port(), Protocol: uint8(p), Payload: payload, Window: 1000,
	})
}

func ping(src, dst string) []byte {
	s := netip.MustParseAddr(src)
	c := stack.Composition{Src: s, Dst: netip.MustParseAddr(dst), Protocol: uint8(vpc.ICMP), ICMPType: 8, ICMPID: 7}
	if s.Is6() {
		c.Protocol, c.ICMPType = uint8(vpc.ICMPv6), 128
	}
	return stack.Compose(c)
}

// running is a capture that runs.
type running struct {
	t      testing.TB
	out    *output
	cancel context.CancelFunc
	done   chan error
}

// run starts a capture of all three interfaces, and returns once it watches.
func (w *world) run(o Options) *running {
	w.t.Helper()
	if o.Interfaces == nil {
		o.Interfaces = []string{"eni-web", "eni-db", "host-1"}
	}
	o.Epoch, o.Application = epoch, "sgate"
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: w.t, out: newOutput(), cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- Run(ctx, w.g, r.out, o) }()
	w.t.Cleanup(func() {
		cancel()
		r.out.open()
	})
	<-r.out.begun
	return r
}

// end ends the capture and returns what it has written.
func (r *running) end() *file {
	r.t.Helper()
	r.cancel()
	return r.ended()
}

// ended waits until the capture is at its end, and returns what it has written.
func (r *running) ended() *file {
	r.t.Helper()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		r.t.Fatal("the capture does not end")
	}
	return read(r.t, r.out.bytes())
}

// output is where a capture goes. While it is shut, writing waits.
type output struct {
	mu    sync.Mutex
	b     bytes.Buffer
	fail  error
	begun chan struct{} // closed at the first write
	gate  chan struct{} // what takes part in shut and open
	once  sync.Once
}

func newOutput() *output {
	o := &output{begun: make(chan struct{}), gate: make(chan struct{}, 1)}
	o.gate <- struct{}{}
	return o
}

func (o *output) shut() { <-o.gate }
func (o *output) open() {
	select {
	case o.gate <- struct{}{}:
	default:
	}
}

func (o *output) Write(p []byte) (int, error) {
	o.once.Do(func() { close(o.begun) })
	<-o.gate
	defer o.open()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return 0, o.fail
	}
	return o.b.Write(p)
}

func (o *output) bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.b.Bytes())
}

// file is a pcapng file, read by a reader that is not ours.
type file struct {
	section    pcapgo.NgSectionInfo
	interfaces []pcapgo.NgInterface
	packets    []packet
}

type packet struct {
	gopacket.CaptureInfo
	data []byte
	pcapgo.NgPacketOptions
}

func read(t testing.TB, b []byte) *file {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.NgReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f := &file{section: r.SectionInfo()}
	for {
		data, info, options, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		f.packets = append(f.packets, packet{info, data, options})
	}
	for i := range r.NInterfaces() {
		n, err := r.Interface(i)
		if err != nil {
			t.Fatal(err)
		}
		f.interfaces = append(f.interfaces, n)
	}
	return f
}
