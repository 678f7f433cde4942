package filter

import (
	"slices"
	"sort"

	"github.com/sgate/sgate/vpc"
)

// services is what a set of rules with one peer admits. The nil value admits
// nothing.
type services struct {
	all       Rule           // of rules for all protocols
	ports     [2][]interval  // TCP, UDP
	icmp      map[int32]Rule // by icmpKey; both ICMP protocols
	protocols map[uint8]Rule // whole protocols, by number
	open      [2]bool        // TCP, UDP: one rule admits all ports
	wider     *services      // of the next prefix that covers this one's
}

// interval is a range of ports and the narrowest rule that admits it. The
// intervals of a services value are sorted and disjoint.
type interval struct {
	first, last uint16
	rule        Rule
}

// portsIndex is the index of a protocol with ports in services.
func portsIndex(protocol uint8) int {
	if protocol == uint8(vpc.TCP) {
		return 0
	}
	return 1
}

// icmpKey packs an ICMP protocol, type and code; Any is a value like others.
func icmpKey(protocol vpc.Protocol, icmpType, code int32) int32 {
	return int32(protocol)<<20 | (icmpType+1)<<10 | (code + 1)
}

// match returns the narrowest rule that admits the flow's protocol and ports.
func (s *services) match(f *Flow) Rule {
	if s == nil {
		return NoRule
	}
	best := s.all
	switch protocol := vpc.Protocol(f.Protocol); {
	case protocol.HasPorts():
		if f.HasTransport {
			best = min(best, matchPort(s.ports[portsIndex(f.Protocol)], f.DstPort))
		}
	case protocol == vpc.ICMP && f.Src.Is6():
		// ICMP is IPv4's own: its rules never match IPv6, whatever the peer.
	case protocol.IsICMP():
		if s.icmp != nil {
			best = min(best, s.matchICMP(protocol, f))
		}
	default:
		if rule, ok := s.protocols[f.Protocol]; ok {
			best = min(best, rule)
		}
	}
	return best
}

func matchPort(ports []interval, port uint16) Rule {
	i := sort.Search(len(ports), func(i int) bool { return ports[i].last >= port })
	if i < len(ports) && ports[i].first <= port {
		return ports[i].rule
	}
	return NoRule
}

// matchICMP tries the exact pair, the type with any code, and any type. A flow
// whose type is not known meets only the last.
func (s *services) matchICMP(protocol vpc.Protocol, f *Flow) Rule {
	best := NoRule
	try := func(icmpType, code int32) {
		if rule, ok := s.icmp[icmpKey(protocol, icmpType, code)]; ok {
			best = min(best, rule)
		}
	}
	try(vpc.Any, vpc.Any)
	if f.HasTransport {
		try(int32(f.ICMPType), vpc.Any)
		try(int32(f.ICMPType), int32(f.ICMPCode))
	}
	return best
}

// allPorts reports whether one rule admits every port of TCP or UDP. Two rules
// that do so together are not open in the sense of connection tracking.
func (s *services) allPorts(protocol uint8) bool {
	return s != nil && s.open[portsIndex(protocol)]
}

// services compiles rules that have the same peer.
func (c *compiler) services(numbers []Rule) *services {
	s := &services{all: NoRule}
	var ports [2][]interval
	for _, n := range numbers {
		switch r := &c.rules[n]; {
		case r.Protocol == vpc.AllProtocols:
			s.all = min(s.all, n)
			s.open = [2]bool{true, true}
		case r.Protocol.HasPorts():
			i := portsIndex(uint8(r.Protocol))
			ports[i] = append(ports[i], interval{uint16(r.FromPort), uint16(r.ToPort), n})
			s.open[i] = s.open[i] || r.FromPort == 0 && r.ToPort == 65535
		case r.Protocol.IsICMP():
			keep(&s.icmp, icmpKey(r.Protocol, r.FromPort, r.ToPort), n)
		default:
			keep(&s.protocols, uint8(r.Protocol), n)
		}
	}
	for i := range ports {
		s.ports[i] = disjoint(ports[i])
	}
	return s
}

// keep stores the lowest rule for a key.
func keep[K comparable](m *map[K]Rule, key K, n Rule) {
	if *m == nil {
		*m = make(map[K]Rule)
	}
	if old, ok := (*m)[key]; !ok || n < old {
		(*m)[key] = n
	}
}

// disjoint turns overlapping intervals into sorted, disjoint ones, each with
// the lowest of the rules that cover it.
func disjoint(in []interval) []interval {
	if len(in) < 2 {
		return in
	}
	var edges []int // where the set of covering intervals can change
	for _, r := range in {
		edges = append(edges, int(r.first), int(r.last)+1)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	// From the lowest rule on, each takes the pieces that are still free;
	// next leads past those that are not.
	slices.SortFunc(in, func(a, b interval) int { return int(a.rule) - int(b.rule) })
	rules := make([]Rule, len(edges))
	next := make([]int, len(edges)+1)
	for i := range next {
		next[i] = i
	}
	free := func(i int) int {
		for next[i] != i {
			next[i] = next[next[i]]
			i = next[i]
		}
		return i
	}
	for i := range rules {
		rules[i] = NoRule
	}
	for _, r := range in {
		from, _ := slices.BinarySearch(edges, int(r.first))
		for i := free(from); i < len(edges) && edges[i] <= int(r.last); i = free(i) {
			rules[i] = r.rule
			next[i] = i + 1
		}
	}
	var out []interval
	for i := 0; i+1 < len(edges); i++ {
		if rules[i] == NoRule {
			continue
		}
		piece := interval{uint16(edges[i]), uint16(edges[i+1] - 1), rules[i]}
		if n := len(out); n > 0 && out[n-1].rule == piece.rule && int(out[n-1].last)+1 == int(piece.first) {
			out[n-1].last = piece.last
			continue
		}
		out = append(out, piece)
	}
	return out
}
