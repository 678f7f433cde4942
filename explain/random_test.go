package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// The universe of the random worlds is small, so that rules, packets and flows
// meet.
var (
	someCIDRs = []string{
		"0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0", "::/0", "::/0", "10.0.1.0/24", "10.0.1.10/32", "10.0.2.0/24", "203.0.113.0/24", "203.0.113.10/32",
		"::/0", "fd00:10:0:1::/64", "fd00:10:0:1::10/128", "fd00:10:0:2::/64", "2001:db8::/32",
	}
	someMachines = []string{"10.0.1.10 fd00:10:0:1::10", "10.0.1.11 fd00:10:0:1::11", "10.0.2.20 fd00:10:0:2::20"}
	someHosts    = []string{"203.0.113.10 2001:db8::10", "198.51.100.7 2001:db9::7"}
	// nobodys are in a subnet, outside, the router's and a service's.
	nobodys       = []string{"10.0.1.99", "192.0.2.1", "10.0.1.1", "169.254.169.254", "fd00:10:0:1::99", "2001:db8::99", "fd00:10:0:1::1"}
	somePorts     = []uint16{22, 443, firstPort}
	someProtocols = []vpc.Protocol{vpc.TCP, vpc.TCP, vpc.TCP, vpc.UDP, vpc.UDP, vpc.ICMP, 47}
	someTypes     = []uint8{0, 3, 8, 11, 128, 129}
)

func addresses(s string) (all []netip.Addr) {
	for a := range strings.FieldsSeq(s) {
		all = append(all, address(a))
	}
	return all
}

// drawService makes protocol and ports as rules and entries have them.
func drawService(t *rapid.T) (p vpc.Protocol, from, to int32) {
	p = rapid.SampledFrom([]vpc.Protocol{vpc.AllProtocols, vpc.TCP, vpc.TCP, vpc.TCP, vpc.UDP, vpc.UDP, vpc.ICMP, vpc.ICMPv6, 47}).Draw(t, "protocol")
	switch {
	case p.HasPorts():
		span := rapid.SampledFrom([][2]int32{{0, 65535}, {0, 65535}, {22, 22}, {443, 443}, {0, 1023}, {1024, 65535}}).Draw(t, "ports")
		return p, span[0], span[1]
	case p.IsICMP() && rapid.Bool().Draw(t, "has type"):
		return p, int32(rapid.SampledFrom(someTypes).Draw(t, "type")), rapid.SampledFrom([]int32{vpc.Any, 0, 4}).Draw(t, "code")
	}
	return p, vpc.Any, vpc.Any
}

func drawRules(t *rapid.T, groups []string) []vpc.Rule {
	rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) (r vpc.Rule) {
		r.Protocol, r.FromPort, r.ToPort = drawService(t)
		switch rapid.IntRange(0, 3).Draw(t, "kind of peer") {
		case 0:
			r.Peer.GroupID = rapid.SampledFrom(groups).Draw(t, "group")
		case 1:
			r.Peer.PrefixListID = "pl-0"
		default:
			r.Peer.CIDR = prefix(rapid.SampledFrom(someCIDRs).Draw(t, "cidr"))
		}
		return r
	}), 1, 6).Draw(t, "rules")
	seen := make(map[vpc.Key]bool)
	return slices.DeleteFunc(rules, func(r vpc.Rule) bool {
		twice := seen[r.Canonical().Key()]
		seen[r.Canonical().Key()] = true
		return twice
	})
}

// drawEntries makes the entries of a network ACL: more allow than deny, lest
// nothing ever passes.
func drawEntries(t *rapid.T) []vpc.NetworkACLEntry {
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) vpc.NetworkACLEntry {
		e := vpc.NetworkACLEntry{
			Number: rapid.IntRange(1, 5).Draw(t, "number"), Direction: rapid.SampledFrom([]vpc.Direction{vpc.Ingress, vpc.Egress}).Draw(t, "direction"),
			Allow: rapid.IntRange(0, 3).Draw(t, "deny") > 0, CIDR: prefix(rapid.SampledFrom(someCIDRs).Draw(t, "cidr")),
		}
		e.Protocol, e.FromPort, e.ToPort = drawService(t)
		return e
	}), 0, 8, func(e vpc.NetworkACLEntry) [2]int { return [2]int{int(e.Direction), e.Number} }).Draw(t, "entries")
}

