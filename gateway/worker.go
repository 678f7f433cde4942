package gateway

import (
	"errors"
	"runtime"
	"sync/atomic"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
)

// readBudget is how many frames are read from one device before the others
// that are ready get their turn.
const readBudget = 32

// worker is a locked thread that reads some of the devices.
type worker struct {
	gateway *Gateway
	poller  *tun.Poller
	ports   int // how many it reads; guarded by the gateway's lock

	// epoch is odd while the worker may be using a view, and grows with each
	// batch; see synchronize.
	epoch    atomic.Uint64
	stopping atomic.Bool

	// One frame is under way at a time: its buffer stays in the cache.
	frame  [tun.MaxFrame]byte
	packet stack.Packet
	flow   filter.Flow // see judgement.flow
	now    int64       // ns, of the batch
}

func newWorker(g *Gateway) (*worker, error) {
	poller, err := tun.NewPoller()
	if err != nil {
		return nil, err
	}
	return &worker{gateway: g, poller: poller}, nil
}

// run moves packets until stop is called.
func (w *worker) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var ready []int32
	for !w.stopping.Load() {
		var err error
		if ready, err = w.poller.Wait(ready[:0]); err != nil {
			w.gateway.log.Error("worker ends: waiting for packets failed", "error", err)
			return
		}
		w.epoch.Add(1)
		w.now = w.gateway.now()
		for _, slot := range ready {
			w.serve(int(slot))
		}
		w.epoch.Add(1)
	}
}

// serve moves the frames that wait on the device in a slot.
func (w *worker) serve(slot int) {
	for range readBudget {
		v := w.gateway.view.Load()
		if slot >= len(v.slots) || v.slots[slot].port == nil {
			return // detached meanwhile
		}
		in := &v.slots[slot]
		if in.port.worker != w {
			return // detached, and the slot is another's by now
		}
		n, err := in.port.dev.ReadFrame(w.frame[:])
		if errors.Is(err, tun.ErrNoFrame) {
			return
		}
		if err != nil {
			w.lose(in.port, err)
			return
		}
		w.process(v, in, w.frame[:n])
	}
}

// lose stops reading a device that is gone, for instance by `ip link delete`. Its
// port stays until it is detached.
func (w *worker) lose(p *Port, err error) {
	if p.gone.Swap(true) {
		return
	}
	w.gateway.log.Error("device is gone", "device", p.dev.Name(), "endpoint", p.id, "error", err)
	if err := w.poller.Remove(p.dev); err != nil {
		w.gateway.log.Error("device is gone, but cannot be ignored", "device", p.dev.Name(), "error", err)
	}
}

func (w *worker) stop() error {
	w.stopping.Store(true)
	return w.poller.Wake()
}
