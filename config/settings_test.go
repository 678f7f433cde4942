package config

import (
	"log/slog"
	"testing"

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
		Log:       Log{Level: slog.LevelInfo, Format: "text"},
		Conntrack: Conntrack{MaxFlows: 1048576},
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

func TestPrecedence(t *testing.T) {
	const file = onlyVPC + `gateway:
  mtu: 1500
  offload: false
  workers: 1
  log: {level: warn, format: json}
  conntrack: {max_flows: 1000}
`
	fromFile := Gateway{
		MTU: 1500, Offload: false, Workers: 1,
		Log: Log{Level: slog.LevelWarn, Format: "json"}, Conntrack: Conntrack{MaxFlows: 1000},
	}
	environ := []string{
		"SGATE_GATEWAY_MTU=2000", "SGATE_GATEWAY_OFFLOAD=true", "SGATE_GATEWAY_WORKERS=2",
		"SGATE_GATEWAY_LOG_LEVEL=error", "SGATE_GATEWAY_LOG_FORMAT=text", "SGATE_GATEWAY_CONNTRACK_MAX_FLOWS=2000",
		"SGATE_OTHER=ignored", "PATH=/bin", "SGATE_GATEWAY_PORT_443_TCP=tcp://10.0.0.1:443", "SGATE_GATEWAY_SERVICE_HOST=10.0.0.1",
	}
	fromEnv := Gateway{
		MTU: 2000, Offload: true, Workers: 2,
		Log: Log{Level: slog.LevelError, Format: "text"}, Conntrack: Conntrack{MaxFlows: 2000},
	}
	args := []string{"--mtu=3000", "--offload=false", "--workers=3", "--log-level=debug", "--log-format=json", "--max-flows=3000"}
	fromFlags := Gateway{
		MTU: 3000, Offload: false, Workers: 3,
		Log: Log{Level: slog.LevelDebug, Format: "json"}, Conntrack: Conntrack{MaxFlows: 3000},
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
		if diff := cmp.Diff(tt.want, cfg.Gateway); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
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
