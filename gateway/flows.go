package gateway

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/conntrack"
)

// FlowInfo is a live flow in the terms of the resources.
type FlowInfo struct {
	VPCID    string
	Protocol uint8
	// Src and Dst are those of the packet that opened the flow. Of an ICMP
	// query, the asker's port is the query's id.
	Src, Dst netip.AddrPort
	State    string
	// Created is when it was opened and Expires when it will end, if nothing
	// more of it is seen: ns of the gateway's clock, see Now.
	Created, Expires int64
	// Interfaces are the ids of the opener's interface or host and of the
	// other's, "" where none is attached. Tracked says which of them track it.
	Interfaces [2]string
	Tracked    [2]bool
	// Rules are the ids of the rules that let the flow in: of the opener's egress
	// and of the other's ingress. One may be gone by now; "" where no rule was
	// asked.
	Rules   [2]string
	Packets [2]uint64 // sent by each; a super-packet counts its segments
	Bytes   [2]uint64
}

// CountFlows counts the live flows by protocol and state.
func (g *Gateway) CountFlows() []conntrack.StateCount { return g.flows.CountStates(g.now()) }

// Now returns the time of the gateway's clock, in ns.
func (g *Gateway) Now() int64 { return g.now() }

// FlowInfos returns the live flows, in no order.
func (g *Gateway) FlowInfos() []FlowInfo { return slices.Collect(g.EachFlow()) }

// EachFlow yields the live flows, in no order. Flows that come or go meanwhile
// may be among them or not.
func (g *Gateway) EachFlow() iter.Seq[FlowInfo] {
	return func(yield func(FlowInfo) bool) {
		v, now := g.view.Load(), g.now()
		for f := range g.flows.All(now) {
			info, known := g.describeWhole(v, &f)
			if !known { // it may have been given its rules since it was copied
				if again, ok := g.flows.Again(&f, now); ok {
					info, _ = g.describeWhole(v, &again)
				}
			}
			if !yield(info) {
				return
			}
		}
	}
}

// CutFlows forgets the flows that match, and returns them. Packets that would
// have belonged to one are judged by rules from then on. match is not told the
// flow's rules, and must not call the gateway.
func (g *Gateway) CutFlows(match func(*FlowInfo) bool) []FlowInfo {
	v := g.view.Load()
	var cut []FlowInfo
	g.flows.Revise(g.now(), func(f *conntrack.Flow, _ *[2]conntrack.SideState) bool {
		info := v.describe(f)
		if !match(&info) {
			return true
		}
		info, _ = g.describeWhole(v, f)
		cut = append(cut, info)
		return false
	})
	return cut
}

// describeWhole is describe, with the rules. known is as with numbersOf.
func (g *Gateway) describeWhole(v *view, f *conntrack.Flow) (info FlowInfo, known bool) {
	info = v.describe(f)
	rules, known := g.rulesOf(f)
	info.Rules = [2]string{rules[f.Origin()], rules[f.Origin().Opposite()]}
	return info, known
}

// describe returns a flow in the view's terms, without the rules.
func (v *view) describe(f *conntrack.Flow) FlowInfo {
	ends := [2]conntrack.End{f.Origin(), f.Origin().Opposite()}
	info := FlowInfo{
		Protocol: f.Protocol(), Src: f.Addr(ends[0]), Dst: f.Addr(ends[1]),
		State: f.State().String(), Created: f.Created(), Expires: f.Expires(),
	}
	if n := int(f.VPC()); n < len(v.vpcIDs) {
		info.VPCID = v.vpcIDs[n]
	}
	for i, e := range ends {
		side := f.Side(e)
		info.Tracked[i] = side.State == conntrack.Tracked
		info.Packets[i], info.Bytes[i] = f.Sent(e)
		if port := v.numbered(side.Interface); port != nil {
			info.Interfaces[i] = port.id
		}
	}
	return info
}
