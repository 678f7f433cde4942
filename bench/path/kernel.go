package path

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

//go:embed kernel.nft
var kernelPolicy string

// findKernel returns routing by the kernel, in a third namespace between two
// veth pairs with the offloads that they have by default, with sgate's policy
// in nftables.
func findKernel(string) (Path, error) {
	version, err := exec.Command("nft", "--version").Output()
	if err != nil {
		return Path{}, err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Path{}, err
	}
	return Path{
		Description: fmt.Sprintf("routing between veth pairs, Linux %s, %s, stateful", unix.ByteSliceToString(name.Release[:]), strings.TrimSpace(string(version))),
		build:       buildKernel,
	}, nil
}

func buildKernel(ctx context.Context, w *World) error {
	router, err := makeNamespace("router")
	if err != nil {
		return err
	}
	nft := router.Command(ctx, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(kernelPolicy)
	if said, err := nft.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, said)
	}
	if err := router.Do(forward); err != nil {
		return err
	}
	if err := w.link(router, "client", w.Client, clientEnd()); err != nil {
		return err
	}
	return w.link(router, "server", w.Server, serverEnd())
}

// forward makes a router of the thread's namespace.
func forward() error {
	return errors.Join(
		os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0),
		os.WriteFile("/proc/sys/net/ipv6/conf/all/forwarding", []byte("1"), 0),
	)
}

// link joins the router to an end by a veth pair.
func (w *World) link(router Namespace, name string, to Namespace, e end) error {
	handle, err := netns.GetFromPath(to.path())
	if err != nil {
		return err
	}
	defer handle.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = name, w.mtu
	err = router.Do(func() error {
		pair := &netlink.Veth{LinkAttrs: attrs, PeerName: deviceName, PeerNamespace: netlink.NsFd(handle), PeerMTU: uint32(w.mtu)}
		if err := netlink.LinkAdd(pair); err != nil {
			return fmt.Errorf("make a veth pair: %w", err)
		}
		// A router asks for neighbours from a link-local address.
		return setUp(name, append(e.routerPrefixes(), netip.MustParsePrefix("fe80::1/64")), nil)
	})
	if err != nil {
		return err
	}
	return to.Do(func() error { return setUp(deviceName, e.addressing().Addresses, e.addressing().Gateways) })
}

// addrGenModeNone is IN6_ADDR_GEN_MODE_NONE of linux/if_link.h.
const addrGenModeNone = 1

// setUp gives a device of the thread's namespace its addresses and default
// routes and brings it up.
func setUp(device string, addresses []netip.Prefix, gateways []netip.Addr) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return err
	}
	// No link-local address by itself: looking for a duplicate takes a second.
	if err := netlink.LinkSetIP6AddrGenMode(link, addrGenModeNone); err != nil {
		return fmt.Errorf("%s: no link-local address: %w", device, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring up %s: %w", device, err)
	}
	for _, p := range addresses {
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD // it can be used at once
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("give %s the address %s: %w", device, p, err)
		}
	}
	for _, via := range gateways {
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: via.AsSlice()}); err != nil {
			return fmt.Errorf("route by %s: %w", via, err)
		}
	}
	return nil
}
