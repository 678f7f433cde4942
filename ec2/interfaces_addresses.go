package ec2

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

type assignPrivateAddressesRequest struct {
	interfaceRequest
	Addresses         []string `query:"PrivateIpAddress"`
	Count             *int     `query:"SecondaryPrivateIpAddressCount"`
	AllowReassignment bool     `query:"AllowReassignment"`
}

type assignedAddress struct {
	Address string `xml:"privateIpAddress"`
}

type assignPrivateAddressesAnswer struct {
	ID        string            `xml:"networkInterfaceId"`
	Addresses []assignedAddress `xml:"assignedPrivateIpAddressesSet"`
}

func (c *call) assignPrivateAddresses(in *assignPrivateAddressesRequest) (*assignPrivateAddressesAnswer, error) {
	nic, err := c.networkInterface(in.ID)
	if err != nil {
		return nil, err
	}
	addrs, err := readAddresses(in.Addresses, false)
	if err != nil {
		return nil, err
	}
	n, err := countOf("secondaryPrivateIpAddressCount", "privateIpAddress", in.Count, len(addrs))
	switch {
	case err != nil:
		return nil, err
	case n == 0 && len(addrs) == 0:
		return nil, combination("Either PrivateIpAddress or SecondaryPrivateIpAddressCount must be specified")
	}
	if in.AllowReassignment {
		if addrs, err = c.takeBack(&nic, addrs); err != nil {
			return nil, err
		}
	}
	added, err := c.assign(&nic, addrs, n, 0)
	out := &assignPrivateAddressesAnswer{ID: nic.ID}
	for _, addr := range added {
		out.Addresses = append(out.Addresses, assignedAddress{addr.String()})
	}
	return out, err
}

// assign gives an interface addresses of its subnet, and as many others as are
// asked for. It returns the ones that are new.
func (c *call) assign(nic *vpc.NetworkInterface, addrs []netip.Addr, ipv4, ipv6 int) ([]netip.Addr, error) {
	for _, family := range []struct {
		ipv6 bool
		more int
	}{{false, ipv4}, {true, ipv6}} {
		if len(ofFamily(nic.Addresses, family.ipv6))+len(ofFamily(addrs, family.ipv6))+family.more > maxAddresses {
			return nil, tooManyAddresses()
		}
	}
	subnet, _ := c.Subnets.Get(nic.SubnetID)
	from := c.pool(subnet)
	for _, addr := range addrs {
		if err := from.take(addr); err != nil {
			return nil, err
		}
	}
	added, err := from.more(addrs, ipv4, ipv6)
	if err != nil {
		return nil, err
	}
	nic.Addresses = slices.Concat(nic.Addresses, added)
	return added, c.Interfaces.Put(*nic)
}

// takeBack takes addresses away from the interfaces that have them. It returns
// those that nic does not have itself.
func (c *call) takeBack(nic *vpc.NetworkInterface, addrs []netip.Addr) (missing []netip.Addr, err error) {
	for _, addr := range addrs {
		if slices.Contains(nic.Addresses, addr) {
			continue
		}
		missing = append(missing, addr)
		for _, other := range c.Interfaces.All() {
			if other.VPCID != nic.VPCID || !slices.Contains(other.Addresses, addr) {
				continue
			}
			if err := c.unassign(&other, []netip.Addr{addr}, false); err != nil {
				return nil, err
			}
		}
	}
	return missing, nil
}

// unassign takes addresses of one family from an interface.
func (c *call) unassign(nic *vpc.NetworkInterface, addrs []netip.Addr, ipv6 bool) error {
	has := ofFamily(nic.Addresses, ipv6)
	var lacking []string
	for _, addr := range addrs {
		switch {
		case !slices.Contains(has, addr):
			lacking = append(lacking, addr.String())
		case !ipv6 && addr == has[0]:
			return invalid("The address %s is the primary private address of interface %s, which cannot be unassigned", addr, nic.ID)
		}
	}
	if lacking != nil {
		return invalid("Some of [%s] are not assigned to interface %s", strings.Join(lacking, ", "), nic.ID)
	}
	nic.Addresses = slices.DeleteFunc(slices.Clone(nic.Addresses), func(a netip.Addr) bool { return slices.Contains(addrs, a) })
	if len(nic.Addresses) == 0 {
		return query.Errorf("OperationNotPermitted", "The address is the only one of interface %s, which needs one", nic.ID)
	}
	return c.Interfaces.Put(*nic)
}

type unassignPrivateAddressesRequest struct {
	interfaceRequest
	Addresses []string `query:"PrivateIpAddress"`
}

func (c *call) unassignPrivateAddresses(in *unassignPrivateAddressesRequest) (*done, error) {
	nic, err := c.networkInterface(in.ID)
	if err != nil {
		return nil, err
	}
	addrs, err := readAddresses(in.Addresses, false)
	switch {
	case err != nil:
		return nil, err
	case len(addrs) == 0:
		return nil, missing("PrivateIpAddress")
	}
	return finished(c.unassign(&nic, addrs, false))
}

type assignIPv6AddressesRequest struct {
	interfaceRequest
	Addresses []string `query:"Ipv6Addresses"`
	Count     *int     `query:"Ipv6AddressCount"`
}

type assignIPv6AddressesAnswer struct {
	ID        string       `xml:"networkInterfaceId"`
	Addresses []netip.Addr `xml:"assignedIpv6Addresses"`
}

func (c *call) assignIPv6Addresses(in *assignIPv6AddressesRequest) (*assignIPv6AddressesAnswer, error) {
	nic, err := c.networkInterface(in.ID)
	if err != nil {
		return nil, err
	}
	addrs, err := readAddresses(in.Addresses, true)
	if err != nil {
		return nil, err
	}
	n, err := countOf("ipv6AddressCount", "ipv6Addresses", in.Count, len(addrs))
	switch {
	case err != nil:
		return nil, err
	case n == 0 && len(addrs) == 0:
		return nil, combination("Either Ipv6Addresses or Ipv6AddressCount must be specified")
	}
	added, err := c.assign(&nic, addrs, 0, n)
	return &assignIPv6AddressesAnswer{nic.ID, added}, err
}

type unassignIPv6AddressesRequest struct {
	interfaceRequest
	Addresses []string `query:"Ipv6Addresses"`
}

type unassignIPv6AddressesAnswer struct {
	ID        string       `xml:"networkInterfaceId"`
	Addresses []netip.Addr `xml:"unassignedIpv6Addresses"`
}

func (c *call) unassignIPv6Addresses(in *unassignIPv6AddressesRequest) (*unassignIPv6AddressesAnswer, error) {
	nic, err := c.networkInterface(in.ID)
	if err != nil {
		return nil, err
	}
	addrs, err := readAddresses(in.Addresses, true)
	switch {
	case err != nil:
		return nil, err
	case len(addrs) == 0:
		return nil, missing("Ipv6Addresses")
	}
	return &unassignIPv6AddressesAnswer{nic.ID, addrs}, c.unassign(&nic, addrs, true)
}
