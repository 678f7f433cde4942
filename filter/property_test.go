package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/vpc"
)

// The universe of the random worlds is small, so that rules and flows meet.
var (
	someCIDRs = []string{
		"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "10.0.1.0/24", "10.0.1.8/29", "10.0.1.10/32", "10.0.1.11/32",
		"203.0.113.0/24", "203.0.113.10/32", "::/0", "fd00::/8", "fd00:10:0:1::/64", "fd00:10:0:1::10/128", "2001:db8::/32", "2001:db8::10/128",
	}
	some4    = []string{"10.0.1.10", "10.0.1.11", "10.0.1.12", "10.0.1.20"}
	some6    = []string{"fd00:10:0:1::10", "fd00:10:0:1::11", "fd00:10:0:1::12", "fd00:10:0:1::20"}
	outside4 = []string{"203.0.113.10", "198.51.100.7"}
	outside6 = []string{"2001:db8::10", "2001:db9::7"}
	nobodys4 = []string{"10.0.1.99", "192.0.2.1", "10.0.1.1"}
	nobodys6 = []string{"fd00:10:0:1::99", "2001:db8::99", "fd00:10:0:1::1"}

	somePorts     = []int32{0, 1, 22, 80, 443, 1023, 1024, 40000, 65534, 65535}
	someTypes     = []int32{0, 3, 4, 8, 128, 129, 255}
	someProtocols = []vpc.Protocol{vpc.TCP, vpc.TCP, vpc.UDP, vpc.ICMP, vpc.ICMPv6, 0, 47, 255}
)

func drawRule(t *rapid.T, groups, lists []string) vpc.Rule {
	r := vpc.Rule{FromPort: vpc.Any, ToPort: vpc.Any}
	r.Protocol = rapid.SampledFrom(append([]vpc.Protocol{vpc.AllProtocols}, someProtocols...)).Draw(t, "rule protocol")
	switch {
	case r.Protocol.HasPorts():
		ports := []int32{rapid.SampledFrom(somePorts).Draw(t, "port"), rapid.SampledFrom(somePorts).Draw(t, "port")}
		if rapid.IntRange(0, 3).Draw(t, "all ports") == 0 {
			ports = []int32{0, 65535}
		}
		r.FromPort, r.ToPort = min(ports[0], ports[1]), max(ports[0], ports[1])
	case r.Protocol.IsICMP() && rapid.Bool().Draw(t, "has type"):
		r.FromPort = rapid.SampledFrom(someTypes).Draw(t, "type")
		r.ToPort = rapid.SampledFrom([]int32{vpc.Any, 0, 4}).Draw(t, "code")
	}
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
	rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) vpc.Rule { return drawRule(t, groups, lists) }), 0, 8).Draw(t, "rules")
	seen := make(map[vpc.Key]bool)
	return slices.DeleteFunc(rules, func(r vpc.Rule) bool {
		twice := seen[r.Canonical().Key()]
		seen[r.Canonical().Key()] = true
		return twice
	})
}

// drawResources makes two VPCs with equal addresses, each with groups, machines
// and rules of its own.
func drawResources(t *rapid.T) vpc.Resources {
	var res vpc.Resources
	var lists []string
	for i := range 3 {
		l := list(fmt.Sprintf("list-%d", i))
		cidrs := rapid.SliceOfNDistinct(rapid.SampledFrom(someCIDRs), 0, 4, rapid.ID).Draw(t, "entries")
		for _, c := range cidrs {
			if prefix(c).Addr().Is6() == (i == 2) {
				l.Entries = append(l.Entries, vpc.PrefixListEntry{CIDR: prefix(c)})
			}
		}
		l.IPv6, l.MaxEntries = i == 2, len(l.Entries)
		res.PrefixLists, lists = append(res.PrefixLists, l), append(lists, l.ID)
	}
	for v := range 2 {
		in := fmt.Sprintf("vpc-%d", v)
		one := resources()
		one.VPCs[0].ID, one.Subnets[0].ID, one.Subnets[0].VPCID = in, "subnet-"+in, in
		var groups []string
		for i := range 3 {
			groups = append(groups, fmt.Sprintf("sg-%d-%d", v, i))
		}
		for _, id := range groups {
			res.SecurityGroups = append(res.SecurityGroups, vpc.SecurityGroup{
				ID: id, Name: "group " + id, VPCID: in, Ingress: drawRules(t, groups, lists), Egress: drawRules(t, groups, lists),
			})
		}
		for i := range some4 {
			n := nic(fmt.Sprintf("%d-%d", v, i), some4[i]+" "+some6[i], "")
			n.VPCID, n.SubnetID = in, "subnet-"+in
			n.GroupIDs = rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 0, 3, rapid.ID).Draw(t, "groups")
			res.Interfaces = append(res.Interfaces, n)
		}
		for i := range outside4 {
			h := host(fmt.Sprintf("host-%d-%d", v, i), outside4[i]+" "+outside6[i])
			h.VPCID = in
			res.Hosts = append(res.Hosts, h)
		}
		res.VPCs, res.Subnets = append(res.VPCs, one.VPCs...), append(res.Subnets, one.Subnets...)
	}
	return res
}

