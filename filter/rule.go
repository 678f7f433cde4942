package filter

import (
	"cmp"
	"slices"

	"github.com/sgate/sgate/vpc"
)

// Rule is the number of a rule within one Policy; the lower, the narrower.
//
// A number is made of what rules are ordered by: the width of the peer, that of
// the ports, the group, the direction, and the rule's position there. It is a
// function of the snapshot like all of a policy, and yet a rule that comes or
// goes changes no number outside of its group and direction.
type Rule int64

// NoRule is where no rule matched. It is higher than every rule's number.
const NoRule Rule = 1<<63 - 1

// The bits of a number, from the lowest on; those above them hold the width of
// the peer. A group has at most 2,000 rules a direction that can match
// (vpc.MaxRulesPerInterface, for each family); only of rules that name an empty
// prefix list, which have no number, there may be more.
const (
	positionBits  = 13
	directionBits = 1
	orderBits     = 24
	portWidthBits = 17
)

// position is a rule's place among those of its group and direction, narrowest
// first.
type position uint16

// numberRule returns the number of the rule of that width in the group that is
// the order-th by id.
func numberRule(width, order uint32, d vpc.Direction, at position) Rule {
	n := Rule(width)<<orderBits | Rule(order)
	n = n<<directionBits | Rule(d)
	return n<<positionBits | Rule(at)
}

// place returns what numberRule made a number of, the width aside.
func (r Rule) place() (order uint32, d vpc.Direction, at position) {
	at = position(r & (1<<positionBits - 1))
	r >>= positionBits
	d = vpc.Direction(r & (1<<directionBits - 1))
	r >>= directionBits
	return uint32(r & (1<<orderBits - 1)), d, at
}

// sorted returns the indices of the rules that can match, narrowest first, so
// that the rule that is named for a verdict is the one that a person would point
// at: a group or a long prefix before a short one, few ports before many.
func sorted(rules []vpc.Rule, canMatch func(*vpc.Rule) bool) []uint32 {
	order := make([]uint32, 0, len(rules))
	for i := range rules {
		if canMatch(&rules[i]) {
			order = append(order, uint32(i))
		}
	}
	slices.SortFunc(order, func(i, j uint32) int {
		a, b := &rules[i], &rules[j]
		if c := cmp.Compare(width(a), width(b)); c != 0 {
			return c
		}
		return vpc.CompareRules(*a, *b)
	})
	return order
}

// width returns how much a rule admits: its peer first, then its ports.
func width(r *vpc.Rule) uint32 { return peerWidth(r.Peer)<<portWidthBits | portWidth(r) }

func peerWidth(p vpc.Peer) uint32 {
	if !p.CIDR.IsValid() {
		return 0 // a group or a prefix list
	}
	return uint32(1 + p.CIDR.Addr().BitLen() - p.CIDR.Bits())
}

func portWidth(r *vpc.Rule) uint32 {
	switch {
	case r.Protocol == vpc.AllProtocols:
		return 1<<16 + 1
	case r.Protocol.IsICMP() && r.FromPort == vpc.Any:
		return 1 << 16
	case r.Protocol.IsICMP() && r.ToPort == vpc.Any:
		return 1 << 8
	case r.Protocol.IsICMP():
		return 0
	}
	return uint32(r.ToPort - r.FromPort)
}
