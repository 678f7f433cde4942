package gateway_test

import (
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/sgate/sgate/capture"
	"github.com/sgate/sgate/flowlog"
	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/watch"
)

// BenchmarkWatch is a packet of 64 bytes of a live flow, from a device that has it to
// one that takes it, with nobody watching and with those who do. Their readers run
// beside it. With the build tag sgate_unwatched, nobody is what it is compared with.
func BenchmarkWatch(b *testing.B) {
	for _, c := range []struct {
		name  string
		watch func(*testing.B, *gateway.Gateway)
	}{
		{"nobody", func(*testing.B, *gateway.Gateway) {}},
		{"follower=drops", func(b *testing.B, g *gateway.Gateway) {
			follow(b, g, watch.Filter{Fates: []gateway.Fate{gateway.Dropped}})
		}},
		{"follower=all", func(b *testing.B, g *gateway.Gateway) { follow(b, g, watch.Filter{}) }},
		{"capture=snaplen-128", func(b *testing.B, g *gateway.Gateway) { captureAll(b, g, 128) }},
		{"flow-log", logFlows},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := gateway.NewSupplied(b, 64)
			c.watch(b, s.Gateway)
			b.ReportAllocs()
			b.ResetTimer()
			s.Move(b.N)
			b.StopTimer()
		})
	}
}

// follow reads what a follower is shown until the benchmark ends.
func follow(b *testing.B, g *gateway.Gateway, f watch.Filter) {
	ring := watch.New(f, 4096)
	stop := g.Watch(ring)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for into := make([]watch.Record, 256); ; {
			if _, err := ring.Next(ctx, into); err != nil {
				return
			}
		}
	}()
	b.Cleanup(func() {
		stop()
		cancel()
		<-done
	})
}

func captureAll(b *testing.B, g *gateway.Gateway, snaplen int) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- capture.Run(ctx, g, io.Discard, capture.Options{Interfaces: []string{"client", "server"}, Snaplen: snaplen})
	}()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	time.Sleep(50 * time.Millisecond) // until it watches; its figures would be too good otherwise
}

func logFlows(b *testing.B, g *gateway.Gateway) {
	m := flowlog.New(g, flowlog.Options{Clock: func() (time.Time, int64) { return time.Now(), g.Now() }})
	l := flowlog.Log{
		ID: "fl-0123456789abcdef0", Name: "all", Traffic: flowlog.AllTraffic, Interval: flowlog.MinInterval, Format: record.Default(),
		Destination: filepath.Join(b.TempDir(), "flow.log"), MaxFileSize: 10 << 20, MaxFiles: 1,
	}
	if err := m.Add(l); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := m.Close(); err != nil {
			b.Error(err)
		}
	})
}
