package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// example is the one of the EC2 User Guide (docs/semantics.md, 4.1): SSH from
// one address, HTTP and ICMP from everywhere, everything out.
const example = `
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
subnets: [{name: net, cidr: 10.0.1.0/24, ipv6_cidr: "fd00:10:0:1::/64"}]
security_groups:
  - name: server
    ingress:
      - {type: SSH, source: 203.0.113.10/32}
      - {type: HTTP, source: [0.0.0.0/0, "::/0"]}
      - {type: All ICMP - IPv4, source: 0.0.0.0/0}
    egress:
      - {type: All traffic, destination: 0.0.0.0/0}
      - {type: All traffic, destination: "::/0"}
  - {name: isolation, ingress: [], egress: []}
instances:
  - {name: server, address: 10.0.1.20, ipv6_address: "fd00:10:0:1::20", security_groups: [server], command: [sgate, listen, "22", "80"]}
hosts:
  - {name: laptop, address: 203.0.113.10, ipv6_address: "2001:db8:113::10"}
`

// without is the example without its lines that have one of those words.
func without(content string, words ...string) string {
	var kept []string
	for _, line := range strings.Split(content, "\n") {
		drop := false
		for _, word := range words {
			drop = drop || strings.Contains(line, word)
		}
		if !drop {
			kept = append(kept, line)
		}
	}
	return strings.Replace(strings.Join(kept, "\n"), "ingress:\n    egress:", "ingress: []\n    egress:", 1)
}

// allConnections are those of the example, and a ping that goes on and on.
type allConnections struct {
	ssh, http, http6 *connection
	ping             *background
}

func connectAll(t *testing.T, lab string) allConnections {
	t.Helper()
	wantConnects(t, lab, attempt{"connects", "laptop", "10.0.1.20", "22"}, attempt{"connects", "laptop", "10.0.1.20", "80"},
		attempt{"connects", "laptop", "fd00:10:0:1::20", "80"})
	c := allConnections{
		ssh:   connectTo(t, lab, "laptop", "10.0.1.20", "22"),
		http:  connectTo(t, lab, "laptop", "10.0.1.20", "80"),
		http6: connectTo(t, lab, "laptop", "fd00:10:0:1::20", "80"),
		ping:  start(t, "lab", "exec", "--lab", lab, "laptop", "--", "ping", "-n", "-i", "0.2", "10.0.1.20"),
	}
	c.ssh.echoes(t, "ssh")
	c.http.echoes(t, "http")
	c.http6.echoes(t, "http6")
	answered(t, c.ping)
	return c
}

// answered waits for more answers to a ping that goes on.
func answered(t *testing.T, ping *background) {
	t.Helper()
	count := func() int { return strings.Count(ping.output(t), "bytes from") }
	before := count()
	until(t, "answers to pings", func() bool { return count() >= before+2 })
}

// TestTrackedAndUntracked takes all ingress rules from the example's server. SSH
// and ICMP are tracked and go on; HTTP is not, and stops at once.
func TestTrackedAndUntracked(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	l := liveUp(t, example)
	open := connectAll(t, l.name)
	l.change(t, without(example, "{type: SSH", "{type: HTTP", "{type: All ICMP"))
	open.ssh.echoes(t, "after its rule was removed")
	open.http.stalls(t, l.name, "laptop", "no_ingress_rule")
	open.http6.stalls(t, l.name, "laptop", "no_ingress_rule")
	answered(t, open.ping)
	together(
		func() { wantConnect(t, "times out", l.name, "laptop", "10.0.1.20", "22") },
		func() { wantPing(t, false, l.name, "laptop", "10.0.1.20") },
	)
	open.ssh.echoes(t, "later")

	// What comes back with its rule, comes back by its rule.
	l.change(t, example)
	until(t, "the untracked connection", func() bool { return len(open.http.lines) > 0 })
}

// TestTrackedWithoutEgress takes the IPv4 egress rule away: all IPv4 is tracked
// then, and IPv6 is not, as before.
func TestTrackedWithoutEgress(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	closed := without(example, "destination: 0.0.0.0/0")
	l := liveUp(t, closed)
	open := connectAll(t, l.name)
	l.change(t, without(closed, "{type: SSH", "{type: HTTP", "{type: All ICMP"))
	open.ssh.echoes(t, "after its rule was removed")
	open.http.echoes(t, "after its rule was removed")
	open.http6.stalls(t, l.name, "laptop", "no_ingress_rule")
	answered(t, open.ping)
}

