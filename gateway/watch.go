package gateway

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/fragment"
	"github.com/sgate/sgate/stack"
)

// Watcher is shown what becomes of each packet, by whoever decided it: several
// workers at once. It must not wait and must not call the gateway, but for
// Event's methods. The event and what it points to are its own until it returns.
type Watcher interface {
	Packet(*Event)
}

// watchers are those that there are.
type watchers struct {
	mu   sync.Mutex
	list atomic.Pointer[[]*Watcher] // nil if there is none
	// outside is held for reading by those who show an event and are no worker.
	outside sync.RWMutex
}

// Watch shows a watcher every packet's fate from now on. Once stop returns it is
// shown no more.
func (g *Gateway) Watch(w Watcher) (stop func()) {
	ws, own := &g.watchers, &w
	ws.change(func(list []*Watcher) []*Watcher { return append(list, own) })
	return sync.OnceFunc(func() {
		ws.change(func(list []*Watcher) []*Watcher {
			return slices.DeleteFunc(list, func(other *Watcher) bool { return other == own })
		})
		g.readers.Synchronize()
		ws.outside.Lock()
		//lint:ignore SA2001 having had the lock is the point
		ws.outside.Unlock()
	})
}

// change stores what with makes of a copy of the list.
func (ws *watchers) change(with func([]*Watcher) []*Watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	list := with(slices.Clone(ws.all()))
	if len(list) == 0 {
		ws.list.Store(nil)
		return
	}
	ws.list.Store(&list)
}

func (ws *watchers) all() []*Watcher {
	if list := ws.list.Load(); list != nil {
		return *list
	}
	return nil
}

// noted is an event that is to be shown once the batch's frames are written: only
// then is it known what became of them.
type noted struct {
	Event
	packet stack.Packet
	frame  int // of the batch, -1 if it is none of it
}

// note makes an event of the worker's packet, which was frame of the batch.
func (w *worker) note(v *view, in *attachment, frame int, data []byte, packets int, d decision) {
	w.noted = append(w.noted, noted{packet: w.packet, frame: frame})
	n := &w.noted[len(w.noted)-1]
	n.Event = Event{
		Time: w.now, Fate: d.fate, Reason: d.reason, In: in.port, Out: v.portOf(w.trail.to),
		Data: data, Packets: packets, Bytes: len(data),
		Policy: v.policy, Generation: v.generation,
		gateway: w.gateway, vpc: in.vpc, from: in.endpoint, trail: w.trail,
	}
	if in.endpoint != filter.NoEndpoint || in.strangerTo != "" {
		n.VPCID = v.vpcIDs[in.vpc]
	}
}

// noteFailure corrects the event of a frame that was not written.
func (w *worker) noteFailure(frame int) {
	for i := range w.noted {
		if n := &w.noted[i]; n.frame == frame {
			n.Fate, n.Reason = Dropped, ReasonWriteFailed
		}
	}
}

// show shows the events that were noted, and forgets them. What was forwarded of
// them is written.
func (w *worker) show() {
	for i := range w.noted {
		n := &w.noted[i]
		n.Packet = &n.packet
		for _, watcher := range w.watchers {
			(*watcher).Packet(&n.Event)
		}
	}
	clear(w.noted) // it must keep no policy alive
	w.noted = w.noted[:0]
}

// showLost shows that pieces of a packet are lost which was never whole.
func (g *Gateway) showLost(port *Port, why fragment.Problem, pieces, bytes int) {
	g.watchers.outside.RLock()
	defer g.watchers.outside.RUnlock()
	for _, watcher := range g.watchers.all() {
		v := g.view.Load()
		e := Event{
			Time: g.now(), Fate: Dropped, Reason: firstFragmentReason + Reason(why), In: port,
			Packets: pieces, Bytes: bytes, Policy: v.policy, Generation: v.generation,
			gateway: g, from: filter.NoEndpoint, trail: trail{to: filter.NoEndpoint},
		}
		(*watcher).Packet(&e)
	}
}
