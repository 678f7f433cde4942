package config

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/sgate/sgate/vpc"
)

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
	b.within("gateway.conntrack.max_flows", raw.Conntrack.MaxFlows, 1, 1<<26)
	b.oneOf("gateway.log.format", raw.Log.Format, "text", "json")
	b.oneOf("gateway.log.level", raw.Log.Level, "debug", "info", "warn", "error")
	var level slog.Level
	_ = level.UnmarshalText([]byte(raw.Log.Level)) // it has been checked
	return Gateway{
		MTU: raw.MTU, Offload: raw.Offload, Workers: raw.Workers,
		Log:       Log{Level: level, Format: raw.Log.Format},
		Conntrack: Conntrack{MaxFlows: raw.Conntrack.MaxFlows},
	}
}

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
