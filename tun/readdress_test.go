package tun

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// table is that of the secondary devices of these tests.
const table = 10001

// network is what the kernel knows of a device, and the rules of its namespace.
type network struct {
	Addresses, Routes, Rules []string
}

func networkOf(t *testing.T, namespace, device string) (n network) {
	t.Helper()
	in(t, namespace, func() error {
		link, err := netlink.LinkByName(device)
		if err != nil {
			return err
		}
		addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		for _, a := range addrs {
			n.Addresses = append(n.Addresses, fmt.Sprint(a.IPNet, " secondary ", a.Flags&unix.IFA_F_SECONDARY != 0))
		}
		for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
			routes, err := netlink.RouteListFiltered(family, &netlink.Route{LinkIndex: link.Attrs().Index, Table: unix.RT_TABLE_UNSPEC},
				netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE)
			if err != nil {
				return err
			}
			for _, r := range routes {
				if r.Table != unix.RT_TABLE_LOCAL {
					n.Routes = append(n.Routes, fmt.Sprintf("%v via %v table %d metric %d", r.Dst, r.Gw, r.Table, r.Priority))
				}
			}
			rules, err := netlink.RuleList(family)
			if err != nil {
				return err
			}
			for _, r := range rules {
				n.Rules = append(n.Rules, r.String())
			}
		}
		return nil
	})
	slices.Sort(n.Addresses)
	slices.Sort(n.Routes)
	slices.Sort(n.Rules)
	return n
}

// leavesBy returns the device by which a packet would leave.
func leavesBy(t *testing.T, namespace, from, to string) (device string) {
	t.Helper()
	in(t, namespace, func() error {
		routes, err := netlink.RouteGetWithOptions(net.ParseIP(to), &netlink.RouteGetOptions{SrcAddr: net.ParseIP(from)})
		if err != nil {
			return fmt.Errorf("route from %s to %s: %w", from, to, err)
		}
		link, err := netlink.LinkByIndex(routes[0].LinkIndex)
		if err != nil {
			return err
		}
		device = link.Attrs().Name
		return nil
	})
	return device
}

func addressingOf(table int, gateways []string, addresses ...string) Addressing {
	a := Addressing{Table: table}
	for _, s := range addresses {
		a.Addresses = append(a.Addresses, netip.MustParsePrefix(s))
	}
	for _, s := range gateways {
		a.Gateways = append(a.Gateways, netip.MustParseAddr(s))
	}
	return a
}

// machineWithTwo opens eth0 and eth1 in a new namespace.
func machineWithTwo(t *testing.T, primary, secondary Addressing) Options {
	t.Helper()
	o := options(newNamespace(t))
	configured(t, o, primary)
	o.Name = "eth1"
	configured(t, o, secondary)
	return o
}

var (
	primary   = addressingOf(0, []string{"10.0.1.1", "fd00:10:0:1::1"}, "10.0.1.10/24", "fd00:10:0:1::10/64", "10.0.1.11/24")
	secondary = addressingOf(table, []string{"10.0.2.1", "fd00:10:0:2::1"}, "10.0.2.10/24", "fd00:10:0:2::10/64", "10.0.2.11/24")
)

