package conntrack

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Flow is what is known of a flow at an instant: a copy of its [Entry].
type Flow struct {
	key Key
	control
	expires [2]int64 // ns, of each side; 0 while it knows nothing

	created int64     // ns
	packets [2]uint64 // sent by each end; a super-packet counts its segments
	bytes   [2]uint64
	rules   rules
}

// control is what decides about a flow's packets. The functions that judge packets
// and move flows on work on it, so that there is one set of them for both ways, with
// the shard's lock and without.
type control struct {
	tcp     bool
	state   State
	origin  End
	sides   [2]Side
	streams [2]stream
	attempt attempt
	anew    bool // the segment at hand has begun a stream, from another place
}

// Origin returns the end that sent the flow's first packet.
func (f *Flow) Origin() End { return f.origin }

// State returns the flow's state.
func (f *Flow) State() State { return f.state }

// Created returns when the flow's first packet was seen, in ns, rounded down to 4 ms.
func (f *Flow) Created() int64 { return f.created }

// Expires returns when the flow ends if nothing more of it is seen, in ns: when
// the last of its sides does.
func (f *Flow) Expires() int64 { return max(f.expires[Low], f.expires[High]) }

// Sent returns how many packets and bytes an end has sent.
func (f *Flow) Sent(e End) (packets, bytes uint64) { return f.packets[e], f.bytes[e] }

// Rule returns the number of the rule that let the flow in at an end; see
// Shard.SetRule.
func (f *Flow) Rule(e End) uint32 { return f.rules[e] }

// Side returns what one end knows of the flow.
func (f *Flow) Side(e End) Side { return f.sides[e] }

// VPC returns the gateway's number of the flow's VPC.
func (f *Flow) VPC() uint16 { return f.key.vpc() }

// Protocol returns the flow's protocol number.
func (f *Flow) Protocol() uint8 { return f.key.protocol() }

// Addr returns an end's address and its port, or what stands for that: the id of
// an ICMP query is the asker's.
func (f *Flow) Addr(e End) netip.AddrPort { return f.key.addr(e) }

// HasPorts reports whether the flow is of a protocol with ports.
func (f *Flow) HasPorts() bool {
	return f.tcp || f.key.protocol() == uint8(header.UDPProtocolNumber)
}

// IsQuery reports whether the flow is an ICMP question and its answers.
func (f *Flow) IsQuery() bool { return f.key.request() != 0 }

// ICMPRequest returns the type of the question of such a flow, 0 for others.
func (f *Flow) ICMPRequest() uint8 { return f.key.request() }

// tracked reports whether any end tracks the flow.
func (c *control) tracked() bool {
	return c.sides[Low].State == Tracked || c.sides[High].State == Tracked
}
