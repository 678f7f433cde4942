package daemon

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// backend answers for the gateway on the control socket. It needs none of the
// daemon's locks, so it answers also while a configuration is being applied.
type backend struct{ gateway *gateway.Gateway }

// ServeControl answers on a control socket. From now on the socket is the
// daemon's: Close closes it.
func (d *Daemon) ServeControl(s *control.Server) {
	d.control = s
	s.Serve(backend{d.gateway}, d.log)
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
		return names{}, &control.Error{Status: http.StatusServiceUnavailable, Message: "the gateway has no configuration yet"}
	}
	return names{policy.Snapshot()}, nil
}

// names are those of a snapshot's resources, and their ids.
type names struct{ snapshot *vpc.Snapshot }

// of returns the name of the instance or host with that id, "" if there is
// none.
func (n names) of(id string) string {
	if nic, ok := n.snapshot.Interface(id); ok {
		return nic.Name
	}
	host, _ := n.snapshot.Host(id)
	return host.Name
}

// ofVPC returns a VPC's name, or its id if it has none.
func (n names) ofVPC(id string) string {
	if v, ok := n.snapshot.VPC(id); ok && v.Name != "" {
		return v.Name
	}
	return id
}

// endpoint is an instance's interface, or a host.
type endpoint struct{ name, id string }

// endpoints lists instances, then hosts, in the configuration's order.
func (n names) endpoints() []endpoint {
	var all []endpoint
	for _, nic := range n.snapshot.Interfaces() {
		all = append(all, endpoint{nic.Name, nic.ID})
	}
	for _, host := range n.snapshot.Hosts() {
		all = append(all, endpoint{host.Name, host.ID})
	}
	return all
}

// id returns the id of the instance or host that is called or has the id ref.
func (n names) id(ref string) (string, error) {
	var known []string
	for _, e := range n.endpoints() {
		if e.name == ref {
			return e.id, nil
		}
		known = append(known, e.name)
	}
	if n.of(ref) != "" {
		return ref, nil
	}
	return "", control.Refuse("no instance or host %q; there are: %s", ref, list(known))
}

// vpcID returns the id of the VPC that is called or has the id ref.
func (n names) vpcID(ref string) (string, error) {
	var known []string
	for _, v := range n.snapshot.VPCs() {
		if v.Name == ref {
			return v.ID, nil
		}
		known = append(known, n.ofVPC(v.ID))
	}
	if _, ok := n.snapshot.VPC(ref); ok {
		return ref, nil
	}
	return "", control.Refuse("no VPC %q; there are: %s", ref, list(known))
}

// maxListed is how many names an error message lists.
const maxListed = 20

// list joins names, in the configuration's order.
func list(names []string) string {
	if more := len(names) - maxListed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), more)
	}
	return strings.Join(names, ", ")
}
