package explain

import (
	"fmt"
	"strings"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// endpoint returns the end whose rules are asked in a direction.
func (a *answer) endpoint(d vpc.Direction) filter.Endpoint {
	if d == vpc.Egress {
		return a.flow.From
	}
	return a.flow.To
}

// side says what one end's security groups have to say.
func (a *answer) side(d vpc.Direction) control.ExplainedSide {
	said := a.trial.Side(d)
	out := control.ExplainedSide{Answer: said.Answer.String(), Groups: []control.GroupRef{}}
	e := a.endpoint(d)
	if e == filter.NoEndpoint || a.policy.Kind(e) != filter.KindInterface {
		return out
	}
	nic, _ := a.snapshot.Interface(a.policy.ID(e))
	out.Interface = nic.ID
	for _, id := range nic.GroupIDs {
		out.Groups = append(out.Groups, a.group(id))
	}
	a.rules(d, said, &out)
	return out
}

// rules adds the rule that the answer comes from; what the rules would say where
// they were not asked; and, where none admits the packet, those that come near.
func (a *answer) rules(d vpc.Direction, said gateway.Side, out *control.ExplainedSide) {
	ask := a.policy.Ingress
	if d == vpc.Egress {
		ask = a.policy.Egress
	}
	side := ask(&a.flow)
	now, admits := a.policy.Rule(side.Rule)
	switch said.Answer {
	case gateway.SideRule:
		out.Rule = a.rule(now)
	case gateway.SideFlow, gateway.SideNotAsked:
		out.RulesSay = gateway.SideNoRule.String()
		if admits {
			out.RulesSay, out.RuleNow = gateway.SideRule.String(), a.rule(now)
		}
		if said.RuleID != "" {
			out.Rule = a.ruleByID(said.RuleID)
		}
	}
	misses := a.policy.Misses(d, &a.flow)
	out.Rules = len(misses)
	if side.Passes() {
		return
	}
	for _, m := range misses[:min(len(misses), control.MaxMisses)] {
		out.Misses = append(out.Misses, a.miss(d, m))
	}
}

func (a *answer) group(id string) control.GroupRef {
	g, _ := a.snapshot.SecurityGroup(id)
	return control.GroupRef{ID: id, Name: g.Name}
}

func (a *answer) rule(r vpc.Rule) *control.ExplainedRule {
	return &control.ExplainedRule{
		ID: r.ID, Group: a.group(r.GroupID), Direction: r.Direction.String(),
		Text: a.snapshot.RuleText(r), Description: r.Description, Origin: r.Origin.String(),
	}
}

// ruleByID returns the rule with that id, of which nothing else is known if it
// is not in force any more.
func (a *answer) ruleByID(id string) *control.ExplainedRule {
	for _, g := range a.snapshot.SecurityGroups() {
		for _, rules := range [][]vpc.Rule{g.Ingress, g.Egress} {
			for _, r := range rules {
				if r.ID == id {
					return a.rule(r)
				}
			}
		}
	}
	return &control.ExplainedRule{ID: id, Gone: true}
}

// properties are the names of what rules compare, in the order in which a miss
// tells them.
var properties = [...]struct {
	property filter.Properties
	name     string
}{
	{filter.MissProtocol, "protocol"}, {filter.MissPort, "port"}, {filter.MissICMP, "icmp"},
	{filter.MissFamily, "family"}, {filter.MissPeer, "peer"},
}

// miss says what a packet lacks of a rule.
func (a *answer) miss(d vpc.Direction, m filter.Miss) control.ExplainedMiss {
	out := control.ExplainedMiss{Rule: *a.rule(m.Rule)}
	var words []string
	for _, p := range properties {
		if !m.But.Has(p.property) {
			continue
		}
		out.But = append(out.But, p.name)
		if text := a.lacks(d, &m, p.property); text != "" {
			words = append(words, "the "+text)
		}
	}
	out.Text = "but for " + strings.Join(words, ", and ")
	return out
}

// lacks says in which way a packet differs in one property.
func (a *answer) lacks(d vpc.Direction, m *filter.Miss, p filter.Properties) string {
	f, r := &a.flow, &m.Rule
	asked := vpc.Protocol(f.Protocol)
	switch p {
	case filter.MissProtocol:
		return fmt.Sprintf("protocol: %s is asked, %s is open", asked, r.Protocol)
	case filter.MissPort:
		if !r.Protocol.HasPorts() {
			return "" // that is what the protocol says
		}
		return fmt.Sprintf("port: %d is asked, %s", f.DstPort, openPorts(r))
	case filter.MissICMP:
		if !r.Protocol.IsICMP() {
			return ""
		}
		return fmt.Sprintf("ICMP type: type %d code %d is asked, %s is open", f.ICMPType, f.ICMPCode, icmpOpen(r))
	case filter.MissFamily:
		return fmt.Sprintf("family: the packet is %s, the rule is for %s", familyName(f.Src.Is6()), familyName(!f.Src.Is6()))
	}
	return a.lacksPeer(d, r.Peer)
}

func openPorts(r *vpc.Rule) string {
	if r.FromPort == r.ToPort {
		return fmt.Sprintf("%d is open", r.FromPort)
	}
	return fmt.Sprintf("%d-%d are open", r.FromPort, r.ToPort)
}

// icmpOpen is a rule's type and code without the protocol: "type 3 code 4".
func icmpOpen(r *vpc.Rule) string {
	return strings.TrimPrefix(r.Service(), r.Protocol.String()+" ")
}

func familyName(ipv6 bool) string {
	if ipv6 {
		return "IPv6"
	}
	return "IPv4"
}

// lacksPeer says why the other end is not a rule's peer.
func (a *answer) lacksPeer(d vpc.Direction, p vpc.Peer) string {
	which, addr, other := "source", a.flow.Src, a.flow.From
	if d == vpc.Egress {
		which, addr, other = "destination", a.flow.Dst, a.flow.To
	}
	if p.GroupID == "" {
		return fmt.Sprintf("%s: %s is not in %s", which, addr, a.snapshot.PeerText(p))
	}
	who := addr.String()
	if other != filter.NoEndpoint && a.policy.Owns(other, addr) {
		if name := a.snapshot.EndpointName(a.policy.ID(other)); name != "" {
			who = name
		}
	}
	return fmt.Sprintf("%s: %s is not a member of %s", which, who, a.snapshot.PeerText(p))
}
