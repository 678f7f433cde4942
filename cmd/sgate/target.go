package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/lab"
)

// target are the flags that say which running gateway a command is meant for.
type target struct{ lab, control string }

func (t *target) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.lab, "lab", "", "the lab whose gateway is meant (default: the only gateway that runs)")
	cmd.Flags().StringVar(&t.control, "control", "", "the path of the gateway's control socket")
	cmd.MarkFlagsMutuallyExclusive("lab", "control")
}

// client returns a client of that gateway.
func (t *target) client() (*control.Client, error) {
	path, err := t.path()
	if err != nil {
		return nil, err
	}
	return control.NewClient(path)
}

func (t *target) path() (string, error) {
	switch {
	case t.control != "":
		return t.control, nil
	case t.lab != "":
		return lab.ControlSocket(t.lab)
	}
	running, err := lab.Gateways()
	if err != nil {
		return "", err
	}
	return control.Only(running)
}

// checkFlags refuses flags that are given without a value, as by a variable of
// the shell that is not set: what they were to choose would not be chosen.
func checkFlags(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if f.Value.String() == "" {
			err = fmt.Errorf("--%s is empty: want a value", f.Name)
		}
	})
	return err
}
