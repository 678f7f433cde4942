package config

import "github.com/sgate/sgate/internal/local"

// Metrics says where the gateway tells what it has counted, and whether it is
// well: /metrics, /healthz and /readyz by HTTP. The control socket has them in
// any case.
type Metrics struct {
	Listen string // IP address and port, "" for none; port 0 lets the system choose
	// AllowRemote says that Listen may be an address which other machines reach.
	AllowRemote bool
	Detail      MetricsDetail
}

// MetricsDetail is what each time series is about.
type MetricsDetail uint8

// EachInterface gives every interface series of its own; EachVPC sums them up,
// which 10,000 interfaces may call for.
const (
	EachInterface MetricsDetail = iota
	EachVPC
)

// String returns the value as a configuration has it: interface or vpc.
func (d MetricsDetail) String() string {
	if d == EachVPC {
		return "vpc"
	}
	return "interface"
}

// noListener is what a flag or a variable, which cannot be empty, says for "".
const noListener = "off"

func metricsSettings(d Metrics) []setting {
	return []setting{
		{"gateway.metrics.listen", "metrics-listen", d.Listen, `local address of Prometheus metrics, /healthz and /readyz, such as 127.0.0.1:9464; "" or off for none`},
		{"gateway.metrics.allow_remote", "metrics-allow-remote", d.AllowRemote, "let metrics.listen be an address that other machines reach; nobody is asked who they are"},
		{"gateway.metrics.detail", "metrics-detail", d.Detail.String(), "what each series is about: interface, or vpc, the sums, for thousands of interfaces"},
	}
}

func (b gatewayBuilder) metrics(raw rawMetrics) Metrics {
	b.oneOf("gateway.metrics.detail", raw.Detail, EachInterface.String(), EachVPC.String())
	m := Metrics{Listen: raw.Listen, AllowRemote: raw.AllowRemote}
	if raw.Detail == EachVPC.String() {
		m.Detail = EachVPC
	}
	if m.Listen == noListener {
		m.Listen = ""
	}
	if problem := checkListen(m); problem != "" {
		b.fault("gateway.metrics.listen", quote(m.Listen), problem)
	}
	return m
}

// checkListen returns what is wrong with the address to listen on, "" if
// nothing is.
func checkListen(m Metrics) (problem string) {
	if m.Listen == "" {
		return ""
	}
	onlyHere, err := local.Only(m.Listen)
	switch {
	case err != nil:
		return err.Error() + ", such as 127.0.0.1:9464"
	case !onlyHere && !m.AllowRemote:
		return "other machines could read the names and counts of all interfaces: want a loopback address, such as 127.0.0.1:9464, or allow_remote: true"
	}
	return ""
}
