package filter

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// ACLSide is the answer of the network ACL at one end of a flow. The zero value
// is a drop.
type ACLSide struct {
	Decision Decision
	Entry    ACLEntry // that decides; NoACLEntry where no ACL was asked
}

// Passes reports whether the ACL lets the flow through.
func (s ACLSide) Passes() bool { return s.Decision != Drop }

// ACLEntry is the number of an entry of a network ACL within one Policy. It is
// not the number that the entry has in its ACL; see Policy.ACLEntry.
type ACLEntry int32

// NoACLEntry is where no ACL was asked.
const NoACLEntry ACLEntry = 0

// LastEntryNumber is the number, in its ACL, of the entry "*" that ends each ACL
// and denies what no other entry matches. It is that for IPv4; the one for IPv6
// is higher by one (VPC User Guide, network ACLs).
const LastEntryNumber = vpc.MaxNetworkACLEntryNumber + 1

// HasACL reports whether a network ACL is asked about packets between two
// endpoints, in either direction. ACLs act at the border of a subnet: not on
// packets that stay in one, and not on those of the VPC router and of AWS's
// services (VPC User Guide, "Infrastructure security"). Whatever is not in a
// subnet is beyond every border, NoEndpoint too, even for an address in the
// sender's own subnet. It is asked for every packet and costs next to nothing.
func (p *Policy) HasACL(from, to Endpoint) bool {
	if len(p.aclEntries) == 0 {
		return false
	}
	a, b := p.subnetOf(from), p.subnetOf(to)
	return (p.aclOf(a) != nil || p.aclOf(b) != nil) && apart(a, b)
}

// ACLEgress asks the outbound entries of the sender's subnet about the flow's
// destination. ACLs are stateless, so every packet is asked about, answers of
// live flows included. The answer is NotAsked where the subnet has no ACL of
// its own or the flow stays in it.
func (p *Policy) ACLEgress(f *Flow) ACLSide { return p.askACL(vpc.Egress, f.From, f.To, f.Dst, f) }

// ACLIngress asks the inbound entries of the receiver's subnet about the flow's
// source, as ACLEgress does at the other end.
func (p *Policy) ACLIngress(f *Flow) ACLSide { return p.askACL(vpc.Ingress, f.To, f.From, f.Src, f) }

// ACLEntry returns the entry with that number and the id of its ACL; ok is false
// for NoACLEntry. The last entry, "*", has LastEntryNumber or one more.
func (p *Policy) ACLEntry(e ACLEntry) (entry vpc.NetworkACLEntry, aclID string, ok bool) {
	if e <= NoACLEntry || int(e) > len(p.aclEntries) {
		return vpc.NetworkACLEntry{}, "", false
	}
	named := &p.aclEntries[e-1]
	return named.NetworkACLEntry, named.aclID, true
}

// The places that are no subnet.
const (
	outside     int32 = -1 // hosts and what nobody has
	gatewaysOwn int32 = -2 // the VPC router and AWS's services
)

// apart reports whether packets between two places pass the border of a subnet.
func apart(a, b int32) bool { return a != b && a != gatewaysOwn && b != gatewaysOwn }

// subnetOf returns the number of the endpoint's subnet, outside or gatewaysOwn.
func (p *Policy) subnetOf(e Endpoint) int32 {
	if e < 0 {
		return outside
	}
	return p.endpoints[e].subnet
}

// aclOf returns the ACL of a subnet, nil for a default ACL that allows all, and
// for what is no subnet.
func (p *Policy) aclOf(subnet int32) *networkACL {
	if subnet < 0 || len(p.acls) == 0 {
		return nil
	}
	return p.acls[subnet]
}

// askACL asks the ACL of self's subnet; peer and addr are the other end.
func (p *Policy) askACL(d vpc.Direction, self, peer Endpoint, addr netip.Addr, f *Flow) ACLSide {
	own := p.subnetOf(self)
	acl := p.aclOf(own)
	if acl == nil || !apart(own, p.subnetOf(peer)) {
		return ACLSide{Decision: NotAsked}
	}
	return acl[d][family(addr)].decide(addr, f)
}

