package filter

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// acl asks one side's network ACL as the VPC User Guide tells it: "rules are
// evaluated starting with the lowest numbered rule; as soon as a rule matches
// traffic, it's applied regardless of any higher-numbered rule that might
// contradict it". asked is false where no ACL is; entry is nil for "*".
func (n naive) acl(d vpc.Direction, p naivePacket) (asked bool, entry *vpc.NetworkACLEntry) {
	own, other, addr := p.to, p.from, p.Src
	if d == vpc.Egress {
		own, other, addr = p.from, p.to, p.Dst
	}
	switch {
	case own == nil: // a host or nobody: in no subnet
		return false, nil
	case other != nil && own.SubnetID == other.SubnetID: // not within a subnet
		return false, nil
	case d == vpc.Egress && n.infrastructure(p.vpcID, addr): // "Infrastructure security"
		return false, nil
	}
	for _, a := range n.NetworkACLs() {
		if !slices.Contains(a.SubnetIDs, own.SubnetID) {
			continue
		}
		entries := slices.SortedFunc(slices.Values(a.Entries), func(a, b vpc.NetworkACLEntry) int { return cmp.Compare(a.Number, b.Number) })
		for _, e := range entries {
			if e.Direction == d && e.CIDR.Contains(addr) && n.concerns(e, p) {
				return true, &e
			}
		}
		return true, nil
	}
	return false, nil // the default ACL
}

// concerns reports whether an entry is about the packet's protocol and ports.
func (n naive) concerns(e vpc.NetworkACLEntry, p naivePacket) bool {
	deny, ipv6 := !e.Allow, p.Src.Is6()
	switch {
	case e.Protocol == vpc.AllProtocols:
		return true
	case e.Protocol != vpc.Protocol(p.Protocol), e.Protocol == vpc.ICMP && ipv6:
		return false
	case e.Protocol == vpc.TCP, e.Protocol == vpc.UDP:
		if !p.HasTransport {
			return deny
		}
		return e.FromPort <= int32(p.DstPort) && int32(p.DstPort) <= e.ToPort
	case e.Protocol == vpc.ICMP, e.Protocol == vpc.ICMPv6 && ipv6: // of IPv4, 58 has no types
		if !p.HasTransport {
			return deny || e.FromPort == vpc.Any
		}
		return (e.FromPort == vpc.Any || e.FromPort == int32(p.ICMPType)) && (e.ToPort == vpc.Any || e.ToPort == int32(p.ICMPCode))
	}
	return true
}

// infrastructure reports whether an address is one that AWS serves itself.
func (n naive) infrastructure(vpcID string, addr netip.Addr) bool {
	in, _ := n.VPC(vpcID)
	own := in.Services()
	for _, s := range n.Subnets() {
		if s.VPCID == vpcID {
			own = append(own, s.Router()...)
		}
	}
	return slices.Contains(own, addr)
}
