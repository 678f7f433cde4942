package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// probe is one question from a socket on one machine to another machine.
type probe struct {
	Src, Dst   netip.Addr
	Protocol   int
	Port       int  // of TCP and UDP
	Type, Code int  // of an ICMP question
	Open       bool // somebody listens at Dst; it says nothing for ICMP
}

// String returns "tcp 10.0.1.10 -> 10.0.2.20 port 443, open".
func (p probe) String() string {
	ends := fmt.Sprintf("%v -> %v", p.Src, p.Dst)
	open := map[bool]string{true: "open", false: "closed"}[p.Open]
	switch p.Protocol {
	case tcp, udp:
		return fmt.Sprintf("%s %s port %d, %s", p.network(), ends, p.Port, open)
	case icmp4, icmp6:
		return fmt.Sprintf("%s %s type %d code %d", p.network(), ends, p.Type, p.Code)
	}
	return fmt.Sprintf("protocol %d %s, %s", p.Protocol, ends, open)
}

// network is what the probe's protocol is called in a table of verdicts.
func (p probe) network() string {
	switch p.Protocol {
	case tcp:
		return "tcp"
	case udp:
		return "udp"
	case icmp4, icmp6:
		return "icmp"
	}
	return "other"
}

// prober draws probes of one world.
type prober struct {
	*rand.Rand
	world *world
	open  map[probe]bool          // of the destination, the rest left out
	first map[probe][2]netip.Addr // which of two ends asks the other
	drawn map[probe]bool
}

// probes draws probes, most of them aimed at the edges of some rule: the ports
// at its ends and beside them, the peers that it means and others.
func (w *world) probes(r *rand.Rand, count int) []probe {
	d := prober{r, w, make(map[probe]bool), make(map[probe][2]netip.Addr), make(map[probe]bool)}
	var out []probe
	for len(out) < count {
		draw := d.aimed
		if r.IntN(6) == 0 {
			draw = d.blind
		}
		p, ok := draw()
		for !ok || !d.fit(&p) || d.drawn[p] {
			p, ok = draw()
		}
		d.drawn[p] = true
		out = append(out, p)
	}
	return out
}

// blind draws two machines and a service.
func (d *prober) blind() (probe, bool) {
	from, to := d.machine(), d.machine()
	src, dst := oneOf(d.Rand, from.addrs...), oneOf(d.Rand, to.addrs...)
	p := d.at(d.world.service(d.Rand), src.Is6())
	p.Src, p.Dst = src, dst
	return p, true
}

func (d *prober) machine() machine { return oneOf(d.Rand, d.world.machines...) }

// aimed draws a rule of an instance and a probe that it may admit.
func (d *prober) aimed() (probe, bool) {
	m := d.machine()
	if m.host {
		return probe{}, false
	}
	g, ingress := d.world.group(oneOf(d.Rand, m.groups...)), d.IntN(3) > 0
	rules := g.egress
	if ingress {
		rules = g.ingress
	}
	if len(rules) == 0 {
		return probe{}, false
	}
	it := oneOf(d.Rand, rules...)
	others := d.ends(it, d.IntN(8) > 0)
	if len(others) == 0 {
		return probe{}, false
	}
	self, other := oneOf(d.Rand, m.addrs...), oneOf(d.Rand, others...)
	p := d.at(it.service, other.Is6())
	p.Src, p.Dst = self, other
	if ingress {
		p.Src, p.Dst = other, self
	}
	return p, true
}

// ends returns the addresses that a rule's peer is, or those that it is not.
// Those of hosts are there more than once: hosts have no rules, so that with
// them the rule at hand decides, while an instance has a say of its own.
func (d *prober) ends(it rule, meant bool) []netip.Addr {
	var out []netip.Addr
	for _, m := range d.world.machines {
		for _, addr := range m.addrs {
			if d.world.means(it.peer, addr) != meant || meant && it.service.foreign(addr.Is6()) {
				continue
			}
			out = append(out, addr)
			if m.host {
				out = append(out, addr, addr)
			}
		}
	}
	return out
}

