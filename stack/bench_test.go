package stack

import (
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

func TestParseAllocatesNothing(t *testing.T) {
	inputs := samples()
	for name, b := range samples() {
		inputs["an error about "+name] = errorAbout(b)
	}
	inputs["garbage"] = []byte("not a packet at all, but long enough")
	inputs["bad checksum"] = append([]byte{0x45}, make([]byte, 19)...)
	for name, b := range inputs {
		var p Packet
		if n := testing.AllocsPerRun(100, func() {
			if p.Parse(b) == Parsed && p.TTL > 0 {
				p.ICMPQuery()
				p.IsICMPError()
				p.WindowScale(b)
				p.TransportChecksumValid(b)
				p.Quoted(b)
				p.DecrementTTL(b)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a packet, want 0", name, n)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	segment := tcpSegment(40000, 443, header.TCPFlagAck, 12, string(make([]byte, 1400)))
	for _, bench := range []struct {
		name string
		in   []byte
	}{
		{"tcp4", v4{protocol: tcpNo, payload: segment}.bytes()},
		{"tcp6", v6{protocol: tcpNo, payload: segment}.bytes()},
		{"udp4", v4{protocol: udpNo, payload: udpDatagram(1, 2, "question")}.bytes()},
		{"icmp4", v4{protocol: icmp4, payload: icmpMessage(8, 0, 7, "ping")}.bytes()},
		{"extensions", samples()["all extensions"]},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var p Packet
			b.ReportAllocs()
			for b.Loop() {
				if p.Parse(bench.in) != Parsed {
					b.Fatal("not parsed")
				}
			}
		})
	}
}

func BenchmarkDecrementTTL(b *testing.B) {
	packet := samples()["tcp4"]
	var p Packet
	p.Parse(packet)
	for b.Loop() {
		p.DecrementTTL(packet)
	}
}
