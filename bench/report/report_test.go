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

// of builds results: for each path and metric at MTU 1500, a value a round.
func of(values map[string]map[Metric][]float64) *Results {
	r := &Results{}
	for _, path := range sorted(values) {
		r.Paths = append(r.Paths, Fact{Name: path})
		for _, m := range sorted(values[path]) {
			for round, v := range values[path][m] {
				r.Rounds = max(r.Rounds, round+1)
				if v != 0 {
					r.Samples = append(r.Samples, Sample{round + 1, path, 1500, m, v})
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
	slices.Sort(wanted)
	slices.Sort(had)
	if diff := cmp.Diff(wanted, had); diff != "" {
		t.Errorf("(-needed by targets +has a benchmark):\n%s", diff)
	}
}