// means reports whether a rule's peer is the machine with that address, for
// aiming only: no verdict depends on it.
func (w *world) means(p peer, addr netip.Addr) bool {
	switch {
	case p.group != "":
		return slices.Contains(w.machines[w.owner(addr)].groups, p.group)
	case p.list != "":
		return slices.ContainsFunc(w.list(p.list).entries, func(c netip.Prefix) bool { return c.Contains(addr) })
	}
	return p.cidr.Contains(addr)
}

// foreign reports whether a service is the other family's ICMP.
func (s service) foreign(ipv6 bool) bool {
	return s.protocol == icmp4 && ipv6 || s.protocol == icmp6 && !ipv6
}

// at draws a probe inside a service or just outside it. What a service leaves
// open is drawn.
func (d *prober) at(s service, ipv6 bool) probe {
	if s.protocol == anything {
		s = oneOf(d.Rand, portsOf(d.Rand, tcp), portsOf(d.Rand, tcp), portsOf(d.Rand, udp), service{icmp4, anything, anything},
			service{oneOf(d.Rand, 253, 254), anything, anything})
	}
	p := probe{Protocol: s.protocol}
	switch s.protocol {
	case tcp, udp:
		inside := s.from + d.IntN(s.to-s.from+1)
		p.Port = oneOf(d.Rand, s.from, s.from, s.to, s.to, inside, inside, s.from-1, s.to+1)
	case icmp4, icmp6:
		d.ask(&p, s, ipv6)
	case 253, 254:
	default:
		p.Protocol = 253
	}
	return p
}

// ask draws an ICMP question that the kernel answers, of the packet's family
// whatever the rule's: echo, or the timestamp that IPv4 has.
func (d *prober) ask(p *probe, s service, ipv6 bool) {
	p.Protocol, p.Type, p.Code = icmp4, 8, d.IntN(2)
	switch {
	case ipv6:
		p.Protocol, p.Type = icmp6, 128
	case s.protocol == icmp4 && s.from == 13 || d.IntN(8) == 0:
		p.Type, p.Code = 13, 0
	}
}

// fit makes a probe one that can be sent and whose outcome the two worlds must
// agree on, or returns false.
func (d *prober) fit(p *probe) bool {
	if p.Src.Is6() != p.Dst.Is6() || d.world.owner(p.Src) == d.world.owner(p.Dst) {
		return false
	}
	// Ports that programs are given for their own ends could be in use.
	if hasPorts := p.Protocol == tcp || p.Protocol == udp; hasPorts && (p.Port < 1 || p.Port > 65535 || p.Port >= 32768 && p.Port <= 60999) {
		return false
	}
	if p.Protocol == icmp4 || p.Protocol == icmp6 {
		return true
	}
	target := probe{Dst: p.Dst, Protocol: p.Protocol, Port: p.Port}
	if _, known := d.open[target]; !known {
		// A closed port of TCP refuses, others only where rules admit the
		// ICMP error, so that more of them are open.
		d.open[target] = d.IntN(3) == 0 || p.Protocol != tcp && d.IntN(2) == 0
	}
	p.Open = d.open[target]
	return p.Protocol == tcp || p.Protocol == udp || d.oneWay(p)
}

// oneWay holds two ends to one direction of a protocol without ports. An end
// that has sent tracks the flow, and takes what then comes back whatever its
// rules say (docs/semantics.md, section 4.1), also where the other end's rules
// kept the question out: one table for a whole router cannot say that.
func (d *prober) oneWay(p *probe) bool {
	pair := probe{Src: p.Src, Dst: p.Dst, Protocol: p.Protocol}
	if p.Dst.Less(p.Src) {
		pair.Src, pair.Dst = p.Dst, p.Src
	}
	if _, known := d.first[pair]; !known {
		d.first[pair] = [2]netip.Addr{p.Src, p.Dst}
	}
	return d.first[pair] == [2]netip.Addr{p.Src, p.Dst}
}
