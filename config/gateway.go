package config

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sgate/sgate/vpc"
)

// Gateway is how the gateway itself runs. Values can be compared with ==.
type Gateway struct {
	MTU     int  // of every device, in bytes: 1280 to 65535
	Offload bool // super-packets; false is the kill switch
	Workers int  // threads that move packets: 0 to 64, 0 lets the gateway choose
	// RelatedICMPErrors lets in ICMP errors that quote a packet of a tracked
	// flow, without a rule for them. AWS does not document that it does.
	RelatedICMPErrors bool
	// DropMidstreamTCP drops TCP segments of a connection whose beginning was
	// not seen, also where a rule admits them.
	DropMidstreamTCP bool
	OnRuleChange     OnRuleChange
	Log              Log
	Conntrack        Conntrack
	Metrics          Metrics
}

// OnRuleChange is what becomes of tracked flows when rules change.
type OnRuleChange uint8

// KeepFlows is what AWS does: a tracked flow goes on until it ends. With
// RevalidateFlows it goes on if the new rules admit it, and with FlushFlows
// none does.
const (
	KeepFlows OnRuleChange = iota
	RevalidateFlows
	FlushFlows
)

// String returns the value as a configuration has it: keep, revalidate or
// flush.
func (c OnRuleChange) String() string {
	switch c {
	case RevalidateFlows:
		return "revalidate"
	case FlushFlows:
		return "flush"
	}
	return "keep"
}

// The other values of the gateway section that are words.
const (
	strictErrors   = "strict"
	relatedErrors  = "related"
	admitMidstream = "admit"
	dropMidstream  = "drop"
)

// Log says what the gateway logs.
type Log struct {
	Level  slog.Level // Debug, Info, Warn or Error
	Format string     // "text" or "json"
}

// Conntrack bounds the flow table.
type Conntrack struct {
	MaxFlows  int // of the whole gateway: 1 to 2^26
	Allowance int // of one interface: 0 to MaxFlows, 0 is as many as MaxFlows
	// Reclassify makes a tracked flow untracked when changed rules would no
	// longer track it.
	Reclassify bool
	Timeouts   Timeouts
}

// Timeouts are how long an idle flow is remembered, each a whole number of
// seconds. An interface's vpc.ConnectionTracking goes before TCPEstablished,
// UDP and UDPStream.
type Timeouts struct {
	TCPEstablished time.Duration // 60 s to 432,000 s
	TCPOpening     time.Duration // until the handshake is complete; like those below, 1 s to a day
	TCPClosing     time.Duration // after a FIN
	TCPReset       time.Duration // after a RST
	UDP            time.Duration // 30 s to 60 s; one direction, or a single request and response
	UDPStream      time.Duration // 60 s to 180 s
	ICMP           time.Duration // 1 s to a day
	Other          time.Duration // other protocols; 1 s to a day
}

// gatewayBuilder checks the values that the gateway section ended up with.
type gatewayBuilder struct {
	index  *index
	faults *faults
	places map[string]string // a key to the variable or flag that its value is from
}

func buildGateway(raw rawGateway, index *index, places map[string]string, f *faults) Gateway {
	b := gatewayBuilder{index, f, places}
	b.within("gateway.mtu", raw.MTU, 1280, 65535)
	b.within("gateway.workers", raw.Workers, 0, 64)
	conntrack := b.conntrack(raw.Conntrack)
	b.oneOf("gateway.icmp_errors", raw.ICMPErrors, strictErrors, relatedErrors)
	b.oneOf("gateway.tcp_midstream", raw.TCPMidstream, admitMidstream, dropMidstream)
	onChange := []string{KeepFlows.String(), RevalidateFlows.String(), FlushFlows.String()}
	b.oneOf("gateway.on_rule_change", raw.OnRuleChange, onChange...)
	b.oneOf("gateway.log.format", raw.Log.Format, "text", "json")
	b.oneOf("gateway.log.level", raw.Log.Level, "debug", "info", "warn", "error")
	var level slog.Level
	_ = level.UnmarshalText([]byte(raw.Log.Level)) // it has been checked
	return Gateway{
		MTU: raw.MTU, Offload: raw.Offload, Workers: raw.Workers,
		RelatedICMPErrors: raw.ICMPErrors == relatedErrors,
		DropMidstreamTCP:  raw.TCPMidstream == dropMidstream,
		OnRuleChange:      OnRuleChange(max(0, slices.Index(onChange, raw.OnRuleChange))),
		Log:               Log{Level: level, Format: raw.Log.Format},
		Conntrack:         conntrack,
		Metrics:           b.metrics(raw.Metrics),
	}
}

