package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Endpoint is an instance's network interface, or a host: whatever has a device
// and is called by a name.
type Endpoint struct {
	Name string // its id if it has no name
	ID   string // of the network interface or host
	Host bool   // a machine outside the VPC, without security groups
	// InstanceID is set of an instance's primary interface, for which the instance
	// stands.
	InstanceID string

	VPCID     string
	Addresses []netip.Addr
	Origin    Origin
}

// Endpoints lists instances, then hosts, each in the snapshot's order.
func (s *Snapshot) Endpoints() []Endpoint {
	all := make([]Endpoint, 0, len(s.res.Interfaces)+len(s.res.Hosts))
	for i := range s.res.Interfaces {
		all = append(all, s.res.Interfaces[i].endpoint())
	}
	for i := range s.res.Hosts {
		all = append(all, s.res.Hosts[i].endpoint())
	}
	return all
}

func (n *NetworkInterface) endpoint() Endpoint {
	e := Endpoint{Name: orID(n.Name, n.ID), ID: n.ID, VPCID: n.VPCID, Addresses: n.Addresses, Origin: n.Origin}
	if n.Attachment.DeviceIndex == 0 {
		e.InstanceID = n.Attachment.InstanceID
	}
	return e
}

func (h *Host) endpoint() Endpoint {
	return Endpoint{Name: orID(h.Name, h.ID), ID: h.ID, Host: true, VPCID: h.VPCID, Addresses: h.Addresses, Origin: h.Origin}
}

// orID returns a name, or the id of what has none.
func orID(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

// Endpoint finds an instance's interface or a host by id.
func (s *Snapshot) Endpoint(id string) (Endpoint, bool) {
	if i, ok := s.interfaces[id]; ok {
		return s.res.Interfaces[i].endpoint(), true
	}
	if i, ok := s.hosts[id]; ok {
		return s.res.Hosts[i].endpoint(), true
	}
	return Endpoint{}, false
}

// FindEndpoint returns the instance's interface or host that is called, or has
// the id, ref; for an instance's id its primary interface. A name goes before an
// id. The error lists the names there are.
func (s *Snapshot) FindEndpoint(ref string) (Endpoint, error) {
	all := s.Endpoints()
	names := make([]string, len(all))
	for i, e := range all {
		if e.Name == ref {
			return e, nil
		}
		names[i] = e.Name
	}
	if e, ok := s.Endpoint(ref); ok {
		return e, nil
	}
	if i := slices.IndexFunc(all, func(e Endpoint) bool { return e.InstanceID == ref }); i >= 0 && ref != "" {
		return all[i], nil
	}
	return Endpoint{}, fmt.Errorf("no instance or host %q; there are: %s", ref, listed(names))
}

// EndpointsAt returns those that have an address: one in each VPC at most.
func (s *Snapshot) EndpointsAt(addr netip.Addr) []Endpoint {
	return slices.DeleteFunc(s.Endpoints(), func(e Endpoint) bool { return !slices.Contains(e.Addresses, addr) })
}

// EndpointName returns the name of the instance or host with that id, the id
// if it has no name, "" if there is none.
func (s *Snapshot) EndpointName(id string) string {
	e, _ := s.Endpoint(id)
	return e.Name
}

// VPCName returns the name of the VPC with that id, or the id if it has none.
func (s *Snapshot) VPCName(id string) string {
	v, _ := s.VPC(id)
	return orID(v.Name, id)
}

// FindVPC returns the VPC that is called, or has the id, ref. The error lists
// the names there are.
func (s *Snapshot) FindVPC(ref string) (VPC, error) {
	var names []string
	for _, v := range s.res.VPCs {
		if v.Name == ref {
			return v, nil
		}
		names = append(names, orID(v.Name, v.ID))
	}
	if v, ok := s.VPC(ref); ok {
		return v, nil
	}
	return VPC{}, fmt.Errorf("no VPC %q; there are: %s", ref, listed(names))
}

// maxListed is how many names an error message lists.
const maxListed = 20

// listed joins names, in the snapshot's order.
func listed(names []string) string {
	if more := len(names) - maxListed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), more)
	}
	return strings.Join(names, ", ")
}
