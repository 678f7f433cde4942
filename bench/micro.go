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
			out, err := runBenchmarks(ctx, b.tests, of.Package, pattern(all, of.Package))
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

// runBenchmarks runs those of a package that match, in its folder if that is
// here, and returns what they print.
func runBenchmarks(ctx context.Context, tests, pkg, matching string) ([]byte, error) {
	binary, err := filepath.Abs(filepath.Join(tests, pkg+".test"))
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "-test.run", "^$", "-test.bench", matching,
		"-test.benchtime", microSpan, "-test.count", strconv.Itoa(microTimes), "-test.benchmem")
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
