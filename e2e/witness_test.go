package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/internal/needs"
)

// The environment of the witness: the seed, to see a run again, and how many
// probes to send at least.
const (
	seedVariable   = "SGATE_WITNESS_SEED"
	probesVariable = "SGATE_WITNESS_PROBES"
)

const (
	leastProbes = 2000
	worldProbes = 250  // in each world
	leastShare  = 0.10 // of each verdict, so that none of them goes untested
	explained   = 3    // differences that are shown with the rules behind them
)

// TestWitness compares sgate with the kernel. It draws random security groups,
// gives them to a lab and, as nftables rules, to a router between namespaces,
// sends the same probes from real sockets in both, and wants the same verdicts:
// reply, refused or timeout. What each end tracks by itself, and what it does
// not track at all, one ruleset of nftables cannot say: no probe asks about it,
// other tests do.
func TestWitness(t *testing.T) {
	needsKernel(t)
	seed := variable(t, seedVariable, rand.Uint64())
	count := max(1, int(variable(t, probesVariable, leastProbes)))
	// To standard output, and not to the test's log: it is for a run that
	// passes, too, or that hangs.
	fmt.Printf("%s=%d\n", seedVariable, seed)
	tally := make(map[string]int)
	worlds := (count + worldProbes - 1) / worldProbes
	for n := 0; n < worlds && !t.Failed(); n++ {
		t.Run(fmt.Sprintf("world-%d", n), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			w := newWorld(r)
			probes := w.probes(r, worldProbes)
			differ := 0
			for i, o := range watch(t, w, w, probes).compare(t, probes, patience()) {
				tally["all"]++
				tally[string(o.kernel)]++
				tally[probes[i].network()+" "+string(o.kernel)]++
				if o.agreed() {
					continue
				}
				t.Errorf("%s=%d: %v: %v", seedVariable, seed, probes[i], o)
				if differ++; differ <= explained {
					t.Logf("what decides about it:\n%s", w.rulesOf(probes[i]))
				}
			}
			if t.Failed() {
				t.Logf("to see it again: %s=%d go test -run '^TestWitness$/^world-%d$' ./e2e", seedVariable, seed, n)
			}
		})
	}
	fmt.Printf("%s=%d: %d probes in %d worlds:%s\n", seedVariable, seed, tally["all"], worlds, table(tally))
	if tally["all"] < count {
		return // a world has failed, or not all were asked for
	}
	for _, v := range []verdict{replied, refused, timedOut} {
		if share := float64(tally[string(v)]) / float64(tally["all"]); share < leastShare {
			t.Errorf("%s=%d: %.0f %% of the verdicts are %q, want at least %.0f %%", seedVariable, seed, 100*share, v, 100*leastShare)
		}
	}
}

// TestWitnessSeesWhatIsMissing gives each side a rule less than the other, and
// wants the two probes that those rules admit, and no other, to differ.
func TestWitnessSeesWhatIsMissing(t *testing.T) {
	needsKernel(t)
	ours, theirs := smallWorld(), smallWorld()
	ours.groups[1].ingress = slices.Delete(ours.groups[1].ingress, 0, 1)
	theirs.groups[1].ingress = slices.Delete(theirs.groups[1].ingress, 1, 2)
	client, server := ours.machines[0].addrs, ours.machines[1].addrs
	probes := []probe{
		{Src: client[0], Dst: server[0], Protocol: tcp, Port: 80, Open: true},
		{Src: client[1], Dst: server[1], Protocol: udp, Port: 53, Open: true},
		{Src: client[0], Dst: server[0], Protocol: tcp, Port: 22, Open: true},
		{Src: client[1], Dst: server[1], Protocol: tcp, Port: 23},
		{Src: client[1], Dst: server[1], Protocol: udp, Port: 23},
		{Src: client[0], Dst: server[0], Protocol: 253, Open: true},
		{Src: client[0], Dst: server[0], Protocol: 254},
		{Src: client[0], Dst: server[0], Protocol: icmp4, Type: 8},
		{Src: client[1], Dst: server[1], Protocol: icmp6, Type: 128},
		{Src: server[0], Dst: client[0], Protocol: icmp4, Type: 13},
		{Src: server[1], Dst: client[1], Protocol: tcp, Port: 22, Open: true},
	}
	want := []outcome{
		{timedOut, replied},
		{replied, timedOut},
		{timedOut, timedOut},
		{refused, refused},
		{timedOut, timedOut}, // ICMP errors need a rule
		{replied, replied},
		{refused, refused}, // as this one, in IPv4, has
		{replied, replied},
		{replied, replied},
		{timedOut, timedOut},
		{timedOut, timedOut},
	}
	got := watch(t, ours, theirs, probes).compare(t, probes, patience()[:2])
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("outcomes of the probes (-want +got):\n%s", diff)
	}
}

// smallWorld has a client and a server, whose ingress rules are for tcp 80, udp
// 53 and a few things more.
func smallWorld() *world {
	clients := peer{group: "clients"}
	ipv4 := peer{cidr: netip.MustParsePrefix("10.0.0.0/16")}
	return &world{
		machines: []machine{
			{name: "client", subnet: 1, groups: []string{"clients"}, addrs: []netip.Addr{
				netip.MustParseAddr("10.0.1.10"), netip.MustParseAddr("fd00:10:0:1::10"),
			}},
			{name: "server", subnet: 1, groups: []string{"servers"}, addrs: []netip.Addr{
				netip.MustParseAddr("10.0.1.20"), netip.MustParseAddr("fd00:10:0:1::20"),
			}},
		},
		groups: []group{
			{name: "clients", silent: true, egress: everywhere(), ingress: []rule{
				{service{icmp4, 3, anything}, ipv4},
			}},
			{name: "servers", silent: true, egress: everywhere(), ingress: []rule{
				{service{tcp, 80, 80}, clients},
				{service{udp, 53, 53}, clients},
				{service{tcp, 23, 23}, clients},
				{service{udp, 23, 23}, clients},
				{service{253, anything, anything}, ipv4},
				{service{254, anything, anything}, ipv4},
				{service{icmp4, 8, 0}, clients},
				{service{icmp6, anything, anything}, clients},
			}},
		},
	}
}