// drawPacket makes a packet that some machine sends, most often from one of its
// own addresses.
func drawPacket(t *rapid.T, w world) naivePacket {
	s := w.Snapshot()
	var p naivePacket
	ipv6 := rapid.Bool().Draw(t, "IPv6")
	known, unknown := slices.Concat(some4, outside4), nobodys4
	if ipv6 {
		known, unknown = slices.Concat(some6, outside6), nobodys6
	}
	anyone := func(what string) netip.Addr {
		return address(rapid.SampledFrom(slices.Concat(known, known, unknown)).Draw(t, what))
	}
	family := 0
	if ipv6 {
		family = 1
	}
	if i := rapid.IntRange(0, len(s.Interfaces())+len(s.Hosts())-1).Draw(t, "sender"); i < len(s.Interfaces()) {
		p.from = &s.Interfaces()[i]
		p.vpcID, p.Src, p.From = p.from.VPCID, p.from.Addresses[family], w.ByID(p.from.ID)
	} else {
		h := s.Hosts()[i-len(s.Interfaces())]
		p.vpcID, p.Src, p.From = h.VPCID, h.Addresses[family], w.ByID(h.ID)
	}
	if rapid.IntRange(0, 4).Draw(t, "source is own") == 0 {
		p.Src = anyone("source")
	}
	p.Dst = anyone("destination")
	p.to, p.To = naive{s}.owner(p.vpcID, p.Dst), w.Resolve(p.From, p.Dst)
	p.Protocol = uint8(rapid.SampledFrom(someProtocols).Draw(t, "protocol"))
	p.HasTransport = rapid.IntRange(0, 9).Draw(t, "has transport") > 0
	p.SrcPort = uint16(rapid.SampledFrom(somePorts).Draw(t, "source port"))
	p.DstPort = uint16(rapid.SampledFrom(somePorts).Draw(t, "destination port"))
	p.ICMPType = uint8(rapid.SampledFrom(someTypes).Draw(t, "icmp type"))
	p.ICMPCode = uint8(rapid.SampledFrom([]int32{0, 4, 9}).Draw(t, "icmp code"))
	return p
}

// TestPolicyAgreesWithTheUserGuide holds the compiled policy against the naive
// reading, on random worlds.
func TestPolicyAgreesWithTheUserGuide(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := compiled(t, drawResources(rt))
		twin := naive{w.Snapshot()}
		for range 40 {
			p := drawPacket(rt, w)
			agree := func(side string, got Side, own, peer *vpc.NetworkInterface, d vpc.Direction, addr netip.Addr) {
				if own == nil {
					if got != (Side{Decision: NotAsked, Rule: NoRule}) {
						rt.Fatalf("%s of %+v: got %+v of a machine without groups", side, p.Flow, got)
					}
					return
				}
				admit, untracked := twin.side(d, p, own, peer, addr)
				if got.Passes() != (len(admit) > 0) || got.Untracked != untracked {
					rt.Fatalf("%s of %+v: got %+v (%s), want untracked %t, admitted by %v", side, p.Flow, got, w.decider(got), untracked, admit)
				}
				if !got.Passes() {
					return
				}
				named, _ := w.Rule(got.Rule)
				among := slices.ContainsFunc(admit, func(r vpc.Rule) bool { return r.ID == named.ID })
				if !among || narrowest([]vpc.Rule{named}) != narrowest(admit) {
					rt.Fatalf("%s of %+v: named %v, want one of the narrowest of %v", side, p.Flow, named, admit)
				}
			}
			agree("egress", w.Egress(&p.Flow), p.from, p.to, vpc.Egress, p.Dst)
			agree("ingress", w.Ingress(&p.Flow), p.to, p.from, vpc.Ingress, p.Src)
			if v := w.Judge(&p.Flow); v.Allowed() != (w.Egress(&p.Flow).Passes() && w.Ingress(&p.Flow).Passes()) {
				rt.Fatalf("%+v: the verdict %+v is not what its sides say", p.Flow, v)
			}
		}
	})
}

// TestPermutedWorldsJudgeAlike shuffles every list of a world.
func TestPermutedWorldsJudgeAlike(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		res := drawResources(rt)
		a := compiled(t, res)
		shuffled := vpc.Resources{
			VPCs: rapid.Permutation(res.VPCs).Draw(rt, "vpcs"), Subnets: rapid.Permutation(res.Subnets).Draw(rt, "subnets"),
			SecurityGroups: rapid.Permutation(res.SecurityGroups).Draw(rt, "groups"), PrefixLists: rapid.Permutation(res.PrefixLists).Draw(rt, "lists"),
			Interfaces: rapid.Permutation(res.Interfaces).Draw(rt, "interfaces"), Hosts: rapid.Permutation(res.Hosts).Draw(rt, "hosts"),
		}
		for i := range shuffled.SecurityGroups {
			g := &shuffled.SecurityGroups[i]
			g.Ingress, g.Egress = rapid.Permutation(g.Ingress).Draw(rt, "ingress"), rapid.Permutation(g.Egress).Draw(rt, "egress")
		}
		for i := range shuffled.Interfaces {
			n := &shuffled.Interfaces[i]
			n.GroupIDs = rapid.Permutation(n.GroupIDs).Draw(rt, "memberships")
		}
		b := compiled(t, shuffled)
		for range 40 {
			p := drawPacket(rt, a)
			q := p.Flow
			q.From = b.ByID(a.ID(p.From))
			q.To = b.Resolve(q.From, q.Dst)
			if got, want := b.Judge(&q), a.Judge(&p.Flow); got != want {
				rt.Fatalf("%+v: got %+v after the lists were shuffled, want %+v", p.Flow, got, want)
			}
		}
	})
}
