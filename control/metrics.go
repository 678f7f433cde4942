package control

import (
	"net/http"
	"strings"
	"time"
)

// Health says that a gateway is well. One that is not answers with an Error, of
// the status 503.
type Health struct {
	Status string `json:"status"` // "ok"
}

// MetricsBackend tells what a gateway counts, and how it is. Its endpoints are for
// others than this package's Client: Prometheus's agents, probes and curl.
type MetricsBackend interface {
	// Metrics answers a scrape by Prometheus.
	Metrics(http.ResponseWriter, *http.Request)
	// Health returns what is wrong that only starting the gateway anew can
	// mend, and Readiness all that keeps it from moving everybody's packets,
	// in lines for people.
	Health() []string
	Readiness() []string
}

const (
	metricsPath = version + "/metrics"
	healthzPath = version + "/healthz"
	readyzPath  = version + "/readyz"
)

// metrics is the endpoint: GET /v1/metrics, in Prometheus's text format.
func (s *Server) metrics(b MetricsBackend) endpoint {
	return endpoint{http.MethodGet, metricsPath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := http.NewResponseController(w)
		// Neither fails on a connection of net/http's own server.
		_ = connection.SetReadDeadline(time.Now().Add(s.limits.body))
		_ = connection.SetWriteDeadline(time.Now().Add(s.limits.reply))
		b.Metrics(w, r)
	})}
}

// healthz is the endpoint: GET /v1/healthz.
func (s *Server) healthz(b MetricsBackend) endpoint { return s.health(healthzPath, b.Health) }

// readyz is the endpoint: GET /v1/readyz.
func (s *Server) readyz(b MetricsBackend) endpoint { return s.health(readyzPath, b.Readiness) }

func (s *Server) health(path string, problems func() []string) endpoint {
	return endpoint{http.MethodGet, path, s.reply(func(http.ResponseWriter, *http.Request) (any, error) {
		if all := problems(); len(all) > 0 {
			return nil, &Error{http.StatusServiceUnavailable, strings.Join(all, "; ")}
		}
		return Health{"ok"}, nil
	})}
}
