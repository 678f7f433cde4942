package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// The tests of this file replay what went wrong in other enforcers of security
// groups, as far as it was published (docs/semantics.md, 11.1).

// duo is two machines in one subnet: a may send everything, b admits what the
// rules say.
func duo(order, rules string) string {
	machines := map[string]string{
		"a": `  - {name: a, address: 10.0.1.10, ipv6_address: "fd00:10:0:1::10", security_groups: [a]}` + "\n",
		"b": `  - {name: b, address: 10.0.1.20, ipv6_address: "fd00:10:0:1::20", security_groups: [b], command: [sgate, listen, "22", "80", "443"]}` + "\n",
	}
	groups := map[string]string{
		"a": "  - {name: a}\n",
		"b": "  - {name: b, ingress: [" + rules + "]}\n",
	}
	first, second := order[:1], order[1:]
	return "vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}\nsubnets: [{name: net, cidr: 10.0.1.0/24, ipv6_cidr: \"fd00:10:0:1::/64\"}]\n" +
		"security_groups:\n" + groups[first] + groups[second] + "instances:\n" + machines[first] + machines[second]
}

// TestEgressDoesNotAnswerForIngress: an accept on the way out ended the
// evaluation, depending on the order of instances (fakecloud #2525), neighbours
// in a subnet were not filtered at all (fakecloud #1774), nor was IPv6, or only
// in part (fakecloud, spinifex #947).
func TestEgressDoesNotAnswerForIngress(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	for _, order := range []string{"ab", "ba"} {
		lab := labName(t) + "-" + order
		upNamed(t, lab, writeFile(t, "duo.yaml", duo(order, `{type: HTTP, source: 10.0.1.10/32}, {type: HTTPS, source: "fd00:10:0:1::10/128"}`)))
		wantConnect(t, "connects", lab, "a", "10.0.1.20", "80")
		wantConnects(t, lab,
			attempt{"times out", "a", "10.0.1.20", "22"},
			attempt{"times out", "a", "fd00:10:0:1::20", "22"},
			attempt{"times out", "a", "10.0.1.20", "443"},
			attempt{"connects", "a", "fd00:10:0:1::20", "443"},
			attempt{"times out", "a", "fd00:10:0:1::20", "80"},
			attempt{"times out", "b", "10.0.1.10", "22"},
			attempt{"times out", "b", "fd00:10:0:1::10", "22"},
		)
	}
}

// TestGroupsAreAUnion: a group's rules were ANDed with another's (nebula #228),
// and a catch-all outranked what was meant (feint #491). Here a rule in any group
// admits, and none admits more than it says.
func TestGroupsAreAUnion(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	file := strings.Replace(duo("ab", "{type: HTTP, source: a}"), "instances:", "  - {name: more, ingress: [{type: SSH, source: [0.0.0.0/0, \"::/0\"]}]}\n  - {name: nothing, ingress: [], egress: []}\ninstances:", 1)
	lab := labUp(t, writeFile(t, "union.yaml", strings.Replace(file, "security_groups: [b]", "security_groups: [nothing, b, more]", 1)))
	wantConnect(t, "connects", lab, "a", "10.0.1.20", "80")
	wantConnects(t, lab,
		attempt{"connects", "a", "10.0.1.20", "22"},
		attempt{"connects", "a", "fd00:10:0:1::20", "22"}, // one rule, both families (fakecloud #2353)
		attempt{"connects", "a", "fd00:10:0:1::20", "80"},
		attempt{"times out", "a", "10.0.1.20", "443"},
	)
}

// TestICMPTypes: types were ignored (fakecloud) or the rule had no effect
// (kube-ovn #3377), a code was read as the end of a range, and a rule with an
// IPv6 source made the rest of the file vanish (feint #454).
func TestICMPTypes(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	lab := labUp(t, writeFile(t, "icmp.yaml", duo("ab", `{protocol: icmp, icmp_type: 3, icmp_code: 4, source: a}, {protocol: icmp, icmp_type: 13, source: a},
		{protocol: icmpv6, icmp_type: 128, source: "::/0"}, {protocol: icmp, icmp_type: 8, source: "::/0"}, {type: HTTP, source: a}`)))
	wantConnect(t, "connects", lab, "a", "10.0.1.20", "80")
	together(
		func() { wantPing(t, false, lab, "a", "10.0.1.20") }, // type 8 of IPv4 is admitted from IPv6 only: from nobody
		func() { wantPing(t, true, lab, "a", "fd00:10:0:1::20") },
	)
	a := newCrafter(t, lab, "a", 40000, "me=10.0.1.10", "peer=10.0.1.20")
	b := newTap(t, lab, "b")
	quoted := `/IP(src=peer, dst=me)/UDP()`
	for _, c := range []struct {
		icmp string
		want bool
	}{
		{"ICMP(type=3, code=4)" + quoted, true}, {"ICMP(type=13)", true}, // a timestamp request
		{"ICMP(type=3, code=3)" + quoted, false}, {"ICMP(type=4, code=0)" + quoted, false}, {"ICMP(type=17)", false}, {"ICMP(type=8)", false},
	} {
		packets := "IP(src=me, dst=peer, id=ID)/" + c.icmp
		if c.want {
			arrives(t, a, b, packets)
			continue
		}
		before := drops(t, lab, "a", "no_ingress_rule")
		number, _ := a.send(t, packets)
		until(t, "the drop of "+c.icmp, func() bool { return drops(t, lab, "a", "no_ingress_rule") == before+1 })
		if b.arrived(t, number) > 0 {
			t.Errorf("%s arrives", c.icmp)
		}
	}
}

