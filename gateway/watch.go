package gateway

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/fragment"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
)

// Watcher is shown what becomes of each packet, by whoever decided it: several
// workers at once. It must not wait and must not call the gateway, but for
// Event's methods. The event and what it points to are its own until it returns.
type Watcher interface {
	Packet(*Event)
}

// Selective is a Watcher that wants to be shown packets of some reasons only. What
// nobody wants to be shown costs next to nothing.
type Selective interface {
	Watcher
	// Wants is asked once for each reason. It may be shown others all the same.
	Wants(Reason) bool
}

// watchers are those that there are.
type watchers struct {
	mu       sync.Mutex
	audience atomic.Pointer[audience] // nil if there is none
	// outside is held for reading by those who show an event and are no worker.
	outside sync.RWMutex
}

// audience is the watchers of a moment.
type audience struct {
	watchers []*Watcher
	wants    [reasons]bool // what any of them wants to be shown
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

// change makes an audience of what with makes of a copy of the list.
func (ws *watchers) change(with func([]*Watcher) []*Watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	var list []*Watcher
	if before := ws.audience.Load(); before != nil {
		list = slices.Clone(before.watchers)
	}
	if list = with(list); len(list) == 0 {
		ws.audience.Store(nil)
		return
	}
	a := &audience{watchers: list}
	for _, w := range list {
		selective, is := (*w).(Selective)
		for r := range reasons {
			a.wants[r] = a.wants[r] || !is || selective.Wants(r)
		}
	}
	ws.audience.Store(a)
}

func (a *audience) show(e *Event) {
	for _, w := range a.watchers {
		(*w).Packet(e)
	}
}

// noted is an event that is to be shown once the batch's frames are written: only
// then is it known what became of them.
type noted struct {
	Event
	packet stack.Packet
	frame  int // of the batch, -1 if it is none of it
}

// note makes an event of the worker's packet, which was frame of the batch, if
// anybody wants it.
func (w *worker) note(v *view, in *attachment, frame int, data []byte, packets int, d decision) {
	if frame >= 0 {
		w.trails[frame] = w.trail
	}
	if w.audience.wants[d.reason] {
		w.noted = append(w.noted, noted{w.event(v, in, w.trail, data, packets, d), w.packet, frame})
	}
}

// event makes an event, without its packet.
func (w *worker) event(v *view, in *attachment, t trail, data []byte, packets int, d decision) Event {
	e := Event{
		Time: w.now, Fate: d.fate, Reason: d.reason, In: in.port, Out: d.out,
		Data: data, Packets: packets, Bytes: len(data),
		Policy: v.policy, Generation: v.generation,
		gateway: w.gateway, vpc: in.vpc, from: in.endpoint, trail: t,
	}
	if e.Out == nil {
		e.Out = v.portOf(t.to)
	}
	if in.endpoint != filter.NoEndpoint || in.strangerTo != "" {
		e.VPCID = v.vpcIDs[in.vpc]
	}
	return e
}

// noteFailure makes a frame's event one of a drop: it was not written.
func (w *worker) noteFailure(frame int, o *outward) {
	w.noted = slices.DeleteFunc(w.noted, func(n noted) bool { return n.frame == frame })
	if !w.audience.wants[ReasonWriteFailed] {
		return
	}
	data, d := w.batch.Frame(frame)[tun.HeaderLen:], decision{reason: ReasonWriteFailed, out: o.out}
	n := noted{Event: w.event(w.traced.v, w.traced.in, w.trails[frame], data, o.packets, d), frame: frame}
	n.packet.Parse(data)
	at, _ := slices.BinarySearchFunc(w.noted, frame, func(n noted, frame int) int { return cmp.Compare(n.frame, frame) })
	w.noted = slices.Insert(w.noted, at, n)
}

// show shows the events that were noted, and forgets them. What was forwarded of
// them is written.
func (w *worker) show() {
	for i := range w.noted {
		n := &w.noted[i]
		n.Packet = &n.packet
		w.audience.show(&n.Event)
	}
	clear(w.noted) // it must keep no policy alive
	w.noted = w.noted[:0]
}

// showLost shows that pieces of a packet are lost which was never whole.
func (g *Gateway) showLost(owner fragment.Owner, port *Port, why fragment.Problem, pieces, bytes int) {
	g.watchers.outside.RLock()
	defer g.watchers.outside.RUnlock()
	audience, v := g.watchers.audience.Load(), g.view.Load()
	if audience == nil {
		return
	}
	e := Event{
		Time: g.now(), Fate: Dropped, Reason: firstFragmentReason + Reason(why), In: port,
		Packets: pieces, Bytes: bytes, Policy: v.policy, Generation: v.generation,
		gateway: g, vpc: owner.VPC, from: v.policy.ByID(port.id), trail: trail{to: filter.NoEndpoint},
	}
	if e.from != filter.NoEndpoint { // it may have gone since the pieces came
		e.VPCID = v.vpcIDs[owner.VPC]
	}
	audience.show(&e)
}
