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
// [Shard.Open]. A rule that is taken away therefore does not end a tracked
// flow, as in AWS: only its end, its idle timeout or an eviction does.
//
// Not every packet with a live flow's addresses is part of it. [Flow.Fits] holds
// a TCP segment against the windows of both directions; one from outside
// neither ends the flow nor keeps it.
//
// Flows that an end tracks count towards the allowance of its interface, and
// all of them towards the table's own limit; see [Table.SetInterfaces].
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

	"gvisor.dev/gvisor/pkg/tcpip/header"
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
	Unknown   SideState = iota // the end has not admitted the flow, or has forgotten it
	Tracked                    // both directions pass until the flow ends
	Untracked                  // each direction passes as long as a rule admits it
	NotAsked                   // the end has no security groups
)

// Side is one end of a flow: what its interface knows. AWS keeps a table for
// each interface, so the sides have idle timeouts of their own.
type Side struct {
	Interface uint32 // the gateway's number of the interface, from 1 on
	State     SideState

	marks mark
	scale uint8 // of the windows that it offers (RFC 7323)
}

// Flow is one entry of the table. It may be used only while its shard is
// locked.
type Flow struct {
	key     Key
	hash    uint32 // 0 marks a free slot
	sides   [2]Side
	state   State
	origin  End
	expires [2]int64 // ns, of each side; 0 while it knows nothing
	streams [2]stream
	attempt attempt

	created int64     // ns
	packets [2]uint64 // sent by each end; a super-packet counts its segments
	bytes   [2]uint64
}

// Origin returns the end that sent the flow's first packet.
func (f *Flow) Origin() End { return f.origin }

// State returns the flow's state.
func (f *Flow) State() State { return f.state }

// Created returns when the flow's first packet was seen, in ns.
func (f *Flow) Created() int64 { return f.created }

// Expires returns when the flow ends if nothing more of it is seen, in ns: when
// the last of its sides does.
func (f *Flow) Expires() int64 { return max(f.expires[Low], f.expires[High]) }

// Sent returns how many packets and bytes an end has sent.
func (f *Flow) Sent(e End) (packets, bytes uint64) { return f.packets[e], f.bytes[e] }

// Side returns what one end knows of the flow.
func (f *Flow) Side(e End) Side { return f.sides[e] }

// Tracks reports whether the interface with that number tracks the flow as
// that end of it.
func (f *Flow) Tracks(e End, number uint32) bool {
	return f.sides[e].State == Tracked && f.sides[e].Interface == number
}

// TracksAtAll reports whether any interface tracks the flow as that end of it.
func (f *Flow) TracksAtAll(e End) bool { return f.sides[e].State == Tracked }

// tracked reports whether any end tracks the flow.
func (f *Flow) tracked() bool {
	return f.sides[Low].State == Tracked || f.sides[High].State == Tracked
}

// MayHaveSent reports whether that end may have sent the packet that an ICMP
// error quotes: it has spoken, and a TCP segment's number is among those that it
// has sent lately (RFC 5927, section 4.1).
func (f *Flow) MayHaveSent(e End, seq uint32) bool {
	if f.packets[e] == 0 {
		return false
	}
	if !f.isTCP() || !f.sides[e].marks.has(seen) {
		return true
	}
	sender, receiver := &f.streams[e], &f.streams[e.Opposite()]
	return !before(sender.end, seq) && !before(seq, sender.end-max(receiver.window, minAckWindow)-1)
}

// VPC returns the gateway's number of the flow's VPC.
func (f *Flow) VPC() uint16 { return f.key.vpc }

// Protocol returns the flow's protocol number.
func (f *Flow) Protocol() uint8 { return f.key.protocol }

// Addr returns an end's address and its port, or what stands for that: the id of
// an ICMP query is the asker's.
func (f *Flow) Addr(e End) netip.AddrPort {
	raw, port := f.key.low, f.key.lowPort
	if e == High {
		raw, port = f.key.high, f.key.highPort
	}
	addr := netip.AddrFrom16(raw)
	if f.key.kind&familyIPv6 == 0 {
		addr = addr.Unmap()
	}
	return netip.AddrPortFrom(addr, port)
}

// HasPorts reports whether the flow is of a protocol with ports.
func (f *Flow) HasPorts() bool {
	return f.isTCP() || f.key.protocol == uint8(header.UDPProtocolNumber)
}

// IsQuery reports whether the flow is an ICMP question and its answers.
func (f *Flow) IsQuery() bool { return f.ICMPRequest() != 0 }

// ICMPRequest returns the type of the question of such a flow, 0 for others.
func (f *Flow) ICMPRequest() uint8 {
	request := f.key.kind &^ familyIPv6
	switch {
	case f.key.kind&familyIPv6 == 0:
		return request
	case request != 0 || f.key.protocol == uint8(header.ICMPv6ProtocolNumber):
		return request | 0x80 // RFC 4443 has all questions above 127
	}
	return 0
}

// Segment is what the table needs of a packet.
type Segment struct {
	From    End
	Packets int // that it stands for
	Bytes   int // of all of them, IP headers included
	// Undelivered says that the other end does not get it, though its sender
	// was let to send it.
	Undelivered bool

	// The rest is TCP's.
	Flags    header.TCPFlags
	Seq, Ack uint32
	Window   uint16
	HasScale bool // a SYN with a window scale option
	Scale    uint8
	Payload  int // bytes
}

// hasher makes the hashes of keys unpredictable to those who send packets.
type hasher struct{ seed maphash.Seed }

func (h hasher) hash(k *Key) uint32 {
	sum := maphash.Comparable(h.seed, *k)
	return max(1, uint32(sum>>32)) // never 0
}
