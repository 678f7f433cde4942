// Package conntrack is the flow table: which flows live, in which state, and
// for how much longer.
//
// A flow has two sides, one an end, because AWS tracks at each network
// interface by itself: the egress side of the sender may know a flow that the
// ingress side of the receiver does not. One entry holds both, so that a
// packet costs one look-up.
//
// The table knows nothing of rules. The gateway asks [Shard.Find]; on a miss
// it asks the policy and, if that admits the packet, makes a flow with
// [Shard.Insert]. A rule that is taken away therefore does not end a tracked
// flow, as in AWS: only its end, its idle timeout or an eviction does.
//
// The memory of flows holds no pointers, so the garbage collector does not
// scan it. Time is passed in, as nanoseconds of any monotonic clock.
//
// The package imports nothing else of this project.
package conntrack

import (
	"bytes"
	"hash/maphash"
	"net/netip"
)

// Key identifies a flow. Both directions of a flow have the same key.
type Key struct {
	low, high         [16]byte // the two ends' addresses
	lowPort, highPort uint16   // their ports, or what stands for them
	vpc               uint16
	protocol          uint8
	kind              uint8 // the family, and the request type of ICMP queries
}

// End is one of the two ends of a key.
type End uint8

// The ends. Which machine is which follows from the key alone.
const (
	Low End = iota
	High
)

// Opposite returns the other end.
func (e End) Opposite() End { return e ^ 1 }

// familyIPv6 marks keys of IPv6, whose addresses may look like mapped IPv4.
const familyIPv6 = 0x80

// NewKey returns the key of a flow in a VPC, and the end that src is. The
// ports are 0 for protocols without them.
func NewKey(vpc uint16, protocol uint8, src, dst netip.Addr, srcPort, dstPort uint16) (Key, End) {
	a, b := src.As16(), dst.As16()
	k := Key{vpc: vpc, protocol: protocol}
	if src.Is6() {
		k.kind = familyIPv6
	}
	if order := bytes.Compare(a[:], b[:]); order < 0 || order == 0 && srcPort <= dstPort {
		k.low, k.lowPort, k.high, k.highPort = a, srcPort, b, dstPort
		return k, Low
	}
	k.low, k.lowPort, k.high, k.highPort = b, dstPort, a, srcPort
	return k, High
}

// NewQueryKey returns the key of an ICMP question and its answers. asker is
// always the low end: two machines that ask each other with the same id have
// two flows, and an answer passes only where the question was seen.
func NewQueryKey(vpc uint16, protocol uint8, asker, asked netip.Addr, id uint16, request uint8) Key {
	k := Key{vpc: vpc, protocol: protocol, low: asker.As16(), high: asked.As16(), lowPort: id, kind: request & 0x7f}
	if asker.Is6() {
		k.kind |= familyIPv6
	}
	return k
}

// SideState says what one end knows of a flow. The zero value is nothing.
type SideState uint8

// The states of a side.
const (
	Unknown   SideState = iota // the end has not admitted the flow
	Tracked                    // both directions pass until the flow ends
	Untracked                  // each direction passes as long as a rule admits it
	NotAsked                   // the end has no security groups
)

// Side is one end of a flow.
type Side struct {
	Interface uint32 // the gateway's number of the interface
	State     SideState
	finished  bool // it has sent a TCP FIN
}

// Flow is one entry of the table. It may be used only while its shard is
// locked.
type Flow struct {
	key     Key
	hash    uint32 // 0 marks a free slot
	Sides   [2]Side
	state   State
	origin  End
	expires int64 // ns

	Created int64     // ns
	Packets [2]uint64 // sent by each end; a super-packet counts its segments
	Bytes   [2]uint64
}

// Origin returns the end that sent the flow's first packet.
func (f *Flow) Origin() End { return f.origin }

// State returns the flow's state.
func (f *Flow) State() State { return f.state }

// Expires returns when the flow ends if nothing more of it is seen.
func (f *Flow) Expires() int64 { return f.expires }

// hasher makes the hashes of keys unpredictable to those who send packets.
type hasher struct{ seed maphash.Seed }

func (h hasher) hash(k *Key) uint32 {
	sum := maphash.Comparable(h.seed, *k)
	return max(1, uint32(sum>>32)) // never 0
}
