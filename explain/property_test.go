package explain

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// TestExplainIsWhatTheDataPathDoes asks about random packets in random worlds,
// then really sends each, and holds the explanation against what the gateway's
// watcher is shown and its counters have counted: verdict, reason, each side's
// answer and the rule's id. Flows live on from packet to packet, time passes,
// rules change.
func TestExplainIsWhatTheDataPathDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		res := drawResources(rt)
		w := newWorld(rt, drawOptions(rt), res)
		defer w.close()
		for range 30 {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				drawRulesOf(rt, &res)
				w.apply(res)
			case 1:
				w.clock.Add(int64(rapid.SampledFrom([]time.Duration{time.Second, 40 * time.Second, time.Hour}).Draw(rt, "time")))
			default:
				w.packet(rt)
			}
		}
	})
}

// packet asks about a random packet and sends it.
func (w *world) packet(t *rapid.T) {
	policy, _ := w.g.Policy()
	r := w.request(t, policy.Snapshot())
	q, err := newQuestion(policy, r)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	var e control.Explanation
	if rapid.Bool().Draw(t, "opens no flow") {
		vary(t, q)
		e = w.answer(t, q)
	} else if e, err = New(w.g).Explain(t.Context(), r); err != nil {
		t.Fatalf("%+v: %v", r, err)
	} else {
		w.answer(t, q) // chooses the same fresh id
	}
	port := w.g.Port(q.source.ID)
	before := port.Counters()
	happened := w.send(q.source.ID, raw(q))
	w.agree(t, e, happened)
	if got := counted(before, port.Counters()); got != e.Reason && e.Verdict == control.VerdictDrop {
		t.Fatalf("counted as %q, explained as %q", got, e.Reason)
	}
}

// request asks about a packet like one that was sent, an answer to it, or
// another.
func (w *world) request(t *rapid.T, s *vpc.Snapshot) control.ExplainRequest {
	r := drawRequest(t, s)
	if len(w.asked) > 0 && rapid.IntRange(0, 3).Draw(t, "another") > 0 {
		r = rapid.SampledFrom(w.asked).Draw(t, "like")
	}
	if rapid.Bool().Draw(t, "answer") {
		r = reversed(s, r)
	}
	if rapid.IntRange(0, 5).Draw(t, "error") == 0 {
		r = errorAbout(reversed(s, r))
	}
	w.asked = append(w.asked, r)
	return r
}

func (w *world) answer(t *rapid.T, q *question) control.Explanation {
	trial, err := q.try(w.g)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return newAnswer(q, &trial).Explanation
}

// agree holds an explanation against what happened.
func (w *world) agree(t *rapid.T, e control.Explanation, happened fate) {
	said := fate{verdict: e.Verdict, reason: e.Reason, generation: e.Generation}
	for d, side := range map[vpc.Direction]*control.ExplainedSide{vpc.Egress: &e.Egress, vpc.Ingress: &e.Ingress} {
		said.sides[d].Answer = happened.sides[d].Answer
		if side.Answer != happened.sides[d].Answer.String() {
			t.Fatalf("%s: explained as %q, was %q; %+v", d, side.Answer, happened.sides[d].Answer, e)
		}
		if side.Rule != nil {
			said.sides[d].RuleID = side.Rule.ID
		}
	}
	if diff := cmp.Diff(happened, said, cmp.AllowUnexported(fate{})); diff != "" {
		t.Fatalf("(-happened +explained):\n%s\n%+v", diff, e)
	}
	checkRules(t, &e)
}

// checkRules holds what else is said of the sides against their answers.
func checkRules(t *rapid.T, e *control.Explanation) {
	for _, s := range []*control.ExplainedSide{&e.Egress, &e.Ingress} {
		if s.Answer == control.AnswerNoRule && s.Rules > 0 && len(s.Misses) == 0 {
			t.Fatalf("no rule admits it, and none is said to come near: %+v", e)
		}
		for _, m := range s.Misses {
			if len(m.But) == 0 {
				t.Fatalf("a rule that lacks nothing did not admit it: %+v", e)
			}
		}
	}
}

// counted returns the reason that a port has counted one drop more for.
func counted(before, after gateway.Counters) string {
	for r := range after.Dropped {
		if after.Dropped[r] > before.Dropped[r] {
			return gateway.Reason(r).String()
		}
	}
	return ""
}
