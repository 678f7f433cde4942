package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/account"
	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/daemon"
)

func newRun() *cobra.Command {
	var path, socket string
	options := account.Options{FlowLogs: defaultFlowLogs}
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

While it runs, "sgate counters" and "sgate flows" find it by its control socket,
a Unix socket that its owner alone may open. With one at a path of your own, tell
them the same --control.

With --ec2-listen, the aws CLI, boto3 and Terraform manage security groups and
all around them by the EC2 API; with --state, what they make is kept in a file.
What the configuration file declares is read-only there. To run instances takes a
lab.

Root is needed, or CAP_NET_ADMIN and, for other namespaces, CAP_SYS_ADMIN.`,
		Example: "  sudo ip netns add client && sudo ip netns add server\n  sudo sgate run --config configs/namespaces.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFlags(cmd.Flags()); err != nil {
				return err
			}
			return run(cmd.Context(), socket, options, config.Source{Path: path, Environ: os.Environ(), Flags: cmd.Flags()})
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "the configuration file")
	_ = cmd.MarkFlagRequired("config") // fails only for a flag that is not there
	cmd.Flags().StringVar(&socket, "control", "", "the path of the control socket (default "+control.DefaultDir+"/PID.sock)")
	addAccountFlags(cmd.Flags(), &options)
	config.AddFlags(cmd.Flags())
	return cmd
}

func run(ctx context.Context, socket string, o account.Options, src config.Source) error {
	return serve(ctx, src, func(cfg *config.Config, log *slog.Logger) (account.Server, error) {
		controls, err := listenControl(socket)
		if err != nil {
			return nil, err
		}
		d, err := daemon.New(cfg.Gateway, log)
		if err != nil {
			return nil, errors.Join(err, controls.Close())
		}
		d.ServeControl(controls)
		a, err := withAccount(ctx, d, o, cfg, log)
		if err != nil {
			return nil, err
		}
		return a, nil
	})
}

// listenControl makes the control socket at path, or where it is found if path
// is "".
func listenControl(path string) (*control.Server, error) {
	if path == "" {
		return control.ListenIn(control.DefaultDir)
	}
	return control.Listen(path)
}
