package main

import (
	"errors"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/demo"
)

func newDemo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Watch security groups decide real connections",
		Long: `Demo brings up the lab of configs/three-tier.yaml (which is built into this
program), makes real connections from inside its network namespaces, prints what
was expected of each, what was seen, how long it took and which rule decided,
and takes the lab down again. It takes about a quarter of a minute, most of it
waiting for timeouts. The exit status is 0 only if all was as expected.

Root is needed, for the network namespaces and TUN devices.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := newLogger(cmd.ErrOrStderr(), config.Log{Level: slog.LevelError})
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP) // its terminal is closed
			defer stop()
			ok, err := demo.Run(ctx, cmd.OutOrStdout(), log)
			if err == nil && !ok {
				err = errors.New("not all was as expected")
			}
			return err
		},
	}
}