// TestABadRuleOpensNothing: a CIDR that could not be read left a rule without a
// match, which admitted everything (fakecloud); a rule that could not be written
// vanished while all was said to be well (feint #454). Here nothing comes up, and
// what is up stays as it is.
func TestABadRuleOpensNothing(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	good := duo("ab", "{type: HTTP, source: a}")
	l := liveUp(t, good)
	wantConnect(t, "connects", l.name, "a", "10.0.1.20", "80")
	for _, bad := range []string{
		"{type: SSH, source: 10.0.0.0/33}", "{type: SSH, source: 10.0.0}", "{type: SSH, source: nobody}", "{type: SSH, source: []}", "{type: SSH}",
		"{protocol: tcp, port_range: 80-79, source: a}", "{protocol: igmpish, source: a}", "{protocol: icmp, icmp_type: 300, source: a}",
	} {
		content := duo("ab", "{type: HTTP, source: a}, "+bad)
		l.refuses(t, content)
		name := labName(t) + "-bad"
		r := sgate(t, "lab", "up", writeFile(t, "bad.yaml", content), "--detach", "--name", name)
		if r.code != 1 || !strings.Contains(r.stderr, "bad.yaml:") {
			t.Errorf("with %s: %+v, want a fault and its place", bad, r)
		}
		nothingLeft(t, name)
	}
	wantConnects(t, l.name, attempt{"connects", "a", "10.0.1.20", "80"}, attempt{"times out", "a", "10.0.1.20", "22"})
}

// TestNoDeviceNoGateway: enforcement was "on", and had no effect, where the
// machine could not do it (fakecloud #1764). Without TUN nothing runs, and says
// so.
func TestNoDeviceNoGateway(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	file := writeFile(t, "duo.yaml", duo("ab", "{type: HTTP, source: a}"))
	name := labName(t)
	for _, command := range []string{"run --config " + file, "lab up " + file + " --name " + name, "lab up " + file + " --detach --name " + name} {
		// A mount namespace of its own, in which /dev/net is empty.
		r := runFor(t, 20e9, "", "unshare", "--mount", "sh", "-c", "mount -t tmpfs none /dev/net && exec "+binary(t)+" "+command)
		if r.code != 1 || !strings.Contains(r.stderr, "/dev/net/tun") {
			t.Errorf("%s: %+v, want a failure that names /dev/net/tun", command, r)
		}
		nothingLeft(t, name)
	}
}

// TestNothingOfTheKernels: packets passed where a kernel module was missing
// (fakecloud #2101), and GRE needs one for netfilter. The gateway has no part of
// it in the kernel: no namespace of a lab has a netfilter rule.
func TestNothingOfTheKernels(t *testing.T) {
	needs.Root(t)
	needsProgram(t, "nft")
	t.Parallel()
	lab := labUp(t, writeFile(t, "duo.yaml", duo("ab", "{protocol: 47, source: a}")))
	for _, member := range []string{"a", "b"} {
		if r := in(t, lab, member, "nft", "list", "ruleset"); r.code != 0 || strings.TrimSpace(r.stdout) != "" {
			t.Errorf("%s has rules of the kernel: %+v", member, r)
		}
	}
	a, b := newCrafter(t, lab, "a", 40000, "me=10.0.1.10", "peer=10.0.1.20"), newTap(t, lab, "b")
	arrives(t, a, b, `IP(src=me, dst=peer, id=ID)/GRE()/IP(src="192.0.2.1", dst="192.0.2.2")/UDP()`)
	for _, protocol := range []int{50, 94} {
		before := drops(t, lab, "a", "no_ingress_rule")
		a.send(t, fmt.Sprintf("IP(src=me, dst=peer, id=ID, proto=%d)/Raw(bytes(8))", protocol))
		until(t, "the drop of another protocol", func() bool { return drops(t, lab, "a", "no_ingress_rule") == before+1 })
	}
}
