package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/sgate/sgate/vpc"
)

// service is what a rule or an entry of a network ACL is about, its peer aside.
type service struct {
	protocol vpc.Protocol
	from, to int32
}

// customType is a type of the console that leaves the rest to other fields.
type customType struct {
	name     string
	protocol string // "" is one to be given
}

func customTypes() []customType {
	return []customType{
		{"Custom TCP", "tcp"}, {"Custom UDP", "udp"},
		{"Custom ICMP - IPv4", "icmp"}, {"Custom ICMP - IPv6", "icmpv6"},
		{"Custom Protocol", ""},
	}
}

// readServices reads protocol and ports, one service for each port range. It returns none if it had to report a fault.
func readServices(it item, raw rawService) []service {
	if !it.given("type") {
		if !it.given("protocol") {
			it.missing("type or protocol", "want one, such as type: HTTPS or protocol: tcp")
			return nil
		}
		return readProtocol(it, raw)
	}
	if !it.ok("type") {
		return nil
	}
	for _, custom := range customTypes() {
		if strings.EqualFold(custom.name, raw.Type) {
			return readCustom(it, raw, custom.protocol)
		}
	}
	preset, ok := vpc.LookupPreset(raw.Type)
	if !ok {
		it.fault("type", raw.Type, "there is no such type: %s", typeHint(raw.Type))
		return nil
	}
	clear := true
	for _, key := range []string{"protocol", "port_range", "icmp_type", "icmp_code"} {
		if it.given(key) {
			it.misplaced(key, "does not go with type %s, which has its own: leave one of them out", quote(raw.Type))
			clear = false
		}
	}
	if !clear {
		return nil
	}
	return []service{{preset.Protocol, preset.FromPort, preset.ToPort}}
}

func typeHint(name string) string {
	known := vpc.PresetNames()
	for _, custom := range customTypes() {
		known = append(known, custom.name)
	}
	return hint(name, known)
}

func readCustom(it item, raw rawService, protocol string) []service {
	switch {
	case protocol == "" && !it.given("protocol"):
		it.missing("protocol", "type %s needs one, such as protocol: 47", quote(raw.Type))
		return nil
	case protocol != "" && it.given("protocol"):
		it.misplaced("protocol", "does not go with type %s, which has its own: leave one of them out", quote(raw.Type))
		return nil
	case (protocol == "icmp" || protocol == "icmpv6") && !it.given("icmp_type"):
		it.missing("icmp_type", "type %s needs one, such as icmp_type: 8", quote(raw.Type))
		return nil
	case protocol != "":
		p, _ := vpc.ParseProtocol(protocol)
		return readDetails(it, raw, p)
	}
	return readProtocol(it, raw)
}

func readProtocol(it item, raw rawService) []service {
	if !it.ok("protocol") {
		return nil
	}
	p, err := vpc.ParseProtocol(string(raw.Protocol))
	if err != nil {
		it.fault("protocol", string(raw.Protocol), "want tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all")
		return nil
	}
	return readDetails(it, raw, p)
}

// readDetails reads what a protocol needs besides its number.
func readDetails(it item, raw rawService, p vpc.Protocol) []service {
	clear := true
	refuse := func(key, what string) {
		if it.given(key) {
			it.misplaced(key, "protocol %s has no %s: leave it out", p, what)
			clear = false
		}
	}
	if !p.HasPorts() {
		refuse("port_range", "ports")
	}
	if !p.IsICMP() {
		refuse("icmp_type", "ICMP type")
		refuse("icmp_code", "ICMP code")
	}
	switch {
	case !clear:
		return nil
	case p.HasPorts():
		return readPorts(it, raw, p)
	case p.IsICMP():
		return readICMP(it, raw, p)
	}
	return []service{{p, vpc.Any, vpc.Any}}
}

func readPorts(it item, raw rawService, p vpc.Protocol) []service {
	if !it.ok("port_range") {
		if !it.given("port_range") {
			it.missing("port_range", "want one such as 443 or 8000-8100; for all ports 0-65535 or type: All %s", strings.ToUpper(p.String()))
		}
		return nil
	}
	if len(raw.PortRange) == 0 {
		it.misplaced("port_range", "is an empty list: want at least one port or range")
	}
	var out []service
	for _, s := range raw.PortRange {
		from, to, problem := parsePorts(string(s))
		if problem != "" {
			it.fault("port_range", string(s), "%s", problem)
			continue
		}
		out = append(out, service{p, from, to})
	}
	return out
}

var portsForm = regexp.MustCompile(`^(0|[1-9][0-9]*)(?:-(0|[1-9][0-9]*))?$`)

// parsePorts reads 443 or 8000-8100, or returns what is wrong.
func parsePorts(s string) (from, to int32, problem string) {
	parts := portsForm.FindStringSubmatch(s)
	if parts == nil {
		return 0, 0, "want a port such as 443 or a range such as 8000-8100"
	}
	if parts[2] == "" {
		parts[2] = parts[1]
	}
	first, err1 := strconv.ParseUint(parts[1], 10, 16)
	last, err2 := strconv.ParseUint(parts[2], 10, 16)
	switch {
	case err1 != nil || err2 != nil:
		return 0, 0, "ports end at 65535"
	case first > last:
		return 0, 0, fmt.Sprintf("the first port is above the last: want %d-%d", last, first)
	}
	return int32(first), int32(last), ""
}

// readICMP reads type and code. EC2 wants a type for ICMP, and takes ICMPv6
// without one as all types.
func readICMP(it item, raw rawService, p vpc.Protocol) []service {
	if !it.given("icmp_type") {
		switch {
		case it.given("icmp_code"):
			it.misplaced("icmp_code", "means nothing without a type: want an icmp_type beside it")
			return nil
		case p == vpc.ICMP:
			it.missing("icmp_type", "want one such as 8, echo request; for all types -1 or type: All ICMP - IPv4")
			return nil
		}
		return []service{{p, vpc.Any, vpc.Any}}
	}
	kind, ok := icmpNumber(it, "icmp_type", string(raw.ICMPType))
	code, codeOK := vpc.Any, true
	if it.given("icmp_code") {
		code, codeOK = icmpNumber(it, "icmp_code", string(raw.ICMPCode))
	}
	if !ok || !codeOK {
		return nil
	}
	return []service{{p, kind, code}}
}

func icmpNumber(it item, key, value string) (int32, bool) {
	if !it.ok(key) {
		return 0, false
	}
	if strings.EqualFold(value, "all") {
		return vpc.Any, true
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < -1 || n > 255 {
		it.fault(key, value, "want 0 to 255, or -1 for all")
		return 0, false
	}
	return int32(n), true
}
