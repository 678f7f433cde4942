package flowlog

import (
	"net/netip"
	"sync"

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

// inventory is the interfaces of a snapshot. It is drawn up when it is first looked
// at: without logs nobody does, and a change must not wait for it.
type inventory struct {
	snapshot *vpc.Snapshot // may be nil
	once     sync.Once
	nics     []*nic
	ids      map[string]*nic
}

func newInventory(s *vpc.Snapshot) *inventory { return &inventory{snapshot: s} }

// all returns the interfaces.
func (v *inventory) all() []*nic {
	v.once.Do(v.drawUp)
	return v.nics
}

// byID returns the interface with that id, or nil.
func (v *inventory) byID(id string) *nic {
	v.once.Do(v.drawUp)
	return v.ids[id]
}

func (v *inventory) drawUp() {
	if v.snapshot == nil {
		return
	}
	v.ids = make(map[string]*nic)
	for i := range v.snapshot.Interfaces() {
		from := &v.snapshot.Interfaces()[i]
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
		v.nics, v.ids[n.id] = append(v.nics, n), n
	}
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
