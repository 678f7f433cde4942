package gateway

import (
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
)

// judge decides by live flows and security groups whether the worker's packet
// may pass from in to the endpoint to. Each end is asked by itself, the sender
// first: a tracked flow answers for the end that tracks it, rules for the other
// (docs/semantics.md, "Evaluation").
func (w *worker) judge(v *view, in *attachment, to filter.Endpoint, packets int) (Reason, bool) {
	j := judgement{w: w, v: v, in: in, to: to, packets: packets}
	if to != filter.NoEndpoint && v.ports[to] != nil {
		j.receiver = v.ports[to].number
	}
	tracked := j.makeKey(&w.packet)
	if !tracked || !j.hasGroups(in.endpoint) && !j.hasGroups(to) {
		return j.byRules()
	}
	return j.byFlow()
}

// judgement is one packet on trial.
type judgement struct {
	w        *worker
	v        *view
	in       *attachment
	to       filter.Endpoint
	receiver uint32 // the number of the interface at to, 0 if none is attached
	packets  int

	key    conntrack.Key
	sender conntrack.End
	opens  bool // a packet that may open a flow
}

// flow is the packet as the policy sees it. It is made only where rules are
// asked: most packets belong to a live flow.
func (j *judgement) flow() *filter.Flow {
	p := &j.w.packet
	j.w.flow = filter.Flow{
		From: j.in.endpoint, To: j.to, Src: p.Src, Dst: p.Dst,
		Protocol: p.Protocol, HasTransport: p.HasTransport,
		SrcPort: p.SrcPort, DstPort: p.DstPort, ICMPType: p.ICMPType, ICMPCode: p.ICMPCode,
	}
	return &j.w.flow
}

func (j *judgement) hasGroups(e filter.Endpoint) bool {
	return e != filter.NoEndpoint && j.v.policy.Kind(e) == filter.KindInterface
}

// makeKey sets the packet's flow key. It returns false for packets that are
// never part of a flow: ICMP that is neither question nor answer, which passes
// by a rule or not at all (EC2 User Guide, MTU: an ICMP error needs a rule).
func (j *judgement) makeKey(p *stack.Packet) bool {
	if !p.IsICMP() {
		j.key, j.sender = conntrack.NewKey(j.in.vpc, p.Protocol, p.Src, p.Dst, p.SrcPort, p.DstPort)
		j.opens = true
		return true
	}
	request, reply, is := p.ICMPQuery()
	switch {
	case !is:
		return false
	case reply:
		j.key = conntrack.NewQueryKey(j.in.vpc, p.Protocol, p.Dst, p.Src, p.ICMPID, request)
		j.sender = conntrack.High
	default:
		j.key = conntrack.NewQueryKey(j.in.vpc, p.Protocol, p.Src, p.Dst, p.ICMPID, request)
		j.sender, j.opens = conntrack.Low, true
	}
	return true
}

// byRules judges a packet that no flow can answer for.
func (j *judgement) byRules() (Reason, bool) {
	verdict := j.v.policy.Judge(j.flow())
	switch {
	case !verdict.Egress.Passes():
		return ReasonNoEgressRule, false
	case !verdict.Ingress.Passes():
		return ReasonNoIngressRule, false
	case verdict.Egress.Decision == filter.NotAsked && verdict.Ingress.Decision == filter.NotAsked:
		return ReasonNoGroups, true
	}
	return ReasonRule, true
}

// byFlow judges a packet by its flow, and by rules at the ends that do not
// track it.
func (j *judgement) byFlow() (Reason, bool) {
	now, flags := j.w.now, j.w.packet.TCPFlags
	flows := j.w.gateway.flows
	shard, hash := flows.Lock(&j.key)
	defer shard.Unlock()

	live := shard.Find(&j.key, hash, now)
	if live != nil && live.Reopens(flags) {
		shard.Delete(live)
		live = nil
	}
	egress := j.askEgress(live)
	if !egress.passes {
		return ReasonNoEgressRule, false
	}
	if j.to == filter.NoEndpoint {
		return ReasonNoRoute, false
	}
	ingress := j.askIngress(live)
	// The sender's end has let the packet out, and remembers, whatever the
	// receiver's says.
	full := false
	switch {
	case live != nil:
		if !ingress.passes {
			// What the receiver never gets does not end the flow there.
			flags &^= header.TCPFlagFin | header.TCPFlagRst
		}
		shard.Update(live, j.sender, flags, now)
	case j.opens:
		live = shard.Insert(&j.key, hash, j.sender, flags, now)
		full = live == nil
	}
	if live != nil {
		j.remember(live, egress, ingress)
	}
	switch {
	case !ingress.passes:
		return ReasonNoIngressRule, false
	case full && (egress.state == conntrack.Tracked || ingress.state == conntrack.Tracked):
		return ReasonFlowTableFull, false
	case egress.byFlow || ingress.byFlow:
		return ReasonFlow, true
	}
	return ReasonRule, true
}

// answer is what one end says.
type answer struct {
	passes bool
	byFlow bool                // because the end tracks the flow
	state  conntrack.SideState // what the end is to remember
}

func (j *judgement) askEgress(live *conntrack.Flow) answer {
	if tracks(live, j.sender, j.in.port.number) {
		return answer{passes: true, byFlow: true, state: conntrack.Tracked}
	}
	return toAnswer(j.v.policy.Egress(j.flow()))
}

func (j *judgement) askIngress(live *conntrack.Flow) answer {
	if tracks(live, j.sender.Opposite(), j.receiver) {
		return answer{passes: true, byFlow: true, state: conntrack.Tracked}
	}
	return toAnswer(j.v.policy.Ingress(j.flow()))
}

// tracks reports whether an interface tracks a flow as one of its ends.
func tracks(live *conntrack.Flow, end conntrack.End, number uint32) bool {
	if live == nil {
		return false
	}
	side := &live.Sides[end]
	return side.State == conntrack.Tracked && side.Interface == number
}

func toAnswer(s filter.Side) answer {
	switch {
	case s.Decision == filter.NotAsked:
		return answer{passes: true, state: conntrack.NotAsked}
	case s.Decision == filter.Drop:
		return answer{state: conntrack.Unknown}
	case s.Untracked:
		return answer{passes: true, state: conntrack.Untracked}
	}
	return answer{passes: true, state: conntrack.Tracked}
}

// remember notes in the flow what its ends have said.
func (j *judgement) remember(live *conntrack.Flow, egress, ingress answer) {
	live.Packets[j.sender] += uint64(j.packets)
	live.Bytes[j.sender] += uint64(j.w.packet.Len)
	opening := live.Origin() == j.sender
	sender := &live.Sides[j.sender]
	// A forwarder does not take the place of the interface whose address it
	// sends from.
	if sender.State != conntrack.Tracked || sender.Interface == j.in.port.number || j.v.policy.Owns(j.in.endpoint, j.w.packet.Src) {
		note(sender, j.in.port.number, egress, opening)
	}
	note(&live.Sides[j.sender.Opposite()], j.receiver, ingress, opening)
}

// note stores one end's answer. An untracked flow becomes a tracked one only by
// a packet of the machine that opened it: its answers pass by rules for the
// other direction, and if those alone made it tracked, a flow whose own rule
// was removed would come back to life.
func note(side *conntrack.Side, number uint32, a answer, opening bool) {
	if !a.passes || a.byFlow {
		return
	}
	if side.Interface == number && side.State == conntrack.Untracked && !opening {
		return
	}
	side.Interface, side.State = number, a.state
}
