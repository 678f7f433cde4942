package ec2

import (
	"net/netip"
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// maxAddresses is how many addresses of one family an interface may have. AWS has
// such a limit for each instance type; this is that of the largest ones.
const maxAddresses = 50

// privateAddress is an IPv4 address of an interface as a request has it.
type privateAddress struct {
	Primary *bool  `query:"Primary"`
	Address string `query:"PrivateIpAddress"`
}

// ipv6Address is an IPv6 address of an interface as a request has it. Here no
// address ever changes by itself, so that none need be marked as primary.
type ipv6Address struct {
	Address string        `query:"Ipv6Address"`
	_       query.Ignored `query:"IsPrimaryIpv6"`
}

// addressed is part of requests that make interfaces.
type addressed struct {
	PrivateAddress   string           `query:"PrivateIpAddress"`
	PrivateAddresses []privateAddress `query:"PrivateIpAddresses"`
	SecondaryCount   *int             `query:"SecondaryPrivateIpAddressCount"`
	IPv6Addresses    []ipv6Address    `query:"Ipv6Addresses"`
	IPv6Count        *int             `query:"Ipv6AddressCount"`
}

// wanted is what addresses an interface is to get.
type wanted struct {
	primary            netip.Addr   // IPv4; the zero Addr: any that is free
	secondary          []netip.Addr // IPv4
	ipv6               []netip.Addr
	moreIPv4, moreIPv6 int // any that are free, after those
}

// wanted reads the addresses of a request.
func (in *addressed) wanted() (w wanted, err error) {
	if in.PrivateAddress != "" {
		if w.primary, err = readAddress(in.PrivateAddress, false); err != nil {
			return w, err
		}
	}
	for _, p := range in.PrivateAddresses {
		if p.Address == "" {
			return w, missing("PrivateIpAddresses.PrivateIpAddress")
		}
		addr, err := readAddress(p.Address, false)
		switch isPrimary := p.Primary != nil && *p.Primary; {
		case err != nil:
			return w, err
		case !isPrimary:
			w.secondary = append(w.secondary, addr)
		case w.primary.IsValid() && w.primary != addr:
			return w, combination("Only one primary private IP address may be specified")
		default:
			w.primary = addr
		}
	}
	if w.ipv6, err = readIPv6(in.IPv6Addresses); err != nil {
		return w, err
	}
	if w.moreIPv4, err = countOf("secondaryPrivateIpAddressCount", "privateIpAddresses", in.SecondaryCount, len(w.secondary)); err != nil {
		return w, err
	}
	w.moreIPv6, err = countOf("ipv6AddressCount", "ipv6Addresses", in.IPv6Count, len(w.ipv6))
	return w, err
}

// given reports whether the request says anything about addresses.
func (in *addressed) given() bool {
	return in.PrivateAddress != "" || in.PrivateAddresses != nil || in.SecondaryCount != nil || in.IPv6Addresses != nil || in.IPv6Count != nil
}

// countOf reads how many addresses are to be chosen, which goes without ones that
// are named.
func countOf(parameter, others string, n *int, named int) (int, error) {
	switch {
	case n == nil:
		return 0, nil
	case *n < 0 || *n > maxAddresses:
		return 0, invalid("Value (%d) for parameter %s is invalid. Want 0 to %d.", *n, parameter, maxAddresses)
	case *n > 0 && named > 0:
		return 0, combination("The parameter %s cannot be used with the parameter %s", parameter, others)
	}
	return *n, nil
}

func readAddress(text string, ipv6 bool) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Is6() != ipv6 || addr.Is4In6() || addr.Zone() != "" {
		return netip.Addr{}, invalid("invalid value for parameter address: %s", text)
	}
	return addr, nil
}

func readAddresses(texts []string, ipv6 bool) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, text := range texts {
		addr, err := readAddress(text, ipv6)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

func readIPv6(given []ipv6Address) ([]netip.Addr, error) {
	texts := make([]string, len(given))
	for i, a := range given {
		texts[i] = a.Address
	}
	return readAddresses(texts, true)
}

// ofFamily returns those of an interface's addresses that are of one family, the
// primary one first.
func ofFamily(addrs []netip.Addr, ipv6 bool) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return a.Is6() != ipv6 })
}

// addressPool hands out the addresses of a subnet, for the time of one call.
type addressPool struct {
	subnet    vpc.Subnet
	taken     map[netip.Addr]bool
	next      [2]netip.Addr // of IPv4 and IPv6: what has not been looked at for a free one
	forLaunch bool          // AWS has other words for instances
}

