package fragment

import (
	"bytes"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/stack"
)

// piece is one fragment. Its data lie at the end of its packet.
type piece struct {
	packet     []byte // headers and all
	start, end int    // of its data in the datagram, in bytes
	more       bool   // it is not the last one
}

// readPiece returns the piece in a packet that was parsed into p. It refers to
// the packet. ok is false if there is none.
func readPiece(p *stack.Packet, packet []byte) (f piece, ok bool) {
	data := p.HeaderLen
	if p.IPv6 {
		at, _, found := fragmentHeader(packet)
		if !found {
			return piece{}, false
		}
		data = at + header.IPv6FragmentHeaderSize
	}
	if !p.Fragment || p.Len != len(packet) || data < header.IPv4MinimumSize || data > len(packet) {
		return piece{}, false
	}
	start := int(p.FragmentOffset)
	return piece{packet: packet, start: start, end: start + len(packet) - data, more: p.MoreFragments}, true
}

// fragmentHeader returns where the fragment header of an IPv6 packet starts,
// and where the next-header byte stands that announces it. Parse walks on to
// the transport header in a first piece, and so does not tell.
func fragmentHeader(packet []byte) (at, link int, ok bool) {
	at, link = header.IPv6MinimumSize, header.IPv6NextHeaderOffset
	for at+header.IPv6FragmentHeaderSize <= len(packet) {
		switch header.IPv6ExtensionHeaderIdentifier(packet[link]) {
		case header.IPv6FragmentExtHdrIdentifier:
			return at, link, true
		case header.IPv6HopByHopOptionsExtHdrIdentifier, header.IPv6RoutingExtHdrIdentifier,
			header.IPv6DestinationOptionsExtHdrIdentifier:
		default:
			return 0, 0, false
		}
		at, link = at+8+8*int(packet[at+1]), at
	}
	return 0, 0, false
}

func (f *piece) isIPv6() bool { return f.packet[0]>>4 == header.IPv6Version }

func (f *piece) data() []byte { return f.packet[len(f.packet)-(f.end-f.start):] }

// unfragmentable is what stands before the datagram's data, in its pieces as in
// the whole: the IPv4 header, or all before IPv6's fragment header.
func (f *piece) unfragmentable() []byte {
	n := len(f.packet) - (f.end - f.start)
	if f.isIPv6() {
		n -= header.IPv6FragmentHeaderSize
	}
	return f.packet[:n]
}

// fault returns what is wrong with the piece by itself.
func (f *piece) fault(p *stack.Packet) Problem {
	switch {
	case f.start == f.end || f.more && (f.end-f.start)%8 != 0:
		return BadPiece
	case f.start == 0 && isTiny(p):
		return TinyFirst
	}
	return NoProblem
}

// minTransport is the least that a first piece must have of a transport header
// that Parse does not read. IPv4 cannot have less; ports and SPIs are in it.
const minTransport = 8

// isTiny reports whether a first piece ends before the headers do. Of those that
// Parse reads it has made sure.
func isTiny(p *stack.Packet) bool {
	return !p.HasTransport && p.Len-p.HeaderLen < minTransport
}

// sameHeaders reports whether two pieces have in common what all pieces of a
// datagram must. TTL, traffic class and flow label are not of that, nor is DF.
//
// RFC 8200, section 4.5, lets a receiver take the first piece's headers and
// not look at the others'. Nobody sends such, and no two readers of one
// datagram shall see two protocols.
func sameHeaders(a, b *piece) bool {
	if a.isIPv6() {
		x, y := a.unfragmentable(), b.unfragmentable()
		return a.packet[header.IPv6NextHeaderOffset] == b.packet[header.IPv6NextHeaderOffset] &&
			bytes.Equal(x[header.IPv6MinimumSize:], y[header.IPv6MinimumSize:]) &&
			a.packet[len(x)] == b.packet[len(y)] // the fragment headers' own next header
	}
	var forA, forB [header.IPv4MaximumOptionsSize]byte
	return header.IPv4(a.packet).Protocol() == header.IPv4(b.packet).Protocol() &&
		bytes.Equal(copiedOptions(forA[:0], a.unfragmentable()), copiedOptions(forB[:0], b.unfragmentable()))
}

// copiedOptions appends to out those options of an IPv4 header that every piece
// carries; the first piece may have more (RFC 791, section 3.1). What cannot be
// read as options, which Parse refuses, counts as it stands.
func copiedOptions(out, ipv4 []byte) []byte {
	const copied = 0x80
	for o := ipv4[header.IPv4MinimumSize:]; len(o) > 0; {
		switch o[0] {
		case 0: // the end of the list
			return out
		case 1: // no operation
			o = o[1:]
			continue
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return append(out, o...)
		}
		if o[0]&copied != 0 {
			out = append(out, o[:o[1]]...)
		}
		o = o[o[1]:]
	}
	return out
}
