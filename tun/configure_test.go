package tun

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/internal/needs"
)

var everyday = Addressing{Addresses: []netip.Prefix{
	netip.MustParsePrefix("10.0.1.10/24"), netip.MustParsePrefix("fd00:10:0:1::10/64"),
}}

// machine is what a program in the namespace finds of its network.
type machine struct {
	Up, LoopbackUp bool
	Addresses      []string // of eth0
	Defaults       []string // "via device" or "on device" of each default route
}

func inspect(t *testing.T, namespace string) (m machine) {
	t.Helper()
	in(t, namespace, func() error {
		lo, err := net.InterfaceByName("lo")
		if err != nil {
			return err
		}
		eth0, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		m.LoopbackUp = lo.Flags&net.FlagUp != 0
		m.Up = eth0.Attrs().Flags&net.FlagUp != 0
		addrs, err := netlink.AddrList(eth0, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		for _, a := range addrs {
			m.Addresses = append(m.Addresses, a.IPNet.String())
		}
		routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		for _, r := range routes {
			if ones, _ := r.Dst.Mask.Size(); r.Dst.IP.IsUnspecified() && ones == 0 && r.LinkIndex == eth0.Attrs().Index {
				m.Defaults = append(m.Defaults, fmt.Sprintf("%v via %v", r.Dst, r.Gw))
			}
		}
		slices.Sort(m.Addresses)
		slices.Sort(m.Defaults)
		return nil
	})
	return m
}

func TestConfigure(t *testing.T) {
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	for _, test := range []struct {
		name string
		a    Addressing
		want machine
	}{
		{"both families", everyday, machine{
			Addresses: []string{"10.0.1.10/24", "fd00:10:0:1::10/64"},
			Defaults:  []string{"0.0.0.0/0 via <nil>", "::/0 via <nil>"},
		}},
		{"through routers", Addressing{Addresses: everyday.Addresses, Gateways: []netip.Addr{addr("10.0.1.1"), addr("fd00:10:0:1::1")}}, machine{
			Addresses: []string{"10.0.1.10/24", "fd00:10:0:1::10/64"},
			Defaults:  []string{"0.0.0.0/0 via 10.0.1.1", "::/0 via fd00:10:0:1::1"},
		}},
		{"a router off the link", Addressing{Addresses: []netip.Prefix{prefix("203.0.113.10/32")}, Gateways: []netip.Addr{addr("10.0.1.1")}}, machine{
			Addresses: []string{"203.0.113.10/32"},
			Defaults:  []string{"0.0.0.0/0 via 10.0.1.1"},
		}},
		{"IPv4 alone", Addressing{Addresses: []netip.Prefix{prefix("10.0.1.10/24"), prefix("10.0.1.11/24")}}, machine{
			Addresses: []string{"10.0.1.10/24", "10.0.1.11/24"},
			Defaults:  []string{"0.0.0.0/0 via <nil>"},
		}},
		{"IPv6 alone", Addressing{Addresses: []netip.Prefix{prefix("fd00::1/128")}}, machine{
			Addresses: []string{"fd00::1/128"},
			Defaults:  []string{"::/0 via <nil>"},
		}},
		{"nothing but up", Addressing{}, machine{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(newNamespace(t))
			k := configured(t, o, test.a)
			test.want.Up, test.want.LoopbackUp = true, true
			if diff := cmp.Diff(inspect(t, o.Namespace.Name), test.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
			if l := link(t, o.Namespace.Name, "eth0"); l.Attrs().MTU != o.MTU {
				t.Errorf("the MTU is %d now, want %d", l.Attrs().MTU, o.MTU)
			}
			if n, err := k.ReadFrame(make([]byte, MaxFrame)); err == nil {
				t.Errorf("the new link speaks by itself: %d bytes", n) // neighbour or listener discovery
			}
		})
	}
}

// TestConfigureInTheThreadsNamespace is the case of a gateway that makes a
// device in its own namespace.
func TestConfigureInTheThreadsNamespace(t *testing.T) {
	name := newNamespace(t)
	in(t, name, func() error {
		k, err := Open(t.Context(), Options{Name: "eth0", MTU: 1500})
		if err != nil {
			return err
		}
		t.Cleanup(func() { k.Close() })
		return k.Configure(everyday)
	})
	if m := inspect(t, name); !m.Up || len(m.Addresses) != 2 {
		t.Errorf("%+v", m)
	}
}

func TestConfigureErrors(t *testing.T) {
	t.Run("a default route already", func(t *testing.T) {
		o := options(newNamespace(t))
		configured(t, o, everyday)
		o.Name = "eth1"
		k := openDevice(t, o)
		for _, address := range []string{"10.0.9.10/24", "fd00:9::1/64"} {
			err := k.Configure(Addressing{Addresses: []netip.Prefix{netip.MustParsePrefix(address)}})
			want := fmt.Sprintf("device \"eth1\" in the network namespace %q: default route: the namespace has one already; "+
				"remove it, or set `configure: false` and route yourself", o.Namespace.Name)
			if err == nil || err.Error() != want {
				t.Errorf("%s: error:\n%v\nwant:\n%s", address, err, want)
			}
		}
	})
	t.Run("IPv6 is off", func(t *testing.T) {
		o := options(newNamespace(t))
		k := openDevice(t, o)
		err := o.Namespace.Do(func() error {
			return os.WriteFile("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", []byte("1"), 0)
		})
		if errors.Is(err, unix.EROFS) {
			needs.Missing(t, "a /proc/sys that can be written ("+err.Error()+")") // containers often have none
		}
		if err != nil {
			t.Fatal(err)
		}
		err = k.Configure(everyday)
		want := fmt.Sprintf("device \"eth0\" in the network namespace %q: add address fd00:10:0:1::10/64: "+
			"permission denied: IPv6 is off there (sysctl net.ipv6.conf.all.disable_ipv6)", o.Namespace.Name)
		if err == nil || err.Error() != want {
			t.Errorf("error:\n%v\nwant:\n%s", err, want)
		}
	})
	t.Run("the device is gone", func(t *testing.T) {
		o := options(newNamespace(t))
		k := openDevice(t, o)
		deleteLink(t, o.Namespace.Name, "eth0")
		if err := k.Configure(everyday); err == nil {
			t.Error("no error")
		}
	})
}
