package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sgate/sgate/bench/report"
	"github.com/sgate/sgate/internal/needs"
)

// TestMain lets the test binary be what the bench binary is: the gateways,
// generators and sinks of a run.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "traffic" || os.Args[1] == "gateway") {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestRun is a short run over two paths, from namespaces to files.
func TestRun(t *testing.T) {
	needs.Root(t)
	b, err := newBench(options{rounds: 1, budget: 1 << 40, paths: []string{"limit", "kernel"}}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"limit", "kernel"} {
		if b.paths[name] == nil {
			needs.Missing(t, "the path "+name)
		}
	}
	b.plan.micro, b.plan.spans = false, scaled(0.2)
	b.plan.jobs = []job{{"limit", smallMTU, []measure{udp, paced, roundTrips, connect}}, {"kernel", largeMTU, []measure{tcp}}}
	b.measureAll(t.Context())

	for _, m := range b.results.Missing {
		t.Errorf("not measured: %s: %s", m.Name, m.Text)
	}
	for path, want := range map[string][]report.Metric{
		"limit": {report.UDPFlood, report.UDPCPU, report.UDPPaced, report.RoundTrips, report.P50, report.P99, report.P999, report.Connections},
		// The kernel has no process whose time could be told.
		"kernel": {report.TCP1IPv4, report.TCP1IPv6, report.TCP4IPv4, report.TCP4IPv6},
	} {
		var got []report.Metric
		for _, s := range b.results.Samples {
			if s.Path == path && s.Value > 0 {
				got = append(got, s.Metric)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: measured %v, want %v", path, got, want)
		}
	}
	expectNothingLeft(t)
	expectFiles(t, &b.results)
}

// expectNothingLeft looks for namespaces of this process.
func expectNothingLeft(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob("/run/netns/sgate-bench-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range left {
		if strings.Contains(name, "-"+strconv.Itoa(os.Getpid())+"-") {
			t.Errorf("%s is left", name)
		}
	}
}

// expectFiles looks for what a run writes.
func expectFiles(t *testing.T, r *report.Results) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "results")
	var out strings.Builder
	if err := write(folder, r, report.Judge(r, report.Targets()), &out); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"table.md": out.String(), "plot.svg": "new connections a second", "results.json": `"metric": "udp-paced"`,
	} {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || want == "" || !strings.Contains(string(got), want) {
			t.Errorf("%s (%v) does not have %.40q", name, err, want)
		}
	}
}

// TestCancelled: a run that is told to end goes no further, and says so.
func TestCancelled(t *testing.T) {
	p, err := newPlan(1, []string{"limit"}, []measure{udp}, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{plan: p, progress: t.Output()}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errBudget)
	b.measureAll(ctx)
	want := report.Fact{Name: "the rest of round 1", Text: errBudget.Error()}
	if len(b.results.Missing) != 1 || b.results.Missing[0] != want {
		t.Errorf("missing: %v, want %v", b.results.Missing, want)
	}
}

// TestProgramsAreMissing: what is missing is said at once, and only what is needed.
func TestProgramsAreMissing(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	_, err := newBench(options{rounds: 1, budget: 1 << 40}, t.Output())
	for _, program := range []string{"nsenter", "taskset", "iperf3"} {
		if err == nil || !strings.Contains(err.Error(), program+" is missing: `make benchdeps` installs it") {
			t.Errorf("%v: want an error that names %s", err, program)
		}
		if err := os.WriteFile(filepath.Join(folder, program), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkPrograms(allMeasures()); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(folder, "iperf3")); err != nil {
		t.Fatal(err)
	}
	if err := checkPrograms([]measure{udp, micro}); err != nil {
		t.Errorf("without TCP: %v", err)
	}
}

func TestOptions(t *testing.T) {
	for want, o := range map[string]options{
		`no path "speedway"`: {rounds: 1, budget: 1 << 40, paths: []string{"speedway"}},
		"want at least one":  {budget: 1 << 40},
		`measure "speed"`:    {rounds: 1, budget: 1 << 40, measures: []string{"speed"}},
	} {
		if _, err := newBench(o, t.Output()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
