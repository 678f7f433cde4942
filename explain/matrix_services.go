package explain

import (
	"maps"
	"slices"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/vpc"
)

// services asks what passes, one packet for each interval of ports, type of ICMP
// and protocol number that a rule or an entry of either end tells from others.
func (p *pair) services() ([]control.MatrixService, error) {
	seen := p.distinctions()
	everything := true
	var out []control.MatrixService
	add := func(s []control.MatrixService, all bool, err error) error {
		out, everything = append(out, s...), everything && all
		return err
	}
	for _, protocol := range []vpc.Protocol{vpc.TCP, vpc.UDP} {
		if err := add(p.ports(protocol, seen.edges(protocol))); err != nil {
			return nil, err
		}
	}
	if err := add(p.icmp(seen)); err != nil {
		return nil, err
	}
	if err := add(p.others(seen)); err != nil {
		return nil, err
	}
	if everything {
		return []control.MatrixService{{Protocol: vpc.AllProtocols.String()}}, nil
	}
	return slices.Clip(append([]control.MatrixService{}, out...)), nil
}

// kind is a protocol and ports, as in a rule.
type kind struct {
	protocol vpc.Protocol
	from, to int32
}

// distinctions are the kinds of packets that rules tell from others.
type distinctions []kind

// distinctions returns those of the sender's egress rules, the receiver's
// ingress rules, and the network ACLs of both subnets, replies included.
func (p *pair) distinctions() (all distinctions) {
	for _, side := range []struct {
		machine *vpc.Endpoint
		d       vpc.Direction
	}{{p.from, vpc.Egress}, {p.to, vpc.Ingress}} {
		nic, _ := p.snapshot.Interface(side.machine.ID)
		for _, id := range nic.GroupIDs {
			g, _ := p.snapshot.SecurityGroup(id)
			for _, r := range g.Rules(side.d) {
				all = append(all, kind{r.Protocol, r.FromPort, r.ToPort})
			}
		}
		acl, _ := p.snapshot.NetworkACLOf(nic.SubnetID)
		for _, e := range acl.Entries {
			all = append(all, kind{e.Protocol, e.FromPort, e.ToPort})
		}
	}
	return all
}

// edges returns where intervals of ports begin, and the end of them all.
func (d distinctions) edges(protocol vpc.Protocol) []int32 {
	edges := []int32{0, 1 << 16}
	for _, k := range d {
		if k.protocol == protocol {
			edges = append(edges, k.from, k.to+1)
		}
	}
	slices.Sort(edges)
	return slices.Compact(edges)
}

// ports asks about TCP or UDP. all says that nothing is dropped.
func (p *pair) ports(protocol vpc.Protocol, edges []int32) (out []control.MatrixService, all bool, err error) {
	found := map[passage][]control.PortRange{}
	for i, first := range edges[:len(edges)-1] {
		how, err := p.ask(protocol, first, 0)
		if err != nil {
			return nil, false, err
		}
		found[how] = join(found[how], control.PortRange{First: uint16(first), Last: uint16(edges[i+1] - 1)})
	}
	for _, how := range []passage{passes, unanswered} {
		ranges := found[how]
		if len(ranges) == 0 {
			continue
		}
		if ranges[0] == (control.PortRange{First: 0, Last: 65535}) {
			ranges = nil
		}
		out = append(out, control.MatrixService{Protocol: protocol.String(), Ports: ranges, NoReply: how == unanswered})
	}
	return out, len(found) == 1 && found[passes] != nil, nil
}

// join adds a range behind others, and to the last one if it goes on there.
func join(ranges []control.PortRange, next control.PortRange) []control.PortRange {
	if n := len(ranges); n > 0 && int(ranges[n-1].Last)+1 == int(next.First) {
		ranges[n-1].Last = next.Last
		return ranges
	}
	return append(ranges, next)
}

// What nobody uses stands for all that no rule tells from others: types of ICMP,
// codes and protocol numbers from these downwards (RFC 4727, RFC 3692).
const (
	spareICMPType   = 253
	spareICMPTypeV6 = 201
	spareCode       = 255
	spareProtocol   = 254
)

// icmp asks about the family's ICMP: each type that a rule names, each code that
// it names with it, and a type and codes that none does.
func (p *pair) icmp(seen distinctions) (out []control.MatrixService, all bool, err error) {
	a := asking{pair: p, protocol: vpc.ICMP}
	spare := int32(spareICMPType)
	if p.src.Is6() {
		a.protocol, spare = vpc.ICMPv6, spareICMPTypeV6
	}
	named := seen.types(a.protocol)
	rest := a.ask(downFrom(spare, func(t int32) bool { return named[t] == nil }), spareCode)
	if rest != dropped {
		a.found(rest, control.MatrixService{})
	}
	for _, t := range slices.Sorted(maps.Keys(named)) {
		if a.protocol == vpc.ICMPv6 && isNeighbourDiscovery(t) {
			continue // never asked about
		}
		codes := named[t]
		usual := a.ask(t, downFrom(spareCode, func(c int32) bool { return !codes[c] }))
		if usual != rest {
			a.icmpFound(usual, t, nil)
		}
		for _, c := range slices.Sorted(maps.Keys(codes)) {
			if how := a.ask(t, c); how != usual {
				code := uint8(c)
				a.icmpFound(how, t, &code)
			}
		}
	}
	return a.out, rest == passes && a.isWhole(), a.err
}

