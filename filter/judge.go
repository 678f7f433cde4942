package filter

import (
	"math/bits"
	"net/netip"

	"github.com/sgate/sgate/vpc"
)

// Judge asks both ends of the flow.
func (p *Policy) Judge(f *Flow) Verdict {
	v := Verdict{Egress: p.Egress(f), Ingress: Side{Rule: NoRule}}
	if v.Egress.Passes() {
		v.Ingress = p.Ingress(f)
	}
	return v
}

// Egress asks the rules of the interface that sends the flow.
func (p *Policy) Egress(f *Flow) Side { return p.named(vpc.Egress, f.From, f.To, f.Dst, f) }

// Ingress asks the rules of the interface that receives the flow.
func (p *Policy) Ingress(f *Flow) Side {
	return p.named(vpc.Ingress, f.To, p.sender(f), f.Src, f)
}

// DecideEgress is Egress for those who need not know which rule it is: the first
// one that is found to admit the flow answers.
func (p *Policy) DecideEgress(f *Flow) Answer { return p.decide(vpc.Egress, f.From, f.To, f.Dst, f) }

// DecideIngress is Ingress for those who need not know which rule it is.
func (p *Policy) DecideIngress(f *Flow) Answer {
	return p.decide(vpc.Ingress, f.To, p.sender(f), f.Src, f)
}

// sender returns the endpoint whose groups are the flow's sender's.
func (p *Policy) sender(f *Flow) Endpoint {
	if f.From >= 0 && !p.Owns(f.From, f.Src) {
		return NoEndpoint // a forwarder: its groups are not the sender's
	}
	return f.From
}

// decide judges one side: self is the interface whose rules are asked, peer and
// addr are the other end.
func (p *Policy) decide(d vpc.Direction, self, peer Endpoint, addr netip.Addr, f *Flow) Answer {
	if !p.hasRules(self) {
		return Answer{Decision: NotAsked}
	}
	own, q := p.groupsOf(self), p.question(peer, addr, f)
	admits := false
	p.grants(d, own, &q, func(_ groupIndex, s *services, _ *grantee) bool {
		admits = s.match(f) != noItem
		return !admits
	})
	if !admits {
		return Answer{}
	}
	return Answer{Decision: Allow, Untracked: p.untracked(d, own, q.family, f)}
}

// named is decide, with the narrowest rule's number.
func (p *Policy) named(d vpc.Direction, self, peer Endpoint, addr netip.Addr, f *Flow) Side {
	if !p.hasRules(self) {
		return Side{Decision: NotAsked, Rule: NoRule}
	}
	own, q := p.groupsOf(self), p.question(peer, addr, f)
	rule := NoRule
	p.grants(d, own, &q, func(g groupIndex, s *services, of *grantee) bool {
		if n := s.match(f); n != noItem {
			t := p.tables[d][g]
			first := t.firstOfAll[q.family]
			if of != nil {
				first = of.first
			}
			at := t.positions[int(first)+int(n)]
			rule = min(rule, numberRule(t.widths[at], p.numbers.order[g], d, at))
		}
		return true
	})
	if rule == NoRule {
		return Side{Rule: NoRule}
	}
	return Side{Decision: Allow, Rule: rule, Untracked: p.untracked(d, own, q.family, f)}
}

func (p *Policy) hasRules(e Endpoint) bool { return e >= 0 && p.endpoints[e].kind == KindInterface }

// question is who the other end is.
type question struct {
	flow        *Flow
	addr        ipNumber
	family      int
	memberships []groupIndex
}

func (p *Policy) question(peer Endpoint, addr netip.Addr, f *Flow) question {
	q := question{flow: f, addr: numberOf(addr), family: family(addr)}
	if peer >= 0 {
		q.memberships = p.groupsOf(peer)
	}
	return q
}

// visitor is shown what a group grants: to everywhere if of is nil. It returns
// whether it wants to see more.
type visitor func(g groupIndex, s *services, of *grantee) bool

// grants shows all that the groups own grant to a peer in direction d, by
// everywhere, by each prefix that covers its address and by each of its groups.
// Some that do not admit the flow are left out.
func (p *Policy) grants(d vpc.Direction, own []groupIndex, q *question, visit visitor) {
	var asked uint32 // a bit for each of own
	for i, g := range own {
		sum := &p.summaries[g]
		if s := sum.everywhere[d][q.family]; s != nil && !visit(g, s, nil) {
			return
		}
		if sum.beyond[d].mayHave(q.flow) {
			asked |= 1 << i
		}
	}
	if asked != 0 {
		p.grantsBeyond(d, own, asked, q, visit)
	}
}

