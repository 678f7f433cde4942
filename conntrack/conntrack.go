// Package conntrack is the flow table: which flows live, in which state, and
// for how much longer.
//
// A flow has two sides, one an end, because AWS tracks at each network
// interface by itself: the egress side of the sender may know a flow that the
// ingress side of the receiver does not. One entry holds both, so that a
// packet costs one look-up.
//
// The table knows nothing of rules. The gateway asks [Table.Find]; where a flow
// answers for a packet that changes nothing of it, [Table.Hit] is all. No lock is
// taken on that way. Everything else goes under the lock of a [Shard]: flows that
// open or close, sides that come or go, and packets that are not part of the flow.
// On a miss the gateway asks the policy and, if that admits the packet, makes a
// flow with [Shard.Open]. A rule that is taken away therefore does not end a
// tracked flow, as in AWS: only its end, its idle timeout or an eviction does.
//
// Not every packet with a live flow's addresses is part of it. [Shard.Fits] holds
// a TCP segment against the windows of both directions; one from outside
// neither ends the flow nor keeps it.
//
// Flows that an end tracks count towards the allowance of its interface, and
// all of them towards the table's own limit; see [Table.SetInterfaces].
//
// The memory of flows holds no pointers, so the garbage collector does not
// scan it. Time is passed in, as nanoseconds of any monotonic clock.
//
// The package imports epoch and nothing else of this project.
package conntrack

import "gvisor.dev/gvisor/pkg/tcpip/header"

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

// Segment is what the table needs of a packet.
type Segment struct {
	From    End
	Packets int // that it stands for
	Bytes   int // of all of them, IP headers included
	// Undelivered says that the other end does not get it, though its sender
	// was let to send it.
	Undelivered bool
	Rule        uint32 // of a flow's first packet: what SetRule begins with at both ends

	// The rest is TCP's.
	Flags    header.TCPFlags
	Seq, Ack uint32
	Window   uint16
	HasScale bool // a SYN with a window scale option
	Scale    uint8
	Payload  int // bytes
}
