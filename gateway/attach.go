package gateway

import (
	"errors"
	"fmt"

	"github.com/sgate/sgate/tun"
)

// Attach gives a device to the interface or host with that id and starts
// moving its packets. From now on the gateway owns the device: Detach and
// Close close it.
func (g *Gateway) Attach(id string, dev tun.Device) (*Port, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, errClosed
	}
	if g.ports[id] != nil {
		return nil, fmt.Errorf("attach %s: %s has a device already", dev.Name(), id)
	}
	p := &Port{id: id, number: g.number(id), dev: dev, mtu: dev.MTU(), worker: g.leastBusy(), slot: g.takeSlot(), burst: 1, flows: g.flows}
	v := g.makeRoom(p)
	if err := g.setLimits(v.policy, p); err != nil {
		g.freeSlots = append(g.freeSlots, p.slot)
		return nil, err
	}
	g.ports[id] = p
	g.enter(v, p) // before its first packet is read
	if err := p.worker.poller.Add(dev, int32(p.slot)); err != nil {
		g.forget([]*Port{p})
		return nil, fmt.Errorf("attach %s: %w", dev.Name(), err)
	}
	p.worker.ports++
	return p, nil
}

// number returns the number of an interface or host, from 1 on, the same
// whenever it is attached.
func (g *Gateway) number(id string) uint32 {
	n, ok := g.numbers[id]
	if !ok {
		n = uint32(len(g.numbers) + 1)
		g.numbers[id] = n
	}
	return n
}

// takeSlot returns a slot that is free: one that was, or the next.
func (g *Gateway) takeSlot() int {
	if last := len(g.freeSlots) - 1; last >= 0 {
		slot := g.freeSlots[last]
		g.freeSlots = g.freeSlots[:last]
		return slot
	}
	return len(g.ports)
}

func (g *Gateway) leastBusy() *worker {
	best := g.workers[0]
	for _, w := range g.workers[1:] {
		if w.ports < best.ports {
			best = w
		}
	}
	return best
}

// Detach takes devices away, those of the interfaces and hosts with those ids,
// and closes them. The flows of an interface end with it. Many at once cost
// little more than one. What has no device is an error, and stops no other.
func (g *Gateway) Detach(ids ...string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	var ports []*Port
	for _, id := range ids {
		p := g.ports[id]
		if p == nil {
			errs = append(errs, fmt.Errorf("detach: %s has no device", id))
			continue
		}
		delete(g.ports, id) // no id counts twice
		ports = append(ports, p)
	}
	return errors.Join(append(errs, g.detach(ports))...)
}

func (g *Gateway) detach(ports []*Port) error {
	if len(ports) == 0 {
		return nil
	}
	gone := make(map[uint32]bool, len(ports))
	for _, p := range ports {
		gone[p.number] = true
		if !p.gone.Load() { // its worker has removed it
			_ = p.worker.poller.Remove(p.dev) // fails if its worker does so now
		}
		p.worker.ports--
		g.fragments.DeleteInterface(p.number) // while they can be counted
	}
	g.forget(ports)
	g.flows.DeleteInterfaces(gone)
	var errs []error
	for _, p := range ports {
		g.fragments.DeleteInterface(p.number) // what has come meanwhile
		errs = append(errs, p.dev.Close())
	}
	return errors.Join(errs...)
}

// forget takes ports out of the view and waits until nobody uses them.
func (g *Gateway) forget(ports []*Port) {
	v := g.view.Load()
	for _, p := range ports {
		delete(g.ports, p.id)
		v.leave(p)
	}
	g.synchronize()
	for _, p := range ports {
		g.freeSlots = append(g.freeSlots, p.slot)
	}
}

// synchronize returns once every packet that may have seen what was taken away
// is through: each worker has been between two batches, and the router between
// two packets.
func (g *Gateway) synchronize() {
	g.readers.Synchronize()
	g.sending.Lock()
	//lint:ignore SA2001 having had the lock is the point
	g.sending.Unlock()
}
