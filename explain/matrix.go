package explain

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// Matrix implements control.MatrixBackend: every pair is asked about in a model
// of the gateway, with its devices, where no flow is live, by one packet for each interval of ports
// that a rule of either end tells from others.
func (x *Explainer) Matrix(ctx context.Context, r control.MatrixRequest) (control.MatrixReply, error) {
	policy, generation := x.gateway.Policy()
	if policy == nil {
		return control.MatrixReply{}, noPolicy()
	}
	m := matrix{policy: policy, snapshot: policy.Snapshot(), reply: control.MatrixReply{
		Generation: generation, From: []control.MatrixEnd{}, To: []control.MatrixEnd{}, Pairs: []control.MatrixPair{},
	}}
	if err := m.read(r); err != nil {
		return control.MatrixReply{}, control.Refuse("%v", err)
	}
	var err error
	if m.model, err = gateway.NewModel(policy, gateway.Options{MaxFlows: 1}, x.hasDevice); err != nil {
		return control.MatrixReply{}, err
	}
	for _, from := range m.from {
		if err := ctx.Err(); err != nil {
			return control.MatrixReply{}, err
		}
		for _, to := range m.to {
			if err := m.pair(&from, &to); err != nil {
				return control.MatrixReply{}, err
			}
		}
	}
	return m.reply, nil
}

// matrix is a matrix in the making.
type matrix struct {
	policy   *filter.Policy
	snapshot *vpc.Snapshot
	model    *gateway.Gateway
	from, to []vpc.Endpoint
	only     *control.ExplainRequest // the one kind of packet that is asked about
	reply    control.MatrixReply
}

// read finds out who and what is asked about.
func (m *matrix) read(r control.MatrixRequest) (err error) {
	inVPC := ""
	if r.VPC != "" {
		v, err := m.snapshot.FindVPC(r.VPC)
		if err != nil {
			return err
		}
		inVPC = v.ID
	}
	if m.from, err = m.find(r.From, inVPC); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	if m.to, err = m.find(r.To, inVPC); err != nil {
		return fmt.Errorf("to: %w", err)
	}
	if n := m.count(); n > control.MaxMatrixPairs {
		return fmt.Errorf("that is %d pairs, more than %d: choose some by from, to or vpc", n, control.MaxMatrixPairs)
	}
	m.reply.From, m.reply.To = m.ends(m.from), m.ends(m.to)
	if r.Protocol == "" && r.Port == 0 && r.ICMPType == nil && r.ICMPCode == 0 {
		return nil
	}
	m.only = &control.ExplainRequest{Protocol: r.Protocol, Port: r.Port, ICMPType: r.ICMPType, ICMPCode: r.ICMPCode}
	protocol, _, err := protocolOf(*m.only)
	if err != nil {
		return err
	}
	m.reply.Question = questionText(protocol, *m.only)
	return checkDetails(protocol, *m.only)
}

// questionText says what packet is asked about: "tcp 3306".
func questionText(protocol vpc.Protocol, r control.ExplainRequest) string {
	rule := vpc.Rule{Protocol: protocol, FromPort: int32(r.Port), ToPort: int32(r.Port)}
	if protocol.IsICMP() {
		kind := uint8(echoRequest)
		if protocol == vpc.ICMPv6 {
			kind = echoRequestV6
		}
		if r.ICMPType != nil {
			kind = *r.ICMPType
		}
		rule.FromPort, rule.ToPort = int32(kind), int32(r.ICMPCode)
	}
	return rule.Service()
}

