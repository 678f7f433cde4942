package gateway

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// parsed reads a packet that must be in order.
func parsed(t *testing.T, packet []byte) stack.Packet {
	t.Helper()
	var p stack.Packet
	if problem := p.Parse(packet); problem != stack.Parsed {
		t.Fatalf("the packet is %v: %x", problem, packet)
	}
	return p
}

func TestRouterAnswersPing(t *testing.T) {
	w := tiers(t)
	for _, c := range []struct {
		from, src, router string
		request, answer   uint8
	}{
		{"web", "10.0.1.10", "10.0.1.1", 8, 0},
		{"web", "fd00:10:0:1::10", "fd00:10:0:1::1", 128, 129},
		{"db", "10.0.1.30", "10.0.1.1", 8, 0}, // no rule of db's is asked
		{"laptop", "203.0.113.10", "10.0.1.1", 8, 0},
	} {
		w.want("local", c.from, icmpPacket(c.src, c.router, c.request, 0, 7))
		p := parsed(t, w.awaitPacket(c.from))
		if p.Src != addr(c.router) || p.Dst != addr(c.src) || p.ICMPType != c.answer || p.ICMPID != 7 {
			t.Errorf("%s pings %s: got %+v", c.from, c.router, p)
		}
	}
	// The source check comes first: nobody pings in another's name.
	w.want("source_check", "stranger", icmpPacket("203.0.113.10", "10.0.1.1", 8, 0, 7))
}

func TestTimeExceeded(t *testing.T) {
	w := tiers(t)
	for _, c := range []struct {
		from, router string
		packet       []byte
		icmpType     uint8
	}{
		{"laptop", "10.0.1.1", syn("203.0.113.10:4000", "10.0.1.10:22"), 11},
		{"laptop", "fd00:10:0:1::1", syn("[2001:db8::10]:4000", "[fd00:10:0:1::10]:443"), 3},
		{"app", "10.0.1.1", syn("10.0.1.20:4000", "10.0.1.30:3306"), 11},
	} {
		last := withTTL(c.packet, 1)
		w.want("local", c.from, last)
		message := w.awaitPacket(c.from)
		p := parsed(t, message)
		if p.Src != addr(c.router) || p.ICMPType != c.icmpType || p.ICMPCode != 0 {
			t.Errorf("%s: got %+v, want time exceeded from %s", describe(c.packet), p, c.router)
		}
		if quoted := message[p.PayloadStart:]; !bytes.Equal(quoted, last) {
			t.Errorf("quoted\n%x\nwant\n%x", quoted, last)
		}
	}
	if got := w.arrived("web"); got != nil {
		t.Error("a packet without a hop left was forwarded")
	}
}

func TestTooBig(t *testing.T) {
	w := tiers(t)
	w.res.Interfaces = append(w.res.Interfaces, instance("small", []string{"10.0.1.40", "fd00:10:0:1::40"}, "web"))
	w.attach("small", 1280)
	w.apply()
	for _, c := range []struct {
		src, dst string
		icmpType uint8
	}{{"203.0.113.10:4000", "10.0.1.40:443", 3}, {"[2001:db8::10]:4000", "[fd00:10:0:1::40]:443", 2}} {
		overhead := len(tcpPacket(c.src, c.dst, header.TCPFlagAck))
		w.want("forwarded", "laptop", tcpPacket(c.src, c.dst, header.TCPFlagAck, make([]byte, 1280-overhead)...))
		w.want("local", "laptop", tcpPacket(c.src, c.dst, header.TCPFlagAck, make([]byte, 1281-overhead)...))
		message := w.awaitPacket("laptop")
		p := parsed(t, message)
		if p.ICMPType != c.icmpType {
			t.Errorf("to %s: got %+v, want too big", c.dst, p)
		}
		if mtu := int(message[p.HeaderLen+6])<<8 | int(message[p.HeaderLen+7]); mtu != 1280 {
			t.Errorf("to %s: the error names an MTU of %d, want 1280", c.dst, mtu)
		}
	}
	// A blocked packet gets nothing, however large.
	big := tcpPacket("198.51.100.7:4000", "10.0.1.40:22", header.TCPFlagAck, make([]byte, 2000)...)
	w.want("no_ingress_rule", "stranger", big)
	if got := w.arrived("stranger"); got != nil {
		t.Error("a blocked packet was answered")
	}
}

// Where TCP (RFC 9293) and UDP (RFC 768) have their checksums.
const (
	tcpChecksumOffset = 16
	udpChecksumOffset = 6
)

