package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
)

// world is a random set of resources: one VPC of both families with two
// subnets, instances in security groups, and hosts outside. It is written down
// once as a configuration of sgate and once, by code that shares nothing with
// sgate, as a ruleset of nftables.
type world struct {
	machines []machine
	groups   []group
	lists    []prefixList
}

// machine is an instance, or a host outside the VPC.
type machine struct {
	name   string
	host   bool
	subnet int // an instance's, 1 or 2
	addrs  []netip.Addr
	groups []string
}

type group struct {
	name    string
	ingress []rule
	egress  []rule
	silent  bool // about egress, which is then what AWS gives a new group
}

type rule struct {
	service service
	peer    peer
}

// service is a protocol and what a rule says about it: the first and last port
// of TCP and UDP, type and code of ICMP, nothing for others. anything stands for
// every protocol, type or code.
type service struct{ protocol, from, to int }

const anything = -1

const (
	icmp4 = 1
	tcp   = 6
	udp   = 17
	icmp6 = 58
)

// peer is one of a CIDR, a group's name and a prefix list's name.
type peer struct {
	cidr        netip.Prefix
	group, list string
}

// prefixList is of one family, as in AWS.
type prefixList struct {
	name    string
	entries []netip.Prefix
}

func (w *world) group(name string) *group {
	return &w.groups[slices.IndexFunc(w.groups, func(g group) bool { return g.name == name })]
}

func (w *world) list(name string) *prefixList {
	return &w.lists[slices.IndexFunc(w.lists, func(l prefixList) bool { return l.name == name })]
}

// owner returns the number of the machine with an address.
func (w *world) owner(addr netip.Addr) int {
	return slices.IndexFunc(w.machines, func(m machine) bool { return slices.Contains(m.addrs, addr) })
}

// everywhere is the egress of a new group in a VPC of both families, and
// fromItself the ingress of a VPC's default group (docs/semantics.md, section 2).
func everywhere() []rule {
	return []rule{
		{service{anything, anything, anything}, peer{cidr: netip.MustParsePrefix("0.0.0.0/0")}},
		{service{anything, anything, anything}, peer{cidr: netip.MustParsePrefix("::/0")}},
	}
}

func fromItself(name string) []rule {
	return []rule{{service{anything, anything, anything}, peer{group: name}}}
}

// newWorld draws a world.
func newWorld(r *rand.Rand) *world {
	w := &world{}
	w.groups = append(w.groups, group{name: "default", ingress: fromItself("default"), egress: everywhere(), silent: true})
	for i := range 4 + r.IntN(3) {
		w.groups = append(w.groups, group{name: fmt.Sprintf("group-%d", i)})
	}
	for i := range 4 + r.IntN(3) {
		w.addInstance(r, i)
	}
	for i := range 1 + r.IntN(2) {
		w.machines = append(w.machines, machine{name: fmt.Sprintf("host-%d", i), host: true, addrs: []netip.Addr{
			netip.AddrFrom4([4]byte{203, 0, 113 + byte(i), byte(1 + r.IntN(254))}),
			netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::%x", i, 1+r.IntN(0xffff))),
		}})
	}
	for i := range 3 {
		w.addList(r, i)
	}
	for i := range w.groups[1:] {
		w.addRules(r, &w.groups[1+i])
	}
	return w
}

// addInstance adds an instance with an address of each family, perhaps a second
// one, and one to three groups or, if none is named, the default group.
func (w *world) addInstance(r *rand.Rand, number int) {
	w.machines = append(w.machines, machine{name: fmt.Sprintf("instance-%d", number), subnet: 1 + r.IntN(2)})
	m := &w.machines[number]
	m.addrs = append(m.addrs, w.free(r, m.subnet, false), w.free(r, m.subnet, true))
	for range r.IntN(2) {
		m.addrs = append(m.addrs, w.free(r, m.subnet, r.IntN(2) == 0))
	}
	for _, i := range r.Perm(len(w.groups) - 1)[:oneOf(r, 1, 1, 1, 2, 2, 3)] {
		m.groups = append(m.groups, w.groups[1+i].name)
	}
	if r.IntN(8) == 0 {
		m.groups = []string{"default"}
	}
}

