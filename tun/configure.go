package tun

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Addressing is what a machine knows of its network: its addresses and its
// way out.
type Addressing struct {
	Addresses []netip.Prefix // each with the length of the network on the link
	// Gateways are the next hops of the default routes. A family with an
	// address and no gateway here gets a default route on the link itself.
	Gateways []netip.Addr
}

// Configure gives the device its addresses, brings it up together with the
// loopback device of its namespace, and makes it the default route of each
// family that it has an address of.
func (k *Kernel) Configure(a Addressing) error {
	if k.ns.leadsHome() {
		return fmt.Errorf("device %q in the %v: that is the gateway's own, whose default route would be lost: set `configure: false`", k.name, k.ns)
	}
	err := k.ns.Do(func() error {
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
		return configure(link, a)
	})
	if err != nil {
		return fmt.Errorf("device %q in the %v: %w", k.name, k.ns, err)
	}
	return nil
}

// nl6AddrGenModeNone is IN6_ADDR_GEN_MODE_NONE of linux/if_link.h.
const nl6AddrGenModeNone = 1

func configure(link netlink.Link, a Addressing) error {
	families := make(map[bool]bool) // Is6 of the addresses
	for _, prefix := range a.Addresses {
		addr := &netlink.Addr{IPNet: ipNet(prefix)}
		if prefix.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("add address %s: %w", prefix, explainAddress(prefix, err))
		}
		families[prefix.Addr().Is6()] = true
	}
	for _, via := range a.Gateways {
		if err := defaultRoute(link, via.Is6(), via); err != nil {
			return err
		}
		delete(families, via.Is6())
	}
	for is6 := range families {
		if err := defaultRoute(link, is6, netip.Addr{}); err != nil {
			return err
		}
	}
	return awaitLocal(link, a.Addresses)
}

// localWithin is how long the kernel gets to make its IPv6 addresses work.
const localWithin = 5 * time.Second

// awaitLocal waits until packets for the device's IPv6 addresses are delivered.
// The kernel adds an address at once, but the route that makes it local only
// from a work queue, even where there is nothing to detect duplicates of.
func awaitLocal(link netlink.Link, addresses []netip.Prefix) error {
	for _, prefix := range addresses {
		if prefix.Addr().Is4() {
			continue
		}
		for deadline := time.Now().Add(localWithin); ; time.Sleep(time.Millisecond) {
			local := &netlink.Route{
				LinkIndex: link.Attrs().Index, Table: unix.RT_TABLE_LOCAL,
				Dst: ipNet(netip.PrefixFrom(prefix.Addr(), 128)),
			}
			routes, err := netlink.RouteListFiltered(netlink.FAMILY_V6, local, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_DST|netlink.RT_FILTER_OIF)
			if err != nil {
				return fmt.Errorf("look up the local route of %s: %w", prefix.Addr(), err)
			}
			if len(routes) > 0 {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("address %s: the kernel does not make it local within %v", prefix.Addr(), localWithin)
			}
		}
	}
	return nil
}

func defaultRoute(link netlink.Link, is6 bool, via netip.Addr) error {
	everywhere := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if is6 {
		everywhere = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(everywhere)}
	if via.IsValid() {
		route.Gw = via.AsSlice()
		route.Flags = int(netlink.FLAG_ONLINK)
	} else {
		route.Scope = netlink.SCOPE_LINK
	}
	err := netlink.RouteAdd(route)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("default route: the namespace has one already; remove it, or set `configure: false` and route yourself")
	}
	if err != nil {
		return fmt.Errorf("default route %s: %w", everywhere, err)
	}
	return nil
}

func explainAddress(prefix netip.Prefix, err error) error {
	if prefix.Addr().Is6() && (errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EOPNOTSUPP)) {
		return fmt.Errorf("%w: IPv6 is off there (sysctl net.ipv6.conf.all.disable_ipv6)", err)
	}
	return err
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
