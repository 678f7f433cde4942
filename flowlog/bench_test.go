package flowlog

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
)

// shown is an event that a gateway has shown of a packet between two instances.
func shown(tb testing.TB) *gateway.Event {
	tb.Helper()
	w := newWorld(tb, resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", everything(), everything(),
		instance("eni-2222222222222222a", "10.0.0.5"), instance("eni-3333333333333333b", "10.0.0.6")), Options{})
	c := &captured{}
	defer w.g.Watch(c)()
	w.send("eni-2222222222222222a", tcp(tb, "10.0.0.5:1024", "10.0.0.6:80", syn, 60))
	w.sync()
	return &c.event
}

// captured keeps the event it sees.
type captured struct {
	event  gateway.Event
	packet stack.Packet
}

func (c *captured) Packet(e *gateway.Event) {
	c.event, c.packet = *e, *e.Packet
	c.event.Packet, c.event.Data = &c.packet, nil
}

// flow makes the event one of the i-th flow.
func flow(e *gateway.Event, i int) {
	e.Packet.SrcPort, e.Packet.DstPort = uint16(i), uint16(i>>16)
}

func BenchmarkPacket(b *testing.B) {
	for _, flows := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprint(flows, "-flows"), func(b *testing.B) {
			e, c := shown(b), newCollector(1<<20)
			c.covers.Store(&coverage{all: true})
			for i := range flows {
				flow(e, i)
				c.Packet(e)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				flow(e, i)
				c.Packet(e)
				i = (i + 7919) % flows
			}
		})
	}
}

// BenchmarkNewFlows is what a flow costs that is not known yet.
func BenchmarkNewFlows(b *testing.B) {
	e, c := shown(b), newCollector(1<<20)
	c.covers.Store(&coverage{all: true})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i++; i%100_000 == 0 {
			c.take()
		}
		flow(e, i)
		c.Packet(e)
	}
}

// BenchmarkBothWorkers is two workers at a time, each with packets of its own
// device.
func BenchmarkBothWorkers(b *testing.B) {
	e, c := shown(b), newCollector(1<<20)
	c.covers.Store(&coverage{all: true})
	var workers atomic.Int32
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		own, packet := *e, *e.Packet
		own.Packet = &packet
		if workers.Add(1)%2 == 0 {
			own.In, own.Out = own.Out, own.In
		}
		i := 0
		for pb.Next() {
			flow(&own, i%1000)
			c.Packet(&own)
			i++
		}
	})
}

// TestPacketsOfKnownFlowsCostNoMemory holds what the benchmark shows.
func TestPacketsOfKnownFlowsCostNoMemory(t *testing.T) {
	e, c := shown(t), newCollector(1000)
	c.covers.Store(&coverage{ids: map[string]bool{e.In.ID(): true, e.Out.ID(): true}})
	i := 0
	c.Packet(e)
	for i := range 100 {
		flow(e, i)
		c.Packet(e)
	}
	if n := testing.AllocsPerRun(1000, func() {
		flow(e, i%100)
		c.Packet(e)
		i++
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
