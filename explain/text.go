package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/vpc"
)

// Style says how a text is printed.
type Style struct {
	Color bool // with the terminal's colours
}

// shownMisses is how many of the nearest rules a text shows.
const shownMisses = 3

// WriteText prints an explanation for people.
func WriteText(w io.Writer, e control.Explanation, s Style) error {
	t := &text{e: &e, style: s}
	t.head()
	t.side("egress", &e.From, &e.Egress)
	t.acls()
	t.side("ingress", &e.To, &e.Ingress)
	t.replyACLs()
	t.flow()
	t.reachability()
	t.notes()
	t.remedies()
	_, err := io.WriteString(w, t.b.String())
	return err
}

// text is an explanation in print.
type text struct {
	e     *control.Explanation
	style Style
	b     strings.Builder
}

// The terminal's colours (ECMA-48, SGR).
const (
	red   = "31"
	green = "32"
	bold  = "1"
	dim   = "2"
)

func (t *text) color(code, s string) string {
	if !t.style.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *text) printf(format string, args ...any) { fmt.Fprintf(&t.b, format, args...) }

// line prints what stands under a heading at the left.
func (t *text) line(heading, format string, args ...any) {
	t.printf("  %-9s%s\n", heading, fmt.Sprintf(format, args...))
}

// head prints the packet and what becomes of it.
func (t *text) head() {
	word, code := "ALLOW", green
	if !t.e.Allowed() {
		word, code = "DROP", red
	}
	t.printf("%s%s %s\n", t.color(bold+";"+code, word), strings.Repeat(" ", len("egress   ")+1-len(word)), t.color(bold, t.packet()))
	t.printf("           %s: %s\n\n", t.e.Reason, t.e.Meaning)
}

// packet is the packet in a line: "web 10.0.1.10:49152 > db 10.0.2.30:3306 tcp".
func (t *text) packet() string {
	p := &t.e.Packet
	at := func(e *control.ExplainedEnd, port uint16) string {
		s := e.Address.String()
		if port != 0 && e.Address.Is6() {
			s = "[" + s + "]"
		}
		if port != 0 {
			s += fmt.Sprintf(":%d", port)
		}
		if e.Name != "" {
			s = e.Name + " " + s
		}
		return s
	}
	return fmt.Sprintf("%s > %s  %s", at(&t.e.From, p.SourcePort), at(&t.e.To, p.DestinationPort), kindOfPacket(p))
}

// kindOfPacket is what the packet is, addresses and ports aside.
func kindOfPacket(p *control.ExplainedPacket) string {
	switch {
	case p.Protocol == vpc.TCP.String():
		return "tcp SYN"
	case p.ICMPType != nil && isEcho(protocolNamed(p.Protocol), *p.ICMPType) && (*p.ICMPType == echoRequest || *p.ICMPType == echoRequestV6):
		return p.Protocol + " echo request"
	case p.ICMPType != nil:
		return fmt.Sprintf("%s type %d code %d", p.Protocol, *p.ICMPType, *p.ICMPCode)
	case p.Protocol == vpc.UDP.String():
		return p.Protocol
	}
	return "protocol " + p.Protocol
}

func protocolNamed(name string) vpc.Protocol {
	p, _ := vpc.ParseProtocol(name)
	return p
}

// side prints what one end has to say.
func (t *text) side(direction string, end *control.ExplainedEnd, s *control.ExplainedSide) {
	who := end.NameOrAddress()
	switch {
	case end.Kind == control.EndRouter:
		t.line(direction, "%s is the VPC router", who)
		return
	case end.Kind == control.EndService:
		t.line(direction, "%s is one of AWS's services", who)
		return
	case s.Interface == "" && end.Kind == control.EndInstance:
		t.line(direction, "%s: not asked", who)
		return
	case s.Interface == "":
		t.line(direction, "%s%s", who, outside(end))
		return
	}
	t.line(direction, "%s, in %s: %s", who, groupNames(s.Groups), t.said(s))
	t.rule(s.Rule)
	if s.RuleNow != nil {
		t.under(ruleLine(s.RuleNow))
	}
	t.misses(s)
}

// outside says why an end has no security groups.
func outside(end *control.ExplainedEnd) string {
	switch end.Kind {
	case control.EndHost:
		return " is a host outside the VPC: it has no security groups"
	case control.EndUnknown:
		return " is nobody's address: it has no security groups"
	}
	return ""
}

func groupNames(groups []control.GroupRef) string {
	if len(groups) == 1 {
		return "group " + groups[0].Name
	}
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.Name
	}
	return "groups " + strings.Join(names, ", ")
}

// said is a side's answer in words.
func (t *text) said(s *control.ExplainedSide) string {
	allowed, none := t.color(green, "allowed"), t.color(red, "no rule admits it")
	switch s.Answer {
	case control.AnswerRule:
		return allowed
	case control.AnswerNoRule:
		return none
	case control.AnswerFlow:
		return t.color(green, "the flow is tracked, and passes whatever the rules are") + "; without it, " + t.would(s)
	}
	return "not asked; " + t.would(s)
}

// would is what the rules would say.
func (t *text) would(s *control.ExplainedSide) string {
	if s.RulesSay == control.AnswerRule {
		return "this rule would admit it"
	}
	return "no rule would admit it"
}

// under prints a line below another.
func (t *text) under(s string) {
	if s != "" {
		t.printf("           %s\n", s)
	}
}

func (t *text) rule(r *control.ExplainedRule) {
	if r == nil {
		return
	}
	if r.Gone {
		t.under("let in by " + r.ID + ", which is in force no more")
		return
	}
	t.under(ruleLine(r))
}

// ruleLine is a rule in a line.
func ruleLine(r *control.ExplainedRule) string {
	s := r.Text
	if r.Description != "" {
		s += fmt.Sprintf(" (%s)", r.Description)
	}
	s += "  " + r.ID
	if r.Origin != "" {
		s += ", " + r.Origin
	}
	return s
}

// misses prints the rules that come nearest.
func (t *text) misses(s *control.ExplainedSide) {
	if s.Answer == control.AnswerRule || s.RulesSay == control.AnswerRule {
		return
	}
	if s.Rules == 0 {
		t.under("there are no rules of this direction at all")
		return
	}
	shown := nearest(s.Misses)
	for _, m := range shown {
		t.under("near: " + ruleLine(&m.Rule))
		t.under("      " + m.Text)
	}
	if more := s.Rules - len(shown); more > 0 {
		t.under(fmt.Sprintf("and %d %s", more, plural(more, "rule further off", "rules further off")))
	}
}

// nearest returns the misses that are worth showing: a few that lack one thing,
// else the first.
func nearest(misses []control.ExplainedMiss) []control.ExplainedMiss {
	n := 0
	for n < len(misses) && n < shownMisses && len(misses[n].But) == 1 {
		n++
	}
	return misses[:min(max(n, 1), len(misses))]
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
