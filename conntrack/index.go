package conntrack

import (
	"math/bits"
	"sync/atomic"
)

// index finds a shard's flows: a hash table of words, each with room for three flows,
// the tag of their hash and the number of their entry. A flow that finds its word full
// goes to the next one that is not.
//
// Readers have no lock: they load the whole from an atomic pointer, and each word at
// once. A flow stays where it is in the index, unless it moves to another entry, so that
// no reader misses one that is there when it begins.
//
// It is small, so that it stays in caches that the entries do not fit: four bytes a
// flow or so.
type index struct {
	words  []atomic.Uint64 // a power of two
	chunks []*chunk
}

// A word is three slots of 21 bits, and at its top a bit which says that flows that
// belong here have gone on to the next word. A slot is 0 if it is free, else 8 bits of
// tag and 13 of the entry's number, plus 1.
const (
	slots      = 3
	numberBits = 13
	tagBits    = 8
	slotBits   = numberBits + tagBits
	numberMask = 1<<numberBits - 1
	slotMask   = 1<<slotBits - 1
	wentOn     = 1 << 63

	// everySlot has the lowest bit of each slot.
	everySlot = 1 | 1<<slotBits | 1<<(2*slotBits)

	// maxEntries is how many entries a shard can have, in whole chunks.
	maxEntries = numberMask / chunkSize * chunkSize
)

func makeSlot(h Hash, number uint32) uint64 { return h.tag()<<numberBits | uint64(number+1) }

// find returns the entry of the flow with that key, or nil. It looks at no word twice:
// flows may once have gone on from all of them.
func (x *index) find(k *Key, h Hash) *Entry {
	mask, tag := len(x.words)-1, h.tag()
	for i := int(h) & mask; ; {
		word := x.words[i].Load()
		for slots := withTag(word, tag); slots != 0; slots &= slots - 1 {
			number := uint32(word>>bits.TrailingZeros64(slots)&numberMask) - 1
			if number/chunkSize >= uint32(len(x.chunks)) {
				continue // none, in a free slot, or newer than this copy of chunks
			}
			if e := x.chunks[number/chunkSize].at(number % chunkSize); e.key.is(k) {
				return e
			}
		}
		if i = (i + 1) & mask; word&wentOn == 0 || i == int(h)&mask {
			return nil
		}
	}
}

// withTag returns the lowest bit of each slot that has the tag, without a branch: which slot
// a flow is in, no processor can foresee.
func withTag(word, tag uint64) uint64 {
	const tags = everySlot * (1<<tagBits - 1) << numberBits
	differ := (word ^ tag*(everySlot<<numberBits)) & tags
	// Where any bit of the tag differs, the sum carries into the next slot, to its lowest bit.
	return ^((differ + tags) >> slotBits) & everySlot
}

// put adds an entry, and returns how many more words flows have gone on from. The shard
// is locked.
func (x *index) put(h Hash, number uint32) (full int) {
	mask := len(x.words) - 1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		word := x.words[i].Load()
		for shift := 0; shift < slots*slotBits; shift += slotBits {
			if word>>shift&slotMask == 0 {
				x.words[i].Store(word | makeSlot(h, number)<<shift)
				return full
			}
		}
		if word&wentOn == 0 {
			x.words[i].Store(word | wentOn)
			full++
		}
	}
}

// remove takes an entry out that is in the index. The shard is locked.
func (x *index) remove(h Hash, number uint32) {
	mask, slot := len(x.words)-1, makeSlot(h, number)
	for i := int(h) & mask; ; i = (i + 1) & mask {
		word := x.words[i].Load()
		for shift := 0; shift < slots*slotBits; shift += slotBits {
			if word>>shift&slotMask == slot {
				x.words[i].Store(word &^ (slotMask << shift))
				return
			}
		}
	}
}
