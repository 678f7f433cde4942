package capture

import (
	"strings"
	"testing"

	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/watch"
)

// TestCommentWithoutNames is of what the file's reader must cope with: a record
// without a policy or a packet, pieces that never became a whole, a rule that is
// gone.
func TestCommentWithoutNames(t *testing.T) {
	w := newWorld(t)
	policy, _ := w.g.Policy()
	for _, c := range []struct {
		record watch.Record
		want   string
	}{
		{
			watch.Record{In: "eni-1", Reason: gateway.ReasonNotCompiled, Packets: 1},
			"sgate: DROP interface_not_compiled | verdict=drop fate=dropped reason=interface_not_compiled from=eni-1 egress=not_asked ingress=not_asked packets=1 generation=0",
		}, {
			watch.Record{In: "eni-web", Out: "eni-db", Fate: gateway.Forwarded, Reason: gateway.ReasonFlow, Policy: policy, Generation: 7, Packets: 45,
				Egress: gateway.Side{Answer: gateway.SideFlow, RuleID: "sgr-gone"}, Ingress: gateway.Side{Answer: gateway.SideFlow}},
			"sgate: ALLOW flow, to db; egress: live flow, allowed by sgr-gone; ingress: live flow" +
				" | verdict=allow fate=forwarded reason=flow from=web to=db egress=flow egress_rule_id=sgr-gone ingress=flow packets=45 generation=7",
		}, {
			watch.Record{In: "eni-db", Out: "eni-web", Fate: gateway.Forwarded, Reason: gateway.ReasonFlow, Policy: policy,
				Egress: gateway.Side{Answer: gateway.SideFlow, RuleID: "sgr-db"}}, // an answer: the rule is one of ingress
			"sgate: ALLOW flow, to web; egress: live flow, allowed by sgr-db (data base)" +
				" | verdict=allow fate=forwarded reason=flow from=db to=web egress=flow egress_rule_id=sgr-db ingress=not_asked packets=0 generation=0",
		},
	} {
		if got := new(wording).comment(&record{Record: c.record}); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestCommentFollowsThePolicy holds that a group's new name is seen.
func TestCommentFollowsThePolicy(t *testing.T) {
	w := newWorld(t)
	var words wording
	for _, name := range []string{"data base", "db tier"} {
		w.res.SecurityGroups[1].Name = name
		w.apply()
		policy, _ := w.g.Policy()
		got := words.comment(&record{Record: watch.Record{
			In: "eni-web", Out: "eni-db", Policy: policy, Ingress: gateway.Side{Answer: gateway.SideRule, RuleID: "sgr-db"},
		}})
		if !strings.Contains(got, "allowed by sgr-db ("+name+")") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestPairsAreQuoted holds that a name cannot pass for something else.
func TestPairsAreQuoted(t *testing.T) {
	for value, want := range map[string]string{
		"web":             " from=web",
		"data base":       ` from="data base"`,
		"x verdict=allow": ` from="x verdict=allow"`,
		"a\nb":            ` from="a\nb"`,
		`"`:               ` from="\""`,
		"":                ` from=""`,
		"a|b":             ` from="a|b"`,
	} {
		if got := string(addPair(nil, "from", value)); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}
