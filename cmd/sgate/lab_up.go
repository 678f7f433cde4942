package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/account"
	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/lab"
)

func newLabUp() *cobra.Command {
	var name string
	var detach bool
	var options account.Options
	cmd := &cobra.Command{
		Use:   "up FILE",
		Short: "Bring a lab up",
		Long: `Up makes a network namespace for each instance and host of the configuration,
with its TUN device, addresses and default routes, starts each one's command,
and runs the gateway between them. Ctrl-C takes all of it down; with --detach it
goes on in the background until "sgate lab down".

The file is read again when it changes and on SIGHUP: instances come and go, and
rules change, without a flow being lost. What a lab of the same name left behind
in a crash is cleared away first.

With --ec2-listen, the aws CLI, boto3 and Terraform manage the lab's security
groups and all around them, and run instances in it, by the EC2 API. What the
file declares is read-only there; what they make is gone with the lab unless
--state names a file for it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src := config.Source{Path: args[0], Environ: os.Environ(), Flags: cmd.Flags()}
			if name == "" {
				name = labName(src.Path)
			}
			if detach && !lab.InBackground() {
				return lab.Detach(cmd.Context(), name, cmd.OutOrStdout())
			}
			return labUp(cmd.Context(), name, options, src)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the lab's name (default: the file's, without its ending)")
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "return when the lab is up, and leave it running")
	addAccountFlags(cmd.Flags(), &options)
	config.AddFlags(cmd.Flags())
	return cmd
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// labName makes a lab's name of its file's.
func labName(path string) string {
	base := filepath.Base(path)
	return strings.Trim(notInNames.ReplaceAllString(strings.TrimSuffix(base, filepath.Ext(base)), "-"), "-")
}

func labUp(ctx context.Context, name string, o account.Options, src config.Source) error {
	o.Instances = true
	if o.FlowLogs == "" {
		o.FlowLogs = lab.FlowLogs(name)
	}
	starter, err := lab.NewStarter()
	if err != nil {
		return err
	}
	return serve(ctx, src, func(cfg *config.Config, log *slog.Logger) (account.Server, error) {
		l, err := lab.New(cfg.Gateway, lab.Options{Name: name, Log: log})
		if err != nil {
			return nil, err
		}
		a, err := withAccount(ctx, l, o, cfg, log)
		if err != nil {
			return nil, err
		}
		log.Info("the lab is up", "lab", name, "enter", fmt.Sprintf("sgate lab exec --lab %s NAME -- COMMAND", name))
		err = ctx.Err() // a lab that is to go down at once is not up
		if err == nil {
			err = starter.Up(a.Notes()...)
		}
		if err != nil {
			return nil, errors.Join(err, a.Close())
		}
		return a, nil
	})
}
