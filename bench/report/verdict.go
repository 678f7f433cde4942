package report

import "fmt"

// Status is what became of a target.
type Status string

// The statuses of a target.
const (
	Reached     Status = "ok"
	Short       Status = "SHORT"
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
		to := t.To
		if to == nil {
			to = t.Metrics
		}
		c := r.compare(t.Path, t.Metrics, t.Base, to)
		v.Measured = c.Spread
		if c.Cells > 1 {
			v.Worst = c.worst(t.AtMost)
		}
	}
	if v.Measured.Count == 0 {
		return v
	}
	v.Status = Short
	if reaches(t.Unit.rounded(v.Measured.Median), t.Unit.rounded(t.Want), t.AtMost) {
		v.Status = Reached
	}
	return v
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
