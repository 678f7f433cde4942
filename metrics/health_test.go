package metrics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sgate/sgate/gateway"
)

// TestReadiness follows a gateway from its start through a lost device and a
// detached one.
func TestReadiness(t *testing.T) {
	w := newWorld(t, gateway.Options{})
	check := func(when string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, Readiness(w.g), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
		if got := Health(w.g); len(got) > 0 {
			t.Errorf("%s: health is %q", when, got)
		}
		if policy, _ := w.g.Policy(); policy == nil {
			return
		}
		down := float64(len(want))
		all := samples(t, scrape(t, New(w.g, Options{})))
		if n := all[`sgate_interfaces{state="up",vpc="blue"}`]; n != 3-down {
			t.Errorf("%s: %v interfaces are told to be up, want %v", when, n, 3-down)
		}
		if n := all[`sgate_interfaces{state="down",vpc="blue"}`]; n != down {
			t.Errorf("%s: %v interfaces are told to be down, want %v", when, n, down)
		}
		var up float64
		for _, n := range some(all, "sgate_interface_up") {
			up += n
		}
		if n := len(some(all, "sgate_interface_up")); n != 4 || up != 4-down {
			t.Errorf("%s: %v interfaces of %d are each told to be up, want %v", when, up, n, 4-down)
		}
	}
	check("at first", "no configuration is in force yet")
	w.apply(twoVPCs)
	check("with all devices")
	w.shatter("web")
	gone := `instance "web": its device web is gone: if its namespace is still there, SIGHUP makes it anew`
	check("one device is deleted", gone)
	w.detach("laptop")
	check("another is detached", gone, `host "laptop": it has no device yet`)
	w.attach("laptop")
	w.detach("web")
	w.attach("web")
	check("both are made anew")
}

// TestFailedWorkers: what only a restart mends is said by both probes.
func TestFailedWorkers(t *testing.T) {
	if got := healthOf(3, 3); got != nil {
		t.Errorf("none has failed: %q", got)
	}
	if got := healthOf(1, 3); len(got) != 1 || !strings.HasPrefix(got[0], "2 of 3 workers have failed") {
		t.Errorf("two have failed: %q", got)
	}
}

// TestReadinessIsShort holds that thousands of lost devices fit a screen.
func TestReadinessIsShort(t *testing.T) {
	w := newWorld(t, gateway.Options{})
	var hosts strings.Builder
	for i := range maxListed + 3 {
		fmt.Fprintf(&hosts, "  - {name: h%d, address: 203.0.113.%d}\n", i, i+1)
	}
	w.apply("vpc: {cidr: 10.0.0.0/16}\nhosts:\n" + hosts.String())
	for name := range w.devs {
		w.detach(name)
	}
	got := Readiness(w.g)
	if last := got[len(got)-1]; len(got) != maxListed+1 || last != "and 3 more" || !strings.HasPrefix(got[maxListed-1], `host "h19"`) {
		t.Errorf("%d lines, the last are %q", len(got), got[len(got)-2:])
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		problems []string
		status   int
		body     string
	}{
		{nil, http.StatusOK, "ok\n"},
		{[]string{"one", "two"}, http.StatusServiceUnavailable, "one\ntwo\n"},
	} {
		w := httptest.NewRecorder()
		probe(func() []string { return c.problems }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if w.Code != c.status || w.Body.String() != c.body || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%d %q, want %d %q", w.Code, w.Body.String(), c.status, c.body)
		}
	}
}
