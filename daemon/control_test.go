package daemon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// twoVPCs has equal addresses in two VPCs; db admits app alone, and untold
// nobody.
const twoVPCs = `
vpcs:
  - {name: blue, cidr: 10.0.0.0/16, ipv6_cidr: "fd00:10::/56"}
  - {name: green, cidr: 10.0.0.0/16}
subnets:
  - {name: blue, vpc: blue, cidr: 10.0.1.0/24, ipv6_cidr: "fd00:10:0:1::/64"}
  - {name: green, vpc: green, cidr: 10.0.1.0/24}
security_groups:
  - {name: app, vpc: blue}
  - {name: db, vpc: blue, ingress: [{type: All traffic, source: app}]}
  - {name: green, vpc: green, ingress: [{type: All traffic, source: green}]}
instances:
  - {name: web, subnet: blue, address: 10.0.1.30, security_groups: [app]}
  - {name: app, subnet: blue, address: 10.0.1.10, ipv6_address: "fd00:10:0:1::10", security_groups: [app]}
  - {name: db, subnet: blue, address: 10.0.1.20, ipv6_address: "fd00:10:0:1::20", security_groups: [db]}
  - {name: green-app, subnet: green, address: 10.0.1.10, security_groups: [green]}
  - {name: green-db, subnet: green, address: 10.0.1.20, security_groups: [green]}
hosts:
  - {name: laptop, vpc: blue, address: 203.0.113.10}
`

// world is a daemon whose gateway has in-memory devices and a manual clock, and
// a client of its control socket.
type world struct {
	t      *testing.T
	clock  atomic.Int64
	g      *gateway.Gateway
	daemon *Daemon
	client *control.Client
	ids    map[string]string // of endpoints, by name
	devs   map[string]*tun.Memory
	sent   map[string]uint64 // packets, by endpoint
}

func newWorld(t *testing.T, content string) *world {
	t.Helper()
	return newWorldWith(t, content, gateway.Options{Log: slog.New(slog.DiscardHandler)})
}

func newWorldWith(t *testing.T, content string, o gateway.Options) *world {
	t.Helper()
	w := &world{t: t, ids: make(map[string]string), devs: make(map[string]*tun.Memory), sent: make(map[string]uint64)}
	w.clock.Store(int64(time.Hour))
	o.Now = w.clock.Load
	g, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.g = g
	w.daemon = &Daemon{gateway: g, log: o.Log, metrics: newMetrics(g, config.Metrics{}, o.Log)}
	t.Cleanup(func() {
		if err := w.daemon.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	socket, err := control.Listen(filepath.Join(t.TempDir(), "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	w.daemon.ServeControl(socket)
	if w.client, err = control.NewClient(socket.Path()); err != nil {
		t.Fatal(err)
	}
	if content != "" {
		w.apply(content)
	}
	return w
}

// apply puts a configuration in force and attaches what has no device yet.
func (w *world) apply(content string) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "sgate.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	cfg, err := config.Load(config.Source{Path: path})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range cfg.Endpoints {
		if w.devs[e.Name] != nil {
			continue
		}
		dev, err := tun.NewMemory(e.Name, 9001)
		if err == nil {
			_, err = w.g.Attach(e.ID, dev)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		w.ids[e.Name], w.devs[e.Name] = e.ID, dev
	}
	if err := w.g.Apply(filter.Compile(cfg.Resources)); err != nil {
		w.t.Fatal(err)
	}
}

// send sends a packet from an endpoint, and returns once it is judged.
func (w *world) send(from, src, dst string, transport ...gopacket.SerializableLayer) {
	w.t.Helper()
	if err := w.devs[from].Send(packet(w.t, src, dst, transport...)); err != nil {
		w.t.Fatal(err)
	}
	w.sent[from]++
	port := w.g.Port(w.ids[from])
	for deadline := time.Now().Add(10 * time.Second); port.Counters().Received < w.sent[from]; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: the packet to %s is not read", from, dst)
		}
	}
}

// packet makes a packet; transport's first layer tells the protocol.
func packet(t *testing.T, src, dst string, transport ...gopacket.SerializableLayer) []byte {
	t.Helper()
	from, to := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	protocol := map[gopacket.LayerType]layers.IPProtocol{
		layers.LayerTypeTCP: layers.IPProtocolTCP, layers.LayerTypeUDP: layers.IPProtocolUDP, layers.LayerTypeICMPv4: layers.IPProtocolICMPv4,
		gopacket.LayerTypePayload: 200,
	}[transport[0].LayerType()]
	var ip interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	} = &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
	if from.Is6() {
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
	}
	if sums, ok := transport[0].(interface {
		SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
	}); ok {
		if err := sums.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
	}
	b := gopacket.NewSerializeBuffer()
	all := append([]gopacket.SerializableLayer{ip}, transport...)
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func syn(src, dst layers.TCPPort) *layers.TCP {
	return &layers.TCP{SrcPort: src, DstPort: dst, SYN: true, Seq: 1, Window: 65535}
}

func udp(src, dst layers.UDPPort) *layers.UDP { return &layers.UDP{SrcPort: src, DstPort: dst} }

func ping(id uint16) *layers.ICMPv4 {
	return &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0), Id: id, Seq: 1}
}

