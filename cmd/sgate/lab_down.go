package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/lab"
)

func newLabDown() *cobra.Command {
	return &cobra.Command{
		Use:   "down [NAME]",
		Short: "Take a lab down, also one that has crashed",
		Long: `Down ends a lab, the only one if no name is given, and leaves nothing of it: no
namespace, no device, no process. A lab whose process has crashed is cleared
away in the same manner.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			name, err := lab.Down(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "lab %s is down\n", name)
			return nil
		},
	}
}
