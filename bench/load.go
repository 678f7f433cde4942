package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/bench/traffic"
)

// named is a network namespace that `ip netns` knows.
type named string

// Command implements traffic.Host.
func (n named) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", string(n), name}, args...)...)
}

// newLoad is the traffic alone, for namespaces that are there already: by hand,
// beside a profiler.
func newLoad() *cobra.Command {
	var span time.Duration
	var names []string
	var times, streams int
	c := &cobra.Command{
		Use:   "load CLIENT-NETNS SERVER-NETNS SERVER-ADDRESS",
		Short: "Measure between two network namespaces that are there already",
		Args:  cobra.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			measures, err := parseMeasures(names)
			if err != nil {
				return err
			}
			h := byHand{streams: streams, span: span, out: c.OutOrStdout()}
			if h.to, err = netip.ParseAddr(args[2]); err != nil {
				return err
			}
			if h.load, err = traffic.Between(named(args[0]), named(args[1])); err != nil {
				return err
			}
			for range times {
				for _, m := range measures {
					if err := h.measure(c.Context(), m); err != nil {
						return errors.Join(err, h.load.Close())
					}
				}
			}
			return h.load.Close()
		},
	}
	c.Flags().DurationVar(&span, "for", time.Second, "how long each; a search for the highest paced rate takes its own")
	c.Flags().StringSliceVar(&names, "measures", []string{"tcp", "udp", "paced", "rr", "connect"}, "which, in this order")
	c.Flags().IntVar(&times, "times", 1, "how often")
	c.Flags().IntVar(&streams, "streams", 1, "TCP streams of the measure tcp")
	return c
}

// byHand prints measurements as they are made.
type byHand struct {
	load    *traffic.Load
	to      netip.Addr
	streams int
	span    time.Duration
	out     io.Writer
}

func (h *byHand) measure(ctx context.Context, what measure) error {
	switch what {
	case tcp:
		t, err := h.load.TCP(ctx, h.to, h.streams, h.span)
		return h.print(err, "tcp      %8.2f Gbit/s\n", t.Rate()/1e9)
	case udp:
		d, err := h.load.UDP(ctx, h.to, 0, h.span)
		return h.print(err, "udp      %8.0f packets/s delivered of %.0f; %d lost at the sink, %d reordered\n",
			d.Rate(), d.Offered(), d.Received.Overflow, d.Received.Reordered)
	case paced:
		d, err := h.load.UDP(ctx, h.to, 0, h.span)
		if err != nil {
			return err
		}
		rate, err := h.load.Paced(ctx, h.to, d.Rate())
		return h.print(err, "paced    %8.0f packets/s with less than 0.1 %% lost; %.0f delivered of a flood\n", rate, d.Rate())
	case roundTrips:
		r, err := h.load.RoundTrips(ctx, h.to, h.span)
		return h.print(err, "rr       %8.0f round trips/s; p50 %.1f us, p99 %.1f us, p99.9 %.1f us\n", r.Rate(), r.P50, r.P99, r.P999)
	case connect:
		c, err := h.load.Connections(ctx, h.to, h.span)
		return h.print(err, "connect  %8.0f connections/s\n", c.Rate())
	}
	return fmt.Errorf("%q takes a path that is brought up for it: leave out load", what)
}

// print prints a measurement, unless it has failed.
func (h *byHand) print(err error, format string, figures ...any) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(h.out, format, figures...)
	return err
}
