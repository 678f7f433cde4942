package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/control"
)

func newCounters() *cobra.Command {
	var at target
	var form output
	var request control.CountersRequest
	cmd := &cobra.Command{
		Use:   "counters [INSTANCE...]",
		Short: "Print what a running gateway has counted, interface by interface",
		Long: `Counters prints the counters of each interface of a running gateway, or of those
of the instances and hosts that are named (by name or id), as "ethtool -S" does:

  received = forwarded + local + dropped

Local is what was for, or was answered by, the VPC router. Below dropped stand
the reasons that came up; with --all every one there is. A packet that is dropped
counts at its sender, whichever end's rules decided: look there for
no_ingress_rule. Only conntrack_allowance_exceeded outside that list counts at
the interface that could not track the packet's flow, sender or receiver.

An interface's counters begin at zero when its device is made.`,
		Example: "  sudo sgate counters\n  sudo sgate counters --lab three-tier web db --output json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFlags(cmd.Flags()); err != nil {
				return err
			}
			client, err := at.client()
			if err != nil {
				return err
			}
			request.Names = args
			reply, err := client.Counters(cmd.Context(), request)
			if err != nil {
				return err
			}
			if form == outputJSON {
				return printJSON(cmd.OutOrStdout(), reply)
			}
			return printCounters(cmd.OutOrStdout(), reply.Interfaces)
		},
	}
	at.addFlags(cmd)
	form.addFlag(cmd)
	cmd.Flags().BoolVar(&request.Zeros, "all", false, "print the reasons for drops that never came up, too")
	return cmd
}

func printCounters(w io.Writer, interfaces []control.Counters) error {
	var b strings.Builder
	for _, c := range interfaces {
		fmt.Fprintf(&b, "%s (%s):\n", c.Name, c.ID)
		line := func(name string, value any) { fmt.Fprintf(&b, "     %s: %d\n", name, value) }
		line("received", c.Received)
		line("received_bytes", c.ReceivedBytes)
		line("forwarded", c.Forwarded)
		line("local", c.Local)
		line("dropped", c.Dropped)
		for _, reason := range slices.Sorted(maps.Keys(c.Drops)) {
			line("     "+reason, c.Drops[reason])
		}
		line("sent", c.Sent)
		line("sent_bytes", c.SentBytes)
		line("conntrack_allowance_exceeded", c.ConntrackAllowanceExceeded)
		line("conntrack_allowance_available", c.ConntrackAllowanceAvailable)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
