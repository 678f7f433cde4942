package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sgate/sgate/bench/report"
)

// How long and how often a Go benchmark is run.
const (
	microSpan  = "200ms"
	microTimes = 3
)

// microbenchmarks runs the Go benchmarks that targets take figures from, in the
// test binaries that the Makefile has built: PACKAGE.test.
func (b *bench) microbenchmarks(ctx context.Context) {
	all := report.Benchmarks()
	printed := make(map[string][]byte) // by package
	for _, of := range all {
		if _, ok := printed[of.Package]; !ok {
			fmt.Fprintf(b.progress, "Go benchmarks of %s\n", of.Package)
			out, err := b.runBenchmarks(ctx, of.Package, of.Package, pattern(all, of.Package), microSpan, microTimes)
			if err != nil {
				b.missing("Go benchmarks of "+of.Package, err)
			}
			printed[of.Package] = out
		}
		found := figures(printed[of.Package], of.Name, of.Unit)
		if len(found) == 0 {
			b.missing(string(of.Metric), fmt.Errorf("package %s has not printed %s in %s", of.Package, of.Name, of.Unit))
		}
		for i, v := range found {
			b.add(report.Sample{Round: i + 1, Path: report.Micro, Metric: of.Metric, Value: v})
		}
	}
}

// How often, and for how many packets at a time, packets that are watched are compared
// with those that nobody watches. The difference to those that nobody can watch is so
// small that it takes many short turns to see.
const (
	watchRounds     = 5
	watchNobodyMore = 8 // turns of the first two in each round
	watchPackets    = "300000x"
)

// unwatched is the test binary of package gateway in which nobody can watch: built
// with the tag sgate_unwatched.
const unwatched = "gateway-unwatched"

// watching measures, turn by turn, what a packet costs with and without those who
// watch.
func (b *bench) watching(ctx context.Context) {
	fmt.Fprintln(b.progress, "packets that are watched")
	ways := report.Watching()
	for round := range watchRounds {
		for turn := range watchNobodyMore {
			first := ways[:2]
			if turn%2 == 1 { // whoever comes second may find caches warm
				first = []report.Watched{ways[1], ways[0]}
			}
			for _, way := range first {
				if !b.watched(ctx, way, 1+round*watchNobodyMore+turn) {
					return
				}
			}
		}
		for _, way := range ways[2:] {
			if !b.watched(ctx, way, 1+round*watchNobodyMore) {
				return
			}
		}
	}
}

// watched measures one of them once, and reports whether that could be.
func (b *bench) watched(ctx context.Context, way report.Watched, round int) bool {
	name := "gateway"
	if way.Impossible {
		name = unwatched
	}
	out, err := b.runBenchmarks(ctx, "gateway", name, "^BenchmarkWatch$/^"+way.Benchmark+"$", watchPackets, 1)
	found := figures(out, "BenchmarkWatch/"+way.Benchmark, "ns/op")
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%s.test has not printed BenchmarkWatch/%s", name, way.Benchmark)
	}
	if err != nil {
		b.missing(string(way.Metric), err)
		return false
	}
	b.add(report.Sample{Round: round, Path: report.Micro, Metric: way.Metric, Value: found[0]})
	return true
}

// runBenchmarks runs those of a test binary that match, in its package's folder if
// that is here, and returns what they print.
func (b *bench) runBenchmarks(ctx context.Context, pkg, name, matching, span string, times int) ([]byte, error) {
	binary, err := filepath.Abs(filepath.Join(b.tests, name+".test"))
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "-test.run", "^$", "-test.bench", matching,
		"-test.benchtime", span, "-test.count", strconv.Itoa(times), "-test.benchmem")
	if info, err := os.Stat(pkg); err == nil && info.IsDir() {
		cmd.Dir = pkg
	}
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s%s", err, out, exit.Stderr)
	}
	return out, err
}

// pattern matches the benchmarks of a package that are wanted, and no others.
func pattern(all []report.Benchmark, pkg string) string {
	var each []string
	for _, of := range all {
		if one := "^" + strings.ReplaceAll(of.Name, "/", "$/^") + "$"; of.Package == pkg && !slices.Contains(each, one) {
			each = append(each, one)
		}
	}
	return strings.Join(each, "|")
}

// figures returns the figures of a benchmark in a unit, one for each time that
// it ran, from what `go test -bench` prints:
//
//	BenchmarkHit/flows=1000-2   123456   98.7 ns/op   0 B/op   0 allocs/op
func figures(out []byte, name, unit string) (all []float64) {
	for line := range bytes.Lines(out) {
		fields := strings.Fields(string(line))
		if len(fields) == 0 || withoutProcessors(fields[0]) != name {
			continue
		}
		for i := 3; i < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i-1], 64); err == nil && fields[i] == unit {
				all = append(all, v)
			}
		}
	}
	return all
}

// withoutProcessors cuts off what the testing package appends to a name if
// there is more than one processor.
func withoutProcessors(name string) string {
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			return name[:i]
		}
	}
	return name
}
