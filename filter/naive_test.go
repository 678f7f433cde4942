package filter

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// naive judges a flow rule by rule, as the EC2 User Guide tells it. It is what
// the compiled policy is held against.
type naive struct{ *vpc.Snapshot }

// naivePacket is a flow in the snapshot's terms.
type naivePacket struct {
	Flow
	vpcID    string
	from, to *vpc.NetworkInterface // nil unless an interface
}

// admits reports whether one rule of a group of the interface admits a packet
// whose other end has the address addr and, if not nil, is the interface peer.
func (n naive) admits(r vpc.Rule, p naivePacket, addr netip.Addr, peer *vpc.NetworkInterface) bool {
	switch {
	case r.Protocol == vpc.AllProtocols:
	case r.Protocol != vpc.Protocol(p.Protocol):
		return false
	case r.Protocol == vpc.TCP, r.Protocol == vpc.UDP:
		if !p.HasTransport || int32(p.DstPort) < r.FromPort || int32(p.DstPort) > r.ToPort {
			return false
		}
	case r.Protocol == vpc.ICMP && addr.Is6():
		return false // whatever the peer
	case r.Protocol == vpc.ICMP, r.Protocol == vpc.ICMPv6:
		if r.FromPort != vpc.Any && (!p.HasTransport || r.FromPort != int32(p.ICMPType)) {
			return false
		}
		if r.ToPort != vpc.Any && (!p.HasTransport || r.ToPort != int32(p.ICMPCode)) {
			return false
		}
	}
	if r.Peer.GroupID != "" { // the private addresses of its members
		return peer != nil && slices.Contains(peer.Addresses, addr) && slices.Contains(peer.GroupIDs, r.Peer.GroupID)
	}
	if r.Peer.PrefixListID != "" {
		list, _ := n.PrefixList(r.Peer.PrefixListID)
		return slices.ContainsFunc(list.Entries, func(e vpc.PrefixListEntry) bool { return e.CIDR.Contains(addr) })
	}
	return r.Peer.CIDR.Contains(addr)
}

// side returns all rules of an interface that admit the packet, and whether
// it then needs no tracking.
func (n naive) side(d vpc.Direction, p naivePacket, own, peer *vpc.NetworkInterface, addr netip.Addr) (admit []vpc.Rule, untracked bool) {
	for _, r := range n.rules(own, d) {
		if n.admits(r, p, addr, peer) {
			admit = append(admit, r)
		}
	}
	if len(admit) == 0 || !p.HasTransport || p.Protocol != 6 && p.Protocol != 17 {
		return admit, false
	}
	answer := p
	answer.SrcPort, answer.DstPort = p.DstPort, p.SrcPort
	asOpener := n.openRule(own, d, p, addr, false) && n.openRule(own, d.Opposite(), answer, addr, true)
	asAnswer := n.openRule(own, d.Opposite(), answer, addr, false) && n.openRule(own, d, p, addr, true)
	return admit, asOpener || asAnswer
}

// openRule reports whether a rule for 0.0.0.0/0 (or ::/0) admits the packet; if
// allPorts, that rule must be for all ports.
func (n naive) openRule(own *vpc.NetworkInterface, d vpc.Direction, p naivePacket, addr netip.Addr, allPorts bool) bool {
	return slices.ContainsFunc(n.rules(own, d), func(r vpc.Rule) bool {
		everywhere := r.Peer.CIDR.IsValid() && r.Peer.CIDR.Bits() == 0
		complete := r.Protocol == vpc.AllProtocols || r.FromPort == 0 && r.ToPort == 65535
		return everywhere && n.admits(r, p, addr, nil) && (complete || !allPorts)
	})
}

// rules returns the rules of all groups of an interface.
func (n naive) rules(nic *vpc.NetworkInterface, d vpc.Direction) (rules []vpc.Rule) {
	for _, id := range nic.GroupIDs {
		g, _ := n.SecurityGroup(id)
		rules = append(rules, g.Rules(d)...)
	}
	return rules
}

// owner returns the interface with an address in a VPC, or nil.
func (n naive) owner(vpcID string, addr netip.Addr) *vpc.NetworkInterface {
	for _, nic := range n.Interfaces() {
		if nic.VPCID == vpcID && slices.Contains(nic.Addresses, addr) {
			return &nic
		}
	}
	return nil
}

// narrowest returns how little a rule admits: first by its peer, then by its
// protocol and ports. Any rule with the least value may be named.
func narrowest(rules []vpc.Rule) (least [2]int) {
	width := func(r vpc.Rule) (w [2]int) {
		if r.Peer.CIDR.IsValid() {
			w[0] = 1 + r.Peer.CIDR.Addr().BitLen() - r.Peer.CIDR.Bits()
		}
		switch {
		case r.Protocol == vpc.AllProtocols:
			w[1] = 1 << 20
		case r.FromPort == vpc.Any:
			w[1] = 1 << 16
		case r.Protocol.IsICMP() && r.ToPort == vpc.Any:
			w[1] = 1 << 8
		case r.Protocol.HasPorts():
			w[1] = int(r.ToPort - r.FromPort)
		}
		return w
	}
	least = width(rules[0])
	for _, r := range rules[1:] {
		if w := width(r); slices.CompareFunc(w[:], least[:], cmp.Compare[int]) < 0 {
			least = w
		}
	}
	return least
}
