package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/lab"
)

func newListen() *cobra.Command {
	var level slog.Level
	cmd := &cobra.Command{
		Use:   "listen PORT...",
		Short: "Answer on ports: a small server for a lab's instances",
		Long: `Listen sends back whatever it gets on the given ports, on all addresses of both
families, until it is ended. A port is a number, or tcp/NUMBER, or udp/NUMBER.
In a lab's configuration it stands in for any server:

  command: [sgate, listen, "443", "udp/53"]

Each connection is logged and, with --log-level debug, each datagram.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var services []lab.Service
			for _, arg := range args {
				s, err := lab.ParseService(arg)
				if err != nil {
					return err
				}
				services = append(services, s)
			}
			log := newLogger(cmd.ErrOrStderr(), config.Log{Level: level})
			return lab.Listen(cmd.Context(), services, log)
		},
	}
	cmd.Flags().TextVar(&level, "log-level", slog.LevelInfo, "the least `level` that is logged: debug, info, warn or error")
	return cmd
}
