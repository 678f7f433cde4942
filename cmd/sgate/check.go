package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/config"
)

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "Find every fault in configuration files",
		Long: `Check reads configuration files as "run" and "lab up" would, and prints every
fault with its file, line and column. The environment and flags are left out:
a file is judged by itself. The exit status is 1 if there is any fault. What AWS
would refuse and sgate takes, such as an apostrophe in a description, is printed
as a warning.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			bad := 0
			for _, path := range paths {
				cfg, err := config.Load(config.Source{Path: path})
				if err != nil {
					bad++
					fmt.Fprintln(cmd.ErrOrStderr(), err)
					continue
				}
				for _, warning := range cfg.Resources.Warnings(nil) {
					fmt.Fprintf(cmd.ErrOrStderr(), "warning: %v\n", warning)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: ok: %d instances, %d hosts, %d security groups\n", path,
					len(cfg.Resources.Interfaces()), len(cfg.Resources.Hosts()), len(cfg.Resources.SecurityGroups()))
			}
			switch bad {
			case 0:
				return nil
			case 1:
				return errors.New("1 file has faults")
			}
			return fmt.Errorf("%d files have faults", bad)
		},
	}
}
