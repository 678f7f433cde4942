// Package watch holds the newest fates of packets for a reader that may be
// slower than they fall.
//
// A [Ring] is a [gateway.Selective] watcher: workers put copies of events into it and
// never wait, neither for the reader nor for each other. An event that finds no
// room is lost, and counted. Nothing is allocated after [New].
//
// The package imports filter, gateway and vpc.
package watch

import (
	"context"
	"math/bits"
	"net/netip"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// Record is what a ring keeps of an event.
type Record struct {
	Time   int64 // ns of the gateway's clock
	Fate   gateway.Fate
	Reason gateway.Reason
	// In and Out are the ids of the interfaces or hosts that the packet came
	// from and was for, "" where that is nobody, or was not asked.
	In, Out string
	VPCID   string // the sender's, "" if it is not known

	// Src and Dst are the packet's addresses and ports; zero are those that
	// could not be read. Without HasTransport there are no ports, flags, types
	// and codes.
	Src, Dst           netip.AddrPort
	Protocol           uint8
	HasTransport       bool
	TCPFlags           header.TCPFlags
	ICMPType, ICMPCode uint8
	Packets, Bytes     int // see gateway.Event

	Egress, Ingress gateway.Side
	Policy          *filter.Policy // that it was judged by, nil for none
	Generation      uint64

	// Lost is how many events the ring had lost when this one fell: by how much
	// it is more than that of the record before, so many are missing between
	// the two.
	Lost uint64
}

// Ring is a queue of bounded length with many writers and one reader. No writer
// waits for another: it is the bounded queue of Dmitry Vyukov (1024cores.net),
// in which each slot says whose turn it is.
type Ring struct {
	selector selector
	slots    []slot
	mask     uint64
	wake     chan struct{} // has room for one
	gather   time.Duration

	_      [64]byte // what follows is written by workers
	next   atomic.Uint64
	lost   atomic.Uint64
	asleep atomic.Bool // the reader waits to be woken
	_      [64]byte    // and this by the reader
	read   uint64
}

// slot is a place for a record. In lap l of the ring, slot i may be written when
// turn is l*size+i, and read when it is one more.
type slot struct {
	turn   atomic.Uint64
	record Record
}

// gather is how long a reader that was woken waits for more, so that under a
// steady trickle of packets it is not each of them that has to wake it.
const gather = 5 * time.Millisecond

// New returns an empty ring with room for size events, or some more: the next
// power of two. A place takes about 300 bytes.
func New(f Filter, size int) *Ring {
	n := 1 << bits.Len(uint(max(size, 2)-1))
	r := &Ring{
		selector: compile(f), slots: make([]slot, n), mask: uint64(n - 1),
		wake: make(chan struct{}, 1), gather: gather,
	}
	for i := range r.slots {
		r.slots[i].turn.Store(uint64(i))
	}
	return r
}

// Packet implements gateway.Watcher.
func (r *Ring) Packet(e *gateway.Event) {
	if !r.selector.wants(e) {
		return
	}
	for at := r.next.Load(); ; at = r.next.Load() {
		s := &r.slots[at&r.mask]
		switch turn := s.turn.Load(); {
		case turn < at: // not read since the lap before
			r.lost.Add(1)
			return
		case turn == at && r.next.CompareAndSwap(at, at+1):
			s.record.Set(e)
			s.record.Lost = r.lost.Load()
			s.turn.Store(at + 1)
			r.wakeReader()
			return
		}
		// Another writer was faster, and so has taken a step.
	}
}

// wakeReader wakes the reader if it sleeps.
func (r *Ring) wakeReader() {
	if r.asleep.Load() && r.asleep.CompareAndSwap(true, false) {
		r.wake <- struct{}{} // there is room: only one of us gets here for each sleep
	}
}

// Lost returns how many events found no room.
func (r *Ring) Lost() uint64 { return r.lost.Load() }

// Next waits until there are records and moves the oldest of them into a
// slice. Its error is the context's. Only one goroutine at a time may call it.
func (r *Ring) Next(ctx context.Context, into []Record) (int, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if n := r.take(into); n > 0 {
			return n, nil
		}
		if err := r.sleep(ctx); err != nil {
			return 0, err
		}
	}
}

// take moves records that are there.
func (r *Ring) take(into []Record) (n int) {
	for n < len(into) && r.ready() {
		s := &r.slots[r.read&r.mask]
		into[n] = s.record
		s.record = Record{} // it must keep no policy alive
		s.turn.Store(r.read + uint64(len(r.slots)))
		r.read++
		n++
	}
	return n
}

// ready reports whether there is a record.
func (r *Ring) ready() bool { return r.slots[r.read&r.mask].turn.Load() == r.read+1 }

// sleep waits until there is a record, and a moment for others.
func (r *Ring) sleep(ctx context.Context) error {
	r.asleep.Store(true)
	if r.ready() && r.asleep.CompareAndSwap(true, false) {
		return nil // it came before it could know that we sleep
	}
	select {
	case <-r.wake:
	case <-ctx.Done():
		if !r.asleep.CompareAndSwap(true, false) {
			<-r.wake // it is on its way
		}
		return ctx.Err()
	}
	timer := time.NewTimer(r.gather)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Set makes a record of an event. Lost is left as it is.
func (rec *Record) Set(e *gateway.Event) {
	rec.Time, rec.Fate, rec.Reason = e.Time, e.Fate, e.Reason
	rec.In, rec.Out, rec.VPCID = senderID(e), receiverID(e), e.VPCID
	rec.Packets, rec.Bytes = e.Packets, e.Bytes
	rec.Egress, rec.Ingress = e.Side(vpc.Egress), e.Side(vpc.Ingress)
	rec.Policy, rec.Generation = e.Policy, e.Generation
	if p := e.Packet; p != nil {
		rec.Src, rec.Dst = netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)
		rec.Protocol, rec.HasTransport = p.Protocol, p.HasTransport
		rec.TCPFlags, rec.ICMPType, rec.ICMPCode = p.TCPFlags, p.ICMPType, p.ICMPCode
	}
}
