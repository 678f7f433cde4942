package path

import (
	"net/netip"

	"github.com/sgate/sgate/tun"
)

// end is one end of a path: the subnet that it is in and its place there.
type end struct {
	subnets  [2]string // IPv4, IPv6
	prefixes [2]string // its addresses, with the subnets' lengths
	routers  [2]string // the gateway's addresses in the subnets
}

// Both ends are in subnets of their own, so that routing is the same for gateways
// that do it and for those that need not.

func clientEnd() end {
	return end{
		[2]string{"10.0.1.0/24", "fd00:10:0:1::/64"},
		[2]string{"10.0.1.10/24", "fd00:10:0:1::10/64"},
		[2]string{"10.0.1.1", "fd00:10:0:1::1"},
	}
}

func serverEnd() end {
	return end{
		[2]string{"10.0.2.0/24", "fd00:10:0:2::/64"},
		[2]string{"10.0.2.20/24", "fd00:10:0:2::20/64"},
		[2]string{"10.0.2.1", "fd00:10:0:2::1"},
	}
}

// addrs returns the end's addresses: IPv4, IPv6.
func (e end) addrs() (out [2]netip.Addr) {
	for i, p := range e.prefixes {
		out[i] = netip.MustParsePrefix(p).Addr()
	}
	return out
}

// addressing is what a device of the end is configured with.
func (e end) addressing() (a tun.Addressing) {
	for i := range e.prefixes {
		a.Addresses = append(a.Addresses, netip.MustParsePrefix(e.prefixes[i]))
		a.Gateways = append(a.Gateways, netip.MustParseAddr(e.routers[i]))
	}
	return a
}

// routerPrefixes returns the gateway's addresses on the end's side, for one that
// has devices there.
func (e end) routerPrefixes() (out []netip.Prefix) {
	for i, r := range e.routers {
		out = append(out, netip.PrefixFrom(netip.MustParseAddr(r), netip.MustParsePrefix(e.subnets[i]).Bits()))
	}
	return out
}
