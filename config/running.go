package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// WithResources returns the configuration with other resources in force: the
// file's, and what was made beside it over the EC2 API. Its endpoints are those
// of s that have a device: the file's running instances, then its hosts, as the
// file describes them; then the interfaces that are attached to those instances
// beside, and those of the other instances that run, with the commands of their
// images, or none if an image is not there any more. The receiver stays as it is.
func (c *Config) WithResources(s *vpc.Snapshot) *Config {
	out := *c
	out.Resources, out.Endpoints = s, make([]Endpoint, 0, len(c.described))
	owners := make(map[string]*Endpoint, len(c.described)) // the file's, by the instance's id
	for i := range c.described {
		e := c.described[i]
		nic, _ := s.Interface(e.ID)
		in, isInstance := s.Instance(nic.Attachment.InstanceID)
		if isInstance {
			owners[in.ID] = &c.described[i]
			if in.State != vpc.Running {
				continue
			}
			if !sameAddresses(e.Addresses, nic.Addresses) {
				e.Addresses, e.Gateways = addressesOf(s, nic)
			}
		}
		out.Endpoints = append(out.Endpoints, e)
	}
	attached := attachments(s, owners)
	for _, in := range s.Instances() {
		nics := attached[in.ID]
		if in.State != vpc.Running || len(nics) == 0 {
			continue
		}
		if owner := owners[in.ID]; owner != nil {
			for _, nic := range nics {
				out.Endpoints = append(out.Endpoints, beside(*owner, endpointOf(s, nic, owner.Member)))
			}
			continue
		}
		image, _ := c.Image(in.ImageID)
		out.Endpoints = append(out.Endpoints, instanceEndpoints(s, in, nics, image.Command)...)
	}
	return &out
}

// instanceEndpoints returns the endpoints of an instance that the file does not
// describe, as it was launched over the EC2 API: one for each interface that is
// attached to it. The command belongs to the one of index 0. Where their devices go
// is not said: that is for a lab to know.
func instanceEndpoints(s *vpc.Snapshot, in vpc.Instance, nics []vpc.NetworkInterface, command []string) []Endpoint {
	endpoints := make([]Endpoint, len(nics))
	for i, nic := range nics {
		e := endpointOf(s, nic, cmp.Or(in.Name, in.ID))
		if e.DeviceIndex == 0 {
			e.Command = command
		}
		endpoints[i] = e
	}
	return endpoints
}

// attachments returns the interfaces that are attached to instances, by the
// instance's id and then by device index, without those that are the owners' own.
func attachments(s *vpc.Snapshot, owners map[string]*Endpoint) map[string][]vpc.NetworkInterface {
	attached := make(map[string][]vpc.NetworkInterface)
	for _, nic := range s.Interfaces() {
		id := nic.Attachment.InstanceID
		if owner := owners[id]; id == "" || owner != nil && owner.ID == nic.ID {
			continue
		}
		attached[id] = append(attached[id], nic)
	}
	for _, nics := range attached {
		slices.SortFunc(nics, func(a, b vpc.NetworkInterface) int {
			return cmp.Compare(a.Attachment.DeviceIndex, b.Attachment.DeviceIndex)
		})
	}
	return attached
}

// endpointOf returns the endpoint of an interface that the file does not describe.
func endpointOf(s *vpc.Snapshot, nic vpc.NetworkInterface, member string) Endpoint {
	e := Endpoint{
		Name: cmp.Or(nic.Name, nic.ID), ID: nic.ID, VPCID: nic.VPCID, Member: member, DeviceIndex: nic.Attachment.DeviceIndex,
		Device: DeviceAt(nic.Attachment.DeviceIndex), Configure: true, Origin: nic.Origin,
	}
	e.Addresses, e.Gateways = addressesOf(s, nic)
	return e
}

// beside puts an endpoint into the namespace of its instance's first one.
func beside(owner, e Endpoint) Endpoint {
	e.Netns, e.PID, e.Configure = owner.Netns, owner.PID, owner.Configure
	if e.Netns == "" && e.PID == 0 {
		e.Device = ownDevice(e.Name)
	}
	return e
}

// DeviceAt returns the name of an instance's device by its index, as Amazon Linux
// had it: eth0, eth1 and so on.
func DeviceAt(index int) string { return fmt.Sprint("eth", index) }

func sameAddresses(prefixes []netip.Prefix, addrs []netip.Addr) bool {
	return slices.EqualFunc(prefixes, addrs, func(p netip.Prefix, a netip.Addr) bool { return p.Addr() == a })
}

// addressesOf returns what onLink does for an interface of a snapshot.
func addressesOf(s *vpc.Snapshot, nic vpc.NetworkInterface) (prefixes []netip.Prefix, gateways []netip.Addr) {
	subnet, _ := s.Subnet(nic.SubnetID)
	return onLink(subnet, nic.Addresses)
}

// onLink returns an interface's addresses with the lengths of its subnet's blocks,
// and the VPC router's addresses of the families that it has.
func onLink(subnet vpc.Subnet, addrs []netip.Addr) (prefixes []netip.Prefix, gateways []netip.Addr) {
	for _, router := range subnet.Router() {
		if hasFamily(addrs, router.Is6()) {
			gateways = append(gateways, router)
		}
	}
	for _, addr := range addrs {
		bits := subnet.CIDR.Bits()
		if addr.Is6() {
			bits = subnet.IPv6CIDR.Bits()
		}
		prefixes = append(prefixes, netip.PrefixFrom(addr, bits))
	}
	return prefixes, gateways
}
