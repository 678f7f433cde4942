package metrics

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/sgate/sgate/gateway"
)

var update = flag.Bool("update", false, "write the golden files anew")

// samples reads a scrape: a series, as it stands there, to its value.
func samples(t *testing.T, scrape string) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	for line := range strings.Lines(scrape) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		series, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "} ")
		if text == "" {
			series, text, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		} else {
			series += "}"
		}
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all[series] = value
	}
	return all
}

// some returns the samples whose series begin so.
func some(all map[string]float64, prefixes ...string) map[string]float64 {
	out := maps.Clone(all)
	maps.DeleteFunc(out, func(series string, _ float64) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(series, p) {
				return false
			}
		}
		return true
	})
	return out
}

// TestScrape holds every series of the gateway, and its value, after packets of
// every fate.
func TestScrape(t *testing.T) {
	for golden, o := range map[string]Options{"testdata/interfaces.txt": {}, "testdata/vpcs.txt": {PerVPC: true}} {
		w := withTraffic(t)
		m := New(w.g, o)
		var ours strings.Builder
		for line := range strings.Lines(scrape(t, m)) {
			if regexp.MustCompile(`^(# (HELP|TYPE) )?sgate_`).MatchString(line) && !strings.HasPrefix(line, "sgate_build_info") {
				ours.WriteString(line)
			}
		}
		if *update {
			if err := os.WriteFile(golden, []byte(ours.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), ours.String()); diff != "" {
			t.Errorf("%s, which -update writes anew (-want +got):\n%s", golden, diff)
		}
	}
}

// TestScrapeIsWhatPortsCount compares each interface's series with its counters.
func TestScrapeIsWhatPortsCount(t *testing.T) {
	w := withTraffic(t)
	got := some(samples(t, scrape(t, New(w.g, Options{}))), "sgate_interface_", "sgate_dropped_", "sgate_conntrack_")
	want := make(map[string]float64)
	for name, id := range w.ids {
		vpc := "blue"
		if name == "web-green" {
			vpc = "green"
		}
		c := w.port(name).Counters()
		set := func(metric, before string, n uint64, after string) {
			want[fmt.Sprintf(`%s{%sinterface_id="%s",name="%s"%s,vpc="%s"}`, metric, before, id, name, after, vpc)] = float64(n)
		}
		set("sgate_interface_packets_total", `direction="received",`, c.Received, "")
		set("sgate_interface_packets_total", `direction="sent",`, c.Sent, "")
		set("sgate_interface_bytes_total", `direction="received",`, c.ReceivedBytes, "")
		set("sgate_interface_bytes_total", `direction="sent",`, c.SentBytes, "")
		set("sgate_interface_forwarded_packets_total", "", c.Forwarded, "")
		set("sgate_interface_local_packets_total", "", c.Local, "")
		set("sgate_interface_up", "", 1, "")
		set("sgate_conntrack_allowance_available", "", uint64(c.ConntrackAllowanceAvailable), "")
		set("sgate_conntrack_allowance_exceeded_total", "", c.ConntrackAllowanceExceeded, "")
		for i, n := range c.Dropped {
			r := gateway.Reason(i)
			if n > 0 || r == gateway.ReasonNoEgressRule || r == gateway.ReasonNoIngressRule {
				set("sgate_dropped_packets_total", "", n, fmt.Sprintf(`,reason="%s"`, r))
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-ports +scrape):\n%s", diff)
	}
}

// TestSumsArePerVPC: what is told of a VPC is the sum of its interfaces'.
func TestSumsArePerVPC(t *testing.T) {
	w := withTraffic(t)
	each, sums := samples(t, scrape(t, New(w.g, Options{}))), samples(t, scrape(t, New(w.g, Options{PerVPC: true})))
	whose := regexp.MustCompile(`interface_id="[^"]*",name="[^"]*",`)
	want := make(map[string]float64)
	for series, n := range some(each, "sgate_interface_", "sgate_dropped_", "sgate_conntrack_allowance_exceeded") {
		if !strings.HasPrefix(series, "sgate_interface_up") {
			want[whose.ReplaceAllString(series, "")] += n
		}
	}
	got := some(sums, "sgate_interface_", "sgate_dropped_", "sgate_conntrack_")
	for series, n := range got { // a VPC has every reason from the start
		if _, is := want[series]; !is && n == 0 && strings.HasPrefix(series, "sgate_dropped_") {
			want[series] = 0
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-sums of interfaces +told):\n%s", diff)
	}
	reasons := 0
	for r := range gateway.Reason(gateway.Reasons) {
		if r.IsDrop() {
			reasons++
		}
	}
	if n := len(some(got, "sgate_dropped_")); n != 2*reasons {
		t.Errorf("%d series of drops for 2 VPCs, and there are %d reasons", n, reasons)
	}
}

// TestSumsNeverGoBack has devices leave and come back, some between two scrapes.
func TestSumsNeverGoBack(t *testing.T) {
	w := newWorld(t, gateway.Options{Allowance: 1})
	w.apply(twoVPCs)
	m := New(w.g, Options{PerVPC: true})
	want := func(packets, exceeded float64) {
		t.Helper()
		all := samples(t, scrape(t, m))
		if got := all[`sgate_interface_packets_total{direction="received",vpc="blue"}`]; got != packets {
			t.Errorf("%v packets received, want %v", got, packets)
		}
		if got := all[`sgate_conntrack_allowance_exceeded_total{vpc="blue"}`]; got != exceeded {
			t.Errorf("%v packets beyond the allowance, want %v", got, exceeded)
		}
	}
	exceed := func() { // the second flow is one too many
		w.connect("web", "10.0.1.10", "db", "10.0.1.20", 3306)
		w.open("web", "10.0.1.10", "10.0.1.20", 40001, 3306)
	}
	want(0, 0)
	exceed()
	want(4, 1)
	w.detach("web")
	want(4, 1)
	w.attach("web")
	want(4, 1)
	exceed()
	want(8, 2)
	w.detach("web")
	w.attach("web") // another device, and nobody has looked meanwhile
	exceed()
	want(12, 3)
	w.detach("web")
	w.detach("db")
	want(12, 3)
	w.apply(strings.ReplaceAll(twoVPCs, "{name: db, subnet", "{name: other, subnet"))
	want(12, 3)
}

// TestDescribed holds that a collector makes what it has described, which a
// pedantic registry checks.
func TestDescribed(t *testing.T) {
	w := withTraffic(t)
	for _, perVPC := range []bool{false, true} {
		c := NewCollector(w.g, perVPC)
		r := prometheus.NewPedanticRegistry()
		r.MustRegister(c)
		if _, err := r.Gather(); err != nil {
			t.Errorf("per VPC %v: %v", perVPC, err)
		}
		described := make(chan *prometheus.Desc, 99)
		c.Describe(described)
		families, err := r.Gather()
		if err != nil || len(described) != len(families) {
			t.Errorf("per VPC %v: %d metrics are described, and there are %d: %v", perVPC, len(described), len(families), err)
		}
	}
}

// TestNamesAndUnits holds names, units, types and help to Prometheus's
// conventions, as `promtool check metrics` does.
func TestNamesAndUnits(t *testing.T) {
	for _, o := range []Options{{}, {PerVPC: true}} {
		w := withTraffic(t)
		m := New(w.g, o)
		m.Applied(time.Unix(1, 0))
		problems, err := promlint.New(strings.NewReader(scrape(t, m))).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestReloads(t *testing.T) {
	w := newWorld(t, gateway.Options{})
	m := New(w.g, Options{})
	prefixes := []string{"sgate_config_", "sgate_policy_"}
	want := map[string]float64{
		`sgate_config_reloads_total{result="success"}`:       0,
		`sgate_config_reloads_total{result="failure"}`:       0,
		`sgate_config_last_reload_successful`:                0,
		`sgate_config_last_reload_success_timestamp_seconds`: 0,
		`sgate_policy_applied_timestamp_seconds`:             0,
		`sgate_policy_generation`:                            0,
	}
	check := func(when string) {
		t.Helper()
		got := some(samples(t, scrape(t, m)), prefixes...)
		maps.DeleteFunc(got, func(s string, _ float64) bool { return strings.Contains(s, "duration") })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("before the first")

	w.apply(twoVPCs)
	m.Applied(time.Unix(1000, 500e6))
	want[`sgate_config_reloads_total{result="success"}`] = 1
	want[`sgate_config_last_reload_successful`] = 1
	want[`sgate_config_last_reload_success_timestamp_seconds`] = 1000.5
	want[`sgate_policy_applied_timestamp_seconds`] = 1000.5
	want[`sgate_policy_generation`] = 1
	want[`sgate_policy_rules`] = 7
	check("in force")

	m.Refused()
	want[`sgate_config_reloads_total{result="failure"}`] = 1
	want[`sgate_config_last_reload_successful`] = 0
	check("another is refused")

	w.apply(strings.Replace(twoVPCs, "egress: []", "egress: [{type: HTTPS, destination: 0.0.0.0/0}]", 1))
	m.Applied(time.Unix(2000, 0))
	want[`sgate_config_reloads_total{result="success"}`] = 2
	want[`sgate_config_last_reload_successful`] = 1
	want[`sgate_config_last_reload_success_timestamp_seconds`] = 2000
	want[`sgate_policy_applied_timestamp_seconds`] = 2000
	want[`sgate_policy_generation`] = 2
	want[`sgate_policy_rules`] = 8
	check("mended")
}

func TestCompileTime(t *testing.T) {
	m := New(newWorld(t, gateway.Options{}).g, Options{})
	for _, took := range []time.Duration{50 * time.Microsecond, 3 * time.Millisecond, time.Minute} {
		m.Compiled(took)
	}
	all := samples(t, scrape(t, m))
	for series, want := range map[string]float64{
		`sgate_policy_compile_duration_seconds_bucket{le="0.0001"}`: 1,
		`sgate_policy_compile_duration_seconds_bucket{le="0.001"}`:  1,
		`sgate_policy_compile_duration_seconds_bucket{le="0.01"}`:   2,
		`sgate_policy_compile_duration_seconds_bucket{le="10"}`:     2,
		`sgate_policy_compile_duration_seconds_bucket{le="+Inf"}`:   3,
		`sgate_policy_compile_duration_seconds_count`:               3,
		`sgate_policy_compile_duration_seconds_sum`:                 60.00305,
	} {
		if got := all[series]; got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}

// TestHistogram: Prometheus's buckets are cumulative, the gateway's are not.
func TestHistogram(t *testing.T) {
	c := NewCollector(nil, false)
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(prometheus.CollectorFunc(func(out chan<- prometheus.Metric) {
		out <- c.histogram(gateway.Latency{
			Bounds: []time.Duration{time.Microsecond, time.Millisecond}, Counts: []uint64{5, 2, 1}, Sum: 3 * time.Second,
		}, "7")
	}))
	want := map[string]float64{
		`sgate_packet_latency_seconds_bucket{worker="7",le="1e-06"}`: 5,
		`sgate_packet_latency_seconds_bucket{worker="7",le="0.001"}`: 7,
		`sgate_packet_latency_seconds_bucket{worker="7",le="+Inf"}`:  8,
		`sgate_packet_latency_seconds_count{worker="7"}`:             8,
		`sgate_packet_latency_seconds_sum{worker="7"}`:               3,
	}
	if diff := cmp.Diff(want, samples(t, scrape(t, m))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
