package assertion

import (
	"net/netip"
	"strings"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/vpc"
)

// readEnds reads from or to: names, ids and addresses.
func readEnds(at config.Mapping, key string, raw config.Texts) []string {
	switch {
	case !at.Given(key):
		at.Missing(key, "want an instance or host, by name or id, or an address")
	case at.OK(key) && len(raw) == 0:
		at.Misplaced(key, "is an empty list: want at least one instance, host or address")
	}
	var ends []string
	for i, text := range raw {
		ends = append(ends, string(text))
		checkEnd(at, key, i, string(text))
	}
	return ends
}

func checkEnd(at config.Mapping, key string, i int, end string) {
	addr, err := netip.ParseAddr(end)
	prefix, prefixErr := netip.ParsePrefix(end)
	switch {
	case end == "" || strings.TrimSpace(end) != end:
		at.Fault(key, i, end, "want an instance or host, by name or id, or an address")
	case prefixErr == nil:
		at.Fault(key, i, end, "a packet has one address: want one within it, such as %s", within(prefix))
	case err == nil && (addr.Zone() != "" || addr.Is4In6()):
		at.Fault(key, i, end, "want an address as packets have it, such as %s", addr.Unmap().WithZone(""))
	}
}

// within returns an address to try a prefix by.
func within(p netip.Prefix) netip.Addr {
	switch {
	case p.Bits() > 0 && p.Addr().Is4() && p.Bits() < 31:
		return p.Masked().Addr().Next()
	case p.Bits() > 0:
		return p.Addr()
	case p.Addr().Is6():
		return netip.MustParseAddr("2001:db8::1") // RFC 3849
	}
	return netip.MustParseAddr("203.0.113.9") // RFC 5737
}

// readProtocol returns false if the protocol is not known, so that nothing that
// depends on it can be read.
func (t *Test) readProtocol(raw *rawTest) bool {
	t.Protocol = vpc.AllProtocols
	if !t.at.Given("protocol") {
		t.at.Missing("protocol", "want tcp, udp, icmp, icmpv6 or a number from 0 to 255")
		return false
	}
	p, err := vpc.ParseProtocol(string(raw.Protocol))
	switch {
	case !t.at.OK("protocol"):
		return false
	case err != nil:
		t.at.Fault("protocol", 0, string(raw.Protocol), "want tcp, udp, icmp, icmpv6 or a number from 0 to 255")
		return false
	case p == vpc.AllProtocols:
		t.at.Fault("protocol", 0, string(raw.Protocol), "a packet has one protocol: want tcp, udp, icmp, icmpv6 or a number from 0 to 255")
		return false
	}
	t.Protocol = p
	return true
}

// readService reads ports, or ICMP's type and code.
func (t *Test) readService(raw *rawTest) {
	for _, key := range []string{"port", "source_port"} {
		if t.at.Given(key) && !t.Protocol.HasPorts() {
			t.at.Misplaced(key, "protocol %s has no ports: leave it out", t.Protocol)
		}
	}
	for _, key := range []string{"icmp_type", "icmp_code"} {
		if t.at.Given(key) && !t.Protocol.IsICMP() {
			t.at.Misplaced(key, "protocol %s has none: leave it out", t.Protocol)
		}
	}
	switch {
	case t.Protocol.HasPorts():
		t.readPorts(raw)
	case t.Protocol.IsICMP():
		t.readICMP(raw)
	}
}

func (t *Test) readPorts(raw *rawTest) {
	switch {
	case !t.at.Given("port"):
		t.at.Missing("port", "want the destination's, such as 443, 8000-8010 or [80, 443]")
	case t.at.OK("port") && len(raw.Port) == 0:
		t.at.Misplaced("port", "is an empty list: want at least one port or range")
	}
	for i, text := range raw.Port {
		first, last, problem := config.ParsePorts(string(text))
		switch {
		case problem != "":
			t.at.Fault("port", i, string(text), "%s", problem)
		case first == 0:
			t.at.Fault("port", i, string(text), "nothing is sent to port 0: want ports from 1 to 65535")
		default:
			t.Ports = append(t.Ports, Ports{uint16(first), uint16(last)})
		}
	}
	if t.at.OK("source_port") {
		n, _ := number(t.at, "source_port", string(raw.SourcePort), 1, 65535)
		t.SourcePort = uint16(n)
	}
}

