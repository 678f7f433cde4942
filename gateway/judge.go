package gateway

import (
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// judge decides by live flows, security groups and network ACLs whether the
// worker's packet may pass from in to the endpoint to. Each end is asked by
// itself, the sender first: a tracked flow answers for the end that tracks it,
// rules for the other (docs/semantics.md, "Evaluation").
func (w *worker) judge(v *view, in *attachment, to filter.Endpoint, packet []byte, a arrival) (Reason, bool) {
	// Field by field: a literal would be made elsewhere and copied.
	var j judgement
	j.w, j.v, j.in, j.to = w, v, in, to
	j.segment.Packets, j.segment.Bytes = a.packets, len(packet)
	if port := v.portOf(to); port != nil {
		j.receiver = port.number
	}
	switch {
	case w.packet.IsICMPError():
		return j.icmpError(packet)
	case !j.makeKey(), !j.hasGroups(in.endpoint) && !j.hasGroups(to):
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
	opens   bool             // a packet that may open a flow
	over    *conntrack.Entry // whose tuple that takes, if it is only tried
}

// flow is the packet as the policy sees it. It is made only where rules are
// asked: most packets belong to a live flow.
func (j *judgement) flow() *filter.Flow {
	j.w.flow = asFlow(&j.w.packet, j.in.endpoint, j.to)
	return &j.w.flow
}

func (j *judgement) hasGroups(e filter.Endpoint) bool {
	return e != filter.NoEndpoint && j.v.policy.Kind(e) == filter.KindInterface
}

// makeKey sets the packet's flow key. It returns false for packets that are
// never part of a flow: ICMP that is neither question nor answer.
func (j *judgement) makeKey() (is bool) {
	j.segment.From, j.opens, is = setKey(&j.key, j.in.vpc, &j.w.packet)
	return is
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
	egress := toAnswer(j.v.policy.DecideEgress(j.flow()))
	j.trace(vpc.Egress, egress)
	if !egress.passes {
		return ReasonNoEgressRule, false
	}
	if reason, ok := j.byACLs(); !ok {
		return reason, false
	}
	ingress := toAnswer(j.v.policy.DecideIngress(j.flow()))
	j.trace(vpc.Ingress, ingress)
	switch {
	case !ingress.passes:
		return ReasonNoIngressRule, false
	case egress.state == conntrack.NotAsked && ingress.state == conntrack.NotAsked:
		return ReasonNoGroups, true
	}
	return ReasonRule, true
}

// trace notes what one end has said. At an address that nobody has, there is none.
func (j *judgement) trace(d vpc.Direction, a answer) {
	if canWatch && j.w.tracing && (d == vpc.Egress || j.to != filter.NoEndpoint) {
		j.w.trail.answers[d] = a.side()
	}
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
	hash := flows.Hash(&j.key)
	if !j.w.trial {
		if live := flows.Find(&j.key, hash, j.w.now); live != nil {
			if reason, ok := j.hit(live, hash); ok {
				return reason, true
			}
		}
	}
	shard := flows.Lock(hash)
	defer shard.Unlock()

	live := shard.Find(&j.key, hash, j.w.now)
	if live != nil && !live.Reopens(&j.segment) {
		if !shard.Fits(live, &j.segment) && j.w.refuses(ReasonOutOfWindow) {
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
	switch { // what is live is over, and its tuple is taken by a new connection
	case live == nil:
	case !ingress.passes:
		return reason, false
	case j.w.trial:
		j.over = live
	default:
		shard.Delete(live)
	}
	return j.open(shard, hash, egress, ingress, reason)
}

// hit lets a packet pass that both ends admit and that changes nothing of its flow
// but what only grows, which is nearly all of them, without a lock. It returns false
// for any other.
func (j *judgement) hit(live *conntrack.Entry, hash conntrack.Hash) (Reason, bool) {
	from, to := j.segment.From, j.segment.From.Opposite()
	reason := ReasonFlow
	if canWatch && j.w.tracing {
		j.w.trail.answers = [2]SideAnswer{SideFlow, SideFlow}
	}
	if j.to == filter.NoEndpoint || !live.Tracks(from, j.in.port.number) || !live.Tracks(to, j.receiver) || j.v.policy.HasACL(j.in.endpoint, j.to) {
		var egress, ingress answer
		egress, ingress, reason = j.ask(live)
		if !ingress.passes || j.learnsOfSender(live, egress) || j.learns(live, to, j.receiver, ingress) {
			return reason, false
		}
	}
	return reason, j.w.gateway.flows.Hit(live, hash, &j.segment, j.w.now)
}

// ask asks both ends, and the network ACLs between them. If ingress does not
// pass, the reason says why; if egress does not, the other end was not asked.
func (j *judgement) ask(live *conntrack.Entry) (egress, ingress answer, reason Reason) {
	egress = j.askEgress(live)
	if canWatch && j.w.tracing {
		j.w.trail.answers = [2]SideAnswer{}
	}
	j.trace(vpc.Egress, egress)
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
	j.trace(vpc.Ingress, ingress)
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
func (j *judgement) outside(shard *conntrack.Shard, live *conntrack.Entry) (Reason, bool) {
	egress, ingress, reason := j.ask(nil)
	switch {
	case !ingress.passes:
		return ReasonOutOfWindow, false
	case j.segment.Opens():
		if !j.w.trial {
			j.remember(shard, live, egress, ingress)
			shard.Attempt(live, &j.segment)
		}
	case j.w.gateway.dropMidstreamTCP:
		return ReasonMidstream, false
	}
	return reason, true
}

// inFlow judges a packet of a live flow.
func (j *judgement) inFlow(shard *conntrack.Shard, live *conntrack.Entry) (Reason, bool) {
	egress, ingress, reason := j.ask(live)
	if !egress.passes || j.to == filter.NoEndpoint {
		return reason, false
	}
	refusal := j.remember(shard, live, egress, ingress)
	if refusal != conntrack.Granted && ingress.passes {
		ingress.passes, reason = false, ReasonAllowanceExceeded
	}
	if !j.w.trial {
		j.segment.Undelivered = !ingress.passes
		shard.Update(live, &j.segment, j.w.now)
	}
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
	refusal := j.enter(shard, hash, sides, ingress.passes)
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

// enter puts the flow into the table.
func (j *judgement) enter(shard *conntrack.Shard, hash conntrack.Hash, sides [2]conntrack.Side, delivered bool) conntrack.Refusal {
	if j.w.trial {
		return shard.WouldRefuse(sides, j.over, j.w.now)
	}
	j.segment.Undelivered, j.segment.Rule = !delivered, unnamed(j.v.generation)
	_, refusal := shard.Open(&j.key, hash, &j.segment, sides, j.w.now)
	return refusal
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

// side returns the answer as it is told.
func (a answer) side() SideAnswer {
	switch {
	case !a.passes:
		return SideNoRule
	case a.byFlow:
		return SideFlow
	case a.state == conntrack.NotAsked:
		return SideNoGroups
	}
	return SideRule
}

func (j *judgement) askEgress(live *conntrack.Entry) answer {
	if live != nil && live.Tracks(j.segment.From, j.in.port.number) {
		return answer{passes: true, byFlow: true, state: conntrack.Tracked}
	}
	return toAnswer(j.v.policy.DecideEgress(j.flow()))
}

func (j *judgement) askIngress(live *conntrack.Entry) answer {
	if live != nil && live.Tracks(j.segment.From.Opposite(), j.receiver) {
		return answer{passes: true, byFlow: true, state: conntrack.Tracked}
	}
	return toAnswer(j.v.policy.DecideIngress(j.flow()))
}

func toAnswer(s filter.Answer) answer {
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

// remember notes in a live flow what its ends have said.
func (j *judgement) remember(shard *conntrack.Shard, live *conntrack.Entry, egress, ingress answer) conntrack.Refusal {
	if j.learnsOfSender(live, egress) {
		if refusal := j.setSide(shard, live, vpc.Egress, egress); refusal != conntrack.Granted {
			return refusal
		}
	}
	if j.learns(live, j.segment.From.Opposite(), j.receiver, ingress) {
		return j.setSide(shard, live, vpc.Ingress, ingress)
	}
	return conntrack.Granted
}

// setSide notes in a live flow what the end that is judged in direction d has said.
func (j *judgement) setSide(shard *conntrack.Shard, live *conntrack.Entry, d vpc.Direction, a answer) conntrack.Refusal {
	end, number, name := j.segment.From, j.in.port.number, j.v.policy.Egress
	if d == vpc.Ingress {
		end, number, name = end.Opposite(), j.receiver, j.v.policy.Ingress
	}
	if j.w.trial {
		if a.state == conntrack.Tracked && !shard.CanTrack(number, live, j.w.now) {
			return conntrack.AllowanceExceeded
		}
		return conntrack.Granted
	}
	if live.Side(end).Interface != number {
		j.w.gateway.name(shard, live, j.w.now) // while it is known who has opened it
	}
	refusal := shard.SetSide(live, end, number, a.state, j.w.now)
	if refusal == conntrack.Granted {
		shard.SetRule(live, end, j.w.gateway.ruleNumbers.of(j.v.policy, name(j.flow()).Rule))
	}
	return refusal
}

// learnsOfSender reports whether a live flow is to note what the sender's end has
// said. A forwarder does not take the place of the interface whose address it
// sends from.
func (j *judgement) learnsOfSender(live *conntrack.Entry, a answer) bool {
	from, number := j.segment.From, j.in.port.number
	if !j.learns(live, from, number, a) {
		return false
	}
	return live.Side(from).State != conntrack.Tracked || live.Tracks(from, number) || j.in.owns(j.v.policy, j.w.packet.Src)
}

// learns reports whether a live flow is to note what one end has said, since it
// knows otherwise. An untracked flow becomes a tracked one only by
// a packet of the machine that opened it: its answers pass by rules for the
// other direction, and if those alone made it tracked, a flow whose own rule
// was removed would come back to life.
func (j *judgement) learns(live *conntrack.Entry, end conntrack.End, number uint32, a answer) bool {
	if !a.passes || a.byFlow {
		return false
	}
	side := live.Side(end)
	if side.Interface != number || side.State == conntrack.Unknown {
		return true
	}
	return side.State != a.state && (side.State != conntrack.Untracked || live.Origin() == j.segment.From)
}
