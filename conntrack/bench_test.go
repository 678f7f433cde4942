package conntrack

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// benchKeys returns that many keys in random order, with every flow in the
// table established.
func benchKeys(b *testing.B, w *world, flows int) []Key {
	keys := make([]Key, flows)
	for i := range keys {
		keys[i], _ = tcp(i).key()
		shard, hash := w.Lock(&keys[i])
		f := shard.insert(&keys[i], hash, Low, 0, w.now)
		shard.update(f, High, 0, w.now)
		shard.Unlock()
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(flows, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	b.ReportAllocs()
	return keys
}

// BenchmarkHit is what a packet of a live flow costs, its key's hash, the lock
// and the update included.
func BenchmarkHit(b *testing.B) {
	for _, flows := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("flows=%d", flows), func(b *testing.B) {
			w := newWorld(b, 1<<20)
			keys := benchKeys(b, w, flows)
			i := 0
			for b.Loop() {
				key := &keys[i]
				shard, hash := w.Lock(key)
				f := shard.Find(key, hash, w.now)
				shard.update(f, Low, 0, w.now)
				shard.Unlock()
				if i++; i == flows {
					i = 0
				}
			}
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
		shard, hash := w.Lock(key)
		if shard.Find(key, hash, w.now) != nil {
			b.Fatal("a flow that was never there")
		}
		shard.Unlock()
		i++
	}
}

// BenchmarkInsertExpire is a flow's whole cost of being: it is inserted, times
// out and is swept, in a table that always holds about a hundred thousand.
func BenchmarkInsertExpire(b *testing.B) {
	const live = 100_000
	w := newWorld(b, 1<<20)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		key, from := numbered(protoUDP, i).key()
		shard, hash := w.Lock(&key)
		shard.insert(&key, hash, from, 0, w.now)
		shard.Unlock()
		w.now += int64(testTimeouts().UDP) / live
		if i++; i%(live/4) == 0 {
			w.Sweep(w.now)
		}
	}
}

// BenchmarkSweep is one pass over a million live flows.
func BenchmarkSweep(b *testing.B) {
	w := newWorld(b, 1<<20)
	benchKeys(b, w, 1_000_000)
	for b.Loop() {
		w.Sweep(w.now)
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

// BenchmarkFootprint reports the memory of a flow, free slots included.
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
				runtime.KeepAlive(w)
			}
		})
	}
}