// TestIsolation gives the server another group, which admits nothing: what is
// tracked goes on, for all that is known (docs/semantics.md, 4.2).
func TestIsolation(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	l := liveUp(t, example)
	open := connectAll(t, l.name)
	isolated := strings.Replace(example, "security_groups: [server]", "security_groups: [isolation]", 1)
	l.change(t, isolated)
	open.ssh.echoes(t, "in isolation")
	open.http.stalls(t, l.name, "laptop", "no_ingress_rule")
	answered(t, open.ping)
	wantConnect(t, "times out", l.name, "laptop", "10.0.1.20", "22")
}

// TestContainment opens the rules both ways before it swaps the group, which
// AWS's incident response relies on to cut tracked connections. Nobody documents
// that it does: here it is a setting.
func TestContainment(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	for _, reclassify := range []string{"true", "false"} {
		t.Run("reclassify="+reclassify, func(t *testing.T) {
			file := "gateway: {conntrack: {reclassify: " + reclassify + "}}\n" + example
			l := liveUp(t, file)
			wantConnect(t, "connects", l.name, "laptop", "10.0.1.20", "22")
			ssh := connectTo(t, l.name, "laptop", "10.0.1.20", "22")
			ssh.echoes(t, "before")
			wide := strings.Replace(file, "{type: SSH, source: 203.0.113.10/32}", "{type: All traffic, source: 0.0.0.0/0}", 1)
			l.change(t, wide)
			ssh.echoes(t, "while all is open")
			l.change(t, strings.Replace(wide, "security_groups: [server]", "security_groups: [isolation]", 1))
			if reclassify == "true" {
				ssh.stalls(t, l.name, "laptop", "no_ingress_rule")
			} else {
				ssh.echoes(t, "in isolation")
			}
		})
	}
}

// tunnels is a pair of machines, of which one may open GRE tunnels to the other.
const tunnels = `
gateway: {conntrack: {other_timeout: 2, icmp_timeout: 2}}
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: net, cidr: 10.0.1.0/24}]
security_groups:
  - {name: a, ingress: []}
  - name: b
    ingress: [{protocol: 47, source: a}, {protocol: icmp, icmp_type: 8, source: a}]
    egress: []
instances:
  - {name: a, address: 10.0.1.10, security_groups: [a]}
  - {name: b, address: 10.0.1.20, security_groups: [b]}
`

// TestOtherProtocols sends GRE and ICMP, which have no ports. An answer passes
// as long as the question is remembered, and no longer; in the kernel GRE would
// take a module.
func TestOtherProtocols(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	l := liveUp(t, tunnels)
	a := newCrafter(t, l.name, "a", 40000, "me=10.0.1.10", "peer=10.0.1.20")
	b := newCrafter(t, l.name, "b", 50000, "me=10.0.1.20", "peer=10.0.1.10")
	atA, atB := newTap(t, l.name, "a"), newTap(t, l.name, "b")
	const (
		tunneled = `IP(src=me, dst=peer, id=ID)/GRE()/IP(src="192.0.2.1", dst="192.0.2.2")/UDP()`
		ping     = `IP(src=me, dst=peer, id=ID)/ICMP(type=8, id=7)`
		pong     = `IP(src=me, dst=peer, id=ID)/ICMP(type=0, id=7)`
	)
	blocked := func(packets string) {
		t.Helper()
		before := drops(t, l.name, "b", "no_egress_rule")
		number, _ := b.send(t, packets)
		until(t, "the drop of "+packets, func() bool { return drops(t, l.name, "b", "no_egress_rule") == before+1 })
		if atA.arrived(t, number) > 0 {
			t.Errorf("%s arrives", packets)
		}
	}
	blocked(tunneled) // an answer to nothing
	blocked(pong)
	arrives(t, a, atB, tunneled)
	arrives(t, b, atA, tunneled)
	arrives(t, a, atB, ping)
	arrives(t, b, atA, pong)
	blocked(`IP(src=me, dst=peer, id=ID)/ICMP(type=0, id=8)`) // another's
	blocked(`IP(src=me, dst=peer, id=ID, proto=50)/Raw(bytes(8))`)
	if out, err := exec.Command("sleep", "2.5").CombinedOutput(); err != nil { // longer than they are remembered
		t.Fatalf("%v %s", err, out)
	}
	blocked(tunneled)
	blocked(pong)
}
