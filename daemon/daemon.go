// Package daemon runs a gateway from a configuration: it opens a device for
// each endpoint, attaches it, puts the policy in force, and does the same again
// when the configuration changes, without losing a flow.
//
// The package imports config, tun, vpc, filter, conntrack, gateway, control,
// capture, explain, export, flowlog, metrics and watch.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/internal/background"
	"github.com/sgate/sgate/metrics"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// Daemon is a gateway together with the configuration that it runs.
type Daemon struct {
	gateway  *gateway.Gateway
	log      *slog.Logger
	settings config.Gateway
	control  *control.Server // nil if nobody asked for one
	metrics  *metrics.Metrics
	server   *metrics.Server // of the metrics, nil if nobody asked for one
	flowLogs *flowLogs
	history  history
	inForce  atomic.Pointer[config.Config] // nil before the first Apply

	mu       sync.Mutex
	attached map[string]config.Endpoint // by the id of the interface or host
}

// New starts a gateway with those settings and no configuration yet.
func New(settings config.Gateway, log *slog.Logger) (*Daemon, error) {
	g, err := gateway.New(options(settings, log))
	if err != nil {
		return nil, err
	}
	d := &Daemon{
		gateway: g, log: log, settings: settings, metrics: newMetrics(g, settings.Metrics, log),
		attached: make(map[string]config.Endpoint),
	}
	d.history.started = time.Now()
	if err := d.serveMetrics(settings.Metrics); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	d.flowLogs = newFlowLogs(g, log)
	return d, nil
}

// Gateway returns the gateway.
func (d *Daemon) Gateway() *gateway.Gateway { return d.gateway }

// Close ends the control socket, the metrics' server and the gateway, removes
// its devices, and writes what its flow logs have left to write.
func (d *Daemon) Close() error {
	return errors.Join(d.closeControl(), d.closeMetrics(), d.gateway.Close(), d.closeFlowLogs())
}

// Apply puts a configuration in force. Endpoints that are new get their
// device, those that have gone lose it, those that stay keep theirs and their
// flows; a device that somebody has deleted is made anew. If anything fails,
// what was in force before stays.
func (d *Daemon) Apply(ctx context.Context, cfg *config.Config) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	inForce, _ := d.gateway.Policy()
	policy := d.compile(inForce, cfg.Resources)
	c := d.diff(cfg)
	logs, err := d.flowLogs.change(cfg, policy.Snapshot())
	if err == nil {
		err = c.make(ctx)
	}
	if err == nil {
		err = d.gateway.Apply(policy)
	}
	if err != nil {
		d.metrics.Refused()
		return errors.Join(err, c.takeBack(), logs.discard())
	}
	d.keep(cfg, policy.Snapshot())
	now := time.Now()
	d.metrics.Applied(now)
	d.history.applied.Store(now.UnixNano())
	// The new configuration is in force: what goes wrong from here on is no
	// refusal of it.
	if err := logs.apply(); err != nil {
		d.log.Error("flow logs that the configuration no longer has were not closed", "error", err)
	}
	if err := d.detach(slices.Collect(maps.Values(c.gone))...); err != nil {
		d.log.Error("devices that the configuration no longer has were not closed", "error", err, "remedy", "they go with the process")
	}
	for _, warning := range cfg.Resources.Warnings(resources(inForce)) {
		d.log.Warn("configuration", "warning", warning)
	}
	if cfg.Gateway != d.settings {
		d.log.Warn("the gateway section has changed: that takes effect at the next start")
	}
	_, generation := d.gateway.Policy()
	d.log.Info("all are up", "policy", generation, "rules", policy.Rules(), "endpoints", len(d.attached))
	return nil
}

// compile compiles resources, while packets go first.
func (d *Daemon) compile(inForce *filter.Policy, of *vpc.Snapshot) (policy *filter.Policy) {
	_ = background.Do(func() error {
		start := time.Now()
		policy = filter.Update(inForce, of.After(resources(inForce)))
		d.metrics.Compiled(time.Since(start))
		return nil
	})
	return policy
}

