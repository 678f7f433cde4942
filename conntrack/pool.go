package conntrack

import (
	"math/bits"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// chunkSize is how many entries a shard takes at once. They never move in memory.
const chunkSize = 64

type chunk [chunkSize]Entry

// at is &c[i]. The compiler's own code for that reads from the chunk's first entry, to see
// that c is not nil, and in a large table waits for it.
func (c *chunk) at(i uint32) *Entry {
	return (*Entry)(unsafe.Add(unsafe.Pointer(c), uintptr(i%chunkSize)*unsafe.Sizeof(Entry{})))
}

// pool is where the shards have their chunks from. The first ones are allocated one by
// one; then they come from arenas, pieces of memory as large as a huge page. With a
// million flows what a packet waits for is memory, and a fifth of that is the
// look-up of small pages.
type pool struct {
	mu     sync.Mutex
	single int // chunks in use that were allocated by themselves
	arenas []*arena
	open   int // no arena before this one has a free chunk
}

// arena is chunks that are one piece of memory.
type arena struct {
	chunks *[arenaSize]chunk
	free   [arenaSize / 64]uint64 // a bit for each that no shard has
	left   int                    // how many those are
}

const (
	hugePage  = 2 << 20
	arenaSize = hugePage / int(unsafe.Sizeof(chunk{}))
)

// place is where a chunk comes from.
type place struct {
	arena *arena // nil if it was allocated by itself
	i     uint8
}

// get returns a chunk without flows.
func (p *pool) get() (*chunk, place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.open < len(p.arenas) && p.arenas[p.open].left == 0 {
		p.open++
	}
	if p.open == len(p.arenas) {
		if p.single < arenaSize {
			p.single++
			return new(chunk), place{}
		}
		p.arenas = append(p.arenas, newArena())
	}
	a := p.arenas[p.open]
	for word := range a.free {
		if a.free[word] != 0 {
			i := 64*word + bits.TrailingZeros64(a.free[word])
			a.free[word] &= a.free[word] - 1
			a.left--
			return &a.chunks[i], place{a, uint8(i)}
		}
	}
	panic("conntrack: an arena has fewer chunks than it counts")
}

func newArena() *arena {
	a := &arena{chunks: new([arenaSize]chunk), left: arenaSize}
	for word := range a.free {
		a.free[word] = 1<<64 - 1
	}
	// It may begin in the middle of a page. Neighbours will be arenas too, as a rule;
	// for whatever else is there it does no harm. Where there are no huge pages, the
	// small ones do.
	start := uintptr(unsafe.Pointer(a.chunks)) &^ (hugePage - 1)
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, 2*hugePage, unix.MADV_HUGEPAGE)
	return a
}

// put takes a chunk back that has no flows, and that nobody looks at.
func (p *pool) put(from place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := from.arena
	if a == nil {
		p.single--
		return
	}
	a.free[from.i/64] |= 1 << (from.i % 64)
	a.left++
	i := slices.Index(p.arenas, a)
	if p.open = min(p.open, i); a.left == arenaSize {
		p.arenas = slices.Delete(p.arenas, i, i+1)
	}
}
