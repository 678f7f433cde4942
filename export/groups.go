package export

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sgate/sgate/vpc"
)

// groups writes the security groups, but for default groups that are as AWS makes
// them.
func (x *exporter) groups() []mapping {
	var out []mapping
	for i := range x.SecurityGroups() {
		g := &x.SecurityGroups()[i]
		if !x.implied(g) {
			out = append(out, x.group(g))
		}
	}
	return out
}

func isDefault(g *vpc.SecurityGroup) bool { return strings.EqualFold(g.Name, vpc.DefaultGroupName) }

// implied reports whether a group is there without being written.
func (x *exporter) implied(g *vpc.SecurityGroup) bool {
	v, _ := x.VPC(g.VPCID)
	standard := vpc.DefaultGroup(v)
	return g.ID == standard.ID && g.Name == standard.Name && g.Description == standard.Description &&
		len(x.Tags(g.ID)) == 0 && x.asAdded(g.Ingress, standard.Ingress) && x.asAdded(g.Egress, standard.Egress)
}

// asAdded reports whether rules are those that AWS adds to a group by itself.
func (x *exporter) asAdded(rules, added []vpc.Rule) bool {
	return slices.EqualFunc(rules, added, func(r, a vpc.Rule) bool {
		return r.Key() == a.Key() && r.ID == vpc.RuleID(r) && r.Description == "" && len(x.Tags(r.ID)) == 0
	})
}

func (x *exporter) group(g *vpc.SecurityGroup) mapping {
	v, _ := x.VPC(g.VPCID)
	m, description := new(mapping), g.Name
	var added []vpc.Rule // ingress of a file that says nothing of it
	if g.Name == vpc.DefaultGroupName {
		standard := vpc.DefaultGroup(v)
		description = standard.Description
		added = vpc.DefaultGroup(v).Ingress
		for i := range added {
			added[i].Peer.GroupID = g.ID
		}
	}
	m.set("name", g.Name)
	m.unless("id", g.ID, vpc.NewID("sg", g.VPCID, g.Name))
	x.vpcOf(m, g.VPCID)
	m.unless("description", g.Description, description)
	m.items("tags", x.tags(g.ID))
	if !x.asAdded(g.Ingress, added) {
		m.set("ingress", x.rules(g, g.Ingress, "source"))
	}
	if !x.asAdded(g.Egress, vpc.DefaultEgress(v, g.ID, vpc.Origin{})) {
		m.set("egress", x.rules(g, g.Egress, "destination"))
	}
	m.items("lint_ignore", x.silenced(g.Origin))
	return *m
}

// rules writes rules, those that differ in their peer alone as one.
func (x *exporter) rules(g *vpc.SecurityGroup, rules []vpc.Rule, peerKey string) []mapping {
	out := []mapping{}
	for len(rules) > 0 {
		n := 1
		for n < len(rules) && x.together(g, rules[0], rules[n]) {
			n++
		}
		out = append(out, x.rule(g, rules[:n], peerKey))
		rules = rules[n:]
	}
	return out
}

// together reports whether two rules can be written as one: what is not the
// peer's is the same, and neither has an id of its own.
func (x *exporter) together(g *vpc.SecurityGroup, a, b vpc.Rule) bool {
	silenced := x.ruleSilences(g, a) != nil || x.ruleSilences(g, b) != nil
	return a.Protocol == b.Protocol && a.FromPort == b.FromPort && a.ToPort == b.ToPort && a.Description == b.Description &&
		a.ID == vpc.RuleID(a) && b.ID == vpc.RuleID(b) && slices.Equal(x.Tags(a.ID), x.Tags(b.ID)) &&
		(a.Origin == b.Origin || !silenced)
}

func (x *exporter) rule(g *vpc.SecurityGroup, rules []vpc.Rule, peerKey string) mapping {
	m, first := new(mapping), rules[0]
	x.service(m, first.Protocol, first.FromPort, first.ToPort)
	var peers []string
	for _, r := range rules {
		peers = append(peers, x.names.peer(g, r.Peer))
	}
	m.oneOrMore(peerKey, peers)
	m.text("description", first.Description)
	m.unless("id", first.ID, vpc.RuleID(first))
	m.items("tags", x.tags(first.ID))
	m.items("lint_ignore", x.ruleSilences(g, first))
	return *m
}

// ruleSilences returns the silences on a rule. A rule that AWS has added stands
// where its group does.
func (x *exporter) ruleSilences(g *vpc.SecurityGroup, r vpc.Rule) []mapping {
	if r.Origin == g.Origin {
		return nil
	}
	return x.silenced(r.Origin)
}

// service writes protocol and ports as the EC2 console does, by the name of a
// preset if there is one.
func (x *exporter) service(m *mapping, p vpc.Protocol, from, to int32) {
	if name, ok := x.presets[traffic{p, from, to}]; ok {
		m.set("type", name)
		return
	}
	if n, err := strconv.Atoi(p.String()); err == nil {
		m.set("protocol", n)
	} else {
		m.set("protocol", p.String())
	}
	switch {
	case p.HasPorts() && from == to:
		m.set("port_range", int(from))
	case p.HasPorts():
		m.set("port_range", fmt.Sprintf("%d-%d", from, to))
	case p.IsICMP():
		m.set("icmp_type", int(from))
		if to != vpc.Any {
			m.set("icmp_code", int(to))
		}
	}
}

// traffic is what a rule is about, its peer aside.
type traffic struct {
	protocol vpc.Protocol
	from, to int32
}

// presets returns the names of those presets that people know without looking
// them up.
func presets() map[traffic]string {
	known := make(map[traffic]string)
	for _, name := range []string{
		"SSH", "HTTP", "HTTPS", "DNS (UDP)", "DNS (TCP)", "NFS", "MySQL/Aurora", "PostgreSQL", "RDP",
		"All traffic", "All TCP", "All UDP", "All ICMP - IPv4", "All ICMP - IPv6",
	} {
		if p, ok := vpc.LookupPreset(name); ok {
			known[traffic{p.Protocol, p.FromPort, p.ToPort}] = p.Name
		}
	}
	return known
}