// withFlows is a world with a flow of each kind, one a second.
func withFlows(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, twoVPCs)
	for _, f := range []func(){
		func() { w.send("app", "10.0.1.10", "10.0.1.20", syn(40000, 3306)) },
		func() { w.send("web", "10.0.1.30", "10.0.1.20", syn(40000, 80)) },
		func() { w.send("app", "10.0.1.10", "10.0.1.20", udp(3306, 53)) },
		func() { w.send("app", "fd00:10:0:1::10", "fd00:10:0:1::20", syn(40000, 3306)) },
		func() { w.send("app", "10.0.1.10", "10.0.1.20", ping(3306)) },
		func() { w.send("app", "10.0.1.10", "10.0.1.20", gopacket.Payload("x")) },
		func() { w.send("green-app", "10.0.1.10", "10.0.1.20", syn(40000, 3306)) },
		func() { w.send("db", "10.0.1.20", "203.0.113.10", udp(5000, 123)) },
		func() { w.send("db", "10.0.1.20", "10.0.1.30", udp(5000, 514)) }, // web lets nobody in
	} {
		f()
		w.clock.Add(int64(time.Second))
	}
	return w
}

// rule returns the id of a group's rule, by its place.
func (w *world) rule(group string, d vpc.Direction, place int) string {
	w.t.Helper()
	policy, _ := w.g.Policy()
	for _, g := range policy.Snapshot().SecurityGroups() {
		if g.Name == group {
			return g.Rules(d)[place].ID
		}
	}
	w.t.Fatalf("no group %q", group)
	return ""
}

// short names a flow as tests do.
func short(f control.Flow) string {
	s := fmt.Sprintf("%s %s>%s:%d", f.Protocol, f.From.Name, f.To.Name, f.To.Port)
	if f.From.Address.Is6() {
		s += " IPv6"
	}
	return s
}

func shorts(flows []control.Flow) []string {
	var all []string
	for _, f := range flows {
		all = append(all, short(f))
	}
	return all
}

// everyFlow is what withFlows has, the oldest first.
var everyFlow = []string{
	"tcp app>db:3306", "tcp web>db:80", "udp app>db:53", "tcp app>db:3306 IPv6", "icmp app>db:0", "200 app>db:0",
	"tcp green-app>green-db:3306", "udp db>laptop:123", "udp db>web:514",
}

