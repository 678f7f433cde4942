package filter

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/vpc"
)

// The universe of the random worlds is small, so that rules and flows meet.
var (
	someCIDRs = []string{
		"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "10.0.1.0/24", "10.0.1.8/29", "10.0.1.10/32", "10.0.1.11/32", "10.0.2.0/24",
		"203.0.113.0/24", "203.0.113.10/32", "::/0", "fd00::/8", "fd00:10:0:1::/64", "fd00:10:0:1::10/128", "fd00:10:0:2::/64", "2001:db8::/32", "2001:db8::10/128",
	}
	// someInterfaces are each VPC's, by their primary addresses. The last one
	// has a subnet of its own.
	someInterfaces = []string{
		"10.0.1.10 fd00:10:0:1::10", "10.0.1.11 fd00:10:0:1::11", "10.0.1.12 fd00:10:0:1::12", "10.0.2.20 fd00:10:0:2::20",
	}
	// someSecondary are the addresses that come and go.
	someSecondary = []string{
		"10.0.1.13", "10.0.1.14", "fd00:10:0:1::13", "fd00:10:0:1::14", "10.0.2.21", "fd00:10:0:2::21",
	}
	someHosts = []string{"203.0.113.10 2001:db8::10", "198.51.100.7 2001:db9::7"}
	// nobodys are in a subnet, outside, the router's and AWS's services'.
	nobodys = []string{
		"10.0.1.99", "192.0.2.1", "10.0.1.1", "10.0.0.2", "169.254.169.254",
		"fd00:10:0:1::99", "2001:db8::99", "fd00:10:0:1::1", "fd00:ec2::254",
	}

	somePorts     = []int32{0, 1, 22, 80, 443, 1023, 1024, 40000, 65534, 65535}
	someTypes     = []int32{0, 3, 4, 8, 128, 129, 255}
	someProtocols = []vpc.Protocol{vpc.TCP, vpc.TCP, vpc.UDP, vpc.ICMP, vpc.ICMPv6, 0, 47, 255}
)

// drawService makes the protocol and ports of a rule.
func drawService(t *rapid.T) (protocol vpc.Protocol, from, to int32) {
	protocol = rapid.SampledFrom(append([]vpc.Protocol{vpc.AllProtocols}, someProtocols...)).Draw(t, "rule protocol")
	switch {
	case protocol.HasPorts() && rapid.IntRange(0, 3).Draw(t, "all ports") == 0:
		return protocol, 0, 65535
	case protocol.HasPorts():
		a, b := rapid.SampledFrom(somePorts).Draw(t, "port"), rapid.SampledFrom(somePorts).Draw(t, "port")
		return protocol, min(a, b), max(a, b)
	case protocol.IsICMP() && rapid.Bool().Draw(t, "has type"):
		return protocol, rapid.SampledFrom(someTypes).Draw(t, "type"), rapid.SampledFrom([]int32{vpc.Any, 0, 4}).Draw(t, "code")
	}
	return protocol, vpc.Any, vpc.Any
}

func drawRule(t *rapid.T, groups, lists []string) (r vpc.Rule) {
	r.Protocol, r.FromPort, r.ToPort = drawService(t)
	switch rapid.IntRange(0, 5).Draw(t, "kind of peer") {
	case 0, 1:
		r.Peer.GroupID = rapid.SampledFrom(groups).Draw(t, "group")
	case 2:
		r.Peer.PrefixListID = rapid.SampledFrom(lists).Draw(t, "list")
	default:
		r.Peer.CIDR = prefix(rapid.SampledFrom(someCIDRs).Draw(t, "cidr"))
	}
	return r
}

func drawRules(t *rapid.T, groups, lists []string) []vpc.Rule {
	return distinct(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) vpc.Rule { return drawRule(t, groups, lists) }), 0, 8).Draw(t, "rules"))
}

// distinct returns the rules of one group and direction, each once.
func distinct(rules []vpc.Rule) []vpc.Rule {
	seen := make(map[vpc.Key]bool)
	return slices.DeleteFunc(rules, func(r vpc.Rule) bool {
		twice := seen[r.Canonical().Key()]
		seen[r.Canonical().Key()] = true
		return twice
	})
}