// networkACL is a compiled network ACL, by direction and family. An entry is of
// its CIDR's family alone.
type networkACL [2][2]entries

// entries are those of one direction and family in the order of their numbers,
// "*" last. There are 40 at most, so they are tried one by one.
type entries []numberedEntry

type numberedEntry struct {
	ACLEntry
	allow    bool
	protocol vpc.Protocol
	from, to int32
	cidr     netip.Prefix
}

// decide returns the answer of the first entry that matches.
func (es entries) decide(addr netip.Addr, f *Flow) ACLSide {
	for i := range es {
		e := &es[i]
		if !e.concerns(f) || !e.cidr.Contains(addr) {
			continue
		}
		if e.allow {
			return ACLSide{Decision: Allow, Entry: e.ACLEntry}
		}
		return ACLSide{Entry: e.ACLEntry}
	}
	return ACLSide{}
}

// concerns reports whether the entry is about the flow's protocol and ports.
// Where these are unknown, every entry that denies is about them and none that
// allows, so that such a packet slips past no deny that may be meant for it.
func (e *numberedEntry) concerns(f *Flow) bool {
	switch protocol := e.protocol; {
	case protocol == vpc.AllProtocols:
		return true
	case protocol != vpc.Protocol(f.Protocol):
		return false
	case protocol == vpc.ICMP && f.Src.Is6():
		return false // ICMP is IPv4's own
	case !protocol.HasPorts() && e.from == vpc.Any:
		return true
	case !f.HasTransport:
		return !e.allow
	case protocol.HasPorts():
		return e.from <= int32(f.DstPort) && int32(f.DstPort) <= e.to
	}
	return e.from == int32(f.ICMPType) && (e.to == vpc.Any || e.to == int32(f.ICMPCode))
}

// namedEntry is an entry and what it belongs to.
type namedEntry struct {
	vpc.NetworkACLEntry
	aclID string
}

// compileACLs enters the network ACLs. A default one that allows everything, as
// AWS makes it, is left out: a subnet that has it is one without an ACL, and costs
// its packets nothing.
func (p *Policy) compileACLs(s *vpc.Snapshot) {
	all := slices.Clone(s.NetworkACLs())
	all = slices.DeleteFunc(all, func(a vpc.NetworkACL) bool {
		v, _ := s.VPC(a.VPCID)
		return a.Default && a.AllowsEverything(v)
	})
	if len(all) == 0 {
		return
	}
	subnets := make(map[string]int)
	for i, n := range s.Subnets() {
		subnets[n.ID] = i
	}
	p.acls = make([]*networkACL, len(subnets))
	slices.SortFunc(all, func(a, b vpc.NetworkACL) int { return cmp.Compare(a.ID, b.ID) })
	for _, a := range all {
		acl := p.compileACL(a)
		for _, id := range a.SubnetIDs {
			p.acls[subnets[id]] = acl
		}
	}
}

// compileACL numbers the entries of one ACL. They are canonical and in order.
func (p *Policy) compileACL(a vpc.NetworkACL) *networkACL {
	acl := new(networkACL)
	for _, e := range slices.Concat(a.Entries, lastEntries()) {
		p.aclEntries = append(p.aclEntries, namedEntry{e, a.ID})
		of := &acl[e.Direction][family(e.CIDR.Addr())]
		*of = append(*of, numberedEntry{
			ACLEntry: ACLEntry(len(p.aclEntries)), allow: e.Allow,
			protocol: e.Protocol, from: e.FromPort, to: e.ToPort, cidr: e.CIDR,
		})
	}
	return acl
}

// lastEntries are the entries "*" of an ACL.
func lastEntries() []vpc.NetworkACLEntry {
	var last []vpc.NetworkACLEntry
	for _, d := range []vpc.Direction{vpc.Ingress, vpc.Egress} {
		for i, everything := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			last = append(last, vpc.NetworkACLEntry{
				Number: LastEntryNumber + i, Direction: d, Protocol: vpc.AllProtocols,
				FromPort: vpc.Any, ToPort: vpc.Any, CIDR: netip.PrefixFrom(everything, 0),
			})
		}
	}
	return last
}
