package conntrack

import (
	"math/bits"
	"slices"

	"github.com/sgate/sgate/epoch"
)

// slab holds a shard's entries, and knows which are free. An entry that is given
// back is used again only when every reader that may be looking at it has left.
type slab struct {
	readers *epoch.Domain
	pool    *pool
	chunks  []*chunk
	states  []chunkState // of each chunk

	open int // no chunk before this one has a free entry
	used int // entries that were ever in use, in the chunks that there are: no number is higher

	// Entries that were given back, as lists: those since the last stamp, and
	// those before it.
	limbo, waiting list
	stamp          epoch.Stamp
}

// chunkState is what is known of a chunk.
type chunkState struct {
	free uint64 // a bit for each entry that may be used
	// due is when the first side of its flows may have to forget, or before
	// that; sweeping need not look at the chunk until then.
	due   tick
	place place
	rules *[chunkSize]rules
}

// rules are the caller's numbers of the rules that let a flow in, by end. They are
// not in the entry, since packets of a live flow do not look at them.
type rules [2]uint32

// list is a list of entries by number, linked through the entries.
type list struct {
	first uint32
	n     int
}

func (s *slab) entry(number uint32) *Entry { return &s.chunks[number/chunkSize][number%chunkSize] }

func (s *slab) rulesOf(number uint32) *rules {
	return &s.states[number/chunkSize].rules[number%chunkSize]
}

// take returns a free entry's number, of the lowest chunk that has one. grown says
// that there is a new chunk, ok is false if there can be none.
func (s *slab) take() (number uint32, grown, ok bool) {
	if !s.hasFree() && !s.reclaim() {
		if len(s.chunks) == maxEntries/chunkSize {
			return 0, false, false
		}
		c, from := s.pool.get()
		s.chunks = append(s.chunks, c)
		s.states = append(s.states, chunkState{free: 1<<chunkSize - 1, place: from, rules: new([chunkSize]rules)})
		grown = true
	}
	c := &s.states[s.open] // reclaim has moved open back, and without it this is the new chunk
	i := bits.TrailingZeros64(c.free)
	c.free &^= 1 << i
	number = uint32(s.open*chunkSize + i)
	s.used = max(s.used, int(number)+1)
	return number, grown, true
}

// hasFree moves open on to a chunk with a free entry, and reports whether there is one.
func (s *slab) hasFree() bool {
	for s.open < len(s.chunks) && s.states[s.open].free == 0 {
		s.open++
	}
	return s.open < len(s.chunks)
}

// give takes an entry back that readers cannot find any more.
func (s *slab) give(number uint32) { s.limbo.push(s, number) }

func (l *list) push(s *slab, number uint32) {
	s.entry(number).number = l.first
	l.first, l.n = number, l.n+1
}

func (l *list) pop(s *slab) uint32 {
	number := l.first
	l.first, l.n = s.entry(number).number, l.n-1
	return number
}

// reclaim frees some of what readers have done with, and reports whether there was any.
func (s *slab) reclaim() bool {
	if s.waiting.n == 0 {
		s.waiting, s.limbo = s.limbo, list{}
		s.stamp = s.readers.Stamp()
	}
	if s.waiting.n == 0 || !s.readers.Passed(s.stamp) {
		return false
	}
	for range min(chunkSize, s.waiting.n) { // some: a packet may be waiting
		s.free(s.waiting.pop(s))
	}
	return true
}

func (s *slab) free(number uint32) {
	i := int(number / chunkSize)
	s.states[i].free |= 1 << (number % chunkSize)
	s.open = min(s.open, i)
}

// isFree reports whether a chunk has no flow, and no reader looks at one that it had.
func (c *chunkState) isFree() bool { return c.free == 1<<chunkSize-1 }

// drop gives the memory of all chunks from number keep on back. Readers may have the
// old list of chunks, so it is left as it is.
func (s *slab) drop(keep int) {
	for i := range s.states[keep:] {
		s.pool.put(s.states[keep+i].place)
	}
	s.chunks, s.states = slices.Clone(s.chunks[:keep]), slices.Clone(s.states[:keep])
	s.used, s.open = min(s.used, keep*chunkSize), min(s.open, keep)
}
