package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/flowlog"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// flowLogs keeps the gateway's flow logs in step with the configuration.
type flowLogs struct {
	manager *flowlog.Manager
	own     map[string]bool // ids of those that come from the configuration
	end     context.CancelFunc
	ended   chan struct{}
}

func newFlowLogs(g *gateway.Gateway, log *slog.Logger) *flowLogs {
	ctx, end := context.WithCancel(context.Background())
	f := &flowLogs{
		manager: flowlog.New(g, flowlog.Options{Clock: func() (time.Time, int64) { return time.Now(), g.Now() }, Log: log}),
		end:     end, ended: make(chan struct{}),
	}
	go func() {
		defer close(f.ended)
		f.manager.Run(ctx)
	}()
	return f
}

// FlowLogs returns the gateway's flow logs.
func (d *Daemon) FlowLogs() *flowlog.Manager { return d.flowLogs.manager }

// Undelivered returns the ids of the flow logs whose destinations take no records
// now.
func (d *Daemon) Undelivered() map[string]bool {
	ids := make(map[string]bool)
	for _, l := range d.FlowLogs().List() {
		if l.DeliverLogsErrorMessage != "" {
			ids[l.ID] = true
		}
	}
	return ids
}

// flowLogsChange is what a new configuration asks of the flow logs. Either its
// apply or its discard has to be called.
type flowLogsChange struct {
	of   *flowLogs
	plan *flowlog.Plan
	own  map[string]bool
}

// change opens what the flow logs of a configuration need. A log that is the same
// as before goes on.
func (f *flowLogs) change(cfg *config.Config, s *vpc.Snapshot) (*flowLogsChange, error) {
	wanted, own := make(map[string]flowlog.Log), make(map[string]bool)
	for _, l := range cfg.FlowLogs {
		wanted[l.ID], own[l.ID] = flowLog(l), true
	}
	place := flowlog.Place{AccountID: cfg.Account.ID, Region: cfg.Account.Region, ZoneID: cfg.Account.AvailabilityZoneID}
	c := flowlog.Change{Place: &place, Snapshot: s}
	for _, running := range f.manager.List() {
		if !f.own[running.ID] {
			continue
		}
		if wanted[running.ID] == running.Log {
			delete(wanted, running.ID)
			continue
		}
		c.Remove = append(c.Remove, running.ID)
	}
	for _, l := range cfg.FlowLogs {
		if add, is := wanted[l.ID]; is {
			c.Add = append(c.Add, add)
		}
	}
	plan, err := f.manager.Plan(c)
	if err != nil {
		return nil, atOrigin(err, cfg.FlowLogs)
	}
	return &flowLogsChange{f, plan, own}, nil
}

// flowLog returns a log of the configuration as package flowlog has it.
func flowLog(l config.FlowLog) flowlog.Log {
	out := flowlog.Log{
		ID: l.ID, Name: l.Name, ResourceID: l.ResourceID, Interval: l.MaxAggregationInterval, Format: l.LogFormat,
		Destination: l.Destination, Header: l.Header, MaxFileSize: l.MaxFileSize, MaxFiles: l.MaxFiles,
	}
	for _, t := range []flowlog.TrafficType{flowlog.AcceptedTraffic, flowlog.RejectedTraffic} {
		if l.TrafficType == t.String() {
			out.Traffic = t
		}
	}
	return out
}

// atOrigin says where the log is declared that an error is about.
func atOrigin(err error, logs []config.FlowLog) error {
	about := (*flowlog.Error)(nil)
	if !errors.As(err, &about) {
		return err
	}
	for _, l := range logs {
		if at := l.Origin.String(); l.ID == about.Log.ID && at != "" {
			return fmt.Errorf("%s: flow log %q: %w", at, l.Name, about.Err)
		}
	}
	return err
}

func (c *flowLogsChange) apply() error {
	c.of.own = c.own
	return c.plan.Apply()
}

func (c *flowLogsChange) discard() error {
	if c == nil {
		return nil // it was refused
	}
	return c.plan.Discard()
}

// closeFlowLogs writes what is left to write. No packets come any more.
func (d *Daemon) closeFlowLogs() error {
	if d.flowLogs == nil {
		return nil
	}
	d.flowLogs.end()
	<-d.flowLogs.ended
	return d.flowLogs.manager.Close()
}