// types returns the types of ICMP that are named, and the codes named with each.
// Questions are always among them, for unlike others they are due an answer, and what
// is said of an answer tells its questions apart, too.
func (d distinctions) types(protocol vpc.Protocol) map[int32]map[int32]bool {
	types := make(map[int32]map[int32]bool)
	name := func(icmpType, code int32) {
		if types[icmpType] == nil {
			types[icmpType] = make(map[int32]bool)
		}
		if code != vpc.Any {
			types[icmpType][code] = true
		}
	}
	for icmpType := range int32(256) {
		if question, is := questionOf(protocol, icmpType); is {
			name(question, vpc.Any)
		}
	}
	for _, k := range d {
		if k.protocol != protocol || k.from == vpc.Any {
			continue
		}
		name(k.from, k.to)
		if question, is := questionOf(protocol, k.from); is {
			name(question, k.to)
		}
	}
	return types
}

// questionOf returns the type of the question that a type of ICMP answers; see
// stack.Packet.ICMPQuery.
func questionOf(protocol vpc.Protocol, icmpType int32) (question int32, is bool) {
	switch {
	case protocol == vpc.ICMPv6:
		return echoRequestV6, icmpType == echoRequestV6+1
	case icmpType == 0:
		return echoRequest, true
	case icmpType == 14, icmpType == 16, icmpType == 18:
		return icmpType - 1, true
	}
	return 0, false
}

// isNeighbourDiscovery reports whether a type of ICMPv6 is between neighbours
// (RFC 4861, section 4).
func isNeighbourDiscovery(icmpType int32) bool { return 133 <= icmpType && icmpType <= 137 }

// downFrom returns the highest number up to n that is fit, n if none is.
func downFrom(n int32, fit func(int32) bool) int32 {
	for i := n; i >= 0; i-- {
		if fit(i) {
			return i
		}
	}
	return n
}

// others asks about protocols without ports: each that a rule names, and one
// that none does.
func (p *pair) others(seen distinctions) (out []control.MatrixService, all bool, err error) {
	own := map[vpc.Protocol]bool{vpc.TCP: true, vpc.UDP: true, vpc.ICMP: p.src.Is4(), vpc.ICMPv6: p.src.Is6()}
	named := make(map[vpc.Protocol]bool)
	for _, k := range seen {
		if k.protocol != vpc.AllProtocols && !own[k.protocol] {
			named[k.protocol] = true
		}
	}
	a := asking{pair: p}
	ask := func(protocol vpc.Protocol) passage {
		a.protocol = protocol
		return a.ask(vpc.Any, vpc.Any)
	}
	spare := downFrom(spareProtocol, func(n int32) bool { return !named[vpc.Protocol(n)] && !own[vpc.Protocol(n)] })
	rest := ask(vpc.Protocol(spare))
	if rest != dropped {
		a.out = append(a.out, control.MatrixService{Protocol: control.OtherProtocols, NoReply: rest == unanswered})
	}
	for _, protocol := range slices.Sorted(maps.Keys(named)) {
		switch how := ask(protocol); {
		case how == rest:
		case how == dropped:
			a.except(vpc.Rule{Protocol: protocol, FromPort: vpc.Any, ToPort: vpc.Any})
		default:
			a.found(how, control.MatrixService{})
		}
	}
	return a.out, rest == passes && a.isWhole(), a.err
}

// asking gathers the answers about one protocol. Its first error stays.
type asking struct {
	*pair
	protocol vpc.Protocol
	out      []control.MatrixService
	err      error
}

func (a *asking) ask(from, to int32) passage {
	if a.err != nil {
		return dropped
	}
	how, err := a.pair.ask(a.protocol, from, to)
	a.err = err
	return how
}

// found adds what passes.
func (a *asking) found(how passage, s control.MatrixService) {
	s.Protocol, s.NoReply = a.protocol.String(), how == unanswered
	a.out = append(a.out, s)
}

// icmpFound adds a type, with a code or all others.
func (a *asking) icmpFound(how passage, icmpType int32, code *uint8) {
	t := control.ICMPTypes{Type: uint8(icmpType), Code: code}
	if how == dropped {
		r := vpc.Rule{Protocol: a.protocol, FromPort: icmpType, ToPort: vpc.Any}
		if code != nil {
			r.ToPort = int32(*code)
		}
		a.except(r)
		return
	}
	for i := range a.out {
		if s := &a.out[i]; s.Types != nil && s.NoReply == (how == unanswered) {
			s.Types = append(s.Types, t)
			return
		}
	}
	a.found(how, control.MatrixService{Types: []control.ICMPTypes{t}})
}

// except notes what does not pass, though what it is a part of does.
func (a *asking) except(r vpc.Rule) {
	if len(a.out) > 0 {
		s := &a.out[len(a.out)-1]
		s.Except = append(s.Except, r.Service())
	}
}

// isWhole reports whether what passes is one thing, without exceptions.
func (a *asking) isWhole() bool { return len(a.out) == 1 && a.out[0].Except == nil }
