package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
)

// daemonWith runs a daemon with that gateway section. It has no configuration
// yet.
func daemonWith(t *testing.T, section string, log io.Writer) *Daemon {
	t.Helper()
	d, err := New(load(t, "gateway: "+section).Gateway, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// load reads a configuration of one VPC that has nothing in it but what is added.
func load(t *testing.T, added string) *config.Config {
	t.Helper()
	cfg, err := config.Parse([]byte("vpc: {cidr: 10.0.0.0/16}\n"+added+"\n"), config.Source{Path: "f.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// get asks at an address or, if it begins with a slash, a socket's path.
func get(t *testing.T, at, path string) (status int, body string) {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(at, "/") {
		network = "unix"
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at)
	}}}
	response, err := c.Get("http://localhost" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

// TestMetricsOfReloads follows a daemon from its start through a configuration
// that is put in force and two that are refused, at its address and on its
// control socket.
func TestMetricsOfReloads(t *testing.T) {
	var log bytes.Buffer
	d := daemonWith(t, `{metrics: {listen: "127.0.0.1:0"}}`, &log)
	socket, err := control.Listen(filepath.Join(t.TempDir(), "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	d.ServeControl(socket)
	address := d.server.Addr().String()
	if want := "url=http://" + address + "/metrics"; !strings.Contains(log.String(), want) {
		t.Errorf("the log lacks %q: %s", want, log.String())
	}
	check := func(when string, ready int, want ...string) {
		t.Helper()
		for at, before := range map[string]string{address: "", socket.Path(): "/v1"} {
			status, body := get(t, at, before+"/metrics")
			if status != http.StatusOK {
				t.Errorf("%s: metrics: %d", when, status)
			}
			for _, line := range want {
				if !strings.Contains(body, "\n"+line+"\n") {
					t.Errorf("%s: %s lacks: %s", when, at, line)
				}
			}
			if status, body := get(t, at, before+"/readyz"); status != ready {
				t.Errorf("%s: ready: %d %s", when, status, body)
			}
			if status, body := get(t, at, before+"/healthz"); status != http.StatusOK {
				t.Errorf("%s: health: %d %s", when, status, body)
			}
		}
	}
	reloads := func(success, failure, compiled, generation int) []string {
		return []string{
			fmt.Sprintf(`sgate_config_reloads_total{result="success"} %d`, success),
			fmt.Sprintf(`sgate_config_reloads_total{result="failure"} %d`, failure),
			fmt.Sprintf(`sgate_policy_compile_duration_seconds_count %d`, compiled),
			fmt.Sprintf(`sgate_policy_generation %d`, generation),
		}
	}
	check("at first", http.StatusServiceUnavailable, reloads(0, 0, 0, 0)...)
	if err := d.Apply(t.Context(), load(t, "")); err != nil {
		t.Fatal(err)
	}
	check("in force", http.StatusOK, append(reloads(1, 0, 1, 1), "sgate_config_last_reload_successful 1")...)
	if err := d.Apply(t.Context(), load(t, "hosts: [{name: laptop, address: 203.0.113.1, netns: /nowhere/at-all}]")); err == nil {
		t.Fatal("a device was made in a namespace that is not there")
	}
	check("devices cannot be made", http.StatusOK, append(reloads(1, 1, 2, 1), "sgate_config_last_reload_successful 0")...)
	d.Refused()
	check("a file has faults", http.StatusOK, reloads(1, 2, 2, 1)...)
}

// TestMetricsListen: without an address nobody listens, and one that is taken is
// an error that leaves nothing behind.
func TestMetricsListen(t *testing.T) {
	if d := daemonWith(t, "{}", io.Discard); d.server != nil {
		t.Errorf("it listens on %s", d.server.Addr())
	}
	first := daemonWith(t, `{metrics: {listen: "127.0.0.1:0"}}`, io.Discard)
	settings := load(t, "").Gateway
	settings.Metrics.Listen = first.server.Addr().String()
	if _, err := New(settings, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "choose another port") {
		t.Errorf("a taken port: %v", err)
	}
}

func TestMetricsDetail(t *testing.T) {
	for detail, want := range map[string]bool{"interface": true, "vpc": false} {
		w := withFlows(t)
		settings := load(t, "gateway: {metrics: {detail: "+detail+"}}").Gateway
		var body recorder
		newMetrics(w.g, settings.Metrics, slog.New(slog.DiscardHandler)).ServeHTTP(&body, &http.Request{})
		if got := strings.Contains(body.String(), `name="db"`); got != want || !strings.Contains(body.String(), `vpc="blue"`) {
			t.Errorf("%s: it names interfaces: %v, want %v", detail, got, want)
		}
	}
}

// losing is a backend whose followers miss so many events.
type losing struct {
	control.Backend
	lost []uint64
}

func (l losing) Events(_ context.Context, _ control.EventsRequest, send func(...control.EventLine) error) error {
	for _, n := range l.lost {
		if err := send(control.EventLine{Event: new(control.Event)}, control.EventLine{Lost: n}); err != nil {
			return err
		}
	}
	return nil
}

// TestEventsLost: what followers miss is counted, and they are told as before.
func TestEventsLost(t *testing.T) {
	w := newWorld(t, twoVPCs)
	m := newMetrics(w.g, config.Metrics{}, slog.New(slog.DiscardHandler))
	c := counting{losing{lost: []uint64{3, 4}}, m}
	lines := 0
	for range 2 {
		if err := c.Events(t.Context(), control.EventsRequest{}, func(l ...control.EventLine) error {
			lines += len(l)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	var body recorder
	m.ServeHTTP(&body, &http.Request{})
	if !strings.Contains(body.String(), "\nsgate_events_lost_total 14\n") || lines != 8 {
		t.Errorf("%d lines, and in the metrics: %s", lines, body.String())
	}
	full := errors.New("full")
	if err := c.Events(t.Context(), control.EventsRequest{}, func(...control.EventLine) error { return full }); err != full {
		t.Errorf("the reader's error becomes %v", err)
	}
}

// recorder is a response.
type recorder struct{ bytes.Buffer }

func (*recorder) Header() http.Header { return http.Header{} }
func (*recorder) WriteHeader(int)     {}
