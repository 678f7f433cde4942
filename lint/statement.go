package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// statement is what one place of a file says: a rule that is written with two
// ports and two sources is four rules to AWS, and one to whoever reads of it.
type statement struct {
	group *vpc.SecurityGroup
	vpc.Direction
	first int // the place of rules[0] among the group's
	rules []vpc.Rule
}

// statements returns those of one direction of a group.
func statements(g *vpc.SecurityGroup, d vpc.Direction) []statement {
	var out []statement
	rules := g.Rules(d)
	for first := 0; first < len(rules); {
		end := first + 1
		for end < len(rules) && rules[end].Origin == rules[first].Origin && rules[first].Origin != (vpc.Origin{}) {
			end++
		}
		out = append(out, statement{g, d, first, rules[first:end]})
		first = end
	}
	return out
}

// those returns the rules of the statement that match.
func (st *statement) those(match func(r *vpc.Rule) bool) []*vpc.Rule {
	var out []*vpc.Rule
	for i := range st.rules {
		if r := &st.rules[i]; match(r) {
			out = append(out, r)
		}
	}
	return out
}

// finding returns a finding of a kind about some of the statement's rules.
func (l *linter) finding(kind string, st *statement, rules []*vpc.Rule, message, remedy string) finding.Finding {
	f := l.of(kind)
	f.Subject = subjectOf(st.group)
	f.Origin = st.rules[0].Origin
	f.Message = l.describe(st, rules) + ": " + message
	f.Remedy = remedy
	f.IDs = []string{st.group.ID}
	for _, r := range rules {
		f.IDs = append(f.IDs, r.ID)
	}
	return f
}

// addRule adds a finding about rules of a statement. It can be silenced at the
// rule, its group and their VPC.
func (l *linter) addRule(f finding.Finding, st *statement) {
	l.add(f, st.group.Origin, l.vpcOrigin(st.group.VPCID))
}

func subjectOf(g *vpc.SecurityGroup) string { return fmt.Sprintf("security group %q", g.Name) }

// describe says which rules of a statement are meant, in a person's words:
// "ingress tcp 22 and tcp 80 from 0.0.0.0/0 and ::/0".
func (l *linter) describe(st *statement, rules []*vpc.Rule) string {
	return st.Direction.String() + " " + l.what(st.group, rules)
}

// what is describe without the direction.
func (l *linter) what(g *vpc.SecurityGroup, rules []*vpc.Rule) string {
	var services, peers, single []string
	for _, r := range rules {
		service, peer := r.Service(), l.peer(g, r.Peer)
		services, peers = appendNew(services, service), appendNew(peers, peer)
		single = append(single, service+preposition(r.Direction)+peer)
	}
	if len(services)*len(peers) == len(rules) {
		return and(services) + preposition(rules[0].Direction) + and(peers)
	}
	return and(single)
}

func preposition(d vpc.Direction) string {
	if d == vpc.Egress {
		return " to "
	}
	return " from "
}

// peer names the other end of a rule of g.
func (l *linter) peer(g *vpc.SecurityGroup, p vpc.Peer) string {
	switch {
	case p.GroupID != "" && p.GroupID == g.ID:
		return "itself"
	case p.GroupID != "":
		if peer, ok := l.SecurityGroup(p.GroupID); ok && peer.Name != "" {
			return "group " + peer.Name
		}
	case p.PrefixListID != "":
		if of := l.lists[p.PrefixListID]; of.world != "" {
			return "prefix list " + of.Name + " (which has " + of.world + ")"
		} else if of.Name != "" {
			return "prefix list " + of.Name
		}
	}
	return p.String()
}

func appendNew(to []string, s string) []string {
	if slices.Contains(to, s) {
		return to
	}
	return append(to, s)
}

// most is how many things are listed before the rest is only counted.
const most = 5

// and lists things as a sentence does.
func and(things []string) string {
	switch n := len(things); {
	case n <= 1:
		return strings.Join(things, "")
	case n > most+1:
		return fmt.Sprintf("%s and %d more", strings.Join(things[:most], ", "), n-most)
	default:
		return strings.Join(things[:n-1], ", ") + " and " + things[n-1]
	}
}