func (b gatewayBuilder) conntrack(raw rawConntrack) Conntrack {
	const mostFlows, day = 1 << 26, 24 * time.Hour
	b.within("gateway.conntrack.max_flows", raw.MaxFlows, 1, mostFlows)
	most := raw.MaxFlows
	if most < 1 || most > mostFlows {
		most = mostFlows // that max_flows is wrong is one fault
	}
	if raw.Allowance < 0 || raw.Allowance > most {
		b.fault("gateway.conntrack.allowance", fmt.Sprint(raw.Allowance), fmt.Sprintf("want 0 to %d, the max_flows of all interfaces", most))
	}
	return Conntrack{
		MaxFlows: raw.MaxFlows, Allowance: raw.Allowance, Reclassify: raw.Reclassify,
		Timeouts: Timeouts{
			TCPEstablished: b.timeout("tcp_established_timeout", raw.TCPEstablishedTimeout, vpc.MinTCPEstablishedTimeout, vpc.MaxTCPEstablishedTimeout),
			TCPOpening:     b.timeout("tcp_opening_timeout", raw.TCPOpeningTimeout, time.Second, day),
			TCPClosing:     b.timeout("tcp_closing_timeout", raw.TCPClosingTimeout, time.Second, day),
			TCPReset:       b.timeout("tcp_reset_timeout", raw.TCPResetTimeout, time.Second, day),
			UDP:            b.timeout("udp_timeout", raw.UDPTimeout, vpc.MinUDPTimeout, vpc.MaxUDPTimeout),
			UDPStream:      b.timeout("udp_stream_timeout", raw.UDPStreamTimeout, vpc.MinUDPStreamTimeout, vpc.MaxUDPStreamTimeout),
			ICMP:           b.timeout("icmp_timeout", raw.ICMPTimeout, time.Second, day),
			Other:          b.timeout("other_timeout", raw.OtherTimeout, time.Second, day),
		},
	}
}

// timeout reads a timeout of the flow table, in seconds.
func (b gatewayBuilder) timeout(key string, n int, low, high time.Duration) time.Duration {
	d, problem := seconds(n, low, high)
	if problem != "" {
		b.fault("gateway.conntrack."+key, fmt.Sprint(n), problem)
	}
	return d
}

// seconds returns n seconds, or what would be right. Only a number that is in
// range is multiplied, so that none overflows.
func seconds(n int, low, high time.Duration) (d time.Duration, problem string) {
	first, last := inSeconds(low), inSeconds(high)
	if n < first || n > last {
		return 0, fmt.Sprintf("want %d to %d seconds", first, last)
	}
	return time.Duration(n) * time.Second, ""
}

func inSeconds(d time.Duration) int { return int(d / time.Second) }

func (b gatewayBuilder) within(key string, n, low, high int) {
	if n < low || n > high {
		b.fault(key, fmt.Sprint(n), fmt.Sprintf("want %d to %d", low, high))
	}
}

func (b gatewayBuilder) oneOf(key, value string, known ...string) {
	if !slices.Contains(known, value) {
		b.fault(key, quote(value), hint(value, known))
	}
}

func (b gatewayBuilder) fault(key, value, detail string) {
	if place := b.places[key]; place != "" {
		b.faults.add(vpc.Origin{}, place+": "+value, "%s", detail)
		return
	}
	dot := strings.LastIndexByte(key, '.')
	subject := join(b.index.subjects[key[:dot]], key[dot+1:]+" "+value, ": ")
	b.faults.add(b.index.at(key), subject, "%s", detail)
}
