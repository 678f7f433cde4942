package filter

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// ipNumber is an IP address as a number. Its bits are the address's from the
// highest on, so that one body of code cuts prefixes of both families.
type ipNumber struct{ high, low uint64 }

func numberOf(addr netip.Addr) ipNumber {
	if addr.Is4() {
		raw := addr.As4()
		return ipNumber{high: uint64(binary.BigEndian.Uint32(raw[:])) << 32}
	}
	raw := addr.As16()
	return ipNumber{binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])}
}

// prefix returns the number with all but its first bits cleared.
func (n ipNumber) prefix(length int) ipNumber {
	if length <= 64 {
		return ipNumber{high: n.high &^ (1<<(64-length) - 1)}
	}
	return ipNumber{n.high, n.low &^ (1<<(128-length) - 1)}
}

// mix spreads a number over 64 bits (W. Yi's wyhash, its inner step). Nobody who
// sends packets puts anything into the tables of a policy, so it needs no seed.
func (n ipNumber) mix(salt uint64) uint64 {
	high, low := bits.Mul64(n.high^0x9e3779b97f4a7c15, n.low^(salt+1)*0xd1342543de82ef95)
	return high ^ low
}

// family is the index of an address's family: 0 for IPv4, 1 for IPv6.
func family(addr netip.Addr) int {
	if addr.Is4() {
		return 0
	}
	return 1
}

// addresses is what the addresses of one VPC mean: open addressing with linear
// probing in powers of two, never more than half full. It is asked about both
// addresses of every packet, so an IPv4 address takes 8 bytes and no pointer.
type addresses struct {
	v4 []slot4
	v6 []slot6
}

type slot4 struct {
	addr  uint32
	owner int32 // the endpoint, plus one; 0 where the slot is free
}

type slot6 struct {
	addr  ipNumber
	owner int32
}

func (a *addresses) lookup(addr netip.Addr) Endpoint {
	if addr.Is4() {
		raw := addr.As4()
		return Endpoint(a.v4[find4(a.v4, binary.BigEndian.Uint32(raw[:]))].owner - 1)
	}
	return Endpoint(a.v6[find6(a.v6, numberOf(addr))].owner - 1)
}

// find4 returns the slot that has addr, or the free one where it would be.
func find4(slots []slot4, addr uint32) int {
	mask := len(slots) - 1
	i := int(uint64(addr)*0x9e3779b97f4a7c15>>32) & mask
	for slots[i].owner != 0 && slots[i].addr != addr {
		i = (i + 1) & mask
	}
	return i
}

func find6(slots []slot6, addr ipNumber) int {
	mask := len(slots) - 1
	i := int(addr.mix(0)) & mask
	for slots[i].owner != 0 && slots[i].addr != addr {
		i = (i + 1) & mask
	}
	return i
}

// newAddresses returns a table with room for that many addresses of each family.
func newAddresses(count [2]int) *addresses {
	return &addresses{v4: make([]slot4, slotsFor(count[0])), v6: make([]slot6, slotsFor(count[1]))}
}

// slotsFor returns how many slots hold n keys and are half free or more.
func slotsFor(n int) int { return 1 << bits.Len(uint(2*n)) }

func (a *addresses) set(addr netip.Addr, e Endpoint) {
	if addr.Is4() {
		raw := addr.As4()
		v4 := binary.BigEndian.Uint32(raw[:])
		a.v4[find4(a.v4, v4)] = slot4{v4, int32(e) + 1}
		return
	}
	v6 := numberOf(addr)
	a.v6[find6(a.v6, v6)] = slot6{v6, int32(e) + 1}
}
