package gateway

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a gateway on in-memory devices and a manual clock.
type world struct {
	t     *testing.T
	g     *Gateway
	clock atomic.Int64
	res   vpc.Resources
	devs  map[string]*tun.Memory // by the endpoint's name
	sent  map[string]uint64      // packets handed to each device
}

// The test VPC's parts have short ids: an endpoint's is its name, a group's
// "sg-" and its name.
const (
	theVPC    = "vpc-1"
	theSubnet = "subnet-1"
)

// newWorld returns a gateway for a VPC 10.0.0.0/16, fd00:10::/56 with one
// subnet 10.0.1.0/24, fd00:10:0:1::/64 and what the caller adds to it.
func newWorld(t *testing.T, o Options, groups []vpc.SecurityGroup, endpoints ...any) *world {
	t.Helper()
	w := &world{t: t, devs: make(map[string]*tun.Memory), sent: make(map[string]uint64)}
	w.res = vpc.Resources{
		VPCs:    []vpc.VPC{{ID: theVPC, Name: "main", CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")}},
		Subnets: []vpc.Subnet{{ID: theSubnet, Name: "public", VPCID: theVPC, CIDR: prefix("10.0.1.0/24"), IPv6CIDR: prefix("fd00:10:0:1::/64")}},
	}
	for _, g := range groups {
		g.VPCID = theVPC
		g.ID = "sg-" + g.Name
		w.res.SecurityGroups = append(w.res.SecurityGroups, g)
	}
	o.Now = w.clock.Load
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.g = g
	t.Cleanup(func() {
		w.checkCounters()
		if err := g.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for _, e := range endpoints {
		switch e := e.(type) {
		case vpc.NetworkInterface:
			w.res.Interfaces = append(w.res.Interfaces, e)
			w.attach(e.ID, DefaultMTU)
		case vpc.Host:
			w.res.Hosts = append(w.res.Hosts, e)
			w.attach(e.ID, DefaultMTU)
		}
	}
	w.apply()
	return w
}

func (w *world) attach(id string, mtu int) *Port {
	w.t.Helper()
	dev, err := tun.NewMemory(id, mtu)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := w.g.Attach(id, dev)
	if err != nil {
		w.t.Fatal(err)
	}
	w.devs[id] = dev
	return p
}

// pass lets time go by.
func (w *world) pass(d time.Duration) { w.clock.Add(int64(d)) }

// apply puts w.res in force.
func (w *world) apply() {
	w.t.Helper()
	s, err := vpc.New(w.res)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.g.Apply(filter.Compile(s)); err != nil {
		w.t.Fatal(err)
	}
}

// group returns the group with that name in w.res.
func (w *world) group(name string) *vpc.SecurityGroup {
	for i := range w.res.SecurityGroups {
		if w.res.SecurityGroups[i].Name == name {
			return &w.res.SecurityGroups[i]
		}
	}
	w.t.Fatalf("no group %q", name)
	return nil
}

// ruleID returns the id of the i-th rule of a group in the policy in force.
func (w *world) ruleID(group string, d vpc.Direction, i int) string {
	w.t.Helper()
	policy, _ := w.g.Policy()
	g, ok := policy.Snapshot().SecurityGroup("sg-" + group)
	if !ok {
		w.t.Fatalf("no group %q", group)
	}
	if d == vpc.Egress {
		return g.Egress[i].ID
	}
	return g.Ingress[i].ID
}

// checkCounters holds the equation: what was handed to a device was received,
// and received = forwarded + local + dropped.
func (w *world) checkCounters() {
	w.t.Helper()
	for id, sent := range w.sent {
		p := w.g.Port(id)
		if p == nil {
			continue
		}
		c := p.Counters()
		if c.Received != sent {
			w.t.Errorf("%s: received %d packets of %d", id, c.Received, sent)
		}
		if sum := c.Forwarded + c.Local + c.TotalDropped(); c.Received != sum {
			w.t.Errorf("%s: received %d packets, but forwarded + local + dropped is %d", id, c.Received, sum)
		}
	}
}

// send hands a plain packet to an endpoint's device, waits for the gateway's
// decision and returns it: the endpoint's drop reason, or "forwarded" or
// "local".
func (w *world) send(from string, packet []byte) string {
	w.t.Helper()
	return w.sendFrame(from, append(make([]byte, tun.HeaderLen), packet...), 1)
}

func (w *world) sendFrame(from string, frame []byte, packets uint64) string {
	w.t.Helper()
	port := w.g.Port(from)
	before := port.Counters()
	if err := w.devs[from].SendFrame(frame); err != nil {
		w.t.Fatal(err)
	}
	w.sent[from] += packets
	var after Counters
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Microsecond) {
		if after = port.Counters(); after.Received > before.Received {
			break
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: the packet was not received", from)
		}
	}
	switch {
	case after.Forwarded > before.Forwarded:
		return "forwarded"
	case after.Local > before.Local:
		return "local"
	}
	for r := range after.Dropped {
		if after.Dropped[r] > before.Dropped[r] {
			return Reason(r).String()
		}
	}
	w.t.Fatalf("%s: the packet was received and has no fate", from)
	return ""
}

// want sends a packet and checks its fate.
func (w *world) want(fate, from string, packet []byte) {
	w.t.Helper()
	if got := w.send(from, packet); got != fate {
		w.t.Errorf("%s sends %s: %s, want %s", from, describe(packet), got, fate)
	}
}

// arrived returns the next frame that was written to an endpoint's device, nil
// if there is none.
func (w *world) arrived(at string) []byte {
	select {
	case frame := <-w.devs[at].Received():
		return frame
	default:
		return nil
	}
}

// awaitPacket waits for a packet from the router, which may come from a
// goroutine of the netstack's.
func (w *world) awaitPacket(at string) []byte {
	w.t.Helper()
	select {
	case frame := <-w.devs[at].Received():
		return frame[tun.HeaderLen:]
	case <-time.After(10 * time.Second):
		w.t.Fatalf("%s: nothing arrived", at)
		return nil
	}
}

func describe(packet []byte) string {
	var p stack.Packet
	p.Parse(packet)
	return netip.AddrPortFrom(p.Src, p.SrcPort).String() + " > " + netip.AddrPortFrom(p.Dst, p.DstPort).String()
}

// Resources, in few words.

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }

func instance(name string, addrs []string, groups ...string) vpc.NetworkInterface {
	nic := vpc.NetworkInterface{ID: name, Name: name, VPCID: theVPC, SubnetID: theSubnet, SourceDestCheck: true}
	for _, g := range groups {
		nic.GroupIDs = append(nic.GroupIDs, "sg-"+g)
	}
	for _, a := range addrs {
		nic.Addresses = append(nic.Addresses, addr(a))
	}
	return nic
}

func host(name string, addrs ...string) vpc.Host {
	h := vpc.Host{ID: name, Name: name, VPCID: theVPC}
	for _, a := range addrs {
		h.Addresses = append(h.Addresses, addr(a))
	}
	return h
}

func rule(protocol vpc.Protocol, from, to int32, peer string) vpc.Rule {
	r := vpc.Rule{Protocol: protocol, FromPort: from, ToPort: to}
	if p, err := netip.ParsePrefix(peer); err == nil {
		r.Peer.CIDR = p
	} else {
		r.Peer.GroupID = "sg-" + peer
	}
	return r
}

func all(peer string) vpc.Rule { return rule(vpc.AllProtocols, vpc.Any, vpc.Any, peer) }

// everything is the egress of a new group in a VPC with IPv6.
func everything() []vpc.Rule { return []vpc.Rule{all("0.0.0.0/0"), all("::/0")} }

// Packets, in few words.

// tcpPacket makes a segment of a connection of which both initial sequence
// numbers are isn, and of which neither end has acknowledged any data.
func tcpPacket(src, dst string, flags header.TCPFlags, payload ...byte) []byte {
	seq := uint32(isn + 1)
	if flags&header.TCPFlagSyn != 0 {
		seq = isn
	}
	return segment(src, dst, flags, seq, isn+1, payload...)
}

const isn = 1000

func segment(src, dst string, flags header.TCPFlags, seq, ack uint32, payload ...byte) []byte {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	t := make([]byte, header.TCPMinimumSize+len(payload))
	copy(t[header.TCPMinimumSize:], payload)
	h := header.TCP(t)
	h.Encode(&header.TCPFields{
		SrcPort: s.Port(), DstPort: d.Port(), SeqNum: seq, AckNum: ack,
		DataOffset: header.TCPMinimumSize, Flags: flags, WindowSize: 65535,
	})
	sum := pseudo(header.TCPProtocolNumber, s.Addr(), d.Addr(), len(t))
	h.SetChecksum(^checksum.Checksum(t, sum))
	return ipPacket(s.Addr(), d.Addr(), uint8(header.TCPProtocolNumber), t)
}

func syn(src, dst string) []byte { return tcpPacket(src, dst, header.TCPFlagSyn) }
func synAck(src, dst string) []byte {
	return tcpPacket(src, dst, header.TCPFlagSyn|header.TCPFlagAck)
}
func ack(src, dst string) []byte { return tcpPacket(src, dst, header.TCPFlagAck, 'x') }

func udpPacket(src, dst string, payload ...byte) []byte {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	u := make([]byte, header.UDPMinimumSize+len(payload))
	copy(u[header.UDPMinimumSize:], payload)
	h := header.UDP(u)
	h.Encode(&header.UDPFields{SrcPort: s.Port(), DstPort: d.Port(), Length: uint16(len(u))})
	sum := pseudo(header.UDPProtocolNumber, s.Addr(), d.Addr(), len(u))
	h.SetChecksum(^checksum.Checksum(u, sum))
	return ipPacket(s.Addr(), d.Addr(), uint8(header.UDPProtocolNumber), u)
}

// icmpPacket makes an ICMP or, by the addresses' family, ICMPv6 message.
func icmpPacket(src, dst string, icmpType, code uint8, id uint16) []byte {
	s, d := addr(src), addr(dst)
	m := []byte{icmpType, code, 0, 0, byte(id >> 8), byte(id), 0, 1, 'p', 'i', 'n', 'g'}
	if s.Is6() {
		h := header.ICMPv6(m)
		h.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{
			Header: h, Src: tcpip.AddrFromSlice(s.AsSlice()), Dst: tcpip.AddrFromSlice(d.AsSlice()),
		}))
		return ipPacket(s, d, uint8(header.ICMPv6ProtocolNumber), m)
	}
	header.ICMPv4(m).SetChecksum(^checksum.Checksum(m, 0))
	return ipPacket(s, d, uint8(header.ICMPv4ProtocolNumber), m)
}

