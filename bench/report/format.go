package report

import (
	"fmt"
	"math"
)

// Unit is how a figure is written.
type Unit int

// The units of figures. What is measured in others is converted by scaled.
const (
	Ratio Unit = iota
	Number
	Nanoseconds
	Milliseconds // of nanoseconds
	Microseconds // of seconds
	Seconds      // as milliseconds
	Megabytes
	Gigabits  // a second, of bits a second
	Thousands // of numbers
)

// format writes a value with three digits that mean something, and its unit.
func (u Unit) format(v float64) string {
	switch u {
	case Nanoseconds:
		return digits(v) + " ns"
	case Milliseconds:
		return digits(v/1e6) + " ms"
	case Microseconds:
		return digits(v * 1e6)
	case Seconds:
		return digits(v*1e3) + " ms"
	case Megabytes:
		return digits(v) + " MB"
	case Gigabits:
		return digits(v / 1e9)
	case Thousands:
		return digits(v / 1e3)
	case Ratio:
		if v < 10 {
			return fmt.Sprintf("%.2f", v)
		}
	}
	return digits(v)
}

// rounded is a value as far as format shows it, so that no figure falls short
// of another that reads the same.
func (u Unit) rounded(v float64) float64 {
	step := math.Pow(10, magnitude(v)-2)
	if u == Ratio && v < 10 {
		step = 0.01
	}
	return math.Round(v/step) * step
}

// digits writes three of them.
func digits(v float64) string {
	if v == 0 {
		return "0"
	}
	return fmt.Sprintf("%.*f", max(0, 2-int(magnitude(v))), v)
}

// magnitude is the power of ten of a value's first digit.
func magnitude(v float64) float64 {
	if v == 0 {
		return 0
	}
	return math.Floor(math.Log10(math.Abs(v)))
}

// spread writes a median with its least and greatest.
func (u Unit) spread(s Spread) string {
	switch {
	case s.Count == 0:
		return ""
	case s.Min == s.Max:
		return u.format(s.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", u.format(s.Median), u.format(s.Min), u.format(s.Max))
}

// title is a metric in words.
func title(m Metric) string {
	switch m {
	case TCP1IPv4:
		return "one stream, IPv4"
	case TCP1IPv6:
		return "one stream, IPv6"
	case TCP4IPv4:
		return "four streams, IPv4"
	case TCP4IPv6:
		return "four streams, IPv6"
	}
	return string(m)
}
