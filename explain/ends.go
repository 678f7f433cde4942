package explain

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/vpc"
)

// end is one end of a packet, as it was asked for.
type end struct {
	ref  string
	addr netip.Addr // the one that was named; the zero Addr if a machine was
	// machine is who was named or has the address; nil if nobody has.
	machine *vpc.Endpoint
}

// addresses are those that the end may speak from or be spoken to at.
func (e *end) addresses() []netip.Addr {
	if e.addr.IsValid() {
		return []netip.Addr{e.addr}
	}
	return e.machine.Addresses
}

// vpcID is that of the machine, "" if there is none.
func (e *end) vpcID() string {
	if e.machine == nil {
		return ""
	}
	return e.machine.VPCID
}

// finder finds out who is meant.
type finder struct {
	*vpc.Snapshot
	vpcID string // the VPC that was asked for, "" if none was
}

// find returns the end that ref means: a name, an id or an address. Of machines
// in several VPCs with that address, the one in the VPC beside counts.
func (f *finder) find(flag, ref, beside string) (end, error) {
	if ref == "" {
		return end{}, fmt.Errorf("%s is missing: want the name or id of an instance or host, or an address", flag)
	}
	addr, err := parseAddress(ref)
	if err != nil {
		machine, err := f.FindEndpoint(ref)
		if err != nil {
			return end{}, fmt.Errorf("%s: %w (nor is it an address)", flag, err)
		}
		if f.vpcID != "" && machine.VPCID != f.vpcID {
			return end{}, fmt.Errorf("%s: %s is in VPC %s, not in %s", flag, ref, f.VPCName(machine.VPCID), f.VPCName(f.vpcID))
		}
		return end{ref: ref, machine: &machine}, nil
	}
	machine, err := f.at(flag, addr, beside)
	return end{ref: ref, addr: addr, machine: machine}, err
}

// at returns the machine that has an address, nil if there is none.
func (f *finder) at(flag string, addr netip.Addr, beside string) (*vpc.Endpoint, error) {
	if f.vpcID != "" {
		beside = f.vpcID
	}
	found := f.EndpointsAt(addr)
	if beside != "" {
		found = slices.DeleteFunc(found, func(e vpc.Endpoint) bool { return e.VPCID != beside })
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return &found[0], nil
	}
	var names []string
	for _, e := range found {
		names = append(names, fmt.Sprintf("%s in VPC %s", e.Name, f.VPCName(e.VPCID)))
	}
	return nil, fmt.Errorf("%s: %s have the address %s: name one of them, or the vpc", flag, strings.Join(names, " and "), addr)
}

// parseAddress reads an address without a zone. IPv4 in IPv6 clothes is IPv4.
func parseAddress(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err == nil && addr.Zone() != "" {
		return netip.Addr{}, errors.New("has a zone")
	}
	return addr.Unmap(), err
}

// vpcOf returns the VPC that a packet between two ends is sent in.
func (f *finder) vpcOf(from, to *end) (string, error) {
	switch {
	case from.machine != nil:
		return from.machine.VPCID, nil
	case f.vpcID != "":
		return f.vpcID, nil
	case to.machine != nil:
		return to.machine.VPCID, nil
	case len(f.VPCs()) == 1:
		return f.VPCs()[0].ID, nil
	}
	var names []string
	for _, v := range f.VPCs() {
		names = append(names, f.VPCName(v.ID))
	}
	return "", fmt.Errorf("nobody has the address %s, nor %s: which vpc is meant? There are: %s", from.ref, to.ref, strings.Join(names, ", "))
}

// checkReach refuses a receiver in another VPC whose address somebody else has
// here: the packet would go to that one. Without such a one nobody gets it,
// which the data path says by itself.
func (f *finder) checkReach(p *filter.Policy, vpcID string, to *end, dst netip.Addr) error {
	if to.machine == nil || to.machine.VPCID == vpcID {
		return nil
	}
	there := p.ResolveIn(vpcID, dst)
	if there == filter.NoEndpoint {
		return nil
	}
	who := "the gateway's own"
	if id := p.ID(there); id != "" {
		who = f.EndpointName(id) + "'s"
	}
	return fmt.Errorf("%s is in VPC %s, and VPCs do not meet: in VPC %s, %s is %s", to.ref, f.VPCName(to.machine.VPCID), f.VPCName(vpcID), dst, who)
}

// family chooses the addresses of a packet: of one family that both ends have.
// IPv4 goes first.
func family(from, to *end, want wanted) (src, dst netip.Addr, err error) {
	for _, ipv6 := range []bool{false, true} {
		if want == onlyIPv4 && ipv6 || want == onlyIPv6 && !ipv6 {
			continue
		}
		src, dst = first(from.addresses(), ipv6), first(to.addresses(), ipv6)
		if src.IsValid() && dst.IsValid() {
			return src, dst, nil
		}
	}
	return src, dst, fmt.Errorf("%s has %s and %s has %s: %s", from.ref, has(from), to.ref, has(to), want)
}

// wanted says which families will do.
type wanted uint8

const (
	anyFamily wanted = iota
	onlyIPv4
	onlyIPv6
)

// String says what is missing.
func (w wanted) String() string {
	return [...]string{"they have no family in common", "want IPv4 addresses", "want IPv6 addresses"}[w]
}

func first(addrs []netip.Addr, ipv6 bool) netip.Addr {
	for _, a := range addrs {
		if a.Is6() == ipv6 {
			return a
		}
	}
	return netip.Addr{}
}

// has says what addresses an end has.
func has(e *end) string {
	ipv4, ipv6 := first(e.addresses(), false).IsValid(), first(e.addresses(), true).IsValid()
	switch {
	case ipv4 && ipv6:
		return "both families"
	case ipv6:
		return "IPv6 only"
	}
	return "IPv4 only"
}
