package gateway

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
)

// admit parses a frame into the worker's packet and checks what can be said of
// it without flows or rules. A packet that may be judged is Forwarded; any other
// fate is final. The order is part of the design: nothing is asked of the flow
// table, and no piece of a packet is held, before the source is known to be the
// sender's own.
func (w *worker) admit(v *view, in *attachment, frame []byte) (arrival, decision) {
	a := arrival{packets: 1}
	if len(frame) < tun.HeaderLen {
		w.packet = stack.Packet{}
		return a, drop(Reason(stack.Truncated))
	}
	p, virtio, packet := &w.packet, tun.Header(frame[:tun.HeaderLen]), frame[tun.HeaderLen:]
	if problem := p.Parse(packet); problem != stack.Parsed {
		return a, drop(Reason(problem))
	}
	a.pending = virtio.Flags()&tun.NeedsChecksum != 0
	packets, largest, ok := segments(virtio, p)
	if !ok {
		return a, drop(ReasonBadOffload)
	}
	a.packets, a.largest = packets, largest
	if in.endpoint == filter.NoEndpoint && in.strangerTo == "" {
		return a, drop(ReasonNotCompiled)
	}
	if !a.pending && !p.TransportChecksumValid(packet) && w.refuses(ReasonBadTransportChecksum) {
		return a, drop(ReasonBadTransportChecksum)
	}
	return a, w.admitAddresses(v, in, packet, a)
}

// admitAddresses checks who sends a packet to whom.
func (w *worker) admitAddresses(v *view, in *attachment, packet []byte, a arrival) decision {
	p := &w.packet
	own := in.owns(v.policy, p.Src)
	switch {
	case p.IsNeighbourDiscovery():
		return w.neighbourDiscovery(own, in, packet, a)
	case isDHCP(p):
		return w.dhcp(v, in, packet, a)
	case p.Src == p.Dst && w.refuses(ReasonLand):
		return drop(ReasonLand)
	case !own && isUnusable(p.Src) && w.refuses(ReasonMartianSource):
		return drop(ReasonMartianSource)
	case p.Dst.IsMulticast():
		return drop(ReasonMulticast)
	case p.Dst == broadcast || p.Dst.IsUnspecified():
		return drop(ReasonBroadcast) // a subnet's own broadcast address is nobody's and has no route
	case !own && !in.maySend(v.policy, p.Src) && w.refuses(ReasonSourceCheck):
		return drop(ReasonSourceCheck)
	}
	return decision{fate: Forwarded}
}

// refuses reports whether a check that a packet has failed is in force. All are,
// but for tests which show what the check is good for.
func (w *worker) refuses(why Reason) bool { return !w.gateway.unchecked[why] }

// neighbourDiscovery hands IPv6's messages between neighbours to the router; no
// rule is asked (docs/semantics.md, ICMP). They never go to another machine:
// every link has the gateway at its other end and nobody else.
func (w *worker) neighbourDiscovery(own bool, in *attachment, packet []byte, a arrival) decision {
	p := &w.packet
	inItsName := own || p.Src.IsLinkLocalUnicast() || p.Src.IsUnspecified()
	if p.TTL != 255 || !inItsName { // 255: it has passed no router (RFC 4861, section 11.2)
		return drop(ReasonBadNeighbourDiscovery)
	}
	return w.deliver(in, packet, a, ReasonNeighbourDiscovery)
}

// The ports of DHCP's servers and clients (RFC 2131; RFC 8415).
const (
	dhcpServer, dhcpClient     = 67, 68
	dhcpv6Server, dhcpv6Client = 547, 546
)

// dhcpv6Servers are the servers' multicast addresses (RFC 8415, section 7.1).
var dhcpv6Servers = [2]netip.Addr{netip.MustParseAddr("ff02::1:2"), netip.MustParseAddr("ff05::1:3")}

// isDHCP reports whether a packet is a DHCP client's call for any server. What
// it says to one server goes to that one's address.
func isDHCP(p *stack.Packet) bool {
	if !p.HasTransport || p.Protocol != uint8(header.UDPProtocolNumber) || p.Fragment {
		return false
	}
	if p.IPv6 {
		return p.DstPort == dhcpv6Server && p.SrcPort == dhcpv6Client && (p.Dst == dhcpv6Servers[0] || p.Dst == dhcpv6Servers[1])
	}
	return p.DstPort == dhcpServer && p.SrcPort == dhcpClient && p.Dst == broadcast
}

// dhcp hands a call for DHCP servers to the router, as AWS serves it beside all
// rules. A client may not have an address yet.
func (w *worker) dhcp(v *view, in *attachment, packet []byte, a arrival) decision {
	p := &w.packet
	if !p.Src.IsUnspecified() && !p.Src.IsLinkLocalUnicast() && !in.maySend(v.policy, p.Src) {
		return drop(ReasonSourceCheck)
	}
	return w.deliver(in, packet, a, ReasonServiceAddress)
}

// deliver hands a packet to the gateway's own netstack.
func (w *worker) deliver(in *attachment, packet []byte, a arrival, why Reason) decision {
	if !w.trial {
		if answer := w.gateway.router.Deliver(int(in.vpc), &w.packet, packet, a.pending); answer != nil {
			w.gateway.sendOwn(in.port, answer)
		}
	}
	return decision{fate: Local, reason: why}
}
