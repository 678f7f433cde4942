package metrics

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sgate/sgate/gateway"
)

// serving makes a server on a port that is free, of a gateway without a
// configuration. Its limits can be changed first.
func serving(t *testing.T, m *Metrics, anyName bool, change ...func(*limits)) *Server {
	t.Helper()
	g := newWorld(t, gateway.Options{}).g
	if m == nil {
		m = New(g, Options{})
	}
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(&s.limits)
	}
	s.Serve(g, m, anyName, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// ask sends a request, to the server under the name host.
func ask(t *testing.T, s *Server, method, path, host string) (status int, header http.Header, body string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+s.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(data)
}

func TestServer(t *testing.T) {
	s := serving(t, nil, false)
	for _, c := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/metrics", 200, "\nsgate_workers{state=\"running\"} 1\n"},
		{"GET", "/healthz", 200, "ok\n"},
		{"GET", "/readyz", 503, "no configuration is in force yet\n"},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/", 200, `href="/metrics"`},
		{"GET", "/other", 404, ""},
		{"POST", "/metrics", 405, ""},
		{"DELETE", "/healthz", 405, ""},
	} {
		status, header, body := ask(t, s, c.method, c.path, "")
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, status, body, c.status, c.want)
		}
		if kind := header.Get("Content-Type"); c.path == "/metrics" && status == 200 && !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
			t.Errorf("metrics are %q", kind)
		}
	}
}

// TestOpenMetrics asks as a newer Prometheus does.
func TestOpenMetrics(t *testing.T) {
	m := New(newWorld(t, gateway.Options{}).g, Options{})
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/openmetrics-text; version=1.0.0") || !strings.HasSuffix(w.Body.String(), "# EOF\n") {
		t.Errorf("%s", w.Header())
	}
}

// TestRebinding has a web page lead its own name to this machine. Without the check
// it reads the metrics, as anyName shows.
func TestRebinding(t *testing.T) {
	for _, anyName := range []bool{true, false} {
		s := serving(t, nil, anyName)
		_, port, _ := net.SplitHostPort(s.Addr().String())
		for host, ours := range map[string]bool{
			"127.0.0.1": true, "127.0.0.1:" + port: true, "[::1]:" + port: true, "localhost": true, "localhost:" + port: true,
			"192.0.2.1:80": true, // forwarded, as by ssh
			"evil.example": false, "evil.example:" + port: false, "localhost.evil.example": false, "127.0.0.1.evil.example:" + port: false,
		} {
			want := http.StatusOK
			if !ours && !anyName {
				want = http.StatusForbidden
			}
			status, _, body := ask(t, s, "GET", "/metrics", host)
			if status != want || strings.Contains(body, "sgate_workers") != (want == http.StatusOK) {
				t.Errorf("any name %v, %s: %d, want %d", anyName, host, status, want)
			}
		}
	}
}

func TestListenErrors(t *testing.T) {
	s := serving(t, nil, false)
	if _, err := Listen(s.Addr().String()); err == nil || !strings.Contains(err.Error(), "another process listens there: choose another port") {
		t.Errorf("a taken port: %v", err)
	}
	if _, err := Listen("192.0.2.1:0"); err == nil || !strings.Contains(err.Error(), "want an address of this machine") {
		t.Errorf("another machine's address: %v", err)
	}
}

// TestCloseWithoutServe is what a start comes to that fails half-way.
func TestCloseWithoutServe(t *testing.T) {
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

// slow is a scrape that says when it has begun, and waits.
type slow struct {
	begun, goOn chan struct{}
}

func newSlow() slow { return slow{make(chan struct{}, 99), make(chan struct{})} }

func (s slow) Describe(chan<- *prometheus.Desc) {}

func (s slow) Collect(chan<- prometheus.Metric) {
	s.begun <- struct{}{}
	<-s.goOn
}

func (s slow) metrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(s)
	m.handler = m.newHandler(slog.New(slog.DiscardHandler))
	return m
}

// TestClose closes the server while one scrape is under way and one client has
// sent nothing: Close returns when the scrape is over, and not before.
func TestClose(t *testing.T) {
	scrape := newSlow()
	s := serving(t, scrape.metrics(), false, func(l *limits) { l.grace = time.Millisecond })
	idle, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	var asked sync.WaitGroup
	asked.Go(func() {
		r, _ := http.NewRequestWithContext(context.Background(), "GET", "http://"+s.Addr().String()+"/metrics", nil)
		if response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r); err == nil {
			response.Body.Close()
		}
	})
	<-scrape.begun
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	for { // until it listens no more
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
	}
	asked.Wait() // its connection is closed, though the scrape goes on
	select {
	case <-closed:
		t.Error("closed while a scrape is under way")
	default:
	}
	close(scrape.goOn)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestTooManyScrapes: those beyond a few are turned away, not queued.
func TestTooManyScrapes(t *testing.T) {
	scrape := newSlow()
	s := serving(t, scrape.metrics(), false)
	var asked sync.WaitGroup
	for range scrapesAtOnce {
		asked.Go(func() {
			if status, _, _ := ask(t, s, "GET", "/metrics", ""); status != 200 {
				t.Errorf("one of the first: %d", status)
			}
		})
		<-scrape.begun
	}
	if status, _, body := ask(t, s, "GET", "/metrics", ""); status != 503 {
		t.Errorf("one too many: %d %s", status, body)
	}
	if status, _, _ := ask(t, s, "GET", "/healthz", ""); status != 200 {
		t.Errorf("healthz meanwhile: %d", status)
	}
	close(scrape.goOn)
	asked.Wait()
}

// TestSlowClients holds that one which does not send on is given up.
func TestSlowClients(t *testing.T) {
	s := serving(t, nil, false, func(l *limits) {
		l.header, l.request, l.idle = 20*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond
	})
	for name, begin := range map[string]string{
		"nothing":     "",
		"half a head": "GET /metrics HTTP/1.1\r\nHo",
		"no more":     "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"no body":     "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, begin); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %v", name, err)
		}
		conn.Close()
	}
}

// TestLongHead holds that what a request can make the server keep is bounded.
func TestLongHead(t *testing.T) {
	s := serving(t, nil, false)
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { // the server stops reading, so writing fails
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 1<<20)+"\r\n\r\n")
	}()
	answer := make([]byte, 12)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 431" {
		t.Errorf("%q, %v", answer, err)
	}
}

// TestManyScrapes has several clients ask while packets are moved and devices
// come and go.
func TestManyScrapes(t *testing.T) {
	w := withTraffic(t)
	for _, perVPC := range []bool{false, true} {
		m := New(w.g, Options{PerVPC: perVPC})
		var asked sync.WaitGroup
		for i := range 3 {
			asked.Go(func() {
				for range 30 {
					r := httptest.NewRecorder()
					m.ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
					if r.Code != 200 {
						t.Errorf("%d: %s", r.Code, r.Body)
					}
				}
				m.EventsLost(uint64(i))
			})
		}
		for i := range 30 {
			w.detach("db")
			w.attach("db")
			w.open("web", "10.0.1.10", "10.0.1.20", 40000, 80)
			m.Applied(time.Unix(int64(i), 0))
		}
		asked.Wait()
		if all := samples(t, scrape(t, m)); all["sgate_events_lost_total"] != 3 {
			t.Error(fmt.Sprint(all["sgate_events_lost_total"], " events are told to be lost, want 3"))
		}
	}
}
