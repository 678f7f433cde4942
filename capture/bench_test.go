package capture

import (
	"fmt"
	"io"
	"testing"

	"github.com/sgate/sgate/gateway"
)

// events are those of a packet of a live flow and of one that is dropped, both of
// 9001 bytes.
func events(b *testing.B) map[string]*gateway.Event {
	w := newWorld(b)
	payload := make([]byte, 9001-40)
	allowed := tcp("10.0.1.10:40000", "10.0.1.20:3306", payload...)
	dropped := udp("10.0.1.10:40000", "10.0.1.20:3306", payload[12:]...)
	w.send("eni-web", tcp("10.0.1.10:40000", "10.0.1.20:3306"))
	return map[string]*gateway.Event{"flow": w.trial(allowed), "dropped": w.trial(dropped)}
}

// BenchmarkPacket is what a worker spends on a packet beside judging it.
func BenchmarkPacket(b *testing.B) {
	for name, e := range events(b) {
		for _, snaplen := range []int{128, 9001} {
			b.Run(fmt.Sprintf("%s/snaplen=%d", name, snaplen), func(b *testing.B) {
				o := Options{Snaplen: snaplen}
				o.setDefaults()
				buffer := newBuffer(o)
				b.ReportAllocs()
				for b.Loop() {
					buffer.Packet(e)
					buffer.next()
					buffer.release()
				}
			})
		}
		b.Run(name+"/lost", func(b *testing.B) {
			o := Options{Buffer: MinBuffer}
			o.setDefaults()
			buffer := newBuffer(o)
			b.ReportAllocs()
			for b.Loop() {
				buffer.Packet(e)
			}
		})
		b.Run(name+"/not wanted", func(b *testing.B) {
			o := Options{Select: func(*gateway.Event) bool { return false }}
			o.setDefaults()
			buffer := newBuffer(o)
			b.ReportAllocs()
			for b.Loop() {
				buffer.Packet(e)
			}
		})
	}
}

// BenchmarkWrite is what the reader spends on a packet, beside the packet path.
func BenchmarkWrite(b *testing.B) {
	for name, e := range events(b) {
		for _, snaplen := range []int{128, 9001} {
			b.Run(fmt.Sprintf("%s/snaplen=%d", name, snaplen), func(b *testing.B) {
				o := Options{Snaplen: snaplen, Interfaces: []string{"eni-web", "eni-db"}}
				o.setDefaults()
				w, err := newWriter(io.Discard, e.Policy, o)
				if err != nil {
					b.Fatal(err)
				}
				buffer := newBuffer(o)
				buffer.Packet(e)
				r := buffer.next()
				b.ReportAllocs()
				for b.Loop() {
					if err := w.write(r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
