package gateway

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/fragment"
)

// The defaults of Options.
const (
	DefaultMaxFlows = 1 << 20
	DefaultMTU      = 9001 // as inside a VPC
)

func (o *Options) setDefaults() {
	if o.Workers == 0 {
		o.Workers = max(1, runtime.NumCPU()/2)
	}
	if o.MaxFlows == 0 {
		o.MaxFlows = DefaultMaxFlows
	}
	if o.MTU == 0 {
		o.MTU = DefaultMTU
	}
	if o.Timeouts == (conntrack.Timeouts{}) {
		o.Timeouts = conntrack.DefaultTimeouts()
	}
	if o.Fragments == (fragment.Limits{}) {
		o.Fragments = fragment.DefaultLimits()
	}
	if o.Now == nil {
		start := time.Now()
		o.Now = func() int64 { return int64(time.Since(start)) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}
