package main

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/control"
)

func newFlowsCut() *cobra.Command {
	var at target
	var form output
	var request control.CutFlowsRequest
	cmd := &cobra.Command{
		Use:   "cut",
		Short: "Make a running gateway forget flows, so that the rules decide anew",
		Long: `Cut makes the gateway forget the flows that meet all the conditions given, and
prints them. At least one condition is needed, or --all.

Nothing is sent to either end. The next packet of a connection that was cut,
from whichever end, is judged by the rules as one that belongs to no flow:

  - If they admit it, the connection goes on as a new flow, opened by that
    packet's sender. So a server whose egress rules admit it may take a
    connection up again that its ingress rules no longer do, if it is the first
    to speak. A gateway with "tcp_midstream: drop" admits no such packet of TCP.
  - If they do not, it is dropped, and the connection ends in silence: both ends
    wait until they give up.

So this is the way to be rid of connections that were tracked before their rule
was removed; security groups let them go on until they end by themselves. AWS has
no such command. ("on_rule_change" in the gateway section makes it a habit.)`,
		Example: `  sudo sgate flows cut --instance db --dry-run
  sudo sgate flows cut --from app --to db --protocol tcp --port 3306
  sudo sgate flows cut --lab three-tier --from 203.0.113.0/24`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFlowFilter(cmd.Flags()); err != nil {
				return err
			}
			client, err := at.client()
			if err != nil {
				return err
			}
			reply, err := client.CutFlows(cmd.Context(), request)
			if err != nil {
				return err
			}
			if form == outputJSON {
				return printJSON(cmd.OutOrStdout(), reply)
			}
			return printCut(cmd.OutOrStdout(), reply, request.DryRun)
		},
	}
	at.addFlags(cmd)
	form.addFlag(cmd)
	flags := cmd.Flags()
	addFlowFilter(flags, &request.FlowFilter)
	flags.BoolVar(&request.All, "all", false, "every flow")
	flags.BoolVar(&request.DryRun, "dry-run", false, "only print what would be cut")
	return cmd
}

func printCut(w io.Writer, reply control.CutFlowsReply, dryRun bool) error {
	if reply.Matched == 0 {
		_, err := fmt.Fprintln(w, "no flow matches: nothing to cut")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROTOCOL\tFROM\tTO\tSTATE\tAGE")
	for _, f := range reply.Flows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", f.Protocol, flowEnd(f.From, f.ICMPID), flowEnd(f.To, nil), f.State, age(f.Age))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if more := reply.Matched - len(reply.Flows); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	verb := "cut"
	if dryRun {
		verb = "would be cut"
	}
	noun := "flows"
	if reply.Matched == 1 {
		noun = "flow"
	}
	_, err := fmt.Fprintf(w, "%d %s %s\n", reply.Matched, noun, verb)
	return err
}

// flowEnd is one end of a flow in words: "web 10.0.1.10:443", and of an ICMP
// query's asker "web 10.0.1.10 id 7".
func flowEnd(e control.FlowEnd, icmpID *uint16) string {
	s := e.Address.String()
	if e.Port != 0 {
		s = netip.AddrPortFrom(e.Address, e.Port).String()
	}
	if icmpID != nil {
		s += " id " + strconv.Itoa(int(*icmpID))
	}
	if e.Name != "" {
		s = e.Name + " " + s
	}
	return s
}

// age prints seconds as far as they matter.
func age(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
