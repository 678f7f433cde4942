package stack

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// minQuoted is how much of the quoted packet's transport an ICMP error has at
// least (RFC 792): the ports, TCP's sequence number, the id of an ICMP query.
const minQuoted = 8

// Quote is what an ICMP error says of the packet that it is about. Whoever sent
// the error may have made it up.
type Quote struct {
	Src, Dst netip.Addr
	Protocol uint8

	// The fields below are zero where nothing of them is quoted: of a later
	// fragment, or of a packet that has less than 8 bytes behind its header.

	// HasPorts says that the packet is TCP or UDP.
	HasPorts         bool
	SrcPort, DstPort uint16
	TCPSeq           uint32 // TCP only

	// IsQuery says that the packet is an ICMP question or its answer; see
	// Packet.ICMPQuery.
	IsQuery  bool
	IsReply  bool   // the answer, so that Dst is who asked
	ICMPType uint8  // of the question, in both
	ICMPID   uint16 // what holds both together
}

// Quoted returns what the ICMP error b, parsed into p, says of the packet that
// it is about. ok is false if p is not an error that quotes one: no header of its
// own family that Parse would take, less of the packet than the 8 bytes behind
// its header though it had more, or another error.
func (p *Packet) Quoted(b []byte) (q Quote, ok bool) {
	if !p.quotes() {
		return Quote{}, false
	}
	inner := b[p.PayloadStart:]
	var packet Packet
	if !packet.readQuoted(inner, p.IPv6) {
		return Quote{}, false
	}
	if packet.FragmentOffset == 0 && len(inner) >= packet.HeaderLen+minQuoted {
		return packet.quote(inner[packet.HeaderLen:])
	}
	if len(inner) < packet.HeaderLen || packet.FragmentOffset == 0 && len(inner) < claimedLen(inner) {
		return Quote{}, false
	}
	return Quote{Src: packet.Src, Dst: packet.Dst, Protocol: packet.Protocol}, true
}

// claimedLen returns the length that a quoted packet's IP header tells.
func claimedLen(b []byte) int {
	if b[0]>>4 == header.IPv6Version {
		return header.IPv6MinimumSize + int(header.IPv6(b).PayloadLength())
	}
	return int(header.IPv4(b).TotalLength())
}

// quotes reports whether the packet is an ICMP error that has the start of
// another packet behind its 8 bytes. A redirect of ICMPv6 has not, and of
// numbers that are not assigned nobody knows.
func (p *Packet) quotes() bool {
	if !p.IsICMPError() {
		return false
	}
	return !p.IPv6 || p.ICMPType >= uint8(header.ICMPv6DstUnreachable) && p.ICMPType <= uint8(header.ICMPv6ParamProblem)
}

// readQuoted reads the IP header of a quoted packet, which may be cut anywhere
// and has lengths and checksums that are no longer true.
func (p *Packet) readQuoted(b []byte, is6 bool) bool {
	if is6 {
		if len(b) < header.IPv6MinimumSize || b[0]>>4 != header.IPv6Version {
			return false
		}
		p.readIPv6(b)
		return !p.hasMappedAddress() && p.walkExtensions(b) == Parsed
	}
	if len(b) < header.IPv4MinimumSize || b[0]>>4 != header.IPv4Version {
		return false
	}
	p.readIPv4(b)
	return p.HeaderLen >= header.IPv4MinimumSize
}

// quote tells what the first 8 bytes of transport, t, add to p. An error about
// an error is none (RFC 1122, section 3.2.2).
func (p *Packet) quote(t []byte) (Quote, bool) {
	q := Quote{Src: p.Src, Dst: p.Dst, Protocol: p.Protocol}
	switch {
	case p.Protocol == uint8(header.TCPProtocolNumber):
		q.TCPSeq = binary.BigEndian.Uint32(t[4:])
		fallthrough
	case p.Protocol == uint8(header.UDPProtocolNumber):
		q.HasPorts = true
		q.SrcPort, q.DstPort = binary.BigEndian.Uint16(t), binary.BigEndian.Uint16(t[2:])
	case p.IsICMP():
		if p.parseICMP(t); p.IsICMPError() {
			return Quote{}, false
		}
		q.ICMPType, q.IsReply, q.IsQuery = p.ICMPQuery()
		q.ICMPID = p.ICMPID
	}
	return q, true
}
