package gateway

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// fleet is resources of that many interfaces and rules, in groups of 50 rules,
// so many of them an interface. Every group lets all out and admits the first
// four of fleetPorts from everywhere. The same arguments make the same fleet.
func fleet(interfaces, rules, groupsEach int) vpc.Resources {
	random := rand.New(rand.NewPCG(1, 2))
	res := vpc.Resources{
		VPCs:    []vpc.VPC{{ID: theVPC, CIDR: prefix("10.0.0.0/16")}},
		Subnets: []vpc.Subnet{{ID: theSubnet, VPCID: theVPC, CIDR: prefix("10.0.0.0/16")}},
	}
	groups := max(1, rules/50)
	id := func(group int) string { return fmt.Sprintf("sg-%05d", group) }
	for g := range groups {
		group := vpc.SecurityGroup{ID: id(g), Name: fmt.Sprint(g), VPCID: theVPC, Egress: []vpc.Rule{all("0.0.0.0/0")}}
		for _, port := range fleetPorts[:4] {
			group.Ingress = append(group.Ingress, rule(vpc.TCP, port, port, "0.0.0.0/0"))
		}
		for n := 5; n < min(rules, 50); n++ {
			r := fleetRule(random, func() string { return id(random.IntN(groups)) })
			of := [...]*[]vpc.Rule{&group.Ingress, &group.Egress}[n%2]
			if slices.ContainsFunc(*of, func(old vpc.Rule) bool { return old.Canonical().Key() == r.Canonical().Key() }) {
				n-- // that one is there
				continue
			}
			*of = append(*of, r)
		}
		res.SecurityGroups = append(res.SecurityGroups, group)
	}
	for i := range interfaces {
		nic := instance(fmt.Sprintf("eni-%05d", i), nil)
		nic.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte((i + 4) >> 8), byte(i + 4)})}
		for _, g := range random.Perm(groups)[:min(groupsEach, groups)] {
			nic.GroupIDs = append(nic.GroupIDs, id(g))
		}
		res.Interfaces = append(res.Interfaces, nic)
	}
	return res
}

// fleetPorts are the services of a fleet.
var fleetPorts = []int32{22, 25, 53, 80, 110, 143, 389, 443, 445, 1433, 2049, 3306, 5432, 6379, 8080, 9042}

func fleetRule(random *rand.Rand, anyGroup func() string) vpc.Rule {
	r := vpc.Rule{Protocol: vpc.TCP, FromPort: fleetPorts[random.IntN(len(fleetPorts))]}
	r.ToPort = r.FromPort + int32(random.IntN(2)*10)
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
	return r
}

// attachFleet is a quiet gateway with a device for each interface.
func attachFleet(b *testing.B, res vpc.Resources) *worker {
	b.Helper()
	s, err := vpc.New(res)
	if err != nil {
		b.Fatal(err)
	}
	var ids []string
	for _, nic := range s.Interfaces() {
		ids = append(ids, nic.ID)
	}
	return quiet(b, s, ids...)
}

// kinds of new flows, by what admits them at their receiver.
const (
	fromEverywhere = "from-everywhere" // a rule for 0.0.0.0/0
	fromSome       = "from-some"       // a rule for a group or a prefix, and no other
	fromNobody     = "from-nobody"     // none
)

