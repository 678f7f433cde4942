package capture

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/watch"
)

// bufferOf returns an empty buffer of the smallest size, and the world's web.
func bufferOf(t testing.TB, snaplen int) (*buffer, *gateway.Port) {
	t.Helper()
	w := newWorld(t)
	o := Options{Snaplen: snaplen, Buffer: MinBuffer}
	o.setDefaults()
	return newBuffer(o), w.g.Port("eni-web")
}

// from lets a buffer begin at some place, as if so much had gone through it.
func (b *buffer) from(slots, bytes uint64) {
	b.head.Store(place(slots, bytes))
	b.tail.Store(place(slots, bytes))
}

// TestBufferKeepsOrderAndBytes has several workers fill a buffer while its reader
// empties it: of each worker, what comes out is in order and whole, and what does
// not is counted. It starts where both counts of a place are about to wrap around.
func TestBufferKeepsOrderAndBytes(t *testing.T) {
	const workers, each = 4, 5_000
	b, in := bufferOf(t, 0)
	b.from(slotMask-10, byteMask-uint64(len(b.data))+1)
	var writing sync.WaitGroup
	for n := range workers {
		writing.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			data := make([]byte, 9001)
			for i := range each {
				size := 16 + random.IntN(len(data)-16)
				fill(data[:size], uint64(n), uint64(i))
				b.Packet(&gateway.Event{In: in, Data: data[:size], Bytes: size, Time: int64(i)})
				runtime.Gosched() // to the reader
			}
		})
	}
	over := make(chan struct{})
	go func() {
		writing.Wait()
		close(over)
	}()
	var next [workers]uint64
	var read uint64
	for ended := false; ; {
		r := b.next()
		if r == nil {
			if ended {
				break
			}
			select {
			case <-over:
				ended = true // what is there now is all there is
			default:
			}
			continue
		}
		n, i := binary.LittleEndian.Uint64(r.data), binary.LittleEndian.Uint64(r.data[8:])
		want := make([]byte, r.length)
		fill(want, n, i)
		if string(want) != string(r.data) || n >= workers || i < next[n] || r.Time != int64(i) {
			t.Fatalf("worker %d, packet %d, %d bytes: not as it was put in", n, i, len(r.data))
		}
		next[n] = i + 1
		read++
		b.release()
	}
	if lost := b.losses()["eni-web"]; read+lost != workers*each || read < MinBuffer/9001 {
		t.Errorf("%d read and %d lost of %d", read, lost, workers*each)
	}
	if b.tail.Load() != b.head.Load() {
		t.Errorf("the buffer is empty, and its head at %x, its tail at %x", b.head.Load(), b.tail.Load())
	}
}

// TestBufferWrapsAround puts packets where both counts of a place wrap around:
// none is lost while there is room.
func TestBufferWrapsAround(t *testing.T) {
	for _, c := range []struct{ slots, bytes uint64 }{{slotMask - 1, 0}, {0, byteMask - 99}, {slotMask, byteMask - 99}} {
		b, in := bufferOf(t, 0)
		b.from(c.slots, c.bytes)
		for i := range 5 {
			b.Packet(&gateway.Event{In: in, Data: make([]byte, 100), Time: int64(i)})
		}
		for i := range 5 {
			if r := b.next(); r == nil || r.Time != int64(i) {
				t.Fatalf("from %x, %x: packet %d is %+v", c.slots, c.bytes, i, r)
			}
			b.release()
		}
		if b.next() != nil || len(b.losses()) != 0 {
			t.Errorf("from %x, %x: %v lost", c.slots, c.bytes, b.losses())
		}
	}
}

// fill makes bytes that only that packet has.
func fill(data []byte, worker, i uint64) {
	binary.LittleEndian.PutUint64(data, worker)
	binary.LittleEndian.PutUint64(data[8:], i)
	for at := 16; at < len(data); at++ {
		data[at] = byte(uint64(at) * (i + worker + 1))
	}
}

