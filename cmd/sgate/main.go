// Command sgate enforces AWS EC2 security groups on real packets between TUN
// devices. One file a command; what they do is in the packages they call.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A reader of our output who leaves must not end us before we have cleared
	// up: writing then fails instead. (Children would inherit it being ignored.)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	err := newRoot().ExecuteContext(ctx)
	stop()
	if status := statusOf(err, os.Stderr); status != 0 {
		os.Exit(status)
	}
}

// exitStatus is what a command returns that has said all there is to say: the
// process ends with that status and no further message.
type exitStatus int

// Error implements error.
func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// statusOf returns the status to end with after err, and prints err if it is
// a failure.
func statusOf(err error, stderr io.Writer) int {
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case readerLeft(err):
		return brokenPipe
	}
	fmt.Fprintf(stderr, "sgate: %v\n", err)
	return 1
}

// brokenPipe is what a shell says a process ended with that SIGPIPE has killed.
// 0 and 1 would be answers.
const brokenPipe = 128 + int(syscall.SIGPIPE)

// readerLeft reports whether err is that nobody reads our output any more, as
// where head has seen enough.
func readerLeft(err error) bool {
	var write *fs.PathError
	return errors.As(err, &write) && write.Path == os.Stdout.Name() && errors.Is(write.Err, syscall.EPIPE)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "sgate",
		Short: "Security groups that bite: AWS EC2 security groups on real packets, on your own machine",
		Long: `sgate is a userspace gateway that enforces AWS EC2 security groups on real
packets. Every instance is a TUN device; one process reads every packet, judges
it by the groups of both ends, and forwards it or drops it without a word, so
that a blocked client sees a timeout, as in AWS.

Start with:
  sudo sgate demo                          watch security groups decide real connections
  sudo sgate lab up configs/minimal.yaml   a small VPC of network namespaces on this machine
  sgate check FILE                         find every fault in a configuration`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newRun(), newLab(), newCounters(), newFlows(), newTop(), newCapture(), newCheck(), newLint(), newExplain(), newTest(), newConfig(), newExport(), newDemo(), newListen())
	return root
}

// version is what the build has recorded about itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value
		}
	}
	return v
}
