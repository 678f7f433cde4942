package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestMetricsListen(t *testing.T) {
	const nowhere, remote = "want an IP address and a port", "want a loopback address"
	for _, tt := range []struct {
		listen string
		remote bool
		want   string // "" if it is right
	}{
		{"", false, ""},
		{"off", false, ""},
		{"127.0.0.1:9464", false, ""},
		{"127.8.0.1:0", false, ""},
		{"[::1]:9464", false, ""},
		{"localhost:9464", false, ""},
		{"0.0.0.0:9464", false, remote},
		{":9464", false, remote},
		{"[::]:9464", false, remote},
		{"192.0.2.1:9464", false, remote},
		{"0.0.0.0:9464", true, ""},
		{":9464", true, ""},
		{"192.0.2.1:9464", true, ""},
		{"[2001:db8::1]:9464", true, ""},
		{"9464", false, nowhere},
		{"127.0.0.1", false, nowhere},
		{"::1:9464", false, nowhere},
		{"metrics.example:9464", true, nowhere},
		{"localhost.example:9464", false, nowhere},
		{"127.0.0.1:http", false, `port "http": want 0 to 65535`},
		{"127.0.0.1:65536", false, `port "65536": want 0 to 65535`},
		{"127.0.0.1:", false, `port "": want 0 to 65535`},
	} {
		cfg, err := parse(fmt.Sprintf("%sgateway: {metrics: {listen: %q, allow_remote: %v}}\n", onlyVPC, tt.listen, tt.remote))
		if tt.want == "" {
			if want := strings.TrimPrefix(tt.listen, "off"); err != nil || cfg.Gateway.Metrics.Listen != want {
				t.Errorf("%q: %v", tt.listen, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("f.yaml:2:29: gateway: metrics: listen %q: ", tt.listen)) ||
			!strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.listen, err, tt.want)
		}
	}
}

func TestMetricsDetail(t *testing.T) {
	for text, want := range map[string]MetricsDetail{"interface": EachInterface, "vpc": EachVPC} {
		cfg := mustParse(t, onlyVPC+"gateway: {metrics: {detail: "+text+"}}\n")
		if got := cfg.Gateway.Metrics.Detail; got != want || got.String() != text {
			t.Errorf("%s: %v", text, got)
		}
	}
	if _, err := parse(onlyVPC + "gateway: {metrics: {detail: vcp}}\n"); err == nil || !strings.Contains(err.Error(), `did you mean "vpc"?`) {
		t.Error(err)
	}
}