func (t *Test) readICMP(raw *rawTest) {
	read := func(key string, text config.Text) *uint8 {
		if !t.at.OK(key) {
			return nil
		}
		n, ok := number(t.at, key, string(text), 0, 255)
		if !ok {
			return nil
		}
		octet := uint8(n)
		return &octet
	}
	t.ICMPType, t.ICMPCode = read("icmp_type", raw.ICMPType), read("icmp_code", raw.ICMPCode)
	if t.at.Given("icmp_code") && !t.at.Given("icmp_type") {
		t.at.Misplaced("icmp_code", "means nothing without a type: want an icmp_type beside it")
	}
}

// readFamilies reads ipv6, and holds addresses and protocol against it.
func (t *Test) readFamilies(raw *rawTest) {
	switch {
	case t.at.OK("ipv6"):
		kinds := map[config.Word]families{"true": onlyIPv6, "false": onlyIPv4, "both": bothFamilies}
		chosen, known := kinds[raw.IPv6]
		if !known {
			t.at.Fault("ipv6", 0, string(raw.IPv6), "want true, false or both")
			return
		}
		t.ipv6 = chosen
	case t.at.Given("ipv6"):
		return
	}
	if t.Protocol.IsICMP() && !t.readICMPFamily() {
		return
	}
	t.checkAddresses()
}

// readICMPFamily settles the family by the protocol. Only a ping has a twin in
// the other one.
func (t *Test) readICMPFamily() bool {
	own, other, twin := onlyIPv4, onlyIPv6, vpc.ICMPv6
	if t.Protocol == vpc.ICMPv6 {
		own, other, twin = onlyIPv6, onlyIPv4, vpc.ICMP
	}
	switch {
	case t.ipv6 == fromAddresses || t.ipv6 == own:
		t.ipv6 = own
		return true
	case t.ipv6 == other:
		t.at.Misplaced("ipv6", "protocol %s is of the other family: want protocol: %s", t.Protocol, twin)
	case t.Protocol == vpc.ICMPv6:
		t.at.Misplaced("ipv6", "for pings of both families want protocol: icmp")
	case t.at.Given("icmp_type"):
		t.at.Misplaced("ipv6", "icmp and icmpv6 have types of their own: want a test for each")
	default:
		return true
	}
	return false
}

// checkAddresses refuses addresses that are not of the test's family, and pairs
// of two.
func (t *Test) checkAddresses() {
	var mine [2]bool // families that from has addresses of: IPv4, IPv6
	for i, end := range t.From {
		if addr, ok := t.checkAddress("from", i, end); ok {
			mine[family(addr)] = true
		}
	}
	for i, end := range t.To {
		addr, ok := t.checkAddress("to", i, end)
		if ok && t.ipv6 == fromAddresses && mine[1-family(addr)] {
			t.at.Fault("to", i, end, "is not of the family of an address in from: want a test for each family")
		}
	}
}

// checkAddress returns false if the i-th end of a key is no address, or if it
// had to report it.
func (t *Test) checkAddress(key string, i int, end string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(end)
	if err != nil || addr.Zone() != "" || addr.Is4In6() {
		return addr, false
	}
	wrong := t.ipv6 == onlyIPv4 && addr.Is6() || t.ipv6 == onlyIPv6 && addr.Is4()
	switch {
	case t.ipv6 == bothFamilies:
		t.at.Fault(key, i, end, "an address is of one family: want a name, or leave ipv6 out")
	case wrong && t.Protocol.IsICMP():
		t.at.Fault(key, i, end, "protocol %s is not of this address's family", t.Protocol)
	case wrong:
		t.at.Fault(key, i, end, "is not of the family that ipv6 says")
	default:
		return addr, true
	}
	return addr, false
}

// family returns 0 for IPv4 and 1 for IPv6.
func family(addr netip.Addr) int {
	if addr.Is6() {
		return 1
	}
	return 0
}
