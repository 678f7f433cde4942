package lint

import (
	"net/netip"
	"slices"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/vpc"
)

// probe asks the compiled policy about one network ACL: one interface in one of
// its subnets stands for all.
type probe struct {
	*filter.Policy
	acl    *vpc.NetworkACL
	subnet vpc.Subnet // the only one that has the ACL; zero if there are several
	self   filter.Endpoint
	addrs  [2]netip.Addr // of the interface, by family
}

// newProbe returns false for an ACL without a subnet.
func (l *linter) newProbe(acl *vpc.NetworkACL, quotas vpc.Quotas) (*probe, bool) {
	subnet, ok := l.probedSubnet(acl)
	if !ok {
		return nil, false
	}
	v, _ := l.VPC(subnet.VPCID)
	alone := *acl
	alone.SubnetIDs = []string{subnet.ID}
	p := &probe{acl: acl}
	nic := vpc.NetworkInterface{ID: "eni-00000000000000000", Name: "probe", VPCID: v.ID, SubnetID: subnet.ID, SourceDestCheck: true}
	for i, block := range []netip.Prefix{subnet.CIDR, subnet.IPv6CIDR} {
		if block.IsValid() {
			p.addrs[i] = unreserved(block)
			nic.Addresses = append(nic.Addresses, p.addrs[i])
		}
	}
	s, err := vpc.New(vpc.Resources{
		VPCs: []vpc.VPC{v}, Subnets: []vpc.Subnet{subnet}, NetworkACLs: []vpc.NetworkACL{alone},
		Interfaces: []vpc.NetworkInterface{nic}, Quotas: quotas,
	})
	if err != nil {
		return nil, false // it is part of a sound snapshot, so this cannot be
	}
	p.Policy = filter.Compile(s)
	p.self = p.ByID(nic.ID)
	if len(acl.SubnetIDs) == 1 {
		p.subnet = subnet
	}
	return p, true
}

// probedSubnet returns one of the ACL's subnets, with IPv6 if one has it.
func (l *linter) probedSubnet(acl *vpc.NetworkACL) (found vpc.Subnet, ok bool) {
	for _, id := range acl.SubnetIDs {
		n, is := l.Subnet(id)
		if is && (!ok || n.IPv6CIDR.IsValid() && !found.IPv6CIDR.IsValid()) {
			found, ok = n, true
		}
	}
	return found, ok
}

// unreserved returns the first address of a subnet's block that an interface can
// have: AWS keeps four.
func unreserved(block netip.Prefix) netip.Addr {
	addr := block.Addr()
	for range 4 {
		addr = addr.Next()
	}
	return addr
}

// ask returns what the ACL does with a packet between the interface and an
// address beyond the subnet's border, and the entry that decides.
func (p *probe) ask(d vpc.Direction, protocol vpc.Protocol, other netip.Addr, port int32) (passes bool, by vpc.NetworkACLEntry) {
	own := p.addrs[0]
	if other.Is6() {
		own = p.addrs[1]
	}
	f := filter.Flow{Protocol: uint8(protocol), HasTransport: true, SrcPort: 1024, DstPort: uint16(port)}
	var side filter.ACLSide
	if d == vpc.Egress {
		f.From, f.To, f.Src, f.Dst = p.self, filter.NoEndpoint, own, other
		side = p.ACLEgress(&f)
	} else {
		f.From, f.To, f.Src, f.Dst = filter.NoEndpoint, p.self, other, own
		side = p.ACLIngress(&f)
	}
	by, _, _ = p.ACLEntry(side.Entry)
	return side.Passes(), by
}

// concerns reports whether packets to and from a CIDR meet the ACL: those that
// stay in its only subnet do not, and without IPv6 there are none of IPv6.
func (p *probe) concerns(cidr netip.Prefix) bool {
	block := p.subnet.CIDR
	if cidr.Addr().Is6() {
		block = p.subnet.IPv6CIDR
	}
	inside := block.IsValid() && block.Bits() <= cidr.Bits() && block.Contains(cidr.Addr())
	return p.addrs[family(cidr)].IsValid() && !inside
}

// addresses returns addresses of a CIDR that stand for all: between two ends of
// the entries' CIDRs, the ACL treats all alike.
func (p *probe) addresses(cidr netip.Prefix) []netip.Addr {
	out := []netip.Addr{cidr.Addr()}
	for _, e := range p.acl.Entries {
		for _, end := range []netip.Addr{e.CIDR.Addr(), vpc.LastAddr(e.CIDR).Next()} {
			if end.IsValid() && cidr.Contains(end) {
				out = append(out, end)
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// portRange is a range of ports.
type portRange struct{ from, to int32 }

// portRanges cuts a range into pieces of which the ACL treats all ports alike.
func (p *probe) portRanges(within portRange, cuts ...int32) []portRange {
	starts := []int32{within.from}
	for _, e := range p.acl.Entries {
		if e.Protocol.HasPorts() {
			cuts = append(cuts, e.FromPort, e.ToPort+1)
		}
	}
	for _, cut := range cuts {
		if within.from < cut && cut <= within.to {
			starts = append(starts, cut)
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	out := make([]portRange, len(starts))
	for i, start := range starts {
		out[i] = portRange{start, within.to}
		if i > 0 {
			out[i-1].to = start - 1
		}
	}
	return out
}
