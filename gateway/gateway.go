// Package gateway is the data path, and the one place where a packet's fate is
// decided.
//
// A packet's way, with no step back:
//
//	tun reads a frame → stack parses it → source check → fragment holds pieces →
//	conntrack, on a miss filter → route → another tun, the router's netstack, or
//	a drop with a reason
//
// Each device is read by one worker, a locked thread with an epoll of its own;
// a worker writes to whichever device a packet goes to. What a packet is judged
// by is a view: the compiled policy and the attached devices, immutable, and
// swapped as one. The flow table is another object with a longer life, so live
// flows outlast a change of the rules.
//
// For every device, at any instant: received = forwarded + local + dropped,
// with a count for each [Reason] of a drop.
//
// The package imports tun, stack, fragment, filter, conntrack and vpc.
package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/fragment"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
)

// Options are what a gateway is made of. The zero value of a field is its
// default.
type Options struct {
	// Workers is the number of threads that move packets; default: 2, or 1
	// on a machine with one processor.
	Workers  int
	MTU      int // of what the router itself sends; default: 9001
	MaxFlows int // default: 1,048,576
	// Allowance is how many tracked flows one interface may be an end of;
	// default: MaxFlows.
	Allowance int
	// Timeouts are those of interfaces which set none of their own.
	Timeouts  conntrack.Timeouts
	Fragments fragment.Limits
	// RelatedICMPErrors lets ICMP errors about live flows pass without a
	// rule; default: they need one, as AWS documents it.
	RelatedICMPErrors bool
	// DropMidstreamTCP drops TCP that belongs to no flow and does not begin
	// one; default: a rule that admits it makes a flow of it.
	DropMidstreamTCP bool
	OnRuleChange     RuleChange
	// Reclassify makes tracked flows untracked when rules come to be so open
	// that new ones would be.
	Reclassify bool
	// Now is a monotonic clock in ns; default: the machine's.
	Now func() int64
	Log *slog.Logger // default: none
}

// sweepEvery is how often timed-out flows are looked for. A flow that has
// timed out is dead at once; sweeping only frees its memory.
const sweepEvery = time.Second

// Gateway moves packets between the devices that are attached to it.
type Gateway struct {
	now       func() int64
	log       *slog.Logger
	flows     *conntrack.Table
	fragments *fragment.Table
	router    *stack.Router

	limits            conntrack.Limits // of an interface that sets none
	relatedICMPErrors bool
	dropMidstreamTCP  bool
	onRuleChange      RuleChange
	reclassify        bool
	unchecked         [reasons]bool // see worker.refuses

	view    atomic.Pointer[view]
	workers []*worker

	// sending is held for reading while the router's packets are on their
	// way to a device; see synchronize.
	sending sync.RWMutex

	mu       sync.Mutex // guards the control plane: everything below
	ports    map[string]*Port
	slots    []*Port           // by slot, nil where free
	numbers  map[string]uint32 // of interfaces, for flows; never used twice
	vpcs     map[string]int    // of VPCs
	sweepEnd chan struct{}
	done     sync.WaitGroup
	closed   bool
}

// New returns a running gateway with no devices and no policy: it would drop
// everything.
func New(o Options) (*Gateway, error) {
	o.setDefaults()
	flows, err := conntrack.New(o.MaxFlows, o.Timeouts)
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		now: o.Now, log: o.Log, flows: flows, limits: conntrack.Limits{Timeouts: o.Timeouts, Allowance: o.Allowance},
		relatedICMPErrors: o.RelatedICMPErrors, dropMidstreamTCP: o.DropMidstreamTCP, onRuleChange: o.OnRuleChange, reclassify: o.Reclassify,
		ports: make(map[string]*Port), numbers: make(map[string]uint32), vpcs: make(map[string]int),
		sweepEnd: make(chan struct{}),
	}
	g.view.Store(&view{})
	if g.fragments, err = fragment.New(o.Fragments, g.fragmentsDropped); err != nil {
		return nil, err
	}
	for range o.Workers {
		w, err := newWorker(g)
		if err != nil {
			for _, w := range g.workers {
				w.poller.Close()
			}
			return nil, err
		}
		g.workers = append(g.workers, w)
	}
	g.router = stack.NewRouter(o.MTU, g.sendFromRouter)
	for _, w := range g.workers {
		g.done.Go(w.run)
	}
	g.done.Go(g.sweep)
	return g, nil
}

// sweep forgets timed-out flows and fragments until the gateway is closed.
func (g *Gateway) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.flows.Sweep(g.now())
			g.fragments.Expire(g.now())
		case <-g.sweepEnd:
			return
		}
	}
}

// Flows returns the flow table.
func (g *Gateway) Flows() *conntrack.Table { return g.flows }

// Policy returns the policy in force, nil before the first Apply, and its
// generation, which grows by one with each Apply.
func (g *Gateway) Policy() (*filter.Policy, uint64) {
	v := g.view.Load()
	return v.policy, v.generation
}

// Apply puts a policy in force: once it returns, every packet is judged by it.
// No flow is lost. Devices keep their interfaces by id; one whose id the policy does not
// know stays attached and is dropped from.
func (g *Gateway) Apply(p *filter.Policy) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errClosed
	}
	if err := g.numberVPCs(p); err != nil {
		return err
	}
	if err := g.router.SetNetworks(g.networks(p)); err != nil {
		return err
	}
	before := g.view.Load()
	if err := g.setLimits(p, g.slots); err != nil {
		return err
	}
	after := g.swap(p, before.generation+1)
	g.synchronize()
	g.reviseFlows(before.policy, after)
	return nil
}