// TestSecondaryDevice: what comes in by eth1 is answered by eth1.
func TestSecondaryDevice(t *testing.T) {
	o := machineWithTwo(t, primary, secondary)
	for _, way := range []struct{ from, to, by string }{
		{"10.0.1.10", "203.0.113.9", "eth0"},
		{"10.0.1.11", "203.0.113.9", "eth0"},
		{"10.0.2.10", "203.0.113.9", "eth1"},
		{"10.0.2.11", "203.0.113.9", "eth1"},
		{"10.0.2.10", "10.0.1.99", "eth1"}, // though eth0 has that network
		{"10.0.2.10", "10.0.2.99", "eth1"},
		{"fd00:10:0:1::10", "2001:db8::9", "eth0"},
		{"fd00:10:0:2::10", "2001:db8::9", "eth1"},
		{"fd00:10:0:2::10", "fd00:10:0:1::99", "eth1"},
		{"0.0.0.0", "203.0.113.9", "eth0"}, // the program has chosen no address
		{"0.0.0.0", "10.0.2.99", "eth1"},
		{"::", "fd00:10:0:2::99", "eth1"},
		{"::", "2001:db8::9", "eth0"},
	} {
		if got := leavesBy(t, o.Namespace.Name, way.from, way.to); got != way.by {
			t.Errorf("from %s to %s: leaves by %s, want %s", way.from, way.to, got, way.by)
		}
	}
	want := []string{
		"0.0.0.0/0 via 10.0.2.1 table 10001 metric 0",
		"10.0.2.0/24 via <nil> table 10001 metric 0",
		"10.0.2.0/24 via <nil> table 254 metric 10001",
		"::/0 via fd00:10:0:2::1 table 10001 metric 1024",
		"fd00:10:0:2::/64 via <nil> table 10001 metric 1024",
		"fd00:10:0:2::/64 via <nil> table 254 metric 10001",
	}
	if diff := cmp.Diff(networkOf(t, o.Namespace.Name, "eth1").Routes, want); diff != "" {
		t.Errorf("routes by eth1 (-got +want):\n%s", diff)
	}
}

// TestSecondaryDeviceInTheSameSubnet: a network of both is the primary's.
func TestSecondaryDeviceInTheSameSubnet(t *testing.T) {
	o := machineWithTwo(t, primary, addressingOf(table, []string{"10.0.1.1", "fd00:10:0:1::1"}, "10.0.1.20/24", "fd00:10:0:1::20/64"))
	for _, way := range []struct{ from, to, by string }{
		{"0.0.0.0", "10.0.1.99", "eth0"},
		{"10.0.1.10", "10.0.1.99", "eth0"},
		{"10.0.1.20", "10.0.1.99", "eth1"},
		{"::", "fd00:10:0:1::99", "eth0"},
		{"fd00:10:0:1::10", "fd00:10:0:1::99", "eth0"},
		{"fd00:10:0:1::20", "fd00:10:0:1::99", "eth1"},
	} {
		if got := leavesBy(t, o.Namespace.Name, way.from, way.to); got != way.by {
			t.Errorf("from %s to %s: leaves by %s, want %s", way.from, way.to, got, way.by)
		}
	}
}