// drawList makes a prefix list of one family.
func drawList(t *rapid.T, id string, ipv6 bool) vpc.PrefixList {
	l := list(id)
	for _, c := range rapid.SliceOfNDistinct(rapid.SampledFrom(someCIDRs), 0, 6, rapid.ID).Draw(t, "entries") {
		if prefix(c).Addr().Is6() == ipv6 {
			l.Entries = append(l.Entries, vpc.PrefixListEntry{CIDR: prefix(c)})
		}
	}
	l.IPv6, l.MaxEntries = ipv6, max(1, len(l.Entries))
	return l
}

// drawEntries makes the entries of a network ACL, in any order.
func drawEntries(t *rapid.T) []vpc.NetworkACLEntry {
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) vpc.NetworkACLEntry {
		e := vpc.NetworkACLEntry{
			Number:    rapid.SampledFrom([]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 32766}).Draw(t, "number"),
			Direction: rapid.SampledFrom([]vpc.Direction{vpc.Ingress, vpc.Egress}).Draw(t, "direction"),
			Allow:     rapid.Bool().Draw(t, "allow"),
			CIDR:      prefix(rapid.SampledFrom(someCIDRs).Draw(t, "cidr")),
		}
		e.Protocol, e.FromPort, e.ToPort = drawService(t)
		return e
	}), 0, 16, func(e vpc.NetworkACLEntry) [2]int { return [2]int{int(e.Direction), e.Number} }).Draw(t, "entries")
}

// drawACLs gives some of a VPC's subnets a network ACL of their own, or one of
// both.
func drawACLs(t *rapid.T, in string) []vpc.NetworkACL {
	one, two := randomSubnet(in, 1), randomSubnet(in, 2)
	split := rapid.SampledFrom([][][]string{nil, {{one}}, {{two}}, {{one}, {two}}, {{one, two}}, {{}, {two}}}).Draw(t, "acls")
	var acls []vpc.NetworkACL
	for i, subnets := range split {
		id := fmt.Sprintf("acl-%s-%d", in, i)
		acls = append(acls, vpc.NetworkACL{ID: id, Name: id, VPCID: in, SubnetIDs: subnets, Entries: drawEntries(t)})
	}
	return acls
}

// randomSubnet is the id of a subnet of a random world: 10.0.1.0/24 or
// 10.0.2.0/24 of each VPC.
func randomSubnet(vpcID string, n byte) string { return fmt.Sprintf("subnet-%s-%d", vpcID, n) }

// subnetNumber is the number of the subnet that an address of a VPC is in.
func subnetNumber(addr netip.Addr) byte {
	if addr.Is4() {
		return addr.As4()[2]
	}
	return addr.As16()[7]
}