var errClosed = errors.New("the gateway is closed")

// setLimits gives the flow table the limits of those ports' interfaces.
func (g *Gateway) setLimits(p *filter.Policy, ports []*Port) error {
	if p == nil {
		return nil
	}
	of := make(map[uint32]conntrack.Limits, len(ports))
	for _, port := range ports {
		if port == nil {
			continue
		}
		o := g.limits
		if nic, ok := p.Snapshot().Interface(port.id); ok {
			set(&o.Timeouts.TCPEstablished, nic.ConnectionTracking.TCPEstablished)
			set(&o.Timeouts.UDP, nic.ConnectionTracking.UDP)
			set(&o.Timeouts.UDPStream, nic.ConnectionTracking.UDPStream)
		}
		of[port.number] = o
	}
	return g.flows.SetInterfaces(of)
}

// set replaces a timeout by one that an interface has of its own.
func set(timeout *time.Duration, own time.Duration) {
	if own != 0 {
		*timeout = own
	}
}

// networks lists what the router owns: the router's address of each subnet, and
// those of AWS's services in each VPC.
func (g *Gateway) networks(p *filter.Policy) []stack.Network {
	byVPC := make(map[string]*stack.Network)
	var networks []*stack.Network
	for _, n := range p.Snapshot().Subnets() {
		network := byVPC[n.VPCID]
		if network == nil {
			network = &stack.Network{VPC: g.vpcNumber(n.VPCID)}
			byVPC[n.VPCID] = network
			networks = append(networks, network)
		}
		network.Addrs = append(network.Addrs, n.Router()...)
	}
	for _, v := range p.Snapshot().VPCs() {
		if network := byVPC[v.ID]; network != nil {
			network.Addrs = append(network.Addrs, v.Services()...)
		}
	}
	out := make([]stack.Network, len(networks))
	for i, n := range networks {
		out[i] = *n
	}
	return out
}

// numberVPCs gives each VPC of a policy its number. Numbers are never used again,
// so that a flow cannot come to be another VPC's; there are as many as fit the
// flow table's keys.
func (g *Gateway) numberVPCs(p *filter.Policy) error {
	for _, v := range p.Snapshot().VPCs() {
		if _, known := g.vpcs[v.ID]; !known && len(g.vpcs) > math.MaxUint16 {
			return fmt.Errorf("VPC %s is beyond the %d that a gateway can tell apart in its life: start it anew", v.ID, math.MaxUint16+1)
		}
		g.vpcNumber(v.ID)
	}
	return nil
}

func (g *Gateway) vpcNumber(id string) int {
	n, ok := g.vpcs[id]
	if !ok {
		n = len(g.vpcs)
		g.vpcs[id] = n
	}
	return n
}

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
	if g.numbers[id] == 0 {
		g.numbers[id] = uint32(len(g.numbers) + 1)
	}
	p := &Port{id: id, number: g.numbers[id], dev: dev, worker: g.leastBusy(), slot: g.freeSlot(), flows: g.flows}
	g.slots[p.slot] = p
	g.ports[id] = p
	v := g.view.Load()
	if err := g.setLimits(v.policy, []*Port{p}); err != nil {
		return nil, err
	}
	g.swap(v.policy, v.generation) // before its first packet is read
	if err := p.worker.poller.Add(dev, int32(p.slot)); err != nil {
		g.forget(p)
		return nil, fmt.Errorf("attach %s: %w", dev.Name(), err)
	}
	p.worker.ports++
	return p, nil
}

func (g *Gateway) freeSlot() int {
	for i, p := range g.slots {
		if p == nil {
			return i
		}
	}
	g.slots = append(g.slots, nil)
	return len(g.slots) - 1
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

// Detach takes a device away and closes it. The flows of its interface end
// with it.
func (g *Gateway) Detach(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.ports[id]
	if p == nil {
		return fmt.Errorf("detach: %s has no device", id)
	}
	return g.detach(p)
}

func (g *Gateway) detach(p *Port) error {
	if !p.gone.Load() { // its worker has removed it
		_ = p.worker.poller.Remove(p.dev) // fails if its worker does so now
	}
	p.worker.ports--
	g.fragments.DeleteInterface(p.number) // while they can be counted
	g.forget(p)
	g.fragments.DeleteInterface(p.number) // what has come meanwhile
	g.flows.DeleteInterface(p.number)
	return p.dev.Close()
}

// forget takes a port out of the view and waits until nobody uses it.
func (g *Gateway) forget(p *Port) {
	delete(g.ports, p.id)
	g.slots[p.slot] = nil
	v := g.view.Load()
	g.swap(v.policy, v.generation)
	g.synchronize()
}

// synchronize returns once every packet that may have seen an older view is
// through: each worker has been between two batches, and the router between
// two packets.
func (g *Gateway) synchronize() {
	for _, w := range g.workers {
		for epoch := w.epoch.Load(); epoch&1 != 0 && w.epoch.Load() == epoch; {
			time.Sleep(20 * time.Microsecond)
		}
	}
	g.sending.Lock()
	//lint:ignore SA2001 having had the lock is the point
	g.sending.Unlock()
}

// Close ends the workers, the sweeper and the router, and closes every device.
func (g *Gateway) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	close(g.sweepEnd)
	var errs []error
	for _, w := range g.workers {
		errs = append(errs, w.stop())
	}
	g.done.Wait()
	for _, p := range g.ports {
		errs = append(errs, g.detach(p))
	}
	g.router.Close()
	for _, w := range g.workers {
		w.poller.Close()
	}
	return errors.Join(errs...)
}