// resources returns what a policy was compiled from, nil for none.
func resources(p *filter.Policy) *vpc.Snapshot {
	if p == nil {
		return nil
	}
	return p.Snapshot()
}

// open makes an endpoint's device.
func (d *Daemon) open(ctx context.Context, e config.Endpoint) (*tun.Kernel, error) {
	if e.Configure && namespace(e).IsOwn() {
		return nil, fail(e, errors.New("has no network namespace of its own: instances that are launched over the API run in a lab, `sgate lab up`"))
	}
	dev, err := tun.Open(ctx, tun.Options{
		Namespace: namespace(e), Name: e.Device, MTU: d.settings.MTU, Offload: d.settings.Offload,
	})
	if err != nil {
		return nil, fail(e, err)
	}
	if !e.Configure {
		return dev, nil
	}
	if err := dev.Configure(addressing(e)); err != nil {
		return nil, fail(e, errors.Join(err, dev.Close()))
	}
	return dev, nil
}

// readdress gives an endpoint's device other addresses while it is in use.
func (d *Daemon) readdress(from, to config.Endpoint) error {
	if err := tun.Readdress(namespace(to), to.Device, addressing(from), addressing(to)); err != nil {
		return fail(to, err)
	}
	d.attached[to.ID] = to
	d.log.Info("addresses have changed", "name", to.Name, "interface_id", to.ID, "device", to.Device, "addresses", to.Addresses)
	return nil
}

// attach gives an endpoint its device, which is then the gateway's to close.
func (d *Daemon) attach(e config.Endpoint, dev *tun.Kernel) error {
	if _, err := d.gateway.Attach(e.ID, dev); err != nil {
		return fail(e, err)
	}
	d.attached[e.ID] = e
	d.log.Info("device is up", "name", e.Name, "interface_id", e.ID, "device", e.Device, "namespace", namespaceKey(e), "addresses", e.Addresses)
	return nil
}

// detach takes devices away from their endpoints. All of them are gone then, even
// if there is an error.
func (d *Daemon) detach(gone ...config.Endpoint) error {
	ids := make([]string, len(gone))
	for i, e := range gone {
		ids[i] = e.ID
		delete(d.attached, e.ID)
		d.log.Info("device is removed", "name", e.Name, "interface_id", e.ID, "device", e.Device)
	}
	errs := []error{d.gateway.Detach(ids...)}
	for _, e := range gone {
		if table := addressing(e).Table; table != 0 && e.Configure {
			errs = append(errs, tun.ForgetTable(namespace(e), table))
		}
	}
	return errors.Join(errs...)
}

// firstTable is the routing table of a device with index 0, if it needed one:
// Amazon Linux numbers them so.
const firstTable = 10000

// addressing is what an endpoint's device is to be configured with.
func addressing(e config.Endpoint) tun.Addressing {
	a := tun.Addressing{Addresses: e.Addresses, Gateways: e.Gateways}
	if e.DeviceIndex != 0 {
		a.Table = firstTable + e.DeviceIndex
	}
	return a
}

func namespace(e config.Endpoint) tun.Namespace { return tun.Namespace{Name: e.Netns, PID: e.PID} }

// namespaceKey is an endpoint's namespace as a log has it.
func namespaceKey(e config.Endpoint) string {
	switch {
	case e.PID != 0:
		return fmt.Sprint("pid:", e.PID)
	case e.Netns != "":
		return e.Netns
	}
	return "own"
}

// fail says which endpoint an error is about, and where it is declared.
func fail(e config.Endpoint, err error) error {
	kind := "instance"
	switch {
	case e.Host:
		kind = "host"
	case e.DeviceIndex != 0:
		kind = fmt.Sprintf("instance %q: network interface", e.Member)
	}
	if at := e.Origin.String(); at != "" {
		return fmt.Errorf("%s: %s %q: %w", at, kind, e.Name, err)
	}
	return fmt.Errorf("%s %q: %w", kind, e.Name, err)
}
