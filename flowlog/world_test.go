package flowlog

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"go.uber.org/goleak"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a gateway on in-memory devices that a manager watches, and a clock
// that the test moves.
type world struct {
	t       testing.TB
	g       *gateway.Gateway
	m       *Manager
	res     vpc.Resources
	dir     string
	clock   atomic.Int64 // the gateway's, ns
	devs    map[string]*tun.Memory
	drains  sync.WaitGroup
	sent    uint64        // packets
	seen    atomic.Uint64 // packets of events, after the manager has seen them
	said    *strings.Builder
	stopped bool
}

// epoch is the time of day when the gateway's clock is 0.
const epoch = 1_400_000_000

// thePlace is the account of AWS's examples.
var thePlace = Place{AccountID: "123456789010", Region: "us-east-1", ZoneID: "use1-az1"}

// The resources of the tests' VPC, as AWS's examples call them.
const (
	theVPC       = "vpc-abcdefab012345678"
	theSubnet    = "subnet-aaaaaaaa012345678"
	otherSubnet  = "subnet-22222222bbbbbbbbb"
	theInterface = "eni-1235b8ca123456789"
	theGroup     = "sg-11111111111111111"
)

// newWorld is a VPC cidr with the subnets theSubnet and otherSubnet of it and one
// group, of what the caller adds, and the logs.
func newWorld(t testing.TB, res vpc.Resources, o Options, logs ...Log) *world {
	t.Helper()
	return newWorldOf(t, gateway.Options{}, res, o, logs...)
}

// newWorldOf is newWorld with options of the gateway.
func newWorldOf(t testing.TB, of gateway.Options, res vpc.Resources, o Options, logs ...Log) *world {
	t.Helper()
	w := &world{t: t, res: res, dir: t.TempDir(), devs: make(map[string]*tun.Memory), said: &strings.Builder{}}
	of.Now, of.Workers = w.clock.Load, 2
	g, err := gateway.New(of)
	if err != nil {
		t.Fatal(err)
	}
	w.g = g
	o.Clock = func() (time.Time, int64) {
		ns := w.clock.Load()
		return time.Unix(epoch, ns).UTC(), ns
	}
	o.Log = slog.New(slog.NewTextHandler(w.said, nil))
	w.m = New(g, o)
	t.Cleanup(w.close)
	for _, nic := range res.Interfaces {
		w.attach(nic.ID)
	}
	for _, host := range res.Hosts {
		w.attach(host.ID)
	}
	w.apply(Change{Place: &thePlace, Add: logs})
	g.Watch(w) // after the manager
	return w
}

// Packet counts what has been seen: see sync.
func (w *world) Packet(e *gateway.Event) { w.seen.Add(uint64(e.Packets)) }

func (w *world) attach(id string) {
	w.t.Helper()
	dev, err := tun.NewMemory(id, 9001)
	if err == nil {
		_, err = w.g.Attach(id, dev)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.devs[id] = dev
	stop := make(chan struct{})
	w.drains.Go(func() {
		for {
			select {
			case <-dev.Received():
			case <-stop:
				return
			}
		}
	})
	w.t.Cleanup(func() { close(stop) })
}

// apply puts w.res in force, and makes the change.
func (w *world) apply(c Change) {
	w.t.Helper()
	s, err := vpc.New(w.res)
	if err != nil {
		w.t.Fatal(err)
	}
	c.Snapshot = s
	for i := range c.Add {
		c.Add[i].Destination = strings.Replace(c.Add[i].Destination, "DIR", w.dir, 1)
	}
	p, err := w.m.Plan(c)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.g.Apply(filter.Compile(s)); err != nil {
		w.t.Fatal(err)
	}
	if err := p.Apply(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	if w.stopped {
		return
	}
	w.stopped = true
	if err := w.g.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
	if err := w.m.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
}

// at makes it that time, in Unix seconds.
func (w *world) at(unix int64) { w.clock.Store((unix - epoch) * 1e9) }

// tick makes it that time, and has the manager look.
func (w *world) tick(unix int64) {
	w.sync()
	w.at(unix)
	w.m.Tick()
}

// send hands packets to an endpoint's device, without waiting.
func (w *world) send(from string, packets ...[]byte) {
	w.t.Helper()
	for _, packet := range packets {
		w.sendFrame(from, 1, append(make([]byte, tun.HeaderLen), packet...))
	}
}

func (w *world) sendFrame(from string, packets int, frame []byte) {
	w.t.Helper()
	if w.sent-w.seen.Load() > 200 {
		w.sync() // the devices hold 500
	}
	if err := w.devs[from].SendFrame(frame); err != nil {
		w.t.Fatal(err)
	}
	w.sent += uint64(packets)
}

// sync waits until what was sent is judged and recorded.
func (w *world) sync() {
	w.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); w.seen.Load() < w.sent; time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%d packets of %d were seen", w.seen.Load(), w.sent)
		}
	}
}

// read returns the lines of a file in the test's folder.
func (w *world) read(name string) []string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return linesOf(string(text))
}

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// written closes all and returns the lines of the file "log".
func (w *world) written() []string {
	w.t.Helper()
	w.sync()
	w.close()
	return w.read("log")
}

