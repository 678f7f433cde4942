package stack

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// icmpHeaderLen is how long the header of an ICMP message is in both families,
// for all messages that are looked into here.
const icmpHeaderLen = 8

func (p *Packet) parseICMP(t []byte) Problem {
	if len(t) < icmpHeaderLen {
		return Truncated
	}
	p.ICMPType, p.ICMPCode, p.HasTransport = t[0], t[1], true
	if _, _, is := p.ICMPQuery(); is {
		p.ICMPID = binary.BigEndian.Uint16(t[4:])
	}
	p.PayloadStart = p.HeaderLen + icmpHeaderLen
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

// IsNeighbourDiscovery reports whether the packet is one of IPv6's five
// messages between neighbours: router and neighbour solicitation and
// advertisement, and redirect (RFC 4861, section 4). None may be fragmented
// (RFC 6980, section 5).
func (p *Packet) IsNeighbourDiscovery() bool {
	return p.IPv6 && p.IsICMP() && p.HasTransport && !p.Fragment &&
		p.ICMPType >= uint8(header.ICMPv6RouterSolicit) && p.ICMPType <= uint8(header.ICMPv6RedirectMsg)
}
