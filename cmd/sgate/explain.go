package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/explain"
)

// The exit statuses of sgate explain.
const (
	explainDropped exitStatus = 1
	explainFailed  exitStatus = 2
)

// explainFlags are what the command is told.
type explainFlags struct {
	at       target
	form     output
	config   string
	matrix   bool
	request  control.ExplainRequest
	icmpType uint8
}

func newExplain() *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{
		Use:   "explain --from END --to END [--protocol PROTOCOL] [--port PORT]",
		Short: "Say what would become of a packet, and why",
		Long: `Explain runs a packet through the code that judges real ones, and says what would
become of it: the verdict; what the security groups of both ends and the network
ACLs between them have to say, with the rules that decide and the place of each in
the configuration; where none admits it, the rules that come nearest; what AWS's
Reachability Analyzer would call it; and what to add so that it passes, for the
configuration and as a command of the aws CLI. What is suggested was tried. Its
commands have the configuration's ids: with "id: sg-..." on groups, your account's.

An end is the name or id of an instance or host, or an address, which nobody need
have. The packet is one that opens a flow: of TCP a SYN, of ICMP an echo request
unless --icmp-type says otherwise. Nothing is sent, counted or remembered.

It asks a running gateway or lab, with the flows that it has now; or, with
--config, a file alone, which takes no root.

With --matrix it prints who reaches whom, and on which ports; --from and --to then
choose some, separated by commas, and --protocol and --port ask about one kind of
packet.

The exit status is 0 if the packet would arrive, 1 if it would be dropped, and 2
if that could not be found out. With --matrix it is 0 or 2.`,
		Example: `  sgate explain --config configs/three-tier.yaml --from web --to db --port 3306
  sudo sgate explain --lab three-tier --from 198.51.100.7 --to web --port 22
  sudo sgate explain --from app --to db --protocol icmp --output json
  sgate explain --config configs/three-tier.yaml --matrix`,
		RunE: func(cmd *cobra.Command, args []string) error { return asExplained(cmd, f.main(cmd, args)) },
	}
	cmd.SetFlagErrorFunc(asExplained)
	f.addFlags(cmd)
	return cmd
}

// asExplained gives a failure the status of its own: 1 is an answer.
func asExplained(cmd *cobra.Command, err error) error {
	if status := exitStatus(0); err == nil || errors.As(err, &status) || readerLeft(err) {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "sgate: %v\n", err)
	return explainFailed
}

func (f *explainFlags) addFlags(cmd *cobra.Command) {
	f.at.addFlags(cmd)
	f.form.addFlag(cmd)
	flags, r := cmd.Flags(), &f.request
	flags.StringVarP(&f.config, "config", "c", "", "a configuration file to ask instead of a running gateway")
	flags.StringVar(&r.From, "from", "", "who sends: an instance or host, by name or id, or an address")
	flags.StringVar(&r.To, "to", "", "whom it is for, likewise")
	flags.StringVar(&r.Protocol, "protocol", "", "tcp, udp, icmp, icmpv6 or a number (default tcp)")
	flags.Uint16Var(&r.Port, "port", 0, "the destination port, of TCP and UDP")
	flags.Uint16Var(&r.SourcePort, "source-port", 0, "the source port (default: one that no live flow has)")
	flags.Uint8Var(&f.icmpType, "icmp-type", 0, "the type of ICMP (default: echo request)")
	flags.Uint8Var(&r.ICMPCode, "icmp-code", 0, "the code of ICMP")
	flags.BoolVar(&r.IPv6, "ipv6", false, "IPv6, where both ends have both families")
	flags.StringVar(&r.VPC, "vpc", "", "the VPC, by name or id, where an address does not tell")
	flags.StringVar(&r.SourceAddress, "source-address", "", "the packet's source, if the sender forwards it for another")
	flags.BoolVar(&f.matrix, "matrix", false, "print who reaches whom on which ports")
}

// asked is a running gateway or a configuration file.
type asked interface {
	Explain(context.Context, control.ExplainRequest) (control.Explanation, error)
	Matrix(context.Context, control.MatrixRequest) (control.MatrixReply, error)
}

func (f *explainFlags) main(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q: want --from and --to", args[0])
	}
	if f.config != "" && (f.at.lab != "" || f.at.control != "") {
		return errors.New("--config asks a file, --lab and --control a running gateway: want one of them")
	}
	if err := checkFlags(cmd.Flags()); err != nil {
		return err
	}
	if cmd.Flags().Changed("icmp-type") {
		f.request.ICMPType = &f.icmpType
	}
	whom, err := f.whom()
	if err != nil {
		return err
	}
	if f.matrix {
		return f.printMatrix(cmd, whom)
	}
	return f.explain(cmd, whom)
}

// whom returns whom the command asks.
func (f *explainFlags) whom() (asked, error) {
	if f.config == "" {
		return f.at.client()
	}
	cfg, err := config.Load(config.Source{Path: f.config})
	if err != nil {
		return nil, err
	}
	return explain.FromConfig(cfg)
}

func (f *explainFlags) explain(cmd *cobra.Command, whom asked) error {
	e, err := whom.Explain(cmd.Context(), f.request)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if f.form == outputJSON {
		err = printJSON(out, e)
	} else {
		err = explain.WriteText(out, e, explain.Style{Color: bool(painterOf(out))})
	}
	if err == nil && !e.Allowed() {
		err = explainDropped
	}
	return err
}

func (f *explainFlags) printMatrix(cmd *cobra.Command, whom asked) error {
	r, err := f.matrixRequest(cmd)
	if err != nil {
		return err
	}
	reply, err := whom.Matrix(cmd.Context(), r)
	if err != nil {
		return err
	}
	if f.form == outputJSON {
		return printJSON(cmd.OutOrStdout(), reply)
	}
	return explain.WriteMatrix(cmd.OutOrStdout(), reply)
}

// matrixRequest reads the flags as --matrix means them.
func (f *explainFlags) matrixRequest(cmd *cobra.Command) (control.MatrixRequest, error) {
	for _, name := range []string{"ipv6", "source-port", "source-address"} {
		if cmd.Flags().Changed(name) {
			return control.MatrixRequest{}, fmt.Errorf("--%s does not go with --matrix: leave it out", name)
		}
	}
	r := f.request
	return control.MatrixRequest{
		VPC: r.VPC, From: names(r.From), To: names(r.To),
		Protocol: r.Protocol, Port: r.Port, ICMPType: r.ICMPType, ICMPCode: r.ICMPCode,
	}, nil
}

// names takes a list apart that is separated by commas.
func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
