package daemon

import (
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
	"github.com/sgate/sgate/watch"
)

// event puts a record into the form that goes over the wire. It names things as
// the policy did that judged the packet.
func event(r *watch.Record, at time.Time) control.Event {
	e := control.Event{
		Time: at.UTC(), Verdict: control.VerdictAllow, Fate: r.Fate.String(), Reason: r.Reason.String(),
		From: control.EventEnd{ID: r.In, Address: r.Src.Addr()}, To: control.EventEnd{ID: r.Out, Address: r.Dst.Addr()},
		Packets: r.Packets, Bytes: r.Bytes, Generation: r.Generation,
		Egress:  control.EventSide{Answer: r.Egress.Answer.String(), RuleRef: control.RuleRef{RuleID: r.Egress.RuleID}},
		Ingress: control.EventSide{Answer: r.Ingress.Answer.String(), RuleRef: control.RuleRef{RuleID: r.Ingress.RuleID}},
	}
	if r.Fate == gateway.Dropped {
		e.Verdict = control.VerdictDrop
	}
	if r.Policy != nil {
		s := r.Policy.Snapshot()
		e.VPC, e.From.Name, e.To.Name = s.VPCName(r.VPCID), s.EndpointName(r.In), s.EndpointName(r.Out)
		e.Egress.RuleRef = ruleRef(s, r.In, r.Egress.RuleID)
		e.Ingress.RuleRef = ruleRef(s, r.Out, r.Ingress.RuleID)
	}
	addPacket(&e, r)
	return e
}

// addPacket adds what could be read of the packet's own headers.
func addPacket(e *control.Event, r *watch.Record) {
	if r.Dst.Addr() == (netip.Addr{}) {
		return
	}
	protocol := vpc.Protocol(r.Protocol)
	e.Protocol = protocol.String()
	switch {
	case !r.HasTransport:
	case protocol.HasPorts():
		e.From.Port, e.To.Port = r.Src.Port(), r.Dst.Port()
		if protocol == vpc.TCP {
			e.TCPFlags = tcpFlags(r.TCPFlags)
		}
	case protocol.IsICMP():
		kind, code := r.ICMPType, r.ICMPCode
		e.ICMPType, e.ICMPCode = &kind, &code
	}
}

// tcpFlags prints flags as tcpdump does.
func tcpFlags(f header.TCPFlags) string {
	const letters = "FSRP.UEW" // from the lowest bit on (RFC 9293, section 3.1)
	var s []byte
	for i := range len(letters) {
		if f&(1<<i) != 0 {
			s = append(s, letters[i])
		}
	}
	return string(s)
}
