package capture

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// wording puts verdicts into words. One goroutine uses it.
//
// A comment is one line: what a person wants to know, a bar, and the same for
// programs, as KEY=VALUE with the names and values that events have on the
// control socket:
//
//	sgate: DROP no_ingress_rule, to db; egress: allowed by sgr-1 (web); ingress: no rule of db admits tcp 3306 from 10.0.1.10 | verdict=drop ...
type wording struct {
	policy *filter.Policy    // of the last packet
	groups map[string]string // names of its groups, by the ids of their rules
	line   []byte
}

// comment returns a packet's comment.
func (w *wording) comment(r *record) string {
	if r.Policy != w.policy || w.groups == nil {
		w.policy, w.groups = r.Policy, make(map[string]string)
	}
	b := append(w.line[:0], "sgate: "...)
	b = append(b, [...]string{gateway.Dropped: "DROP ", gateway.Forwarded: "ALLOW ", gateway.Local: "ALLOW "}[r.Fate]...)
	b = append(b, r.Reason.String()...)
	if r.Out != "" {
		b = append(append(b, ", to "...), nameOf(snapshot(r.Policy), r.Out)...)
	}
	b = addNote(b, r)
	b = w.addSide(b, r, vpc.Egress, r.Egress)
	b = w.addSide(b, r, vpc.Ingress, r.Ingress)
	w.line = addPairs(append(b, " |"...), r)
	return string(w.line)
}

// addSide says what one end had to say of a packet, if it was asked.
func (w *wording) addSide(b []byte, r *record, d vpc.Direction, s gateway.Side) []byte {
	if s.Answer == gateway.SideNotAsked {
		return b
	}
	b = append(append(append(b, "; "...), d.String()...), ": "...)
	id := r.In
	if d == vpc.Ingress {
		id = r.Out
	}
	switch s.Answer {
	case gateway.SideNoGroups:
		return append(b, "no security groups"...)
	case gateway.SideNoRule:
		b = append(append(b, "no rule of "...), nameOf(snapshot(r.Policy), id)...)
		return addAsked(append(b, " admits "...), r, d)
	case gateway.SideFlow:
		if b = append(b, "live flow"...); s.RuleID == "" {
			return b
		}
		b = append(b, ", "...)
	}
	b = append(append(b, "allowed by "...), s.RuleID...)
	if group := w.groupOf(s.RuleID, id); group != "" {
		b = append(append(append(b, " ("...), group...), ')')
	}
	return b
}

// groupOf returns the name of the group of an interface that has a rule, "" if
// it has left the group, or the rule is gone.
func (w *wording) groupOf(ruleID, interfaceID string) string {
	name, known := w.groups[ruleID]
	if !known && w.policy != nil {
		name = groupOf(w.policy.Snapshot(), ruleID, interfaceID)
		w.groups[ruleID] = name
	}
	return name
}

// groupOf looks among the rules of both directions: an answer leaves by the rule
// that let the question in.
func groupOf(s *vpc.Snapshot, ruleID, interfaceID string) string {
	nic, _ := s.Interface(interfaceID)
	for _, id := range nic.GroupIDs {
		group, _ := s.SecurityGroup(id)
		has := func(r vpc.Rule) bool { return r.ID == ruleID }
		if slices.ContainsFunc(group.Ingress, has) || slices.ContainsFunc(group.Egress, has) {
			return group.Name
		}
	}
	return ""
}

// addAsked says what a rule would have had to admit: "tcp 3306 from 10.0.1.10".
func addAsked(b []byte, r *record, d vpc.Direction) []byte {
	protocol := vpc.Protocol(r.Protocol)
	b = append(b, protocol.String()...)
	switch {
	case !r.HasTransport:
	case protocol.HasPorts():
		b = strconv.AppendUint(append(b, ' '), uint64(r.Dst.Port()), 10)
	case protocol.IsICMP():
		b = fmt.Appendf(b, " type %d code %d", r.ICMPType, r.ICMPCode)
	}
	if d == vpc.Egress {
		return r.Dst.Addr().AppendTo(append(b, " to "...))
	}
	return r.Src.Addr().AppendTo(append(b, " from "...))
}

// addNote says what belongs to a reason that is no rule's.
func addNote(b []byte, r *record) []byte {
	switch r.Reason {
	case gateway.ReasonNoRoute:
		return r.Dst.Addr().AppendTo(append(b, "; nobody has "...))
	case gateway.ReasonSourceCheck:
		b = r.Src.Addr().AppendTo(append(b, "; "...))
		return append(append(b, " is not an address of "...), nameOf(snapshot(r.Policy), r.In)...)
	case gateway.ReasonNetworkACLEgress:
		return addACL(b, r, r.In)
	case gateway.ReasonNetworkACLIngress:
		return addACL(b, r, r.Out)
	}
	return b
}

// addACL names the network ACL that stands before an interface.
func addACL(b []byte, r *record, interfaceID string) []byte {
	s := snapshot(r.Policy)
	if s == nil {
		return b
	}
	nic, _ := s.Interface(interfaceID)
	acl, ok := s.NetworkACLOf(nic.SubnetID)
	if !ok {
		return b
	}
	return append(append(append(b, "; network ACL "...), acl.ID...), " denies it"...)
}

// addPairs says all of it for programs.
func addPairs(b []byte, r *record) []byte {
	s := snapshot(r.Policy)
	verdict := "allow"
	if r.Fate == gateway.Dropped {
		verdict = "drop"
	}
	b = addPair(b, "verdict", verdict)
	b = addPair(b, "fate", r.Fate.String())
	b = addPair(b, "reason", r.Reason.String())
	b = addPair(b, "from", nameOf(s, r.In))
	if r.Out != "" {
		b = addPair(b, "to", nameOf(s, r.Out))
	}
	b = addSidePairs(b, "egress", r.Egress)
	b = addSidePairs(b, "ingress", r.Ingress)
	b = addPair(b, "packets", strconv.Itoa(r.Packets))
	return addPair(b, "generation", strconv.FormatUint(r.Generation, 10))
}

func addSidePairs(b []byte, side string, s gateway.Side) []byte {
	b = addPair(b, side, s.Answer.String())
	if s.RuleID != "" {
		b = addPair(b, side+"_rule_id", s.RuleID)
	}
	return b
}

// addPair adds KEY=VALUE. A value that would not end where it should is quoted,
// as in logfmt.
func addPair(b []byte, key, value string) []byte {
	b = append(append(append(b, ' '), key...), '=')
	if value == "" || strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c == '"' || c == '=' || c == '|' }) {
		return strconv.AppendQuote(b, value)
	}
	return append(b, value...)
}
