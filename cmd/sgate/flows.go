package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sgate/sgate/control"
)

func newFlows() *cobra.Command {
	var at target
	var form output
	var list flowsList
	var follow flowsFollow
	var filter control.FlowFilter
	var following bool
	cmd := &cobra.Command{
		Use:   "flows",
		Short: "List the flows of a running gateway, or follow its verdicts",
		Long: `Flows prints the flow table of a running gateway: who opened each flow to whom,
its state and age, when it ends if nothing more of it is seen, what each end has
sent, which ends track it, and the rules that let it in: of the egress of FROM
and of the ingress of TO. (--wide has the rules in words.) A rule may be gone by
now; a tracked flow outlives it. PACKETS and BYTES are what FROM has sent, a
slash, and what TO has.

With --follow it prints what becomes of each packet, as it falls, and why:

  15:04:05.123 DROP  web:43210 -> db:3306 tcp SYN  no_ingress_rule  (db: no rule admits tcp 3306 from web)

That is the decision of the data path itself. The packets do not wait for a
reader that is too slow: events are lost instead, and it says how many. docs/reasons.md
has what each reason means. With --output json, each line is one object.`,
		Example: `  sudo sgate flows --to db --port 3306
  sudo sgate flows --sort bytes --limit 10
  sudo sgate flows --follow --verdict drop
  sudo sgate flows --follow --instance db --output json | jq -r '.reason // empty'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFlowFlags(cmd.Flags(), following); err != nil {
				return err
			}
			client, err := at.client()
			if err != nil {
				return err
			}
			if following {
				return follow.run(cmd, client, filter, form)
			}
			return list.run(cmd, client, filter, form)
		},
	}
	at.addFlags(cmd)
	form.addFlag(cmd)
	flags := cmd.Flags()
	addFlowFilter(flags, &filter)
	flags.Lookup("from").Usage += "; with --follow, who sent the packet"
	flags.Lookup("to").Usage += "; with --follow, whom it is for"
	flags.Lookup("port").Usage += "; with --follow, either end's"
	flags.BoolVarP(&following, "follow", "f", false, "print what becomes of each packet, until Ctrl-C")
	list.addFlags(flags)
	follow.addFlags(flags)
	cmd.AddCommand(newFlowsCut())
	return cmd
}

// addFlowFilter adds the flags that choose flows.
func addFlowFilter(flags *pflag.FlagSet, f *control.FlowFilter) {
	flags.StringVar(&f.Instance, "instance", "", "the instance or host at either end, by name or id")
	flags.StringVar(&f.From, "from", "", "who opened the flow: an address, a CIDR, or an instance or host")
	flags.StringVar(&f.To, "to", "", "the other end, likewise")
	flags.StringVar(&f.Protocol, "protocol", "", "tcp, udp, icmp, icmpv6 or a number")
	flags.Uint16Var(&f.Port, "port", 0, "the other end's port, of TCP and UDP")
	flags.StringVar(&f.VPC, "vpc", "", "the VPC, by name or id")
}

// checkFlowFilter refuses what would choose other flows than were meant.
func checkFlowFilter(flags *pflag.FlagSet) error {
	if port := flags.Lookup("port"); port.Changed && port.Value.String() == "0" {
		return errors.New("--port 0: want a port from 1 to 65535")
	}
	return checkFlags(flags)
}

// checkFlowFlags refuses flags that mean nothing with or without --follow.
func checkFlowFlags(flags *pflag.FlagSet, following bool) error {
	if err := checkFlowFilter(flags); err != nil {
		return err
	}
	var err error
	flags.Visit(func(f *pflag.Flag) {
		switch {
		case following && slices.Contains([]string{"state", "sort", "limit", "wide"}, f.Name):
			err = fmt.Errorf("--%s is about the list of flows: want it without --follow", f.Name)
		case !following && slices.Contains([]string{"verdict", "reason", "count"}, f.Name):
			err = fmt.Errorf("--%s is about packets as they come: want it with --follow", f.Name)
		}
	})
	return err
}
