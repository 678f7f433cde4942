package tun

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// route is a route by a device.
type route struct {
	to     netip.Prefix
	via    netip.Addr // the zero Addr for what is on the link
	onlink bool       // via is to be believed to be on the link
	table  int
	metric int
}

// routesOf returns the routes that a device's addressing asks for, beside those
// that its addresses bring by themselves.
func routesOf(a Addressing) (routes []route) {
	table := unix.RT_TABLE_MAIN
	if a.Table != 0 {
		table = a.Table
		for _, prefix := range a.Addresses {
			network := route{to: prefix.Masked(), table: table}
			if !prefix.IsSingleIP() && !slices.Contains(routes, network) {
				// The metric leaves a network that two devices share to
				// the one with the default routes.
				routes = append(routes, network, route{to: network.to, table: unix.RT_TABLE_MAIN, metric: a.Table})
			}
		}
	}
	for _, is6 := range []bool{false, true} {
		if len(familyOf(a.Addresses, is6)) == 0 && !slices.ContainsFunc(a.Gateways, func(via netip.Addr) bool { return via.Is6() == is6 }) {
			continue
		}
		everywhere := route{to: netip.PrefixFrom(netip.IPv4Unspecified(), 0), table: table}
		if is6 {
			everywhere.to = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		for _, via := range a.Gateways {
			if via.Is6() == is6 {
				everywhere.via = via
				// IPv6 believes it only of what the main table, too, has on
				// this link; a table with the network of its own is enough.
				everywhere.onlink = a.Table == 0 || !slices.ContainsFunc(a.Addresses, func(p netip.Prefix) bool { return p.Contains(via) })
			}
		}
		routes = append(routes, everywhere)
	}
	return routes
}

// changeRoutes replaces the routes of one addressing by those of another. Of a
// family that has lost routes it makes all anew.
func changeRoutes(link netlink.Link, from, to Addressing, lost [2]bool) error {
	before, after := routesOf(from), routesOf(to)
	for _, r := range without(before, after) {
		if err := netlink.RouteDel(r.of(link)); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("remove route %s: %w", r.to, err)
		}
	}
	for _, r := range after {
		anew := lost[0] && r.to.Addr().Is4() || lost[1] && r.to.Addr().Is6()
		if !anew && slices.Contains(before, r) {
			continue
		}
		if err := r.add(link); err != nil {
			return err
		}
	}
	return nil
}

// of returns the route as netlink has it.
func (r route) of(link netlink.Link) *netlink.Route {
	out := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(r.to), Table: r.table, Priority: r.metric}
	if r.via.IsValid() {
		out.Gw = r.via.AsSlice()
		if r.onlink {
			out.Flags = int(netlink.FLAG_ONLINK)
		}
	} else {
		out.Scope = netlink.SCOPE_LINK
	}
	return out
}

// add makes sure that the route is there.
func (r route) add(link netlink.Link) error {
	err := netlink.RouteAdd(r.of(link))
	switch {
	case err == nil || errors.Is(err, fs.ErrExist) && r.isBy(link):
		return nil
	case errors.Is(err, fs.ErrExist) && r.to.Bits() == 0:
		return fmt.Errorf("default route: the namespace has one already; remove it, or set `configure: false` and route yourself")
	case r.to.Bits() == 0:
		return fmt.Errorf("default route %s: %w", r.to, err)
	}
	return fmt.Errorf("route %s: %w", r.to, err)
}

// isBy reports whether the route that is there leads by the link.
func (r route) isBy(link netlink.Link) bool {
	routes, err := netlink.RouteListFiltered(family(r.to.Addr()), r.of(link), netlink.RT_FILTER_TABLE|netlink.RT_FILTER_OIF)
	return err == nil && slices.ContainsFunc(routes, func(has netlink.Route) bool {
		return has.Dst != nil && has.Dst.String() == r.to.String()
	})
}

// family returns netlink's name of an address's family.
func family(addr netip.Addr) int {
	if addr.Is6() {
		return netlink.FAMILY_V6
	}
	return netlink.FAMILY_V4
}

// rule is what routes packets from an address by a table. Its place among the
// rules, far before that of the main table, is the table's number.
func rule(addr netip.Addr, table int) *netlink.Rule {
	r := netlink.NewRule()
	r.Family, r.Table, r.Priority = family(addr), table, table
	r.Src = ipNet(netip.PrefixFrom(addr, addr.BitLen()))
	return r
}

func addRule(addr netip.Addr, table int) error {
	if table == 0 {
		return nil
	}
	if err := netlink.RuleAdd(rule(addr, table)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("route what is from %s by table %d: %w", addr, table, err)
	}
	return nil
}

func deleteRule(addr netip.Addr, table int) error {
	if table == 0 {
		return nil
	}
	if err := netlink.RuleDel(rule(addr, table)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no longer route what is from %s by table %d: %w", addr, table, err)
	}
	return nil
}

// ForgetTable removes what a secondary device with that Addressing.Table leaves in
// its namespace when it is closed: the rules that lead to the table. That the
// namespace is gone too is no error.
func ForgetTable(ns Namespace, table int) error {
	if _, err := os.Stat(ns.Path()); !ns.IsOwn() && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := ns.Do(func() error { return flushRules(table) }); err != nil {
		return fmt.Errorf("%v: %w", ns, err)
	}
	return nil
}

// flushRules removes the rules that lead to a table.
func flushRules(table int) error {
	if table == 0 {
		return nil
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		rules, err := netlink.RuleListFiltered(family, &netlink.Rule{Table: table}, netlink.RT_FILTER_TABLE)
		if errors.Is(err, unix.EOPNOTSUPP) { // a kernel without IPv6, or without such rules
			continue
		}
		if err != nil {
			return fmt.Errorf("list the rules of table %d: %w", table, err)
		}
		for _, r := range rules {
			if r.Src == nil {
				continue // not one of ours
			}
			from, _ := netip.AddrFromSlice(r.Src.IP)
			if err := deleteRule(from, table); err != nil {
				return err
			}
		}
	}
	return nil
}
