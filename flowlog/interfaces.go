package flowlog

import (
	"net/netip"

	"github.com/sgate/sgate/vpc"
)

// nic is what records say of a network interface.
type nic struct {
	id, vpcID, subnetID, instanceID string
	primary                         [2]netip.Addr // IPv4, IPv6; the zero Addr for none
}

// shown returns the address that records show on the interface's own side for a
// packet with addr: its primary private one, whoever the packet is from or for
// (VPC User Guide, flow log limitations). That page speaks of IPv4 only; IPv6 is
// treated alike. An interface without the family shows the packet's.
func (n *nic) shown(addr netip.Addr) netip.Addr {
	own := n.primary[0]
	if addr.Is6() {
		own = n.primary[1]
	}
	if own.IsValid() {
		return own
	}
	return addr
}

// inventory is the interfaces of a snapshot.
type inventory struct {
	all  []*nic
	byID map[string]*nic
}

func newInventory(s *vpc.Snapshot) *inventory {
	v := &inventory{byID: make(map[string]*nic)}
	if s == nil {
		return v
	}
	for i := range s.Interfaces() {
		from := &s.Interfaces()[i]
		n := &nic{id: from.ID, vpcID: from.VPCID, subnetID: from.SubnetID, instanceID: instanceID(from)}
		for _, addr := range from.Addresses {
			family := 0
			if addr.Is6() {
				family = 1
			}
			if !n.primary[family].IsValid() {
				n.primary[family] = addr
			}
		}
		v.all, v.byID[n.id] = append(v.all, n), n
	}
	return v
}

// instanceID returns the id of the instance that an interface belongs to. The
// resource model has interfaces only, each of an instance of its own.
func instanceID(n *vpc.NetworkInterface) string {
	return vpc.NewID("i", n.VPCID, n.Name, n.ID)
}

// covers reports whether a log is about an interface.
func (l *Log) covers(n *nic) bool {
	switch l.ResourceID {
	case "", n.vpcID, n.subnetID, n.id:
		return true
	}
	return false
}
