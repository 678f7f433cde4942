package stack

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// maxExtensions is how many IPv6 extension headers a packet may have. Real
// ones have two or three at the most.
const maxExtensions = 8

// minExtensionLen is the length of the shortest extension header, and the unit
// in which longer ones count (RFC 8200, section 4).
const minExtensionLen = 8

func (p *Packet) parseIPv6(b []byte) Problem {
	p.IPv6, p.DontFragment = true, true
	if len(b) < header.IPv6MinimumSize {
		return Truncated
	}
	p.readIPv6(b)
	// A jumbogram has the length 0 here, and so another than it has.
	claimed := header.IPv6MinimumSize + int(header.IPv6(b).PayloadLength())
	if problem := checkLength(claimed, len(b)); problem != Parsed {
		return problem
	}
	if p.hasMappedAddress() {
		return BadHeader
	}
	if problem := p.walkExtensions(b); problem != Parsed {
		return problem
	}
	return p.parseTransport(b)
}

// readIPv6 reads an IPv6 header, which must be there.
func (p *Packet) readIPv6(b []byte) {
	h := header.IPv6(b)
	p.IPv6, p.DontFragment = true, true
	p.Src = netip.AddrFrom16([16]byte(b[8:24]))
	p.Dst = netip.AddrFrom16([16]byte(b[24:40]))
	p.TTL = h.HopLimit()
	p.Protocol = h.NextHeader()
	p.HeaderLen = header.IPv6MinimumSize
}

// hasMappedAddress reports whether an IPv6 packet has an address of the form
// ::ffff:a.b.c.d, which is for sockets, never on a wire (RFC 4291, section
// 2.5.5.2).
func (p *Packet) hasMappedAddress() bool { return p.Src.Is4In6() || p.Dst.Is4In6() }

// walkExtensions moves Protocol and HeaderLen past the IPv6 extension headers
// that carry another header behind them (RFC 8200, section 4). AH and ESP are
// not among them: rules know both as protocols.
func (p *Packet) walkExtensions(b []byte) Problem {
	seenFragment := false // an atomic one leaves no other trace
	for i := 0; ; i++ {
		switch header.IPv6ExtensionHeaderIdentifier(p.Protocol) {
		case header.IPv6HopByHopOptionsExtHdrIdentifier:
			if i != 0 {
				return HopByHopMisplaced
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
			return ExtensionsTooLong
		}
		if problem := p.skipExtension(b[p.HeaderLen:]); problem != Parsed {
			return problem
		}
		if p.FragmentOffset != 0 {
			return Parsed // what follows is the middle of something
		}
	}
}

// skipExtension reads the extension header at the start of ext, whose number
// is in Protocol, and moves behind it.
func (p *Packet) skipExtension(ext []byte) Problem {
	if len(ext) < minExtensionLen {
		return ExtensionsOverflow
	}
	size := minExtensionLen
	if p.Protocol == uint8(header.IPv6FragmentExtHdrIdentifier) {
		p.readFragment(ext)
	} else if size += minExtensionLen * int(ext[1]); size > len(ext) {
		return ExtensionsOverflow
	}
	if p.Protocol == uint8(header.IPv6RoutingExtHdrIdentifier) && reroutes(ext) {
		return RoutingHeader
	}
	p.Protocol = ext[0]
	p.HeaderLen += size
	return Parsed
}

// reroutes reports whether a routing header takes the packet elsewhere than to
// the destination in the IPv6 header: it has segments left. Type 0 is refused
// at any time (RFC 5095).
func reroutes(ext []byte) bool {
	routingType, segmentsLeft := ext[2], ext[3]
	return routingType == 0 || segmentsLeft != 0
}

// readFragment reads an IPv6 fragment header. An atomic fragment (RFC 6946),
// one that is the whole packet, is no fragment.
func (p *Packet) readFragment(ext []byte) {
	offsetAndFlags := binary.BigEndian.Uint16(ext[2:])
	p.FragmentOffset = offsetAndFlags &^ 7
	p.MoreFragments = offsetAndFlags&1 != 0
	p.FragmentID = binary.BigEndian.Uint32(ext[4:])
	p.Fragment = p.MoreFragments || p.FragmentOffset != 0
}
