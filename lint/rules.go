package lint

import (
	"fmt"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// rules looks at each rule of a group.
func (l *linter) rules(g *vpc.SecurityGroup) {
	for _, d := range []vpc.Direction{vpc.Ingress, vpc.Egress} {
		for _, st := range statements(g, d) {
			l.openings(&st)
			l.deadRules(&st)
			l.emptyReferences(&st)
			l.undescribed(&st)
			if d == vpc.Egress {
				l.replyRules(&st)
			}
			for i := range st.rules {
				l.named[st.rules[i].Peer.PrefixListID] = true
			}
		}
	}
}

// deadRules finds rules that no packet can match (docs/semantics.md 1.3).
func (l *linter) deadRules(st *statement) {
	say := func(match func(*vpc.Rule) bool, message, remedy string) {
		if dead := st.those(match); len(dead) > 0 {
			l.addRule(l.finding(finding.RuleMatchesNothing, st, dead, message, remedy), st)
		}
	}
	say(func(r *vpc.Rule) bool { return l.wrongFamily(r, vpc.ICMP, true) },
		"icmp is ICMP of IPv4, so no packet matches", "For IPv6 write protocol: icmpv6; echo request is icmp_type: 128 there.")
	say(func(r *vpc.Rule) bool { return l.wrongFamily(r, vpc.ICMPv6, false) },
		"icmpv6 is ICMP of IPv6, so no ping and no error of IPv4 matches", "For IPv4 write protocol: icmp; echo request is icmp_type: 8 there.")
	say(func(r *vpc.Rule) bool {
		return r.Peer.PrefixListID != "" && len(l.lists[r.Peer.PrefixListID].parts) == 0
	}, "the prefix list has no entries, so no packet matches", "Give it entries, or remove the rule.")
}

func (l *linter) wrongFamily(r *vpc.Rule, p vpc.Protocol, ipv6 bool) bool {
	is, known := l.isIPv6(r.Peer)
	return r.Protocol == p && known && is == ipv6
}

// emptyReferences finds rules that name a group without members. Where there are
// no interfaces at all, or the rule's own group has none, it says nothing: that
// is another matter.
func (l *linter) emptyReferences(st *statement) {
	if len(l.members[st.group.ID]) == 0 {
		return
	}
	empty := st.those(func(r *vpc.Rule) bool { return r.Peer.GroupID != "" && len(l.members[r.Peer.GroupID]) == 0 })
	if len(empty) == 0 {
		return
	}
	f := l.finding(finding.EmptyReference, st, empty, "no interface has the group that it names, so no packet matches",
		"Attach the group to the instances that are meant, or remove the rule.")
	for _, r := range empty {
		peer, _ := l.SecurityGroup(r.Peer.GroupID)
		f.IDs = append(f.IDs, peer.ID)
		f.Related = append(f.Related, finding.Place{Origin: peer.Origin, Message: subjectOf(&peer) + " has no members"})
	}
	l.addRule(f, st)
}

// undescribed finds rules without a description, AWS's own aside.
func (l *linter) undescribed(st *statement) {
	bare := st.those(func(r *vpc.Rule) bool { return r.Description == "" && !l.isOwn(st.group, r) })
	if len(bare) > 0 {
		l.addRule(l.finding(finding.NoDescription, st, bare, "has no description",
			"Say what it is for, such as description: Public HTTPS."), st)
	}
}

// isOwn reports whether a rule is one that AWS itself makes in a new group.
func (l *linter) isOwn(g *vpc.SecurityGroup, r *vpc.Rule) bool {
	if r.Protocol != vpc.AllProtocols {
		return false
	}
	if r.Direction == vpc.Egress {
		return r.Peer.CIDR.IsValid() && r.Peer.CIDR.Bits() == 0
	}
	return g.Name == vpc.DefaultGroupName && r.Peer.GroupID == g.ID
}

// replyRules finds egress rules that look as if they were there for the replies
// to what an ingress rule of the group admits.
func (l *linter) replyRules(st *statement) {
	at := -1
	replies := st.those(func(r *vpc.Rule) bool {
		at++
		return r.Protocol.HasPorts() && isEphemeral(r.FromPort, r.ToPort) && l.hasIngress(st.group, r.Protocol) &&
			!l.covered[ruleAt{direction{st.group.ID, vpc.Egress}, st.first + at}]
	})
	if len(replies) == 0 {
		return
	}
	l.addRule(l.finding(finding.EgressForReplies, st, replies, "these are the ports of replies, which a group lets out by itself",
		fmt.Sprintf("Remove it (egress: [] if nothing else is let out), unless the instances connect to %s themselves.", ports(replies[0]))), st)
}

func ports(r *vpc.Rule) string { return fmt.Sprintf("ports %d-%d", r.FromPort, r.ToPort) }

func (l *linter) hasIngress(g *vpc.SecurityGroup, p vpc.Protocol) bool {
	for i := range g.Ingress {
		if r := &g.Ingress[i]; r.Protocol == p || r.Protocol == vpc.AllProtocols {
			return true
		}
	}
	return false
}
