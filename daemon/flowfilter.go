package daemon

import (
	"net/netip"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// condition is something that a flow meets or not.
type condition func(*gateway.FlowInfo) bool

// matcher compiles a filter: a flow must meet all of its conditions.
func (n names) matcher(f control.FlowFilter) (func(*gateway.FlowInfo) bool, error) {
	if err := checkPort(f.Protocol, f.Port); err != nil {
		return nil, err
	}
	var all []condition
	for _, part := range []struct {
		value   string
		compile func(string) (condition, error)
	}{
		{f.VPC, n.inVPC},
		{f.Instance, n.atEitherEnd},
		{f.From, func(s string) (condition, error) { return n.atEnd(0, s) }},
		{f.To, func(s string) (condition, error) { return n.atEnd(1, s) }},
		{f.Protocol, ofProtocol},
	} {
		if part.value == "" {
			continue
		}
		met, err := part.compile(part.value)
		if err != nil {
			return nil, err
		}
		all = append(all, met)
	}
	if f.Port != 0 {
		all = append(all, func(info *gateway.FlowInfo) bool {
			return vpc.Protocol(info.Protocol).HasPorts() && info.Dst.Port() == f.Port
		})
	}
	return func(info *gateway.FlowInfo) bool {
		for _, met := range all {
			if !met(info) {
				return false
			}
		}
		return true
	}, nil
}

// checkPort refuses a port for a protocol that has none.
func checkPort(protocol string, port uint16) error {
	if port == 0 || protocol == "" {
		return nil
	}
	if p, err := vpc.ParseProtocol(protocol); err == nil && !p.HasPorts() {
		return control.Refuse("protocol %s has no ports: want tcp or udp, or no port", p)
	}
	return nil
}

func (n names) inVPC(ref string) (condition, error) {
	id, err := n.vpcID(ref)
	return func(f *gateway.FlowInfo) bool { return f.VPCID == id }, err
}

func (n names) atEitherEnd(ref string) (condition, error) {
	id, err := n.id(ref)
	return func(f *gateway.FlowInfo) bool { return f.Interfaces[0] == id || f.Interfaces[1] == id }, err
}

// atEnd compiles a condition on the opener (0) or the other end (1): an
// address, a CIDR, or an instance or host.
func (n names) atEnd(end int, ref string) (condition, error) {
	id, prefix, err := n.place(ref)
	if err != nil {
		return nil, err
	}
	if prefix.IsValid() {
		return func(f *gateway.FlowInfo) bool {
			return prefix.Contains([...]netip.AddrPort{f.Src, f.Dst}[end].Addr())
		}, nil
	}
	return func(f *gateway.FlowInfo) bool { return f.Interfaces[end] == id }, nil
}

// place reads an address, a CIDR, or the name or id of an instance or host.
func (n names) place(ref string) (id string, prefix netip.Prefix, err error) {
	if addr, err := netip.ParseAddr(ref); err == nil {
		addr = addr.Unmap()
		return "", netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if prefix, err := netip.ParsePrefix(ref); err == nil {
		if prefix != prefix.Masked() {
			return "", prefix, control.Refuse("CIDR %q: want %s, or the address without the length", ref, prefix.Masked())
		}
		return "", prefix, nil
	}
	if id, err = n.id(ref); err != nil {
		return "", prefix, control.Refuse("%v (nor is it an address or a CIDR)", err)
	}
	return id, prefix, nil
}

func ofProtocol(name string) (condition, error) {
	p, err := parseProtocol(name)
	return func(f *gateway.FlowInfo) bool { return vpc.Protocol(f.Protocol) == p }, err
}

// parseProtocol reads the protocol of a packet: there is none that is all.
func parseProtocol(name string) (vpc.Protocol, error) {
	p, err := vpc.ParseProtocol(name)
	if err != nil || p == vpc.AllProtocols {
		return 0, control.Refuse("protocol %q: want tcp, udp, icmp, icmpv6 or a number from 0 to 255", name)
	}
	return p, nil
}
