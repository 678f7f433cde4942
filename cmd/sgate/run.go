package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/daemon"
)

func newRun() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Run the gateway alone, between network namespaces that are there already",
		Long: `Run opens a TUN device for each instance and host of the configuration and
moves packets between them.

Each instance or host says where its device goes: "netns: NAME" (as "ip netns"
knows it, or a path), or "pid: N" (the namespace of a process, such as a
container's); without either, in the gateway's own namespace. In another
namespace the device (eth0 by default) gets the addresses, is brought up and
carries the default routes, unless the configuration says "configure: false".

The file is read again when it changes and on SIGHUP, without losing a flow; a
file with faults is refused and the old policy stays. Values of the gateway
section can be overridden by SGATE_GATEWAY_... variables, and those by flags.
SIGTERM or Ctrl-C ends it and removes its devices.

Root is needed, or CAP_NET_ADMIN and, for other namespaces, CAP_SYS_ADMIN.`,
		Example: "  sudo ip netns add client && sudo ip netns add server\n  sudo sgate run --config configs/namespaces.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), config.Source{Path: path, Environ: os.Environ(), Flags: cmd.Flags()})
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "the configuration file")
	_ = cmd.MarkFlagRequired("config") // fails only for a flag that is not there
	config.AddFlags(cmd.Flags())
	return cmd
}

func run(ctx context.Context, src config.Source) error {
	return serve(ctx, src, func(cfg *config.Config, log *slog.Logger) (server, error) {
		d, err := daemon.New(cfg.Gateway, log)
		if err != nil {
			return nil, err
		}
		if err := d.Apply(ctx, cfg); err != nil {
			return nil, errors.Join(err, d.Close())
		}
		return d, nil
	})
}
