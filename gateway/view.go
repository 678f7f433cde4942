package gateway

import (
	"net/netip"

	"github.com/sgate/sgate/filter"
)

// view is what packets are judged by: immutable, swapped as one.
type view struct {
	policy     *filter.Policy // nil before the first Apply
	generation uint64
	slots      []attachment // by slot
	ports      []*Port      // by endpoint, nil where no device is attached
	vpcIDs     []string     // by the gateway's number of the VPC
	byNumber   map[uint32]*Port
}

// attachment is a port together with what it is in the view's policy.
type attachment struct {
	port     *Port           // nil where the slot is free
	endpoint filter.Endpoint // NoEndpoint if the policy does not know it
	vpc      uint16          // the gateway's number of its VPC
	// routers are the addresses that the router speaks to it from, by
	// family: IPv4, IPv6.
	routers [2]netip.Addr
}

// swap makes, stores and returns the view of a policy and the ports there are. The
// gateway's lock is held.
func (g *Gateway) swap(p *filter.Policy, generation uint64) *view {
	v := &view{policy: p, generation: generation, slots: make([]attachment, len(g.slots)), byNumber: make(map[uint32]*Port)}
	if p != nil {
		v.ports = make([]*Port, p.Len())
		for _, net := range p.Snapshot().VPCs() {
			g.vpcNumber(net.ID)
		}
	}
	v.vpcIDs = make([]string, len(g.vpcs))
	for id, n := range g.vpcs {
		v.vpcIDs[n] = id
	}
	for i, port := range g.slots {
		v.slots[i] = attachment{port: port, endpoint: filter.NoEndpoint}
		if port == nil {
			continue
		}
		v.byNumber[port.number] = port
		if p == nil {
			continue
		}
		if e := p.ByID(port.id); e != filter.NoEndpoint {
			v.ports[e] = port
			v.slots[i] = attachment{port: port, endpoint: e, vpc: uint16(g.vpcNumber(p.VPCID(e))), routers: p.Routers(e)}
		}
	}
	g.view.Store(v)
	return v
}

// portAt returns the port that has addr in a VPC, or nil.
func (v *view) portAt(vpcNumber int, addr netip.Addr) *Port {
	if v.policy == nil || vpcNumber >= len(v.vpcIDs) {
		return nil
	}
	if e := v.policy.ResolveIn(v.vpcIDs[vpcNumber], addr); e != filter.NoEndpoint {
		return v.ports[e]
	}
	return nil
}
