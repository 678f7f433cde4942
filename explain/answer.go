package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// answer is an explanation in the making.
type answer struct {
	control.Explanation
	question *question
	trial    *gateway.Trial
	policy   *filter.Policy
	snapshot *vpc.Snapshot
	flow     filter.Flow
}

// newAnswer explains a trial, remedies aside.
func newAnswer(q *question, t *gateway.Trial) *answer {
	a := &answer{question: q, trial: t, policy: t.Policy, snapshot: t.Policy.Snapshot(), flow: t.Flow()}
	verdict := control.VerdictAllow
	if t.Fate == gateway.Dropped {
		verdict = control.VerdictDrop
	}
	a.Explanation = control.Explanation{
		Verdict: verdict, Fate: t.Fate.String(), Reason: t.Reason.String(), Meaning: Meaning(t.Reason),
		Generation: t.Generation, Packet: a.packet(),
		From: a.end(t.From(), &q.from, q.packet.Src), To: a.end(t.To(), &q.to, q.packet.Dst),
		Egress: a.side(vpc.Egress), Ingress: a.side(vpc.Ingress),
		NetworkACLs: []control.ExplainedACL{}, Reply: []control.ExplainedACL{},
		Flow: a.liveFlow(), Notes: append([]string{}, q.notes...), Remedies: []control.Remedy{},
	}
	if a.askedACLs() {
		a.NetworkACLs = a.acls(&a.flow)
	}
	if a.Allowed() && t.Fate == gateway.Forwarded {
		if reply, ok := replyTo(t.Packet, a.flow); ok {
			a.Reply = a.acls(&reply)
		}
	}
	a.Reachability = a.reachability()
	a.addNotes()
	return a
}

// packet describes the packet.
func (a *answer) packet() control.ExplainedPacket {
	p := a.trial.Packet
	protocol := vpc.Protocol(p.Protocol)
	e := control.ExplainedPacket{
		VPC: a.snapshot.VPCName(a.trial.VPCID), Protocol: protocol.String(),
		Source: p.Src, Destination: p.Dst, Bytes: a.trial.Bytes,
	}
	switch {
	case !p.HasTransport:
	case protocol.HasPorts():
		e.SourcePort, e.DestinationPort = p.SrcPort, p.DstPort
	case p.IsICMP():
		e.ICMPType, e.ICMPCode = &p.ICMPType, &p.ICMPCode
	}
	return e
}

// end describes who sends or receives: whom the gateway took the address for,
// or who was meant where it did not come to that.
func (a *answer) end(e filter.Endpoint, asked *end, addr netip.Addr) control.ExplainedEnd {
	out := control.ExplainedEnd{Kind: control.EndUnknown, Address: addr}
	machine := asked.machine
	if e != filter.NoEndpoint {
		out.Kind = kindOf(a.policy.Kind(e))
		machine = nil
		if m, ok := a.snapshot.Endpoint(a.policy.ID(e)); ok {
			machine = &m
		}
	}
	if machine == nil || machine.VPCID != a.trial.VPCID {
		return out
	}
	out.Kind, out.Name, out.ID, out.Origin = control.EndInstance, machine.Name, machine.ID, machine.Origin.String()
	if machine.Host {
		out.Kind = control.EndHost
	}
	if nic, ok := a.snapshot.Interface(machine.ID); ok {
		out.Subnet = a.subnetName(nic.SubnetID)
	}
	return out
}

// kindOf returns the kind of an end.
func kindOf(k filter.Kind) string {
	return [...]string{control.EndInstance, control.EndHost, control.EndRouter, control.EndService}[k]
}

func (a *answer) subnetName(id string) string {
	if s, ok := a.snapshot.Subnet(id); ok && s.Name != "" {
		return s.Name
	}
	return id
}

// liveFlow describes the live flow that the packet would be part of.
func (a *answer) liveFlow() *control.ExplainedFlow {
	live := a.trial.Live
	if live == nil {
		return nil
	}
	sender, opener := 0, "from"
	if !a.opened(live) {
		sender, opener = 1, "to"
	}
	f := &control.ExplainedFlow{
		State: live.State, Opener: opener, Rules: []control.ExplainedRule{},
		Age:             time.Duration(a.trial.Time - live.Created).Seconds(),
		Expires:         time.Duration(live.Expires - a.trial.Time).Seconds(),
		TrackedBySender: live.Tracked[sender], TrackedByReceiver: live.Tracked[1-sender],
	}
	for _, id := range live.Rules {
		if id != "" {
			f.Rules = append(f.Rules, *a.ruleByID(id))
		}
	}
	return f
}

