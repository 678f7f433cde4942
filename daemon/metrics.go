package daemon

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/metrics"
)

// newMetrics returns the metrics of a gateway with those settings.
func newMetrics(g *gateway.Gateway, settings config.Metrics, log *slog.Logger) *metrics.Metrics {
	return metrics.New(g, metrics.Options{PerVPC: settings.Detail == config.EachVPC, Log: log})
}

// serveMetrics answers on the address of the settings, if there is one. It is
// that of the namespace which the gateway runs in, also for a lab.
func (d *Daemon) serveMetrics(settings config.Metrics) error {
	if settings.Listen == "" {
		return nil
	}
	s, err := metrics.Listen(settings.Listen)
	if err != nil {
		return err
	}
	d.server = s
	s.Serve(d.gateway, d.metrics, settings.AllowRemote, d.log)
	d.log.Info("metrics are up", "url", "http://"+s.Addr().String()+"/metrics")
	return nil
}

// closeMetrics returns when nobody asks any more.
func (d *Daemon) closeMetrics() error {
	if d.server == nil {
		return nil
	}
	return d.server.Close()
}

// Refused notes, for the metrics, a configuration that was refused before it came
// to Apply: its file has faults, or what its devices need could not be made.
func (d *Daemon) Refused() { d.metrics.Refused() }

// Metrics implements control.MetricsBackend.
func (b backend) Metrics(w http.ResponseWriter, r *http.Request) { b.metrics.ServeHTTP(w, r) }

// Health implements control.MetricsBackend.
func (b backend) Health() []string { return metrics.Health(b.gateway) }

// Readiness implements control.MetricsBackend.
func (b backend) Readiness() []string { return metrics.Readiness(b.gateway) }

// counting is a backend whose followers' losses are counted.
type counting struct {
	control.Backend
	metrics *metrics.Metrics
}

// Events implements control.EventsBackend.
func (c counting) Events(ctx context.Context, r control.EventsRequest, send func(...control.EventLine) error) error {
	return c.Backend.Events(ctx, r, func(lines ...control.EventLine) error {
		for i := range lines {
			c.metrics.EventsLost(lines[i].Lost)
		}
		return send(lines...)
	})
}
