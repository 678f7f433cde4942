package metrics

import (
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// endpoint is an interface or a host of the configuration, and its device.
type endpoint struct {
	vpc.Endpoint
	vpc  string        // the VPC's name, or its id if it has none
	port *gateway.Port // nil where no device is attached
}

// endpointsOf lists instances, then hosts, in the configuration's order.
func endpointsOf(g *gateway.Gateway, s *vpc.Snapshot) []endpoint {
	ports := g.Ports()
	byID := make(map[string]*gateway.Port, len(ports))
	for _, p := range ports {
		byID[p.ID()] = p
	}
	all := s.Endpoints()
	out := make([]endpoint, len(all))
	for i, e := range all {
		out[i] = endpoint{e, s.VPCName(e.VPCID), byID[e.ID]}
	}
	return out
}

// up reports whether the device is attached and has not been deleted.
func (e *endpoint) up() bool { return e.port != nil && !e.port.Gone() }