// gsoFrame makes a super-packet of a TCP packet: its checksum pending, to be
// cut into segments of size bytes.
func gsoFrame(packet []byte, size int) []byte {
	frame := append(make([]byte, tun.HeaderLen), packet...)
	start, gso := uint16(header.IPv4MinimumSize), uint8(tun.GSOTCPv4)
	if packet[0]>>4 == 6 {
		start, gso = header.IPv6MinimumSize, tun.GSOTCPv6
	}
	tun.Header(frame).Encode(tun.NeedsChecksum, gso, start+header.TCPMinimumSize, uint16(size), start, tcpChecksumOffset)
	return frame
}

func TestSuperPacketPassesWhole(t *testing.T) {
	w := tiers(t)
	for _, c := range []struct{ src, dst string }{
		{"203.0.113.10:4000", "10.0.1.10:443"}, {"[2001:db8::10]:4000", "[fd00:10:0:1::10]:443"},
	} {
		packet := tcpPacket(c.src, c.dst, header.TCPFlagAck, make([]byte, 60_000)...)
		frame := gsoFrame(packet, 1400)
		if got := w.sendFrame("laptop", frame, 43); got != "forwarded" { // 42 full segments and a rest
			t.Fatalf("to %s: %s", c.dst, got)
		}
		got := w.arrived("web")
		if want := append(bytes.Clone(frame[:tun.HeaderLen]), withTTL(packet, 63)...); !bytes.Equal(got, want) {
			t.Errorf("to %s: the frame was changed on its way, more than by its hop", c.dst)
		}
	}
	if c := w.g.Port("web").Counters(); c.Sent != 86 {
		t.Errorf("web was sent %d packets, want 86", c.Sent)
	}
}

func TestSuperPacketSegmentsAreHeldAgainstTheMTU(t *testing.T) {
	w := tiers(t)
	w.res.Interfaces = append(w.res.Interfaces, instance("small", []string{"10.0.1.40"}, "web"))
	w.attach("small", 1440)
	w.apply()
	packet := tcpPacket("203.0.113.10:4000", "10.0.1.40:443", header.TCPFlagAck, make([]byte, 6000)...)
	if got := w.sendFrame("laptop", gsoFrame(packet, 1400), 5); got != "forwarded" {
		t.Errorf("segments of 1440 bytes: %s", got)
	}
	if got := w.sendFrame("laptop", gsoFrame(packet, 1401), 5); got != "local" {
		t.Errorf("segments of 1441 bytes: %s, want an answer that they are too big", got)
	}
}

func TestLyingVirtioHeaders(t *testing.T) {
	tcp := tcpPacket("203.0.113.10:4000", "10.0.1.10:443", header.TCPFlagAck, make([]byte, 100)...)
	udp := udpPacket("203.0.113.10:4000", "10.0.1.10:443", make([]byte, 100)...)
	icmp := icmpPacket("203.0.113.10", "10.0.1.10", 8, 0, 1)
	const start, csum = header.IPv4MinimumSize, tun.NeedsChecksum
	for name, c := range map[string]struct {
		packet            []byte
		flags, gso        uint8
		size              uint16
		csumStart, offset uint16
	}{
		"checksum over the IP header":      {tcp, csum, tun.GSONone, 0, 0, tcpChecksumOffset},
		"checksum into the payload":        {tcp, csum, tun.GSONone, 0, start + 20, 4},
		"TCP checksum at UDP's place":      {tcp, csum, tun.GSONone, 0, start, udpChecksumOffset},
		"UDP checksum at TCP's place":      {udp, csum, tun.GSONone, 0, start, tcpChecksumOffset},
		"checksum pending in ICMP":         {icmp, csum, tun.GSONone, 0, start, 2},
		"TCP cut as IPv6":                  {tcp, csum, tun.GSOTCPv6, 50, start, tcpChecksumOffset},
		"UDP cut as TCP":                   {udp, csum, tun.GSOTCPv4, 50, start, udpChecksumOffset},
		"TCP cut as UDP":                   {tcp, csum, tun.GSOUDP, 50, start, tcpChecksumOffset},
		"cut into nothing":                 {tcp, csum, tun.GSOTCPv4, 0, start, tcpChecksumOffset},
		"cut without a checksum to be set": {tcp, 0, tun.GSOTCPv4, 50, start, tcpChecksumOffset},
		"unknown way to cut":               {tcp, csum, 3, 50, start, tcpChecksumOffset},
	} {
		t.Run(name, func(t *testing.T) {
			frame := append(make([]byte, tun.HeaderLen), c.packet...)
			tun.Header(frame).Encode(c.flags, c.gso, 54, c.size, c.csumStart, c.offset)
			if got := tiers(t).sendFrame("laptop", frame, 1); got != "bad_offload" {
				t.Errorf("%s, want bad_offload", got)
			}
		})
	}
}