// grantsBeyond is grants without everywhere, by those of own that asked says.
func (p *Policy) grantsBeyond(d vpc.Direction, own []groupIndex, asked uint32, q *question, visit visitor) {
	s := search{tables: p.tables[d], own: own, asked: asked}
	var occurring lengths
	for ; asked != 0; asked &= asked - 1 {
		t := s.tables[own[bits.TrailingZeros32(asked)]]
		occurring[0] |= t.lengths[q.family][0]
		occurring[1] |= t.lengths[q.family][1]
	}
	for half, set := range occurring {
		for ; set != 0; set &= set - 1 {
			length := half<<6 + bits.TrailingZeros64(set) + 1
			if !s.add(prefixKey(q.addr, length, q.family), visit) {
				return
			}
		}
	}
	for _, g := range q.memberships {
		if !s.add(groupKey(g), visit) {
			return
		}
	}
	s.run(visit)
}

// search looks for keys in the tables of some groups, several at a time: what it
// waits for then comes from memory together.
type search struct {
	tables []*table
	own    []groupIndex
	asked  uint32 // a bit for each of own
	count  int
	keys   [16]hashed
}

// add takes one more key. It returns false if visit did.
func (s *search) add(k peerKey, visit visitor) bool {
	if s.count == len(s.keys) && !s.run(visit) {
		return false
	}
	s.keys[s.count] = hashed{k, k.hash()}
	s.count++
	return true
}

// run looks for the keys there are. It returns false if visit did.
func (s *search) run(visit visitor) bool {
	keys := s.keys[:s.count]
	s.count = 0
	for asked := s.asked; asked != 0; asked &= asked - 1 {
		g := s.own[bits.TrailingZeros32(asked)]
		t := s.tables[g]
		if len(t.bits) == 0 {
			continue
		}
		for c := t.screen(keys); c != 0; c &= c - 1 {
			if of := t.find(&keys[bits.TrailingZeros32(c)]); of != nil && !visit(g, of.services, of) {
				return false
			}
		}
	}
	return true
}

// untracked reports whether a TCP or UDP flow, admitted in direction d by the
// groups own, needs no tracking: its first packet's direction has a rule for
// everywhere that admits it, and the opposite direction one for everywhere and
// all ports. The packet at hand may be the first one's answer, so both readings
// are tried.
func (p *Policy) untracked(d vpc.Direction, own []groupIndex, family int, f *Flow) bool {
	if protocol := vpc.Protocol(f.Protocol); !f.HasTransport || !protocol.HasPorts() {
		return false
	}
	i := portsIndex(f.Protocol)
	var all allPorts
	for _, g := range own {
		all |= p.summaries[g].allPorts
	}
	return all.has(d.Opposite(), family, i) && p.openTo(d, own, family, i, f.DstPort) ||
		all.has(d, family, i) && p.openTo(d.Opposite(), own, family, i, f.SrcPort)
}

// openTo reports whether a rule for everywhere admits a port of TCP or UDP.
func (p *Policy) openTo(d vpc.Direction, own []groupIndex, family, protocol int, port uint16) bool {
	for _, g := range own {
		sum := &p.summaries[g]
		s := sum.everywhere[d][family]
		if sum.listed {
			s = p.tables[d][g].open[family]
		}
		if s != nil && s.matchPort(protocol, port) != noItem {
			return true
		}
	}
	return false
}

// summary is what a new flow is asked about of each group: one cache line.
type summary struct {
	everywhere [2][2]*services // as in the tables, by direction and family
	beyond     [2]portSet      // that any peer is granted beyond that
	allPorts   allPorts
	listed     bool // everywhere differs from open, see table
	_          [14]byte
}

func summaryOf(tables [2]*table) (s summary) {
	for d, t := range tables {
		s.everywhere[d], s.beyond[d] = t.everywhere, t.beyond
		s.listed = s.listed || t.everywhere != t.open
	}
	s.allPorts = allPortsOf(tables)
	return s
}

// allPorts says for which directions, families and protocols a group has a rule
// for everywhere and all ports: a bit each.
type allPorts uint8

func allPortsBit(d vpc.Direction, family, protocol int) allPorts {
	return 1 << (int(d)<<2 | family<<1 | protocol)
}

func (a allPorts) has(d vpc.Direction, family, protocol int) bool {
	return a&allPortsBit(d, family, protocol) != 0
}

func allPortsOf(tables [2]*table) (all allPorts) {
	for d, t := range tables {
		for family, s := range t.open {
			for protocol := range 2 {
				if s != nil && s.open[protocol] {
					all |= allPortsBit(vpc.Direction(d), family, protocol)
				}
			}
		}
	}
	return all
}
