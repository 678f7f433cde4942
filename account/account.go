// Package account is what stands for an AWS account: it ties a configuration file,
// the state of the EC2 API and its endpoint to the server that enforces them, a
// lab or a daemon.
//
// Data flows one way. A file (Apply) or a request (package ec2) changes the store;
// the store has the account put the outcome in force, as a configuration whose
// resources are the file's and the API's; the server applies it, whole or not at
// all, and only then is it the truth.
//
// The package imports config, ec2, ec2/guard, ec2/sigv4, flowlog/record, store and
// vpc.
package account

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/store"
)

// Server enforces a configuration: a *lab.Lab or a *daemon.Daemon.
type Server interface {
	// Apply puts a configuration in force, or refuses it whole.
	Apply(context.Context, *config.Config) error
	Refused() // notes a configuration that has faults
	Close() error
}

// Options say what an account has beside its file. The zero value is a file
// alone.
type Options struct {
	State string // path of the state file; "": in memory
	// Listen is the address of the EC2 endpoint, as net.Listen has it; "": none.
	Listen string
	// Credentials is the path of a file of access keys; "": requests need none,
	// and Listen has to be a loopback address.
	Credentials string
	// Hosts are the names, beside addresses and localhost, by which clients may
	// call the endpoint.
	Hosts []string
	// FlowLogs is the folder in which the API's flow logs are written.
	FlowLogs string
	// Instances says that the server makes a namespace of each instance.
	Instances bool
	Log       *slog.Logger
}

// Account is a server with its store and endpoint. All methods may be called by
// several goroutines at once.
type Account struct {
	server  Server
	options Options
	store   *store.Store
	config  atomic.Pointer[config.Config] // the file's

	mu       sync.Mutex // of serving
	endpoint *endpoint  // nil: none, or not yet
}

// errNoListen refuses what would have no effect: who gives access keys means the
// EC2 API to be there.
var errNoListen = errors.New("--ec2-credentials and --ec2-host are for the EC2 API, which is off: want --ec2-listen ADDRESS, such as 127.0.0.1:4599, too")

// New returns an account around a server that has no configuration yet. The
// server is then the account's to close, also if there is an error.
func New(server Server, o Options) (*Account, error) {
	if o.Listen == "" && (o.Credentials != "" || len(o.Hosts) > 0) {
		return nil, errors.Join(errNoListen, server.Close())
	}
	s, err := store.Open(o.State)
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	a := &Account{server: server, options: o, store: s}
	if o.Listen != "" {
		if a.endpoint, err = a.listen(); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// Apply puts what a file says in force, together with what the API owns. If it
// fails, what was in force before stays. The endpoint answers once the first file
// is in force.
func (a *Account) Apply(ctx context.Context, cfg *config.Config) error {
	asked := false // the server, which notes by itself what it refuses
	err := a.store.Declare(ctx, declaration(cfg), func(ctx context.Context, v *store.View) error {
		merged, err := a.merged(cfg, v)
		if err != nil {
			return err
		}
		asked = true
		return a.server.Apply(ctx, merged)
	})
	if err != nil {
		if !asked {
			a.server.Refused()
		}
		return err
	}
	a.config.Store(cfg)
	for _, what := range a.store.View().Lost {
		a.options.Log.Warn("something of the EC2 API's is not in force again", "what", what)
	}
	return a.serve(ctx)
}

// Refused notes a file that has faults and so never came to Apply.
func (a *Account) Refused() { a.server.Refused() }

// Addr returns the address of the EC2 endpoint, with the port that was chosen; ""
// if there is none.
func (a *Account) Addr() string {
	if a.endpoint == nil {
		return ""
	}
	return a.endpoint.listener.Addr().String()
}

// Close ends the endpoint, once requests under way are answered, then the state,
// so that requests which took too long change nothing any more, and the server.
func (a *Account) Close() error {
	var err error
	if a.endpoint != nil {
		err = a.endpoint.close()
	}
	return errors.Join(err, a.store.Close(), a.server.Close())
}

// merged returns a file's configuration with all resources in force.
func (a *Account) merged(cfg *config.Config, v *store.View) (*config.Config, error) {
	out := cfg.WithResources(v.Snapshot)
	logs, err := FlowLogConfig(v, a.options.FlowLogs)
	out.FlowLogs = slices.Concat(cfg.FlowLogs, logs)
	return out, err
}

// declaration is what a file states.
func declaration(cfg *config.Config) store.Declaration {
	return store.Declaration{Resources: cfg.Declared, FlowLogs: declaredFlowLogs(cfg)}
}
