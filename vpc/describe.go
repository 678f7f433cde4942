package vpc

import "fmt"

// RuleText describes a rule in a person's words, its own group aside: "tcp 3306
// from group app", "all traffic to 0.0.0.0/0".
func (s *Snapshot) RuleText(r Rule) string {
	return fmt.Sprintf("%s %s %s", r.Service(), r.Direction.preposition(), s.PeerText(r.Peer))
}

// PeerText describes a rule's peer: "group app", "prefix list office",
// "10.0.1.0/24".
func (s *Snapshot) PeerText(p Peer) string {
	if g, ok := s.SecurityGroup(p.GroupID); ok {
		return "group " + g.Name
	}
	if l, ok := s.PrefixList(p.PrefixListID); ok {
		return "prefix list " + l.Name
	}
	return p.String()
}

// preposition leads to a rule's peer.
func (d Direction) preposition() string {
	if d == Egress {
		return "to"
	}
	return "from"
}

// String describes an entry: "100 allow tcp 443 from 0.0.0.0/0".
func (e NetworkACLEntry) String() string {
	action := "deny"
	if e.Allow {
		action = "allow"
	}
	service := Rule{Protocol: e.Protocol, FromPort: e.FromPort, ToPort: e.ToPort}.Service()
	return fmt.Sprintf("%d %s %s %s %s", e.Number, action, service, e.Direction.preposition(), e.CIDR)
}
