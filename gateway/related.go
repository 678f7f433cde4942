package gateway

import (
	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// icmpError judges an ICMP error. One that quotes no packet which its addressee
// can have sent is about nothing. Any other passes by rules, as AWS documents it
// (EC2 User Guide, MTU: path MTU discovery needs a rule), or, where the gateway
// is told so, because it is about a live flow.
func (j *judgement) icmpError(packet []byte) (Reason, bool) {
	quote, ok := j.w.packet.Quoted(packet)
	if (!ok || quote.Src != j.w.packet.Dst) && j.w.refuses(ReasonICMPErrorAboutNothing) {
		return ReasonICMPErrorAboutNothing, false
	}
	if j.w.gateway.relatedICMPErrors && ok {
		return j.related(quote)
	}
	return j.byRules()
}

// related judges an error by the flow that it is about. The end that tracks the
// flow lets it pass: to the machine that sent the quoted packet, or from the
// machine that was to get it. A router between them, which neither is, sends by
// its rules.
func (j *judgement) related(quote stack.Quote) (Reason, bool) {
	shard, hash, sender := j.lockQuoted(quote)
	live := shard.Find(&j.key, hash, j.w.now)
	if live == nil || !live.MayHaveSent(sender, quote.TCPSeq) {
		shard.Unlock()
		if reason, ok := j.byRules(); ok {
			return reason, true
		}
		return ReasonICMPErrorAboutNothing, false
	}
	egress, ingress := ofFlow(live.Tracks(sender.Opposite(), j.in.port.number)), ofFlow(live.Tracks(sender, j.receiver))
	shard.Unlock()
	if !egress.byFlow {
		egress = toAnswer(j.v.policy.DecideEgress(j.flow()))
	}
	if j.trace(vpc.Egress, egress); !egress.passes {
		return ReasonNoEgressRule, false
	}
	if reason, ok := j.byACLs(); !ok {
		return reason, false
	}
	if !ingress.byFlow {
		ingress = toAnswer(j.v.policy.DecideIngress(j.flow()))
	}
	if j.trace(vpc.Ingress, ingress); !ingress.passes {
		return ReasonNoIngressRule, false
	}
	if egress.byFlow || ingress.byFlow {
		return ReasonRelated, true
	}
	return ReasonRule, true
}

// ofFlow returns the answer of an end that tracks the flow; of one that does not, none.
func ofFlow(tracks bool) answer { return answer{passes: tracks, byFlow: tracks} }

// lockQuoted locks the shard of the flow that a quoted packet belongs to, and
// returns which end of it sent the packet.
func (j *judgement) lockQuoted(q stack.Quote) (*conntrack.Shard, conntrack.Hash, conntrack.End) {
	sender := setQuotedKey(&j.key, j.in.vpc, &q)
	hash := j.w.gateway.flows.Hash(&j.key)
	return j.w.gateway.flows.Lock(hash), hash, sender
}
