package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/lint"
	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/lint/report"
)

func newCheck() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Find every fault in configuration files",
		Long: `Check reads configuration files as "run" and "lab up" would, and prints every
fault with its file, line and column. The environment and flags are left out:
a file is judged by itself. The exit status is 1 if there is any fault.

What "sgate lint" finds in a file without faults, from warnings on, is printed as
a warning. With --strict it makes the exit status 1, too. A warning that is meant
to be so is silenced in the file, by lint_ignore with a reason.`,
		Example: "  sgate check configs/*.yaml\n  sgate check --strict lab.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			bad, warned := 0, 0
			for _, path := range paths {
				cfg, err := config.Load(config.Source{Path: path})
				if err != nil {
					bad++
					fmt.Fprintln(cmd.ErrOrStderr(), err)
					continue
				}
				if warn(cmd.ErrOrStderr(), cfg) > 0 {
					warned++
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: ok: %s, %s, %s\n", path, counted(len(cfg.Resources.Instances()), "instance"),
					counted(len(cfg.Resources.Hosts()), "host"), counted(len(cfg.Resources.SecurityGroups()), "security group"))
			}
			switch {
			case bad > 0:
				return errors.New(filesWith(bad, "faults"))
			case warned > 0 && strict:
				return errors.New(filesWith(warned, "warnings"))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "end with status 1 if there are warnings")
	return cmd
}

// warn prints what lint finds, notes aside, and returns how many there are.
func warn(w io.Writer, cfg *config.Config) int {
	file := report.File{Path: cfg.Path, Findings: lint.Run(cfg.Resources, cfg.Silences...)}
	shown, counts := report.Selection{Least: finding.Warning}.Of([]report.File{file})
	for _, f := range shown[0].Findings {
		fmt.Fprintf(w, "warning: %s: %s\n", f.Origin, report.Statement(f))
	}
	return counts.AtLeast(finding.Warning)
}

// filesWith says that so many files have something.
func filesWith(n int, what string) string {
	if n == 1 {
		return "1 file has " + what
	}
	return fmt.Sprintf("%d files have %s", n, what)
}

// counted says how many of something there are: "1 host", "2 hosts".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
