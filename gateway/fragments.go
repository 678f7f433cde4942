package gateway

import (
	"github.com/sgate/sgate/fragment"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
)

// processFragment holds a piece of a fragmented packet until all of them are
// there. Then the whole is judged like any other packet, and its fate is that
// of every piece. A piece is counted when its fate falls.
func (w *worker) processFragment(v *view, in *attachment, packet []byte) {
	owner := fragment.Owner{Interface: in.port.number, VPC: in.vpc}
	held := w.gateway.fragments.Add(owner, &w.packet, packet, w.now)
	switch held.Outcome {
	case fragment.Refused:
		w.settlePiece(v, in, packet, drop(firstFragmentReason+Reason(held.Problem)))
	case fragment.Complete:
		w.processWhole(v, in, held)
	}
}

// processWhole decides the fate of a datagram that is complete.
func (w *worker) processWhole(v *view, in *attachment, datagram fragment.Result) {
	a := arrival{packets: len(datagram.Pieces)}
	for _, piece := range datagram.Pieces {
		a.largest = max(a.largest, len(piece))
	}
	d := w.decideWhole(v, in, datagram.Whole, a)
	for _, piece := range datagram.Pieces {
		fate := d
		if fate.fate == Forwarded {
			if err := w.writePiece(d.out, piece); err != nil {
				fate = decision{reason: ReasonWriteFailed, out: d.out}
			}
		}
		w.settlePiece(v, in, piece, fate)
	}
}

// settlePiece counts and shows a piece whose fate has fallen.
func (w *worker) settlePiece(v *view, in *attachment, piece []byte, d decision) {
	in.port.counters.count(d.fate, d.reason, 1, len(piece))
	if w.tracing {
		w.note(v, in, -1, piece, 1, d)
		w.show()
	}
}

// decideWhole takes the whole through the checks that a piece alone could not
// be held against.
func (w *worker) decideWhole(v *view, in *attachment, whole []byte, a arrival) decision {
	p := &w.packet
	if problem := p.Parse(whole); problem != stack.Parsed {
		return drop(Reason(problem))
	}
	if !p.TransportChecksumValid(whole) && w.refuses(ReasonBadTransportChecksum) {
		return drop(ReasonBadTransportChecksum)
	}
	if p.IsNeighbourDiscovery() {
		return drop(ReasonBadNeighbourDiscovery) // never in pieces (RFC 6980)
	}
	return w.decide(v, in, whole, a)
}

// writePiece puts a piece, which is the gateway's own copy, on a device.
func (w *worker) writePiece(out *Port, piece []byte) error {
	w.packet.DecrementTTL(piece)
	frame := w.scratch[:tun.HeaderLen+len(piece)]
	clear(frame[:tun.HeaderLen])
	copy(frame[tun.HeaderLen:], piece)
	return out.write(frame, 1)
}

// fragmentsDropped counts pieces that were held and are lost. The table of
// fragments calls it.
func (g *Gateway) fragmentsDropped(owner fragment.Owner, why fragment.Problem, pieces, bytes int) {
	if port := g.view.Load().numbered(owner.Interface); port != nil {
		port.counters.count(Dropped, firstFragmentReason+Reason(why), pieces, bytes)
		g.showLost(owner, port, why, pieces, bytes)
	}
}