// TestBufferIsBounded fills it by large packets, then by small ones.
func TestBufferIsBounded(t *testing.T) {
	for _, c := range []struct{ size, want int }{
		{64 << 10, MinBuffer / (64 << 10)},
		{100 << 10, 2}, // of the third, the first part would be at the end, the rest at the beginning
		{0, MinBuffer / bytesPerSlot},
		{1, MinBuffer / bytesPerSlot},
	} {
		b, in := bufferOf(t, 0)
		e := gateway.Event{In: in, Data: make([]byte, c.size), Bytes: c.size}
		for range c.want + 5 {
			b.Packet(&e)
		}
		got := 0
		for b.next() != nil {
			b.release()
			got++
		}
		if got != c.want || b.losses()["eni-web"] != 5 {
			t.Errorf("packets of %d bytes: %d found room and %d not, want %d and 5", c.size, got, b.losses()["eni-web"], c.want)
		}
		b.Packet(&e)
		if r := b.next(); r == nil || r.Lost != 5 || len(r.data) != c.size {
			t.Errorf("packets of %d bytes: none finds room after the reader was there: %+v", c.size, r)
		}
	}
}

// TestReaderIsWoken holds when a reader that waits is told to come: once, and not
// before the buffer fills.
func TestReaderIsWoken(t *testing.T) {
	b, in := bufferOf(t, 0)
	e := gateway.Event{In: in, Data: make([]byte, 1000), Bytes: 1000}
	b.awaited.Store(true)
	for range len(b.data) / 4 / 1000 {
		b.Packet(&e)
	}
	if len(b.filling) != 0 {
		t.Error("woken before a quarter of the buffer is in use")
	}
	b.Packet(&e)
	if len(b.filling) != 1 || b.awaited.Load() {
		t.Error("not woken")
	}
	b.Packet(&e) // nobody waits any more: it must not wait either
	b.awaited.Store(true)
	b.Packet(&e)
}

// TestReleaseForgets holds that the buffer keeps no policy alive.
func TestReleaseForgets(t *testing.T) {
	w := newWorld(t)
	o := Options{Buffer: MinBuffer}
	o.setDefaults()
	b := newBuffer(o)
	e := w.trial(tcp("10.0.1.10:40000", "10.0.1.20:3306"))
	b.Packet(e)
	if r := b.next(); r == nil || r.Policy == nil || r.Egress.RuleID != "sgr-web4" {
		t.Fatalf("%+v", r)
	}
	b.release()
	if b.slots[0].Policy != nil || b.slots[0].data != nil {
		t.Errorf("it is still there: %+v", b.slots[0].record)
	}
}

// trial returns the event of a packet of web's that is only tried.
func (w *world) trial(p []byte) *gateway.Event {
	w.t.Helper()
	trial, err := w.g.Try(gateway.Source{ID: "eni-web"}, p)
	if err != nil {
		w.t.Fatal(err)
	}
	return &trial.Event
}

// TestPacketAllocatesNothing is about what the workers do: a packet by a rule, one
// of a flow, one that is not wanted, and one that is lost.
func TestPacketAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	syn := tcp("10.0.1.10:40000", "10.0.1.20:3306")
	byRule := w.trial(syn)
	w.send("eni-web", syn)
	byFlow := w.trial(syn)
	if byRule.Reason != gateway.ReasonRule || byFlow.Reason != gateway.ReasonFlow {
		t.Fatalf("%s, %s", byRule.Reason, byFlow.Reason)
	}
	for _, c := range []struct {
		name    string
		event   *gateway.Event
		o       Options
		release bool
	}{
		{"by a rule", byRule, Options{}, true},
		{"by a flow", byFlow, Options{}, true},
		{"not wanted", byFlow, Options{Select: watch.Selection(watch.Filter{Interface: "eni-db", Port: 22}, watch.Filter{Fates: []gateway.Fate{gateway.Dropped}})}, false},
		{"lost", byFlow, Options{}, false},
	} {
		c.o.Buffer = MinBuffer
		c.o.setDefaults()
		b := newBuffer(c.o)
		if c.name == "lost" {
			for range len(b.slots) + 1 {
				b.Packet(c.event)
			}
		}
		if n := testing.AllocsPerRun(1000, func() {
			b.Packet(c.event)
			if c.release {
				b.next()
				b.release()
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a packet", c.name, n)
		}
	}
}
