package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/sgate/sgate/vpc"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// setting is one value of the gateway section: it can come from the file, from
// the environment and from a flag.
type setting struct {
	key   string // in the file
	flag  string
	value any // the default: an int, a bool or a string
	help  string
}

// defaults is the gateway section of a file that says nothing. It is what AWS
// does, where that is known (docs/semantics.md, sections 4.2 to 4.5).
func defaults() Gateway {
	return Gateway{
		MTU: 9001, Offload: true, Workers: 0,
		Log: Log{Level: slog.LevelInfo, Format: "text"},
		Conntrack: Conntrack{MaxFlows: 1 << 20, Timeouts: Timeouts{
			TCPEstablished: vpc.MaxTCPEstablishedTimeout,
			TCPOpening:     60 * time.Second,
			TCPClosing:     120 * time.Second,
			TCPReset:       10 * time.Second,
			UDP:            vpc.MinUDPTimeout,
			UDPStream:      vpc.MaxUDPStreamTimeout,
			ICMP:           30 * time.Second,
			Other:          600 * time.Second,
		}},
	}
}

func settings() []setting { return settingsOf(defaults()) }

// settingsOf returns the settings with the values that make d.
func settingsOf(d Gateway) []setting {
	icmpErrors, midstream := strictErrors, admitMidstream
	if d.RelatedICMPErrors {
		icmpErrors = relatedErrors
	}
	if d.DropMidstreamTCP {
		midstream = dropMidstream
	}
	return slices.Concat([]setting{
		{"gateway.mtu", "mtu", d.MTU, "MTU of every device, in bytes, 1280 to 65535; a VPC has 9001"},
		{"gateway.offload", "offload", d.Offload, "pass super-packets of up to 64 KiB through whole; false is for kernels that corrupt them"},
		{"gateway.workers", "workers", d.Workers, "threads that move packets, up to 64; 0 lets the gateway choose"},
		{"gateway.icmp_errors", "icmp-errors", icmpErrors, "ICMP errors about tracked flows: strict, by the rules alone, as AWS documents; or related, let in as on Linux"},
		{"gateway.tcp_midstream", "tcp-midstream", midstream, "TCP connections whose beginning was not seen: admit, where a rule does; or drop"},
		{"gateway.on_rule_change", "on-rule-change", d.OnRuleChange.String(), "tracked flows when rules change: keep, as AWS does; revalidate, by the new rules; or flush"},
		{"gateway.log.level", "log-level", levelName(d.Log.Level), "what is worth a log line: debug, info, warn or error"},
		{"gateway.log.format", "log-format", d.Log.Format, "form of the log: text or json"},
	}, conntrackSettings(d.Conntrack), metricsSettings(d.Metrics))
}

// Setting is a value of the gateway section.
type Setting struct {
	Key   string // with its sections: "gateway.log.level"
	Value any    // an int, a bool or a string
}

// Changed returns the settings that are not the defaults, in the order of
// Defaults.
func (g Gateway) Changed() []Setting {
	var out []Setting
	standard := settings()
	for i, s := range settingsOf(g) {
		if s.value != standard[i].value {
			out = append(out, Setting{s.key, s.value})
		}
	}
	return out
}

func conntrackSettings(d Conntrack) []setting {
	t := d.Timeouts
	timeout := func(name string, value time.Duration, help string) setting {
		flag := strings.ReplaceAll(name, "_", "-")
		return setting{"gateway.conntrack." + name, flag, inSeconds(value), help}
	}
	return []setting{
		{"gateway.conntrack.max_flows", "max-flows", d.MaxFlows, "limit of tracked flows, 1 to 67108864"},
		{"gateway.conntrack.allowance", "conntrack-allowance", d.Allowance, "limit of tracked flows of one interface, up to max_flows; 0 is as many as max_flows"},
		{"gateway.conntrack.reclassify", "reclassify-flows", d.Reclassify, "make a tracked flow untracked when changed rules would no longer track it"},
		timeout("tcp_established_timeout", t.TCPEstablished, "seconds that an idle TCP connection is tracked, 60 to 432000; Nitro v6 instances have 350"),
		timeout("tcp_opening_timeout", t.TCPOpening, "seconds that a TCP handshake may take, 1 to 86400"),
		timeout("tcp_closing_timeout", t.TCPClosing, "seconds that a TCP connection is tracked after a FIN, 1 to 86400"),
		timeout("tcp_reset_timeout", t.TCPReset, "seconds that a TCP connection is tracked after a RST, 1 to 86400"),
		timeout("udp_timeout", t.UDP, "seconds that an idle UDP flow of one direction or one exchange is tracked, 30 to 60"),
		timeout("udp_stream_timeout", t.UDPStream, "seconds that an idle UDP flow of more than one exchange is tracked, 60 to 180"),
		timeout("icmp_timeout", t.ICMP, "seconds that an idle ICMP flow is tracked, 1 to 86400"),
		timeout("other_timeout", t.Other, "seconds that an idle flow of another protocol is tracked, 1 to 86400"),
	}
}

