package gateway

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/tun"
)

// Source is where a packet that is tried comes from.
type Source struct {
	ID string // of the interface or host; "" for a machine outside the VPC that is not declared
	// VPCID is the VPC that such a machine's packet comes to; it is not looked
	// at with an ID.
	VPCID string
}

// Trial is what would become of a packet, and why. Unlike those of a [Watcher],
// its event stays valid, and its Data are as they came.
type Trial struct {
	Event
	// Live is the live flow that the packet would be part of, nil if there is
	// none.
	Live *FlowInfo
}

// Try tells what would become of a packet if it came in now: the code that judges
// real packets judges it, and nothing is sent, counted or remembered. packet
// begins with its IP header. Two answers are given without the look at what is
// left: that an ICMP error would go back is said whatever the limit on their
// rate, and whether the table has room holds for this moment.
func (g *Gateway) Try(from Source, packet []byte) (Trial, error) {
	return g.tryAt(g.now(), from, packet)
}

// tryAt is Try at a time in ns.
func (g *Gateway) tryAt(now int64, from Source, packet []byte) (Trial, error) {
	v := g.view.Load()
	if v.policy == nil {
		return Trial{}, errors.New("the gateway has no policy yet")
	}
	in, err := g.trialAttachment(v, from)
	if err != nil {
		return Trial{}, err
	}
	w, _ := g.trials.Get().(*worker)
	if w == nil {
		w = &worker{gateway: g, trial: true, tracing: true}
	}
	defer g.trials.Put(w)
	w.now = now
	return w.try(v, in, packet)
}

func (w *worker) try(v *view, in *attachment, packet []byte) (Trial, error) {
	w.trail = trail{to: filter.NoEndpoint}
	frame := append(make([]byte, tun.HeaderLen, tun.HeaderLen+len(packet)), packet...)
	a, d := w.admit(v, in, frame)
	if w.packet.Fragment {
		return Trial{}, errors.New("the packet is a piece of one: want the whole")
	}
	if d.fate == Forwarded {
		d = w.decide(v, in, frame[tun.HeaderLen:], a)
	}
	p := w.packet
	t := Trial{Event: w.event(v, in, w.trail, frame[tun.HeaderLen:], a.packets, d)}
	t.Packet = &p
	if in.endpoint == filter.NoEndpoint || v.portOf(in.endpoint) == nil {
		t.In = nil
	}
	if d.reason >= firstFragmentReason { // else it is malformed
		t.Live = w.gateway.liveFlow(v, &t.Event)
	}
	return t, nil
}

// noNumber is the number of no interface.
const noNumber = math.MaxUint32

// trialAttachment returns what stands for the source in a view. It is not that
// which packets use, whose fields a worker writes.
func (g *Gateway) trialAttachment(v *view, from Source) (*attachment, error) {
	in := &attachment{port: &Port{id: from.ID, number: noNumber, flows: g.flows}, endpoint: filter.NoEndpoint}
	vpcID := from.VPCID
	if from.ID != "" {
		if in.endpoint = v.policy.ByID(from.ID); in.endpoint == filter.NoEndpoint {
			return nil, fmt.Errorf("there is no interface or host %s", from.ID)
		}
		in.routers, vpcID = v.policy.Routers(in.endpoint), v.policy.VPCID(in.endpoint)
		if port := v.portOf(in.endpoint); port != nil {
			in.port = port
		}
	}
	if _, ok := v.policy.Snapshot().VPC(vpcID); !ok {
		return nil, fmt.Errorf("there is no VPC %q", vpcID)
	}
	in.vpc = uint16(slices.Index(v.vpcIDs, vpcID))
	if from.ID == "" {
		in.strangerTo = vpcID
	}
	return in, nil
}

// liveFlow returns the live flow that an event's packet would be part of, or nil.
func (g *Gateway) liveFlow(v *view, e *Event) *FlowInfo {
	key, _, ok := flowKey(e.vpc, e.Packet, e.Data)
	if !ok {
		return nil
	}
	hash := g.flows.Hash(&key)
	shard := g.flows.Lock(hash)
	defer shard.Unlock()
	live := shard.Find(&key, hash, e.Time)
	if live == nil {
		return nil
	}
	flow := shard.Flow(live, e.Time)
	info, _ := g.describeWhole(v, &flow)
	return &info
}

// isModel reports whether the gateway moves no packets; see NewModel.
func (g *Gateway) isModel() bool { return len(g.workers) == 0 }

// NewModel returns a gateway in which those interfaces and hosts of a policy have
// a device whose ids has reports, all if it is nil, and no packet ever comes. It
// is there to be asked by Try; of its other methods only those that look at it
// may be called.
func NewModel(p *filter.Policy, o Options, has func(id string) bool) (*Gateway, error) {
	o.setDefaults()
	g, err := newGateway(o)
	if err != nil {
		return nil, err
	}
	for e := range filter.Endpoint(p.Len()) {
		id := p.ID(e)
		if kind := p.Kind(e); (kind == filter.KindInterface || kind == filter.KindHost) && (has == nil || has(id)) {
			port := &Port{id: id, number: g.number(id), slot: g.takeSlot(), mtu: o.MTU, flows: g.flows}
			g.makeRoom(port)
			g.ports[id] = port
		}
	}
	if err := g.numberVPCs(p); err != nil {
		return nil, err
	}
	g.install(p)
	return g, nil
}
