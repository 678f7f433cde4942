package config

import (
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

const onlyVPC = "vpc: {cidr: 10.0.0.0/16}\n"

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return fs
}

func TestDefaults(t *testing.T) {
	want := Gateway{
		MTU: 9001, Offload: true, Workers: 0,
		Log: Log{Level: slog.LevelInfo, Format: "text"},
		Conntrack: Conntrack{MaxFlows: 1048576, Timeouts: Timeouts{
			TCPEstablished: 432000 * time.Second, TCPOpening: 60 * time.Second,
			TCPClosing: 120 * time.Second, TCPReset: 10 * time.Second,
			UDP: 30 * time.Second, UDPStream: 180 * time.Second, ICMP: 30 * time.Second, Other: 600 * time.Second,
		}},
	}
	for name, text := range map[string]string{
		"silent file":   onlyVPC,
		"empty section": onlyVPC + "gateway: {}\n",
		"Defaults":      string(Defaults()) + onlyVPC,
	} {
		cfg, err := Parse([]byte(text), Source{Path: "f.yaml", Flags: flags(t)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, cfg.Gateway); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Every setting must be in Defaults, or the test above would pass without it.
func TestDefaultsAreComplete(t *testing.T) {
	f := &faults{}
	root, ok := parseYAML(Defaults(), f)
	if !ok {
		t.Fatal(f.err())
	}
	index := newIndex("")
	checkShape(root, index, f)
	for _, s := range settings() {
		if _, ok := index.places[s.key]; !ok {
			t.Errorf("%s is not in Defaults", s.key)
		}
	}
}

// timeouts returns timeouts that all differ, n seconds above some base.
func timeouts(n int) Timeouts {
	s := func(base int) time.Duration { return time.Duration(base+n) * time.Second }
	return Timeouts{
		TCPEstablished: s(100), TCPOpening: s(200), TCPClosing: s(300), TCPReset: s(400),
		UDP: s(30), UDPStream: s(60), ICMP: s(500), Other: s(600),
	}
}

func TestPrecedence(t *testing.T) {
	const file = onlyVPC + `gateway:
  mtu: 1500
  offload: false
  workers: 1
  icmp_errors: related
  tcp_midstream: drop
  on_rule_change: revalidate
  log: {level: warn, format: json}
  conntrack:
    max_flows: 1000
    allowance: 100
    reclassify: true
    tcp_established_timeout: 101
    tcp_opening_timeout: 201
    tcp_closing_timeout: 301
    tcp_reset_timeout: 401
    udp_timeout: 31
    udp_stream_timeout: 61
    icmp_timeout: 501
    other_timeout: 601
  metrics: {listen: "127.0.0.1:9001", allow_remote: true, detail: vpc}
`
	fromFile := Gateway{
		MTU: 1500, Offload: false, Workers: 1,
		RelatedICMPErrors: true, DropMidstreamTCP: true, OnRuleChange: RevalidateFlows,
		Log:       Log{Level: slog.LevelWarn, Format: "json"},
		Conntrack: Conntrack{MaxFlows: 1000, Allowance: 100, Reclassify: true, Timeouts: timeouts(1)},
		Metrics:   Metrics{Listen: "127.0.0.1:9001", AllowRemote: true, Detail: EachVPC},
	}
	environ := []string{
		"SGATE_GATEWAY_MTU=2000", "SGATE_GATEWAY_OFFLOAD=true", "SGATE_GATEWAY_WORKERS=2",
		"SGATE_GATEWAY_ICMP_ERRORS=strict", "SGATE_GATEWAY_TCP_MIDSTREAM=admit", "SGATE_GATEWAY_ON_RULE_CHANGE=flush",
		"SGATE_GATEWAY_LOG_LEVEL=error", "SGATE_GATEWAY_LOG_FORMAT=text", "SGATE_GATEWAY_CONNTRACK_MAX_FLOWS=2000",
		"SGATE_GATEWAY_CONNTRACK_ALLOWANCE=200", "SGATE_GATEWAY_CONNTRACK_RECLASSIFY=false",
		"SGATE_GATEWAY_CONNTRACK_TCP_ESTABLISHED_TIMEOUT=102", "SGATE_GATEWAY_CONNTRACK_TCP_OPENING_TIMEOUT=202",
		"SGATE_GATEWAY_CONNTRACK_TCP_CLOSING_TIMEOUT=302", "SGATE_GATEWAY_CONNTRACK_TCP_RESET_TIMEOUT=402",
		"SGATE_GATEWAY_CONNTRACK_UDP_TIMEOUT=32", "SGATE_GATEWAY_CONNTRACK_UDP_STREAM_TIMEOUT=62",
		"SGATE_GATEWAY_CONNTRACK_ICMP_TIMEOUT=502", "SGATE_GATEWAY_CONNTRACK_OTHER_TIMEOUT=602",
		"SGATE_GATEWAY_METRICS_LISTEN=127.0.0.1:9002", "SGATE_GATEWAY_METRICS_ALLOW_REMOTE=false", "SGATE_GATEWAY_METRICS_DETAIL=interface",
		"SGATE_OTHER=ignored", "PATH=/bin", "SGATE_GATEWAY_PORT_443_TCP=tcp://10.0.0.1:443", "SGATE_GATEWAY_SERVICE_HOST=10.0.0.1",
	}
	fromEnv := Gateway{
		MTU: 2000, Offload: true, Workers: 2, OnRuleChange: FlushFlows,
		Log: Log{Level: slog.LevelError, Format: "text"}, Conntrack: Conntrack{MaxFlows: 2000, Allowance: 200, Timeouts: timeouts(2)},
		Metrics: Metrics{Listen: "127.0.0.1:9002"},
	}
	args := []string{
		"--mtu=3000", "--offload=false", "--workers=3", "--log-level=debug", "--log-format=json", "--max-flows=3000",
		"--icmp-errors=related", "--tcp-midstream=drop", "--on-rule-change=keep", "--conntrack-allowance=300", "--reclassify-flows",
		"--tcp-established-timeout=103", "--tcp-opening-timeout=203", "--tcp-closing-timeout=303", "--tcp-reset-timeout=403",
		"--udp-timeout=33", "--udp-stream-timeout=63", "--icmp-timeout=503", "--other-timeout=603",
		"--metrics-listen=127.0.0.1:9003", "--metrics-allow-remote", "--metrics-detail=vpc",
	}
	fromFlags := Gateway{
		MTU: 3000, Offload: false, Workers: 3,
		RelatedICMPErrors: true, DropMidstreamTCP: true, OnRuleChange: KeepFlows,
		Log:       Log{Level: slog.LevelDebug, Format: "json"},
		Conntrack: Conntrack{MaxFlows: 3000, Allowance: 300, Reclassify: true, Timeouts: timeouts(3)},
		Metrics:   Metrics{Listen: "127.0.0.1:9003", AllowRemote: true, Detail: EachVPC},
	}
	oneFlag := fromEnv
	oneFlag.MTU = 9001 // a flag that repeats the default is given all the same
	for _, tt := range []struct {
		name    string
		environ []string
		args    []string
		want    Gateway
	}{
		{"file", nil, nil, fromFile},
		{"empty variables", []string{"SGATE_GATEWAY_MTU="}, nil, fromFile},
		{"environment over file", environ, nil, fromEnv},
		{"flags over both", environ, args, fromFlags},
		{"flags over file", nil, args, fromFlags},
		{"one flag", environ, []string{"--mtu=9001"}, oneFlag},
	} {
		cfg, err := Parse([]byte(file), Source{Path: "f.yaml", Environ: tt.environ, Flags: flags(t, tt.args...)})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if cfg.Gateway != tt.want {
			t.Errorf("%s (-want +got):\n%s", tt.name, cmp.Diff(tt.want, cfg.Gateway))
		}
	}
}

// Each timeout has its shortest and its longest, with AWS's range where there
// is one (docs/semantics.md, section 4.3).
func TestRangesOfTimeouts(t *testing.T) {
	for _, tt := range []struct {
		key       string
		low, high int
	}{
		{"tcp_established_timeout", 60, 432000},
		{"tcp_opening_timeout", 1, 86400},
		{"tcp_closing_timeout", 1, 86400},
		{"tcp_reset_timeout", 1, 86400},
		{"udp_timeout", 30, 60},
		{"udp_stream_timeout", 60, 180},
		{"icmp_timeout", 1, 86400},
		{"other_timeout", 1, 86400},
	} {
		wraps := tt.low + 1<<55 // as many nanoseconds, in 64 bits, as tt.low
		for _, n := range []int{tt.low - 1, tt.low, tt.high, tt.high + 1, wraps, math.MinInt} {
			_, err := parse(fmt.Sprintf("%sgateway: {conntrack: {%s: %d}}\n", onlyVPC, tt.key, n))
			var want []string
			if n < tt.low || n > tt.high {
				want = []string{fmt.Sprintf("f.yaml:2:%d: gateway: conntrack: %s %d: want %d to %d seconds",
					len("gateway: {conntrack: {: ")+len(tt.key)+1, tt.key, n, tt.low, tt.high)}
			}
			if diff := cmp.Diff(want, lines(err)); diff != "" {
				t.Errorf("%s: %d (-want +got):\n%s", tt.key, n, diff)
			}
		}
	}
}

func TestOnRuleChangeInWords(t *testing.T) {
	for value, want := range map[OnRuleChange]string{KeepFlows: "keep", RevalidateFlows: "revalidate", FlushFlows: "flush"} {
		if got := value.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestProcessEnvironmentIsNotRead(t *testing.T) {
	t.Setenv("SGATE_GATEWAY_MTU", "1500")
	if cfg := mustParse(t, onlyVPC); cfg.Gateway.MTU != 9001 {
		t.Errorf("mtu %d is from the process's environment", cfg.Gateway.MTU)
	}
}

func TestFaultsNameVariablesAndFlags(t *testing.T) {
	_, err := Parse([]byte(onlyVPC+"gateway: {mtu: 100, workers: 65}\n"), Source{
		Path:    "f.yaml",
		Environ: []string{"SGATE_GATEWAY_MUT=1", "SGATE_GATEWAY_OFFLOAD=nope", "SGATE_GATEWAY_CONNTRACK_MAX_FLOWS=0"},
		Flags:   flags(t, "--mtu=99", "--log-level=loud"),
	})
	want := []string{
		`f.yaml:2:30: gateway: workers 65: want 0 to 64`,
		`SGATE_GATEWAY_MUT: unknown variable: did you mean "SGATE_GATEWAY_MTU"?`,
		`SGATE_GATEWAY_OFFLOAD: "nope": want true or false`,
		`--mtu: 99: want 1280 to 65535`,
		`SGATE_GATEWAY_CONNTRACK_MAX_FLOWS: 0: want 1 to 67108864`,
		`--log-level: "loud": known are debug, info, warn, error`,
	}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
