package main

import "github.com/spf13/cobra"

func newLab() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "A whole VPC on this machine: a network namespace for each instance",
		Long: `A lab is a network namespace for each instance and host of a configuration, its
TUN device in it with addresses and routes, its command, and the gateway between
them. Programs in it connect or hang as they would in AWS.`,
		Example: `  sudo sgate lab up configs/three-tier.yaml --detach
  sudo sgate lab exec laptop -- nc -v -w 2 10.0.1.10 22
  sudo sgate lab down`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newLabUp(), newLabList(), newLabExec(), newLabDown())
	return cmd
}
