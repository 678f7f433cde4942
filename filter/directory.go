package filter

import (
	"net/netip"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// directory is who there is, at which addresses. It never changes; policies
// share it as long as only rules and memberships differ.
type directory struct {
	bare    []endpoint // without their groups
	details []details  // by endpoint
	byID    map[string]Endpoint
	vpcs    []*addresses
	vpcByID map[string]int
}

// details are the rest of an endpoint.
type details struct {
	id    string // of the interface or host; "" for the gateway's own
	vpcID string
	addrs []netip.Addr
	// routers are the VPC router's addresses nearest to it: IPv4, IPv6.
	routers [2]netip.Addr
}

// newDirectory numbers the endpoints: AWS's services, routers, interfaces, hosts.
func newDirectory(s *vpc.Snapshot) *directory {
	d := &directory{byID: make(map[string]Endpoint), vpcByID: make(map[string]int)}
	counts := countAddresses(s)
	for i, v := range s.VPCs() {
		d.vpcs, d.vpcByID[v.ID] = append(d.vpcs, newAddresses(counts[v.ID])), i
	}
	for _, v := range s.VPCs() {
		d.add(endpoint{kind: KindService, subnet: gatewaysOwn}, details{vpcID: v.ID}, v.Services())
	}
	subnets := make(map[string]int32)
	for i, n := range s.Subnets() {
		subnets[n.ID] = int32(i)
		d.add(endpoint{kind: KindRouter, subnet: gatewaysOwn}, details{vpcID: n.VPCID}, n.Router())
	}
	near := nearestRouters(s)
	for i := range s.Interfaces() {
		nic := &s.Interfaces()[i]
		d.byID[nic.ID] = d.add(endpoint{kind: KindInterface, anySrc: !nic.SourceDestCheck, subnet: subnets[nic.SubnetID]},
			details{id: nic.ID, vpcID: nic.VPCID, routers: near[nic.SubnetID]}, nic.Addresses)
	}
	for _, h := range s.Hosts() {
		d.byID[h.ID] = d.add(endpoint{kind: KindHost, subnet: outside},
			details{id: h.ID, vpcID: h.VPCID, routers: near[h.VPCID]}, h.Addresses)
	}
	return d
}

func (d *directory) add(m endpoint, of details, addrs []netip.Addr) Endpoint {
	e := Endpoint(len(d.bare))
	vpc := d.vpcByID[of.vpcID]
	m.vpc = int32(vpc)
	for _, addr := range addrs {
		d.vpcs[vpc].set(addr, e)
	}
	of.addrs = addrs
	d.bare, d.details = append(d.bare, m), append(d.details, of)
	return e
}

// countAddresses returns how many addresses there are at most, by VPC and
// family.
func countAddresses(s *vpc.Snapshot) map[string][2]int {
	counts := make(map[string][2]int)
	count := func(vpcID string, addrs []netip.Addr) {
		of := counts[vpcID]
		for _, addr := range addrs {
			of[family(addr)]++
		}
		counts[vpcID] = of
	}
	for _, v := range s.VPCs() {
		count(v.ID, v.Services())
	}
	for _, n := range s.Subnets() {
		count(n.VPCID, n.Router())
	}
	for i := range s.Interfaces() {
		count(s.Interfaces()[i].VPCID, s.Interfaces()[i].Addresses)
	}
	for _, h := range s.Hosts() {
		count(h.VPCID, h.Addresses)
	}
	return counts
}

// nearestRouters returns the router's addresses, IPv4 and IPv6, by the id of
// the subnet, for what is in it, and by that of the VPC, for what is outside:
// those of its first subnet with the family.
func nearestRouters(s *vpc.Snapshot) map[string][2]netip.Addr {
	near := make(map[string][2]netip.Addr)
	for _, n := range s.Subnets() {
		own, first := near[n.ID], near[n.VPCID]
		for _, addr := range n.Router() {
			own[family(addr)] = addr
			if !first[family(addr)].IsValid() {
				first[family(addr)] = addr
			}
		}
		near[n.ID], near[n.VPCID] = own, first
	}
	return near
}

// sameDirectory reports whether two snapshots have the same directory.
func sameDirectory(a, b *vpc.Snapshot) bool {
	return slices.EqualFunc(a.VPCs(), b.VPCs(), func(x, y vpc.VPC) bool {
		return x.ID == y.ID && x.CIDR == y.CIDR && x.IPv6CIDR == y.IPv6CIDR
	}) && slices.EqualFunc(a.Subnets(), b.Subnets(), func(x, y vpc.Subnet) bool {
		return x.ID == y.ID && x.VPCID == y.VPCID && x.CIDR == y.CIDR && x.IPv6CIDR == y.IPv6CIDR
	}) && slices.EqualFunc(a.Hosts(), b.Hosts(), func(x, y vpc.Host) bool {
		return x.ID == y.ID && x.VPCID == y.VPCID && same(x.Addresses, y.Addresses)
	}) && equalInPlace(a.Interfaces(), b.Interfaces(), func(x, y *vpc.NetworkInterface) bool {
		// Its subnet follows from its addresses.
		return x.ID == y.ID && x.VPCID == y.VPCID && x.SourceDestCheck == y.SourceDestCheck && same(x.Addresses, y.Addresses)
	})
}

// same reports whether two slices are equal. It costs little if they are the
// same memory, as they are in a snapshot that was made from another.
func same[T comparable](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

// equalInPlace is slices.EqualFunc for elements that are long to copy.
func equalInPlace[T any](a, b []T, equal func(x, y *T) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(&a[i], &b[i]) {
			return false
		}
	}
	return true
}
