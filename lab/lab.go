// Package lab runs a whole VPC on one machine: a network namespace for each
// running instance and each host, its TUN devices in it with addresses and
// routes, its command, and the gateway between them all.
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
	members map[string]*member // by config.Endpoint.Member
}

// Up brings a lab up: New, and then Apply. On an error nothing of it is left. The
// caller ends it with Close.
func Up(ctx context.Context, cfg *config.Config, o Options) (*Lab, error) {
	l, err := New(cfg.Gateway, o)
	if err != nil {
		return nil, err
	}
	if err := l.Apply(ctx, cfg); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// New makes a lab that has nobody in it yet: what a crashed lab of that name left
// is removed first. On an error nothing of it is left. The caller ends it with
// Close.
func New(settings config.Gateway, o Options) (*Lab, error) {
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
	d, err := daemon.New(settings, o.Log)
	if err != nil {
		return nil, errors.Join(err, socket.Close(), f.release())
	}
	d.ServeControl(socket)
	return &Lab{name: o.Name, log: o.Log, folder: f, daemon: d, members: make(map[string]*member)}, nil
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
// that have gone, or no longer run, are removed with every process in them, the
// others keep their namespaces, devices and flows; a member whose command has
// changed gets it started anew. If it fails, what was in force stays. Where the
// configuration says where devices go, a lab does not listen: they go into its
// own namespaces.
func (l *Lab) Apply(ctx context.Context, cfg *config.Config) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	cfg = l.place(cfg)
	if err := l.folder.save(cfg); err != nil { // first, so that Exec finds all
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
		if l.members[e.Member] != nil {
			continue
		}
		m, err := newMember(l.name, e.Member)
		if err != nil {
			return err
		}
		l.members[e.Member] = m
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

// Undelivered returns the ids of the flow logs whose destinations take no records
// now.
func (l *Lab) Undelivered() map[string]bool { return l.daemon.Undelivered() }

// place puts every endpoint into the lab's namespace for its member.
func (l *Lab) place(cfg *config.Config) *config.Config {
	placed := *cfg
	placed.Endpoints = slices.Clone(cfg.Endpoints)
	for i := range placed.Endpoints {
		e := &placed.Endpoints[i]
		if e.Netns == "" && e.PID == 0 {
			e.Device = config.DeviceAt(e.DeviceIndex)
		}
		e.Netns, e.PID, e.Configure = namespaceName(l.name, e.Member), 0, true
	}
	return &placed
}

// maxRemovals is how many members are removed at once: each may take a while to
// end its processes.
const maxRemovals = 8

// removeOthers removes the members that the configuration does not have.
func (l *Lab) removeOthers(cfg *config.Config) {
	stay := make(map[string]bool, len(l.members))
	for _, e := range cfg.Endpoints {
		stay[e.Member] = true
	}
	var removing sync.WaitGroup
	slots := make(chan struct{}, maxRemovals)
	for name, m := range l.members {
		if stay[name] {
			continue
		}
		delete(l.members, name)
		slots <- struct{}{}
		removing.Go(func() {
			defer func() { <-slots }()
			if err := m.remove(); err != nil {
				l.log.Error("namespace not removed", "name", name, "error", err, "remedy", "sgate lab down")
			}
		})
	}
	removing.Wait()
}

func (l *Lab) remove(m *member) error {
	delete(l.members, m.name)
	return m.remove()
}

// startCommands starts the commands that are not running as configured. One
// that cannot be started is the user's to mend: the lab is up without it.
func (l *Lab) startCommands(cfg *config.Config) {
	for _, e := range cfg.Endpoints {
		m := l.members[e.Member]
		if e.DeviceIndex != 0 || slices.Equal(m.command, e.Command) {
			continue
		}
		if err := m.start(e.Command, l.folder.logFile(e.Member), l.log); err != nil {
			l.log.Error("command not started", "name", e.Member, "command", e.Command, "error", err)
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
