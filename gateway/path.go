package gateway

import (
	"net/netip"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
)

// decision is what becomes of a packet, and why. The zero value is a drop.
type decision struct {
	fate   Fate
	reason Reason
	out    *Port // that it leaves by if it is forwarded, or was to
}

func drop(why Reason) decision { return decision{reason: why} }

// arrival is what a frame says of its packet, beside the packet itself.
type arrival struct {
	packets int  // that it stands for
	largest int  // bytes of the largest of them, from the IP header on
	pending bool // the transport checksum has yet to be completed
}

// process decides the fate of the batch's frame i, and carries it out or has the
// worker's flush do so. Every frame that is read passes here, once.
func (w *worker) process(v *view, in *attachment, i int) {
	frame := w.batch.Frame(i)
	if canWatch && w.tracing {
		w.trail = trail{to: filter.NoEndpoint}
	}
	a, d := w.admit(v, in, frame)
	packet := frame[min(tun.HeaderLen, len(frame)):]
	if d.fate == Forwarded {
		if w.packet.Fragment {
			w.flush(in.port) // what came before goes out before
			if w.tracing {
				w.show()
			}
			w.processFragment(v, in, packet)
			return
		}
		d = w.decide(v, in, packet, a)
	}
	if canWatch && w.tracing {
		w.note(v, in, i, packet, a.packets, d)
	}
	if d.fate == Forwarded {
		w.packet.DecrementTTL(packet)
		w.outward[i] = outward{d.out, a.packets, len(packet)}
		w.batch.Write(i, d.out.dev)
		return
	}
	in.port.counters.count(d.fate, d.reason, a.packets, len(packet))
}

// decide is the choke point: what becomes of a packet that was admitted, be it
// one that came whole or one that was put together again.
func (w *worker) decide(v *view, in *attachment, packet []byte, a arrival) decision {
	p := &w.packet
	to := in.resolve(v.policy, p.Dst)
	if canWatch && w.tracing {
		w.trail.to = to
	}
	if to != filter.NoEndpoint {
		if kind := v.policy.Kind(to); kind == filter.KindRouter || kind == filter.KindService {
			return w.decideOwn(v, in, kind, packet, a)
		}
	}
	reason, ok := w.judge(v, in, to, packet, a)
	if !ok {
		return drop(reason)
	}
	out := v.portOf(to)
	if out == nil {
		return drop(ReasonNoRoute)
	}
	if d := w.fits(in, out, packet, a.largest); d.fate != Forwarded {
		return d
	}
	return decision{Forwarded, reason, out}
}

// decideOwn decides about a packet for an address of the gateway's own. Nothing
// is asked of rules there, so that a forwarder may speak for itself only: what
// the netstack answers goes to whoever has the source address, beside all rules.
func (w *worker) decideOwn(v *view, in *attachment, kind filter.Kind, packet []byte, a arrival) decision {
	if !in.owns(v.policy, w.packet.Src) && w.refuses(ReasonSourceCheck) {
		return drop(ReasonSourceCheck)
	}
	if kind == filter.KindRouter {
		return w.deliver(in, packet, a, ReasonRouterAddress)
	}
	if !w.spend(&in.port.linkLocal, a.packets) {
		return drop(ReasonLinkLocalExceeded)
	}
	return w.deliver(in, packet, a, ReasonServiceAddress)
}

// spend takes packets out of an allowance, if they are there.
func (w *worker) spend(allowance *linkLocalAllowance, packets int) bool {
	if w.trial {
		_, ok := allowance.has(w.now, packets)
		return ok
	}
	return allowance.take(w.now, packets)
}

// fits does what a router does before it lets an admitted packet out: it
// checks the hops that are left and the size of the next link, and answers the
// sender where the packet cannot go on.
func (w *worker) fits(in *attachment, out *Port, packet []byte, largest int) decision {
	p := &w.packet
	if p.TTL > 1 && largest <= out.mtu {
		return decision{fate: Forwarded}
	}
	from := in.routers[0]
	if p.IPv6 {
		from = in.routers[1]
	}
	if p.TTL <= 1 {
		if from.IsValid() && w.answersTimeExceeded(in, from, packet) {
			return decision{fate: Local, reason: ReasonTTLAnswered}
		}
		return drop(ReasonTTLExceeded)
	}
	// The kernel does not hold what is written to a TUN against its MTU. The
	// devices of a gateway have one MTU, so that only a sender whose own was
	// raised by hand gets here; it is told so, DF or not.
	if from.IsValid() && w.answersTooBig(in, from, packet, out.mtu) {
		return decision{fate: Local, reason: ReasonTooBigAnswered}
	}
	return drop(ReasonTooBig)
}

// answersTimeExceeded tells the sender of the worker's packet that its hops are used
// up. It reports whether such an error was due.
func (w *worker) answersTimeExceeded(in *attachment, from netip.Addr, packet []byte) bool {
	if w.trial {
		return w.packet.MayBeAnswered()
	}
	return w.gateway.router.TimeExceeded(int(in.vpc), from, &w.packet, packet)
}

// answersTooBig is answersTimeExceeded for a packet that does not fit the next link.
func (w *worker) answersTooBig(in *attachment, from netip.Addr, packet []byte, mtu int) bool {
	if w.trial {
		return w.packet.MayBeAnswered()
	}
	return w.gateway.router.TooBig(int(in.vpc), from, &w.packet, packet, mtu)
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
	g.sendOwn(out, packet)
}

// sendOwn puts a packet of the gateway's own on a device.
func (g *Gateway) sendOwn(out *Port, packet []byte) {
	frame := append(make([]byte, tun.HeaderLen, tun.HeaderLen+len(packet)), packet...)
	if err := out.write(frame, 1); err != nil {
		g.log.Debug("the router's packet was not taken", "device", out.dev.Name(), "interface_id", out.id, "error", err)
	}
}

// isUnusable reports whether no packet of a VPC can come from an address.
func isUnusable(a netip.Addr) bool {
	return a.IsMulticast() || a.IsLoopback() || a.IsUnspecified() || a == broadcast
}

// broadcast is the limited broadcast address of IPv4 (RFC 919).
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