func levelName(l slog.Level) string { return strings.ToLower(l.String()) }

const envPrefix = "SGATE_GATEWAY_"

// env returns the variable of the setting: SGATE_GATEWAY_LOG_LEVEL.
func (s setting) env() string {
	return "SGATE_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// parse reads the setting from a string.
func (s setting) parse(value string) (any, error) {
	switch s.value.(type) {
	case int:
		n, err := strconv.Atoi(value)
		if err != nil {
			return nil, errors.New("want an integer")
		}
		return n, nil
	case bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return nil, errors.New("want true or false")
		}
		return b, nil
	}
	return value, nil
}

// AddFlags adds the flags of the gateway section to fs, one a setting, such as
// --mtu and --log-level. A Source then takes fs.
func AddFlags(fs *pflag.FlagSet) {
	for _, s := range settings() {
		switch value := s.value.(type) {
		case int:
			fs.Int(s.flag, value, s.help)
		case bool:
			fs.Bool(s.flag, value, s.help)
		case string:
			fs.String(s.flag, value, s.help)
		}
	}
}

// Defaults returns the gateway section of a file with every default, as YAML
// with comments.
func Defaults() []byte {
	var b strings.Builder
	b.WriteString("# How the gateway runs, with every default. Each setting can also be given as a\n" +
		"# variable of the environment or as a flag; flags win over the environment, and\n" +
		"# the environment over the file.\n")
	var open []string // the sections that the line before stands in
	for _, s := range settings() {
		parts := strings.Split(s.key, ".")
		last := len(parts) - 1
		for depth, section := range parts[:last] {
			if depth >= len(open) || open[depth] != section {
				fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", depth), section)
				open = append(open[:depth:depth], section)
			}
		}
		open = open[:last]
		indent := strings.Repeat("  ", last)
		fmt.Fprintf(&b, "%s# %s\n%s# (%s, --%s)\n%s%s: %s\n", indent, s.help, indent, s.env(), s.flag, indent, parts[last], s.yaml())
	}
	return []byte(b.String())
}

// yaml returns the default as a file has it.
func (s setting) yaml() string {
	if s.value == "" {
		return `""` // nothing at all would be null
	}
	return fmt.Sprint(s.value)
}

// decode lays the environment and the flags over the file's values and decodes
// all into the raw structs. places tells of each setting that is not the
// file's which variable or flag it comes from.
func decode(tree map[string]any, src Source, f *faults) (raw rawFile, places map[string]string, err error) {
	v := viper.New()
	places = make(map[string]string)
	if err := v.MergeConfigMap(tree); err != nil {
		return raw, nil, err
	}
	environ := environment(src.Environ, f)
	for _, s := range settings() {
		v.SetDefault(s.key, s.value)
		if value, ok := environ[s.env()]; ok {
			places[s.key] = s.env()
			if err := v.MergeConfigMap(nested(s.key, value)); err != nil {
				return raw, nil, err
			}
		}
		if src.Flags == nil || src.Flags.Lookup(s.flag) == nil {
			continue
		}
		flag := src.Flags.Lookup(s.flag)
		if flag.Changed {
			places[s.key] = "--" + s.flag
		}
		if err := v.BindPFlag(s.key, flag); err != nil {
			return raw, nil, err
		}
	}
	return raw, places, v.UnmarshalExact(&raw, strictly)
}

// strictly turns off the conversions that viper brings, such as splitting
// strings at commas: every layer has values of the right kind already.
func strictly(c *mapstructure.DecoderConfig) {
	c.WeaklyTypedInput = false
	c.DecodeHook = nil
}

// environment returns the values of the settings' variables, each of the kind
// of its setting.
func environment(environ []string, f *faults) map[string]any {
	byName := make(map[string]setting)
	var names []string
	for _, s := range settings() {
		byName[s.env()] = s
		names = append(names, s.env())
	}
	out := make(map[string]any)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || value == "" || fromKubernetes(name) {
			continue
		}
		s, known := byName[name]
		if !known {
			f.add(vpc.Origin{}, name, "unknown variable: %s", hint(name, names))
			continue
		}
		if v, err := s.parse(value); err != nil {
			f.add(vpc.Origin{}, name+": "+quote(value), "%v", err)
		} else {
			out[name] = v
		}
	}
	return out
}

// fromKubernetes reports whether a variable is one that Kubernetes sets in
// every container beside a service called sgate-gateway.
func fromKubernetes(name string) bool {
	rest := strings.TrimPrefix(name, envPrefix)
	return rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_")
}

// nested returns the tree that holds only value, at the dotted key.
func nested(key string, value any) map[string]any {
	parts := strings.Split(key, ".")
	for i := len(parts) - 1; i > 0; i-- {
		value = map[string]any{parts[i]: value}
	}
	return map[string]any{parts[0]: value}
}
