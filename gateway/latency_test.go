package gateway

import (
	"slices"
	"testing"
	"time"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/tun"
)

// TestLatenciesAreSampled: one in 1,024 of the batches that have frames, however many
// reads find none.
func TestLatenciesAreSampled(t *testing.T) {
	var clock int64
	g, err := NewModel(filter.Compile(twoTiers(t)), Options{Now: func() int64 { clock += 1500; return clock }}, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, web := g.view.Load(), g.Port("web")
	m, err := tun.NewMemory("web", DefaultMTU)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	dev := &still{Memory: m}
	batch := tun.NewBatch()
	defer batch.Close()
	const batches = 2*latencySampling + latencySampling/2
	for empty := range 3 { // reads that find none, after each that finds one
		w := &worker{gateway: g, batch: batch}
		g.workers = []*worker{w}
		for range batches {
			dev.frame = plain(udpPacket("10.0.1.10:1", "198.51.100.7:53")) // to nobody
			n, _ := batch.Read(dev, 1)
			w.moveTimed(v, v.at(web.slot), n)
			for range empty {
				w.moveTimed(v, v.at(web.slot), 0)
			}
		}
		if l := g.Latencies()[0]; l.Counts[1] != 2 || l.Sum != 2*1500 {
			t.Errorf("%d empty reads each: %d batches within 2 us, %v in all, want 2 in 3 us", empty, l.Counts[1], l.Sum)
		}
	}
	if c := web.Counters(); c.Received != 3*batches {
		t.Errorf("%d packets received, want %d", c.Received, 3*batches)
	}
}

// TestWorkers: one that has failed is none that runs.
func TestWorkers(t *testing.T) {
	g, err := New(Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	g.workers[1].failed.Store(true)
	if running, all := g.Workers(); running != 1 || all != 2 {
		t.Errorf("%d of %d run, want 1 of 2", running, all)
	}
}

// TestLatencyBuckets: a bound is the highest that is still below it.
func TestLatencyBuckets(t *testing.T) {
	var l latency
	for _, ns := range []int64{0, 1000, 1001, 10_000_000, 10_000_001, int64(time.Hour)} {
		l.observe(ns)
	}
	var counts []uint64
	for i := range l.buckets {
		counts = append(counts, l.buckets[i].Load())
	}
	want := make([]uint64, len(latencyBounds)+1)
	want[0], want[1], want[len(want)-2], want[len(want)-1] = 2, 1, 1, 2
	if !slices.Equal(counts, want) {
		t.Errorf("%v, want %v", counts, want)
	}
}
