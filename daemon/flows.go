package daemon

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// CutFlows implements control.CutFlowsBackend.
func (b backend) CutFlows(_ context.Context, r control.CutFlowsRequest) (control.CutFlowsReply, error) {
	names, err := b.names()
	if err != nil {
		return control.CutFlowsReply{}, err
	}
	match, err := names.matcher(r.FlowFilter)
	if err != nil {
		return control.CutFlowsReply{}, err
	}
	var cut []gateway.FlowInfo
	if r.DryRun {
		var f gateway.FlowInfo // one for all: match takes it to the heap
		for f = range b.gateway.EachFlow() {
			if match(&f) {
				cut = append(cut, f)
			}
		}
	} else {
		cut = b.gateway.CutFlows(match)
	}
	reply := control.CutFlowsReply{Matched: len(cut), Flows: []control.Flow{}}
	slices.SortFunc(cut, func(a, b gateway.FlowInfo) int { return older(&a, &b) })
	now := b.gateway.Now()
	for _, f := range cut[:min(len(cut), control.MaxListedFlows)] {
		reply.Flows = append(reply.Flows, names.flow(&f, now))
	}
	return reply, nil
}

// older orders flows by age, so that two answers can be compared.
func older(a, b *gateway.FlowInfo) int {
	if c := cmp.Compare(a.Created, b.Created); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.VPCID, b.VPCID), cmp.Compare(a.Protocol, b.Protocol), a.Src.Compare(b.Src), a.Dst.Compare(b.Dst))
}

// flow puts a flow into the form that goes over the wire.
func (n names) flow(f *gateway.FlowInfo, now int64) control.Flow {
	protocol := vpc.Protocol(f.Protocol)
	flow := control.Flow{
		VPC: n.VPCName(f.VPCID), Protocol: protocol.String(), State: f.State,
		From: n.flowEnd(f, 0), To: n.flowEnd(f, 1),
		Age:     time.Duration(now - f.Created).Seconds(),
		Expires: time.Duration(f.Expires - now).Seconds(),
		Egress:  ruleRef(n.Snapshot, f.Interfaces[0], f.Rules[0]),
		Ingress: ruleRef(n.Snapshot, f.Interfaces[1], f.Rules[1]),
	}
	switch {
	case protocol.HasPorts():
		flow.From.Port, flow.To.Port = f.Src.Port(), f.Dst.Port()
	case protocol.IsICMP():
		id := f.Src.Port()
		flow.ICMPID = &id
	}
	return flow
}

// flowEnd is the opener's end of a flow (0) or the other (1), without its port.
func (n names) flowEnd(f *gateway.FlowInfo, end int) control.FlowEnd {
	id := f.Interfaces[end]
	return control.FlowEnd{
		Name: n.EndpointName(id), ID: id, Address: [...]netip.AddrPort{f.Src, f.Dst}[end].Addr(),
		Tracked: f.Tracked[end], Packets: f.Packets[end], Bytes: f.Bytes[end],
	}
}