// TestForgetTable: a secondary device that has gone leaves no rule behind, and
// those that were left are no next one's.
func TestForgetTable(t *testing.T) {
	o := options(newNamespace(t))
	configured(t, o, primary)
	before := networkOf(t, o.Namespace.Name, "eth0")
	o.Name = "eth1"
	for _, a := range []Addressing{secondary, addressingOf(table, []string{"10.0.2.1"}, "10.0.2.12/24")} {
		k, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Configure(a); err != nil {
			t.Fatal(err)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		if got := networkOf(t, o.Namespace.Name, "eth0").Rules; len(got) != len(before.Rules)+len(a.Addresses) {
			t.Fatalf("rules %q, want one for each of %v", got, a.Addresses)
		}
	}
	if err := ForgetTable(o.Namespace, table); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(networkOf(t, o.Namespace.Name, "eth0"), before); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if err := ForgetTable(Namespace{Name: "sgate-test-no-such"}, table); err != nil {
		t.Errorf("a namespace that is gone: %v", err)
	}
}

// TestReaddress goes from each addressing to each other one, in one life of a
// device: what it comes to must be what a new device would have.
func TestReaddress(t *testing.T) {
	for _, table := range []int{0, table} {
		t.Run(fmt.Sprint("table ", table), func(t *testing.T) {
			v4, v6 := "10.0.1.1", "fd00:10:0:1::1"
			all := []Addressing{
				addressingOf(table, []string{v4}, "10.0.1.10/24"),
				addressingOf(table, []string{v4}, "10.0.1.10/24", "10.0.1.11/24", "10.0.1.12/24"),
				addressingOf(table, []string{v4}, "10.0.1.11/24", "10.0.1.10/24"),
				addressingOf(table, []string{v4, v6}, "10.0.1.10/24", "fd00:10:0:1::10/64", "10.0.1.12/24", "fd00:10:0:1::11/64"),
				addressingOf(table, []string{v6}, "fd00:10:0:1::11/64"),
				addressingOf(table, []string{"10.0.2.1"}, "10.0.2.10/25"),
				addressingOf(table, nil, "203.0.113.10/32"),
				addressingOf(table, nil),
			}
			var fresh []network
			for _, a := range all {
				o := options(newNamespace(t))
				configured(t, o, a)
				fresh = append(fresh, networkOf(t, o.Namespace.Name, "eth0"))
			}
			o := options(newNamespace(t))
			configured(t, o, all[0])
			now := 0
			for _, step := range everyStep(len(all)) {
				if err := Readdress(o.Namespace, "eth0", all[now], all[step]); err != nil {
					t.Fatalf("from %v to %v: %v", all[now], all[step], err)
				}
				if diff := cmp.Diff(networkOf(t, o.Namespace.Name, "eth0"), fresh[step]); diff != "" {
					t.Errorf("from %v to %v (-got +want):\n%s", all[now], all[step], diff)
				}
				now = step
			}
		})
	}
}

// everyStep is a walk from 0 over n places that takes each step from one to
// another at least once.
func everyStep(n int) (walk []int) {
	for i := range n {
		for j := range n {
			walk = append(walk, i, j)
		}
	}
	return walk
}

// TestReaddressLeavesAlone: routes that others have made stay where the first
// address does.
func TestReaddressLeavesAlone(t *testing.T) {
	o := options(newNamespace(t))
	configured(t, o, primary)
	in(t, o.Namespace.Name, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(netip.MustParsePrefix("198.51.100.0/24")), Scope: netlink.SCOPE_LINK})
	})
	for _, to := range []Addressing{
		addressingOf(0, []string{"10.0.1.1", "fd00:10:0:1::1"}, "10.0.1.10/24", "fd00:10:0:1::10/64", "10.0.1.12/24"),
		addressingOf(0, []string{"10.0.1.1"}, "10.0.1.10/24"),
	} {
		if err := Readdress(o.Namespace, "eth0", primary, to); err != nil {
			t.Fatal(err)
		}
		if got := networkOf(t, o.Namespace.Name, "eth0").Routes; !slices.Contains(got, "198.51.100.0/24 via <nil> table 254 metric 0") {
			t.Errorf("with %v, the route of somebody else is gone: %q", to, got)
		}
		if err := Readdress(o.Namespace, "eth0", to, primary); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReaddressThatFailsChangesNothing(t *testing.T) {
	old := addressingOf(0, []string{"10.0.1.1"}, "10.0.1.10/24", "10.0.1.11/24")
	o := machineWithTwo(t, old, addressingOf(0, nil, "fd00:9::9/64")) // which has the default route of IPv6
	before := networkOf(t, o.Namespace.Name, "eth0")
	for _, to := range []Addressing{
		addressingOf(0, []string{"10.0.1.1"}, "10.0.1.10/24", "10.0.1.12/24", "fd00:10:0:1::10/64"),
		addressingOf(0, []string{"10.0.1.1"}, "10.0.1.12/24", "fd00:10:0:1::10/64"), // the first address, too
	} {
		err := Readdress(o.Namespace, "eth0", old, to)
		want := fmt.Sprintf("device \"eth0\" in the network namespace %q: default route: the namespace has one already; remove it, or set `configure: false` and route yourself", o.Namespace.Name)
		if err == nil || err.Error() != want {
			t.Errorf("error:\n%v\nwant:\n%s", err, want)
		}
		if diff := cmp.Diff(networkOf(t, o.Namespace.Name, "eth0"), before); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
	}
	if err := Readdress(o.Namespace, "eth7", old, old); !errors.As(err, &netlink.LinkNotFoundError{}) {
		t.Errorf("no such device: %v", err)
	}
	if err := Readdress(Namespace{Name: "sgate-test-no-such"}, "eth0", old, old); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("no such namespace: %v", err)
	}
}
