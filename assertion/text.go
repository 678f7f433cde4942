package assertion

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sgate/sgate/control"
)

// Text writes a report for people as it comes up, and keeps the first error of
// its writer.
type Text struct {
	Out     io.Writer
	Verbose bool // say of tests that pass, too, what decided
	// Paint colours the word that says whether a test passed; nil leaves it.
	Paint func(passed bool, word string) string

	header string // of the file whose first result is to come
	err    error
}

// File begins the results of a file.
func (t *Text) File(path, against string) {
	t.header = fmt.Sprintf("%s (against %s)\n", path, against)
}

// Result writes a line for a test, and below it why it failed.
func (t *Text) Result(r *Result) {
	t.print("%s", t.header)
	t.header = ""
	word, cases, detail := "ok", "", untried(r)
	if r.Cases > 1 {
		cases = fmt.Sprintf(" (%d cases)", r.Cases)
	}
	switch {
	case !r.Passed:
		word, detail = "FAIL", r.Place+"\n"+failures(r)
		if r.Cases > 1 {
			cases = fmt.Sprintf(" (%d of %d cases)", r.Failed, r.Cases)
		}
	case t.Verbose:
		detail = passes(r)
	}
	space := strings.Repeat(" ", 6-len(word))
	if t.Paint != nil {
		word = t.Paint(r.Passed, word)
	}
	t.print("%s%s%s%s\n%s", word, space, r.Name, cases, indent(detail, "      "))
}

// End writes the summary, with how long it took if that is not 0.
func (t *Text) End(sum Totals, took time.Duration) error {
	cases := plural(sum.Cases, "case")
	if sum.Untried > 0 {
		cases += fmt.Sprintf(" (%d explained only)", sum.Untried)
	}
	t.print("\n%s, %s: %d passed, %d failed", plural(sum.Tests, "test"), cases, sum.Passed, sum.Failed)
	if took > 0 {
		t.print(", in %s", took.Round(100*time.Millisecond))
	}
	t.print("\n")
	return t.err
}

func (t *Text) print(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.Out, format, args...)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// passes says what decided the cases that passed, a line for those alike.
func passes(r *Result) string {
	var b strings.Builder
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		fmt.Fprintf(&b, "%s: %s", sayCases(o.Cases), o.Verdict)
		switch {
		case o.Explanation.Allowed():
			fmt.Fprintf(&b, ", by %s", admission(o.Explanation))
		default:
			fmt.Fprintf(&b, ", by %s", o.Explanation.Reason)
		}
		if o.Observation != nil {
			fmt.Fprintf(&b, "; %s", o.Observation.Seen)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// untried says which cases passed without a real packet that was asked for.
func untried(r *Result) string {
	var b strings.Builder
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		if o.untried() {
			fmt.Fprintf(&b, "%s: explained only: %s\n", sayCases(o.Cases), o.Observation.Seen)
		}
	}
	return b.String()
}

// maxFailures is how many kinds of failures of a test are explained.
const maxFailures = 5

// failures says why cases failed.
func failures(r *Result) string {
	var b strings.Builder
	n := 0
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		if o.Problem == "" {
			break
		}
		if n++; n > maxFailures {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", sayCases(o.Cases), o.Problem)
		b.WriteString(indent(explain(r.Expect, o), "  "))
	}
	if more := n - maxFailures; more > 0 {
		fmt.Fprintf(&b, "and %d more kinds of failures\n", more)
	}
	return b.String()
}

// explain says of a failure what each end decided, what was seen, and what would
// help.
func explain(want Verdict, o *Outcome) string {
	var b strings.Builder
	if o.Observation != nil {
		fmt.Fprintf(&b, "real packet: %s\n", o.Observation.Seen)
	}
	e := o.Explanation
	if e == nil {
		return b.String()
	}
	b.WriteString(side("egress", e.From, &e.Egress))
	b.WriteString(side("ingress", e.To, &e.Ingress))
	for _, acl := range append(e.NetworkACLs[:len(e.NetworkACLs):len(e.NetworkACLs)], e.Reply...) {
		if acl.Action == "deny" {
			fmt.Fprintf(&b, "network ACL %s, %s: entry %s%s\n", acl.Name, acl.Direction, acl.Entry, at(acl.Origin))
		}
	}
	if e.Reachability != nil {
		fmt.Fprintf(&b, "Reachability Analyzer: %s\n", e.Reachability.Code)
	}
	if want == Allow {
		b.WriteString(remedies(e))
	}
	return b.String()
}

// maxMisses is how many of the nearest rules are said.
const maxMisses = 3

// side says what one end's groups decided, "" if they were not asked.
func side(direction string, end control.ExplainedEnd, s *control.ExplainedSide) string {
	who := end.NameOrAddress()
	switch {
	case s.Rule != nil:
		return fmt.Sprintf("%s of %s: %s%s\n", direction, who, sayRule(s.Rule), at(s.Rule.Origin))
	case s.Answer == control.AnswerNoGroups:
		return fmt.Sprintf("%s of %s: no security groups\n", direction, who)
	case s.Answer != control.AnswerNoRule:
		return ""
	}
	var groups []string
	for _, g := range s.Groups {
		groups = append(groups, cmp.Or(g.Name, g.ID))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s: no rule of %s admits it (%s)\n", direction, who, strings.Join(groups, ", "), plural(s.Rules, "rule"))
	for _, miss := range s.Misses[:min(len(s.Misses), maxMisses)] {
		fmt.Fprintf(&b, "  near: %s, %s%s\n", sayRule(&miss.Rule), miss.Text, at(miss.Rule.Origin))
	}
	return b.String()
}

// remedies says what to add, in the configuration and in AWS.
func remedies(e *control.Explanation) string {
	var b strings.Builder
	purpose := "to allow it"
	if !e.RemediesSuffice {
		purpose = "to get further"
	}
	for i := range e.Remedies {
		r := &e.Remedies[i]
		fmt.Fprintf(&b, "%s, %s\n", purpose, r.Where())
		for _, way := range []string{r.Config, r.AWS} {
			if way != "" {
				b.WriteString(indent(strings.TrimRight(way, "\n")+"\n", "  "))
			}
		}
	}
	return b.String()
}

// at returns a place in brackets, "" for none.
func at(place string) string {
	if place == "" {
		return ""
	}
	return " (" + place + ")"
}

// indent begins each line of a text with a prefix.
func indent(text, prefix string) string {
	if text == "" {
		return ""
	}
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return prefix + strings.Join(lines, prefix)
}
