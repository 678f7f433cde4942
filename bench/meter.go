package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sgate/sgate/bench/path"
	"github.com/sgate/sgate/bench/report"
	"github.com/sgate/sgate/bench/traffic"
)

// meter measures one path that is up.
type meter struct {
	world *path.World
	load  *traffic.Load
	spans spans
	add   func(report.Metric, float64)

	flood float64 // packets a second, once measured
}

// measure makes one measurement.
func (m *meter) measure(ctx context.Context, what measure) error {
	switch what {
	case tcp:
		return m.tcp(ctx)
	case udp:
		return m.udp(ctx)
	case paced:
		return m.paced(ctx)
	case roundTrips:
		return m.roundTrips(ctx)
	case connect:
		return m.connect(ctx)
	case change:
		return m.change(ctx)
	}
	return fmt.Errorf("%q is not measured of a path", what)
}

// addr is where the client reaches the server for what is measured by one
// family only: IPv4 where there is.
func (m *meter) addr() netip.Addr {
	if a := m.world.ServerAddr[0]; a.IsValid() {
		return a
	}
	return m.world.ServerAddr[1]
}

func (m *meter) tcp(ctx context.Context) error {
	metrics := [2][2]report.Metric{{report.TCP1IPv4, report.TCP1IPv6}, {report.TCP4IPv4, report.TCP4IPv6}}
	var bytes float64
	var errs []error
	cpu := m.cpu()
	for i, streams := range []int{1, 4} {
		for family, addr := range m.world.ServerAddr {
			if !addr.IsValid() {
				continue
			}
			t, err := m.load.TCP(ctx, addr, streams, m.spans.tcp)
			if err != nil {
				errs = append(errs, fmt.Errorf("%d streams to %v: %w", streams, addr, err))
				continue
			}
			bytes += t.Bytes
			m.add(metrics[i][family], t.Rate())
		}
	}
	if len(errs) == 0 {
		m.addCPU(report.TCPCPU, cpu, bytes/1e9)
	}
	return errors.Join(errs...)
}

func (m *meter) udp(ctx context.Context) error {
	cpu := m.cpu()
	d, err := m.load.UDP(ctx, m.addr(), 0, m.spans.udp)
	if err != nil {
		return err
	}
	if d.Received.Overflow > 0 {
		return fmt.Errorf("the sink has lost %d packets: it is what would be measured", d.Received.Overflow)
	}
	m.flood = d.Rate()
	m.add(report.UDPFlood, m.flood)
	m.addCPU(report.UDPCPU, cpu, float64(d.Received.Packets)/1e6)
	return nil
}

// paced begins its search at what a flood delivers.
func (m *meter) paced(ctx context.Context) error {
	if m.flood == 0 {
		d, err := m.load.UDP(ctx, m.addr(), 0, m.spans.udp)
		if err != nil {
			return err
		}
		m.flood = d.Rate()
	}
	rate, err := m.load.Paced(ctx, m.addr(), m.flood)
	if err != nil {
		return err
	}
	m.add(report.UDPPaced, rate)
	return nil
}

// perMicrosecond converts to seconds.
const perMicrosecond = 1e-6

func (m *meter) roundTrips(ctx context.Context) error {
	r, err := m.load.RoundTrips(ctx, m.addr(), m.spans.roundTrips)
	if err != nil {
		return err
	}
	m.add(report.RoundTrips, r.Rate())
	m.add(report.P50, r.P50*perMicrosecond)
	m.add(report.P99, r.P99*perMicrosecond)
	m.add(report.P999, r.P999*perMicrosecond)
	return nil
}

func (m *meter) connect(ctx context.Context) error {
	c, err := m.load.Connections(ctx, m.addr(), m.spans.connect)
	if err != nil {
		return err
	}
	m.add(report.Connections, c.Rate())
	return nil
}

// changeEvery is how often a rule changes.
const changeEvery = 200 * time.Millisecond

// change measures round trips with no change, and again while a rule changes.
func (m *meter) change(ctx context.Context) error {
	quiet, err := m.load.RoundTrips(ctx, m.addr(), m.spans.change)
	if err != nil {
		return err
	}
	changing, stop := context.WithCancel(ctx)
	defer stop()
	type changes struct {
		longest time.Duration
		err     error
	}
	done := make(chan changes, 1)
	go func() {
		longest, err := m.keepChanging(changing)
		done <- changes{longest, err}
	}()
	busy, err := m.load.RoundTrips(ctx, m.addr(), m.spans.change)
	stop()
	c := <-done
	if err := errors.Join(err, c.err); err != nil {
		return err
	}
	m.add(report.P999Quiet, quiet.P999*perMicrosecond)
	m.add(report.P999Changing, busy.P999*perMicrosecond)
	m.add(report.ChangeTook, c.longest.Seconds())
	return nil
}

// keepChanging changes a rule again and again until the context ends, and
// returns the longest that one took.
func (m *meter) keepChanging(ctx context.Context) (longest time.Duration, err error) {
	tick := time.NewTicker(changeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return longest, nil
		case <-tick.C:
		}
		// Without the context: one that has begun is not to be cut short.
		took, err := m.world.ChangeRule(context.WithoutCancel(ctx))
		if err != nil {
			return longest, err
		}
		longest = max(longest, took)
	}
}

// cpu is what the gateway has used so far; negative if that is unknown.
func (m *meter) cpu() time.Duration {
	if d, ok := m.world.CPU(); ok {
		return d
	}
	return -1
}

// addCPU adds what the gateway has used since, in seconds per unit of work.
func (m *meter) addCPU(metric report.Metric, before time.Duration, work float64) {
	if now := m.cpu(); before >= 0 && now >= 0 && work > 0 {
		m.add(metric, (now-before).Seconds()/work)
	}
}
