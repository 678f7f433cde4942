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

// Problem says why a packet could not be parsed. The zero value is not a
// problem.
type Problem uint8

// The problems that Parse finds.
const (
	Parsed        Problem = iota
	Truncated             // shorter than its headers say
	BadVersion            // neither IPv4 nor IPv6
	BadLength             // its length field is not its length
	BadChecksum           // the IPv4 header's checksum is wrong
	BadHeader             // a header field that contradicts another
	BadExtensions         // IPv6 extension headers in a wrong order, or too many
	problems
)

// Problems is the number of values that Problem has.
const Problems = int(problems)

// String returns the problem in words that a counter's name can have.
func (p Problem) String() string {
	return [...]string{"parsed", "truncated", "bad_version", "bad_length", "bad_checksum", "bad_header", "bad_extensions"}[p]
}

// maxExtensions is how many IPv6 extension headers a packet may have. Real
// ones have two or three at the most.
const maxExtensions = 8

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

func (p *Packet) parseIPv4(b []byte) Problem {
	if len(b) < header.IPv4MinimumSize {
		return Truncated
	}
	h := header.IPv4(b)
	p.HeaderLen = int(h.HeaderLength())
	p.Src = netip.AddrFrom4([4]byte(b[12:16]))
	p.Dst = netip.AddrFrom4([4]byte(b[16:20]))
	p.TTL = h.TTL()
	p.Protocol = h.Protocol()
	switch {
	case p.HeaderLen < header.IPv4MinimumSize:
		return BadHeader
	case p.HeaderLen > len(b):
		return Truncated
	}
	if problem := checkLength(int(h.TotalLength()), len(b)); problem != Parsed {
		return problem
	}
	if !h.IsChecksumValid() {
		return BadChecksum
	}
	flags := h.Flags()
	p.DontFragment = flags&header.IPv4FlagDontFragment != 0
	p.MoreFragments = flags&header.IPv4FlagMoreFragments != 0
	p.FragmentOffset = h.FragmentOffset()
	p.FragmentID = uint32(h.ID())
	p.Fragment = p.MoreFragments || p.FragmentOffset != 0
	return p.parseTransport(b)
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

func (p *Packet) parseIPv6(b []byte) Problem {
	p.IPv6, p.DontFragment = true, true
	if len(b) < header.IPv6MinimumSize {
		return Truncated
	}
	h := header.IPv6(b)
	p.Src = netip.AddrFrom16([16]byte(b[8:24]))
	p.Dst = netip.AddrFrom16([16]byte(b[24:40]))
	p.TTL = h.HopLimit()
	p.Protocol = h.NextHeader()
	p.HeaderLen = header.IPv6MinimumSize
	if problem := checkLength(header.IPv6MinimumSize+int(h.PayloadLength()), len(b)); problem != Parsed {
		return problem
	}
	if p.Src.Is4In6() || p.Dst.Is4In6() {
		return BadHeader // ::ffff:a.b.c.d is for sockets, never on a wire (RFC 4291, section 2.5.5.2)
	}
	if problem := p.walkExtensions(b); problem != Parsed {
		return problem
	}
	return p.parseTransport(b)
}

// walkExtensions moves Protocol and HeaderLen past the IPv6 extension headers
// that carry another header behind them (RFC 8200, section 4). AH and ESP are
// not among them: rules know both as protocols.
func (p *Packet) walkExtensions(b []byte) Problem {
	seenFragment := false // an atomic one leaves no other trace
	for i := 0; ; i++ {
		switch header.IPv6ExtensionHeaderIdentifier(p.Protocol) {
		case header.IPv6HopByHopOptionsExtHdrIdentifier:
			if i != 0 {
				return BadExtensions
			}
		case header.IPv6RoutingExtHdrIdentifier, header.IPv6DestinationOptionsExtHdrIdentifier:
		case header.IPv6FragmentExtHdrIdentifier:
			if seenFragment {
				return BadExtensions
			}
			seenFragment = true
		default:
			return Parsed
		}
		if i == maxExtensions {
			return BadExtensions
		}
		ext := b[p.HeaderLen:]
		if len(ext) < 8 { // the length of the shortest extension header
			return Truncated
		}
		size := 8
		if p.Protocol == uint8(header.IPv6FragmentExtHdrIdentifier) {
			p.parseFragment(ext)
		} else if size += 8 * int(ext[1]); size > len(ext) {
			return Truncated
		}
		p.Protocol = ext[0]
		p.HeaderLen += size
		if p.FragmentOffset != 0 {
			return Parsed // what follows is the middle of something
		}
	}
}

// parseFragment reads an IPv6 fragment header. An atomic fragment (RFC 6946),
// one that is the whole packet, is no fragment.
func (p *Packet) parseFragment(ext []byte) {
	offsetAndFlags := binary.BigEndian.Uint16(ext[2:])
	p.FragmentOffset = offsetAndFlags &^ 7
	p.MoreFragments = offsetAndFlags&1 != 0
	p.FragmentID = binary.BigEndian.Uint32(ext[4:])
	p.Fragment = p.MoreFragments || p.FragmentOffset != 0
}

func (p *Packet) parseTransport(b []byte) Problem {
	if p.FragmentOffset != 0 {
		return Parsed
	}
	t := b[p.HeaderLen:]
	switch {
	case p.Protocol == uint8(header.TCPProtocolNumber):
		return p.parseTCP(t)
	case p.Protocol == uint8(header.UDPProtocolNumber):
		if len(t) < header.UDPMinimumSize {
			return Truncated
		}
		h := header.UDP(t)
		p.SrcPort, p.DstPort = h.SourcePort(), h.DestinationPort()
		p.PayloadStart = p.HeaderLen + header.UDPMinimumSize
	case p.IsICMP():
		if len(t) < header.ICMPv4MinimumSize {
			return Truncated
		}
		p.ICMPType, p.ICMPCode, p.HasTransport = t[0], t[1], true
		if _, _, is := p.ICMPQuery(); is {
			p.ICMPID = binary.BigEndian.Uint16(t[4:])
		}
		p.PayloadStart = p.HeaderLen + header.ICMPv4MinimumSize
	default:
		return Parsed
	}
	p.HasTransport = true
	return Parsed
}

func (p *Packet) parseTCP(t []byte) Problem {
	if len(t) < header.TCPMinimumSize {
		return Truncated
	}
	h := header.TCP(t)
	size := int(h.DataOffset())
	if size < header.TCPMinimumSize {
		return BadHeader
	}
	if size > len(t) {
		return Truncated
	}
	p.SrcPort, p.DstPort, p.TCPFlags = h.SourcePort(), h.DestinationPort(), h.Flags()
	p.PayloadStart = p.HeaderLen + size
	p.HasTransport = true
	return Parsed
}

// IsICMP reports whether the packet is ICMP of its own family. Protocol 58 in
// an IPv4 packet, or 1 in an IPv6 one, is just a number.
func (p *Packet) IsICMP() bool {
	if p.IPv6 {
		return p.Protocol == uint8(header.ICMPv6ProtocolNumber)
	}
	return p.Protocol == uint8(header.ICMPv4ProtocolNumber)
}

// ICMPQuery reports whether the packet is one of an ICMP question and its
// answer, which an id holds together: echo, and for IPv4 timestamp,
// information and address mask (RFC 792, RFC 950). request is the question's
// type in both, reply tells which one it is.
func (p *Packet) ICMPQuery() (request uint8, reply, is bool) {
	if !p.IsICMP() || !p.HasTransport {
		return 0, false, false
	}
	if p.IPv6 {
		switch header.ICMPv6Type(p.ICMPType) {
		case header.ICMPv6EchoRequest:
			return p.ICMPType, false, true
		case header.ICMPv6EchoReply:
			return p.ICMPType - 1, true, true
		}
		return 0, false, false
	}
	switch p.ICMPType {
	case 8, 13, 15, 17: // echo, timestamp, information, address mask
		return p.ICMPType, false, true
	case 0:
		return 8, true, true
	case 14, 16, 18:
		return p.ICMPType - 1, true, true
	}
	return 0, false, false
}

// IsICMPError reports whether the packet is an ICMP error or redirect, which
// must never be answered by an error (RFC 1122, section 3.2.2; RFC 4443,
// section 2.4).
func (p *Packet) IsICMPError() bool {
	if !p.IsICMP() || !p.HasTransport {
		return false
	}
	if p.IPv6 {
		return p.ICMPType < 128 || p.ICMPType == uint8(header.ICMPv6RedirectMsg)
	}
	switch p.ICMPType {
	case 3, 4, 5, 11, 12: // unreachable, source quench, redirect, time exceeded, parameter problem
		return true
	}
	return false
}

// udpChecksumOffset is where UDP's header has its checksum (RFC 768).
const udpChecksumOffset = 6

// ChecksumOffset returns where the checksum of TCP or UDP stands, from HeaderLen
// on. ok is false for packets of which no such header was read.
func (p *Packet) ChecksumOffset() (offset int, ok bool) {
	switch {
	case !p.HasTransport:
		return 0, false
	case p.Protocol == uint8(header.TCPProtocolNumber):
		return header.TCPChecksumOffset, true
	case p.Protocol == uint8(header.UDPProtocolNumber):
		return udpChecksumOffset, true
	}
	return 0, false
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