// pool returns the pool of a subnet.
func (c *call) pool(subnet vpc.Subnet) *addressPool {
	p := &addressPool{subnet: subnet, taken: make(map[netip.Addr]bool)}
	p.next = [2]netip.Addr{subnet.CIDR.Addr(), subnet.IPv6CIDR.Addr()}
	in, _ := c.VPCs.Get(subnet.VPCID)
	for _, addr := range in.Services() {
		p.taken[addr] = true
	}
	nics := c.Interfaces.All()
	for i := range nics {
		if nics[i].VPCID == subnet.VPCID {
			for _, addr := range nics[i].Addresses {
				p.taken[addr] = true
			}
		}
	}
	return p
}

func (p *addressPool) block(ipv6 bool) netip.Prefix {
	if ipv6 {
		return p.subnet.IPv6CIDR
	}
	return p.subnet.CIDR
}

// take takes an address that a request names.
func (p *addressPool) take(addr netip.Addr) error {
	block := p.block(addr.Is6())
	switch {
	case !block.IsValid():
		return p.noIPv6()
	case !block.Contains(addr):
		return invalid("Address %s does not fall within the subnet's address range", addr)
	case p.subnet.Reserved(addr) != "":
		return invalid("Address %s is in subnet's reserved address range", addr)
	case p.taken[addr] && p.forLaunch:
		return query.Errorf("InvalidIPAddress.InUse", "Address %s is in use.", addr)
	case p.taken[addr]:
		return query.Errorf("InvalidIPAddress.InUse", "The specified address is already in use.")
	}
	p.taken[addr] = true
	return nil
}

// choose takes the lowest address that is free.
func (p *addressPool) choose(ipv6 bool) (netip.Addr, error) {
	block, at := p.block(ipv6), &p.next[0]
	if ipv6 {
		at = &p.next[1]
	}
	if !block.IsValid() {
		return netip.Addr{}, p.noIPv6()
	}
	for ; block.Contains(*at); *at = at.Next() {
		if addr := *at; !p.taken[addr] && p.subnet.Reserved(addr) == "" {
			p.taken[addr] = true
			return addr, nil
		}
	}
	return netip.Addr{}, p.full()
}

func (p *addressPool) noIPv6() error {
	return invalid("The subnet '%s' has no IPv6 CIDR block associated with it", p.subnet.ID)
}

// noAddresses is the code for a subnet that is full.
const noAddresses = "InsufficientFreeAddressesInSubnet"

func (p *addressPool) full() error {
	if p.forLaunch {
		return query.Errorf(noAddresses, "There are not enough free addresses in subnet '%s' to satisfy the requested number of instances.", p.subnet.ID)
	}
	return query.Errorf(noAddresses, "The specified subnet does not have enough free addresses to satisfy the request.")
}

// allocate takes the addresses of a new interface: the primary IPv4 one, the IPv6
// ones, then the secondary ones.
func (p *addressPool) allocate(w wanted) ([]netip.Addr, error) {
	if w.moreIPv6 == 0 && len(w.ipv6) == 0 && p.subnet.AssignIPv6AddressOnCreation && p.subnet.IPv6CIDR.IsValid() {
		w.moreIPv6 = 1
	}
	if 1+len(w.secondary)+w.moreIPv4 > maxAddresses || len(w.ipv6)+w.moreIPv6 > maxAddresses {
		return nil, tooManyAddresses()
	}
	listed := slices.Concat(w.ipv6, w.secondary)
	if w.primary.IsValid() {
		listed = slices.Insert(listed, 0, w.primary)
	}
	for _, addr := range listed {
		if err := p.take(addr); err != nil {
			return nil, err
		}
	}
	if !w.primary.IsValid() {
		addr, err := p.choose(false)
		if err != nil {
			return nil, err
		}
		listed = slices.Insert(listed, 0, addr)
	}
	return p.more(listed, w.moreIPv4, w.moreIPv6)
}

// more takes as many free addresses of each family and adds them.
func (p *addressPool) more(addrs []netip.Addr, ipv4, ipv6 int) ([]netip.Addr, error) {
	for i := range ipv4 + ipv6 {
		addr, err := p.choose(i >= ipv4)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

func tooManyAddresses() error {
	return query.Errorf("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.")
}
