package explain

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/vpc"
)

// groupRemedy adds a rule to one of the groups at the end whose rules do not
// admit the packet: for a group of the other end if that is an instance, else
// for its address alone.
func (a *answer) groupRemedy(d vpc.Direction) *remedy {
	side := &a.Ingress
	if d == vpc.Egress {
		side = &a.Egress
	}
	if len(side.Groups) == 0 {
		return nil
	}
	g := a.groupToAddTo(side)
	addr := a.otherAddr(d)
	rule := a.ruleFor(d, g.ID, vpc.Peer{CIDR: netip.PrefixFrom(addr, addr.BitLen())})
	r := control.Remedy{Kind: control.RemedyGroupRule, ID: g.ID, Name: g.Name, Direction: d.String(), Place: g.Origin.String()}
	peer := a.groupToName(d)
	if peer != "" {
		byAddress := a.choice(g, rule)
		r.Alternative = &byAddress
		rule.Peer = vpc.Peer{GroupID: peer}
	}
	r.Choice = a.choice(g, rule)
	r.Caution = a.groupCaution(g, peer)
	return &remedy{Remedy: r, apply: func(res *vpc.Resources) { addRule(res, rule) }}
}

// addRule adds a rule to its group in resources.
func addRule(res *vpc.Resources, r vpc.Rule) {
	i := slices.IndexFunc(res.SecurityGroups, func(g vpc.SecurityGroup) bool { return g.ID == r.GroupID })
	g := &res.SecurityGroups[i]
	if r.Direction == vpc.Egress {
		g.Egress = append(slices.Clone(g.Egress), r)
		return
	}
	g.Ingress = append(slices.Clone(g.Ingress), r)
}

// otherAddr is the address that a direction's rules are held against.
func (a *answer) otherAddr(d vpc.Direction) netip.Addr {
	if d == vpc.Egress {
		return a.flow.Dst
	}
	return a.flow.Src
}

// groupToAddTo chooses among an end's groups the one with the fewest members, so
// that the rule opens as little as it can; among equals the one that has the
// rule which comes nearest.
func (a *answer) groupToAddTo(side *control.ExplainedSide) vpc.SecurityGroup {
	nearest := ""
	if len(side.Misses) > 0 {
		nearest = side.Misses[0].Rule.Group.ID
	}
	best := slices.MinFunc(side.Groups, func(x, y control.GroupRef) int {
		return cmp.Or(
			cmp.Compare(len(a.members(x.ID)), len(a.members(y.ID))),
			compareBool(x.ID != nearest, y.ID != nearest),
		)
	})
	g, _ := a.snapshot.SecurityGroup(best.ID)
	return g
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case y:
		return -1
	}
	return 1
}

// members are the names of the instances that have a group.
func (a *answer) members(groupID string) (names []string) {
	for _, nic := range a.snapshot.Interfaces() {
		if slices.Contains(nic.GroupIDs, groupID) {
			names = append(names, nameOr(nic.Name, nic.ID))
		}
	}
	return names
}

// groupToName chooses a group of the other end that a rule can name: the one
// with the fewest members, the default group last. It returns "" if there is
// none, or if the other end sends from an address that is not its own, which no
// rule that names a group matches.
func (a *answer) groupToName(d vpc.Direction) string {
	e := a.endpoint(d.Opposite())
	if e == filter.NoEndpoint || a.policy.Kind(e) != filter.KindInterface || !a.policy.Owns(e, a.otherAddr(d)) {
		return ""
	}
	nic, _ := a.snapshot.Interface(a.policy.ID(e))
	return slices.MinFunc(nic.GroupIDs, func(x, y string) int {
		return cmp.Or(
			compareBool(a.isDefault(x), a.isDefault(y)),
			cmp.Compare(len(a.members(x)), len(a.members(y))),
		)
	})
}

func (a *answer) isDefault(groupID string) bool {
	g, _ := a.snapshot.SecurityGroup(groupID)
	return g.Name == vpc.DefaultGroupName
}

// ruleFor returns a rule that admits just what the packet is.
func (a *answer) ruleFor(d vpc.Direction, groupID string, peer vpc.Peer) vpc.Rule {
	r := vpc.Rule{GroupID: groupID, Direction: d, Peer: peer}
	r.Protocol, r.FromPort, r.ToPort = serviceOf(&a.flow)
	return r
}

// serviceOf returns the narrowest service that a flow is of. Of an echo's code,
// which is always 0, rules say nothing.
func serviceOf(f *filter.Flow) (protocol vpc.Protocol, from, to int32) {
	protocol = vpc.Protocol(f.Protocol)
	switch {
	case protocol.HasPorts() && f.HasTransport:
		return protocol, int32(f.DstPort), int32(f.DstPort)
	case protocol.HasPorts():
		return protocol, 0, 65535
	case !protocol.IsICMP() || !f.HasTransport:
		return protocol, vpc.Any, vpc.Any
	case isEcho(protocol, f.ICMPType) && f.ICMPCode == 0:
		return protocol, int32(f.ICMPType), vpc.Any
	}
	return protocol, int32(f.ICMPType), int32(f.ICMPCode)
}

func isEcho(protocol vpc.Protocol, icmpType uint8) bool {
	if protocol == vpc.ICMP {
		return icmpType == echoRequest || icmpType == 0
	}
	return icmpType == echoRequestV6 || icmpType == echoRequestV6+1
}

// groupCaution says what else a rule opens.
func (a *answer) groupCaution(g vpc.SecurityGroup, peer string) string {
	to, from := len(a.members(g.ID)), 0
	if peer != "" {
		from = len(a.members(peer))
	}
	switch {
	case to > 1 && from > 1 && peer != g.ID:
		other, _ := a.snapshot.SecurityGroup(peer)
		return fmt.Sprintf("group %s has %d members and group %s %d: the rule is for all of them", g.Name, to, other.Name, from)
	case to > 1:
		return fmt.Sprintf("group %s has %d members: the rule is for all of them", g.Name, to)
	case from > 1:
		other, _ := a.snapshot.SecurityGroup(peer)
		return fmt.Sprintf("group %s has %d members: the rule is for all of them", other.Name, from)
	}
	return ""
}

// choice writes a rule for the configuration and for the aws CLI.
func (a *answer) choice(g vpc.SecurityGroup, r vpc.Rule) control.Choice {
	return control.Choice{
		Text:   fmt.Sprintf("%s in security group %s, %s", a.snapshot.RuleText(r), g.Name, r.Direction),
		Config: ruleConfig(a.snapshot, g, r),
		AWS:    authorize(r),
	}
}
