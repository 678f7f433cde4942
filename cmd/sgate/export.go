package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/sgate/sgate/account"
	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/export"
)

// exportFlags are those of sgate export.
type exportFlags struct {
	at    target
	file  string
	state string
	write string
}

func newExport() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what is in force as a configuration file",
		Long: `Export writes the resources that a running gateway has in force, whether they came
from its file or over the EC2 API, as a configuration file that reads back as the
same: with their ids, rules, tags, versions and attributes, and the settings beside
them. With --config it does so for a file alone, which brings that into one form.

What the API made has its id in the file: read back, by "run" or "lab up", it is
the same resource. It then is the file's, and no longer the API's to change.
Comments are not kept; nor are terminated instances.`,
		Example: `  sudo sgate export --lab three-tier -w three-tier.yaml
  sgate export --config lab.yaml
  sgate export --config lab.yaml --state lab.state -w whole.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFlags(cmd.Flags()); err != nil {
				return err
			}
			text, err := f.text(cmd)
			if err != nil {
				return err
			}
			if f.write != "" && f.write != "-" {
				return replaceFile(f.write, text)
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	f.at.addFlags(cmd)
	cmd.Flags().StringVar(&f.file, "config", "", "a configuration `FILE` to write in place of what a gateway has in force")
	cmd.Flags().StringVar(&f.state, "state", "", "beside --config, a state `FILE` of the EC2 API that no gateway has open")
	cmd.Flags().StringVarP(&f.write, "write", "w", "", "the `FILE` to write; standard output if there is none, or for -")
	cmd.MarkFlagsMutuallyExclusive("config", "lab")
	cmd.MarkFlagsMutuallyExclusive("config", "control")
	return cmd
}

// text returns the file.
func (f *exportFlags) text(cmd *cobra.Command) ([]byte, error) {
	if f.file != "" {
		cfg, err := config.Load(config.Source{Path: f.file})
		if err != nil {
			return nil, err
		}
		if f.state != "" {
			cfg, err = account.Merged(cfg, f.state, defaultFlowLogs)
		}
		if err != nil {
			return nil, err
		}
		return export.YAML(cfg), nil
	}
	if f.state != "" {
		return nil, errors.New("--state goes with --config: a running gateway is asked for what it has in force")
	}
	client, err := f.at.client()
	if err != nil {
		return nil, err
	}
	return client.Config(cmd.Context())
}

// replaceFile writes a file whole or not at all: it may be the one that a gateway
// reads. Tags may be nobody else's business, so a new one is its owner's alone.
func replaceFile(path string, text []byte) error {
	mode := os.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		if mode = info.Mode().Perm(); !info.Mode().IsRegular() {
			return os.WriteFile(path, text, mode) // a device or a pipe is not to be replaced
		}
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, text, mode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
