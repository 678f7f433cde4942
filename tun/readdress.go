package tun

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Readdress changes the addressing of a device that Configure has given another
// one, with the same Table, and leaves alone what both have: connections from
// addresses that stay go on, as long as the first one of their family is among
// these. If it fails, the device is as it was.
func Readdress(ns Namespace, device string, from, to Addressing) error {
	return inNamespace(ns, device, func() error {
		link, err := netlink.LinkByName(device)
		if err != nil {
			return err
		}
		if err := readdress(link, from, to); err != nil {
			return errors.Join(err, readdress(link, to, from))
		}
		return nil
	})
}

// readdress makes the difference between two states of a link, or what is left
// to do of it. New addresses come before old ones go: with the last address of
// IPv4 the kernel takes away the device's routes.
func readdress(link netlink.Link, from, to Addressing) error {
	var lost [2]bool // by family: routes may have gone with the addresses
	for i, is6 := range []bool{false, true} {
		before, after := familyOf(from.Addresses, is6), familyOf(to.Addresses, is6)
		if len(before) > 0 && (len(after) == 0 || before[0] != after[0]) {
			// The kernel keeps IPv4 addresses of one network as followers of
			// the first, which go with it.
			if err := changeAddresses(link, nil, before, from.Table); err != nil {
				return err
			}
			before, lost[i] = nil, true
		}
		if err := changeAddresses(link, without(after, before), without(before, after), to.Table); err != nil {
			return err
		}
	}
	if err := changeRoutes(link, from, to, lost); err != nil {
		return err
	}
	return awaitLocal(link, without(to.Addresses, from.Addresses))
}

// changeAddresses adds addresses, with what leads their packets to the table if
// there is one, and removes others. What is done already is no error.
func changeAddresses(link netlink.Link, added, removed []netip.Prefix, table int) error {
	for _, prefix := range added {
		if err := netlink.AddrAdd(link, linkAddr(prefix, table)); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("add address %s: %w", prefix, explainAddress(prefix, err))
		}
		if err := addRule(prefix.Addr(), table); err != nil {
			return err
		}
	}
	for _, prefix := range removed {
		if err := deleteRule(prefix.Addr(), table); err != nil {
			return err
		}
		if err := netlink.AddrDel(link, linkAddr(prefix, table)); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("remove address %s: %w", prefix, err)
		}
	}
	return nil
}

// linkAddr is an address as a device has it. That of a secondary device brings no
// route with it, see routesOf.
func linkAddr(prefix netip.Prefix, table int) *netlink.Addr {
	addr := &netlink.Addr{IPNet: ipNet(prefix)}
	if prefix.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	if table != 0 {
		addr.Flags |= unix.IFA_F_NOPREFIXROUTE
	}
	return addr
}

func familyOf(prefixes []netip.Prefix, is6 bool) (of []netip.Prefix) {
	for _, p := range prefixes {
		if p.Addr().Is6() == is6 {
			of = append(of, p)
		}
	}
	return of
}

// without returns the elements of a that b does not have.
func without[T comparable](a, b []T) (rest []T) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			rest = append(rest, x)
		}
	}
	return rest
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

func explainAddress(prefix netip.Prefix, err error) error {
	if prefix.Addr().Is6() && (errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EOPNOTSUPP)) {
		return fmt.Errorf("%w: IPv6 is off there (sysctl net.ipv6.conf.all.disable_ipv6)", err)
	}
	return err
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
