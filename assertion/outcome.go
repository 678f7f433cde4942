package assertion

import (
	"fmt"
	"time"

	"github.com/sgate/sgate/control"
)

// Result is what came of one test.
type Result struct {
	Name     string        `json:"name"`
	Place    string        `json:"place"` // file:line:column
	Expect   Verdict       `json:"expect"`
	Passed   bool          `json:"passed"`
	Cases    int           `json:"cases"`
	Failed   int           `json:"failed_cases"`
	Untried  int           `json:"untried_cases"` // for which a real packet was asked and none sent
	Took     time.Duration `json:"-"`
	Outcomes []Outcome     `json:"outcomes"` // those that failed first
}

// Outcome is what came of a case, or of several that are alike but for their
// ports.
type Outcome struct {
	Cases   []Case  `json:"cases"`
	Verdict Verdict `json:"verdict,omitempty"` // the data path's, as explained; "" if it cannot be
	// Problem says why the cases failed; "" if they passed.
	Problem     string               `json:"problem,omitempty"`
	Explanation *control.Explanation `json:"explanation,omitempty"` // of the first case
	Observation *Observation         `json:"observation,omitempty"` // of the first case; nil if none was tried
}

// untried reports whether a real packet was asked for and none was sent.
func (o *Outcome) untried() bool { return o.Observation != nil && o.Observation.Verdict == "" }

// problem says why an outcome is not what the test expects, "" if it is.
func (t *Test) problem(c Case, o *Outcome) string {
	e := o.Explanation
	if contradiction := contradicts(o.Observation, e); contradiction != "" {
		return contradiction
	}
	switch {
	case o.Verdict != t.Expect && e.Allowed():
		return "want drop, got allow: " + admission(e)
	case o.Verdict != t.Expect:
		return "want allow, got drop: " + e.Reason
	case t.Reason != "" && e.Reason != t.Reason:
		return fmt.Sprintf("want a drop by %s, got one by %s", t.Reason, e.Reason)
	case t.Rule != "" && !admittedBy(e, t.Rule):
		return fmt.Sprintf("want %s to admit it, got allow: %s", t.Rule, admission(e))
	}
	return t.unanswered(c, o)
}

// contradicts says in what a real packet's fate is not the one explained, "" if
// it is.
func contradicts(o *Observation, e *control.Explanation) string {
	if o == nil || o.Verdict == "" {
		return ""
	}
	met, explained := said(o.Verdict, o.Reason), said(Verdict(e.Verdict), e.Reason)
	if met != explained {
		return fmt.Sprintf("a real packet and its explanation disagree: it met %s, explained is %s", met, explained)
	}
	for i, side := range []*control.ExplainedSide{&e.Egress, &e.Ingress} {
		if side.Answer == control.AnswerRule && side.Rule != nil && o.Rules[i] != "" && o.Rules[i] != side.Rule.ID {
			return fmt.Sprintf("a real packet and its explanation disagree: %s admitted it, explained is %s", o.Rules[i], side.Rule.ID)
		}
	}
	return ""
}

// said returns "drop (no_ingress_rule)" or "allow".
func said(v Verdict, reason string) string {
	if v == Drop {
		return fmt.Sprintf("%s (%s)", v, reason)
	}
	return string(v)
}

// unanswered says why a connection, or a ping, that is allowed still comes to
// nothing: network ACLs judge the answer, too.
func (t *Test) unanswered(c Case, o *Outcome) string {
	if t.Expect != Allow || c.Protocol != "tcp" && !c.IsEcho() {
		return ""
	}
	for _, acl := range o.Explanation.Reply {
		if acl.Action == "deny" {
			return fmt.Sprintf("want allow; it arrives, but the network ACL %s denies the answer, %s: entry %s", acl.Name, acl.Direction, acl.Entry)
		}
	}
	if o.Observation != nil && o.Observation.Unanswered {
		return "want allow; the packet arrives, but no answer comes back: " + o.Observation.Seen
	}
	return ""
}

// admittedBy reports whether a rule with an id, or of a group with a name or id,
// admits the packet at either end.
func admittedBy(e *control.Explanation, ref string) bool {
	for _, side := range []*control.ExplainedSide{&e.Egress, &e.Ingress} {
		if r := side.Rule; r != nil && (r.ID == ref || r.Group.ID == ref || r.Group.Name == ref) {
			return true
		}
	}
	return false
}

// admission says what admits a packet: the rule of its receiver, or else of its
// sender.
func admission(e *control.Explanation) string {
	for _, side := range []*control.ExplainedSide{&e.Ingress, &e.Egress} {
		switch {
		case side.Rule != nil && side.Answer == control.AnswerFlow:
			return "a live flow, let in by " + sayRule(side.Rule)
		case side.Rule != nil:
			return sayRule(side.Rule)
		}
	}
	return e.Reason
}

// sayRule returns "sgr-0123 (web ingress: tcp 443 from 0.0.0.0/0)".
func sayRule(r *control.ExplainedRule) string {
	if r.Gone {
		return r.ID + " (not in force any more)"
	}
	return fmt.Sprintf("%s (%s %s: %s)", r.ID, r.Group.Name, r.Direction, r.Text)
}

// likeness is what outcomes have in common that are shown as one.
type likeness struct {
	from, to, protocol, problem string
	ipv6                        bool
}

func (o *Outcome) likeness() likeness {
	c := o.Cases[0]
	l := likeness{from: c.From, to: c.To, protocol: c.Protocol, ipv6: c.IPv6, problem: o.Problem}
	if o.Problem == "" && o.Explanation != nil {
		l.problem = said(o.Verdict, o.Explanation.Reason) + admission(o.Explanation)
	}
	return l
}

// group puts outcomes together that differ in nothing but their ports, those
// that failed first.
func group(outcomes []Outcome) []Outcome {
	var failed, passed []Outcome
	at := make(map[likeness]*Outcome)
	for i := range outcomes {
		o := &outcomes[i]
		if first, ok := at[o.likeness()]; ok {
			first.Cases = append(first.Cases, o.Cases...)
			continue
		}
		at[o.likeness()] = o
	}
	for i := range outcomes {
		switch o := &outcomes[i]; {
		case at[o.likeness()] != o:
		case o.Problem != "":
			failed = append(failed, *o)
		default:
			passed = append(passed, *o)
		}
	}
	return append(failed, passed...)
}
