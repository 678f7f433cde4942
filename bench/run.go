package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/bench/path"
	"github.com/sgate/sgate/bench/report"
	"github.com/sgate/sgate/bench/traffic"
)

// options are the command line's.
type options struct {
	rounds   int
	budget   time.Duration
	paths    []string
	measures []string
	out      string
	check    bool
	sgate    string
	tests    string
}

func newRun() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "bench",
		Short: "Compare sgate with what else could stand in its place",
		Long: `bench brings up the paths in turn, round after round, each in network
namespaces of its own, and measures them. It writes table.md, plot.svg and
results.json, prints the table, and fails if a figure falls short. It takes root,
and the machine to itself.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return run(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr()) },
	}
	c.CompletionOptions.HiddenDefaultCmd = true
	f := c.Flags()
	f.IntVar(&o.rounds, "rounds", 3, "how often each path is measured")
	f.DurationVar(&o.budget, "budget", 10*time.Minute, "how long all of it may take; measurements are as long as fits")
	f.StringSliceVar(&o.paths, "paths", nil, "only these paths")
	f.StringSliceVar(&o.measures, "measures", nil, "only these: "+join(allMeasures()))
	f.StringVar(&o.out, "out", "bench/results", "the folder for the table, the plot and the results")
	f.BoolVar(&o.check, "check", true, "fail if a figure falls short or was not measured")
	f.StringVar(&o.sgate, "sgate", beside("sgate"), "the sgate binary")
	f.StringVar(&o.tests, "tests", beside(""), "the folder of the test binaries whose Go benchmarks are run")
	return c
}

var errNotRoot = errors.New("making network namespaces and TUN devices takes root: run it with sudo")

// errBudget is the cause of a run that has outlasted its budget.
var errBudget = errors.New("the budget of time has run out")

// run measures, writes and judges.
func run(ctx context.Context, o options, out, progress io.Writer) error {
	if os.Geteuid() != 0 {
		return errNotRoot
	}
	start := time.Now()
	b, err := newBench(o, progress)
	if err != nil {
		return err
	}
	limited, cancel := context.WithDeadlineCause(ctx, start.Add(o.budget), errBudget)
	defer cancel()
	b.measureAll(limited)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	verdicts := report.Judge(&b.results, report.Targets())
	if err := write(o.out, &b.results, verdicts, out); err != nil {
		return err
	}
	fmt.Fprintf(progress, "%v; table.md, plot.svg and results.json are in %s\n", time.Since(start).Round(time.Second), o.out)
	if o.check && !report.Reaches(verdicts) {
		return errors.New("some figures fall short or were not measured: see the table")
	}
	return nil
}

// bench is a run.
type bench struct {
	plan     *plan
	paths    map[string]*path.Path
	tests    string
	results  report.Results
	progress io.Writer
}

func newBench(o options, progress io.Writer) (*bench, error) {
	if o.rounds < 1 {
		return nil, fmt.Errorf("%d rounds: want at least one", o.rounds)
	}
	if len(o.measures) == 0 {
		o.measures = strings.Split(join(allMeasures()), ", ")
	}
	measures, err := parseMeasures(o.measures)
	if err != nil {
		return nil, err
	}
	if err := checkPrograms(measures); err != nil {
		return nil, err
	}
	found, missing := path.Find(o.sgate)
	b := &bench{paths: make(map[string]*path.Path), tests: o.tests, progress: progress}
	var names []string
	for _, p := range found {
		if len(o.paths) == 0 || slices.Contains(o.paths, p.Name) {
			b.paths[p.Name] = &p
			names = append(names, p.Name)
			b.results.Paths = append(b.results.Paths, report.Fact{Name: p.Name, Text: p.Description})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		if len(o.paths) == 0 || slices.Contains(o.paths, name) {
			b.missing(name, missing[name])
			names = append(names, name)
		}
	}
	for _, name := range o.paths {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("no path %q", name)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return b.paths[name] == nil })
	b.results.Rounds, b.results.Machine = o.rounds, machine(o.sgate)
	b.plan, err = newPlan(o.rounds, names, measures, o.budget)
	return b, err
}

// checkPrograms looks for the programs that traffic is made with, rather than fail
// at each measurement. Those of single paths are looked for by these.
func checkPrograms(measures []measure) error {
	programs := []string{"nsenter", "taskset"}
	if slices.Contains(measures, tcp) {
		programs = append(programs, "iperf3")
	}
	var errs []error
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			errs = append(errs, fmt.Errorf("%s is missing: `make benchdeps` installs it", program))
		}
	}
	return errors.Join(errs...)
}

// missing says on what there are no figures, and why.
func (b *bench) missing(what string, why error) {
	text := strings.ReplaceAll(strings.TrimSpace(why.Error()), "\n", "; ")
	b.results.Missing = append(b.results.Missing, report.Fact{Name: what, Text: text})
	fmt.Fprintf(b.progress, "  not measured: %s: %s\n", what, text)
}

// add keeps a sample.
func (b *bench) add(s report.Sample) {
	b.results.Samples = append(b.results.Samples, s)
	fmt.Fprintf(b.progress, "  %-18s %.4g\n", s.Metric, s.Value)
}

// measureAll measures what is planned, until the context ends.
func (b *bench) measureAll(ctx context.Context) {
	fmt.Fprintf(b.progress, "%d rounds; about %v\n", b.plan.rounds, b.plan.takes().Round(time.Second))
	if b.plan.micro {
		b.microbenchmarks(ctx)
		b.watching(ctx)
	}
	for round := range b.plan.rounds {
		for _, j := range b.plan.round(round) {
			if ctx.Err() != nil {
				b.missing(fmt.Sprintf("the rest of round %d", round+1), context.Cause(ctx))
				return
			}
			fmt.Fprintf(b.progress, "round %d of %d: %s, MTU %d\n", round+1, b.plan.rounds, j.path, j.mtu)
			if err := b.measureJob(ctx, round+1, j); err != nil {
				b.missing(fmt.Sprintf("%s, MTU %d, round %d", j.path, j.mtu, round+1), err)
			}
		}
	}
}

// measureJob brings a path up, measures it and takes it down.
func (b *bench) measureJob(ctx context.Context, round int, j job) (err error) {
	world, err := b.paths[j.path].Up(ctx, j.mtu)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	load, err := traffic.Between(world.Client, world.Server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, load.Close()) }()
	m := meter{world: world, load: load, spans: b.plan.spans, add: func(metric report.Metric, v float64) {
		b.add(report.Sample{Round: round, Path: j.path, MTU: j.mtu, Metric: metric, Value: v})
	}}
	var errs []error
	for _, what := range j.measures {
		if ctx.Err() != nil {
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
		if err := m.measure(ctx, what); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	return errors.Join(errs...)
}
