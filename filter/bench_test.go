package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/sgate/sgate/vpc"
)

// TestJudgeDoesNotAllocate covers each way through a table.
func TestJudgeDoesNotAllocate(t *testing.T) {
	w := compile(t,
		sg("web", "in tcp 443 203.0.113.0/24", "in icmp 8 0.0.0.0/0", "in tcp 80 0.0.0.0/0", "in 47 0.0.0.0/0", "in udp 53 list:office", "out -1 0.0.0.0/0", "in tcp 22 2001:db8::/32"),
		sg("app", "in tcp 8080 group:web", "out -1 0.0.0.0/0"), list("office", "203.0.113.0/25"),
		nic("web", "10.0.1.10 fd00:10:0:1::10", "web"), nic("app", "10.0.1.20", "app"), host("laptop", "203.0.113.10 2001:db8::10"),
	)
	for _, text := range []string{
		"tcp 203.0.113.10 9 > 10.0.1.10 443", "tcp 203.0.113.10 9 > 10.0.1.10 80", "tcp 203.0.113.10 9 > 10.0.1.10 81", "udp 203.0.113.10 9 > 10.0.1.10 53",
		"tcp 2001:db8::10 9 > fd00:10:0:1::10 22", "tcp 10.0.1.10 9 > 10.0.1.20 8080", "icmp 203.0.113.10 > 10.0.1.10 8/0", "icmp 203.0.113.10 > 10.0.1.10 0/0",
		"47 203.0.113.10 > 10.0.1.10",
	} {
		f := w.flow(text)
		if n := testing.AllocsPerRun(100, func() {
			if !w.MaySend(f.From, f.Src) || w.Resolve(f.From, f.Dst) != f.To {
				t.Fatal("the flow is not what the policy says")
			}
			w.Judge(f)
			w.DecideEgress(f)
			w.DecideIngress(f)
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", text, n)
		}
	}
}

// benchPorts are the services of a fleet.
var benchPorts = []int32{22, 25, 53, 80, 110, 143, 389, 443, 445, 1433, 2049, 3306, 5432, 6379, 8080, 9042}

// shape is how the rules of a fleet are spread.
type shape struct {
	name     string
	perGroup int // rules a group, both directions
	groups   int // groups an interface
	quotas   vpc.Quotas
}

// shapes are what AWS's quotas leave room for: the largest groups that an
// account can be granted, and groups within the default quotas, few and many an
// interface.
func shapes() []shape {
	return []shape{
		{"large-groups", 2 * vpc.MaxRulesPerInterface, 1, vpc.Quotas{RulesPerGroup: vpc.MaxRulesPerInterface, GroupsPerInterface: 1}},
		{"small-groups", 50, 2, vpc.DefaultQuotas()},
		{"many-small-groups", 50, 5, vpc.DefaultQuotas()},
	}
}

// fleet is resources with that many interfaces and rules. Every group lets all
// out and admits the first of benchPorts from everywhere, so that flows to these
// ports are admitted in every fleet. The same arguments make the same fleet.
func fleet(interfaces, rules int, of shape) vpc.Resources {
	random := rand.New(rand.NewPCG(1, 2))
	res := resources()
	res.Quotas = of.quotas
	res.Subnets[0].CIDR = res.VPCs[0].CIDR
	groups := max(1, rules/of.perGroup)
	id := func(group int) string { return fmt.Sprintf("sg-%05d", group) }
	for g := range groups {
		group := vpc.SecurityGroup{ID: id(g), Name: fmt.Sprintf("group %d", g), VPCID: vpcID}
		fillGroup(&group, min(rules, of.perGroup), random, func() string { return id(random.IntN(groups)) })
		res.SecurityGroups = append(res.SecurityGroups, group)
	}
	for i := range interfaces {
		n := nic(fmt.Sprint(i), "", "")
		n.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte((i + 4) >> 8), byte(i + 4)})}
		for _, g := range random.Perm(groups)[:min(of.groups, groups)] {
			n.GroupIDs = append(n.GroupIDs, id(g))
		}
		res.Interfaces = append(res.Interfaces, n)
	}
	return res
}

