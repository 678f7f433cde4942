// Package stack is where gVisor sits: it parses every packet with gVisor's
// header types into a [Packet], and it runs one gVisor netstack, the
// [Router], that owns the gateway's own addresses.
//
// The netstack is not the way of forwarded packets. As a router it would cost
// ten times as much as everything else together, and be wrong in places
// (docs/design.md). It gets what is addressed to the gateway, and it says what
// a router owes the sender of a packet that it cannot forward.
//
// The package imports nothing else of this project.
package stack

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Packet is what the gateway knows of one IP packet. The caller owns it and
// may use it again; Parse fills it and keeps no reference to the bytes.
type Packet struct {
	Src, Dst netip.Addr
	Len      int   // of the whole packet, in bytes
	TTL      uint8 // or IPv6's hop limit
	IPv6     bool

	// DontFragment is IPv4's DF bit; always true for IPv6, which routers
	// never fragment.
	DontFragment bool
	// Fragment is true for any piece of a fragmented packet, FragmentID and
	// FragmentOffset (in bytes) say which. Only a piece with offset 0 can
	// have a transport header.
	Fragment       bool
	MoreFragments  bool
	FragmentID     uint32
	FragmentOffset uint16

	// Protocol is the upper-layer protocol: what follows the IPv4 header or
	// the last IPv6 extension header.
	Protocol uint8
	// HeaderLen is where that protocol's own header starts.
	HeaderLen int
	// HasTransport says that the fields below were read from a whole
	// header of TCP, UDP, ICMP or ICMPv6. Without it they are zero, and the
	// packet is known by its addresses and protocol alone.
	HasTransport     bool
	PayloadStart     int    // where the transport's payload starts
	SrcPort, DstPort uint16 // TCP and UDP
	TCPFlags         header.TCPFlags
	TCPSeq, TCPAck   uint32
	TCPWindow        uint16 // not scaled; see WindowScale
	ICMPType         uint8
	ICMPCode         uint8
	ICMPID           uint16 // of ICMP queries, which have one; see ICMPQuery
}

// Parse fills p from the bytes of one IP packet. It never panics, never
// allocates and never reads past b. If it returns a problem, the fields that
// were read until then are valid for a message, not for a decision.
func (p *Packet) Parse(b []byte) Problem {
	*p = Packet{Len: len(b)}
	if len(b) == 0 {
		return Truncated
	}
	switch b[0] >> 4 {
	case header.IPv4Version:
		return p.parseIPv4(b)
	case header.IPv6Version:
		return p.parseIPv6(b)
	}
	return BadVersion
}

// checkLength compares the length that a header claims with the bytes there
// are.
func checkLength(claimed, actual int) Problem {
	switch {
	case claimed > actual:
		return Truncated
	case claimed < actual:
		return BadLength
	}
	return Parsed
}

// DecrementTTL takes one hop from the packet b that p was parsed from, and
// mends the IPv4 header's checksum (RFC 1624).
func (p *Packet) DecrementTTL(b []byte) {
	if p.IPv6 {
		b[7]--
		return
	}
	b[8]--
	// The TTL is the high byte of its word: the sum falls by 0x100, so the
	// stored complement grows by as much, with the carry added at the end.
	sum := uint32(binary.BigEndian.Uint16(b[10:])) + 0x100
	binary.BigEndian.PutUint16(b[10:], uint16(sum+sum>>16))
}