func TestVPCsWithEqualAddressesNeverMeet(t *testing.T) {
	w := newWorld(t, Options{}, nil)
	w.res.VPCs = append(w.res.VPCs, vpc.VPC{ID: "vpc-2", Name: "other", CIDR: prefix("10.0.0.0/16")})
	w.res.Subnets = append(w.res.Subnets, vpc.Subnet{ID: "subnet-2", Name: "other", VPCID: "vpc-2", CIDR: prefix("10.0.1.0/24")})
	for _, nic := range []vpc.NetworkInterface{
		instance("a1", []string{"10.0.1.10"}), instance("b1", []string{"10.0.1.20"}),
		instance("a2", []string{"10.0.1.10"}), instance("b2", []string{"10.0.1.20"}), instance("c2", []string{"10.0.1.30"}),
	} {
		if nic.Name[1] == '2' {
			nic.VPCID, nic.SubnetID = "vpc-2", "subnet-2"
		}
		w.res.Interfaces = append(w.res.Interfaces, nic)
		w.attach(nic.ID, DefaultMTU)
	}
	w.apply()

	w.want("forwarded", "a1", udpPacket("10.0.1.10:1000", "10.0.1.20:53")) // the default group admits its members
	if w.arrived("b1") == nil || w.arrived("b2") != nil {
		t.Error("a1's packet did not stay in its VPC")
	}
	w.want("no_route", "a1", udpPacket("10.0.1.10:1000", "10.0.1.30:53"))
	w.want("forwarded", "a2", udpPacket("10.0.1.10:1000", "10.0.1.30:53"))
	// a1's flow is not a2's: with the rules gone, only the first VPC's goes on.
	for _, g := range []string{"vpc-1", "vpc-2"} {
		v := vpc.VPC{ID: g, CIDR: prefix("10.0.0.0/16")}
		closed := vpc.DefaultGroup(v)
		closed.Ingress, closed.Egress = nil, nil
		w.res.SecurityGroups = append(w.res.SecurityGroups, closed)
	}
	w.apply()
	w.want("forwarded", "b1", udpPacket("10.0.1.20:53", "10.0.1.10:1000"))
	w.want("no_egress_rule", "b2", udpPacket("10.0.1.20:53", "10.0.1.10:1000"))

	// Both have a router at 10.0.1.1, and each answers its own.
	for _, id := range []string{"a1", "a2"} {
		for w.arrived(id) != nil {
		}
		w.want("local", id, icmpPacket("10.0.1.10", "10.0.1.1", 8, 0, 7))
		w.awaitPacket(id)
	}
}

// still is a device that takes everything, and of which only a test reads: what
// it has put there.
type still struct {
	*tun.Memory
	frame []byte
}

func (d *still) ReadFrame(buf []byte) (int, error) {
	if d.frame == nil {
		return 0, tun.ErrNoFrame
	}
	n := copy(buf, d.frame)
	d.frame = nil
	return n, nil
}

func (d *still) WriteFrame([]byte) error { return nil }

// takeFrame takes a frame through the path, as if it had been read from a port's
// device, which is a still one.
func (w *worker) takeFrame(v *view, port *Port, frame []byte) {
	port.dev.(*still).frame = frame
	w.reader.Enter()
	defer w.reader.Leave()
	n, _ := w.batch.Read(port.dev, 1)
	w.move(v, v.at(port.slot), n)
}

// tester is what tests, benchmarks and rapid's checks have in common.
type tester interface {
	Helper()
	Cleanup(func())
	Fatal(...any)
}

