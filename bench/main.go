// Command bench compares sgate, on this machine and in one run, with what else
// could stand in its place, and holds the result against the figures to reach.
//
// The paths are in package path, what goes over them and how it is counted in
// package traffic, and what is made of the samples in package report. This
// package decides what is measured when: path after path, round after round,
// within a budget of time.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sgate/sgate/bench/path"
	"github.com/sgate/sgate/bench/traffic"
)

func main() {
	if err := dispatch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// dispatch tells apart what this binary is started as: the gateways, generators
// and sinks of a run are processes of it, too.
func dispatch(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "traffic":
			return traffic.Main(args[1:])
		case "gateway", "up":
			return path.Main(args)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := newRun()
	c.AddCommand(newLoad())
	c.SetArgs(args)
	return c.ExecuteContext(ctx)
}
