package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

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

func run(ctx context.Context, src config.Source) (err error) {
	watcher, err := daemon.NewWatcher(src.Path)
	if err != nil {
		return err
	}
	defer watcher.Close()
	cfg, err := config.Load(src)
	if err != nil {
		return err
	}
	log := newLogger(os.Stderr, cfg.Gateway.Log)
	d, err := daemon.New(cfg.Gateway, log)
	if err != nil {
		return err
	}
	defer func() { err = closeAll(err, d) }()
	if err := d.Apply(ctx, cfg); err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	watcher.Run(ctx, hangup, log, func() error { return reload(ctx, src, d) })
	log.Info("ending")
	return nil
}

// applier is what a configuration is put in force by: a daemon or a lab.
type applier interface {
	Apply(context.Context, *config.Config) error
}

func reload(ctx context.Context, src config.Source, to applier) error {
	cfg, err := config.Load(src)
	if err != nil {
		return err
	}
	return to.Apply(ctx, cfg)
}
