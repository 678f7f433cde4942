package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/lab"
)

func newLabList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the labs and what is in them",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			labs, err := lab.List()
			if err != nil {
				return err
			}
			out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(out, "LAB\tSTATE\tMEMBER\tINSTANCE\tADDRESSES\tNAMESPACE\tCOMMAND")
			for _, l := range labs {
				state := "up"
				if !l.Running {
					state = "crashed"
				}
				if len(l.Members) == 0 {
					fmt.Fprintf(out, "%s\t%s\t\t\t\t\t\n", l.Name, state)
				}
				for _, m := range l.Members {
					var addrs []string
					for _, a := range m.Addresses() {
						addrs = append(addrs, a.String())
					}
					fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, state, m.Name, m.InstanceID,
						strings.Join(addrs, ","), m.Namespace, strings.Join(m.Command, " "))
				}
			}
			return out.Flush()
		},
	}
}
