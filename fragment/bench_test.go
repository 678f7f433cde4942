package fragment

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/sgate/sgate/stack"
)

// parsed is a fragment as the gateway hands it over.
type parsed struct {
	p      stack.Packet
	packet []byte
}

// largest is a datagram of 64 KiB in the 45 pieces that a link of 1500 bytes
// makes of it.
func largest(t testing.TB) []parsed {
	whole := whole4(t, 7, nil, udp(), payload(65535-28))
	var out []parsed
	for _, packet := range cut4(whole, every(1480, 65515)...) {
		f := parsed{packet: packet}
		if problem := f.p.Parse(packet); problem != stack.Parsed {
			t.Fatal(problem)
		}
		out = append(out, f)
	}
	return out
}

func newTable(t testing.TB, limits Limits) *Table {
	t.Helper()
	table, err := New(limits, nil)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// BenchmarkAdd is the whole cost of the largest datagram, in its pieces' order
// and against it.
func BenchmarkAdd(b *testing.B) {
	pieces := largest(b)
	for _, order := range []string{"in order", "reversed"} {
		b.Run(order, func(b *testing.B) {
			table := newTable(b, DefaultLimits())
			b.ReportAllocs()
			b.SetBytes(65535)
			for b.Loop() {
				var r Result
				for i := range pieces {
					f := &pieces[i]
					if order == "reversed" {
						f = &pieces[len(pieces)-1-i]
					}
					r = table.Add(alice, &f.p, f.packet, 0)
				}
				if r.Outcome != Complete {
					b.Fatal(word(r))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(pieces)), "ns/piece")
		})
	}
}

// BenchmarkFlood is what each piece costs that belongs to no datagram which is
// ever complete: there is always another to be evicted. senders are as many
// interfaces at it together.
func BenchmarkFlood(b *testing.B) {
	for _, senders := range []int{1, 1000} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			table := newTable(b, DefaultLimits())
			packet := first(0)
			var p stack.Packet
			p.Parse(packet)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p.FragmentID = uint32(i)
				table.Add(Owner{Interface: uint32(i % senders)}, &p, packet, 0)
				i++
			}
		})
	}
}

// TestCopiesAreAllThatIsAllocated holds a piece to its copy, and its share of a
// slice that grows.
func TestCopiesAreAllThatIsAllocated(t *testing.T) {
	pieces := largest(t)
	last := len(pieces) - 1
	table := newTable(t, DefaultLimits())
	n := testing.AllocsPerRun(20, func() {
		for i := range pieces {
			table.Add(alice, &pieces[i].p, pieces[i].packet, 0)
		}
	})
	// A copy for each; the datagram and its sender, each with a place in a map
	// or heap; the growth of its pieces to 64; the whole and the list of pieces.
	if most := float64(len(pieces) + 4 + 7 + 2); n > most {
		t.Errorf("%v allocations for %d pieces, want at most %v", n, len(pieces), most)
	}
	for i := range last {
		table.Add(alice, &pieces[i].p, pieces[i].packet, 0)
	}
	if n := testing.AllocsPerRun(100, func() { table.Add(alice, &pieces[0].p, pieces[0].packet, 0) }); n != 0 {
		t.Errorf("%v allocations for a duplicate, want none", n)
	}
}

// TestOverheads holds that what is charged beside the packets is what they take,
// by the memory that the runtime says is in use.
func TestOverheads(t *testing.T) {
	const datagrams = 20000
	packet := first(0)
	var p stack.Packet
	p.Parse(packet)
	for _, c := range []struct {
		name    string
		pieces  int
		charged int
	}{
		{"datagrams of one piece", 1, memoryOf(packet)},
		{"datagrams of 17, where a slice has just grown", 17, DatagramOverhead + 17*(PieceOverhead+len(packet))},
	} {
		n := datagrams / c.pieces
		table := newTable(t, Limits{Bytes: 1 << 30, OwnerBytes: 1 << 30, Pieces: 100, Timeout: time.Second})
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range n * c.pieces {
			p.FragmentID, p.FragmentOffset = uint32(i/c.pieces), uint16(80*(i%c.pieces))
			table.Add(Owner{Interface: uint32(i / c.pieces)}, &p, packet, 0)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if taken := int(after.HeapAlloc-before.HeapAlloc) / n; taken > c.charged {
			t.Errorf("%s take %d bytes each, %d are charged", c.name, taken, c.charged)
		} else {
			t.Logf("%s take %d bytes each, %d are charged", c.name, taken, c.charged)
		}
		runtime.KeepAlive(table)
	}
}
