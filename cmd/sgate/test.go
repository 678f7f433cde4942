package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/assertion"
	"github.com/sgate/sgate/probe"
)

// The exit statuses of sgate test.
const (
	testsFailed  exitStatus = 1
	testsNotRun  exitStatus = 2
	testParallel            = 16 // cases under way at once
)

// testFlags are what the command is told.
type testFlags struct {
	at      target
	config  string
	live    bool
	timeout time.Duration
	run     string
	verbose bool
	form    testForm
}

func newTest() *cobra.Command {
	f := &testFlags{}
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run unit tests for security groups",
		Long: `Test runs the assertions of test files: who reaches whom on which ports, and who
does not. A test file is YAML, by custom called NAME.test.yaml:

  config: three-tier.yaml           # from this file's folder; may be left out
  tests:
    - name: the web tier reaches the app tier
      from: web                     # an instance or host, by name or id, or an address
      to: app
      protocol: tcp                 # tcp, udp, icmp, icmpv6 or a number
      port: 8080
      expect: allow                 # or drop
    - from: 203.0.113.9
      to: [web, app]                # lists multiply
      protocol: tcp
      port: [25, "8000-8010"]
      expect: drop
      reason: no_ingress_rule       # only this reason for a drop will do

A test may also have: source_port; icmp_type and icmp_code (without them a ping);
ipv6: true, or both; vpc, where several have the addresses; and rule, with expect:
allow: the id of the rule, or the security group, that must admit the packet.

Each packet is judged by the data path itself, as by "sgate explain": that of the
configuration that --config or else the file names, or that of a running gateway.
Nothing is sent and no root is needed. Allow means that the packet arrives and,
for TCP and pings, that network ACLs let the answer back.

With --live real packets are sent in a running lab, too, and what becomes of them
must be what was explained. For TCP a client connects from inside the sender's
namespace: a connection or a refusal is an arrival, for a client that the gateway
blocks sees a timeout. Of other protocols one packet is sent, and the gateway
tells whether it got through. A sender that is not in the lab is only explained.

The exit status is 0 if all tests pass, 1 if some fail, and 2 if none was run, as
when a file has faults: every one is printed, with its line and column.`,
		Example: `  sgate test configs/three-tier.test.yaml
  sgate test --output junit *.test.yaml > report.xml
  sudo sgate test --live --lab three-tier configs/three-tier.test.yaml`,
		RunE: func(cmd *cobra.Command, paths []string) error { return f.main(cmd, paths) },
	}
	f.addFlags(cmd)
	return cmd
}

func (f *testFlags) addFlags(cmd *cobra.Command) {
	f.at.addFlags(cmd)
	f.form.addFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "the configuration to test, whatever the files name")
	flags.BoolVar(&f.live, "live", false, "also send real packets, in a running lab (takes root)")
	flags.DurationVar(&f.timeout, "timeout", probe.DefaultTimeout, "with --live: how long to wait for an answer")
	flags.StringVar(&f.run, "run", "", "run only tests whose name matches this regular expression")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "say of tests that pass, too, what decided")
	cmd.SetFlagErrorFunc(notRun)
}

// notRun says why no test was run.
func notRun(cmd *cobra.Command, err error) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "sgate: %v\n", err)
	return testsNotRun
}

// main runs the command.
func (f *testFlags) main(cmd *cobra.Command, paths []string) error {
	suites, err := f.prepare(cmd, paths)
	if err != nil {
		return notRun(cmd, err)
	}
	defer suites.close()
	report, err := suites.run(cmd.Context(), cmd.OutOrStdout())
	switch {
	case errors.Is(err, context.Canceled):
		return notRun(cmd, errors.New("interrupted: the tests have not come to their end"))
	case readerLeft(err):
		return err
	case err != nil:
		return notRun(cmd, err)
	case report.Totals().Tests == 0:
		return notRun(cmd, fmt.Errorf("--run %q: no test has such a name", f.run))
	case report.Totals().Failed > 0:
		return testsFailed
	}
	return nil
}

// check reads the flags that need it.
func (f *testFlags) check(cmd *cobra.Command, paths []string) (*regexp.Regexp, error) {
	if err := checkFlags(cmd.Flags()); err != nil {
		return nil, err
	}
	switch running := f.at.lab != "" || f.at.control != ""; {
	case len(paths) == 0:
		return nil, errors.New("a test file is missing: want at least one, as in sgate test groups.test.yaml")
	case f.config != "" && (f.live || running):
		return nil, errors.New("--config is for a file alone: it does not go with --lab, --control and --live")
	case f.live && f.at.control != "":
		return nil, errors.New("--live is for labs, whose namespaces it sends from: it goes with --lab, not with --control")
	case f.timeout <= 0 || f.timeout > time.Minute:
		return nil, fmt.Errorf("--timeout %v: want more than 0 and at most a minute", f.timeout)
	case f.run == "":
		return nil, nil
	}
	match, err := regexp.Compile(f.run)
	if err != nil {
		return nil, fmt.Errorf("--run: %w", err)
	}
	return match, nil
}

// testForm is the form in which test prints: it is its flag's value.
type testForm string

// String implements pflag.Value.
func (o *testForm) String() string { return string(*o) }

// Type implements pflag.Value.
func (o *testForm) Type() string { return "text|junit|json" }

// Set implements pflag.Value.
func (o *testForm) Set(s string) error {
	switch s {
	case "text", "junit", "json":
		*o = testForm(s)
		return nil
	}
	return errors.New("want text, junit or json")
}

func (o *testForm) addFlag(cmd *cobra.Command) {
	*o = "text"
	cmd.Flags().VarP(o, "output", "o", "the form of what is printed: text, junit or json")
}

// write prints a report that is complete.
func (o testForm) write(w io.Writer, r *assertion.Report) error {
	if o == "junit" {
		return assertion.WriteJUnit(w, r)
	}
	return assertion.WriteJSON(w, r)
}
