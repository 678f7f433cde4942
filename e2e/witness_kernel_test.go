package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// ruleset writes the world's security groups as nftables rules for a router
// with an interface to each machine, named as the machine. Each new packet goes
// by the sender's egress chain and then by the receiver's ingress chain; who
// falls off the end of a chain meets the policy, drop. Established connections
// pass, ICMP errors are judged by rules like others: security groups do not let
// them in as related (docs/semantics.md, section 4.5).
func (w *world) ruleset() string {
	var b strings.Builder
	var senders, receivers []string
	for _, m := range w.machines {
		out, in := "goto receive", "accept"
		if !m.host {
			out, in = "goto egress_"+chain(m), "goto ingress_"+chain(m)
		}
		senders = append(senders, fmt.Sprintf("%q : %s", m.name, out))
		receivers = append(receivers, fmt.Sprintf("%q : %s", m.name, in))
	}
	b.WriteString("table inet witness {\n")
	for _, m := range w.machines {
		w.chain(&b, "ingress_"+chain(m), m, "accept", "iifname", "saddr", func(g *group) []rule { return g.ingress })
	}
	fmt.Fprintf(&b, "chain receive {\noifname vmap { %s }\n}\n", strings.Join(receivers, ", "))
	for _, m := range w.machines {
		w.chain(&b, "egress_"+chain(m), m, "goto receive", "oifname", "daddr", func(g *group) []rule { return g.egress })
	}
	fmt.Fprintf(&b, "chain witness {\ntype filter hook forward priority filter; policy drop;\n"+
		"ct state established accept\niifname vmap { %s }\n}\n}\n", strings.Join(senders, ", "))
	return b.String()
}

// chain is a machine's name as nftables takes it in the name of a chain.
func chain(m machine) string { return strings.ReplaceAll(m.name, "-", "_") }

// chain writes the rules of one direction of all groups of a machine. device
// and addr are where nftables finds the other end of a packet.
func (w *world) chain(b *strings.Builder, name string, m machine, admit, device, addr string, of func(*group) []rule) {
	fmt.Fprintf(b, "chain %s {\n", name)
	for _, group := range m.groups {
		for _, it := range of(w.group(group)) {
			for _, end := range w.ends(it.peer, device, addr) {
				if service, ok := it.service.match(end.ipv6); ok {
					fmt.Fprintf(b, "%s %s %s\n", end.match, service, admit)
				}
			}
		}
	}
	b.WriteString("}\n")
}

// end is a match of nftables for the other end of a packet of one family.
type end struct {
	ipv6  bool
	match string
}

// ends returns the matches for a rule's peer. A group is the addresses of its
// members, each behind the member's own interface (docs/semantics.md, section 1.5).
func (w *world) ends(p peer, device, addr string) []end {
	switch {
	case p.cidr.IsValid():
		return []end{block(p.cidr, addr)}
	case p.list != "":
		var out []end
		for _, cidr := range w.list(p.list).entries {
			out = append(out, block(cidr, addr))
		}
		return out
	}
	var out []end
	for _, ipv6 := range []bool{false, true} {
		var members []string
		for _, m := range w.machines {
			for _, a := range m.addrs {
				if slices.Contains(m.groups, p.group) && a.Is6() == ipv6 {
					members = append(members, fmt.Sprintf("%q . %s", m.name, a))
				}
			}
		}
		if len(members) > 0 {
			out = append(out, end{ipv6, fmt.Sprintf("%s . %s %s { %s }", device, family(ipv6), addr, strings.Join(members, ", "))})
		}
	}
	return out
}

func family(ipv6 bool) string {
	if ipv6 {
		return "ip6"
	}
	return "ip"
}

func block(cidr netip.Prefix, addr string) end {
	ipv6 := cidr.Addr().Is6()
	if cidr.Bits() > 0 {
		return end{ipv6, fmt.Sprintf("%s %s %s", family(ipv6), addr, cidr)}
	}
	if ipv6 {
		return end{ipv6, "meta nfproto ipv6"}
	}
	return end{ipv6, "meta nfproto ipv4"}
}

// match returns the match for a service in packets of one family; there is
// none for ICMP of the other.
func (s service) match(ipv6 bool) (match string, ok bool) {
	switch {
	case s.protocol == anything:
		return "", true
	case s.protocol == tcp || s.protocol == udp:
		return fmt.Sprintf("meta l4proto %d th dport %d-%d", s.protocol, s.from, s.to), true
	case s.protocol == icmp4 || s.protocol == icmp6:
		name := map[int]string{icmp4: "icmp", icmp6: "icmpv6"}[s.protocol]
		match = fmt.Sprintf("meta l4proto %d", s.protocol)
		if s.from != anything {
			match += fmt.Sprintf(" %s type %d", name, s.from)
		}
		if s.to != anything {
			match += fmt.Sprintf(" %s code %d", name, s.to)
		}
		return match, !s.foreign(ipv6)
	}
	return fmt.Sprintf("meta l4proto %d", s.protocol), true
}

// The router's addresses on every one of its interfaces.
const (
	routerIPv4 = "169.254.1.1"
	routerIPv6 = "fe80::1"
)

// kernelUp makes a namespace for each machine and one for a router between them,
// with the ruleset, and returns the machines' namespaces. They go with the test.
// Machines have addresses without a subnet, so that neighbours too go by the
// router.
func kernelUp(t *testing.T, w *world, name string) []string {
	t.Helper()
	router := netns(t, name+"-router")
	for _, setting := range []string{
		"4/ip_forward=1", "6/conf/all/forwarding=1", "4/conf/all/rp_filter=0", "4/conf/default/rp_filter=0",
	} {
		path, value, _ := strings.Cut(setting, "=")
		ipDoes(t, "", "netns", "exec", router, "sh", "-c", "echo "+value+" >/proc/sys/net/ipv"+path)
	}
	var spaces []string
	var wires strings.Builder
	for _, m := range w.machines {
		ns := netns(t, name+"-"+m.name)
		spaces = append(spaces, ns)
		fmt.Fprintf(&wires, "link add %s type veth peer name eth0 netns %s\nlink set %s up\n", m.name, ns, m.name)
		fmt.Fprintf(&wires, "address add %s/32 dev %s\naddress add %s/64 dev %s nodad\n", routerIPv4, m.name, routerIPv6, m.name)
		for _, addr := range m.addrs {
			fmt.Fprintf(&wires, "route add %s dev %s\n", netip.PrefixFrom(addr, addr.BitLen()), m.name)
		}
	}
	ipDoes(t, wires.String(), "-n", router, "-batch", "-")
	for i, m := range w.machines {
		lines := "link set lo up\nlink set eth0 up\n"
		for _, addr := range m.addrs {
			lines += fmt.Sprintf("address add %s dev eth0%s\n", netip.PrefixFrom(addr, addr.BitLen()), map[bool]string{true: " nodad"}[addr.Is6()])
		}
		lines += fmt.Sprintf("route add default via %s dev eth0 onlink\nroute add default via %s dev eth0\n", routerIPv4, routerIPv6)
		ipDoes(t, lines, "-n", spaces[i], "-batch", "-")
	}
	ipDoes(t, w.ruleset(), "netns", "exec", router, "nft", "-f", "-")
	return spaces
}

// ipDoes runs an ip command that must succeed.
func ipDoes(t *testing.T, stdin string, args ...string) {
	t.Helper()
	if r := runFor(t, 20e9, stdin, "ip", args...); r.code != 0 {
		t.Fatalf("ip %s: %s%s\n%s", strings.Join(args, " "), r.stdout, r.stderr, stdin)
	}
}
