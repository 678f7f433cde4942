package report

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3, 1}},
		{[]float64{9, 1, 4}, Spread{4, 1, 9, 3}},
		{[]float64{9, 1, 4, 5}, Spread{4.5, 1, 9, 4}},
	} {
		if got := spreadOf(c.of); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.of, got, c.want)
		}
	}
}

// of builds results: for each path and metric at MTU 1500 (Go benchmarks have
// none), a value a round.
func of(values map[string]map[Metric][]float64) *Results {
	r := &Results{}
	for _, path := range sorted(values) {
		r.Paths = append(r.Paths, Fact{Name: path})
		for _, m := range sorted(values[path]) {
			for round, v := range values[path][m] {
				r.Rounds = max(r.Rounds, round+1)
				if v != 0 {
					mtu := 1500
					if path == Micro {
						mtu = 0
					}
					r.Samples = append(r.Samples, Sample{round + 1, path, mtu, m, v})
				}
			}
		}
	}
	return r
}

var near = cmpopts.EquateApprox(0, 1e-9)

// TestRatiosAreTakenWithinRounds: a machine that was slow for a round does not
// change how two paths compare.
func TestRatiosAreTakenWithinRounds(t *testing.T) {
	r := of(map[string]map[Metric][]float64{
		"a": {UDPFlood: {90, 9, 45}},
		"b": {UDPFlood: {100, 10, 60}},
	})
	c := r.compare("a", []Metric{UDPFlood}, "b", []Metric{UDPFlood})
	if diff := cmp.Diff(Spread{0.9, 0.75, 0.9, 3}, c.Spread, near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRatioOfSeveral: a round's is the geometric mean over the metrics, and the
// furthest one is named.
func TestRatioOfSeveral(t *testing.T) {
	r := of(map[string]map[Metric][]float64{
		"a": {TCP1IPv4: {2, 2, 2}, TCP4IPv4: {1, 1, 1}},
		"b": {TCP1IPv4: {1, 1, 1}, TCP4IPv4: {2, 2, 1}},
	})
	both := []Metric{TCP1IPv4, TCP4IPv4}
	want := Comparison{
		Spread: Spread{1, 1, math.Sqrt2, 3}, Cells: 2,
		Lowest: Cell{TCP4IPv4, 1500, 0.5}, Highest: Cell{TCP1IPv4, 1500, 2},
	}
	if diff := cmp.Diff(want, r.compare("a", both, "b", both), near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestIncompleteRounds do not count: a mean over fewer metrics is another
// figure. Nor does a metric that one of the two paths never has.
func TestIncompleteRounds(t *testing.T) {
	r := of(map[string]map[Metric][]float64{
		"a": {TCP1IPv4: {1, 1, 1}, TCP4IPv4: {4, 0, 4}, TCP1IPv6: {9, 9, 9}},
		"b": {TCP1IPv4: {1, 1, 1}, TCP4IPv4: {1, 1, 1}},
	})
	all := []Metric{TCP1IPv4, TCP4IPv4, TCP1IPv6}
	c := r.compare("a", all, "b", all)
	if diff := cmp.Diff(Spread{2, 2, 2, 2}, c.Spread, near); diff != "" || c.Cells != 2 {
		t.Errorf("%d cells, want 2 (-want +got):\n%s", c.Cells, diff)
	}
}

func TestMTUsAreComparedWithTheirOwn(t *testing.T) {
	r := &Results{Samples: []Sample{
		{1, "a", 1500, TCP1IPv4, 1}, {1, "a", 9001, TCP1IPv4, 6}, {1, "b", 1500, TCP1IPv4, 2}, {1, "b", 9001, TCP1IPv4, 3},
	}}
	c := r.compare("a", []Metric{TCP1IPv4}, "b", []Metric{TCP1IPv4})
	if diff := cmp.Diff([]float64{1, 0.5, 2}, []float64{c.Median, c.Lowest.Ratio, c.Highest.Ratio}, near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJudge(t *testing.T) {
	r := of(map[string]map[Metric][]float64{
		"sgate":       {UDPFlood: {96.6, 80, 99}, P99: {1.2, 1.1, 1.0}},
		"limit":       {UDPFlood: {100, 100, 100}, P99: {1, 1, 1}},
		"sgate-large": {P999Quiet: {1, 2}, P999Changing: {1.5, 5}, ChangeTook: {0.09, 0.12}},
		Micro:         {HitThousand: {90, 130, 99}, HitThousandIPv6: {200, 91, 80}},
	})
	for _, c := range []struct {
		target Target
		want   Status
	}{
		{limit("reads as what is wanted", UDPFlood, 0.97, false), Reached},
		{limit("below", UDPFlood, 0.98, false), Short},
		{limit("no more than", P99, 1.1, true), Reached},
		{limit("more than", P99, 1.09, true), Short},
		{limit("of what was not measured", Connections, 0.1, false), NotMeasured},
		{micro("a median by itself", 99, Nanoseconds, HitThousand), Reached},
		{micro("a median by itself that is too much", 98, Nanoseconds, HitThousand), Short},
		{micro("the worst of two, last", 95, Nanoseconds, HitThousandIPv6, HitThousand), Short},
		{micro("the worst of two, first", 95, Nanoseconds, HitThousand, HitThousandIPv6), Short},
		{micro("two of which one was not measured", 100, Nanoseconds, HitThousand, HitMillion), NotMeasured},
		{Target{Measure: "the same path, another metric", Path: "sgate-large", Metrics: []Metric{P999Changing},
			Base: "sgate-large", To: []Metric{P999Quiet}, Want: 2, AtMost: true}, Reached},
		{Target{Measure: "seconds", Path: "sgate-large", Metrics: []Metric{ChangeTook}, Want: 0.1, AtMost: true, Unit: Seconds}, Short},
	} {
		verdicts := Judge(r, []Target{c.target})
		if verdicts[0].Status != c.want {
			t.Errorf("%s: %v, want %v: %+v", c.target.Measure, verdicts[0].Status, c.want, verdicts[0].Measured)
		}
		if got := Reaches(verdicts); got != (c.want == Reached) {
			t.Errorf("%s: Reaches is %v", c.target.Measure, got)
		}
	}
}

// TestIncomplete: what was measured in some rounds, of some metrics or at some
// MTUs only does not pass for the whole.
func TestIncomplete(t *testing.T) {
	target := Target{Path: "a", Metrics: []Metric{TCP1IPv4, TCP1IPv6}, Base: "b", MTUs: []int{1500, 9001}, Want: 1}
	alone := Target{Path: "a", Metrics: []Metric{TCP1IPv4}, MTUs: []int{1500}, Want: 2}
	other := Target{Path: "a", Metrics: []Metric{TCP1IPv4}, Base: "b", To: []Metric{TCP1IPv6}, MTUs: []int{1500}, Want: 1}
	type without func(s Sample) bool
	for name, c := range map[string]struct {
		target  Target
		without without
		value   float64 // of the path
		want    Status
	}{
		"all of it": {target, func(Sample) bool { return false }, 2, Reached},
		"a round of the path": {target, func(s Sample) bool {
			return s.Path == "a" && s.Round == 2 && s.Metric == TCP1IPv4 && s.MTU == 1500
		}, 2, Incomplete},
		"a round of the base":              {target, func(s Sample) bool { return s.Path == "b" && s.Round == 3 }, 2, Incomplete},
		"a metric":                         {target, func(s Sample) bool { return s.Path == "a" && s.Metric == TCP1IPv6 }, 2, Incomplete},
		"an MTU":                           {target, func(s Sample) bool { return s.Path == "a" && s.MTU == 9001 }, 2, Incomplete},
		"all":                              {target, func(s Sample) bool { return s.Path == "a" }, 2, NotMeasured},
		"a round, and short":               {target, func(s Sample) bool { return s.Path == "a" && s.Round == 2 }, 0.5, Short},
		"a round of what it is divided by": {other, func(s Sample) bool { return s.Path == "b" && s.Round == 2 && s.Metric == TCP1IPv6 }, 2, Incomplete},
		"by itself, all":                   {alone, func(Sample) bool { return false }, 2, Reached},
		"by itself, a round":               {alone, func(s Sample) bool { return s.Round == 1 }, 2, Incomplete},
	} {
		r := &Results{Rounds: 3}
		for round := 1; round <= 3; round++ {
			for _, mtu := range []int{1500, 9001} {
				for _, m := range []Metric{TCP1IPv4, TCP1IPv6} {
					r.Samples = append(r.Samples, Sample{round, "a", mtu, m, c.value}, Sample{round, "b", mtu, m, 1})
				}
			}
		}
		r.Samples = slices.DeleteFunc(r.Samples, c.without)
		verdicts := Judge(r, []Target{c.target})
		if got := verdicts[0].Status; got != c.want || Reaches(verdicts) != (c.want == Reached) {
			t.Errorf("without %s: %v, want %v", name, got, c.want)
		}
	}
}

// TestGoBenchmarksHaveNoRounds: they are run as often, however many rounds there are.
func TestGoBenchmarksHaveNoRounds(t *testing.T) {
	r := of(map[string]map[Metric][]float64{Micro: {HitThousand: {2, 2, 2}, HitMillion: {1, 1, 1}}})
	r.Rounds = 5
	alone := micro("by itself", 2, Nanoseconds, HitThousand)
	against := Target{Path: Micro, Metrics: []Metric{HitThousand}, Base: Micro, To: []Metric{HitMillion}, MTUs: []int{0}, Want: 2}
	for _, v := range Judge(r, []Target{alone, against}) {
		if v.Status != Reached {
			t.Errorf("%q: %v", v.Measure, v.Status)
		}
	}
}

// TestARateOfNothing: where no rate passes, that round is not left out.
func TestARateOfNothing(t *testing.T) {
	r := of(map[string]map[Metric][]float64{"sgate": {UDPPaced: {2, 2}}, "limit": {UDPPaced: {1, 1, 1}}})
	r.Samples = append(r.Samples, Sample{3, "sgate", 1500, UDPPaced, 0})
	if v := Judge(r, []Target{limit("paced", UDPPaced, 1, false)}); v[0].Status != Incomplete {
		t.Errorf("%v, want %v", v[0].Status, Incomplete)
	}
}

// TestTargetsAreMeasured: each target says at which MTUs.
func TestTargetsAreMeasured(t *testing.T) {
	for _, target := range Targets() {
		if len(target.MTUs) == 0 {
			t.Errorf("%s against %s: no MTUs", target.Measure, target.Against)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		unit Unit
		v    float64
		want string
	}{
		{Ratio, 0.966, "0.97"}, {Ratio, 0.004, "0.00"}, {Ratio, 21.34, "21.3"}, {Number, 0, "0"}, {Number, 0.01234, "0.0123"}, {Number, 1234, "1234"},
		{Nanoseconds, 98.76, "98.8 ns"}, {Milliseconds, 712_345, "0.712 ms"}, {Microseconds, 31.4e-6, "31.4"}, {Seconds, 0.0652, "65.2 ms"}, {Megabytes, 144, "144 MB"},
		{Gigabits, 23.71e9, "23.7"}, {Thousands, 278_000, "278"},
	} {
		if got := c.unit.format(c.v); got != c.want {
			t.Errorf("%v in unit %d: %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

// TestTargetsHaveTheirFigures: each metric of a Go benchmark that a target
// needs has one, and none is there for nothing.
func TestTargetsHaveTheirFigures(t *testing.T) {
	var wanted, had []Metric
	for _, target := range Targets() {
		if target.Path == Micro {
			wanted = append(append(wanted, target.Metrics...), target.To...)
		}
		if target.Base != "" && target.To != nil && len(target.To) != len(target.Metrics) {
			t.Errorf("%s: %d metrics against %d", target.Measure, len(target.Metrics), len(target.To))
		}
	}
	for _, b := range Benchmarks() {
		had = append(had, b.Metric)
	}
	for _, w := range Watching()[:2] {
		had = append(had, w.Metric)
	}
	slices.Sort(wanted)
	slices.Sort(had)
	if diff := cmp.Diff(wanted, had); diff != "" {
		t.Errorf("(-needed by targets +has a benchmark):\n%s", diff)
	}
}