// fillGroup gives a group that many rules, half of them a direction.
func fillGroup(group *vpc.SecurityGroup, rules int, random *rand.Rand, anyGroup func() string) {
	group.Egress = append(group.Egress, rule("-1 0.0.0.0/0"))
	for _, port := range benchPorts[:4] {
		group.Ingress = append(group.Ingress, rule(fmt.Sprintf("tcp %d 0.0.0.0/0", port)))
	}
	seen := make(map[vpc.Key]bool)
	for _, r := range slices.Concat(group.Ingress, group.Egress) {
		seen[r.Key()] = true
	}
	for n := len(seen); n < rules; {
		r := vpc.Rule{Protocol: vpc.TCP, FromPort: benchPorts[random.IntN(len(benchPorts))]}
		r.ToPort = r.FromPort + int32(random.IntN(2)*10)
		if len(group.Egress) < len(group.Ingress) {
			r.Direction = vpc.Egress
		}
		switch kind := random.IntN(20); {
		case kind < 4:
			r.Peer.GroupID = anyGroup()
		case kind < 5:
			r.Peer.CIDR = prefix("0.0.0.0/0")
		case kind < 6:
			r.Peer.CIDR = prefix("10.0.0.0/16")
		default:
			bits := []int{24, 28, 32, 32, 32, 32, 32, 32}[kind%8]
			r.Peer.CIDR, _ = netip.AddrFrom4([4]byte{10, 0, byte(random.Uint32()), byte(random.Uint32())}).Prefix(bits)
		}
		if seen[r.Key()] {
			continue
		}
		seen[r.Key()] = true
		if n++; r.Direction == vpc.Ingress {
			group.Ingress = append(group.Ingress, r)
		} else {
			group.Egress = append(group.Egress, r)
		}
	}
}

// BenchmarkJudge is what it costs to judge a flow and to name the rules that
// decide, both ends asked, between random interfaces.
func BenchmarkJudge(b *testing.B) {
	benchmarkFleets(b, func(w world, f *Flow) { w.Judge(f) })
}

// BenchmarkDecide is what a new flow costs in the packet path, where no rule is
// named.
func BenchmarkDecide(b *testing.B) {
	benchmarkFleets(b, func(w world, f *Flow) {
		if w.DecideEgress(f).Passes() {
			w.DecideIngress(f)
		}
	})
}

func benchmarkFleets(b *testing.B, judge func(world, *Flow)) {
	for _, of := range shapes() {
		for _, interfaces := range []int{10, 1_000, 10_000} {
			for _, rules := range []int{10, 1_000, 100_000} {
				b.Run(fmt.Sprintf("%s/interfaces=%d/rules=%d", of.name, interfaces, rules), func(b *testing.B) {
					benchmarkFlows(b, compiled(b, fleet(interfaces, rules, of)), judge)
				})
			}
		}
	}
}

