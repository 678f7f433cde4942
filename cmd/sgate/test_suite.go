package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/assertion"
	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/explain"
	"github.com/sgate/sgate/lab"
	"github.com/sgate/sgate/probe"
	"github.com/sgate/sgate/vpc"
)

// suite is a test file and what it runs against.
type suite struct {
	file      *assertion.File
	against   string
	explainer assertion.Explainer
	known     assertion.Known
}

// suites are all that the command runs.
type suites struct {
	all    []suite
	runner assertion.Runner // less its Explainer
	prober *probe.Prober    // nil if nothing is sent
	text   *assertion.Text  // nil if the report is written when it is complete
	form   testForm
}

func (s *suites) close() {
	if s.prober != nil {
		_ = s.prober.Close()
	}
}

// prepare reads the files and finds what they run against. Its error joins all
// the faults of all files.
func (f *testFlags) prepare(cmd *cobra.Command, paths []string) (*suites, error) {
	match, err := f.check(cmd, paths)
	if err != nil {
		return nil, err
	}
	s := &suites{form: f.form, runner: assertion.Runner{Match: match, Parallel: testParallel, Now: time.Now}}
	if f.form == "text" {
		s.text = &assertion.Text{Out: cmd.OutOrStdout(), Verbose: f.verbose, Paint: paintVerdict(painterOf(cmd.OutOrStdout()))}
	}
	var in lab.Info
	if f.live {
		if in, err = runningLab(f.at.lab); err != nil {
			return nil, err
		}
		f.at.lab = in.Name
	}
	if err := f.read(cmd.Context(), s, paths); err != nil {
		return nil, err
	}
	if f.live {
		if s.prober, err = f.newProber(cmd.Context(), in); err != nil {
			return nil, err
		}
		s.runner.Prober = s.prober
	}
	return s, nil
}

// read reads the files and finds what each runs against.
func (f *testFlags) read(ctx context.Context, s *suites, paths []string) error {
	var faults []error
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		one := suite{file: assertion.Parse(path, data)}
		lost := f.find(ctx, &one)
		bad := one.file.Check(one.known)
		if bad == nil || !f.usesGateway(one.file) { // else the file's own faults go first
			faults = append(faults, lost)
		}
		faults = append(faults, bad)
		s.all = append(s.all, one)
	}
	return joinOnce(faults)
}

// joinOnce joins errors, each once: several files may be about one configuration.
func joinOnce(errs []error) error {
	var first []error
	said := make(map[string]bool)
	for _, err := range errs {
		if err != nil && !said[err.Error()] {
			said[err.Error()] = true
			first = append(first, err)
		}
	}
	return errors.Join(first...)
}

// find finds what a file runs against: a configuration, unless a running gateway
// is meant or none is named.
func (f *testFlags) find(ctx context.Context, s *suite) error {
	switch {
	case f.config != "":
		return s.useConfig(f.config)
	case f.usesGateway(s.file):
		return s.useGateway(ctx, &f.at)
	}
	err := s.useConfig(s.file.Config)
	var unreadable *fs.PathError
	if errors.As(err, &unreadable) {
		s.file.RefuseConfig(unreadable)
		return nil
	}
	return err
}

// usesGateway reports whether a file runs against a running gateway.
func (f *testFlags) usesGateway(file *assertion.File) bool {
	return f.config == "" && (file.Config == "" || f.live || f.at.lab != "" || f.at.control != "")
}

func (s *suite) useConfig(path string) error {
	cfg, err := config.Load(config.Source{Path: path})
	if err != nil {
		return err
	}
	s.against, s.known = path, assertion.KnownOf(cfg.Resources)
	s.explainer, err = explain.FromConfig(cfg)
	return err
}

func (s *suite) useGateway(ctx context.Context, at *target) error {
	client, err := at.client()
	if err != nil {
		return err
	}
	s.explainer = client
	switch {
	case at.lab != "":
		s.against = "lab " + at.lab
	case at.control != "":
		s.against = "the gateway at " + at.control
	default:
		s.against = "the gateway that runs"
	}
	counters, err := client.Counters(ctx, control.CountersRequest{})
	for _, c := range counters.Interfaces {
		s.known.Endpoints = append(s.known.Endpoints, vpc.Endpoint{Name: c.Name, ID: c.ID})
	}
	return err
}

// newProber returns what sends packets in a lab.
func (f *testFlags) newProber(ctx context.Context, in lab.Info) (*probe.Prober, error) {
	client, err := f.at.client()
	if err != nil {
		return nil, err
	}
	namespaces := make(map[string]string)
	for _, m := range in.Members {
		namespaces[m.Name] = m.Namespace
	}
	return probe.New(ctx, namespaces, client, f.timeout)
}

// runningLab returns the running lab with a name, or the only one if name is "".
func runningLab(name string) (lab.Info, error) {
	if _, err := lab.ControlSocket(name); err != nil {
		return lab.Info{}, err
	}
	labs, err := lab.List()
	if err != nil {
		return lab.Info{}, err
	}
	for _, l := range labs {
		if l.Running && (l.Name == name || name == "") {
			return l, nil
		}
	}
	return lab.Info{}, errors.New("the lab has just gone down")
}

// run runs the tests and prints what comes of them.
func (s *suites) run(ctx context.Context, w io.Writer) (*assertion.Report, error) {
	report := &assertion.Report{}
	began := time.Now()
	for i := range s.all {
		one := &s.all[i]
		file := assertion.FileReport{Path: one.file.Path, Against: one.against, Live: s.prober != nil, Began: time.Now()}
		runner := s.runner
		runner.Explainer = one.explainer
		if s.text != nil {
			s.text.File(file.Path, file.Against)
			runner.Each = s.text.Result
		}
		results, err := runner.Run(ctx, one.file)
		if err != nil {
			return nil, err
		}
		file.Results = results
		report.Files = append(report.Files, file)
	}
	if s.text != nil {
		return report, s.end(report, time.Since(began))
	}
	return report, s.form.write(w, report)
}

// end writes the summary of a report for people. How long explaining takes is
// not worth a word.
func (s *suites) end(report *assertion.Report, took time.Duration) error {
	switch {
	case report.Totals().Tests == 0:
		return nil
	case s.prober == nil:
		took = 0
	}
	return s.text.End(report.Totals(), took)
}

// paintVerdict paints "ok" green and "FAIL" red.
func paintVerdict(p painter) func(passed bool, word string) string {
	return func(passed bool, word string) string {
		if passed {
			return p.green(word)
		}
		return p.red(word)
	}
}
