package capture

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/watch"
)

// record is what is kept of an event.
type record struct {
	watch.Record        // Lost is of packets that came in by the same interface
	ttl          uint8  // that it came with; 0 if that is not known
	length       int    // bytes of the packet
	data         []byte // those that are kept
}

// buffer holds packets for the one who reads them. It is a gateway.Watcher: any
// number of workers put packets in, at once; one goroutine takes them out, in
// the order in which they found room. What finds none is counted and forgotten.
//
// A packet takes a slot and a piece of the bytes. Both are rings, and one step
// of head takes from both, so that they come free in the order in which they
// were taken. A slot that is taken is not filled yet: ready says when.
type buffer struct {
	selected func(*gateway.Event) bool
	snaplen  int
	slots    []slot
	data     []byte
	lost     sync.Map // *gateway.Port, its *atomic.Uint64
	anyLost  atomic.Bool
	filling  chan struct{} // tells the reader not to wait any longer

	_       [64]byte // what follows is written by workers
	head    atomic.Uint64
	awaited atomic.Bool // the reader waits
	_       [64]byte    // and this by the reader
	tail    atomic.Uint64
}

// slot is a place in the buffer.
type slot struct {
	ready atomic.Bool
	end   uint64 // the place after its bytes
	record
}

// bytesPerSlot is how large packets are on average, at least, in a buffer of
// which the bytes are used up before the slots.
const bytesPerSlot = 512

// newBuffer returns an empty buffer of o.Buffer bytes, or some more: the next
// power of two.
func newBuffer(o Options) *buffer {
	size := 1 << bits.Len(uint(max(o.Buffer, MinBuffer)-1))
	return &buffer{
		selected: o.Select, snaplen: o.Snaplen,
		slots: make([]slot, size/bytesPerSlot), data: make([]byte, size), filling: make(chan struct{}, 1),
	}
}

// A place in both rings is one number: how many slots there were before it, and
// how many bytes. Both counts wrap around, and the rings' sizes divide them.
const (
	byteBits = 40
	byteMask = 1<<byteBits - 1
	slotMask = 1<<(64-byteBits) - 1
)

func place(slots, bytes uint64) uint64 { return slots<<byteBits | bytes&byteMask }

func slotsBetween(tail, head uint64) uint64 { return (head>>byteBits - tail>>byteBits) & slotMask }
func bytesBetween(tail, head uint64) uint64 { return (head - tail) & byteMask }

// Packet implements gateway.Watcher.
func (b *buffer) Packet(e *gateway.Event) {
	if e.In == nil || !b.selected(e) {
		return
	}
	data := e.Data[:min(len(e.Data), b.snaplen)]
	s, room := b.reserve(len(data))
	if s == nil {
		b.countLost(e.In)
		b.wake()
		return
	}
	s.data = room
	copy(s.data, data)
	s.keep(e)
	s.Lost = b.lostBy(e.In)
	s.ready.Store(true)
	if b.isFilling() {
		b.wake()
	}
}

// keep copies an event, the packet's bytes aside.
func (r *record) keep(e *gateway.Event) {
	r.Set(e)
	r.ttl, r.length = 0, max(e.Bytes, len(e.Data))
	if e.Packet != nil {
		r.ttl = e.Packet.TTL
	}
}

// reserve finds a slot, and room for n bytes in one piece; nil if there is none.
func (b *buffer) reserve(n int) (*slot, []byte) {
	size := uint64(len(b.data))
	for {
		tail := b.tail.Load() // first: it never overtakes head
		head := b.head.Load()
		start := head & byteMask
		if at := start % size; at+uint64(n) > size {
			start += size - at
		}
		end := start + uint64(n)
		if slotsBetween(tail, head) >= uint64(len(b.slots)) || bytesBetween(tail, end) > size {
			if b.tail.Load() != tail {
				continue // there may be room meanwhile
			}
			return nil, nil
		}
		if b.head.CompareAndSwap(head, place(head>>byteBits+1, end)) {
			s, at := &b.slots[head>>byteBits%uint64(len(b.slots))], start%size
			s.end = end
			return s, b.data[at : at+uint64(n) : at+uint64(n)]
		}
	}
}

// isFilling reports whether a quarter of the buffer is in use.
func (b *buffer) isFilling() bool {
	tail := b.tail.Load()
	head := b.head.Load()
	return slotsBetween(tail, head) > uint64(len(b.slots))/4 || bytesBetween(tail, head) > uint64(len(b.data))/4
}

// wake has the reader come, if it waits.
func (b *buffer) wake() {
	if !b.awaited.Load() || !b.awaited.Swap(false) {
		return
	}
	select {
	case b.filling <- struct{}{}:
	default:
	}
}

// next returns the oldest packet, nil if there is none. It is the reader's until
// release.
func (b *buffer) next() *record {
	s := b.oldest()
	if !s.ready.Load() {
		return nil
	}
	return &s.record
}

func (b *buffer) oldest() *slot { return &b.slots[b.tail.Load()>>byteBits%uint64(len(b.slots))] }

// release gives the room of the packet that next has returned to others.
func (b *buffer) release() {
	s := b.oldest()
	end := s.end
	s.record = record{} // it must keep no policy alive
	s.ready.Store(false)
	b.tail.Store(place(b.tail.Load()>>byteBits+1, end))
}

func (b *buffer) countLost(in *gateway.Port) {
	n, known := b.lost.Load(in)
	if !known {
		n, _ = b.lost.LoadOrStore(in, new(atomic.Uint64))
		b.anyLost.Store(true)
	}
	n.(*atomic.Uint64).Add(1)
}

// lostBy returns how many packets were lost that came in by a port.
func (b *buffer) lostBy(in *gateway.Port) uint64 {
	if !b.anyLost.Load() {
		return 0
	}
	if n, known := b.lost.Load(in); known {
		return n.(*atomic.Uint64).Load()
	}
	return 0
}

// losses returns how many packets were lost by each interface or host, by id.
func (b *buffer) losses() map[string]uint64 {
	lost := make(map[string]uint64)
	b.lost.Range(func(in, n any) bool {
		lost[in.(*gateway.Port).ID()] += n.(*atomic.Uint64).Load()
		return true
	})
	return lost
}
