package assertion

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/control"
)

// explainer is an Explainer that answers by a function.
type explainer func(control.ExplainRequest) (control.Explanation, error)

func (x explainer) Explain(_ context.Context, r control.ExplainRequest) (control.Explanation, error) {
	return x(r)
}

// prober is a Prober that answers by a function.
type prober func(Case, *control.Explanation) (Observation, error)

func (p prober) Probe(_ context.Context, c Case, e *control.Explanation) (Observation, error) {
	return p(c, e)
}

// allowed and dropped are explanations.
func allowed(ruleID string) control.Explanation {
	return control.Explanation{
		Verdict: control.VerdictAllow, Fate: "forwarded", Reason: "rule",
		From: control.ExplainedEnd{Name: "web"}, To: control.ExplainedEnd{Name: "app"},
		Egress: control.ExplainedSide{Answer: control.AnswerNoGroups},
		Ingress: control.ExplainedSide{Answer: control.AnswerRule, Rule: &control.ExplainedRule{
			ID: ruleID, Group: control.GroupRef{ID: "sg-app", Name: "app"}, Direction: "ingress", Text: "tcp 8080 from group web", Origin: "c.yaml:7:9",
		}},
	}
}

func dropped(reason string) control.Explanation {
	return control.Explanation{
		Verdict: control.VerdictDrop, Fate: "dropped", Reason: reason,
		From: control.ExplainedEnd{Name: "web"}, To: control.ExplainedEnd{Name: "app"},
		Egress:  control.ExplainedSide{Answer: control.AnswerNoGroups},
		Ingress: control.ExplainedSide{Answer: control.AnswerNoRule, Rules: 2, Groups: []control.GroupRef{{ID: "sg-app", Name: "app"}}},
	}
}

// always answers every question with e.
func always(e control.Explanation) explainer {
	return func(control.ExplainRequest) (control.Explanation, error) { return e, nil }
}

// clock returns a clock that goes on by a millisecond at each look.
func clock() func() time.Time {
	var looks atomic.Int64
	return func() time.Time {
		return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(looks.Add(1)) * time.Millisecond)
	}
}

