package tun

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Addressing is what a machine knows of its network: its addresses and its
// way out.
type Addressing struct {
	Addresses []netip.Prefix // each with the length of the network on the link; primary ones first
	// Gateways are the next hops of the default routes. A family with an
	// address and no gateway here gets a default route on the link itself.
	Gateways []netip.Addr
	// Table, if it is not 0, makes the device a secondary one beside another
	// that has the namespace's default routes. It is the number of a routing
	// table of the device's own, which packets from the device's addresses are
	// routed by, so that answers leave by the device that was asked: by the
	// other one they would leave with a source that is not its own (Amazon
	// Linux does the same, ec2-net-utils). All others know of the device only
	// its networks on the link, and prefer other devices to it.
	Table int
}

// Configure gives the device its addresses, brings it up together with the
// loopback device of its namespace, and makes it the default route of each
// family that it has an address of.
func (k *Kernel) Configure(a Addressing) error {
	if k.ns.leadsHome() {
		return fmt.Errorf("device %q in the %v: that is the gateway's own, whose default route would be lost: set `configure: false`", k.name, k.ns)
	}
	return inNamespace(k.ns, k.name, func() error {
		if lo, err := netlink.LinkByName("lo"); err == nil {
			if err := netlink.LinkSetUp(lo); err != nil {
				return fmt.Errorf("bring up lo: %w", err)
			}
		}
		link, err := netlink.LinkByName(k.name)
		if err != nil {
			return err
		}
		// No link-local address, and so no neighbour or listener discovery
		// on a link that has nobody to answer it.
		_ = netlink.LinkSetIP6AddrGenMode(link, nl6AddrGenModeNone) // fails only without IPv6
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("bring it up: %w", err)
		}
		if err := flushRules(a.Table); err != nil { // of a device that was there before
			return err
		}
		return readdress(link, Addressing{Table: a.Table}, a)
	})
}

// nl6AddrGenModeNone is IN6_ADDR_GEN_MODE_NONE of linux/if_link.h.
const nl6AddrGenModeNone = 1

// inNamespace does what has to be done about a device in its namespace, and says
// so in its error.
func inNamespace(ns Namespace, device string, f func() error) error {
	if err := ns.Do(f); err != nil {
		return fmt.Errorf("device %q in the %v: %w", device, ns, err)
	}
	return nil
}
