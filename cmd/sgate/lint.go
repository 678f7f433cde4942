package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/lint"
	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/lint/report"
)

// The exit statuses of sgate lint.
const (
	lintFound      exitStatus = 1
	lintUnreadable exitStatus = 2
)

// lintFlags are what the command is told.
type lintFlags struct {
	form     lintForm
	failOn   severityFlag
	least    severityFlag
	enable   []string
	silenced bool
	list     bool
}

func newLint() *cobra.Command {
	f := &lintFlags{form: lintText, failOn: severityFlag{severity: finding.Error, none: true}, least: severityFlag{severity: finding.Note}}
	cmd := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Find what AWS's best practices would remark on in configuration files",
		Long: `Lint reads configuration files, as "check" does, and reports what is valid and yet
dangerous, without effect, or not what was meant: SSH open to the world, rules
that another rule covers, rules that name a group without members, network ACLs
that drop replies, quotas that are nearly used up, and more: --list has all kinds,
docs/lint.md explains them and says which checks of AWS's they are.

  error    dangerous whatever was meant
  warning  probably not what was meant
  note     worth knowing

A finding that is meant to be so is silenced where it is, with a reason: on the
rule, its group, network ACL, prefix list, instance or VPC, or for the whole file.

  - name: bastion
    lint_ignore:
      - {finding: ssh-open-to-world, reason: "key-only, patched daily"}

The exit status is 0 if nothing at or above --fail-on was found, 1 if something
was, and 2 if a file could not be read; its faults are printed then.`,
		Example: `  sgate lint configs/three-tier.yaml
  sgate lint --severity warning --fail-on warning configs/*.yaml
  sgate lint --output sarif lab.yaml > lint.sarif`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && !f.list {
				return errors.New("a configuration file is missing: want one or more, or --list")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, paths []string) error {
			if f.list {
				return listKinds(cmd.OutOrStdout())
			}
			return f.main(cmd, paths)
		},
	}
	f.addFlags(cmd)
	return cmd
}

func (f *lintFlags) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.VarP(&f.form, "output", "o", "the form of what is printed: text, json or sarif")
	flags.Var(&f.failOn, "fail-on", "the lowest severity that makes the exit status 1: error, warning, note or none")
	flags.Var(&f.least, "severity", "the lowest severity that is reported: error, warning or note")
	flags.StringSliceVar(&f.enable, "enable", nil, "report optional findings as well: "+strings.Join(finding.OptionalIDs(), ", ")+" or all")
	flags.BoolVar(&f.silenced, "show-silenced", false, "report silenced findings, too, with their reasons")
	flags.BoolVar(&f.list, "list", false, "print the kinds of findings and end")
}

// main runs the command.
func (f *lintFlags) main(cmd *cobra.Command, paths []string) error {
	selection, err := f.selection()
	if err != nil {
		return err
	}
	unreadable := false
	var files []report.File
	for _, path := range paths {
		file := lintFile(path)
		if file.Err != nil {
			unreadable = true
			fmt.Fprintln(cmd.ErrOrStderr(), file.Err)
		}
		files = append(files, file)
	}
	shown, counts := selection.Of(files)
	if err := f.print(cmd.OutOrStdout(), shown, counts); err != nil {
		return err
	}
	switch {
	case unreadable:
		return lintUnreadable
	case !f.failOn.isNone && counts.AtLeast(f.failOn.severity) > 0:
		return lintFound
	}
	return nil
}

func (f *lintFlags) selection() (report.Selection, error) {
	s := report.Selection{Least: f.least.severity, Silenced: f.silenced || f.form == lintSARIF}
	optional := finding.OptionalIDs()
	for _, id := range f.enable {
		switch {
		case id == "all":
			s.Optional = optional
			return s, nil
		case !slices.Contains(optional, id):
			return s, fmt.Errorf("--enable %s: want %s or all; other findings are always reported", id, strings.Join(optional, ", "))
		}
		s.Optional = append(s.Optional, id)
	}
	return s, nil
}

func (f *lintFlags) print(w io.Writer, files []report.File, counts report.Counts) error {
	switch f.form {
	case lintJSON:
		return report.JSON(w, files, counts)
	case lintSARIF:
		return report.SARIF(w, files, version())
	}
	return report.Text(w, files, counts)
}

// lintFile reads a file and lints it.
func lintFile(path string) report.File {
	cfg, err := config.Load(config.Source{Path: path})
	if err != nil {
		return report.File{Path: path, Err: err}
	}
	return report.File{Path: path, Findings: lint.Run(cfg.Resources, cfg.Silences...)}
}

// listKinds prints all kinds of findings.
func listKinds(w io.Writer) error {
	var b strings.Builder
	for _, k := range finding.Kinds() {
		severity := k.Severity.String()
		if k.Optional {
			severity += ", optional"
		}
		fmt.Fprintf(&b, "%-30s %-15s %s\n", k.ID, severity, k.Title)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// lintForm is the flag that says in which form findings are printed.
type lintForm string

// The forms.
const (
	lintText  lintForm = "text"
	lintJSON  lintForm = "json"
	lintSARIF lintForm = "sarif"
)

// String implements pflag.Value.
func (o *lintForm) String() string { return string(*o) }

// Type implements pflag.Value.
func (o *lintForm) Type() string { return "text|json|sarif" }

// Set implements pflag.Value.
func (o *lintForm) Set(s string) error {
	if !slices.Contains([]lintForm{lintText, lintJSON, lintSARIF}, lintForm(s)) {
		return fmt.Errorf("want %s, %s or %s", lintText, lintJSON, lintSARIF)
	}
	*o = lintForm(s)
	return nil
}

// severityFlag is a flag whose value is a severity.
type severityFlag struct {
	severity finding.Severity
	none     bool // it may also be "none"
	isNone   bool // and it is
}

// String implements pflag.Value.
func (s *severityFlag) String() string {
	if s.isNone {
		return "none"
	}
	return s.severity.String()
}

// Type implements pflag.Value.
func (s *severityFlag) Type() string { return "severity" }

// Set implements pflag.Value.
func (s *severityFlag) Set(value string) error {
	if s.none && value == "none" {
		s.isNone = true
		return nil
	}
	severity, err := finding.ParseSeverity(value)
	switch {
	case err != nil && s.none:
		return errors.New("want error, warning, note or none")
	case err != nil:
		return errors.New("want error, warning or note")
	}
	s.severity, s.isNone = severity, false
	return nil
}