func run(t *testing.T, r Runner, text string) []Result {
	t.Helper()
	r.Now = clock()
	results, err := r.Run(t.Context(), mustParse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// TestVerdicts has a test of each outcome, by the data path alone.
func TestVerdicts(t *testing.T) {
	reply := allowed("sgr-1")
	reply.Reply = []control.ExplainedACL{
		{Name: "ok", Action: "allow", Direction: "egress", Entry: "1: allow"},
		{Name: "tight", Action: "deny", Direction: "ingress", Entry: "*: deny all"},
	}
	flow := allowed("sgr-1")
	flow.Ingress.Answer = control.AnswerFlow
	for _, tt := range []struct {
		name, test, want string
		explain          explainer
	}{
		{"a live flow", tcp("port: 1, expect: drop"), "want drop, got allow: a live flow, let in by sgr-1 (app ingress: tcp 8080 from group web)", always(flow)},
		{"allow", tcp("port: 1, expect: allow"), "", always(allowed("sgr-1"))},
		{"drop", tcp("port: 1, expect: drop"), "", always(dropped("no_ingress_rule"))},
		{"not allow", tcp("port: 1, expect: allow"), "want allow, got drop: no_ingress_rule", always(dropped("no_ingress_rule"))},
		{"not drop", tcp("port: 1, expect: drop"), "want drop, got allow: sgr-1 (app ingress: tcp 8080 from group web)", always(allowed("sgr-1"))},
		{"reason", tcp("port: 1, expect: drop, reason: no_route"), "", always(dropped("no_route"))},
		{"another reason", tcp("port: 1, expect: drop, reason: no_route"), "want a drop by no_route, got one by no_ingress_rule", always(dropped("no_ingress_rule"))},
		{"rule", tcp("port: 1, expect: allow, rule: sgr-1"), "", always(allowed("sgr-1"))},
		{"another rule", tcp("port: 1, expect: allow, rule: sgr-2"), "want sgr-2 to admit it, got allow: sgr-1 (app ingress: tcp 8080 from group web)", always(allowed("sgr-1"))},
		{"another group", tcp("port: 1, expect: allow, rule: web"), "want web to admit it, got allow: sgr-1 (app ingress: tcp 8080 from group web)", always(allowed("sgr-1"))},
		{"answer denied", tcp("port: 1, expect: allow"), "want allow; it arrives, but the network ACL tight denies the answer, ingress: entry *: deny all", always(reply)},
		{"ping's answer denied", one("from: web, to: app, protocol: icmp, expect: allow"), "want allow; it arrives, but the network ACL tight denies the answer, ingress: entry *: deny all", always(reply)},
		{"no answer due", one("from: web, to: app, protocol: udp, port: 1, expect: allow"), "", always(reply)},
		{"an answer denied is no drop", tcp("port: 1, expect: drop"), "want drop, got allow: sgr-1 (app ingress: tcp 8080 from group web)", always(reply)},
		{"refused", tcp("port: 1, expect: allow"), "cannot be explained: which vpc is meant?", func(control.ExplainRequest) (control.Explanation, error) {
			return control.Explanation{}, control.Refuse("which vpc is meant?")
		}},
	} {
		got := run(t, Runner{Explainer: tt.explain}, tt.test)[0]
		if got.Outcomes[0].Problem != tt.want || got.Passed != (tt.want == "") {
			t.Errorf("%s: passed %v, problem %q, want %q", tt.name, got.Passed, got.Outcomes[0].Problem, tt.want)
		}
	}
}

// TestGroupsAdmit has the group of a rule by its name and its id, at either end.
func TestGroupsAdmit(t *testing.T) {
	e := allowed("sgr-1")
	e.Egress = control.ExplainedSide{Answer: control.AnswerRule, Rule: &control.ExplainedRule{ID: "sgr-9", Group: control.GroupRef{ID: "sg-web", Name: "web"}}}
	for _, ref := range []string{"sgr-1", "sg-app", "app", "sgr-9", "sg-web", "web"} {
		if !admittedBy(&e, ref) {
			t.Errorf("%s does not admit it", ref)
		}
	}
	if admittedBy(&e, "db") {
		t.Error("db admits it")
	}
}

// TestLive holds real packets against explanations.
func TestLive(t *testing.T) {
	met := func(o Observation) prober {
		return func(Case, *control.Explanation) (Observation, error) { return o, nil }
	}
	for _, tt := range []struct {
		name, test, want string
		explain          explainer
		probe            prober
	}{
		{"arrives", tcp("port: 1, expect: allow"), "", always(allowed("sgr-1")), met(Observation{Verdict: Allow, Reason: "rule", Rules: [2]string{"", "sgr-1"}})},
		{"drops", tcp("port: 1, expect: drop"), "", always(dropped("no_route")), met(Observation{Verdict: Drop, Reason: "no_route"})},
		{"drops in truth", tcp("port: 1, expect: allow"), "a real packet and its explanation disagree: it met drop (too_big), explained is allow", always(allowed("sgr-1")), met(Observation{Verdict: Drop, Reason: "too_big"})},
		{"arrives in truth", tcp("port: 1, expect: drop"), "a real packet and its explanation disagree: it met allow, explained is drop (no_route)", always(dropped("no_route")), met(Observation{Verdict: Allow})},
		{"another reason", tcp("port: 1, expect: drop"), "a real packet and its explanation disagree: it met drop (too_big), explained is drop (no_route)", always(dropped("no_route")), met(Observation{Verdict: Drop, Reason: "too_big"})},
		{"another rule", tcp("port: 1, expect: allow"), "a real packet and its explanation disagree: sgr-7 admitted it, explained is sgr-1", always(allowed("sgr-1")), met(Observation{Verdict: Allow, Rules: [2]string{"", "sgr-7"}})},
		{"agree, and are wrong", tcp("port: 1, expect: drop"), "want drop, got allow: sgr-1 (app ingress: tcp 8080 from group web)", always(allowed("sgr-1")), met(Observation{Verdict: Allow})},
		{"no answer", tcp("port: 1, expect: allow"), "want allow; the packet arrives, but no answer comes back: no answer within 3s", always(allowed("sgr-1")), met(Observation{Verdict: Allow, Unanswered: true, Seen: "no answer within 3s"})},
		{"not tried", tcp("port: 1, expect: allow"), "", always(allowed("sgr-1")), met(Observation{Seen: "nobody is there"})},
		{"cannot be tried", tcp("port: 1, expect: allow"), "cannot be tried: no such namespace", always(allowed("sgr-1")), func(Case, *control.Explanation) (Observation, error) {
			return Observation{}, errors.New("no such namespace")
		}},
	} {
		got := run(t, Runner{Explainer: tt.explain, Prober: tt.probe}, tt.test)[0]
		if got.Outcomes[0].Problem != tt.want || got.Passed != (tt.want == "") {
			t.Errorf("%s: passed %v, problem %q, want %q", tt.name, got.Passed, got.Outcomes[0].Problem, tt.want)
		}
		if untried := tt.name == "not tried"; untried != (got.Untried == 1) {
			t.Errorf("%s: %d cases were not tried", tt.name, got.Untried)
		}
	}
}

// TestOutcomesAreGrouped has many ports of which some fail in the same way.
func TestOutcomesAreGrouped(t *testing.T) {
	explain := explainer(func(r control.ExplainRequest) (control.Explanation, error) {
		if r.Port%10 == 0 || r.Port > 20 {
			return dropped("no_ingress_rule"), nil
		}
		return allowed("sgr-1"), nil
	})
	got := run(t, Runner{Explainer: explain, Parallel: 4}, one("from: [web, laptop], to: app, protocol: tcp, port: [1-22, 30], expect: allow"))[0]
	var said []string
	for _, o := range got.Outcomes {
		said = append(said, sayCases(o.Cases)+" "+string(o.Verdict))
	}
	want := []string{"web to app: tcp 10, 20-22, 30 drop", "laptop to app: tcp 10, 20-22, 30 drop", "web to app: tcp 1-9, 11-19 allow", "laptop to app: tcp 1-9, 11-19 allow"}
	if diff := cmp.Diff(want, said); diff != "" || got.Cases != 46 || got.Failed != 10 || got.Passed {
		t.Errorf("%d of %d cases failed (-want +got):\n%s", got.Failed, got.Cases, diff)
	}
}

// TestRemediesAreAskedForOnce holds that what takes long is asked of failures
// only, and of each kind once.
func TestRemediesAreAskedForOnce(t *testing.T) {
	var full atomic.Int64
	explain := explainer(func(r control.ExplainRequest) (control.Explanation, error) {
		e := dropped("no_ingress_rule")
		if !r.Brief {
			full.Add(1)
			e.Remedies = []control.Remedy{{Name: "app"}}
		}
		return e, nil
	})
	run(t, Runner{Explainer: explain}, tcp("port: 1-100, expect: drop"))
	if n := full.Load(); n != 0 {
		t.Errorf("%d full explanations of what passes", n)
	}
	got := run(t, Runner{Explainer: explain}, tcp("port: 1-100, expect: allow"))
	if n := full.Load(); n != 1 || len(got[0].Outcomes[0].Explanation.Remedies) != 1 {
		t.Errorf("%d full explanations of 100 alike", n)
	}
}

// three has tests a, b and c of two cases each.
const three = `tests:
  - {name: a, from: web, to: app, protocol: tcp, port: 1-2, expect: drop}
  - {name: b, from: web, to: app, protocol: tcp, port: 3-4, expect: drop}
  - {name: c, from: web, to: app, protocol: tcp, port: 5-6, expect: drop}
`

// TestOrder holds that results come in the file's order although those in the
// end are there first.
func TestOrder(t *testing.T) {
	release := make(chan struct{})
	var late sync.Once
	explain := explainer(func(r control.ExplainRequest) (control.Explanation, error) {
		if r.Port <= 2 {
			<-release
		}
		if r.Port == 6 {
			late.Do(func() { close(release) })
		}
		return dropped("no_route"), nil
	})
	var shown []string
	results := run(t, Runner{Explainer: explain, Parallel: 6, Each: func(r *Result) { shown = append(shown, r.Name) }}, three)
	if want := []string{"a", "b", "c"}; !slices.Equal(shown, want) || len(results) != 3 {
		t.Errorf("shown %v, want %v; %d results", shown, want, len(results))
	}
}

func TestParallelIsALimit(t *testing.T) {
	var now, most atomic.Int64
	explain := explainer(func(control.ExplainRequest) (control.Explanation, error) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		defer now.Add(-1)
		return dropped("no_route"), nil
	})
	run(t, Runner{Explainer: explain, Parallel: 3}, tcp("port: 1-2000, expect: drop"))
	if n := most.Load(); n > 3 {
		t.Errorf("%d cases were under way at once, want 3 at most", n)
	}
}

func TestMatch(t *testing.T) {
	results := run(t, Runner{Explainer: always(dropped("no_route")), Match: regexp.MustCompile("^[bc]$")}, three)
	if len(results) != 2 || results[0].Name != "b" || results[1].Name != "c" {
		t.Errorf("got %+v", results)
	}
}

// TestCancel ends runs in their middle and at their end: no result is told, and
// nothing is under way any more.
func TestCancel(t *testing.T) {
	for i := range 60 {
		last := uint16(2 + 2*(i%3)) // the case that ends it
		ctx, cancel := context.WithCancel(t.Context())
		var busy atomic.Int64
		explain := explainer(func(r control.ExplainRequest) (control.Explanation, error) {
			busy.Add(1)
			defer busy.Add(-1)
			switch {
			case r.Port == last:
				cancel()
			case r.Port == last-1:
				<-ctx.Done()
				for range 100 {
					runtime.Gosched()
				}
			}
			return dropped("no_route"), nil
		})
		r := Runner{Explainer: explain, Parallel: 6, Now: clock()}
		if results, err := r.Run(ctx, mustParse(t, three)); !errors.Is(err, context.Canceled) || results != nil {
			t.Fatalf("got %v, %v", results, err)
		}
		if n := busy.Load(); n != 0 {
			t.Fatalf("%d cases are under way", n)
		}
	}
}

func TestTook(t *testing.T) {
	results := run(t, Runner{Explainer: always(dropped("no_route"))}, tcp("port: 1-3, expect: drop"))
	if got := results[0].Took; got != 5*time.Millisecond { // six looks at the clock
		t.Errorf("took %v", got)
	}
	if place := results[0].Place; place != "f.yaml:2:5" || !strings.HasSuffix(place, ":5") {
		t.Errorf("place %s", place)
	}
}
