package gateway

import (
	"cmp"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/tun"
)

// Port is a device that is attached to the gateway.
type Port struct {
	id     string // of the interface or host
	number uint32 // of the interface, in flows
	slot   int    // its place in views
	dev    tun.Device
	mtu    int // the device's
	worker *worker
	burst  int         // how many frames its worker will ask it for
	gone   atomic.Bool // its device failed; no worker reads it any more

	linkLocal linkLocalAllowance
	counters  counters
	flows     *conntrack.Table
}

// ID returns the id of the interface or host that the device belongs to.
func (p *Port) ID() string { return p.id }

// Device returns the device. The gateway owns it: callers must not read,
// write or close it.
func (p *Port) Device() tun.Device { return p.dev }

// Gone reports whether the device has failed, for instance because somebody has
// deleted it. Nothing is read from it any more.
func (p *Port) Gone() bool { return p.gone.Load() }

// Counters are the packets of one device. A super-packet counts as the
// segments that it stands for. Received = Forwarded + Local + all of Dropped.
type Counters struct {
	Received      uint64
	ReceivedBytes uint64
	Forwarded     uint64
	Local         uint64
	Dropped       [Reasons]uint64
	Sent          uint64 // written to the device, from other devices and the router
	SentBytes     uint64

	// ConntrackAllowanceAvailable is how many more flows the interface may
	// track, ConntrackAllowanceExceeded how many packets, of either direction,
	// were dropped because it could not track theirs. The names are those of
	// AWS's driver (EC2 User Guide, ENA metrics).
	ConntrackAllowanceAvailable int64
	ConntrackAllowanceExceeded  uint64
}

// TotalDropped returns the sum of Dropped.
func (c Counters) TotalDropped() uint64 {
	var sum uint64
	for _, n := range c.Dropped {
		sum += n
	}
	return sum
}

// counters take no lock. What was received is not counted but summed up, so that
// the sums are right at any instant.
type counters struct {
	forwarded, local, bytes atomic.Uint64
	dropped                 [reasons]atomic.Uint64
	_                       [64]byte // the rest is written by other workers
	sent, sentBytes         atomic.Uint64
}

func (c *counters) count(fate Fate, reason Reason, packets, bytes int) {
	c.bytes.Add(uint64(bytes))
	switch fate {
	case Forwarded:
		c.forwarded.Add(uint64(packets))
	case Local:
		c.local.Add(uint64(packets))
	default:
		c.dropped[reason].Add(uint64(packets))
	}
}

func (c *counters) countSent(packets, bytes int) {
	c.sent.Add(uint64(packets))
	c.sentBytes.Add(uint64(bytes))
}

// Counters returns the device's counts of one instant.
func (p *Port) Counters() Counters {
	c := Counters{
		ReceivedBytes: p.counters.bytes.Load(), Forwarded: p.counters.forwarded.Load(), Local: p.counters.local.Load(),
		Sent: p.counters.sent.Load(), SentBytes: p.counters.sentBytes.Load(),
	}
	for reason := range c.Dropped {
		c.Dropped[reason] = p.counters.dropped[reason].Load()
	}
	c.Received = c.Forwarded + c.Local + c.TotalDropped()
	c.ConntrackAllowanceAvailable, c.ConntrackAllowanceExceeded = p.flows.Allowance(p.number)
	return c
}

// write puts a frame of that many packets on the device.
func (p *Port) write(frame []byte, packets int) error {
	if err := p.dev.WriteFrame(frame); err != nil {
		return err
	}
	p.counters.countSent(packets, len(frame)-tun.HeaderLen)
	return nil
}

// Ports returns all ports, by id.
func (g *Gateway) Ports() []*Port {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.SortedFunc(maps.Values(g.ports), func(a, b *Port) int { return cmp.Compare(a.id, b.id) })
}

// Port returns the port of the interface or host with that id, or nil.
func (g *Gateway) Port(id string) *Port {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ports[id]
}
