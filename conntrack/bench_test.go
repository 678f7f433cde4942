package conntrack

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// benchKeys returns that many keys in random order, with every flow in the
// table established.
func benchKeys(b *testing.B, w *world, flows int) []Key {
	keys := make([]Key, flows)
	for i := range keys {
		keys[i], _ = tcp(i).key()
		shard, hash := w.Lock(&keys[i])
		f := shard.insert(&keys[i], hash, Low, tcpFlags("S"), w.now)
		shard.update(f, High, tcpFlags("SA"), w.now)
		shard.update(f, Low, tcpFlags("A"), w.now)
		shard.Unlock()
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(flows, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	b.ReportAllocs()
	return keys
}

// BenchmarkHit is what a packet of a live flow costs, its key's hash included. All
// connections have their turn in random order, once with data and once with the ACK of it.
func BenchmarkHit(b *testing.B) {
	for _, flows := range []int{1, 1_000, 1_000_000} {
		b.Run(fmt.Sprintf("flows=%d", flows), func(b *testing.B) {
			w := newWorld(b, 1<<20)
			keys := benchKeys(b, w, flows)
			r := w.readers.NewReader()
			g := Segment{Packets: 1, Bytes: 140, Flags: header.TCPFlagAck, Window: 1000}
			i, data := 0, uint32(0)
			for b.Loop() {
				if i&31 == 0 { // a batch
					r.Enter()
				}
				key := &keys[i]
				hash := w.Hash(key)
				e := w.Find(key, hash, w.now)
				g.Seq, g.Ack = 1001+data/2*100, 2001
				if g.Payload = 100; g.From == High {
					g.Seq, g.Ack, g.Payload = 2001, 1101+data/2*100, 0
				}
				if !w.Hit(e, hash, &g, w.now) {
					b.Fatal("no hit")
				}
				if i++; i == flows {
					i, data, g.From = 0, data+1, g.From.Opposite()
					w.pass(time.Second)
				}
			}
			r.Leave()
		})
	}
}

// BenchmarkMiss is what a packet without a flow costs before it is judged.
func BenchmarkMiss(b *testing.B) {
	w := newWorld(b, 1<<20)
	benchKeys(b, w, 1_000_000)
	absent := make([]Key, 1<<16)
	for i := range absent {
		absent[i], _ = numbered(protoUDP, i).key()
	}
	i := 0
	for b.Loop() {
		key := &absent[i&(len(absent)-1)]
		hash := w.Hash(key)
		if w.Find(key, hash, w.now) != nil {
			b.Fatal("a flow that was never there")
		}
		shard := w.Table.Lock(hash)
		if shard.Find(key, hash, w.now) != nil {
			b.Fatal("a flow that was never there")
		}
		shard.Unlock()
		i++
	}
}

// BenchmarkInsertExpire is a flow's whole cost of being: it is inserted, times
// out and is swept, in a table that always holds about as many. Newcomers come at a rate
// that makes them; the table is swept each second.
func BenchmarkInsertExpire(b *testing.B) {
	for _, live := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("live=%d", live), func(b *testing.B) {
			w := newWorld(b, 1<<21)
			lifetime := testTimeouts().UDP
			b.ReportAllocs()
			i := 0
			add := func() {
				key, from := numbered(protoUDP, i).key()
				shard, hash := w.Lock(&key)
				shard.insert(&key, hash, from, 0, w.now)
				shard.Unlock()
				w.pass(lifetime / time.Duration(live))
				if i++; i%(live/int(lifetime/time.Second)) == 0 {
					w.Sweep(w.now)
				}
			}
			for range 2 * live {
				add()
			}
			for b.Loop() {
				add()
			}
		})
	}
}

// BenchmarkSweep is one pass over a million live flows, of which nothing has timed out:
// established ones, and such as have been seen since they were looked at last.
func BenchmarkSweep(b *testing.B) {
	for _, due := range []bool{false, true} {
		b.Run(fmt.Sprintf("due=%t", due), func(b *testing.B) {
			w := newWorld(b, 1<<20)
			benchKeys(b, w, 1_000_000)
			for b.Loop() {
				if due {
					b.StopTimer()
					w.makeDue()
					b.StartTimer()
				}
				w.Sweep(w.now)
			}
		})
	}
}

// makeDue has the sweep look at all flows.
func (w *world) makeDue() {
	for i := range w.shards {
		for j := range w.shards[i].states {
			w.shards[i].states[j].due = tickAt(w.now)
		}
	}
}

// BenchmarkFullTable is what a newcomer costs that finds the table full: of
// established flows, with one among them that yields, or of flows that all do.
func BenchmarkFullTable(b *testing.B) {
	const flows = 1 << 20
	for _, yielding := range []int{0, 1, flows} {
		b.Run(fmt.Sprintf("yielding=%d", yielding), func(b *testing.B) {
			w := newWorld(b, flows)
			for i := range flows {
				key, from := tcp(i).key()
				shard, hash := w.Lock(&key)
				if f := shard.insert(&key, hash, from, 0, w.now); i >= yielding {
					shard.update(f, from.Opposite(), 0, w.now)
				}
				shard.Unlock()
			}
			i := flows
			for b.Loop() {
				key, from := tcp(i).key()
				shard, hash := w.Lock(&key)
				shard.insert(&key, hash, from, 0, w.now)
				shard.Unlock()
				w.now += 1000 // a million newcomers a second
				i++
			}
		})
	}
}

// BenchmarkFootprint reports the memory of a flow, all in: what the heap holds after a
// collection, and what the process has had resident at most while the table grew.
func BenchmarkFootprint(b *testing.B) {
	for _, flows := range []int{100_000, 700_000, 1_000_000, 1 << 20} {
		b.Run(fmt.Sprintf("flows=%d", flows), func(b *testing.B) {
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				w := newWorld(b, 1<<20)
				for i := range flows {
					key, from := tcp(i).key()
					shard, hash := w.Lock(&key)
					shard.insert(&key, hash, from, 0, w.now)
					shard.Unlock()
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(flows), "B/flow")
				b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(flows), "allocated-B/flow")
				runtime.KeepAlive(w)
			}
			var usage syscall.Rusage
			if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
				b.ReportMetric(float64(usage.Maxrss)*1024/float64(flows), "peak-B/flow")
			}
		})
	}
}

// BenchmarkCollect is a garbage collection with a million flows in the table, and with none.
func BenchmarkCollect(b *testing.B) {
	for _, flows := range []int{0, 1_000_000} {
		b.Run(fmt.Sprintf("flows=%d", flows), func(b *testing.B) {
			w := newWorld(b, 1<<20)
			benchKeys(b, w, flows)
			for b.Loop() {
				runtime.GC()
			}
			runtime.KeepAlive(w)
		})
	}
}
