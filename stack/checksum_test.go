package stack

import (
	"fmt"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// checksummed are packets with right transport checksums, by name.
func checksummed() map[string][]byte {
	segment := tcpSegment(40000, 443, header.TCPFlagAck, 12, "an odd number of bytes!")
	return map[string][]byte{
		"TCP":            seal(v4{protocol: tcpNo, payload: segment}.bytes()),
		"TCP6":           seal(v6{protocol: tcpNo, payload: segment}.bytes()),
		"UDP":            seal(v4{protocol: udpNo, payload: udpDatagram(5353, 53, "question")}.bytes()),
		"UDP6":           seal(v6{protocol: udpNo, payload: udpDatagram(5353, 53, "question")}.bytes()),
		"no payload":     seal(v4{protocol: udpNo, payload: udpDatagram(5353, 53, "")}.bytes()),
		"ICMP":           seal(v4{protocol: icmp4, payload: icmpMessage(8, 0, 77, "ping")}.bytes()),
		"ICMPv6":         seal(v6{protocol: icmp6, payload: icmpMessage(128, 0, 77, "ping")}.bytes()),
		"IP options":     seal(v4{protocol: udpNo, options: []byte{7, 7, 4, 0, 0, 0, 0, 0}, payload: udpDatagram(1, 2, "x")}.bytes()),
		"IPv6 headers":   seal(v6{chain: []extension{options(hbh, 1), routingHeader(4, 0, 1), options(dstOpts, 2)}, protocol: tcpNo, payload: segment}.bytes()),
		"atomic":         seal(v6{chain: []extension{fragment(0, false, 7)}, protocol: udpNo, payload: udpDatagram(1, 2, "x")}.bytes()),
		"the largest":    seal(v6{protocol: udpNo, payload: udpDatagram(1, 2, string(make([]byte, 65527)))}.bytes()),
		"all ones, IPv4": seal(v4{protocol: icmp4, payload: icmpMessage(255, 255, 0xffff, "\xff\xff\xff\xff")}.bytes()),
	}
}

func TestTransportChecksum(t *testing.T) {
	for name, b := range checksummed() {
		p, _ := parsed(t, b)
		if !p.TransportChecksumValid(b) {
			t.Errorf("%s: right, but not valid", name)
		}
		for at := p.HeaderLen; at < min(len(b), p.HeaderLen+64); at++ {
			b[at] ^= 0x10
			if p.TransportChecksumValid(b) {
				t.Errorf("%s: valid with byte %d of the transport changed", name, at-p.HeaderLen)
			}
			b[at] ^= 0x10
		}
		if p.IsICMP() && !p.IPv6 {
			continue // no pseudo-header
		}
		for _, at := range addressBytes(p) {
			b[at] ^= 0x10
			if p.TransportChecksumValid(b) {
				t.Errorf("%s: valid with byte %d of the addresses changed", name, at)
			}
			b[at] ^= 0x10
		}
	}
}

// addressBytes are the first and last bytes of both addresses.
func addressBytes(p *Packet) []int {
	if p.IPv6 {
		return []int{8, 23, 24, 39}
	}
	return []int{12, 15, 16, 19}
}

func TestTransportChecksumLeftOut(t *testing.T) {
	datagram := udpDatagram(5353, 53, "question")
	echo := icmpMessage(8, 0, 77, "ping")
	for _, test := range []struct {
		name string
		in   []byte
		want bool
	}{
		{"UDP over IPv4 may", v4{protocol: udpNo, payload: datagram}.bytes(), true},
		{"UDP over IPv6 may not", v6{protocol: udpNo, payload: datagram}.bytes(), false},
		{"TCP may not", v4{protocol: tcpNo, payload: tcpSegment(1, 2, header.TCPFlagAck, 0, "")}.bytes(), false},
		{"ICMP may not", v4{protocol: icmp4, payload: echo}.bytes(), false},
		{"ICMPv6 may not", v6{protocol: icmp6, payload: echo}.bytes(), false},
		{"ICMP of zeros alone is not its own complement", v4{protocol: icmp4, payload: make([]byte, 8)}.bytes(), false},
		{"a protocol that is a number has none", v4{protocol: gre, payload: datagram}.bytes(), true},
		{"ICMP in the wrong family is a number", v6{protocol: icmp4, payload: echo}.bytes(), true},
		{"a first fragment has that of the whole", v6{chain: []extension{fragment(0, true, 7)}, protocol: udpNo, payload: datagram}.bytes(), true},
		{"a later fragment has none", v4{protocol: tcpNo, offset: 8, payload: datagram}.bytes(), true},
		{"a checksum that is still pending is no valid one", unseal(v4{protocol: udpNo, payload: datagram}.bytes()), false},
	} {
		p, b := parsed(t, test.in)
		if got := p.TransportChecksumValid(b); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}

	// A UDP sender whose sum comes to 0 sends all ones, which is as good.
	b := v4{protocol: udpNo, payload: udpDatagram(0, 0, "\x00\x00")}.bytes()
	p, _ := parsed(t, b)
	b[28], b[29] = 0, 0
	sum := ^p.pseudoHeaderSum(b) - 10 // what is missing to all ones but the length
	b[28], b[29] = byte(sum>>8), byte(sum)
	b[26], b[27] = 0xff, 0xff
	if !p.TransportChecksumValid(b) {
		t.Error("a UDP checksum of all ones is not valid where the sum is 0")
	}
}

func BenchmarkTransportChecksumValid(b *testing.B) {
	for _, bench := range []struct {
		name string
		size int
	}{{"64B", 64}, {"1500B", 1500}, {"9001B", 9001}} {
		for _, packet := range [][]byte{
			seal(v4{protocol: tcpNo, payload: tcpSegment(1, 2, header.TCPFlagAck, 0, string(make([]byte, bench.size-40)))}.bytes()),
			seal(v6{protocol: tcpNo, payload: tcpSegment(1, 2, header.TCPFlagAck, 0, string(make([]byte, bench.size-60)))}.bytes()),
		} {
			b.Run(fmt.Sprintf("tcp%d-%s", packet[0]>>4, bench.name), func(b *testing.B) {
				var p Packet
				p.Parse(packet)
				b.ReportAllocs()
				for b.Loop() {
					if !p.TransportChecksumValid(packet) {
						b.Fatal("not valid")
					}
				}
			})
		}
	}
}