// quiet is a worker of a gateway whose own see no packets: tests and benchmarks
// bring them.
func quiet(tb tester, snapshot *vpc.Snapshot, ids ...string) *worker {
	tb.Helper()
	g, err := New(Options{Workers: 1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { g.Close() })
	for _, id := range ids {
		m, err := tun.NewMemory(id, DefaultMTU)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := g.Attach(id, &still{Memory: m}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := g.Apply(filter.Compile(snapshot)); err != nil {
		tb.Fatal(err)
	}
	batch := tun.NewBatch()
	tb.Cleanup(batch.Close)
	return &worker{gateway: g, batch: batch, reader: g.readers.NewReader()}
}

func twoTiers(tb testing.TB) *vpc.Snapshot {
	tb.Helper()
	res := vpc.Resources{
		VPCs:    []vpc.VPC{{ID: theVPC, CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")}},
		Subnets: []vpc.Subnet{{ID: theSubnet, VPCID: theVPC, CIDR: prefix("10.0.1.0/24"), IPv6CIDR: prefix("fd00:10:0:1::/64")}},
		SecurityGroups: []vpc.SecurityGroup{
			{ID: "sg-web", Name: "web", VPCID: theVPC, Egress: everything(), Ingress: []vpc.Rule{rule(vpc.TCP, 443, 443, "0.0.0.0/0")}},
			{ID: "sg-app", Name: "app", VPCID: theVPC, Ingress: []vpc.Rule{rule(vpc.TCP, 8080, 8080, "web"), rule(vpc.ICMP, 8, 0, "web"), rule(vpc.UDP, 53, 53, "web")}},
		},
		Interfaces: []vpc.NetworkInterface{
			instance("web", []string{"10.0.1.10", "fd00:10:0:1::10"}, "web"), instance("app", []string{"10.0.1.20", "fd00:10:0:1::20"}, "app"),
		},
		Hosts: []vpc.Host{host("laptop", "203.0.113.10")},
	}
	s, err := vpc.New(res)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestNoAllocationsPerPacket(t *testing.T) {
	w := quiet(t, twoTiers(t), "web", "app", "laptop")
	for name, c := range map[string]struct {
		from   string
		packet []byte
	}{
		"tracked TCP":   {"web", ack("10.0.1.10:4000", "10.0.1.20:8080")},
		"tracked IPv6":  {"web", ack("[fd00:10:0:1::10]:4000", "[fd00:10:0:1::20]:8080")},
		"untracked TCP": {"laptop", ack("203.0.113.10:4000", "10.0.1.10:443")},
		"UDP":           {"web", udpPacket("10.0.1.10:4000", "10.0.1.20:53")},
		"ping":          {"web", icmpPacket("10.0.1.10", "10.0.1.20", 8, 0, 1)},
		"blocked":       {"laptop", syn("203.0.113.10:4000", "10.0.1.20:8080")},
		"no route":      {"web", syn("10.0.1.10:4000", "10.0.1.99:8080")},
	} {
		t.Run(name, func(t *testing.T) {
			frame := append(make([]byte, tun.HeaderLen), c.packet...)
			v := w.gateway.view.Load()
			port := w.gateway.Port(c.from)
			w.takeFrame(v, port, frame) // the first one may make a flow
			if n := testing.AllocsPerRun(100, func() {
				w.takeFrame(v, port, frame)
			}); n != 0 {
				t.Errorf("%v allocations a packet", n)
			}
		})
	}
}

// TestPendingChecksums are not bad: the kernel has put the pseudo-header's sum
// where the checksum is to stand.
func TestPendingChecksums(t *testing.T) {
	w := tiers(t)
	for to, want := range map[string]string{"10.0.1.20:53": "forwarded", "10.0.1.1:53": "local", "169.254.169.253:53": "local"} {
		packet := udpPacket("10.0.1.10:4000", to, 'q')
		u := header.UDP(packet[header.IPv4MinimumSize:])
		s, d := netip.MustParseAddrPort("10.0.1.10:4000"), netip.MustParseAddrPort(to)
		u.SetChecksum(pseudo(header.UDPProtocolNumber, s.Addr(), d.Addr(), len(u)))
		frame := append(make([]byte, tun.HeaderLen), packet...)
		tun.Header(frame).Encode(tun.NeedsChecksum, tun.GSONone, 0, 0, header.IPv4MinimumSize, 6)
		if got := w.sendFrame("web", frame, 1); got != want {
			t.Errorf("to %s: %s, want %s", to, got, want)
		}
		if want == "local" { // nobody listens there, which the netstack says only of a datagram that is right
			got := w.awaitPacket("web")
			if got[header.IPv4MinimumSize] != uint8(header.ICMPv4DstUnreachable) {
				t.Errorf("%s answers %x", to, got)
			}
		}
		w.want("bad_transport_checksum", "web", packet) // as it is, it is wrong
	}
}

// TestVPCsBeyondTheNumbers are refused: they would be others' by their flows.
func TestVPCsBeyondTheNumbers(t *testing.T) {
	w := tiers(t)
	for i := len(w.g.vpcs); i <= math.MaxUint16; i++ { // that have come and gone
		w.g.vpcs[strconv.Itoa(i)] = i
	}
	w.apply() // the first is known
	w.res.VPCs = append(w.res.VPCs, vpc.VPC{ID: "vpc-2", Name: "other", CIDR: prefix("10.0.0.0/16")})
	s, err := vpc.New(w.res)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.g.Apply(filter.Compile(s)); err == nil || !strings.Contains(err.Error(), "VPC vpc-2 is beyond the 65536") {
		t.Errorf("the 65,537th VPC: %v", err)
	}
}
