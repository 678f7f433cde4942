// Package metrics tells Prometheus what a gateway has counted, and anybody who
// asks whether it is well.
//
// Nothing is done on the way of packets: a [Collector] reads the counters that
// the gateway has anyway, when it is scraped. Names and units follow
// Prometheus's conventions, and AWS's names are kept where AWS has one.
// docs/metrics.md lists them all; a test holds that page to the code.
//
// There is no global registry: each [Metrics] has one of its own. A [Server]
// answers on a TCP address of this machine.
//
// The package imports gateway, internal/local and vpc.
package metrics

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sgate/sgate/gateway"
)

// Options say what is told.
type Options struct {
	// PerVPC sums interfaces up, VPC by VPC, where thousands of them would
	// make too many series.
	PerVPC bool
	Log    *slog.Logger // default: none
}

// The results of a reload.
const (
	success = "success"
	failure = "failure"
)

// Metrics are those of one gateway, of the configurations that it was given and
// of its process. Several goroutines may use them.
type Metrics struct {
	registry *prometheus.Registry
	handler  http.Handler

	reloads                      *prometheus.CounterVec // by result
	reloaded, reloadTime, policy prometheus.Gauge
	compile                      prometheus.Histogram
	lost                         prometheus.Counter
}

// New returns the metrics of a gateway.
func New(g *gateway.Gateway, o Options) *Metrics {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Metrics{registry: prometheus.NewRegistry(), lost: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "sgate_events_lost_total",
		Help: "Events that `sgate flows --follow` was not shown because it was slow: no packet waits for it.",
	})}
	m.handler = m.newHandler(o.Log)
	m.makeReloads()
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = new(debug.BuildInfo)
	}
	m.registry.MustRegister(NewCollector(g, o.PerVPC), m.lost, newBuildInfo(build), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// makeReloads makes what Applied, Refused and Compiled count. The names are those
// that Prometheus has for its own configuration.
func (m *Metrics) makeReloads() {
	m.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sgate_config_reloads_total",
		Help: "Configurations that were put in force (success) or refused (failure), the first one included.",
	}, []string{"result"})
	for _, result := range []string{success, failure} {
		m.reloads.WithLabelValues(result) // there from the start, so that the first one shows
	}
	m.reloaded = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sgate_config_last_reload_successful",
		Help: "Whether the last configuration was put in force (1), or refused so that the one before stays (0).",
	})
	m.reloadTime = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sgate_config_last_reload_success_timestamp_seconds",
		Help: "When a configuration was last put in force, in Unix time; 0 is never.",
	})
	m.policy = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sgate_policy_applied_timestamp_seconds",
		Help: "Since when the policy has been in force, in Unix time: its age is time() minus this; 0 is never.",
	})
	m.compile = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "sgate_policy_compile_duration_seconds",
		Help:    "How long it took to compile the security groups and network ACLs of a configuration.",
		Buckets: prometheus.ExponentialBuckets(1e-4, 10, 6), // 100 µs to 10 s
	})
	m.registry.MustRegister(m.reloads, m.reloaded, m.reloadTime, m.policy, m.compile)
}

// Compiled notes how long it took to compile a configuration's policy.
func (m *Metrics) Compiled(took time.Duration) { m.compile.Observe(took.Seconds()) }

// Applied notes that a configuration is in force since then.
func (m *Metrics) Applied(at time.Time) {
	seconds := float64(at.UnixNano()) / 1e9
	m.reloads.WithLabelValues(success).Inc()
	m.reloaded.Set(1)
	m.reloadTime.Set(seconds)
	m.policy.Set(seconds)
}

// Refused notes that a configuration was not put in force.
func (m *Metrics) Refused() {
	m.reloads.WithLabelValues(failure).Inc()
	m.reloaded.Set(0)
}

// EventsLost notes that a follower missed so many events because it was slow.
func (m *Metrics) EventsLost(n uint64) { m.lost.Add(float64(n)) }

// scrapesAtOnce is how many may be under way; another one is answered 503.
const scrapesAtOnce = 4

func (m *Metrics) newHandler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError, // what there is is better than nothing
		MaxRequestsInFlight: scrapesAtOnce,
		EnableOpenMetrics:   true,
	})
}

// ServeHTTP answers a scrape, in the format of the two of Prometheus and
// OpenMetrics that the request asks for.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// newBuildInfo is a series of the constant 1 whose labels say what runs, as
// Prometheus's own programs have it.
func newBuildInfo(build *debug.BuildInfo) prometheus.Collector {
	revision := "unknown"
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "sgate_build_info",
		Help:        "Always 1; the labels say which version of sgate runs, and by which version of Go it was built.",
		ConstLabels: prometheus.Labels{"version": build.Main.Version, "revision": revision, "goversion": build.GoVersion},
	})
	info.Set(1)
	return info
}