func TestFlowFilters(t *testing.T) {
	w := withFlows(t)
	flows := everyFlow
	for _, c := range []struct {
		name   string
		filter control.FlowFilter
		want   []string
	}{
		{"an instance at either end", control.FlowFilter{Instance: "db"}, slices.Concat(flows[:6], flows[7:])},
		{"by id", control.FlowFilter{Instance: w.ids["web"]}, []string{flows[1], flows[8]}},
		{"a host", control.FlowFilter{Instance: "laptop"}, flows[7:8]},
		{"a host's id", control.FlowFilter{To: w.ids["laptop"]}, flows[7:8]},
		{"the opener", control.FlowFilter{From: "db"}, flows[7:]},
		{"the other end", control.FlowFilter{To: "db"}, flows[:6]},
		{"an end that has not let it in", control.FlowFilter{To: "web"}, flows[8:]},
		{"an address, in every VPC", control.FlowFilter{From: "10.0.1.10"}, []string{flows[0], flows[2], flows[4], flows[5], flows[6]}},
		{"an IPv4 address as IPv6", control.FlowFilter{To: "::ffff:203.0.113.10"}, flows[7:8]},
		{"an IPv6 address", control.FlowFilter{To: "fd00:10:0:1::20"}, flows[3:4]},
		{"a CIDR", control.FlowFilter{To: "203.0.113.0/24"}, flows[7:8]},
		{"an IPv6 CIDR", control.FlowFilter{From: "fd00:10::/56"}, flows[3:4]},
		{"all of IPv4", control.FlowFilter{From: "0.0.0.0/0"}, slices.Concat(flows[:3], flows[4:])},
		{"a protocol", control.FlowFilter{Protocol: "TCP"}, []string{flows[0], flows[1], flows[3], flows[6]}},
		{"a protocol's number", control.FlowFilter{Protocol: "200"}, flows[5:6]},
		{"icmp", control.FlowFilter{Protocol: "1"}, flows[4:5]},
		{"icmpv6", control.FlowFilter{Protocol: "icmpv6"}, nil},
		{"the other end's port", control.FlowFilter{Port: 3306}, []string{flows[0], flows[3], flows[6]}},
		{"the opener's port", control.FlowFilter{Port: 40000}, nil},
		{"a port of UDP", control.FlowFilter{Protocol: "udp", Port: 53}, flows[2:3]},
		{"a VPC", control.FlowFilter{VPC: "green"}, flows[6:7]},
		{"conditions of every kind", control.FlowFilter{VPC: "blue", Instance: "app", From: "10.0.1.0/24", To: "db", Protocol: "tcp", Port: 3306}, flows[:1]},
		{"conditions that exclude each other", control.FlowFilter{VPC: "green", Instance: "app"}, nil},
	} {
		reply, err := w.client.CutFlows(t.Context(), control.CutFlowsRequest{FlowFilter: c.filter, DryRun: true})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, shorts(reply.Flows), cmpopts.EquateEmpty()); diff != "" || reply.Matched != len(c.want) {
			t.Errorf("%s: matched %d (-want +got):\n%s", c.name, reply.Matched, diff)
		}
	}
}

// TestPortOfWhatHasNone holds that a port means nothing to protocols without
// ports, whatever stands in its place.
func TestPortOfWhatHasNone(t *testing.T) {
	match, err := names{}.matcher(control.FlowFilter{Port: 7})
	if err != nil {
		t.Fatal(err)
	}
	for protocol, want := range map[uint8]bool{6: true, 17: true, 1: false, 58: false, 200: false} {
		if got := match(&gateway.FlowInfo{Protocol: protocol, Dst: netip.MustParseAddrPort("10.0.1.20:7")}); got != want {
			t.Errorf("protocol %d: %v, want %v", protocol, got, want)
		}
	}
}

func TestWrongFlowFilters(t *testing.T) {
	w := withFlows(t)
	for _, c := range []struct {
		filter control.FlowFilter
		want   string
	}{
		{control.FlowFilter{Instance: "nobody"}, `no instance or host "nobody"; there are: web, app, db, green-app, green-db, laptop`},
		{control.FlowFilter{Instance: "10.0.1.10"}, `no instance or host "10.0.1.10"`},
		{control.FlowFilter{From: "nobody"}, "(nor is it an address or a CIDR)"},
		{control.FlowFilter{To: "10.0.1.10/24"}, "want 10.0.1.0/24, or the address without the length"},
		{control.FlowFilter{To: "10.0.1.0/33"}, "(nor is it an address or a CIDR)"},
		{control.FlowFilter{Protocol: "sctp"}, `protocol "sctp": want tcp, udp, icmp, icmpv6 or a number from 0 to 255`},
		{control.FlowFilter{Protocol: "-1"}, `protocol "-1": want`},
		{control.FlowFilter{Protocol: "256"}, `protocol "256": want`},
		{control.FlowFilter{Protocol: "icmp", Port: 80}, "protocol icmp has no ports"},
		{control.FlowFilter{VPC: "red"}, `no VPC "red"; there are: blue, green`},
	} {
		_, err := w.client.CutFlows(t.Context(), control.CutFlowsRequest{FlowFilter: c.filter})
		var answer *control.Error
		if !errors.As(err, &answer) || answer.Status != 400 || !strings.Contains(answer.Message, c.want) {
			t.Errorf("%+v: %v, want %q", c.filter, err, c.want)
		}
	}
	if got := len(w.g.FlowInfos()); got != len(everyFlow) {
		t.Errorf("%d flows are left of %d", got, len(everyFlow))
	}
}

