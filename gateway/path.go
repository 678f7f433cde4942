package gateway

import (
	"net/netip"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
)

// process decides one frame's fate, carries it out and counts it. Every frame
// that is read passes here, once.
func (w *worker) process(v *view, in *attachment, frame []byte) {
	fate, reason, out, packets := w.decide(v, in, frame)
	if fate == Forwarded {
		w.packet.DecrementTTL(frame[tun.HeaderLen:])
		if err := out.write(frame, packets); err != nil {
			fate, reason = Dropped, ReasonWriteFailed
		}
	}
	in.port.counters.count(fate, reason, packets, max(0, len(frame)-tun.HeaderLen))
}

// decide is the choke point. It returns what becomes of a frame and why, the
// port that it leaves by if it is forwarded, and how many packets it stands
// for. The order of the checks is part of the design: nothing is asked of the
// flow table before the source is known to be the sender's own.
func (w *worker) decide(v *view, in *attachment, frame []byte) (fate Fate, reason Reason, out *Port, packets int) {
	p := &w.packet
	if len(frame) < tun.HeaderLen {
		return Dropped, Reason(stack.Truncated), nil, 1
	}
	header, packet := tun.Header(frame[:tun.HeaderLen]), frame[tun.HeaderLen:]
	if problem := p.Parse(packet); problem != stack.Parsed {
		return Dropped, Reason(problem), nil, 1
	}
	packets, largest, ok := segments(header, p)
	if !ok {
		return Dropped, ReasonBadOffload, nil, 1
	}
	if in.endpoint == filter.NoEndpoint {
		return Dropped, ReasonNotCompiled, nil, packets
	}
	if !deliverable(p.Dst) {
		return Dropped, ReasonMulticast, nil, packets
	}
	if !v.policy.MaySend(in.endpoint, p.Src) {
		return Dropped, ReasonSourceCheck, nil, packets
	}
	to := v.policy.Resolve(in.endpoint, p.Dst)
	if to != filter.NoEndpoint && v.policy.Kind(to) == filter.KindRouter {
		w.gateway.router.Deliver(int(in.vpc), p, packet, header.Flags()&tun.NeedsChecksum != 0)
		return Local, ReasonRouterAddress, nil, packets
	}
	if p.Fragment {
		return Dropped, ReasonFragment, nil, packets
	}
	reason, ok = w.judge(v, in, to, packets)
	if !ok {
		return Dropped, reason, nil, packets
	}
	if to == filter.NoEndpoint || v.ports[to] == nil {
		return Dropped, ReasonNoRoute, nil, packets
	}
	out = v.ports[to]
	if fate, why := w.fits(in, out, packet, largest); fate != Forwarded {
		return fate, why, nil, packets
	}
	return Forwarded, reason, out, packets
}

// deliverable reports whether a VPC delivers to an address at all: it carries
// neither multicast nor broadcast. A subnet's broadcast address is nobody's
// and has no route.
func deliverable(dst netip.Addr) bool {
	return !dst.IsMulticast() && !dst.IsUnspecified() && dst != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// fits does what a router does before it lets an admitted packet out: it
// checks the hops that are left and the size of the next link, and answers the
// sender where the packet cannot go on.
func (w *worker) fits(in *attachment, out *Port, packet []byte, largest int) (Fate, Reason) {
	p, router := &w.packet, w.gateway.router
	from := in.routers[0]
	if p.IPv6 {
		from = in.routers[1]
	}
	if p.TTL <= 1 {
		if from.IsValid() && router.TimeExceeded(int(in.vpc), from, p, packet) {
			return Local, ReasonTTLAnswered
		}
		return Dropped, ReasonTTLExceeded
	}
	// The kernel does not hold what is written to a TUN against its MTU. The
	// devices of a gateway have one MTU, so that only a sender whose own was
	// raised by hand gets here; it is told so, DF or not.
	if mtu := out.dev.MTU(); largest > mtu {
		if from.IsValid() && router.TooBig(int(in.vpc), from, p, packet, mtu) {
			return Local, ReasonTooBigAnswered
		}
		return Dropped, ReasonTooBig
	}
	return Forwarded, ReasonRule
}

// sendFromRouter puts a packet of the router's own on the device of its
// destination. No rule is asked: security groups do not filter the VPC router
// (VPC User Guide, reserved addresses).
func (g *Gateway) sendFromRouter(vpcNumber int, packet []byte) {
	g.sending.RLock()
	defer g.sending.RUnlock()
	var p stack.Packet
	if p.Parse(packet) != stack.Parsed {
		return
	}
	out := g.view.Load().portAt(vpcNumber, p.Dst)
	if out == nil {
		return // to nobody, such as the multicast of neighbour discovery
	}
	frame := append(make([]byte, tun.HeaderLen, tun.HeaderLen+len(packet)), packet...)
	if err := out.write(frame, 1); err != nil {
		g.log.Debug("the router's packet was not taken", "device", out.dev.Name(), "error", err)
	}
}
