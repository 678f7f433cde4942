package main

import "github.com/spf13/cobra"

func newFlows() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flows",
		Short: "About the flows of a running gateway",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newFlowsCut())
	return cmd
}
