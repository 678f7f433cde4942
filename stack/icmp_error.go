package stack

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	gvstack "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// Longest ICMP errors, IP header included: as much of the packet as fits is
// quoted (RFC 1812, section 4.3.2.3; RFC 4443, section 2.4).
const (
	maxErrorIPv4 = header.IPv4MinimumProcessableDatagramSize
	maxErrorIPv6 = header.IPv6MinimumMTU
)

// routerTTL is the hop limit of what the router itself sends.
const routerTTL = 64

// TimeExceeded tells the sender of a packet, parsed into p, that its last hop
// was used up. from is the router's address that says so. It reports whether
// an error was sent: none is for packets that must not be answered, nor above
// the netstack's rate limit.
func (r *Router) TimeExceeded(vpc int, from netip.Addr, p *Packet, packet []byte) bool {
	if p.IPv6 {
		return r.sendError(vpc, from, p, packet, uint8(header.ICMPv6TimeExceeded), uint8(header.ICMPv6HopLimitExceeded), 0)
	}
	return r.sendError(vpc, from, p, packet, uint8(header.ICMPv4TimeExceeded), uint8(header.ICMPv4TTLExceeded), 0)
}

// TooBig tells the sender of a packet, parsed into p, that it does not fit
// through a link of that MTU and may not be fragmented.
func (r *Router) TooBig(vpc int, from netip.Addr, p *Packet, packet []byte, mtu int) bool {
	if p.IPv6 {
		return r.sendError(vpc, from, p, packet, uint8(header.ICMPv6PacketTooBig), 0, mtu)
	}
	return r.sendError(vpc, from, p, packet, uint8(header.ICMPv4DstUnreachable), uint8(header.ICMPv4FragmentationNeeded), mtu)
}

// MayBeAnswered reports whether an ICMP error about the packet may be sent at all
// (RFC 1122, section 3.2.2; RFC 4443, section 2.4).
func (p *Packet) MayBeAnswered() bool {
	return !p.IsICMPError() && p.FragmentOffset == 0 && isHost(p.Src) &&
		!p.Dst.IsMulticast() && p.Dst != broadcast
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// isHost reports whether an address can be that of one machine on a wire: not
// nobody's, a group's or everybody's, nor of IPv4's reserved class E.
func isHost(a netip.Addr) bool {
	if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() {
		return false
	}
	return !a.Is4() || a.As4()[0] != 0 && a.As4()[0] < 240
}

func (r *Router) sendError(vpc int, from netip.Addr, p *Packet, packet []byte, icmpType, code uint8, mtu int) bool {
	if !p.MayBeAnswered() || !r.stack.AllowICMPMessage() {
		return false
	}
	route, err := r.stack.FindRoute(nicID(vpc), address(from), address(p.Src), networkProtocol(p.IPv6), false)
	if err != nil {
		return false
	}
	defer route.Release()

	message := errorMessage(from, p, packet, icmpType, code, mtu)
	pkt := gvstack.NewPacketBuffer(gvstack.PacketBufferOptions{
		ReserveHeaderBytes: int(route.MaxHeaderLength()),
		Payload:            buffer.MakeWithData(message),
	})
	defer pkt.DecRef()
	params := gvstack.NetworkHeaderParams{Protocol: header.ICMPv4ProtocolNumber, TTL: routerTTL}
	if p.IPv6 {
		params.Protocol = header.ICMPv6ProtocolNumber
	}
	return route.WritePacket(params, pkt) == nil
}

// errorMessage returns an ICMP error that quotes the packet, checksum and all.
func errorMessage(from netip.Addr, p *Packet, packet []byte, icmpType, code uint8, mtu int) []byte {
	room := maxErrorIPv4 - header.IPv4MinimumSize
	if p.IPv6 {
		room = maxErrorIPv6 - header.IPv6MinimumSize
	}
	message := make([]byte, 8, room) // both families' error headers are 8 bytes
	message = append(message, packet[:min(len(packet), room-len(message))]...)
	message[0], message[1] = icmpType, code
	if p.IPv6 {
		h := header.ICMPv6(message)
		h.SetMTU(uint32(mtu))
		h.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{Header: h, Src: address(from), Dst: address(p.Src)}))
		return message
	}
	h := header.ICMPv4(message)
	h.SetMTU(uint16(min(mtu, 0xffff)))
	h.SetChecksum(^checksum.Checksum(message, 0))
	return message
}
