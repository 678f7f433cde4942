package stack

import (
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

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

// TransportChecksumValid reports whether the checksum of TCP, UDP, ICMP or
// ICMPv6 in the packet b that p was parsed from is right. It is true where
// there is none to look at: in other protocols, in a fragment, whose checksum
// is over the whole, and in a UDP datagram over IPv4 without one (RFC 768),
// which IPv6 does not allow (RFC 8200, section 8.1). Whoever knows that the
// checksum has yet to be completed must not ask.
func (p *Packet) TransportChecksumValid(b []byte) bool {
	if !p.HasTransport || p.Fragment {
		return true
	}
	t := b[p.HeaderLen:]
	if p.Protocol == uint8(header.UDPProtocolNumber) && header.UDP(t).Checksum() == 0 {
		return !p.IPv6
	}
	return checksum.Checksum(t, p.pseudoHeaderSum(b)) == 0xffff
}

// pseudoHeaderSum is what a transport checksum has in it of the IP header: the
// addresses, which stand together in both families, the protocol and the
// transport's length (RFC 9293, section 3.1; RFC 8200, section 8.1). ICMP of
// IPv4 has none of it.
func (p *Packet) pseudoHeaderSum(b []byte) uint16 {
	var addrs []byte
	switch {
	case p.IPv6:
		addrs = b[8:40]
	case p.IsICMP():
		return 0
	default:
		addrs = b[12:20]
	}
	rest := checksum.Combine(uint16(p.Protocol), uint16(p.Len-p.HeaderLen))
	return checksum.Checksum(addrs, rest)
}

// completeChecksum does in software what a network card does for a packet
// that is handed to it with the sum of the pseudo-header in the checksum's
// place. (The netstack takes a checksum for granted only for a whole NIC.)
func completeChecksum(p *Packet, b []byte) {
	offset, ok := p.ChecksumOffset()
	if !ok {
		return
	}
	t := b[p.HeaderLen:]
	sum := ^checksum.Checksum(t, 0)
	if sum == 0 {
		sum = 0xffff // the same number; 0 says that UDP has no checksum
	}
	checksum.Put(t[offset:], sum)
}