// needsKernel ends a test that compares with the kernel where it cannot.
func needsKernel(t *testing.T) {
	t.Helper()
	needs.Root(t)
	if _, err := exec.LookPath("nft"); err != nil {
		needs.Missing(t, "nft (Debian package nftables)")
	}
}

// variable reads a number from the environment.
func variable(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q: want a number", name, value)
	}
	return n
}

// patience is how long silence must last to count as a timeout: a probe on
// which the two do not agree is sent again, anew, with more of it, so that a
// busy machine is not taken for a firewall.
func patience() []time.Duration {
	return []time.Duration{1200 * time.Millisecond, 2500 * time.Millisecond, 4 * time.Second, 6 * time.Second}
}

// outcome is what the two made of a probe.
type outcome struct{ sgate, kernel verdict }

func (o outcome) agreed() bool {
	return o.sgate == o.kernel && slices.Contains([]verdict{replied, refused, timedOut}, o.sgate)
}

func (o outcome) String() string { return fmt.Sprintf("sgate: %s, kernel: %s", o.sgate, o.kernel) }

// witness is a world twice: behind sgate and behind the kernel.
type witness struct {
	world         *world
	sgate, kernel []*agent // of each machine
}

// watch brings up one world behind sgate and one, usually the same, behind the
// kernel, with listeners for the probes in both.
func watch(t *testing.T, ours, theirs *world, probes []probe) *witness {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	lab := labUp(t, writeFile(t, "witness.yaml", ours.config()))
	spaces := kernelUp(t, theirs, lab)
	x := &witness{world: ours}
	for i, m := range ours.machines {
		x.sgate = append(x.sgate, startAgent(t, binary(t), "lab", "exec", "--lab", lab, m.name, "--", self))
		x.kernel = append(x.kernel, startAgent(t, "ip", "netns", "exec", spaces[i], self))
	}
	t.Cleanup(func() { // all at once: it takes a moment to end
		for _, a := range slices.Concat(x.sgate, x.kernel) {
			a.in.Close()
		}
	})
	x.tell(t, x.listeners(probes))
	return x
}

// listeners returns the orders to listen where the probes are to find somebody.
func (x *witness) listeners(probes []probe) []order {
	listen := make([]order, len(x.world.machines))
	heard := make(map[probe]bool)
	for _, p := range probes {
		at := probe{Dst: p.Dst, Protocol: p.Protocol, Port: p.Port}
		if p.Open && !heard[at] {
			heard[at] = true
			to := x.world.owner(p.Dst)
			listen[to].Listen = append(listen[to].Listen, at)
		}
	}
	return listen
}

// compare sends the probes on both sides, at the same time, and again those on
// which they do not agree, once for each patience.
func (x *witness) compare(t *testing.T, probes []probe, patience []time.Duration) []outcome {
	t.Helper()
	outcomes := make([]outcome, len(probes))
	for round, silence := range patience {
		orders := make([]order, len(x.world.machines))
		sent := make([][]int, len(orders)) // the probes' numbers
		for i, p := range probes {
			if outcomes[i].agreed() {
				continue
			}
			if round > 0 {
				t.Logf("sent again, with %v to answer: %v: %v", silence, p, outcomes[i])
			}
			from := x.world.owner(p.Src)
			orders[from].Send = append(orders[from].Send, p)
			orders[from].Silence = silence
			sent[from] = append(sent[from], i)
		}
		sgate, kernel := x.tell(t, orders)
		for from, numbers := range sent {
			for n, i := range numbers {
				outcomes[i] = outcome{sgate[from].Verdicts[n], kernel[from].Verdicts[n]}
			}
		}
	}
	return outcomes
}

// tell gives the agents of both sides the same orders, at the same time.
func (x *witness) tell(t *testing.T, orders []order) (sgate, kernel []report) {
	t.Helper()
	var sides sync.WaitGroup
	sides.Go(func() { sgate = tell(t, x.sgate, orders) })
	sides.Go(func() { kernel = tell(t, x.kernel, orders) })
	sides.Wait()
	if t.Failed() {
		t.FailNow() // an agent has failed: there is nothing to compare
	}
	return sgate, kernel
}

// rulesOf returns what decides about a probe: who has its addresses, and the
// rules of their groups.
func (w *world) rulesOf(p probe) string {
	var b strings.Builder
	for _, m := range []machine{w.machines[w.owner(p.Src)], w.machines[w.owner(p.Dst)]} {
		fmt.Fprintf(&b, "%s has %v, groups %v\n", m.name, m.addrs, m.groups)
		for _, name := range m.groups {
			g := w.group(name)
			g.config(&b)
		}
	}
	for _, l := range w.lists {
		fmt.Fprintf(&b, "%s is %v\n", l.name, l.entries)
	}
	for _, m := range w.machines {
		fmt.Fprintf(&b, "%s is in %v\n", m.name, m.groups)
	}
	return b.String()
}

// table writes how often each verdict was seen.
func table(tally map[string]int) string {
	var b strings.Builder
	for _, network := range []string{"", "tcp ", "udp ", "icmp ", "other "} {
		fmt.Fprintf(&b, "\n%-6s", network)
		for _, v := range []verdict{replied, refused, timedOut} {
			fmt.Fprintf(&b, "  %4d %s", tally[network+string(v)], v)
		}
	}
	return b.String()
}
