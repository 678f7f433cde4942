package config

import (
	"net/netip"
	"regexp"
	"time"

	"github.com/sgate/sgate/vpc"
)

func (b *builder) buildHosts() {
	for i, raw := range b.raw.Hosts {
		it := b.root.child("hosts", i)
		if it.broken() {
			continue
		}
		vpcID := b.vpcOf(it, raw.VPC)
		name := b.endpointName(it, raw.Name)
		addrs, ok := it.addresses(raw.Address, raw.IPv6Address)
		e := b.place(it, raw.rawPlace, name)
		if name == "" || !ok || !b.sound[vpcID] {
			continue
		}
		e.Host, e.VPCID, e.ID = true, vpcID, vpc.NewID("host", vpcID, name)
		for _, addr := range addrs {
			e.Addresses = append(e.Addresses, netip.PrefixFrom(addr, addr.BitLen()))
		}
		b.res.Hosts = append(b.res.Hosts, vpc.Host{ID: e.ID, Name: name, VPCID: vpcID, Addresses: addrs, Origin: e.Origin})
		b.endpoints = append(b.endpoints, e)
	}
}

// tracking reads an interface's idle timeouts. What is not given, or unfit,
// stays unset.
func (it item) tracking(raw rawTracking) vpc.ConnectionTracking {
	timeout := func(key string, n int, low, high time.Duration) time.Duration {
		if !it.ok(key) {
			return 0
		}
		d, problem := seconds(n, low, high)
		if problem != "" {
			it.misplaced(key, "%d: %s", n, problem)
		}
		return d
	}
	return vpc.ConnectionTracking{
		TCPEstablished: timeout("tcp_established_timeout", raw.TCPEstablishedTimeout, vpc.MinTCPEstablishedTimeout, vpc.MaxTCPEstablishedTimeout),
		UDP:            timeout("udp_timeout", raw.UDPTimeout, vpc.MinUDPTimeout, vpc.MaxUDPTimeout),
		UDPStream:      timeout("udp_stream_timeout", raw.UDPStreamTimeout, vpc.MinUDPStreamTimeout, vpc.MaxUDPStreamTimeout),
	}
}

// subnetOf returns the id of an instance's subnet, or "" if that is not known,
// which has been reported.
func (b *builder) subnetOf(it item, ref string) string {
	switch {
	case it.ok("subnet"):
		return b.subnets.resolve(it, "subnet", ref, "subnet")
	case it.given("subnet") || b.subnets.partial:
	case len(b.subnets.known) == 1:
		return b.subnets.ids[b.subnets.known[0]][0]
	default:
		it.missing("subnet", "want the name of one: %s", hint("", b.subnets.known))
	}
	return ""
}

// attached resolves an instance's security groups. None at all stands for the
// VPC's default group, which vpc.New attaches; a list that is there and empty
// is what AWS refuses.
func (b *builder) attached(it item, subnet vpc.Subnet, raw rawNetwork) []string {
	if !it.ok("security_groups") {
		return nil
	}
	if len(raw.SecurityGroups) == 0 {
		it.misplaced("security_groups", "is an empty list: an interface has at least one group; leave the key out for the VPC's default group")
	}
	if subnet.VPCID == "" {
		return nil // the groups cannot be looked up
	}
	var ids []string
	for _, ref := range raw.SecurityGroups {
		id := b.groupsOf(subnet.VPCID).resolve(it, "security_groups", string(ref), "security group in the instance's vpc")
		if b.sound[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// ValidEndpointName reports whether an instance, an interface or a host can be
// called so.
func ValidEndpointName(name string) bool { return endpointNameForm.MatchString(name) }

var endpointNameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// endpointName checks the name of an instance or host: it becomes part of the
// names of namespaces and files. It returns "" if it is unfit or taken.
func (b *builder) endpointName(it item, name string) string {
	if it.bad[it.key("name")] {
		return ""
	}
	if !it.given("name") {
		it.missing("name", "want one")
		return ""
	}
	if !endpointNameForm.MatchString(name) {
		it.fault("name", name, "want 1 to 63 letters, digits, '.', '_' and '-', the first a letter or digit")
		return ""
	}
	if first, taken := b.endpointNames[name]; taken {
		it.fault("name", name, "is taken by another instance or host (declared at %s)", first)
		return ""
	}
	b.endpointNames[name] = it.origin()
	return name
}

// addresses reads the one or two addresses that every endpoint has. It returns
// false if it had to report a fault.
func (it item) addresses(ipv4, ipv6 string) (addrs []netip.Addr, ok bool) {
	if !it.given("address") && !it.given("ipv6_address") {
		it.missing("address", "want an address, an ipv6_address or both")
		return nil, false
	}
	ok = true
	for _, a := range []struct {
		key, value string
		ipv6       bool
	}{{"address", ipv4, false}, {"ipv6_address", ipv6, true}} {
		if !it.given(a.key) {
			continue
		}
		addr, valid := it.address(a.key, a.value)
		if valid && addr.Is6() != a.ipv6 {
			it.fault(a.key, a.value, "want an %s address", family(a.ipv6))
			valid = false
		}
		if !valid {
			ok = false
			continue
		}
		addrs = append(addrs, addr)
	}
	return addrs, ok
}

// secondary appends an interface's secondary addresses to its primary ones.
func (it item) secondary(addrs []netip.Addr, ok bool, values texts) ([]netip.Addr, bool) {
	if it.given("secondary_addresses") && !it.ok("secondary_addresses") {
		return addrs, false
	}
	for _, value := range values {
		addr, valid := it.address("secondary_addresses", string(value))
		if !valid {
			ok = false
			continue
		}
		addrs = append(addrs, addr)
	}
	return addrs, ok
}

func (it item) address(key, value string) (netip.Addr, bool) {
	if !it.ok(key) {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(value)
	if err != nil || addr.Zone() != "" || addr.Is4In6() {
		want := "want an address such as 10.0.1.10 or fd00:10::10"
		if prefix, err := netip.ParsePrefix(value); err == nil {
			want = "is a CIDR: want the address alone, " + prefix.Addr().String()
		}
		it.fault(key, value, "%s", want)
		return netip.Addr{}, false
	}
	return addr, true
}

func hasFamily(addrs []netip.Addr, ipv6 bool) bool {
	for _, addr := range addrs {
		if addr.Is6() == ipv6 {
			return true
		}
	}
	return false
}