// icmpError makes an ICMP or ICMPv6 error about a packet.
func icmpError(src, dst string, icmpType, code uint8, about []byte) []byte {
	s, d := addr(src), addr(dst)
	m := append([]byte{icmpType, code, 0, 0, 0, 0, 0, 0}, about...)
	if s.Is6() {
		h := header.ICMPv6(m)
		h.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{
			Header: h, Src: tcpip.AddrFromSlice(s.AsSlice()), Dst: tcpip.AddrFromSlice(d.AsSlice()),
		}))
		return ipPacket(s, d, uint8(header.ICMPv6ProtocolNumber), m)
	}
	header.ICMPv4(m).SetChecksum(^checksum.Checksum(m, 0))
	return ipPacket(s, d, uint8(header.ICMPv4ProtocolNumber), m)
}

func pseudo(protocol tcpip.TransportProtocolNumber, src, dst netip.Addr, length int) uint16 {
	return header.PseudoHeaderChecksum(protocol, tcpip.AddrFromSlice(src.AsSlice()), tcpip.AddrFromSlice(dst.AsSlice()), uint16(length))
}

func ipPacket(src, dst netip.Addr, protocol uint8, payload []byte) []byte {
	if src.Is6() {
		b := make([]byte, header.IPv6MinimumSize, header.IPv6MinimumSize+len(payload))
		header.IPv6(b).Encode(&header.IPv6Fields{
			PayloadLength: uint16(len(payload)), TransportProtocol: tcpip.TransportProtocolNumber(protocol), HopLimit: 64,
			SrcAddr: tcpip.AddrFromSlice(src.AsSlice()), DstAddr: tcpip.AddrFromSlice(dst.AsSlice()),
		})
		return append(b, payload...)
	}
	b := make([]byte, header.IPv4MinimumSize, header.IPv4MinimumSize+len(payload))
	h := header.IPv4(b)
	h.Encode(&header.IPv4Fields{
		TotalLength: uint16(len(b) + len(payload)), TTL: 64, Protocol: protocol, Flags: header.IPv4FlagDontFragment,
		SrcAddr: tcpip.AddrFromSlice(src.AsSlice()), DstAddr: tcpip.AddrFromSlice(dst.AsSlice()),
	})
	h.SetChecksum(^h.CalculateChecksum())
	return append(b, payload...)
}

// withTTL changes a packet's TTL or hop limit.
func withTTL(packet []byte, ttl uint8) []byte {
	if packet[0]>>4 == 6 {
		packet[7] = ttl
		return packet
	}
	h := header.IPv4(packet)
	h.SetTTL(ttl)
	h.SetChecksum(0)
	h.SetChecksum(^h.CalculateChecksum())
	return packet
}