// opened reports whether the packet's sender has opened a flow.
func (a *answer) opened(live *gateway.FlowInfo) bool {
	p := a.trial.Packet
	if vpc.Protocol(p.Protocol).HasPorts() && live.Src.Port() != p.SrcPort {
		return false
	}
	return live.Src.Addr() == p.Src
}

// connections notes the live flows between the two ends to the same port: what
// becomes of a new connection is not what becomes of them.
func (a *answer) connections(g *gateway.Gateway) {
	p := a.trial.Packet
	if !vpc.Protocol(p.Protocol).HasPorts() || a.Allowed() {
		return
	}
	var c control.ExplainedConnections
	for _, f := range g.FlowInfos() {
		if f.VPCID != a.trial.VPCID || f.Protocol != p.Protocol || f.Src.Addr() != p.Src || f.Dst.Addr() != p.Dst || f.Dst.Port() != p.DstPort {
			continue
		}
		c.Count++
		if a.stays(&f) {
			c.Tracked++
		}
	}
	if c.Count > 0 {
		a.Connections = &c
	}
}

// stays reports whether each end that has security groups tracks a flow.
func (a *answer) stays(f *gateway.FlowInfo) bool {
	for i, id := range f.Interfaces {
		if _, groups := a.snapshot.Interface(id); groups && !f.Tracked[i] {
			return false
		}
	}
	return true
}

// replyTo returns the answer that a packet is due, as rules see it, if there is
// any such.
func replyTo(p *stack.Packet, f filter.Flow) (filter.Flow, bool) {
	f.From, f.To, f.Src, f.Dst = f.To, f.From, f.Dst, f.Src
	f.SrcPort, f.DstPort = f.DstPort, f.SrcPort
	if !p.IsICMP() {
		return f, true
	}
	request, reply, is := p.ICMPQuery()
	switch {
	case !is || reply:
		return f, false
	case request == echoRequest:
		f.ICMPType = 0
	default:
		f.ICMPType = request + 1
	}
	return f, true
}

// toItself reports whether a machine sends to itself, by whichever of its
// addresses: its own kernel delivers that.
func (a *answer) toItself() bool {
	from, to := a.question.from.machine, a.question.to.machine
	return from != nil && to != nil && from.ID == to.ID && slices.Contains(from.Addresses, a.trial.Packet.Src)
}

// whoHasNoDevice says of which interfaces no packet can be.
const whoHasNoDevice = "an instance that is stopped has none, nor has an interface that is attached to no instance"

// addNotes adds what else a person should know.
func (a *answer) addNotes() {
	note := func(format string, args ...any) { a.Notes = append(a.Notes, fmt.Sprintf(format, args...)) }
	p := a.trial.Packet
	if a.toItself() {
		note("what %s sends to itself never comes to the gateway: it arrives, and no security group is asked; this is what would become of the packet if it came", a.From.Name)
	}
	if from := a.question.from.machine; from != nil && a.question.hasDevice != nil && !a.question.hasDevice(from.ID) {
		note("%s has no device and sends nothing: "+whoHasNoDevice+"; this is what would become of the packet if it came", from.Name)
	}
	switch a.trial.Reason {
	case gateway.ReasonNoRoute:
		if to := a.question.to.machine; to != nil && to.VPCID == a.trial.VPCID && slices.Contains(to.Addresses, p.Dst) {
			note("%s has no device: "+whoHasNoDevice, to.Name)
			break
		}
		note("nobody in VPC %s has the address %s; a machine outside the VPC is declared under hosts", a.Packet.VPC, p.Dst)
	case gateway.ReasonRouterAddress, gateway.ReasonServiceAddress:
		note("security groups and network ACLs do not filter it")
	}
	for _, acl := range a.Reply {
		if acl.Action == actionDeny {
			note("network ACL %s drops the reply: network ACLs know no connections, replies need an entry of their own", acl.Name)
		}
	}
}
