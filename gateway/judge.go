package gateway

import (
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
)

// judge decides by live flows, security groups and network ACLs whether the
// worker's packet may pass from in to the endpoint to. Each end is asked by
// itself, the sender first: a tracked flow answers for the end that tracks it,
// rules for the other (docs/semantics.md, "Evaluation").
func (w *worker) judge(v *view, in *attachment, to filter.Endpoint, packet []byte, a arrival) (Reason, bool) {
	j := judgement{w: w, v: v, in: in, to: to, segment: conntrack.Segment{Packets: a.packets, Bytes: len(packet)}}
	if to != filter.NoEndpoint && v.ports[to] != nil {
		j.receiver = v.ports[to].number
	}
	switch {
	case w.packet.IsICMPError():
		return j.icmpError(packet)
	case !j.makeKey(&w.packet), !j.hasGroups(in.endpoint) && !j.hasGroups(to):
		return j.byRules()
	}
	j.readSegment(&w.packet, packet)
	return j.byFlow()
}

// judgement is one packet on trial.
type judgement struct {
	w        *worker
	v        *view
	in       *attachment
	to       filter.Endpoint
	receiver uint32 // the number of the interface at to, 0 if none is attached

	key     conntrack.Key
	segment conntrack.Segment
	opens   bool // a packet that may open a flow
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
// never part of a flow: ICMP that is neither question nor answer.
func (j *judgement) makeKey(p *stack.Packet) bool {
	if !p.IsICMP() {
		j.key, j.segment.From = conntrack.NewKey(j.in.vpc, p.Protocol, p.Src, p.Dst, p.SrcPort, p.DstPort)
		j.opens = true
		return true
	}
	request, reply, is := p.ICMPQuery()
	switch {
	case !is:
		return false
	case reply:
		j.key = conntrack.NewQueryKey(j.in.vpc, p.Protocol, p.Dst, p.Src, p.ICMPID, request)
		j.segment.From = conntrack.High
	default:
		j.key = conntrack.NewQueryKey(j.in.vpc, p.Protocol, p.Src, p.Dst, p.ICMPID, request)
		j.segment.From, j.opens = conntrack.Low, true
	}
	return true
}

// readSegment sets what the flow table needs of a TCP packet.
func (j *judgement) readSegment(p *stack.Packet, packet []byte) {
	if !isTCP(p) {
		return
	}
	g := &j.segment
	g.Flags, g.Seq, g.Ack, g.Window, g.Payload = p.TCPFlags, p.TCPSeq, p.TCPAck, p.TCPWindow, p.PayloadLen()
	if p.TCPFlags&header.TCPFlagSyn != 0 {
		g.Scale, g.HasScale = p.WindowScale(packet)
	}
}

func isTCP(p *stack.Packet) bool {
	return p.HasTransport && p.Protocol == uint8(header.TCPProtocolNumber)
}

// byRules judges a packet that no flow can answer for.
func (j *judgement) byRules() (Reason, bool) {
	egress := j.v.policy.Egress(j.flow())
	if !egress.Passes() {
		return ReasonNoEgressRule, false
	}
	if reason, ok := j.byACLs(); !ok {
		return reason, false
	}
	ingress := j.v.policy.Ingress(j.flow())
	switch {
	case !ingress.Passes():
		return ReasonNoIngressRule, false
	case egress.Decision == filter.NotAsked && ingress.Decision == filter.NotAsked:
		return ReasonNoGroups, true
	}
	return ReasonRule, true
}

// byACLs asks the network ACLs between the two ends, which know no flows: that
// of the subnet which the packet leaves, then that of the one it enters.
func (j *judgement) byACLs() (Reason, bool) {
	if !j.v.policy.HasACL(j.in.endpoint, j.to) {
		return ReasonRule, true
	}
	if j.v.policy.ACLEgress(j.flow()).Decision == filter.Drop {
		return ReasonNetworkACLEgress, false
	}
	if j.v.policy.ACLIngress(j.flow()).Decision == filter.Drop {
		return ReasonNetworkACLIngress, false
	}
	return ReasonRule, true
}

// byFlow judges a packet by its flow, and by rules at the ends that do not
// track it.
func (j *judgement) byFlow() (Reason, bool) {
	flows := j.w.gateway.flows
	shard, hash := flows.Lock(&j.key)
	defer shard.Unlock()

	live := shard.Find(&j.key, hash, j.w.now)
	if live != nil && !live.Reopens(&j.segment) {
		if !live.Fits(&j.segment) && j.w.refuses(ReasonOutOfWindow) {
			return j.outside(shard, live)
		}
		return j.inFlow(shard, live)
	}
	egress, ingress, reason := j.ask(nil)
	if !egress.passes {
		return reason, false
	}
	if !j.opens {
		return reason, ingress.passes
	}
	if live != nil && ingress.passes { // over, and its tuple is taken by a new connection
		shard.Delete(live)
		live = nil
	}
	if live != nil {
		return reason, false
	}
	return j.open(shard, hash, egress, ingress, reason)
}

// ask asks both ends, and the network ACLs between them. If ingress does not
// pass, the reason says why; if egress does not, the other end was not asked.
func (j *judgement) ask(live *conntrack.Flow) (egress, ingress answer, reason Reason) {
	egress = j.askEgress(live)
	if !egress.passes {
		return egress, answer{}, ReasonNoEgressRule
	}
	// From here on the sender's end has let the packet out, and remembers,
	// whatever becomes of it.
	if j.to == filter.NoEndpoint {
		return egress, answer{}, ReasonNoRoute
	}
	if reason, ok := j.byACLs(); !ok {
		return egress, answer{}, reason
	}
	ingress = j.askIngress(live)
	switch {
	case !ingress.passes:
		return egress, ingress, ReasonNoIngressRule
	case egress.byFlow || ingress.byFlow:
		return egress, ingress, ReasonFlow
	}
	return egress, ingress, ReasonRule
}

// outside judges a TCP segment that has a live flow's tuple and is not part of
// it. The flow does not answer for it, and is not changed by it; rules alone may
// let it through. If it is a SYN, its answer shows whether the flow is over.
func (j *judgement) outside(shard *conntrack.Shard, live *conntrack.Flow) (Reason, bool) {
	egress, ingress, reason := j.ask(nil)
	switch {
	case !ingress.passes:
		return ReasonOutOfWindow, false
	case j.segment.Opens():
		live, _ = j.remember(shard, live, egress, ingress)
		live.Attempt(&j.segment)
	case j.w.gateway.dropMidstreamTCP:
		return ReasonMidstream, false
	}
	return reason, true
}

// inFlow judges a packet of a live flow.
func (j *judgement) inFlow(shard *conntrack.Shard, live *conntrack.Flow) (Reason, bool) {
	egress, ingress, reason := j.ask(live)
	if !egress.passes || j.to == filter.NoEndpoint {
		return reason, false
	}
	live, refusal := j.remember(shard, live, egress, ingress)
	if refusal != conntrack.Granted && ingress.passes {
		ingress.passes, reason = false, ReasonAllowanceExceeded
	}
	j.segment.Undelivered = !ingress.passes
	shard.Update(live, &j.segment, j.w.now)
	return reason, ingress.passes
}

// open makes the flow of a packet that the sender's end has let out.
func (j *judgement) open(shard *conntrack.Shard, hash conntrack.Hash, egress, ingress answer, reason Reason) (Reason, bool) {
	if j.to == filter.NoEndpoint {
		return reason, false
	}
	tracked := egress.state == conntrack.Tracked || ingress.state == conntrack.Tracked
	if tracked && j.isMidstream() && j.w.gateway.dropMidstreamTCP {
		if ingress.passes {
			reason = ReasonMidstream
		}
		return reason, false
	}
	var sides [2]conntrack.Side
	sides[j.segment.From] = conntrack.Side{Interface: j.in.port.number, State: egress.state}
	sides[j.segment.From.Opposite()] = conntrack.Side{Interface: j.receiver, State: ingress.state}
	j.segment.Undelivered = !ingress.passes
	_, refusal := shard.Open(&j.key, hash, &j.segment, sides, j.w.now)
	switch {
	case refusal == conntrack.AllowanceExceeded:
		return ReasonAllowanceExceeded, false // the sender's end comes first
	case !ingress.passes:
		return reason, false
	case refusal == conntrack.TableFull && tracked:
		return ReasonFlowTableFull, false
	}
	return reason, true
}

// isMidstream reports whether the packet is of a TCP connection whose beginning
// was not seen.
func (j *judgement) isMidstream() bool {
	return isTCP(&j.w.packet) && !j.segment.Opens()
}

// answer is what one end says.
type answer struct {
	passes bool
	byFlow bool                // because the end tracks the flow
	state  conntrack.SideState // what the end is to remember
}

func (j *judgement) askEgress(live *conntrack.Flow) answer {
	if live != nil && live.Tracks(j.segment.From, j.in.port.number) {
		return answer{passes: true, byFlow: true, state: conntrack.Tracked}
	}
	return toAnswer(j.v.policy.Egress(j.flow()))
}

func (j *judgement) askIngress(live *conntrack.Flow) answer {
	if live != nil && live.Tracks(j.segment.From.Opposite(), j.receiver) {
		return answer{passes: true, byFlow: true, state: conntrack.Tracked}
	}
	return toAnswer(j.v.policy.Ingress(j.flow()))
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

// remember notes in a live flow what its ends have said, and returns it: it may
// have moved.
func (j *judgement) remember(shard *conntrack.Shard, live *conntrack.Flow, egress, ingress answer) (*conntrack.Flow, conntrack.Refusal) {
	from := j.segment.From
	// A forwarder does not take the place of the interface whose address it
	// sends from.
	if !live.TracksAtAll(from) || live.Tracks(from, j.in.port.number) || j.v.policy.Owns(j.in.endpoint, j.w.packet.Src) {
		var refusal conntrack.Refusal
		if live, refusal = j.note(shard, live, from, j.in.port.number, egress); refusal != conntrack.Granted {
			return live, refusal
		}
	}
	return j.note(shard, live, from.Opposite(), j.receiver, ingress)
}

// note stores one end's answer. An untracked flow becomes a tracked one only by
// a packet of the machine that opened it: its answers pass by rules for the
// other direction, and if those alone made it tracked, a flow whose own rule
// was removed would come back to life.
func (j *judgement) note(shard *conntrack.Shard, live *conntrack.Flow, end conntrack.End, number uint32, a answer) (*conntrack.Flow, conntrack.Refusal) {
	if !a.passes || a.byFlow {
		return live, conntrack.Granted
	}
	opening := live.Origin() == j.segment.From
	if side := live.Side(end); side.Interface == number && side.State == conntrack.Untracked && !opening {
		return live, conntrack.Granted
	}
	return shard.SetSide(live, end, number, a.state, j.w.now)
}
