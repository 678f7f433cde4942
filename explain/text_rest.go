package explain

import (
	"strings"
	"time"

	"github.com/sgate/sgate/control"
)

// acls prints the network ACLs on the packet's way.
func (t *text) acls() {
	for i := range t.e.NetworkACLs {
		t.acl("acl", &t.e.NetworkACLs[i])
	}
}

// replyACLs prints those on the way back, if one drops the reply.
func (t *text) replyACLs() {
	n := len(t.e.Reply)
	if n == 0 || t.e.Reply[n-1].Action != actionDeny {
		return
	}
	t.acl("reply", &t.e.Reply[n-1])
}

func (t *text) acl(heading string, a *control.ExplainedACL) {
	code, word := green, "allowed"
	if a.Action == actionDeny {
		code, word = red, "denied"
	}
	t.line(heading, "network ACL %s of subnet %s, %s: %s by entry %s", a.Name, a.Subnet, a.Direction, t.color(code, word), a.Entry)
	if a.Origin != "" {
		t.under(a.Origin)
	}
}

// flow prints the live flow, and those that go on whatever becomes of the packet.
func (t *text) flow() {
	if f := t.e.Flow; f != nil {
		t.line("flow", "%s for %s, ends in %s if nothing more comes", f.State, seconds(f.Age), seconds(f.Expires))
		if by := t.trackers(f); by != "" {
			t.under("tracked by " + by + ": there its own packets pass, whatever the rules are")
		}
	}
	if c := t.e.Connections; c != nil {
		t.line("flows", "%d live %s between the two to that port, %d tracked: those go on until they end or are cut (sgate flows cut)",
			c.Count, plural(c.Count, "connection", "connections"), c.Tracked)
	}
}

// trackers are the ends that track a flow.
func (t *text) trackers(f *control.ExplainedFlow) string {
	var names []string
	if f.TrackedBySender {
		names = append(names, t.e.From.NameOrAddress())
	}
	if f.TrackedByReceiver {
		names = append(names, t.e.To.NameOrAddress())
	}
	return strings.Join(names, " and ")
}

// seconds prints a time as far as it matters.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func (t *text) reachability() {
	r := t.e.Reachability
	if r == nil {
		return
	}
	t.line("AWS", "%s: %s", t.color(bold, r.Code), r.Meaning)
	if r.Component != "" {
		t.under(t.color(dim, strings.TrimSpace(r.Direction+" "+r.Component)))
	}
}

func (t *text) notes() {
	for _, note := range t.e.Notes {
		t.line("note", "%s", note)
	}
}

// remedies prints what to add.
func (t *text) remedies() {
	for i := range t.e.Remedies {
		r := &t.e.Remedies[i]
		t.printf("\n%s %s:\n", t.color(bold, t.purpose(i)), r.Where())
		t.choice(&r.Choice)
		if r.Caution != "" {
			t.printf("\n    %s\n", r.Caution)
		}
		if r.Alternative != nil {
			t.printf("\n  or for its address alone:\n")
			t.choice(r.Alternative)
		}
	}
}

// purpose says what a remedy is for.
func (t *text) purpose(i int) string {
	switch reply := t.e.Remedies[i].Reply; {
	case i > 0 && reply && !t.e.Remedies[i-1].Reply:
		return "And, to let the reply pass,"
	case i > 0:
		return "And"
	case reply:
		return "To let the reply pass,"
	case !t.e.RemediesSuffice:
		return "To get further,"
	}
	return "To allow it,"
}

func (t *text) choice(c *control.Choice) {
	t.printf("\n")
	for line := range strings.Lines(c.Config) {
		t.printf("    %s\n", strings.TrimSuffix(line, "\n"))
	}
	t.printf("\n    %s\n", c.AWS)
}
