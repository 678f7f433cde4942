package savefile

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// syncBuffer is a bytes.Buffer for two goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// serialized returns a packet's bytes.
func serialized(t *testing.T, of ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, of...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b.Bytes())
}

func TestText(t *testing.T) {
	ip4 := func(p layers.IPProtocol) *layers.IPv4 {
		return &layers.IPv4{Version: 4, TTL: 64, Protocol: p, SrcIP: net.IP{10, 0, 1, 10}, DstIP: net.IP{10, 0, 1, 20}}
	}
	ip6 := func(p layers.IPProtocol) *layers.IPv6 {
		return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: p, SrcIP: net.ParseIP("fd00::10"), DstIP: net.ParseIP("fd00::20")}
	}
	tcp := &layers.TCP{SrcPort: 40000, DstPort: 3306, SYN: true, ECE: true, CWR: true}
	udp := &layers.UDP{SrcPort: 5353, DstPort: 53}
	whole := serialized(t, ip4(layers.IPProtocolTCP), tcp)
	withOptions := serialized(t, ip4(layers.IPProtocolTCP), &layers.TCP{SrcPort: 40000, DstPort: 22, SYN: true, Options: []layers.TCPOption{
		{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{1, 2}},
	}})
	var in, out bytes.Buffer
	g := newGateway(t, &in, "web")
	for _, data := range [][]byte{
		whole,
		serialized(t, ip6(layers.IPProtocolTCP), &layers.TCP{SrcPort: 40000, DstPort: 443, ACK: true, PSH: true}, gopacket.Payload("hello")),
		serialized(t, ip4(layers.IPProtocolUDP), udp, gopacket.Payload("no DNS at all")),
		serialized(t, ip4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, gopacket.Payload("12345678")),
		serialized(t, ip6(layers.IPProtocolICMPv6), &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(129, 0)}),
		serialized(t, ip4(47)),
		serialized(t, ip4(layers.IPProtocolIPv4), ip4(layers.IPProtocolTCP), tcp), // a packet in a packet
		serialized(t, ip6(layers.IPProtocolIPv6Destination), gopacket.Payload{17, 0, 1, 4, 0, 0, 0, 0, 0x14, 0xe9, 0, 53, 0, 8, 0, 0}),
		whole[:30], // as by a short snap length
		withOptions[:42],
		whole[:10],
		nil,
		{0xff, 0xff},
	} {
		g.in(0, data) // 7 bytes more were not captured
	}
	g.packet(0, whole, 0, pcapgo.NgEpbFlagDirectionOutbound)
	if _, err := Save(&in, Options{Text: &out, Zone: time.UTC}); err != nil {
		t.Fatal(err)
	}
	want := `
12:00:00.000000 web In  IP 10.0.1.10.40000 > 10.0.1.20.3306: Flags [SEW], length 7: DROP no_ingress_rule, to db; packet 0
12:00:00.000001 web In  IP6 fd00::10.40000 > fd00::20.443: Flags [P.], length 12: DROP no_ingress_rule, to db; packet 1
12:00:00.000002 web In  IP 10.0.1.10.5353 > 10.0.1.20.53: UDP, length 20: DROP no_ingress_rule, to db; packet 2
12:00:00.000003 web In  IP 10.0.1.10 > 10.0.1.20: ICMP EchoRequest, length 23: DROP no_ingress_rule, to db; packet 3
12:00:00.000004 web In  IP6 fd00::10 > fd00::20: ICMP6 EchoReply, length 11: DROP no_ingress_rule, to db; packet 4
12:00:00.000005 web In  IP 10.0.1.10 > 10.0.1.20: protocol 47, length 7: DROP no_ingress_rule, to db; packet 5
12:00:00.000006 web In  IP 10.0.1.10 > 10.0.1.20: protocol 4, length 47: DROP no_ingress_rule, to db; packet 6
12:00:00.000007 web In  IP6 fd00::10.5353 > fd00::20.53: UDP, length 7: DROP no_ingress_rule, to db; packet 7
12:00:00.000008 web In  IP 10.0.1.10 > 10.0.1.20: protocol 6, length 17: DROP no_ingress_rule, to db; packet 8
12:00:00.000009 web In  IP 10.0.1.10.40000 > 10.0.1.20.22: Flags [S], length 5: DROP no_ingress_rule, to db; packet 9
12:00:00.000010 web In  no IP header, length 17: DROP no_ingress_rule, to db; packet 10
12:00:00.000011 web In  no IP header, length 7: DROP no_ingress_rule, to db; packet 11
12:00:00.000012 web In  no IP header, length 9: DROP no_ingress_rule, to db; packet 12
12:00:00.000013 web Out IP 10.0.1.10.40000 > 10.0.1.20.3306: Flags [SEW], length 7: DROP no_ingress_rule, to db; packet 13
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