// TestFlowOnTheWire holds every field of a flow.
func TestFlowOnTheWire(t *testing.T) {
	w := withFlows(t)
	reply, err := w.client.CutFlows(t.Context(), control.CutFlowsRequest{All: true, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everyFlow, shorts(reply.Flows)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	icmpID := uint16(3306)
	app := control.FlowEnd{Name: "app", ID: w.ids["app"], Address: netip.MustParseAddr("10.0.1.10"), Tracked: true}
	db := control.FlowEnd{Name: "db", ID: w.ids["db"], Address: netip.MustParseAddr("10.0.1.20"), Tracked: true}
	with := func(e control.FlowEnd, port uint16, bytes uint64) control.FlowEnd {
		e.Port, e.Bytes, e.Packets = port, bytes, min(bytes, 1)
		return e
	}
	laptop := control.FlowEnd{Name: "laptop", ID: w.ids["laptop"], Address: netip.MustParseAddr("203.0.113.10"), Port: 123}
	open := control.RuleRef{RuleID: w.rule("app", vpc.Egress, 0), Group: "app", Rule: "all traffic to 0.0.0.0/0"}
	admits := control.RuleRef{RuleID: w.rule("db", vpc.Ingress, 0), Group: "db", Rule: "all traffic from group app"}
	opens := control.RuleRef{RuleID: w.rule("db", vpc.Egress, 0), Group: "db", Rule: "all traffic to 0.0.0.0/0"}
	for i, want := range map[int]control.Flow{
		0: {VPC: "blue", Protocol: "tcp", From: with(app, 40000, 40), To: with(db, 3306, 0), Age: 9, Egress: open, Ingress: admits},
		4: {VPC: "blue", Protocol: "icmp", From: with(app, 0, 28), To: db, ICMPID: &icmpID, Age: 5, Egress: open, Ingress: admits},
		5: {VPC: "blue", Protocol: "200", From: with(app, 0, 21), To: db, Age: 4, Egress: open, Ingress: admits},
		7: {VPC: "blue", Protocol: "udp", From: with(db, 5000, 28), To: laptop, Age: 2, Egress: opens},
	} {
		got := reply.Flows[i]
		if got.State == "" || got.Expires <= 0 {
			t.Errorf("%s: state %q, expires %v", short(got), got.State, got.Expires)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(control.Flow{}, "State", "Expires"), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", short(got), diff)
		}
	}
}

// TestCutFlows cuts the flow of a connection that rules no longer admit, and
// only that.
func TestCutFlows(t *testing.T) {
	w := withFlows(t)
	w.apply(strings.Replace(twoVPCs, "ingress: [{type: All traffic, source: app}]", "ingress: []", 1))
	forwarded := func() uint64 { return w.g.Port(w.ids["app"]).Counters().Forwarded }
	before := forwarded()
	w.send("app", "10.0.1.10", "10.0.1.20", udp(3306, 53))
	if forwarded() != before+1 {
		t.Fatal("the tracked flow has ended with its rule")
	}
	request := control.CutFlowsRequest{FlowFilter: control.FlowFilter{Protocol: "udp", To: "db"}, DryRun: true}
	for _, request.DryRun = range []bool{true, false} {
		reply, err := w.client.CutFlows(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"udp app>db:53"}, shorts(reply.Flows)); diff != "" || reply.Matched != 1 {
			t.Errorf("dry run %v: matched %d (-want +got):\n%s", request.DryRun, reply.Matched, diff)
		}
	}
	w.send("app", "10.0.1.10", "10.0.1.20", udp(3306, 53))
	if c := w.g.Port(w.ids["app"]).Counters(); c.Forwarded != before+1 || c.Dropped[gateway.ReasonNoIngressRule] != 1 {
		t.Errorf("after the cut: %d forwarded, %d dropped", c.Forwarded, c.Dropped[gateway.ReasonNoIngressRule])
	}
	w.send("app", "10.0.1.10", "10.0.1.20", ping(3306))
	if forwarded() != before+2 {
		t.Error("another flow was cut too")
	}

	reply, err := w.client.CutFlows(t.Context(), control.CutFlowsRequest{All: true})
	if err != nil || reply.Matched == 0 || len(w.g.FlowInfos()) != 0 {
		t.Errorf("all: %d cut, %d left, %v", reply.Matched, len(w.g.FlowInfos()), err)
	}
	reply, err = w.client.CutFlows(t.Context(), control.CutFlowsRequest{All: true})
	if err != nil || reply.Matched != 0 || len(reply.Flows) != 0 {
		t.Errorf("none left: %+v, %v", reply, err)
	}
}

// TestManyFlows holds that an answer lists no more than it may, and counts all.
func TestManyFlows(t *testing.T) {
	w := newWorld(t, twoVPCs)
	const more = 5
	for i := range control.MaxListedFlows + more {
		frame := packet(t, "10.0.1.10", "10.0.1.20", udp(1000, 2000))
		binary.BigEndian.PutUint16(frame[20:], uint16(1000+i)) // the source port
		binary.BigEndian.PutUint16(frame[26:], 0)              // no checksum, which IPv4 allows
		for w.devs["app"].Send(frame) != nil {                 // its queue is full
			time.Sleep(100 * time.Microsecond)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); len(w.g.FlowInfos()) < control.MaxListedFlows+more; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d flows", len(w.g.FlowInfos()))
		}
	}
	reply, err := w.client.CutFlows(t.Context(), control.CutFlowsRequest{All: true})
	if err != nil || reply.Matched != control.MaxListedFlows+more || len(reply.Flows) != control.MaxListedFlows {
		t.Errorf("matched %d, listed %d, %v", reply.Matched, len(reply.Flows), err)
	}
}

