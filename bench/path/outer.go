package path

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
)

// slirp4netns and pasta are no routers: they speak to the server by sockets of
// the namespace that they run in. That is the server's here, so the server is
// on the same machine for them as a container's host is; the packets between
// their sockets and the server's pass its loopback device.

// giveServerNetwork gives the server's namespace a device with the server's
// addresses and default routes, and lets every group send ping.
func (w *World) giveServerNetwork() error {
	return w.Server.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = deviceName, w.mtu
		// A device that leads nowhere: its peer is in the same namespace.
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "nowhere", PeerMTU: uint32(w.mtu)}); err != nil {
			return fmt.Errorf("make a veth pair: %w", err)
		}
		if err := setUp("nowhere", nil, nil); err != nil {
			return err
		}
		// pasta takes no device without a link-local address for IPv6.
		addresses := append(serverEnd().addressing().Addresses, netip.MustParsePrefix("fe80::20/64"))
		if err := setUp(deviceName, addresses, serverEnd().addressing().Gateways); err != nil {
			return err
		}
		return os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 2147483647"), 0)
	})
}

// packageVersion returns the version of a program's Debian package, or what the
// program says.
func packageVersion(program, debian string) (string, error) {
	if _, err := exec.LookPath(program); err != nil {
		return "", err
	}
	if version, err := exec.Command("dpkg-query", "--show", "--showformat", "${Version}", debian).Output(); err == nil {
		return string(version), nil
	}
	said, err := exec.Command(program, "--version").Output()
	first, _, _ := strings.Cut(string(said), "\n")
	return first, err
}
