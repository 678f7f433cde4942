// Package daemon runs a gateway from a configuration: it opens a device for
// each endpoint, attaches it, puts the policy in force, and does the same again
// when the configuration changes, without losing a flow.
//
// The package imports config, vpc, tun, filter and gateway.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/tun"
)

// Daemon is a gateway together with the configuration that it runs.
type Daemon struct {
	gateway  *gateway.Gateway
	log      *slog.Logger
	settings config.Gateway

	mu       sync.Mutex
	attached map[string]config.Endpoint // by the id of the interface or host
}

// New starts a gateway with those settings and no configuration yet.
func New(settings config.Gateway, log *slog.Logger) (*Daemon, error) {
	g, err := gateway.New(gateway.Options{
		Workers:  settings.Workers,
		MaxFlows: settings.Conntrack.MaxFlows,
		MTU:      settings.MTU,
		Log:      log,
	})
	if err != nil {
		return nil, err
	}
	return &Daemon{gateway: g, log: log, settings: settings, attached: make(map[string]config.Endpoint)}, nil
}

// Gateway returns the gateway.
func (d *Daemon) Gateway() *gateway.Gateway { return d.gateway }

// Close ends the gateway and removes its devices.
func (d *Daemon) Close() error { return d.gateway.Close() }

// Apply puts a configuration in force. Endpoints that are new get their
// device, those that have gone lose it, those that stay keep theirs and their
// flows; a device that somebody has deleted is made anew. If anything fails, what was in force before stays.
func (d *Daemon) Apply(ctx context.Context, cfg *config.Config) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	policy := filter.Compile(cfg.Resources)
	change := d.diff(cfg)

	if err := d.openAll(ctx, change); err != nil {
		return err
	}
	if err := d.gateway.Apply(policy); err != nil {
		return errors.Join(err, d.undo(ctx, change))
	}
	var errs []error
	for _, e := range change.gone {
		errs = append(errs, d.detach(e))
	}
	for _, warning := range cfg.Resources.Warnings() {
		d.log.Warn("configuration", "warning", warning)
	}
	if cfg.Gateway != d.settings {
		d.log.Warn("the gateway section has changed: that takes effect at the next start")
	}
	_, generation := d.gateway.Policy()
	d.log.Info("all are up", "endpoints", len(d.attached), "rules", policy.Rules(), "policy", generation)
	return errors.Join(errs...)
}

// change is what a new configuration asks of the devices.
type change struct {
	added    []config.Endpoint
	replaced []config.Endpoint // their devices are to be made anew
	gone     []config.Endpoint

	opened []config.Endpoint // done so far, for undo
	closed []config.Endpoint // the old devices of replaced ones
}

func (d *Daemon) diff(cfg *config.Config) *change {
	c := &change{}
	wanted := make(map[string]bool)
	for _, e := range cfg.Endpoints {
		wanted[e.ID] = true
		old, is := d.attached[e.ID]
		switch {
		case !is:
			c.added = append(c.added, e)
		case !sameDevice(old, e), d.gateway.Port(e.ID).Gone():
			c.replaced = append(c.replaced, e)
		}
	}
	for id, e := range d.attached {
		if !wanted[id] {
			c.gone = append(c.gone, e)
		}
	}
	return c
}

// sameDevice reports whether two descriptions of an endpoint ask for the same
// device with the same addresses.
func sameDevice(a, b config.Endpoint) bool {
	return namespace(a) == namespace(b) && a.Device == b.Device && a.Configure == b.Configure &&
		slices.Equal(a.Addresses, b.Addresses) && slices.Equal(a.Gateways, b.Gateways)
}

func namespace(e config.Endpoint) tun.Namespace { return tun.Namespace{Name: e.Netns, PID: e.PID} }

// openAll makes the new devices; on a failure it undoes what it has done.
// Additions come first: they need nothing taken away, so that most failures
// disturb nobody.
func (d *Daemon) openAll(ctx context.Context, c *change) error {
	for _, e := range c.added {
		if err := d.attach(ctx, e); err != nil {
			return errors.Join(err, d.undo(ctx, c))
		}
		c.opened = append(c.opened, e)
	}
	for _, e := range c.replaced {
		old := d.attached[e.ID]
		if err := d.detach(old); err != nil {
			return errors.Join(err, d.undo(ctx, c))
		}
		c.closed = append(c.closed, old)
		if err := d.attach(ctx, e); err != nil {
			return errors.Join(err, d.undo(ctx, c))
		}
		c.opened = append(c.opened, e)
	}
	return nil
}

// undo takes a half-made change back.
func (d *Daemon) undo(ctx context.Context, c *change) error {
	var errs []error
	for _, e := range c.opened {
		errs = append(errs, d.detach(e))
	}
	for _, e := range c.closed {
		errs = append(errs, d.attach(ctx, e))
	}
	return errors.Join(errs...)
}

func (d *Daemon) attach(ctx context.Context, e config.Endpoint) error {
	dev, err := tun.Open(ctx, tun.Options{
		Namespace: namespace(e), Name: e.Device, MTU: d.settings.MTU, Offload: d.settings.Offload,
	})
	if err != nil {
		return fail(e, err)
	}
	if e.Configure {
		err = dev.Configure(tun.Addressing{Addresses: e.Addresses, Gateways: e.Gateways})
	}
	if err == nil {
		_, err = d.gateway.Attach(e.ID, dev)
	}
	if err != nil {
		dev.Close()
		return fail(e, err)
	}
	d.attached[e.ID] = e
	d.log.Info("device is up", "endpoint", e.Name, "device", e.Device, "namespace", namespace(e).String(), "addresses", e.Addresses)
	return nil
}

func (d *Daemon) detach(e config.Endpoint) error {
	delete(d.attached, e.ID)
	if err := d.gateway.Detach(e.ID); err != nil {
		return fail(e, err)
	}
	d.log.Info("device is gone", "endpoint", e.Name, "device", e.Device)
	return nil
}

// fail says which endpoint an error is about, and where it is declared.
func fail(e config.Endpoint, err error) error {
	kind := "instance"
	if e.Host {
		kind = "host"
	}
	if at := e.Origin.String(); at != "" {
		return fmt.Errorf("%s: %s %q: %w", at, kind, e.Name, err)
	}
	return fmt.Errorf("%s %q: %w", kind, e.Name, err)
}
