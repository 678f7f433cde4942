package gateway

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/fragment"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// tables is AWS's account of connection tracking, read naively: every interface
// has a table of its own, in which a flow lives until its timeout.
type tables map[string]map[flowOf]int64 // by interface; when the entry ends, ns

// flowOf is a flow, whichever end has opened it.
type flowOf struct{ a, b netip.AddrPort }

func newFlowOf(a, b netip.AddrPort) flowOf {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return flowOf{a, b}
}

// passes asks one end: by its entry, else by its rules, which then make one.
func (t tables) passes(nic string, f flowOf, admitted bool, now int64, timeout time.Duration) bool {
	if t[nic][f] <= now && !admitted {
		return false
	}
	if t[nic] == nil {
		t[nic] = make(map[flowOf]int64)
	}
	t[nic][f] = now + int64(timeout)
	return true
}

// admits reads rules of UDP ports with one group as peer.
func admits(rules []vpc.Rule, peer string, port uint16) bool {
	for _, r := range rules {
		if r.Peer.GroupID == "sg-"+peer && r.FromPort <= int32(port) && int32(port) <= r.ToPort {
			return true
		}
	}
	return false
}

// TestRepliesPassExactlyWhileTheirFlowLives lets machines send datagrams to each
// other while rules come and go and time passes, and holds every packet's fate
// against the naive tables.
func TestRepliesPassExactlyWhileTheirFlowLives(t *testing.T) {
	names := []string{"a", "b", "c"}
	own := map[string]time.Duration{"a": 30 * time.Second, "b": 45 * time.Second, "c": 60 * time.Second}
	rapid.Check(t, func(rt *rapid.T) {
		res := vpc.Resources{
			VPCs:    []vpc.VPC{{ID: theVPC, CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")}},
			Subnets: []vpc.Subnet{{ID: theSubnet, VPCID: theVPC, CIDR: prefix("10.0.1.0/24"), IPv6CIDR: prefix("fd00:10:0:1::/64")}},
		}
		anyRule := func() vpc.Rule {
			port := int32(rapid.IntRange(1, 3).Draw(rt, "port"))
			return rule(vpc.UDP, port, min(3, port+1), rapid.SampledFrom(names).Draw(rt, "peer"))
		}
		addrs := make(map[string]netip.Addr)
		for i, name := range names {
			addrs[name] = addr(fmt.Sprintf("10.0.1.%d", 10+i))
			res.SecurityGroups = append(res.SecurityGroups, vpc.SecurityGroup{ID: "sg-" + name, Name: name, VPCID: theVPC})
			nic := instance(name, []string{addrs[name].String()}, name)
			nic.ConnectionTracking = vpc.ConnectionTracking{UDP: own[name], UDPStream: 60 * time.Second}
			res.Interfaces = append(res.Interfaces, nic)
		}
		now := int64(time.Hour)
		w, apply := manual(rt, res, names)
		model := make(tables)
		send := func(from, to string, srcPort, dstPort uint16) {
			src, dst := netip.AddrPortFrom(addrs[from], srcPort), netip.AddrPortFrom(addrs[to], dstPort)
			f := newFlowOf(src, dst)
			groups := map[string]vpc.SecurityGroup{}
			for _, g := range res.SecurityGroups {
				groups[g.Name] = g
			}
			want := "forwarded"
			switch {
			case !model.passes(from, f, admits(groups[from].Egress, to, dstPort), now, own[from]):
				want = "no_egress_rule"
			case !model.passes(to, f, admits(groups[to].Ingress, from, dstPort), now, own[to]):
				want = "no_ingress_rule"
			}
			w.now = now
			if got := w.fateOf(from, udpPacket(src.String(), dst.String())); got != want {
				rt.Fatalf("%v to %v at %v: %s, want %s", src, dst, time.Duration(now), got, want)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"send": func(*rapid.T) {
				pair := rapid.Permutation(names).Draw(rt, "pair")
				port := rapid.SampledFrom([]uint16{1, 2, 3, 9})
				send(pair[0], pair[1], port.Draw(rt, "from"), port.Draw(rt, "to"))
			},
			"time passes": func(*rapid.T) {
				now += int64(rapid.SampledFrom([]int{1, 14, 15, 30, 45}).Draw(rt, "seconds")) * int64(time.Second)
			},
			"a rule comes or goes": func(*rapid.T) {
				g := &res.SecurityGroups[rapid.IntRange(0, 2).Draw(rt, "group")]
				rules := &g.Ingress
				if rapid.Bool().Draw(rt, "egress") {
					rules = &g.Egress
				}
				if n := len(*rules); n > 2 || n > 0 && rapid.Bool().Draw(rt, "goes") {
					*rules = append([]vpc.Rule(nil), (*rules)[1:]...)
				} else if r := anyRule(); !admitsAll(*rules, r) {
					*rules = append((*rules)[:n:n], r)
				}
				apply(res)
			},
		})
	})
}

// admitsAll reports whether a rule with that identity is there already.
func admitsAll(rules []vpc.Rule, r vpc.Rule) bool {
	for _, old := range rules {
		if old.FromPort == r.FromPort && old.ToPort == r.ToPort && old.Peer == r.Peer {
			return true
		}
	}
	return false
}

// manual returns a worker that a test drives itself, and a function that puts
// resources in force. UDP streams live as long as any UDP here, since the naive
// tables do not count exchanges.
func manual(rt *rapid.T, res vpc.Resources, ids []string) (*worker, func(vpc.Resources)) {
	first, err := vpc.New(res)
	if err != nil {
		rt.Fatal(err)
	}
	w := quiet(rt, first, ids...)
	g := w.gateway
	apply := func(res vpc.Resources) {
		s, err := vpc.New(res)
		if err != nil {
			rt.Fatal(err)
		}
		if err := g.Apply(filter.Compile(s)); err != nil {
			rt.Fatal(err)
		}
		for _, id := range ids { // the same timeout for streams
			o := g.limits
			set(&o.Timeouts.UDP, mustInterface(s, id).ConnectionTracking.UDP)
			o.Timeouts.UDPStream = o.Timeouts.UDP
			if err := g.flows.SetInterfaces(map[uint32]conntrack.Limits{g.Port(id).number: o}); err != nil {
				rt.Fatal(err)
			}
		}
	}
	apply(res)
	return w, apply
}

func mustInterface(s *vpc.Snapshot, id string) vpc.NetworkInterface {
	nic, _ := s.Interface(id)
	return nic
}

// fateOf processes a packet at the worker's time and returns the drop's reason,
// or the fate.
func (w *worker) fateOf(from string, packet []byte) string {
	v := w.gateway.view.Load()
	port := w.gateway.Port(from)
	before := port.Counters()
	w.takeFrame(v, port, append(make([]byte, tun.HeaderLen), packet...))
	after := port.Counters()
	for r := range after.Dropped {
		if after.Dropped[r] > before.Dropped[r] {
			return Reason(r).String()
		}
	}
	if after.Local > before.Local {
		return "local"
	}
	return "forwarded"
}

// TestCountersAddUp throws packets of every kind, mangled ones too, at a gateway:
// whatever was received and is not held was forwarded, local or dropped, and who
// watches was shown as much.
func TestCountersAddUp(t *testing.T) {
	data := bytes.Repeat([]byte{7}, 100)
	seeds := [][]byte{
		syn("10.0.1.10:4000", "10.0.1.20:80"), ack("10.0.1.10:4000", "10.0.1.20:80"), udpPacket("10.0.1.10:1", "10.0.1.20:53", data...),
		udpPacket("[fd00:10:0:1::10]:1", "[fd00:10:0:1::20]:53", data...), icmpPacket("10.0.1.10", "10.0.1.1", 8, 0, 1), ping("10.0.1.10", "10.0.1.20", data),
		icmpError("10.0.1.10", "10.0.1.20", 3, 4, udpPacket("10.0.1.20:53", "10.0.1.10:1")), solicitation("fd00:10:0:1::10", "ff02::1:ff00:1", "fd00:10:0:1::1", 255),
		udpPacket("10.0.1.10:1", "169.254.169.253:53"), udpPacket("10.0.1.10:68", "255.255.255.255:67"), withTTL(syn("10.0.1.10:4001", "10.0.1.20:80"), 1),
		ipPacket(addr("10.0.1.10"), addr("10.0.1.20"), 47, data), segment("10.0.1.10:4000", "10.0.1.20:80", header.TCPFlagRst, 7, 0),
	}
	seeds = append(seeds, cut(seeds[2], 1, 40)...)
	seeds = append(seeds, cut(seeds[3], 1, 40)...)
	rapid.Check(t, func(rt *rapid.T) {
		res := vpc.Resources{
			VPCs:    []vpc.VPC{{ID: theVPC, CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")}},
			Subnets: []vpc.Subnet{{ID: theSubnet, VPCID: theVPC, CIDR: prefix("10.0.1.0/24"), IPv6CIDR: prefix("fd00:10:0:1::/64")}},
			SecurityGroups: []vpc.SecurityGroup{{ID: "sg-a", Name: "a", VPCID: theVPC, Egress: everything(), Ingress: []vpc.Rule{
				rule(vpc.UDP, 53, 53, "a"), rule(vpc.TCP, 80, 80, "0.0.0.0/0"), rule(vpc.ICMP, vpc.Any, vpc.Any, "a"),
			}}},
			Interfaces: []vpc.NetworkInterface{
				instance("a", []string{"10.0.1.10", "fd00:10:0:1::10"}, "a"), instance("b", []string{"10.0.1.20", "fd00:10:0:1::20"}, "a"),
			},
		}
		w, _ := manual(rt, res, []string{"a", "b"})
		v := w.gateway.view.Load()
		port := w.gateway.Port("a")
		var shown tally
		defer w.gateway.Watch(&shown)()
		var sent uint64
		for range rapid.IntRange(1, 60).Draw(rt, "packets") {
			frame := append(make([]byte, tun.HeaderLen), rapid.SampledFrom(seeds).Draw(rt, "packet")...)
			if rapid.IntRange(0, 2).Draw(rt, "mangled") == 0 {
				frame[rapid.IntRange(0, len(frame)-1).Draw(rt, "at")] ^= byte(rapid.IntRange(1, 255).Draw(rt, "bits"))
			}
			if rapid.IntRange(0, 9).Draw(rt, "cut off") == 0 {
				frame = frame[:rapid.IntRange(0, len(frame)).Draw(rt, "length")]
			}
			w.takeFrame(v, port, frame)
			sent++
			w.now += int64(rapid.IntRange(0, 40).Draw(rt, "seconds")) * int64(time.Second)
			held, _ := w.gateway.fragments.Held(fragment.Owner{Interface: port.number})
			c := port.Counters()
			if sum := c.Forwarded + c.Local + c.TotalDropped(); c.Received != sum || c.Received+uint64(held) < sent { // a super-packet counts as several
				rt.Fatalf("%d packets sent, %d received, forwarded + local + dropped %d, %d held", sent, c.Received, sum, held)
			}
			if want := (tally{c.Forwarded, c.Local, c.Dropped, c.ReceivedBytes}); shown != want {
				rt.Fatalf("shown (-want +got):\n%s", cmp.Diff(want, shown, cmp.AllowUnexported(tally{})))
			}
		}
	})
}
