package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/lab"
)

func newListen() *cobra.Command {
	return &cobra.Command{
		Use:   "listen PORT...",
		Short: "Answer on ports: a small server for a lab's instances",
		Long: `Listen sends back whatever it gets on the given ports, on all addresses of both
families, until it is ended. A port is a number, or tcp/NUMBER, or udp/NUMBER.
In a lab's configuration it stands in for any server:

  command: [sgate, listen, "443", "udp/53"]`,
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
			log := newLogger(cmd.ErrOrStderr(), config.Log{Level: slog.LevelInfo})
			return lab.Listen(cmd.Context(), services, log)
		},
	}
}
