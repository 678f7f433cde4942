package control

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestMetrics holds that the backend itself answers a scrape.
func TestMetrics(t *testing.T) {
	s, _ := serving(t, fake{metrics: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json") // as raw wants it
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "to "+r.Header.Get("User-Agent"))
	}})
	if status, body := raw(t, s.Path(), "GET", metricsPath, ""); status != http.StatusAccepted || body != "to Go-http-client/1.1" {
		t.Errorf("%d %s", status, body)
	}
	if status, body := raw(t, s.Path(), "POST", metricsPath, ""); status != http.StatusMethodNotAllowed || !strings.Contains(body, "want the method GET") {
		t.Errorf("%d %s", status, body)
	}
}

func TestHealth(t *testing.T) {
	well, ill := func() []string { return nil }, func() []string { return []string{"one", "two"} }
	const ok, problems = `{"status":"ok"}`, `{"error":"one; two"}`
	s, _ := serving(t, fake{health: well, readiness: ill})
	for path, want := range map[string]string{healthzPath: ok, readyzPath: problems} {
		status := http.StatusOK
		if want == problems {
			status = http.StatusServiceUnavailable
		}
		if got, body := raw(t, s.Path(), "GET", path, ""); got != status || body != want {
			t.Errorf("%s: %d %s, want %d %s", path, got, body, status, want)
		}
	}
}
