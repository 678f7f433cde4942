package gateway

import (
	"errors"
	"runtime"
	"sync/atomic"

	"github.com/sgate/sgate/epoch"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
)

// visitBudget is how many frames are read from one device before the others
// that are ready get their turn.
const visitBudget = 2 * tun.BatchSize

// largeFrame is from how many bytes on a frame is moved by itself, so that its
// buffer stays in the cache. The system calls are then a small part of its cost.
const largeFrame = 4096

// worker is a locked thread that reads some of the devices.
type worker struct {
	gateway *Gateway
	poller  *tun.Poller
	ports   int // how many it reads; guarded by the gateway's lock

	// reader is inside during each batch: the worker may then be using a view,
	// and flows of the table.
	reader   *epoch.Reader
	stopping atomic.Bool

	batch   *tun.Batch
	outward [tun.BatchSize]outward // where the batch's frames go
	scratch [tun.MaxFrame]byte     // of frames that are put together here
	packet  stack.Packet           // the one that is under way
	flow    filter.Flow            // see judgement.flow
	now     int64                  // ns, of the batch
	trail   trail                  // of the packet
	tracing bool                   // the trail is wanted
	trial   bool                   // packets are only tried; see Gateway.Try
	idle    idleness

	audience *audience // of the batch's packets, nil if nobody watches
	traced   struct {  // what the batch is judged by, if somebody does
		v  *view
		in *attachment
	}
	trails  [tun.BatchSize]trail // of the batch's frames, likewise
	noted   []noted
	batches uint32 // that were moved, empty ones apart
	latency latency
	failed  atomic.Bool
}

// outward is a frame of the batch that is to be forwarded.
type outward struct {
	out            *Port
	packets, bytes int
}

func newWorker(g *Gateway) (*worker, error) {
	poller, err := tun.NewPoller()
	if err != nil {
		return nil, err
	}
	return &worker{gateway: g, poller: poller, reader: g.readers.NewReader(), batch: tun.NewBatch()}, nil
}

// run moves packets until stop is called.
func (w *worker) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w.idle = newIdleness(runtime.NumCPU(), len(w.gateway.workers))
	var ready []int32
	for !w.stopping.Load() {
		var idle bool
		var err error
		if ready, idle, err = w.poller.Wait(ready[:0], w.idle.linger()); err != nil {
			w.gateway.log.Error("a worker ends, and the packets of its devices are not read any more", "error", err, "remedy", "start the gateway anew")
			w.failed.Store(true)
			return
		}
		w.reader.Enter()
		before := w.now
		if w.now = w.gateway.now(); idle {
			w.idle.noteGap(w.now - before)
		}
		for _, slot := range ready {
			w.visit(int(slot), idle)
		}
		w.reader.Leave()
	}
}

// visit moves the frames that wait on the device in a slot. After an idle time
// a single frame is the rule, and Wait a cheaper way to ask for more than a read
// that finds none.
func (w *worker) visit(slot int, idle bool) {
	for left := visitBudget; left > 0; {
		v := w.gateway.view.Load()
		in := v.at(slot)
		if in == nil || in.port.worker != w {
			return // detached meanwhile, and the slot may be another's by now
		}
		want := in.port.burst
		n, err := w.batch.Read(in.port.dev, want)
		bytes := w.moveTimed(v, in, n)
		switch {
		case err != nil && !errors.Is(err, tun.ErrNoFrame):
			w.lose(in.port, err)
			return
		case idle && want == 1:
			return
		}
		in.port.burst = nextBurst(want, n, bytes)
		if err != nil {
			return
		}
		left -= n
	}
}

// move decides the fates of the first n frames of the batch, and carries them
// out. It returns how many bytes they have.
func (w *worker) move(v *view, in *attachment, n int) (bytes int) {
	if canWatch {
		if w.audience = w.gateway.watchers.audience.Load(); w.audience != nil {
			w.traced.v, w.traced.in = v, in
		}
		w.tracing = w.audience != nil
	}
	for i := range n {
		bytes += len(w.batch.Frame(i))
		w.process(v, in, i)
	}
	w.flush(in.port)
	if w.tracing {
		w.show()
		w.audience, w.traced.v, w.traced.in = nil, nil, nil // it may be long until the next
	}
	return bytes
}

// moveTimed is move, with a look at the clock now and then.
func (w *worker) moveTimed(v *view, in *attachment, n int) (bytes int) {
	if n == 0 {
		return 0 // not counted: every other read may find nothing, and those alone be timed
	}
	if w.batches++; w.batches%latencySampling != 0 {
		return w.move(v, in, n)
	}
	before := w.gateway.now()
	bytes = w.move(v, in, n)
	w.latency.observe(w.gateway.now() - before)
	return bytes
}

// nextBurst returns how many frames to ask a device for, after one that was
// asked for burst had n, of that many bytes in all.
func nextBurst(burst, n, bytes int) int {
	switch {
	case bytes > n*largeFrame:
		return 1
	case n == burst:
		return min(2*burst, tun.BatchSize)
	}
	return max(1, n)
}

// flush writes the batch's frames that are to be forwarded, and counts them.
func (w *worker) flush(in *Port) {
	var sum, run outward // of all, and of those in a row to the same port
	w.batch.Flush(func(i int, err error) {
		o := &w.outward[i]
		if err != nil {
			in.counters.count(Dropped, ReasonWriteFailed, o.packets, o.bytes)
			if w.tracing {
				w.noteFailure(i, o)
			}
			return
		}
		sum.packets += o.packets
		sum.bytes += o.bytes
		if run.out != o.out {
			run.countSent()
			run = outward{out: o.out}
		}
		run.packets += o.packets
		run.bytes += o.bytes
	})
	run.countSent()
	if sum.packets > 0 {
		in.counters.count(Forwarded, ReasonRule, sum.packets, sum.bytes)
	}
}

func (o *outward) countSent() {
	if o.out != nil {
		o.out.counters.countSent(o.packets, o.bytes)
	}
}

// lose stops reading a device that is gone, for instance by `ip link delete`. Its
// port stays until it is detached.
func (w *worker) lose(p *Port, err error) {
	if p.gone.Swap(true) {
		return
	}
	w.gateway.log.Error("device is gone", "device", p.dev.Name(), "interface_id", p.id, "error", err,
		"remedy", "SIGHUP makes it anew if its namespace is still there")
	if err := w.poller.Remove(p.dev); err != nil {
		w.gateway.log.Error("device is gone, but cannot be ignored", "device", p.dev.Name(), "interface_id", p.id, "error", err)
	}
}

func (w *worker) stop() error {
	w.stopping.Store(true)
	return w.poller.Wake()
}

func (w *worker) close() {
	w.poller.Close()
	w.batch.Close()
}
