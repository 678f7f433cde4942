package report

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Spread is the median of some values, the least and the greatest of them.
type Spread struct {
	Median, Min, Max float64
	Count            int
}

// spreadOf returns the spread of values; of none, its Count is 0.
func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(values))
	middle := len(s) / 2
	median := s[middle]
	if len(s)%2 == 0 {
		median = (s[middle-1] + s[middle]) / 2
	}
	return Spread{median, s[0], s[len(s)-1], len(s)}
}

// spread is that of a path's values over the rounds.
func (r *Results) spread(path string, mtu int, m Metric) Spread {
	return spreadOf(inOrder(r.values(path, mtu, m)))
}

// Comparison is how two paths compare in some metrics at some MTUs. A round's
// ratio is the geometric mean of the ratios in each of them: the ratios of one
// round share its noise, and a mean of many has less of it than each.
type Comparison struct {
	Spread
	Lowest, Highest Cell // the metrics and MTUs where the first is furthest behind and ahead
	Cells           int
}

// Cell is a comparison in one metric at one MTU.
type Cell struct {
	Metric Metric
	MTU    int
	Ratio  float64 // the median of its rounds' ratios
}

// compare compares a path's metrics with a base's, pairwise, at every MTU at
// which both were measured and in every round in which all of it was. If there
// is no such round, the Count is 0.
func (r *Results) compare(path string, of []Metric, base string, to []Metric) Comparison {
	var c Comparison
	logs := make(map[int]float64) // by round: the sum
	cells := make(map[int]int)    // by round: how many
	for _, mtu := range r.mtus(path) {
		for i, m := range of {
			ratios := ratios(r.values(path, mtu, m), r.values(base, mtu, to[i]))
			if len(ratios) == 0 {
				continue
			}
			for round, ratio := range ratios {
				logs[round] += math.Log(ratio)
				cells[round]++
			}
			c.add(Cell{m, mtu, spreadOf(inOrder(ratios)).Median})
		}
	}
	means := make(map[int]float64)
	for round, sum := range logs {
		if cells[round] == c.Cells {
			means[round] = math.Exp(sum / float64(c.Cells))
		}
	}
	c.Spread = spreadOf(inOrder(means))
	return c
}

func (c *Comparison) add(cell Cell) {
	if c.Cells == 0 || cell.Ratio < c.Lowest.Ratio {
		c.Lowest = cell
	}
	if c.Cells == 0 || cell.Ratio > c.Highest.Ratio {
		c.Highest = cell
	}
	c.Cells++
}

// ratios returns those of the rounds that have both.
func ratios(of, to map[int]float64) map[int]float64 {
	out := make(map[int]float64)
	for round, v := range of {
		if base, ok := to[round]; ok && base > 0 && v > 0 {
			out[round] = v / base
		}
	}
	return out
}

// inOrder returns a map's values by ascending key: sums of floating-point
// numbers depend on their order.
func inOrder(of map[int]float64) []float64 {
	var out []float64
	for _, k := range sorted(of) {
		out = append(out, of[k])
	}
	return out
}

// sorted returns a map's keys, ascending.
func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
