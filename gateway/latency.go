package gateway

import (
	"slices"
	"sync/atomic"
	"time"
)

// latencySampling is of how many batches one is timed.
const latencySampling = 1024

// latencyBounds are the upper bounds of the buckets, in ns; the last one has none.
var latencyBounds = [...]int64{
	1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
	1_000_000, 2_000_000, 5_000_000, 10_000_000,
}

// latency counts how long batches take.
type latency struct {
	buckets [len(latencyBounds) + 1]atomic.Uint64
	sum     atomic.Int64 // ns
}

// observe takes the time of one batch, in ns.
func (l *latency) observe(ns int64) {
	i, _ := slices.BinarySearch(latencyBounds[:], ns)
	l.buckets[i].Add(1)
	l.sum.Add(ns)
}

// Latency is how long the batches of one worker have taken from the moment that
// they were read until they were written or dropped. One in 1,024 is timed.
type Latency struct {
	Bounds []time.Duration // upper bounds of the buckets, in rising order
	// Counts are how many were within each bound and above the one before, and
	// last those above all.
	Counts []uint64
	Sum    time.Duration
}

// Latencies returns those of each worker.
func (g *Gateway) Latencies() []Latency {
	all := make([]Latency, len(g.workers))
	for i, w := range g.workers {
		l := &all[i]
		for _, bound := range latencyBounds {
			l.Bounds = append(l.Bounds, time.Duration(bound))
		}
		for j := range w.latency.buckets {
			l.Counts = append(l.Counts, w.latency.buckets[j].Load())
		}
		l.Sum = time.Duration(w.latency.sum.Load())
	}
	return all
}

// Workers returns how many threads move packets, and how many there should be:
// one whose epoll fails ends.
func (g *Gateway) Workers() (running, all int) {
	for _, w := range g.workers {
		if !w.failed.Load() {
			running++
		}
	}
	return running, len(g.workers)
}
