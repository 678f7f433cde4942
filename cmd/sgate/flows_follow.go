package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sgate/sgate/control"
)

// flowsFollow prints verdicts as they fall.
type flowsFollow struct {
	verdict string
	reasons []string
	count   uint64
}

func (f *flowsFollow) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.verdict, "verdict", "", "with --follow: packets that were allowed (allow) or dropped (drop)")
	flags.StringSliceVar(&f.reasons, "reason", nil, "with --follow: packets with that reason, such as no_ingress_rule; may be given again")
	flags.Uint64Var(&f.count, "count", 0, "with --follow: end after so many packets")
}

func (f *flowsFollow) run(cmd *cobra.Command, client *control.Client, filter control.FlowFilter, form output) error {
	events, err := client.Events(cmd.Context(), control.EventsRequest{
		VPC: filter.VPC, Instance: filter.Instance, From: filter.From, To: filter.To,
		Protocol: filter.Protocol, Port: filter.Port, Verdict: f.verdict, Reasons: f.reasons,
	})
	if err != nil {
		return err
	}
	defer events.Close()
	fmt.Fprintln(cmd.ErrOrStderr(), "following; Ctrl-C ends")
	err = f.print(cmd.OutOrStdout(), events, form)
	switch {
	case cmd.Context().Err() != nil, errors.Is(err, syscall.EPIPE):
		return nil // that is how it ends
	case errors.Is(err, io.EOF) || control.IsEnding(err):
		fmt.Fprintln(cmd.ErrOrStderr(), "the gateway has ended")
		return nil
	}
	return err
}

// print prints events until there are enough.
func (f *flowsFollow) print(stdout io.Writer, events *control.Stream[control.EventLine], form output) error {
	out := bufio.NewWriter(stdout)
	print := eventPrinter(out, painterOf(stdout))
	if form == outputJSON {
		encoder := json.NewEncoder(out)
		print = func(line control.EventLine) error { return encoder.Encode(line) }
	}
	for printed := uint64(0); ; {
		line, err := events.Next()
		if err != nil {
			return errors.Join(out.Flush(), err)
		}
		if err := print(line); err != nil {
			return err
		}
		if line.Event != nil {
			printed++
		}
		enough := f.count > 0 && printed == f.count
		if enough || !events.HasNext() {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if enough {
			return nil
		}
	}
}

// eventPrinter returns a function that prints event lines for people.
func eventPrinter(w io.Writer, paint painter) func(control.EventLine) error {
	return func(line control.EventLine) error {
		var err error
		switch e := line.Event; {
		case line.Lost > 0:
			_, err = fmt.Fprintln(w, paint.yellow(fmt.Sprintf("... %s events lost: the reader was too slow", thousands(line.Lost))))
		case e != nil:
			verdict := paint.green("ALLOW")
			if e.Verdict == control.VerdictDrop {
				verdict = paint.red("DROP ")
			}
			_, err = fmt.Fprintf(w, "%s %s %s\n", e.Time.Local().Format("15:04:05.000"), verdict, eventText(e))
		}
		return err
	}
}

// eventText is an event without its time and verdict.
func eventText(e *control.Event) string {
	s := fmt.Sprintf("%s -> %s", e.From, e.To)
	if packet := e.Packet(); packet != "" {
		s += " " + packet
	}
	s += "  " + e.Reason
	if why := e.Why(); why != "" {
		s += "  (" + why + ")"
	}
	return s
}