// BenchmarkMiss is the first packet of a flow, from parse to decision, between
// random interfaces: source check, flow table, the groups of both ends, the new
// flow's entry, route.
func BenchmarkMiss(b *testing.B) {
	for _, interfaces := range []int{10, 1_000, 10_000} {
		for _, rules := range []int{10, 1_000, 100_000} {
			for _, each := range []int{2, 5} {
				w := attachFleet(b, fleet(interfaces, rules, each))
				for _, kind := range []string{fromEverywhere, fromSome, fromNobody} {
					b.Run(fmt.Sprintf("groups=%d/%s/interfaces=%d/rules=%d", each, kind, interfaces, rules), func(b *testing.B) {
						benchmarkMiss(b, w, firstPackets(w, kind))
					})
				}
				if err := w.gateway.Close(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
}

// firstPacket is a frame and who sends it.
type firstPacket struct {
	in    *attachment
	frame []byte
}

// newFlows is after how many new flows the table is emptied.
const newFlows = 1 << 18

// firstPackets returns packets of that kind; none if no rules make one.
func firstPackets(w *worker, kind string) (packets []firstPacket) {
	seen := make(map[[3]any]uint16)
	v := w.gateway.view.Load()
	nics := v.policy.Snapshot().Interfaces()
	random := rand.New(rand.NewPCG(3, 4))
	for tries := 0; len(packets) < 1<<12 && tries < 1<<21; tries++ {
		from, to := &nics[random.IntN(len(nics))], &nics[random.IntN(len(nics))]
		port := fleetPorts[random.IntN(4)]
		switch kind {
		case fromSome:
			port = fleetPorts[4+random.IntN(len(fleetPorts)-4)]
		case fromNobody:
			port = 20_000 + random.Int32N(20_000)
		}
		f := filter.Flow{
			From: v.policy.ByID(from.ID), To: v.policy.ByID(to.ID), Src: from.Addresses[0], Dst: to.Addresses[0],
			Protocol: uint8(vpc.TCP), HasTransport: true, DstPort: uint16(port),
		}
		side := v.policy.Ingress(&f)
		named, _ := v.policy.Rule(side.Rule)
		wide := named.Peer.CIDR.IsValid() && named.Peer.CIDR.Bits() == 0
		if from == to || side.Passes() != (kind != fromNobody) || kind == fromSome && wide {
			continue
		}
		// The packets of one pair and port are apart by more than renew makes
		// of one before the table is emptied.
		like := [3]any{f.From, f.To, f.DstPort}
		f.SrcPort, seen[like] = seen[like], seen[like]+2*newFlows>>12
		packet := syn(netip.AddrPortFrom(f.Src, f.SrcPort).String(), netip.AddrPortFrom(f.Dst, f.DstPort).String())
		packets = append(packets, firstPacket{v.at(w.gateway.Port(from.ID).slot), append(make([]byte, tun.HeaderLen), packet...)})
	}
	return packets
}

func benchmarkMiss(b *testing.B, w *worker, packets []firstPacket) {
	if len(packets) < 256 {
		b.Skip("the rules admit too few such flows")
	}
	v := w.gateway.view.Load()
	first := func(i int) {
		p := &packets[i%len(packets)]
		renew(p.frame)
		a, _ := w.admit(v, p.in, p.frame)
		w.decide(v, p.in, p.frame[tun.HeaderLen:], a)
	}
	empty := func() {
		w.gateway.flows.Revise(0, func(*conntrack.Flow, *[2]conntrack.SideState) bool { return false })
	}
	for i := range newFlows { // so that the table has grown
		first(i)
	}
	empty()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%newFlows == newFlows-1 {
			b.StopTimer()
			empty()
			b.StartTimer()
		}
		first(i)
	}
	empty()
}

// renew makes a segment the first of another flow, by its source port.
func renew(frame []byte) {
	t := header.TCP(frame[tun.HeaderLen+header.IPv4MinimumSize:])
	port := t.SourcePort() + 1
	t.SetSourcePortWithChecksumUpdate(port)
}

// BenchmarkChange is what it takes to change one rule of 100,000 with 10,000
// devices attached: the resources validated, the policy compiled and swapped,
// and live flows revised.
func BenchmarkChange(b *testing.B) {
	for _, c := range []struct {
		name  string
		what  RuleChange
		flows int
	}{{"keep", KeepFlows, 0}, {"keep", KeepFlows, 1_000_000}, {"revalidate", RevalidateFlows, 1_000_000}} {
		b.Run(fmt.Sprintf("%s/flows=%d", c.name, c.flows), func(b *testing.B) {
			w := attachFleet(b, fleet(10_000, 100_000, 5))
			w.gateway.onRuleChange = c.what
			fill(b, w, c.flows)
			benchmarkChange(b, w.gateway)
		})
	}
}

// fill opens flows between random interfaces.
func fill(b *testing.B, w *worker, flows int) {
	packets, v := firstPackets(w, fromEverywhere), w.gateway.view.Load()
	w.now = w.gateway.now()
	for i := range flows {
		p := &packets[i%len(packets)]
		renew(p.frame)
		a, _ := w.admit(v, p.in, p.frame)
		w.decide(v, p.in, p.frame[tun.HeaderLen:], a)
	}
	if n := w.gateway.flows.Len(); n < flows*9/10 {
		b.Fatalf("%d flows, want %d", n, flows)
	}
}

func benchmarkChange(b *testing.B, g *Gateway) {
	var validate, compile, apply time.Duration
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		policy, _ := g.Policy()
		start := time.Now()
		res := policy.Snapshot().Resources()
		group := &res.SecurityGroups[i%len(res.SecurityGroups)]
		group.Ingress = slices.Clone(group.Ingress)
		changed := &group.Ingress[len(group.Ingress)-1]
		changed.ID, changed.FromPort, changed.ToPort = "", int32(i%60_000), int32(i%60_000)
		s, err := policy.Snapshot().Update(res)
		if err != nil {
			b.Fatal(err)
		}
		validated := time.Now()
		policy = filter.Update(policy, s)
		compiled := time.Now()
		if err := g.Apply(policy); err != nil {
			b.Fatal(err)
		}
		validate, compile, apply = validate+validated.Sub(start), compile+compiled.Sub(validated), apply+time.Since(compiled)
	}
	for name, d := range map[string]time.Duration{"validate": validate, "compile": compile, "apply": apply} {
		b.ReportMetric(float64(d.Microseconds())/float64(b.N), "µs-"+name)
	}
}

// BenchmarkAttach is what it takes to attach so many devices, one after the
// other, and to detach them, one after the other and all at once.
func BenchmarkAttach(b *testing.B) {
	for _, n := range []int{64, 1_000, 10_000} {
		b.Run(fmt.Sprintf("devices=%d", n), func(b *testing.B) {
			s, err := vpc.New(fleet(n, 100_000, 5))
			if err != nil {
				b.Fatal(err)
			}
			w := quiet(b, s)
			var attach, detach, detachAll time.Duration
			for b.Loop() {
				attach += attachAll(b, w.gateway, s)
				start := time.Now()
				for _, nic := range s.Interfaces() {
					if err := w.gateway.Detach(nic.ID); err != nil {
						b.Fatal(err)
					}
				}
				detach += time.Since(start)
				attachAll(b, w.gateway, s)
				start = time.Now()
				var ids []string
				for _, nic := range s.Interfaces() {
					ids = append(ids, nic.ID)
				}
				if err := w.gateway.Detach(ids...); err != nil {
					b.Fatal(err)
				}
				detachAll += time.Since(start)
			}
			for name, d := range map[string]time.Duration{"attach": attach, "detach": detach, "detach-all": detachAll} {
				b.ReportMetric(float64(d.Nanoseconds())/float64(b.N*n), "ns-"+name+"/device")
			}
		})
	}
}

func attachAll(b *testing.B, g *Gateway, s *vpc.Snapshot) (took time.Duration) {
	for _, nic := range s.Interfaces() {
		dev, err := tun.NewMemory(nic.ID, DefaultMTU)
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		if _, err := g.Attach(nic.ID, dev); err != nil {
			b.Fatal(err)
		}
		took += time.Since(start)
	}
	return took
}