func TestCountersOnTheWire(t *testing.T) {
	w := withFlows(t)
	w.send("web", "10.0.1.30", "10.0.1.10", udp(1, 2)) // app lets nobody in
	w.send("web", "10.0.1.99", "10.0.1.10", udp(1, 2)) // not web's address
	reply, err := w.client.Counters(t.Context(), control.CountersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range reply.Interfaces {
		names = append(names, c.Name)
		if c.Received != c.Forwarded+c.Local+c.Dropped || c.ID != w.ids[c.Name] {
			t.Errorf("%+v", c)
		}
	}
	if want := []string{"web", "app", "db", "green-app", "green-db", "laptop"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	web := reply.Interfaces[0]
	if diff := cmp.Diff(map[string]uint64{"no_ingress_rule": 1, "source_check": 1}, web.Drops); diff != "" || web.Dropped != 2 {
		t.Errorf("web: %d dropped (-want +got):\n%s", web.Dropped, diff)
	}
	port := w.g.Port(w.ids["web"]).Counters()
	if web.Received != 3 || web.Forwarded != 1 || web.ReceivedBytes == 0 || web.ReceivedBytes != port.ReceivedBytes ||
		web.ConntrackAllowanceAvailable != port.ConntrackAllowanceAvailable || web.ConntrackAllowanceAvailable == 0 {
		t.Errorf("web: %+v\nwant %+v", web, port)
	}
	if db := reply.Interfaces[2]; db.Sent != 6 || db.SentBytes == 0 {
		t.Errorf("db: %+v", db)
	}
}

func TestChosenCounters(t *testing.T) {
	w := withFlows(t)
	reply, err := w.client.Counters(t.Context(), control.CountersRequest{Names: []string{w.ids["laptop"], "app", "app"}, Zeros: true})
	if err != nil || len(reply.Interfaces) != 2 || reply.Interfaces[0].Name != "app" || reply.Interfaces[1].Name != "laptop" {
		t.Fatalf("%+v, %v", reply, err)
	}
	drops := reply.Interfaces[0].Drops
	for _, reason := range []gateway.Reason{gateway.ReasonNoEgressRule, gateway.ReasonNotCompiled, gateway.ReasonWriteFailed, 1} {
		if n, ok := drops[reason.String()]; !ok || n != 0 {
			t.Errorf("%v is not there", reason)
		}
	}
	for _, reason := range []gateway.Reason{gateway.ReasonRule, gateway.ReasonFlow, 0} {
		if _, ok := drops[reason.String()]; ok {
			t.Errorf("%v is there, and drops nothing", reason)
		}
	}
	if _, ok := drops["fragment_none"]; ok {
		t.Error("fragment_none is there, and drops nothing")
	}
	_, err = w.client.Counters(t.Context(), control.CountersRequest{Names: []string{"app", "nobody"}})
	if err == nil || !strings.Contains(err.Error(), `no instance or host "nobody"; there are: web, app`) {
		t.Errorf("an unknown name: %v", err)
	}
}

// TestBeforeAConfiguration asks a gateway that has none yet.
func TestBeforeAConfiguration(t *testing.T) {
	w := newWorld(t, "")
	if _, err := w.client.Counters(t.Context(), control.CountersRequest{}); err == nil || !strings.Contains(err.Error(), "no configuration yet") {
		t.Errorf("counters: %v", err)
	}
	if _, err := w.client.CutFlows(t.Context(), control.CutFlowsRequest{All: true}); err == nil || !strings.Contains(err.Error(), "no configuration yet") {
		t.Errorf("cut: %v", err)
	}
}
