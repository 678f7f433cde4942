// Package traffic makes the load that the benchmark measures with, and
// measures it: the generators and sinks, how they are started in two network
// namespaces, and the search for the highest rate without loss.
//
// A generator and its sink are processes of their own, the benchmark's own
// binary started again in a namespace ([Main]), because the machine's clock and
// cores are all that they share in the field. Each has one hot thread, which
// makes plain blocking system calls with many packets a call where the kernel
// offers it, allocates nothing and is locked to its thread, so that the path
// between the two is what is measured and not the Go runtime. TCP throughput is
// measured by iperf3.
//
// The package imports nothing of this project.
package traffic

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

// Ports that the sinks listen on.
const (
	udpPort       = 7001
	roundTripPort = 7002
	connectPort   = 7010 // and those that follow: see connectPorts
	iperfPort     = 5201
)

// ready is the line by which a sink says that it listens.
const ready = "ready"

// Main is a generator or a sink: the command that args name. It prints its
// result to standard output as JSON.
func Main(args []string) error {
	quiet()
	root := &cobra.Command{
		Use:           "traffic",
		Short:         "Generators and sinks of the benchmark, to be run in a network namespace",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newUDPSend(), newUDPSink(), newRoundTrip(), newEcho(), newConnect(), newAccept())
	root.SetArgs(args)
	return root.Execute()
}

// quiet keeps the Go runtime away from the hot threads: no collection, and a
// processor for each thread even while others sit in system calls, so that none
// is handed over.
func quiet() {
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(2*connectThreads + 4)
}

// printJSON writes a result as one line.
func printJSON(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// generator is the command of a program that sends to an address for a time
// and prints its result.
func generator(use, short string, send func(to netip.Addr, span time.Duration) (any, error)) *cobra.Command {
	var to string
	var span time.Duration
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			address, err := netip.ParseAddr(to)
			if err != nil {
				return err
			}
			result, err := send(address, span)
			if err != nil {
				return err
			}
			return printJSON(result)
		},
	}
	c.Flags().StringVar(&to, "to", "", "the server's address")
	c.Flags().DurationVar(&span, "for", time.Second, "how long")
	return c
}

// eachLine calls f for every line of standard input, until the one who started
// this sink closes it.
func eachLine(f func() error) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := f(); err != nil {
			return err
		}
	}
	return lines.Err()
}

// sayReady tells the one who started this sink that it listens.
func sayReady() { fmt.Println(ready) }