// logOf returns a log of a resource in the default format, to the file "log".
func logOf(resource string) Log {
	return Log{
		ID: vpc.NewID("fl", "log"), Name: "log", ResourceID: resource, Interval: MaxInterval, Format: record.Default(),
		Destination: "DIR/log", MaxFileSize: 1 << 30, MaxFiles: 2,
	}
}

func (l Log) in(t *testing.T, format string) Log {
	t.Helper()
	var err error
	if l.Format, err = record.Parse(format); err != nil {
		t.Fatal(err)
	}
	return l
}

// Resources, in few words.

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func addrs(list ...string) (all []netip.Addr) {
	for _, s := range list {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

// resources is a VPC with two subnets and a group of those rules.
func resources(cidr, subnet, other string, ingress, egress []vpc.Rule, endpoints ...any) vpc.Resources {
	res := vpc.Resources{
		VPCs: []vpc.VPC{{ID: theVPC, Name: "main", CIDR: prefix(cidr), IPv6CIDR: prefix("2001:db8:1234:a100::/56")}},
		Subnets: []vpc.Subnet{
			{ID: theSubnet, Name: "one", VPCID: theVPC, CIDR: prefix(subnet), IPv6CIDR: prefix("2001:db8:1234:a102::/64")},
			{ID: otherSubnet, Name: "two", VPCID: theVPC, CIDR: prefix(other), IPv6CIDR: prefix("2001:db8:1234:a100::/64")},
		},
		SecurityGroups: []vpc.SecurityGroup{
			{ID: theGroup, Name: "group", VPCID: theVPC, Ingress: ingress, Egress: egress},
			{ID: "sg-22222222222222222", Name: "open", VPCID: theVPC, Ingress: everything(), Egress: everything()},
		},
	}
	for _, e := range endpoints {
		switch e := e.(type) {
		case vpc.NetworkInterface:
			res.Interfaces = append(res.Interfaces, e)
		case vpc.Host:
			res.Hosts = append(res.Hosts, e)
		}
	}
	return res
}

// instance is one of the group in theSubnet; neighbour is one of a group that lets
// everything through, in otherSubnet.
func instance(id string, addresses ...string) vpc.NetworkInterface {
	return vpc.NetworkInterface{
		ID: id, Name: "i" + id, VPCID: theVPC, SubnetID: theSubnet, SourceDestCheck: true,
		GroupIDs: []string{theGroup}, Addresses: addrs(addresses...),
	}
}

func neighbour(id string, addresses ...string) vpc.NetworkInterface {
	n := instance(id, addresses...)
	n.SubnetID, n.GroupIDs = otherSubnet, []string{"sg-22222222222222222"}
	return n
}

func host(id string, addresses ...string) vpc.Host {
	return vpc.Host{ID: id, Name: "h" + id, VPCID: theVPC, Addresses: addrs(addresses...)}
}

func rule(protocol vpc.Protocol, from, to int32, peer string) vpc.Rule {
	return vpc.Rule{Protocol: protocol, FromPort: from, ToPort: to, Peer: vpc.Peer{CIDR: prefix(peer)}}
}

func everything() []vpc.Rule {
	return []vpc.Rule{rule(vpc.AllProtocols, vpc.Any, vpc.Any, "0.0.0.0/0"), rule(vpc.AllProtocols, vpc.Any, vpc.Any, "::/0")}
}

// Packets, in few words. A size is of the whole packet.

const (
	fin = 1 << iota
	syn
	rst
	_
	ack
)

func tcp(t testing.TB, src, dst string, flags, size int) []byte {
	t.Helper()
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	seq := uint32(1001)
	if flags&syn != 0 {
		seq = 1000
	}
	l := &layers.TCP{
		SrcPort: layers.TCPPort(from.Port()), DstPort: layers.TCPPort(to.Port()), Seq: seq, Window: 65535,
		FIN: flags&fin != 0, SYN: flags&syn != 0, RST: flags&rst != 0, ACK: flags&ack != 0,
	}
	if l.ACK {
		l.Ack = 1001
	}
	return ip(t, from.Addr(), to.Addr(), layers.IPProtocolTCP, l, 20, size)
}

func udp(t testing.TB, src, dst string, size int) []byte {
	t.Helper()
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	l := &layers.UDP{SrcPort: layers.UDPPort(from.Port()), DstPort: layers.UDPPort(to.Port())}
	return ip(t, from.Addr(), to.Addr(), layers.IPProtocolUDP, l, 8, size)
}

func ping(t testing.TB, src, dst string, reply bool, size int) []byte {
	t.Helper()
	kind := uint8(layers.ICMPv4TypeEchoRequest)
	if reply {
		kind = layers.ICMPv4TypeEchoReply
	}
	l := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, 0), Id: 7, Seq: 1}
	return ip(t, netip.MustParseAddr(src), netip.MustParseAddr(dst), layers.IPProtocolICMPv4, l, 8, size)
}

func ip(t testing.TB, src, dst netip.Addr, protocol layers.IPProtocol, transport gopacket.SerializableLayer, transportLen, size int) []byte {
	t.Helper()
	headers := 20 + transportLen
	var l interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	} = &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	if src.Is6() {
		headers += 20
		l = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	}
	if sums, ok := transport.(interface {
		SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
	}); ok {
		if err := sums.SetNetworkLayerForChecksum(l); err != nil {
			t.Fatal(err)
		}
	}
	b := gopacket.NewSerializeBuffer()
	o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, o, l, transport, gopacket.Payload(make([]byte, size-headers))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
