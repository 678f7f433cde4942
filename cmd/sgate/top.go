package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/lab"
	"github.com/sgate/sgate/top"
)

// topFlags are what the command is told.
type topFlags struct {
	at       target
	form     output
	interval time.Duration
	plain    bool
	count    uint64
}

func newTop() *cobra.Command {
	f := &topFlags{}
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch a running gateway live: traffic, drops and why",
		Long: `Top shows, live, what a running gateway does: the traffic of each interface, how
many packets are dropped for which reasons, and the newest of them, each of which
can be explained.
` + top.Help + `
A gateway that ends is waited for. NO_COLOR takes the colours away.

Where standard output is no terminal, and with --plain, --count or --output json,
it prints lines instead: one for each interface and interval, and one for all; as
JSON one for each interval. They begin after the first interval.`,
		Example: `  sudo sgate top
  sudo sgate top --lab three-tier --interval 5s
  sudo sgate top --plain --count 3
  sudo sgate top --output json | jq -c '.interfaces[] | select(.drop_packets > 0)'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.at.addFlags(cmd)
	f.form.addFlag(cmd)
	flags := cmd.Flags()
	flags.DurationVar(&f.interval, "interval", time.Second, "the time between two samples")
	flags.BoolVar(&f.plain, "plain", false, "print lines, also to a terminal")
	flags.Uint64Var(&f.count, "count", 0, "end after so many intervals; prints lines")
	return cmd
}

func (f *topFlags) run(cmd *cobra.Command) error {
	if err := checkFlags(cmd.Flags()); err != nil {
		return err
	}
	if f.interval < top.MinInterval {
		return fmt.Errorf("--interval %v: want at least %v", f.interval, top.MinInterval)
	}
	path, err := f.at.path()
	if err != nil {
		return err
	}
	client, err := control.NewClient(path)
	if err != nil {
		return err
	}
	if f.plain || f.form == outputJSON || cmd.Flags().Changed("count") || !canDraw(cmd) {
		err := top.Print(cmd.Context(), cmd.OutOrStdout(), top.PrintOptions{
			Gateway: client, Interval: f.interval, Count: f.count, JSON: f.form == outputJSON, Log: cmd.ErrOrStderr(),
		})
		if errors.Is(err, syscall.EPIPE) {
			return nil // that is how it ends
		}
		return err
	}
	paint := top.Color
	if !painterOf(cmd.OutOrStdout()) {
		paint = top.NoColor
	}
	return top.Run(cmd.Context(), top.Options{Gateway: client, Title: gatewayTitle(path), Interval: f.interval, Paint: paint})
}

// canDraw reports whether there is a terminal that a view can be drawn on.
func canDraw(cmd *cobra.Command) bool {
	return isTerminal(cmd.OutOrStdout()) && os.Getenv("TERM") != "dumb"
}

// gatewayTitle says whose socket that is: "lab three-tier".
func gatewayTitle(path string) string {
	running, _ := lab.Gateways() // a title is not worth an error
	for _, t := range running {
		if name, is := strings.CutPrefix(t.Flag, "--lab "); is && t.Path == path {
			return "lab " + name
		}
	}
	if filepath.Dir(path) == control.DefaultDir {
		return "gateway of process " + strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	return path
}