// drawVPC makes one of two VPCs, which have equal addresses, with its subnets,
// groups and machines.
func drawVPC(t *rapid.T, res *vpc.Resources, v int, lists []string) {
	in := fmt.Sprintf("vpc-%d", v)
	res.VPCs = append(res.VPCs, vpc.VPC{ID: in, Name: in, CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")})
	for n := byte(1); n <= 2; n++ {
		one := subnet(randomSubnet(in, n), fmt.Sprintf("10.0.%d.0/24", n), fmt.Sprintf("fd00:10:0:%d::/64", n))
		one.VPCID = in
		res.Subnets = append(res.Subnets, one)
	}
	groups := randomGroups(v)
	for _, id := range groups {
		res.SecurityGroups = append(res.SecurityGroups, vpc.SecurityGroup{
			ID: id, Name: "group " + id, VPCID: in, Ingress: drawRules(t, groups, lists), Egress: drawRules(t, groups, lists),
		})
	}
	owners := make(map[string]int)
	for _, addr := range someSecondary {
		owners[addr] = rapid.IntRange(-1, len(someInterfaces)-1).Draw(t, "owner of "+addr)
	}
	for i := range someInterfaces {
		n := randomInterface(v, i)
		for _, addr := range someSecondary {
			if owners[addr] == i && subnetNumber(address(addr)) == subnetNumber(n.Addresses[0]) {
				n.Addresses = append(n.Addresses, address(addr))
			}
		}
		n.GroupIDs = rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 0, 3, rapid.ID).Draw(t, "groups")
		res.Interfaces = append(res.Interfaces, n)
	}
	for i, addrs := range someHosts {
		h := host(fmt.Sprintf("host-%d-%d", v, i), addrs)
		h.VPCID = in
		res.Hosts = append(res.Hosts, h)
	}
	res.NetworkACLs = append(res.NetworkACLs, drawACLs(t, in)...)
}

func randomGroups(v int) []string {
	return []string{fmt.Sprintf("sg-%d-0", v), fmt.Sprintf("sg-%d-1", v), fmt.Sprintf("sg-%d-2", v)}
}

// randomInterface is one of someInterfaces with its primary addresses, without
// groups.
func randomInterface(v, i int) vpc.NetworkInterface {
	n := nic(fmt.Sprintf("%d-%d", v, i), someInterfaces[i], "")
	n.VPCID = fmt.Sprintf("vpc-%d", v)
	n.SubnetID = randomSubnet(n.VPCID, subnetNumber(n.Addresses[0]))
	return n
}

// drawResources makes two VPCs, each with groups, machines and rules of its own.
func drawResources(t *rapid.T) vpc.Resources {
	// Room for rules that laws write out one by one.
	res := vpc.Resources{Quotas: vpc.Quotas{RulesPerGroup: 200, GroupsPerInterface: 5}}
	for i := range 3 {
		res.PrefixLists = append(res.PrefixLists, drawList(t, randomLists()[i], i == 2))
	}
	for v := range 2 {
		drawVPC(t, &res, v, randomLists())
	}
	return res
}

// randomLists are the prefix lists of a random world, the last one of IPv6.
func randomLists() []string { return []string{"list-0", "list-1", "list-2"} }

// drawPacket makes a packet that some machine sends, most often from one of its
// own addresses.
func drawPacket(t *rapid.T, w world) naivePacket {
	s := w.Snapshot()
	var p naivePacket
	var own []netip.Addr
	if i := rapid.IntRange(0, len(s.Interfaces())+len(s.Hosts())-1).Draw(t, "sender"); i < len(s.Interfaces()) {
		p.from = &s.Interfaces()[i]
		p.vpcID, own, p.From = p.from.VPCID, p.from.Addresses, w.ByID(p.from.ID)
	} else {
		h := s.Hosts()[i-len(s.Interfaces())]
		p.vpcID, own, p.From = h.VPCID, h.Addresses, w.ByID(h.ID)
	}
	ipv6 := rapid.Bool().Draw(t, "IPv6")
	sameFamily := func(addrs []netip.Addr) []netip.Addr {
		return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return a.Is6() != ipv6 })
	}
	anyones := sameFamily(randomAddresses())
	p.Src = rapid.SampledFrom(sameFamily(own)).Draw(t, "source")
	if rapid.IntRange(0, 4).Draw(t, "source is own") == 0 {
		p.Src = rapid.SampledFrom(anyones).Draw(t, "source")
	}
	p.Dst = rapid.SampledFrom(anyones).Draw(t, "destination")
	p.to, p.To = naive{s}.owner(p.vpcID, p.Dst), w.Resolve(p.From, p.Dst)
	p.Protocol = uint8(rapid.SampledFrom(someProtocols).Draw(t, "protocol"))
	p.HasTransport = rapid.IntRange(0, 9).Draw(t, "has transport") > 0
	p.SrcPort = uint16(rapid.SampledFrom(somePorts).Draw(t, "source port"))
	p.DstPort = uint16(rapid.SampledFrom(somePorts).Draw(t, "destination port"))
	p.ICMPType = uint8(rapid.SampledFrom(someTypes).Draw(t, "icmp type"))
	p.ICMPCode = uint8(rapid.SampledFrom([]int32{0, 4, 9}).Draw(t, "icmp code"))
	return p
}

// randomAddresses are all addresses that packets of a random world may have.
// Those of machines stand in it twice, since more happens there.
func randomAddresses() (all []netip.Addr) {
	for _, addrs := range slices.Concat(someInterfaces, someInterfaces, someSecondary, someSecondary, someHosts, someHosts, nobodys) {
		all = append(all, addrList(addrs)...)
	}
	return all
}

// translate returns a flow of another world as it is in this one, where its
// sender must exist too.
func (w world) translate(other world, f Flow) *Flow {
	f.From = w.ByID(other.ID(f.From))
	f.To = w.Resolve(f.From, f.Dst)
	return &f
}
