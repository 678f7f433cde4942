package report

import "fmt"

// Status is what became of a target.
type Status string

// The statuses of a target.
const (
	Reached     Status = "ok"
	Short       Status = "SHORT"
	Incomplete  Status = "INCOMPLETE" // some of it was not measured in some rounds
	NotMeasured Status = "not measured"
)

// Verdict is a target and what was measured of it.
type Verdict struct {
	Target
	Status
	Measured Spread
	Worst    string // of several ratios: which is furthest from what is wanted
}

// Judge holds the results against the targets.
func Judge(r *Results, targets []Target) []Verdict {
	var out []Verdict
	for _, t := range targets {
		out = append(out, r.judge(t))
	}
	return out
}

// Reaches reports whether all targets were measured and reached.
func Reaches(verdicts []Verdict) bool {
	for _, v := range verdicts {
		if v.Status != Reached {
			return false
		}
	}
	return true
}

func (r *Results) judge(t Target) Verdict {
	v := Verdict{Target: t, Status: NotMeasured}
	if t.Base == "" {
		v.Measured = r.alone(t)
	} else {
		c := r.compare(t.Path, t.Metrics, t.Base, t.divisors())
		v.Measured = c.Spread
		if c.Cells > 1 {
			v.Worst = c.worst(t.AtMost)
		}
	}
	if v.Measured.Count == 0 {
		return v
	}
	switch {
	case !reaches(t.Unit.rounded(v.Measured.Median), t.Unit.rounded(t.Want), t.AtMost):
		v.Status = Short
	case !r.complete(&t):
		v.Status = Incomplete
	default:
		v.Status = Reached
	}
	return v
}

// complete reports whether there is all that a target asks for, in every round. A
// path that fails now and then must not be judged by the rounds in which it works.
func (r *Results) complete(t *Target) bool {
	rounds := r.Rounds
	if t.Path == Micro {
		rounds = 1 // Go benchmarks are run once, before them
	}
	for _, mtu := range t.MTUs {
		for i, m := range t.Metrics {
			of := r.values(t.Path, mtu, m)
			if t.Base != "" {
				of = ratios(of, r.values(t.Base, mtu, t.divisors()[i]))
			}
			if len(of) < rounds {
				return false
			}
		}
	}
	return true
}

// alone is the spread of a figure that is compared with nothing: of several
// metrics, of the one that is furthest from what is wanted, and of none if one
// of them was not measured.
func (r *Results) alone(t Target) (worst Spread) {
	for i, m := range t.Metrics {
		var all []float64
		for _, mtu := range r.mtus(t.Path) {
			all = append(all, inOrder(r.values(t.Path, mtu, m))...)
		}
		s := spreadOf(all)
		if s.Count == 0 {
			return Spread{}
		}
		if i == 0 || reaches(worst.Median, s.Median, t.AtMost) {
			worst = s
		}
	}
	return worst
}

func reaches(value, want float64, atMost bool) bool {
	if atMost {
		return value <= want
	}
	return value >= want
}

// worst names the cell that is furthest from what is wanted.
func (c *Comparison) worst(atMost bool) string {
	cell := c.Lowest
	if atMost {
		cell = c.Highest
	}
	where := title(cell.Metric)
	if cell.MTU > 0 {
		where += fmt.Sprintf(" at MTU %d", cell.MTU)
	}
	return where + ": " + Ratio.format(cell.Ratio)
}
