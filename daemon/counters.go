package daemon

import (
	"context"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// Counters implements control.CountersBackend.
func (b backend) Counters(_ context.Context, r control.CountersRequest) (control.CountersReply, error) {
	names, err := b.names()
	if err != nil {
		return control.CountersReply{}, err
	}
	wanted := make(map[string]bool)
	for _, name := range r.Names {
		id, err := names.id(name)
		if err != nil {
			return control.CountersReply{}, err
		}
		wanted[id] = true
	}
	ports := make(map[string]*gateway.Port)
	for _, p := range b.gateway.Ports() {
		ports[p.ID()] = p
	}
	reply := control.CountersReply{Interfaces: []control.Counters{}}
	for _, e := range names.Endpoints() {
		p := ports[e.ID] // none while its device is being replaced
		if p != nil && (len(wanted) == 0 || wanted[e.ID]) {
			reply.Interfaces = append(reply.Interfaces, counters(e, p.Counters(), r.Zeros))
		}
	}
	return reply, nil
}

// counters puts a port's counters into the form that goes over the wire.
func counters(e vpc.Endpoint, c gateway.Counters, zeros bool) control.Counters {
	drops := make(map[string]uint64)
	for i, n := range c.Dropped {
		if n > 0 || zeros && gateway.Reason(i).IsDrop() {
			drops[gateway.Reason(i).String()] = n
		}
	}
	return control.Counters{
		Name: e.Name, ID: e.ID,
		Received: c.Received, ReceivedBytes: c.ReceivedBytes,
		Forwarded: c.Forwarded, Local: c.Local,
		Sent: c.Sent, SentBytes: c.SentBytes,
		Dropped: c.TotalDropped(), Drops: drops,
		ConntrackAllowanceExceeded:  c.ConntrackAllowanceExceeded,
		ConntrackAllowanceAvailable: c.ConntrackAllowanceAvailable,
	}
}
