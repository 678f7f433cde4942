package gateway

import (
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/sgate/sgate/filter"
)

// view is what packets are judged by: a policy, swapped as one with who is
// attached where. Devices come and go in a view, each by one store; a change of
// the policy makes a new one.
type view struct {
	policy     *filter.Policy // nil before the first Apply
	generation uint64
	slots      []atomic.Pointer[attachment] // by slot, nil where it is free
	ports      []atomic.Pointer[Port]       // by endpoint, nil where no device is attached
	numbers    []atomic.Pointer[Port]       // by number, nil where no device is attached
	vpcIDs     []string                     // by the gateway's number of the VPC
}

// attachment is a port together with what it is in the view's policy.
type attachment struct {
	port     *Port
	endpoint filter.Endpoint // NoEndpoint if the policy does not know it
	// strangerTo is the VPC that a machine which nobody has declared sends to:
	// only packets that are tried come from one. It is "" for all others.
	strangerTo string
	vpc        uint16 // the gateway's number of its VPC
	// routers are the addresses that the router speaks to it from, by
	// family: IPv4, IPv6.
	routers [2]netip.Addr
	// own are its first addresses, by family: most packets come from them.
	own [2]netip.Addr
	// last is who the last packet was for: the next one often is, too. Only the
	// port's worker uses it.
	last struct {
		addr netip.Addr
		to   filter.Endpoint
	}
}

// resolve returns the endpoint that addr means to the one who is attached. While
// the attachment lasts, addresses do not change their meaning; see install.
func (a *attachment) resolve(p *filter.Policy, addr netip.Addr) filter.Endpoint {
	if a.last.addr != addr {
		a.last.addr, a.last.to = addr, a.lookup(p, addr)
	}
	return a.last.to
}

func (a *attachment) lookup(p *filter.Policy, addr netip.Addr) filter.Endpoint {
	if a.strangerTo != "" {
		return p.ResolveIn(a.strangerTo, addr)
	}
	return p.Resolve(a.endpoint, addr)
}

// owns reports whether addr is an address of the one who is attached.
func (a *attachment) owns(p *filter.Policy, addr netip.Addr) bool {
	return addr == a.own[0] || addr == a.own[1] || a.ownsBesides(p, addr)
}

// ownsBesides is owns for other addresses than the first. Somebody whom nobody has
// declared has any that a machine can have.
func (a *attachment) ownsBesides(p *filter.Policy, addr netip.Addr) bool {
	if a.strangerTo != "" {
		return !isUnusable(addr)
	}
	return p.Owns(a.endpoint, addr)
}

// maySend reports whether a packet from addr may come from the one who is attached.
func (a *attachment) maySend(p *filter.Policy, addr netip.Addr) bool {
	return a.strangerTo != "" || p.MaySend(a.endpoint, addr)
}

func (a *attachment) setOwn(addrs []netip.Addr) {
	for _, addr := range slices.Backward(addrs) {
		if addr.Is4() {
			a.own[0] = addr
		} else {
			a.own[1] = addr
		}
	}
}

// at returns who is attached in a slot, or nil.
func (v *view) at(slot int) *attachment {
	if slot >= len(v.slots) {
		return nil
	}
	return v.slots[slot].Load()
}

// portOf returns the port of an endpoint, or nil.
func (v *view) portOf(e filter.Endpoint) *Port {
	if e < 0 {
		return nil
	}
	return v.ports[e].Load()
}

// numbered returns the port with that number, or nil.
func (v *view) numbered(number uint32) *Port {
	if int(number) >= len(v.numbers) {
		return nil
	}
	return v.numbers[number].Load()
}

// portAt returns the port that has addr in a VPC, or nil.
func (v *view) portAt(vpcNumber int, addr netip.Addr) *Port {
	if v.policy == nil || vpcNumber >= len(v.vpcIDs) {
		return nil
	}
	return v.portOf(v.policy.ResolveIn(v.vpcIDs[vpcNumber], addr))
}

// install makes, stores and returns the view of a policy. If it has the endpoints
// of the one before, what is attached stays as it is. The gateway's lock is held.
func (g *Gateway) install(p *filter.Policy) *view {
	before := g.view.Load()
	v := &view{policy: p, generation: before.generation + 1, numbers: before.numbers, vpcIDs: g.vpcIDs(before)}
	if p.SameEndpoints(before.policy) {
		v.slots, v.ports = before.slots, before.ports
	} else {
		v.slots, v.ports = make([]atomic.Pointer[attachment], len(before.slots)), make([]atomic.Pointer[Port], p.Len())
		for _, port := range g.ports {
			g.enter(v, port)
		}
	}
	g.view.Store(v)
	return v
}

// vpcIDs returns the ids of the VPCs by number.
func (g *Gateway) vpcIDs(before *view) []string {
	if len(before.vpcIDs) == len(g.vpcs) {
		return before.vpcIDs
	}
	ids := make([]string, len(g.vpcs))
	for id, n := range g.vpcs {
		ids[n] = id
	}
	return ids
}

// enter makes a port part of a view, which has room for it. In its slot it comes
// last, so that its packets find all else.
func (g *Gateway) enter(v *view, port *Port) {
	v.numbers[port.number].Store(port)
	a := &attachment{port: port, endpoint: filter.NoEndpoint}
	if v.policy != nil {
		if e := v.policy.ByID(port.id); e != filter.NoEndpoint {
			a.endpoint, a.vpc, a.routers = e, uint16(g.vpcs[v.policy.VPCID(e)]), v.policy.Routers(e)
			a.setOwn(v.policy.Addresses(e))
			v.ports[e].Store(port)
		}
	}
	v.slots[port.slot].Store(a)
}

// leave takes a port out of a view. Whoever has found it before may still use
// it.
func (v *view) leave(port *Port) {
	a := v.slots[port.slot].Load()
	v.slots[port.slot].Store(nil)
	v.numbers[port.number].Store(nil)
	if a.endpoint != filter.NoEndpoint {
		v.ports[a.endpoint].Store(nil)
	}
}

// makeRoom sees to it that the view in force has room for a port, and returns
// it.
func (g *Gateway) makeRoom(port *Port) *view {
	v := g.view.Load()
	if port.slot < len(v.slots) && int(port.number) < len(v.numbers) {
		return v
	}
	larger := *v
	larger.slots, larger.numbers = grown(v.slots, port.slot), grown(v.numbers, int(port.number))
	g.view.Store(&larger)
	return &larger
}

// grown returns a list with room for i, twice as long if it has none: n devices
// then copy it a few times only.
func grown[T any](list []atomic.Pointer[T], i int) []atomic.Pointer[T] {
	if i < len(list) {
		return list
	}
	larger := make([]atomic.Pointer[T], max(16, 2*len(list), i+1))
	for i := range list {
		larger[i].Store(list[i].Load())
	}
	return larger
}
