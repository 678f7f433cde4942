// Package lab runs a whole VPC on one machine: a network namespace for each
// instance and host, its TUN device in it with addresses and routes, its
// command, and the gateway between them all.
//
// A lab is one process, the one that called [Up]. What it makes is named so
// that another process can find it: namespaces are sgate.LAB.MEMBER in
// /run/netns, everything else is in a folder of the lab's own under
// [StateDir]. [Down] ends a lab from outside, also one whose process has
// crashed, and leaves nothing behind.
//
// The package imports config, control, daemon, gateway and tun.
package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"sync"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/daemon"
	"github.com/sgate/sgate/gateway"
)

// Options say what lab Up makes.
type Options struct {
	Name string // letters, digits and hyphens; at most 40 bytes
	Log  *slog.Logger
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,39}$`)

var errNotRoot = errors.New("making network namespaces and TUN devices takes root: run it with sudo")

func badName(name string) error {
	return fmt.Errorf("lab %q: want a name of 1 to 40 letters, digits and hyphens", name)
}

// Lab is a running lab.
type Lab struct {
	name   string
	log    *slog.Logger
	folder *folder
	daemon *daemon.Daemon

	mu      sync.Mutex
	config  *config.Config
	members map[string]*member // by name
}

// Up brings a lab up: what a crashed lab of that name left is removed first.
// It returns when every device is up and every command is started. On an error
// nothing of it is left. The caller ends it with Close.
func Up(ctx context.Context, cfg *config.Config, o Options) (*Lab, error) {
	if !nameForm.MatchString(o.Name) {
		return nil, badName(o.Name)
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("lab %q: %w", o.Name, errNotRoot)
	}
	f, err := claim(o.Name)
	if err != nil {
		return nil, err
	}
	if err := sweep(o.Name); err != nil {
		return nil, errors.Join(err, f.release())
	}
	socket, err := control.Listen(controlSocket(o.Name))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lab %q: %w", o.Name, err), f.release())
	}
	d, err := daemon.New(cfg.Gateway, o.Log)
	if err != nil {
		return nil, errors.Join(err, socket.Close(), f.release())
	}
	d.ServeControl(socket)
	l := &Lab{name: o.Name, log: o.Log, folder: f, daemon: d, members: make(map[string]*member)}
	if err := l.Apply(ctx, cfg); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Name returns the lab's name.
func (l *Lab) Name() string { return l.name }

// Gateway returns the lab's gateway.
func (l *Lab) Gateway() *gateway.Gateway { return l.daemon.Gateway() }

// Config returns the configuration in force.
func (l *Lab) Config() *config.Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.config
}

// Apply puts a changed configuration in force: new members are made, those
// that have gone are removed, the others keep their namespaces, devices and
// flows; a member whose command has changed gets it started anew. If it fails,
// what was in force stays. Where the configuration says where devices go, a
// lab does not listen: they go into its own namespaces.
func (l *Lab) Apply(ctx context.Context, cfg *config.Config) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	cfg = l.place(cfg)
	if err := l.folder.save(cfg); err != nil { // first, so that Down finds all
		l.Refused()
		return err
	}
	var made []*member
	refused := l.Refused // once the daemon has it, that does so itself
	defer func() {
		if err == nil {
			return
		}
		refused()
		for _, m := range made {
			err = errors.Join(err, l.remove(m))
		}
		if l.config != nil {
			err = errors.Join(err, l.folder.save(l.config))
		}
	}()
	for _, e := range cfg.Endpoints {
		if err := ctx.Err(); err != nil {
			return err
		}
		if l.members[e.Name] != nil {
			continue
		}
		m, err := newMember(l.name, e.Name)
		if err != nil {
			return err
		}
		l.members[e.Name] = m
		made = append(made, m)
	}
	refused = func() {}
	if err := l.daemon.Apply(ctx, cfg); err != nil {
		return err
	}
	// It is in force: what goes wrong from here on is no refusal of it.
	l.config = cfg
	l.startCommands(cfg)
	l.removeOthers(cfg)
	return nil
}

// Refused notes, for the metrics, a configuration that has faults and so never
// came to Apply.
func (l *Lab) Refused() { l.daemon.Refused() }

// place puts every endpoint into the lab's namespace for it.
func (l *Lab) place(cfg *config.Config) *config.Config {
	placed := *cfg
	placed.Endpoints = slices.Clone(cfg.Endpoints)
	for i := range placed.Endpoints {
		e := &placed.Endpoints[i]
		if e.Netns == "" && e.PID == 0 {
			e.Device = config.DefaultDevice
		}
		e.Netns, e.PID, e.Configure = namespaceName(l.name, e.Name), 0, true
	}
	return &placed
}

func (l *Lab) removeOthers(cfg *config.Config) {
	for name, m := range l.members {
		if slices.ContainsFunc(cfg.Endpoints, func(e config.Endpoint) bool { return e.Name == name }) {
			continue
		}
		if err := l.remove(m); err != nil {
			l.log.Error("namespace not removed", "name", name, "error", err, "remedy", "sgate lab down")
		}
	}
}

func (l *Lab) remove(m *member) error {
	delete(l.members, m.name)
	return m.remove()
}

// startCommands starts the commands that are not running as configured. One
// that cannot be started is the user's to mend: the lab is up without it.
func (l *Lab) startCommands(cfg *config.Config) {
	for _, e := range cfg.Endpoints {
		m := l.members[e.Name]
		if slices.Equal(m.command, e.Command) {
			continue
		}
		if err := m.start(e.Command, l.folder.logFile(e.Name), l.log); err != nil {
			l.log.Error("command not started", "name", e.Name, "command", e.Command, "error", err)
		}
	}
}

// Close takes the lab down: commands, devices, namespaces and state.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	var stopping sync.WaitGroup
	for _, m := range l.members {
		stopping.Go(m.stop)
	}
	stopping.Wait()
	errs = append(errs, l.daemon.Close())
	for _, m := range l.members {
		errs = append(errs, l.remove(m))
	}
	errs = append(errs, l.folder.release())
	return errors.Join(errs...)
}
