package main

import (
	"slices"
	"testing"

	"github.com/sgate/sgate/bench/report"
)

const printed = `goos: linux
BenchmarkHit/flows=1000-2         	 1234567	        98.70 ns/op	       0 B/op	       0 allocs/op
BenchmarkHit/flows=1000-2         	 1234567	       101.0 ns/op	       0 B/op	       0 allocs/op
BenchmarkHit/flows=1000000-2      	  123456	       389.0 ns/op	       0 B/op	       0 allocs/op
BenchmarkFootprint 	       1	         144.2 B/flow	 1000000 ns/op
PASS
`

func TestFigures(t *testing.T) {
	for _, c := range []struct {
		name, unit string
		want       []float64
	}{
		{"BenchmarkHit/flows=1000", "ns/op", []float64{98.7, 101}},
		{"BenchmarkHit/flows=1000", "allocs/op", []float64{0, 0}},
		{"BenchmarkHit/flows=1000000", "ns/op", []float64{389}},
		{"BenchmarkFootprint", "B/flow", []float64{144.2}},
		{"BenchmarkHit", "ns/op", nil},
		{"BenchmarkFootprint", "MB", nil},
	} {
		if got := figures([]byte(printed), c.name, c.unit); !slices.Equal(got, c.want) {
			t.Errorf("%s in %s: %v, want %v", c.name, c.unit, got, c.want)
		}
	}
}

func TestPattern(t *testing.T) {
	all := []report.Benchmark{
		{Package: "gateway", Name: "BenchmarkHit/flows=1000", Unit: "ns/op"},
		{Package: "gateway", Name: "BenchmarkHit/flows=1000", Unit: "allocs/op"},
		{Package: "conntrack", Name: "BenchmarkFootprint"},
		{Package: "gateway", Name: "BenchmarkMiss/a/b"},
	}
	if got, want := pattern(all, "gateway"), "^BenchmarkHit$/^flows=1000$|^BenchmarkMiss$/^a$/^b$"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
