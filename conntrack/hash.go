package conntrack

import (
	"hash/maphash"
	"math/bits"
)

// Hash is the hash of a key, computed once a packet. Its highest bits choose
// the shard, its lowest the word of the index where a search starts, and those from bit
// 32 on are the tag that the index keeps.
type Hash uint64

func (h Hash) tag() uint64 { return uint64(h>>32) & (1<<tagBits - 1) }

// hasher is the universal hash NH of UMAC (RFC 4418, section 5.2) over the five
// words of a key, with 128 bits of sum and those folded to 64. Its own key is
// secret and drawn for each table, so that whoever sends packets cannot tell which
// of them meet. (maphash.Comparable takes five times as long.)
type hasher struct{ secret [8]uint64 }

func newHasher() hasher {
	var h hasher
	seed := maphash.MakeSeed()
	for i := range h.secret {
		h.secret[i] = maphash.Comparable(seed, i)
	}
	return h
}

func (h *hasher) hash(k *Key) Hash {
	s := &h.secret
	high1, low1 := bits.Mul64(k.lowUpper+s[0], k.lowLower+s[1])
	high2, low2 := bits.Mul64(k.highUpper+s[2], k.highLower+s[3])
	high3, low3 := bits.Mul64(k.rest+s[4], s[5])
	low, carry := bits.Add64(low1, low2, 0)
	high, _ := bits.Add64(high1, high2, carry)
	low, carry = bits.Add64(low, low3, 0)
	high, _ = bits.Add64(high, high3, carry)
	high, low = bits.Mul64(low^s[6], high^s[7])
	return Hash(high ^ low)
}
