package watch

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// next reads records that are there.
func next(t *testing.T, r *Ring, room int) []Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	into := make([]Record, room)
	n, err := r.Next(ctx, into)
	if err != nil {
		t.Fatal(err)
	}
	return into[:n]
}

func TestRecord(t *testing.T) {
	w := newWorld(t)
	policy, generation := w.g.Policy()
	ruleID := func(d vpc.Direction) string {
		group, _ := policy.Snapshot().SecurityGroup("sg-web")
		return group.Rules(d)[0].ID
	}
	r := New(Filter{}, 16)
	addr := netip.MustParseAddr
	allowed := w.event("web", tcp("10.0.1.10", "10.0.1.20", 443))
	dropped := w.event("laptop", stack.Composition{Src: addr("203.0.113.10"), Dst: addr("10.0.1.10"), Protocol: 1, ICMPType: 8, ICMPCode: 3})
	malformed := w.eventOf("web", stack.Compose(tcp("10.0.1.10", "10.0.1.20", 443))[:30])
	pieces := &gateway.Event{Reason: gateway.ReasonNotCompiled, In: w.g.Port("web"), Packets: 3, Bytes: 99}
	for _, e := range []*gateway.Event{allowed, dropped, malformed, pieces} {
		r.Packet(e)
	}
	want := []Record{
		{
			Time: allowed.Time, Fate: gateway.Forwarded, Reason: gateway.ReasonRule, In: "web", Out: "db", VPCID: "vpc-1",
			Src: netip.MustParseAddrPort("10.0.1.10:40000"), Dst: netip.MustParseAddrPort("10.0.1.20:443"), Protocol: 6, HasTransport: true,
			TCPFlags: header.TCPFlagSyn, Packets: 1, Bytes: 40,
			Egress:  gateway.Side{Answer: gateway.SideRule, RuleID: ruleID(vpc.Egress)},
			Ingress: gateway.Side{Answer: gateway.SideRule, RuleID: ruleID(vpc.Ingress)},
		},
		{
			Time: dropped.Time, Fate: gateway.Dropped, Reason: gateway.ReasonNoIngressRule, In: "laptop", Out: "web", VPCID: "vpc-1",
			Src: netip.MustParseAddrPort("203.0.113.10:0"), Dst: netip.MustParseAddrPort("10.0.1.10:0"), Protocol: 1, HasTransport: true,
			ICMPType: 8, ICMPCode: 3, Packets: 1, Bytes: 28,
			Egress: gateway.Side{Answer: gateway.SideNoGroups}, Ingress: gateway.Side{Answer: gateway.SideNoRule},
		},
		{Time: malformed.Time, Fate: gateway.Dropped, Reason: gateway.Reason(stack.Truncated), In: "web", VPCID: "vpc-1",
			Src: netip.MustParseAddrPort("10.0.1.10:0"), Dst: netip.MustParseAddrPort("10.0.1.20:0"), Protocol: 6, Packets: 1, Bytes: 30},
		{Reason: gateway.ReasonNotCompiled, In: "web", Packets: 3, Bytes: 99},
	}
	for i := range want[:3] {
		want[i].Policy, want[i].Generation = policy, generation
	}
	got := next(t, r, 10)
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *filter.Policy) bool { return a == b }), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLoss holds that a full ring takes no more, says how many it could not take,
// and where they are missing.
func TestLoss(t *testing.T) {
	w := newWorld(t)
	e := w.event("web", tcp("10.0.1.10", "10.0.1.20", 443))
	r := New(Filter{}, 3) // which makes 4
	offer := func(n int) {
		for range n {
			e.Time++
			r.Packet(e)
		}
	}
	start := e.Time
	offer(6)
	if r.Lost() != 2 {
		t.Errorf("%d are lost", r.Lost())
	}
	type seen struct{ At, Lost int64 }
	var got []seen
	read := func(n int) {
		for _, record := range next(t, r, n) {
			got = append(got, seen{record.Time - start, int64(record.Lost)})
		}
	}
	read(3)
	offer(4) // for three places
	read(10)
	offer(1)
	read(10)
	if diff := cmp.Diff([]seen{{1, 0}, {2, 0}, {3, 0}, {4, 0}, {7, 2}, {8, 2}, {9, 2}, {11, 3}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.Lost() != 3 {
		t.Errorf("%d are lost", r.Lost())
	}
	for i := range r.slots {
		if r.slots[i].record.Policy != nil {
			t.Errorf("slot %d keeps a policy", i)
		}
	}
}

// TestManyWriters has workers, a reader that is now fast and now asleep, and a
// ring that is too small: each event arrives once or is counted as lost, and
// those of one worker in their order.
func TestManyWriters(t *testing.T) {
	const writers, each = 4, 20_000
	w := newWorld(t)
	proto := w.event("web", tcp("10.0.1.10", "10.0.1.20", 443))
	r := New(Filter{}, 64)
	r.gather = time.Microsecond
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var offered atomic.Int64
	for writer := range writers {
		all.Go(func() {
			e := *proto
			for i := range each {
				e.Time, e.Packets = int64(i), writer
				r.Packet(&e)
				offered.Add(1)
				if i%512 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	var last [writers]int64
	for i := range last {
		last[i] = -1
	}
	var read, lost uint64
	done := make(chan struct{})
	go func() {
		defer close(done)
		into := make([]Record, 16)
		for {
			n, err := r.Next(ctx, into)
			if err != nil {
				return
			}
			for _, record := range into[:n] {
				if record.Time <= last[record.Packets] {
					t.Errorf("worker %d: %d after %d", record.Packets, record.Time, last[record.Packets])
				}
				last[record.Packets] = record.Time
				lost = max(lost, record.Lost)
			}
			read += uint64(n)
		}
	}()
	all.Wait()
	for deadline := time.Now().Add(20 * time.Second); r.slots[(r.next.Load()-1)&r.mask].turn.Load() == r.next.Load(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the reader sleeps though there are events")
		}
	}
	cancel()
	<-done
	if lost > r.Lost() || read+r.Lost() != writers*each {
		t.Errorf("%d read and %d lost of %d; the last record knows of %d", read, r.Lost(), writers*each, lost)
	}
}

// TestNextWakes holds that a reader that sleeps is woken by an event, and not by
// one that is not wanted.
func TestNextWakes(t *testing.T) {
	w := newWorld(t)
	r := New(Filter{Port: 443}, 16)
	wanted, unwanted := w.event("web", tcp("10.0.1.10", "10.0.1.20", 443)), w.event("web", tcp("10.0.1.10", "10.0.1.20", 444))
	for range 100 {
		got := make(chan []Record)
		go func() { got <- next(t, r, 4) }()
		for !r.asleep.Load() {
			runtime.Gosched()
		}
		r.Packet(unwanted)
		if !r.asleep.Load() {
			t.Error("an event that is not wanted wakes the reader")
		}
		r.Packet(wanted)
		if records := <-got; len(records) != 1 || records[0].Dst.Port() != 443 {
			t.Errorf("%+v", records)
		}
	}
}

// TestNextEnds holds that a reader which is given up leaves the ring as it was.
func TestNextEnds(t *testing.T) {
	w := newWorld(t)
	e := w.event("web", tcp("10.0.1.10", "10.0.1.20", 443))
	r := New(Filter{}, 16)
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := r.Next(ctx, make([]Record, 1))
			ended <- err
		}()
		for !r.asleep.Load() {
			runtime.Gosched()
		}
		offered := make(chan struct{})
		go func() {
			defer close(offered)
			r.Packet(e)
		}()
		cancel()
		err := <-ended
		<-offered
		if err == nil {
			continue // it was woken first
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if r.asleep.Load() || len(r.wake) != 0 {
			t.Fatal("the next writer would wait for a reader that has left")
		}
		if got := next(t, r, 10); len(got) != 1 {
			t.Fatalf("%d records", len(got))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Packet(e)
	if n, err := r.Next(ctx, make([]Record, 1)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %d, %v", n, err)
	}
}

// TestNoSleepBesideAnEvent has an event that comes after the reader has looked for
// one and before it sleeps: its writer does not wake anybody.
func TestNoSleepBesideAnEvent(t *testing.T) {
	w := newWorld(t)
	r := New(Filter{}, 16)
	r.Packet(w.event("web", tcp("10.0.1.10", "10.0.1.20", 443)))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := r.sleep(ctx); err != nil || r.asleep.Load() {
		t.Errorf("%v, asleep: %v", err, r.asleep.Load())
	}
}

// TestNothingIsAllocated holds the packet path to that.
func TestNothingIsAllocated(t *testing.T) {
	w := newWorld(t)
	allowed, dropped := w.event("web", tcp("10.0.1.10", "10.0.1.20", 443)), w.event("web", tcp("10.0.1.10", "10.0.1.20", 444))
	live := newLiveWorld(t).event("web", tcp("10.0.1.10", "10.0.1.20", 443))
	if side := live.Side(vpc.Ingress); side.Answer != gateway.SideFlow || side.RuleID == "" {
		t.Fatalf("the packet of a live flow: %+v", side)
	}
	for name, c := range map[string]struct {
		ring *Ring
		e    *gateway.Event
		lost bool
	}{
		"selected, a flow's": {New(Filter{}, 4096), live, false},
		"not selected":       {New(Filter{Port: 1}, 16), allowed, false},
		"selected, allowed":  {New(Filter{}, 4096), allowed, false},
		"selected, dropped":  {New(Filter{}, 4096), dropped, false},
		"full":               {New(Filter{}, 16), allowed, true},
	} {
		if n := testing.AllocsPerRun(1000, func() { c.ring.Packet(c.e) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if lost := c.ring.Lost() > 0; lost != c.lost {
			t.Errorf("%s: %d are lost", name, c.ring.Lost())
		}
	}
	r := New(Filter{}, 4096)
	into := make([]Record, 16)
	if n := testing.AllocsPerRun(1000, func() {
		r.Packet(allowed)
		if r.take(into) != 1 {
			t.Error("it is not there")
		}
	}); n != 0 {
		t.Errorf("reading: %v allocations", n)
	}
}

func BenchmarkPacket(b *testing.B) {
	w, live := newWorld(b), newLiveWorld(b)
	for _, c := range []struct {
		name string
		f    Filter
		port uint16
		read bool
	}{
		{"not selected by reason", Filter{Reasons: []gateway.Reason{gateway.ReasonLand}}, 443, false},
		{"not selected by port", Filter{Port: 1}, 443, false},
		{"not selected by interface", Filter{Interface: "eni-0123456789abcdef0"}, 443, false},
		{"selected, allowed by rules", Filter{}, 443, true},
		{"selected, of a live flow", Filter{}, 443, true},
		{"selected, dropped", Filter{}, 444, true},
		{"full", Filter{}, 443, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			from := w
			if strings.Contains(c.name, "live") {
				from = live
			}
			e := from.event("web", tcp("10.0.1.10", "10.0.1.20", c.port))
			r, into := New(c.f, 1024), make([]Record, 512)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.Packet(e)
				if c.read && i%512 == 511 {
					b.StopTimer()
					r.take(into)
					b.StartTimer()
				}
			}
		})
	}
}
