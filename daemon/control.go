package daemon

import (
	"net/http"
	"sync/atomic"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/metrics"
	"github.com/sgate/sgate/vpc"
)

// backend answers for the gateway on the control socket. It needs none of the
// daemon's locks, so it answers also while a configuration is being applied.
type backend struct {
	gateway  *gateway.Gateway
	captures *captures
	metrics  *metrics.Metrics
	history  *history
	inForce  *atomic.Pointer[config.Config]
}

// ServeControl answers on a control socket. From now on the socket is the
// daemon's: Close closes it.
func (d *Daemon) ServeControl(s *control.Server) {
	d.control = s
	s.Serve(counting{backend{d.gateway, new(captures), d.metrics, &d.history, &d.inForce}, d.metrics}, d.log)
	d.log.Info("the control socket is up", "socket", s.Path())
}

// closeControl returns when nobody asks any more.
func (d *Daemon) closeControl() error {
	if d.control == nil {
		return nil
	}
	return d.control.Close()
}

// names looks up, in the policy in force, what instances, hosts and VPCs are
// called.
func (b backend) names() (names, error) {
	policy, _ := b.gateway.Policy()
	if policy == nil {
		return names{}, nothingYet()
	}
	return names{policy.Snapshot()}, nil
}

// nothingYet refuses what is asked before the first configuration is in force.
func nothingYet() error {
	return &control.Error{Status: http.StatusServiceUnavailable, Message: "the gateway has no configuration yet"}
}

// names are those of a snapshot's resources. What it does not have is refused.
type names struct{ *vpc.Snapshot }

// id returns the id of the instance or host that is called or has the id ref.
func (n names) id(ref string) (string, error) {
	e, err := n.FindEndpoint(ref)
	if err != nil {
		return "", control.Refuse("%v", err)
	}
	return e.ID, nil
}

// vpcID returns the id of the VPC that is called or has the id ref.
func (n names) vpcID(ref string) (string, error) {
	v, err := n.FindVPC(ref)
	if err != nil {
		return "", control.Refuse("%v", err)
	}
	return v.ID, nil
}
