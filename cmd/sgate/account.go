package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/sgate/sgate/account"
	"github.com/sgate/sgate/config"
)

// defaultFlowLogs is where flow logs of the EC2 API are written that no lab has.
const defaultFlowLogs = "/var/log/sgate/flow-logs"

// addAccountFlags adds the flags of the EC2 API, which fill o.
func addAccountFlags(flags *pflag.FlagSet, o *account.Options) {
	flags.StringVar(&o.Listen, "ec2-listen", "", "answer the EC2 API on this address, such as 127.0.0.1:4599 (default: not at all)")
	flags.StringVar(&o.Credentials, "ec2-credentials", "", "a file of access keys, as ~/.aws/credentials, that EC2 requests have to be signed with;\nwithout one, the address has to be a loopback one")
	flags.StringSliceVar(&o.Hosts, "ec2-host", nil, "a name by which clients may call the EC2 API, besides addresses and localhost")
	flags.StringVar(&o.State, "state", "", "keep what the EC2 API makes in this file (default: in memory)")
	flags.StringVar(&o.FlowLogs, "flow-log-dir", o.FlowLogs, "where flow logs of the EC2 API are written")
}

// withAccount puts an account around a server and the first configuration in
// force. The server is the account's to close, also if there is an error.
func withAccount(ctx context.Context, s account.Server, o account.Options, cfg *config.Config, log *slog.Logger) (*account.Account, error) {
	o.Log = log
	a, err := account.New(s, o)
	if err != nil {
		return nil, err
	}
	if err := a.Apply(ctx, cfg); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}