func benchmarkFlows(b *testing.B, w world, judge func(world, *Flow)) {
	flows := make([]Flow, 1<<12)
	nics := w.Snapshot().Interfaces()
	random := rand.New(rand.NewPCG(3, 4))
	for i := range flows {
		from, to := &nics[random.IntN(len(nics))], &nics[random.IntN(len(nics))]
		flows[i] = Flow{
			From: w.ByID(from.ID), To: w.ByID(to.ID), Src: from.Addresses[0], Dst: to.Addresses[0],
			Protocol: uint8(vpc.TCP), HasTransport: true, SrcPort: 40000, DstPort: uint16(benchPorts[random.IntN(4)]),
		}
	}
	for i := range flows {
		if !w.Judge(&flows[i]).Allowed() {
			b.Fatalf("%+v is not admitted", flows[i])
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		judge(w, &flows[i&(len(flows)-1)])
		i++
	}
}

// BenchmarkACLs is what network ACLs cost each packet between two subnets, both
// of them asked: without an ACL, with one that decides by its only entry, and
// with as many entries as AWS grants, the last of which decides.
func BenchmarkACLs(b *testing.B) {
	for _, entries := range []int{0, 1, vpc.MaxNetworkACLEntries - 1} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			var of []string
			for n := 1; n < entries; n++ {
				deny := fmt.Sprintf("%d deny tcp 80 203.0.113.%d/32", n, n)
				of = append(of, "in "+deny, "out "+deny)
			}
			res := resources(subnet("subnet-2", "10.0.2.0/24", "fd00:10:0:2::/64"),
				nic("a", "10.0.1.10", ""), inSubnet("subnet-2", nic("b", "10.0.2.20", "")))
			if entries > 0 {
				of = append(of, "in 32766 allow tcp 80 10.0.0.0/16", "out 32766 allow tcp 80 10.0.0.0/16")
				res.NetworkACLs = []vpc.NetworkACL{acl("acl-1", "subnet-1 subnet-2", of...)}
			}
			res.Quotas.NetworkACLEntries = vpc.MaxNetworkACLEntries
			w := compiled(b, res)
			f := w.flow("tcp 10.0.1.10 40000 > 10.0.2.20 80")
			b.ReportAllocs()
			for b.Loop() {
				if w.HasACL(f.From, f.To) && !(w.ACLEgress(f).Passes() && w.ACLIngress(f).Passes()) {
					b.Fatal("the flow is denied")
				}
			}
		})
	}
}

// BenchmarkDefaultACL is what the default network ACL costs each packet between
// two subnets, as AWS makes it and with one more entry.
func BenchmarkDefaultACL(b *testing.B) {
	for name, entries := range map[string][]string{"unchanged": nil, "changed": {"in 1 deny tcp 22 203.0.113.0/24"}} {
		b.Run(name, func(b *testing.B) {
			res := resources(subnet("subnet-2", "10.0.2.0/24", "fd00:10:0:2::/64"),
				nic("a", "10.0.1.10", ""), inSubnet("subnet-2", nic("b", "10.0.2.20", "")))
			standard := vpc.DefaultNetworkACL(res.VPCs[0])
			standard.Entries = append(standard.Entries, acl("", "", entries...).Entries...)
			res.NetworkACLs = []vpc.NetworkACL{standard}
			w := compiled(b, res)
			f := w.flow("tcp 10.0.1.10 40000 > 10.0.2.20 80")
			b.ReportAllocs()
			for b.Loop() {
				if w.HasACL(f.From, f.To) && !(w.ACLEgress(f).Passes() && w.ACLIngress(f).Passes()) {
					b.Fatal("the flow is denied")
				}
			}
		})
	}
}

// BenchmarkCompile is what it costs to compile all anew.
func BenchmarkCompile(b *testing.B) {
	for _, of := range shapes() {
		b.Run(of.name+"/interfaces=10000/rules=100000", func(b *testing.B) {
			s, err := vpc.New(fleet(10_000, 100_000, of))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				Compile(s)
			}
		})
	}
}

// BenchmarkUpdate is what a change of one rule costs, validated and compiled.
func BenchmarkUpdate(b *testing.B) {
	for _, of := range shapes() {
		b.Run(of.name+"/interfaces=10000/rules=100000", func(b *testing.B) {
			p := compiled(b, fleet(10_000, 100_000, of)).Policy
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				next := p.Snapshot().Resources()
				g := &next.SecurityGroups[i%len(next.SecurityGroups)]
				g.Ingress = slices.Clone(g.Ingress)
				last := &g.Ingress[len(g.Ingress)-1]
				last.ID, last.FromPort, last.ToPort = "", int32(i%60_000), int32(i%60_000)
				s, err := p.Snapshot().Update(next)
				if err != nil {
					b.Fatal(err)
				}
				p = Update(p, s)
			}
		})
	}
}