// drawResources makes two VPCs with equal addresses.
func drawResources(t *rapid.T) (res vpc.Resources) {
	res.PrefixLists = []vpc.PrefixList{{ID: "pl-0", Name: "list", MaxEntries: 2, Entries: []vpc.PrefixListEntry{{CIDR: prefix("203.0.113.0/24")}, {CIDR: prefix("10.0.2.20/32")}}}}
	for v := range 2 {
		drawVPC(t, &res, v)
	}
	drawRulesOf(t, &res)
	return res
}

func drawVPC(t *rapid.T, res *vpc.Resources, v int) {
	in := fmt.Sprintf("vpc-%d", v)
	res.VPCs = append(res.VPCs, vpc.VPC{ID: in, Name: in, CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")})
	for n := 1; n <= 2; n++ {
		id := fmt.Sprintf("subnet-%d-%d", v, n)
		res.Subnets = append(res.Subnets, vpc.Subnet{
			ID: id, Name: id, VPCID: in, CIDR: prefix(fmt.Sprintf("10.0.%d.0/24", n)), IPv6CIDR: prefix(fmt.Sprintf("fd00:10:0:%d::/64", n)),
		})
		if rapid.IntRange(0, 3).Draw(t, "acl") == 0 {
			acl := fmt.Sprintf("acl-%d-%d", v, n)
			res.NetworkACLs = append(res.NetworkACLs, vpc.NetworkACL{ID: acl, Name: acl, VPCID: in, SubnetIDs: []string{id}, Entries: drawEntries(t)})
		}
	}
	groups := []string{fmt.Sprintf("sg-%d-0", v), fmt.Sprintf("sg-%d-1", v)}
	for _, id := range groups {
		res.SecurityGroups = append(res.SecurityGroups, vpc.SecurityGroup{ID: id, Name: "group " + id, VPCID: in})
	}
	for i, addrs := range someMachines {
		id := fmt.Sprintf("eni-%d-%d", v, i)
		res.Interfaces = append(res.Interfaces, vpc.NetworkInterface{
			ID: id, Name: id, VPCID: in, SubnetID: fmt.Sprintf("subnet-%d-%d", v, 1+i/2), Addresses: addresses(addrs),
			GroupIDs:        rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 1, 2, rapid.ID).Draw(t, "groups"),
			SourceDestCheck: rapid.IntRange(0, 3).Draw(t, "forwards") > 0,
		})
	}
	for i, addrs := range someHosts {
		id := fmt.Sprintf("host-%d-%d", v, i)
		res.Hosts = append(res.Hosts, vpc.Host{ID: id, Name: id, VPCID: in, Addresses: addresses(addrs)})
	}
}

// drawRulesOf gives the groups new rules.
func drawRulesOf(t *rapid.T, res *vpc.Resources) {
	res.SecurityGroups = slices.Clone(res.SecurityGroups)
	for i := range res.SecurityGroups {
		g := &res.SecurityGroups[i]
		groups := []string{g.ID, g.ID[:len(g.ID)-1] + "0"}
		g.Ingress, g.Egress = drawRules(t, groups), drawRules(t, groups)
	}
}

// drawRequest asks about a packet that a machine can really send.
func drawRequest(t *rapid.T, s *vpc.Snapshot) control.ExplainRequest {
	e := rapid.SampledFrom(s.Endpoints()).Draw(t, "from")
	r := control.ExplainRequest{From: e.Name, IPv6: rapid.Bool().Draw(t, "IPv6"), Brief: true}
	own := func(a netip.Addr) bool { return slices.Contains(e.Addresses, a) }
	machines := ofFamily(r.IPv6, slices.Concat(someMachines, someHosts), own)
	if rapid.IntRange(0, 5).Draw(t, "to a machine") == 0 {
		machines = ofFamily(r.IPv6, slices.Concat(someMachines, nobodys), nil)
	}
	r.To = rapid.SampledFrom(machines).Draw(t, "to")
	if rapid.IntRange(0, 9).Draw(t, "forwards") == 0 {
		r.SourceAddress = rapid.SampledFrom(machines).Draw(t, "source")
	}
	drawPacket(t, &r)
	return r
}

// ofFamily are the addresses of a family, some of them left out.
func ofFamily(ipv6 bool, all []string, out func(netip.Addr) bool) (texts []string) {
	for _, a := range addresses(strings.Join(all, " ")) {
		if a.Is6() == ipv6 && (out == nil || !out(a)) {
			texts = append(texts, a.String())
		}
	}
	return texts
}

// drawPacket says what packet it is.
func drawPacket(t *rapid.T, r *control.ExplainRequest) {
	protocol := rapid.SampledFrom(someProtocols).Draw(t, "protocol")
	if protocol == vpc.ICMP && r.IPv6 {
		protocol = vpc.ICMPv6
	}
	r.Protocol = protocol.String()
	switch {
	case protocol.HasPorts():
		r.Port, r.SourcePort = rapid.SampledFrom(somePorts).Draw(t, "port"), rapid.SampledFrom(somePorts).Draw(t, "source port")
	case protocol.IsICMP() && rapid.Bool().Draw(t, "has type"):
		kind := rapid.SampledFrom(someTypes).Draw(t, "type")
		r.ICMPType, r.ICMPCode = &kind, uint8(rapid.SampledFrom([]int{0, 4}).Draw(t, "code"))
	}
}

// reversed asks about an answer to a packet, if anybody can send it.
func reversed(s *vpc.Snapshot, r control.ExplainRequest) control.ExplainRequest {
	sender, _ := s.FindEndpoint(r.From)
	to := slices.DeleteFunc(s.EndpointsAt(address(r.To)), func(e vpc.Endpoint) bool { return e.VPCID != sender.VPCID })
	if len(to) == 0 || r.SourceAddress != "" {
		return r
	}
	r.From, r.To = to[0].Name, first(sender.Addresses, r.IPv6).String()
	r.Port, r.SourcePort = r.SourcePort, r.Port
	return r
}

// errorAbout asks about an ICMP error on the way of an answer.
func errorAbout(r control.ExplainRequest) control.ExplainRequest {
	kind := uint8(3) // destination unreachable
	r.Protocol = vpc.ICMP.String()
	if r.IPv6 {
		kind, r.Protocol = 1, vpc.ICMPv6.String()
	}
	r.Port, r.SourcePort, r.ICMPType, r.ICMPCode = 0, 0, &kind, 1
	return r
}

// vary makes another packet of a question's: one that opens no flow.
func vary(t *rapid.T, q *question) {
	c := &q.packet
	c.Flags = rapid.SampledFrom([]header.TCPFlags{
		header.TCPFlagSyn, header.TCPFlagSyn, header.TCPFlagSyn | header.TCPFlagAck, header.TCPFlagAck, header.TCPFlagFin | header.TCPFlagAck, header.TCPFlagRst,
	}).Draw(t, "flags")
	c.Seq = rapid.SampledFrom([]uint32{0, 1, 1 << 30}).Draw(t, "seq")
	c.Ack = rapid.SampledFrom([]uint32{0, 1}).Draw(t, "ack")
	q.fresh = false
	c.ICMPID = 1
	if len(c.Payload) > 0 {
		c.ICMPID = 0 // an error's
	}
}

// drawOptions makes the settings that bear on a packet's fate.
func drawOptions(t *rapid.T) gateway.Options {
	return gateway.Options{
		RelatedICMPErrors: rapid.Bool().Draw(t, "related"),
		DropMidstreamTCP:  rapid.Bool().Draw(t, "drop midstream"),
		OnRuleChange:      rapid.SampledFrom([]gateway.RuleChange{gateway.KeepFlows, gateway.KeepFlows, gateway.RevalidateFlows}).Draw(t, "on rule change"),
	}
}

// raw returns a question's packet.
func raw(q *question) []byte { return stack.Compose(q.packet) }
