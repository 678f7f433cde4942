package stack

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// answerNeighbour returns the neighbour advertisement that answers a packet of
// neighbour discovery, nil if it is no solicitation of one of the router's
// addresses that RFC 4861, section 7.1.1, lets it answer. It is for the device
// that the packet came from: the asker's address is often a link-local one,
// which means nothing to any other.
//
// The netstack never sees these packets. Its links have no neighbours to
// resolve, its addresses and routes come from SetNetworks alone, and its own
// answer would say that it is no router, upon which the asker drops its default
// route.
func (r *Router) answerNeighbour(vpc int, p *Packet, packet []byte) []byte {
	if p.ICMPType != uint8(header.ICMPv6NeighborSolicit) || p.ICMPCode != 0 || p.TTL != header.NDPHopLimit ||
		p.Len-p.HeaderLen < header.ICMPv6NeighborSolicitMinimumSize || !p.TransportChecksumValid(packet) {
		return nil
	}
	solicit := header.NDPNeighborSolicit(header.ICMPv6(packet[p.HeaderLen:]).MessageBody())
	if !validOptions(solicit.Options(), p.Src.IsUnspecified()) {
		return nil
	}
	target := netip.AddrFrom16(solicit.TargetAddress().As16())
	if !asksFor(target, p) || r.owner(vpc, target) == nil {
		return nil
	}
	return advertise(target, p.Src)
}

// asksFor reports whether the solicitation p goes to an address at which the
// owner of target listens, and comes from one that can be answered. One from
// the unspecified address asks whether target is taken, and goes to its group.
func asksFor(target netip.Addr, p *Packet) bool {
	switch p.Dst {
	case solicitedNode(target):
		return !p.Src.IsMulticast()
	case target, netip.IPv6LinkLocalAllNodes(), netip.IPv6LinkLocalAllRouters():
		return !p.Src.IsMulticast() && !p.Src.IsUnspecified()
	}
	return false
}

// validOptions reports whether the options of a solicitation can be told apart.
// An asker without an address has no link-layer address to tell either.
func validOptions(options header.NDPOptions, unspecified bool) bool {
	it, err := options.Iter(false)
	if err != nil {
		return false
	}
	for {
		option, done, err := it.Next()
		if done || err != nil {
			return err == nil
		}
		if _, is := option.(header.NDPSourceLinkLayerAddressOption); is && unspecified {
			return false
		}
	}
}

// solicitedNode returns the group in which the owner of an IPv6 address listens
// to solicitations (RFC 4291, section 2.7.1).
func solicitedNode(a netip.Addr) netip.Addr {
	return netip.AddrFrom16(header.SolicitedNodeAddr(address(a)).As16())
}

// advertise returns the advertisement of the router's address target to the
// asker, to all nodes if the asker has no address yet (RFC 4861, section
// 7.2.4). It names no link-layer address: a TUN device has none.
func advertise(target, asker netip.Addr) []byte {
	to, solicited := asker, true
	if asker.IsUnspecified() {
		to, solicited = netip.IPv6LinkLocalAllNodes(), false
	}
	b := make([]byte, header.IPv6MinimumSize+header.ICMPv6NeighborAdvertMinimumSize)
	header.IPv6(b).Encode(&header.IPv6Fields{
		PayloadLength: header.ICMPv6NeighborAdvertMinimumSize, TransportProtocol: header.ICMPv6ProtocolNumber,
		HopLimit: header.NDPHopLimit, SrcAddr: address(target), DstAddr: address(to),
	})
	message := header.ICMPv6(b[header.IPv6MinimumSize:])
	message.SetType(header.ICMPv6NeighborAdvert)
	advert := header.NDPNeighborAdvert(message.MessageBody())
	advert.SetTargetAddress(address(target))
	advert.SetRouterFlag(true)
	advert.SetSolicitedFlag(solicited)
	advert.SetOverrideFlag(true)
	message.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{Header: message, Src: address(target), Dst: address(to)}))
	return b
}
