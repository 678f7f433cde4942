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
		cut = slices.DeleteFunc(b.gateway.FlowInfos(), func(f gateway.FlowInfo) bool { return !match(&f) })
	} else {
		cut = b.gateway.CutFlows(match)
	}
	reply := control.CutFlowsReply{Matched: len(cut), Flows: []control.Flow{}}
	slices.SortFunc(cut, older)
	now := b.gateway.Now()
	for _, f := range cut[:min(len(cut), control.MaxListedFlows)] {
		reply.Flows = append(reply.Flows, names.flow(&f, now))
	}
	return reply, nil
}

// older orders flows by age, so that two answers can be compared.
func older(a, b gateway.FlowInfo) int {
	return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.VPCID, b.VPCID), cmp.Compare(a.Protocol, b.Protocol),
		a.Src.Compare(b.Src), a.Dst.Compare(b.Dst))
}

// flow puts a flow into the form that goes over the wire.
func (n names) flow(f *gateway.FlowInfo, now int64) control.Flow {
	protocol := vpc.Protocol(f.Protocol)
	from, to := f.Interfaces[0], f.Interfaces[1]
	flow := control.Flow{
		VPC: n.ofVPC(f.VPCID), Protocol: protocol.String(), State: f.State,
		From:    control.FlowEnd{Name: n.of(from), ID: from, Address: f.Src.Addr(), Tracked: f.Tracked[0]},
		To:      control.FlowEnd{Name: n.of(to), ID: to, Address: f.Dst.Addr(), Tracked: f.Tracked[1]},
		Age:     time.Duration(now - f.Created).Seconds(),
		Expires: time.Duration(f.Expires - now).Seconds(),
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

// condition is something that a flow meets or not.
type condition func(*gateway.FlowInfo) bool

// matcher compiles a filter: a flow must meet all of its conditions.
func (n names) matcher(f control.FlowFilter) (func(*gateway.FlowInfo) bool, error) {
	if err := checkPort(f); err != nil {
		return nil, err
	}
	var all []condition
	for _, part := range []struct {
		value   string
		compile func(string) (condition, error)
	}{
		{f.VPC, n.inVPC},
		{f.Instance, n.atEitherEnd},
		{f.From, func(s string) (condition, error) { return n.atEnd(0, s) }},
		{f.To, func(s string) (condition, error) { return n.atEnd(1, s) }},
		{f.Protocol, ofProtocol},
	} {
		if part.value == "" {
			continue
		}
		met, err := part.compile(part.value)
		if err != nil {
			return nil, err
		}
		all = append(all, met)
	}
	if f.Port != 0 {
		all = append(all, func(info *gateway.FlowInfo) bool {
			return vpc.Protocol(info.Protocol).HasPorts() && info.Dst.Port() == f.Port
		})
	}
	return func(info *gateway.FlowInfo) bool {
		for _, met := range all {
			if !met(info) {
				return false
			}
		}
		return true
	}, nil
}

// checkPort refuses a port for a protocol that has none.
func checkPort(f control.FlowFilter) error {
	if f.Port == 0 || f.Protocol == "" {
		return nil
	}
	if p, err := vpc.ParseProtocol(f.Protocol); err == nil && !p.HasPorts() {
		return control.Refuse("protocol %s has no ports: want tcp or udp, or no port", p)
	}
	return nil
}

func (n names) inVPC(ref string) (condition, error) {
	id, err := n.vpcID(ref)
	return func(f *gateway.FlowInfo) bool { return f.VPCID == id }, err
}

func (n names) atEitherEnd(ref string) (condition, error) {
	id, err := n.id(ref)
	return func(f *gateway.FlowInfo) bool { return f.Interfaces[0] == id || f.Interfaces[1] == id }, err
}

// atEnd compiles a condition on the opener (0) or the other end (1): an
// address, a CIDR, or an instance or host.
func (n names) atEnd(end int, ref string) (condition, error) {
	if addr, err := netip.ParseAddr(ref); err == nil {
		addr = addr.Unmap()
		return within(end, netip.PrefixFrom(addr, addr.BitLen())), nil
	}
	if prefix, err := netip.ParsePrefix(ref); err == nil {
		if prefix != prefix.Masked() {
			return nil, control.Refuse("CIDR %q: want %s, or the address without the length", ref, prefix.Masked())
		}
		return within(end, prefix), nil
	}
	id, err := n.id(ref)
	if err != nil {
		return nil, control.Refuse("%v (nor is it an address or a CIDR)", err)
	}
	return func(f *gateway.FlowInfo) bool { return f.Interfaces[end] == id }, nil
}

func within(end int, prefix netip.Prefix) condition {
	return func(f *gateway.FlowInfo) bool {
		return prefix.Contains([...]netip.AddrPort{f.Src, f.Dst}[end].Addr())
	}
}

func ofProtocol(name string) (condition, error) {
	p, err := vpc.ParseProtocol(name)
	if err != nil || p == vpc.AllProtocols {
		return nil, control.Refuse("protocol %q: want tcp, udp, icmp, icmpv6 or a number from 0 to 255", name)
	}
	return func(f *gateway.FlowInfo) bool { return vpc.Protocol(f.Protocol) == p }, nil
}
