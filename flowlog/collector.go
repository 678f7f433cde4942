package flowlog

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/gateway"
)

// shards is how many parts the collector has. Those who use one at the same time
// wait for each other; a sender's packets are all in one part, and they come from
// the one worker that reads its device.
const shards = 64

// collector sums up packets by flow until they are taken. One aggregate stands
// for the records of both ends: their packets are the same.
type collector struct {
	limit  int64 // of aggregates
	share  int   // of one sender: an instance that scans is not to silence the others
	opened atomic.Int64
	covers atomic.Pointer[coverage]
	shards [shards]shard
}

type shard struct {
	mu sync.Mutex
	batch
	spare []aggregate // that have no flow yet
	size  int         // of the batch that was taken last
	_     [64]byte    // the next shard is another worker's
}

// batch is what a shard has collected.
type batch struct {
	flows   map[flowKey]*aggregate
	senders map[*gateway.Port]int    // how many of the flows each has
	lost    map[*gateway.Port]uint64 // packets at an interface that are in no flow
}

// flowKey is what the packets of an aggregate have in common. An end that gets no
// record is nil.
type flowKey struct {
	in, out          *gateway.Port
	src, dst         netip.Addr
	srcPort, dstPort uint16
	protocol         uint8
	verdict          verdict
}

// aggregate is the sum of a flow's packets. Times are of the gateway's clock.
type aggregate struct {
	packets, bytes uint64
	first, last    int64
	flags, path    uint8
}

// coverage tells which interfaces the logs are about.
type coverage struct {
	all bool
	ids map[string]bool
}

func (c *coverage) has(p *gateway.Port) bool { return c.all || c.ids[p.ID()] }

func newCollector(limit int) *collector {
	c := &collector{limit: int64(limit), share: max(1, limit/4)}
	c.covers.Store(&coverage{})
	c.take()
	return c
}

// Packet adds an event to its flow's aggregate. The gateway's workers call it.
func (c *collector) Packet(e *gateway.Event) {
	v := judge(e)
	covers := c.covers.Load()
	k := flowKey{}
	if v.egress != record.NoAction && covers.has(e.In) {
		k.in, k.verdict.egress = e.In, v.egress
	}
	if v.ingress != record.NoAction && covers.has(e.Out) {
		k.out, k.verdict.ingress = e.Out, v.ingress
	}
	if k.verdict == (verdict{}) {
		return
	}
	p := e.Packet
	k.src, k.dst, k.srcPort, k.dstPort, k.protocol = p.Src, p.Dst, p.SrcPort, p.DstPort, p.Protocol
	s := c.shardOf(e.In)
	s.mu.Lock()
	a := s.flows[k]
	if a == nil {
		a = c.open(s, &k, e)
	}
	if a != nil {
		a.add(e)
	}
	s.mu.Unlock()
}

// shardOf returns the part that a sender's packets are in. Ids end in hexadecimal
// digits that are as good as random.
func (c *collector) shardOf(sender *gateway.Port) *shard {
	id, n := sender.ID(), 0
	for _, digit := range id[max(0, len(id)-2):] {
		n = n*16 + int(digit)
	}
	return &c.shards[n%shards]
}

func (a *aggregate) add(e *gateway.Event) {
	a.packets += uint64(e.Packets)
	a.bytes += bytesOf(e)
	a.last = max(a.last, e.Time)
	a.flags |= flagsOf(e.Packet)
}

// open begins an aggregate, or returns nil where there is no room.
func (c *collector) open(s *shard, k *flowKey, e *gateway.Event) *aggregate {
	if !c.admits(s, e.In) {
		s.lose(k, e)
		return nil
	}
	if len(s.spare) == 0 {
		s.spare = make([]aggregate, 64)
	}
	a := &s.spare[0]
	s.spare = s.spare[1:]
	a.first, a.last, a.path = e.Time, e.Time, pathOf(e)
	s.flows[*k] = a
	s.senders[e.In]++
	return a
}

// admits reports whether there is room for one more aggregate of a sender's.
func (c *collector) admits(s *shard, sender *gateway.Port) bool {
	if s.senders[sender] >= c.share {
		return false
	}
	if c.opened.Add(1) > c.limit {
		c.opened.Add(-1)
		return false
	}
	return true
}

// lose notes packets whose records there will be none of.
func (s *shard) lose(k *flowKey, e *gateway.Event) {
	if k.in != nil {
		s.lost[k.in] += uint64(e.Packets)
	}
	if k.out != nil {
		s.lost[k.out] += uint64(e.Packets)
	}
}

// take returns what has been collected, and begins anew. Workers wait for a shard
// at most as long as it takes to put other maps in place.
func (c *collector) take() []batch {
	taken := make([]batch, 0, shards)
	for i := range c.shards {
		s := &c.shards[i]
		next := batch{make(map[flowKey]*aggregate, s.size), make(map[*gateway.Port]int), make(map[*gateway.Port]uint64)}
		s.mu.Lock()
		old := s.batch
		s.batch = next
		s.spare = nil // it would keep the aggregates beside it alive
		s.mu.Unlock()
		s.size = len(old.flows)
		c.opened.Add(-int64(s.size))
		if s.size > 0 || len(old.lost) > 0 {
			taken = append(taken, old)
		}
	}
	return taken
}
