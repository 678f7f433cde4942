package metrics

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/sgate/sgate/gateway"
)

// Health returns what is wrong with a gateway that only starting it anew can
// mend, in lines for people; none if it is well. It is what a liveness probe
// asks. A device that somebody has deleted is no such thing: to start anew would
// end every other connection.
func Health(g *gateway.Gateway) []string { return healthOf(g.Workers()) }

func healthOf(running, workers int) []string {
	if running == workers {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d workers have failed, and packets of their devices are not read: start the gateway anew; its log says why",
		workers-running, workers)}
}

// maxListed is how many endpoints Readiness names.
const maxListed = 20

// Readiness returns what keeps a gateway from moving the packets of every
// instance and host of its configuration: what Health finds, that there is no
// configuration, and devices that are not there.
func Readiness(g *gateway.Gateway) []string {
	problems := Health(g)
	policy, _ := g.Policy()
	if policy == nil {
		return append(problems, "no configuration is in force yet")
	}
	var down []string
	for _, e := range endpointsOf(g, policy.Snapshot()) {
		if !e.up() {
			down = append(down, e.problem())
		}
	}
	if more := len(down) - maxListed; more > 0 {
		down = append(down[:maxListed], fmt.Sprintf("and %d more", more))
	}
	return append(problems, down...)
}

// problem says why an endpoint is down.
func (e *endpoint) problem() string {
	kind := "instance"
	if e.Host {
		kind = "host"
	}
	if e.port == nil {
		return fmt.Sprintf("%s %q: it has no device yet", kind, e.Name)
	}
	return fmt.Sprintf("%s %q: its device %s is gone: if its namespace is still there, SIGHUP makes it anew", kind, e.Name, e.port.Device().Name())
}

// probe answers 200 and "ok", or 503 and the problems, one a line.
func probe(problems func() []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		all := problems()
		if len(all) == 0 {
			fmt.Fprintln(w, "ok")
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, strings.Join(all, "\n"))
	})
}
