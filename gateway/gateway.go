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
// The package imports tun, stack, fragment, filter, conntrack, epoch, vpc and
// internal/background.
package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/epoch"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/fragment"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// Options are what a gateway is made of. The zero value of a field is its
// default.
type Options struct {
	// Workers is the number of threads that move packets; default: one for
	// two processors, because those who talk to each other run on the same machine.
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

	view        atomic.Pointer[view]
	workers     []*worker
	readers     epoch.Domain // the workers: of views and flows
	watchers    watchers
	ruleNumbers ruleNumbers
	naming      naming
	trials      sync.Pool // of *worker, for Try

	// sending is held for reading while the router's packets are on their
	// way to a device; see synchronize.
	sending sync.RWMutex

	mu        sync.Mutex // guards the control plane: everything below
	ports     map[string]*Port
	freeSlots []int             // of views, below the highest that was used
	numbers   map[string]uint32 // of interfaces, for flows; never used twice
	vpcs      map[string]int    // of VPCs
	ending    chan struct{}
	done      sync.WaitGroup
	closed    bool
}

// New returns a running gateway with no devices and no policy: it would drop
// everything.
func New(o Options) (*Gateway, error) {
	o.setDefaults()
	g, err := newGateway(o)
	if err != nil {
		return nil, err
	}
	for range o.Workers {
		w, err := newWorker(g)
		if err != nil {
			for _, w := range g.workers {
				w.close()
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
	g.done.Go(g.nameFlows)
	return g, nil
}

// newGateway returns a gateway without workers and router.
func newGateway(o Options) (*Gateway, error) {
	g := &Gateway{
		now: o.Now, log: o.Log, limits: conntrack.Limits{Timeouts: o.Timeouts, Allowance: o.Allowance},
		relatedICMPErrors: o.RelatedICMPErrors, dropMidstreamTCP: o.DropMidstreamTCP, onRuleChange: o.OnRuleChange, reclassify: o.Reclassify,
		ports: make(map[string]*Port), numbers: make(map[string]uint32), vpcs: make(map[string]int),
		ending: make(chan struct{}),
		naming: naming{wake: make(chan struct{}, 1)},
	}
	g.view.Store(&view{})
	var err error
	if g.flows, err = conntrack.New(o.MaxFlows, o.Timeouts, &g.readers); err != nil {
		return nil, err
	}
	g.fragments, err = fragment.New(o.Fragments, g.fragmentsDropped)
	return g, err
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
		case <-g.ending:
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
//
// What a policy shares with the one before costs nothing: see filter.Update.
func (g *Gateway) Apply(p *filter.Policy) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errClosed
	}
	before := g.view.Load().policy
	if !p.SameEndpoints(before) {
		if err := g.numberVPCs(p); err != nil {
			return err
		}
		if err := g.router.SetNetworks(g.networks(p)); err != nil {
			return err
		}
	}
	if before == nil || !sameTracking(before.Snapshot(), p.Snapshot()) {
		if err := g.setLimits(p, slices.Collect(maps.Values(g.ports))...); err != nil {
			return err
		}
	}
	g.naming.retire(g.view.Load())
	after := g.install(p)
	g.synchronize()
	g.naming.replace()
	g.reviseFlows(before, after)
	return nil
}

var errClosed = errors.New("the gateway is closed")

// sameTracking reports whether the interfaces of two snapshots have the same
// timeouts.
func sameTracking(a, b *vpc.Snapshot) bool {
	before, after := a.Interfaces(), b.Interfaces()
	if len(before) != len(after) {
		return false
	}
	for i := range before {
		if before[i].ID != after[i].ID || before[i].ConnectionTracking != after[i].ConnectionTracking {
			return false
		}
	}
	return true
}

// setLimits gives the flow table the limits of those ports' interfaces.
func (g *Gateway) setLimits(p *filter.Policy, ports ...*Port) error {
	if p == nil {
		return nil
	}
	of := make(map[uint32]conntrack.Limits, len(ports))
	for _, port := range ports {
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

// Close ends the workers, the sweeper and the router, and closes every device.
func (g *Gateway) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	if g.isModel() {
		return nil
	}
	close(g.ending)
	var errs []error
	for _, w := range g.workers {
		errs = append(errs, w.stop())
	}
	g.done.Wait()
	errs = append(errs, g.detach(slices.Collect(maps.Values(g.ports))))
	g.router.Close()
	for _, w := range g.workers {
		w.close()
	}
	return errors.Join(errs...)
}
