package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/lab"
)

func newLabExec() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "exec MEMBER -- COMMAND [ARG...]",
		Short: "Run a command inside an instance or host of a lab",
		Long: `Exec runs a command in the network namespace of a running instance or a host. MEMBER
is its name, its instance id, the id of one of its network interfaces or one of
its private addresses. Standard input and output and the exit status are the
command's own.`,
		Example: "  sudo sgate lab exec web -- ping -c 1 10.0.2.20\n  sudo sgate lab exec --lab three-tier laptop -- bash",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			member, command := args[0], args[1:]
			if len(command) > 0 && command[0] == "--" {
				command = command[1:]
			}
			if len(command) == 0 {
				return errors.New("a command is missing: sgate lab exec MEMBER -- COMMAND [ARG...]")
			}
			return lab.Exec(name, member, command)
		},
	}
	cmd.Flags().StringVar(&name, "lab", "", "the lab (default: the only one)")
	cmd.Flags().SetInterspersed(false) // the command's flags are not ours
	return cmd
}