// find returns the machines that are called so, all if none is named.
func (m *matrix) find(refs []string, inVPC string) ([]vpc.Endpoint, error) {
	var all []vpc.Endpoint
	if len(refs) == 0 {
		all = m.snapshot.Endpoints()
	}
	for _, ref := range refs {
		e, err := m.snapshot.FindEndpoint(ref)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return slices.DeleteFunc(all, func(e vpc.Endpoint) bool { return inVPC != "" && e.VPCID != inVPC }), nil
}

// count returns how many pairs there are within the VPCs.
func (m *matrix) count() (n int) {
	receivers := make(map[string]int)
	for _, e := range m.to {
		receivers[e.VPCID]++
	}
	for _, e := range m.from {
		n += receivers[e.VPCID]
	}
	return n
}

func (m *matrix) ends(machines []vpc.Endpoint) []control.MatrixEnd {
	out := make([]control.MatrixEnd, len(machines))
	for i, e := range machines {
		out[i] = control.MatrixEnd{Name: e.Name, ID: e.ID, VPC: m.snapshot.VPCName(e.VPCID)}
	}
	return out
}

// pair asks what passes from one machine to another, in each family that both
// have.
func (m *matrix) pair(from, to *vpc.Endpoint) error {
	if from.VPCID != to.VPCID || from.ID == to.ID {
		return nil
	}
	for _, ipv6 := range []bool{false, true} {
		src, dst := first(from.Addresses, ipv6), first(to.Addresses, ipv6)
		if !src.IsValid() || !dst.IsValid() {
			continue
		}
		p := pair{matrix: m, from: from, to: to, src: src, dst: dst}
		out := control.MatrixPair{
			From: from.Name, To: to.Name, IPv6: ipv6, Source: src.String(), Dest: dst.String(), Services: []control.MatrixService{},
		}
		var err error
		if m.only != nil {
			var asked bool
			if asked, err = p.one(&out); !asked {
				continue // it is of the other family
			}
		} else {
			out.Services, err = p.services()
		}
		if err != nil {
			return err
		}
		m.reply.Pairs = append(m.reply.Pairs, out)
	}
	return nil
}

// pair is two machines in one family.
type pair struct {
	*matrix
	from, to *vpc.Endpoint
	src, dst netip.Addr
}

// one asks about the one kind of packet. It returns false if there is no such
// packet in the family.
func (p *pair) one(out *control.MatrixPair) (bool, error) {
	protocol, _, _ := protocolOf(*p.only)
	if protocol == vpc.ICMP && p.src.Is6() || protocol == vpc.ICMPv6 && p.src.Is4() {
		return false, nil
	}
	q := p.question(protocol)
	if err := q.compose(*p.only); err != nil {
		return false, err
	}
	t, err := q.try(p.model)
	if err != nil {
		return false, err
	}
	a := newAnswer(q, &t)
	out.Verdict, out.Reason = a.Verdict, a.Reason
	return true, nil
}

func (p *pair) question(protocol vpc.Protocol) *question {
	return &question{
		source: gateway.Source{ID: p.from.ID}, from: end{machine: p.from}, to: end{machine: p.to},
		packet: stack.Composition{Src: p.src, Dst: p.dst, Protocol: uint8(protocol)},
	}
}

// passage is what becomes of a packet and of its reply.
type passage uint8

const (
	dropped passage = iota
	passes
	unanswered // it passes, and a network ACL drops the reply
)

// ask sends a packet of that kind into the model. from and to are as in a rule.
// Who has no device sends none.
func (p *pair) ask(protocol vpc.Protocol, from, to int32) (passage, error) {
	if p.model.Port(p.from.ID) == nil {
		return dropped, nil
	}
	q := p.question(protocol)
	switch {
	case protocol.HasPorts():
		q.packet.SrcPort, q.packet.DstPort = firstPort, uint16(from)
	case protocol.IsICMP():
		q.packet.ICMPType, q.packet.ICMPCode, q.packet.ICMPID = uint8(from), uint8(to), 1
		q.quote()
	}
	t, err := p.model.Try(q.source, stack.Compose(q.packet))
	if err != nil || t.Fate != gateway.Forwarded {
		return dropped, err
	}
	f := t.Flow()
	if reply, ok := replyTo(t.Packet, f); ok && p.policy.HasACL(reply.From, reply.To) &&
		(!p.policy.ACLEgress(&reply).Passes() || !p.policy.ACLIngress(&reply).Passes()) {
		return unanswered, nil
	}
	return passes, nil
}