// free draws an address of a subnet that nobody has, and AWS does not reserve.
func (w *world) free(r *rand.Rand, subnet int, ipv6 bool) netip.Addr {
	for {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(subnet), byte(4 + r.IntN(250))})
		if ipv6 {
			addr = netip.MustParseAddr(fmt.Sprintf("fd00:10:0:%d::%x", subnet, 4+r.IntN(0xfff0)))
		}
		if w.owner(addr) < 0 {
			return addr
		}
	}
}

func (w *world) addList(r *rand.Rand, number int) {
	l := prefixList{name: fmt.Sprintf("list-%d", number)}
	ipv6 := r.IntN(3) == 0
	for range 1 + r.IntN(3) {
		if cidr := w.cidr(r, ipv6); !slices.Contains(l.entries, cidr) {
			l.entries = append(l.entries, cidr)
		}
	}
	w.lists = append(w.lists, l)
}

// cidr draws a block around a machine's address, or the one beside it.
func (w *world) cidr(r *rand.Rand, ipv6 bool) netip.Prefix {
	m := w.machines[r.IntN(len(w.machines))]
	addr := m.addrs[0]
	widths := []int{0, 0, 16, 24, 31, 32, 1 + r.IntN(31)}
	if ipv6 {
		addr = m.addrs[1]
		widths = []int{0, 0, 56, 64, 127, 128, 1 + r.IntN(127)}
	}
	bits := widths[r.IntN(len(widths))]
	if bits > 0 && r.IntN(4) == 0 {
		addr = flip(addr, bits-1)
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

// flip returns an address with one bit turned over, counted from the left.
func flip(addr netip.Addr, bit int) netip.Addr {
	b := addr.AsSlice()
	b[bit/8] ^= 0x80 >> (bit % 8)
	out, _ := netip.AddrFromSlice(b)
	return out
}

// addRules draws a group's rules. Half of the groups may send anywhere:
// otherwise hardly a packet would be admitted at both ends.
func (w *world) addRules(r *rand.Rand, g *group) {
	g.ingress = w.rules(r, g, 3+r.IntN(5))
	switch n := r.IntN(10); {
	case n < 5:
		g.silent, g.egress = true, everywhere()
	case n < 9:
		g.egress = w.rules(r, g, 3+r.IntN(5))
	}
}

// rules draws rules, no two of them equal: AWS refuses that.
func (w *world) rules(r *rand.Rand, g *group, count int) []rule {
	var out []rule
	for range count {
		if it := (rule{w.service(r), w.peer(r, g)}); !slices.Contains(out, it) {
			out = append(out, it)
		}
	}
	return out
}

func (w *world) peer(r *rand.Rand, g *group) peer {
	switch n := r.IntN(100); {
	case n < 35:
		return peer{cidr: w.cidr(r, false)}
	case n < 55:
		return peer{cidr: w.cidr(r, true)}
	case n < 65:
		return peer{group: g.name}
	case n < 85:
		return peer{group: w.groups[r.IntN(len(w.groups))].name}
	}
	return peer{list: w.lists[r.IntN(len(w.lists))].name}
}

func (w *world) service(r *rand.Rand) service {
	switch n := r.IntN(100); {
	case n < 44:
		return portsOf(r, tcp)
	case n < 62:
		return portsOf(r, udp)
	case n < 74:
		return oneOf(r, service{icmp4, anything, anything}, service{icmp4, 8, anything}, service{icmp4, 8, 0}, service{icmp4, 8, 1},
			service{icmp4, 13, 0}, service{icmp4, 3, anything}, service{icmp4, 3, 3}, service{icmp4, 3, 2}, service{icmp4, 0, 0})
	case n < 83:
		return oneOf(r, service{icmp6, anything, anything}, service{icmp6, 128, anything}, service{icmp6, 128, 0}, service{icmp6, 128, 1},
			service{icmp6, 1, anything}, service{icmp6, 1, 4}, service{icmp6, 4, 1}, service{icmp6, 129, 0})
	case n < 90:
		return service{oneOf(r, 253, 253, 254, 252, 47), anything, anything}
	}
	return service{anything, anything, anything}
}

// portsOf draws ports, some that others draw too.
func portsOf(r *rand.Rand, protocol int) service {
	port := oneOf(r, 1, 22, 53, 80, 443, 1024, 8000, 1+r.IntN(20000))
	switch r.IntN(10) {
	case 0:
		return service{protocol, 0, 65535}
	case 1:
		return oneOf(r, service{protocol, 0, 1023}, service{protocol, 1024, 65535}, service{protocol, 65535, 65535})
	case 2, 3, 4:
		return service{protocol, port, port + oneOf(r, 1, 2, 100, 1+r.IntN(5000))}
	}
	return service{protocol, port, port}
}

func oneOf[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

// config writes the world as a configuration of sgate.
func (w *world) config() string {
	var b strings.Builder
	b.WriteString("vpc: {cidr: 10.0.0.0/16, ipv6_cidr: \"fd00:10::/56\"}\nsubnets:\n")
	for n := 1; n <= 2; n++ {
		fmt.Fprintf(&b, "  - {name: net-%d, cidr: 10.0.%d.0/24, ipv6_cidr: \"fd00:10:0:%d::/64\"}\n", n, n, n)
	}
	section := "prefix_lists:\n"
	for _, l := range w.lists {
		fmt.Fprintf(&b, "%s  - name: %s\n    entries:\n", section, l.name)
		section = ""
		for _, cidr := range l.entries {
			fmt.Fprintf(&b, "      - {cidr: %q}\n", cidr)
		}
	}
	b.WriteString("security_groups:\n")
	for i := range w.groups {
		if g := &w.groups[i]; g.name != "default" {
			g.config(&b)
		}
	}
	w.endpoints(&b)
	return b.String()
}

func (g *group) config(b *strings.Builder) {
	fmt.Fprintf(b, "  - name: %s\n", g.name)
	rules := func(direction, end string, rules []rule) {
		fmt.Fprintf(b, "    %s: [", direction)
		for _, it := range rules {
			fmt.Fprintf(b, "\n      {%s, %s: %q},", it.service, end, it.peer.in(g.name))
		}
		b.WriteString("]\n")
	}
	rules("ingress", "source", g.ingress)
	if !g.silent {
		rules("egress", "destination", g.egress)
	}
}

// String returns the service in the configuration's words.
func (s service) String() string {
	switch s.protocol {
	case tcp:
		return fmt.Sprintf("protocol: tcp, port_range: %d-%d", s.from, s.to)
	case udp:
		return fmt.Sprintf("protocol: udp, port_range: %d-%d", s.from, s.to)
	case icmp4:
		return fmt.Sprintf("protocol: icmp, icmp_type: %d, icmp_code: %d", s.from, s.to)
	case icmp6:
		return fmt.Sprintf("protocol: icmpv6, icmp_type: %d, icmp_code: %d", s.from, s.to)
	}
	return fmt.Sprintf("protocol: %d", s.protocol)
}

// in returns the peer as a rule of that group names it.
func (p peer) in(group string) string {
	switch {
	case p.cidr.IsValid():
		return p.cidr.String()
	case p.group == group:
		return "self"
	}
	return p.group + p.list
}

func (w *world) endpoints(b *strings.Builder) {
	for _, hosts := range []bool{false, true} {
		section := map[bool]string{false: "instances:\n", true: "hosts:\n"}[hosts]
		for _, m := range w.machines {
			if m.host != hosts {
				continue
			}
			b.WriteString(section)
			section = ""
			fmt.Fprintf(b, "  - {name: %s, address: %s, ipv6_address: %q", m.name, m.addrs[0], m.addrs[1])
			if !m.host {
				fmt.Fprintf(b, ", subnet: net-%d", m.subnet)
			}
			if len(m.addrs) > 2 {
				fmt.Fprintf(b, ", secondary_addresses: [%q]", m.addrs[2])
			}
			if !m.host && m.groups[0] != "default" {
				fmt.Fprintf(b, ", security_groups: [%s]", strings.Join(m.groups, ", "))
			}
			b.WriteString("}\n")
		}
	}
}
