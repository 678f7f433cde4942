package flowlog

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/internal/background"
	"github.com/sgate/sgate/vpc"
)

// Source is whose packets are logged: a gateway.
type Source interface {
	Watch(gateway.Watcher) (stop func())
}

// DefaultFlows is how many flows are remembered at a time.
const DefaultFlows = 1 << 18

// Options are what a Manager is made of.
type Options struct {
	// Clock returns the time of day and, taken at once, the source's own time in
	// ns. Required.
	Clock func() (time.Time, int64)
	// Flows is how many flows are remembered at most until they are written, of
	// one sender a quarter of it. Records of others are lost. Default: DefaultFlows.
	Flows  int
	Stdout *os.File     // default: os.Stdout
	Log    *slog.Logger // default: none
}

// Manager has the flow logs of a gateway. The gateway is watched only while there
// are any. All methods may be called by several goroutines at once.
type Manager struct {
	source    Source
	options   Options
	collector *collector

	changing sync.Mutex // held from a Plan until it is applied or discarded

	mu            sync.Mutex
	stop          func() // of the watching; nil if there is none
	place         Place
	snapshot      *vpc.Snapshot
	known, before *inventory // of the snapshot, and of the one before it
	logs          []*active
	closed        bool
}

// New returns a manager without logs.
func New(source Source, o Options) *Manager {
	if o.Flows == 0 {
		o.Flows = DefaultFlows
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	none := newInventory(nil)
	return &Manager{source: source, options: o, collector: newCollector(o.Flows), known: none, before: none}
}

// Run writes the records of each interval when it ends, until ctx is done.
func (m *Manager) Run(ctx context.Context) {
	for {
		now, _ := m.options.Clock()
		next := time.NewTimer(now.Truncate(MinInterval).Add(MinInterval).Sub(now))
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
			m.Tick()
		}
	}
}

// Tick takes what has been collected and writes the records of the logs whose
// interval has ended. Run calls it each minute.
func (m *Manager) Tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, c := m.collect()
	_ = background.Do(func() error {
		m.sumUp(c, m.known, m.before)
		for _, l := range m.logs {
			if l.ends(now) {
				l.endInterval(now, m.place, m.known.all())
			} else if len(l.records) >= m.options.Flows {
				l.flush(now, m.place)
			}
		}
		return nil
	})
}

// collected is what was taken from the collector, and how to read its times.
type collected struct {
	batches []batch
	now     int64 // Unix seconds
	epoch   int64 // Unix ns of the source's time 0
}

// collect takes what has been collected. The manager's lock is held.
func (m *Manager) collect() (time.Time, collected) {
	batches := m.collector.take()
	now, ns := m.options.Clock()
	now = now.Round(0) // the time of day alone: it may be set
	return now, collected{batches, now.Unix(), now.UnixNano() - ns}
}

// sumUp adds what was collected to the records of the logs. Interfaces are those
// of first, or of second. The manager's lock is held.
func (m *Manager) sumUp(c collected, first, second *inventory) {
	find := func(p *gateway.Port) *nic {
		if p == nil {
			return nil
		}
		if n := first.byID(p.ID()); n != nil {
			return n
		}
		return second.byID(p.ID())
	}
	for _, b := range c.batches {
		for k, a := range b.flows {
			during := span{c.second(a.first), c.second(a.last)}
			m.addAt(end{find(k.in), vpc.Egress, k.verdict.egress}, &k, a, during)
			m.addAt(end{find(k.out), vpc.Ingress, k.verdict.ingress}, &k, a, during)
		}
		for port := range b.lost {
			if n := find(port); n != nil {
				for _, l := range m.logs {
					l.skip(n, l.until(c.now))
				}
			}
		}
	}
}

func (m *Manager) addAt(at end, k *flowKey, a *aggregate, during span) {
	if at.nic == nil {
		return
	}
	for _, l := range m.logs {
		l.add(at, k, a, during)
	}
}

// second returns a time of the source's clock as Unix seconds.
func (c *collected) second(ns int64) int64 {
	return time.Unix(0, c.epoch+ns).Unix()
}

// List returns the logs, in the order in which they were added.
func (m *Manager) List() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Status, len(m.logs))
	for i, l := range m.logs {
		all[i] = l.status()
	}
	return all
}

// Close writes what has been collected and ends all logs.
func (m *Manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	m.unwatch()
	return m.end(m.before, func(*active) bool { return true })
}

// end sums up what has been collected, and ends the logs that are to go.
// Interfaces that are not known are looked for in other. The manager's lock is
// held.
func (m *Manager) end(other *inventory, gone func(*active) bool) error {
	now, c := m.collect()
	m.sumUp(c, m.known, other)
	var errs []error
	m.logs = slices.DeleteFunc(m.logs, func(l *active) bool {
		if !gone(l) {
			return false
		}
		l.flush(now, m.place)
		errs = append(errs, l.to.close())
		return true
	})
	return errors.Join(errs...)
}

// watch starts or ends the watching, as there are logs or not, of which
// interfaces they are about.
func (m *Manager) watch() {
	m.collector.covers.Store(m.coverage())
	switch {
	case len(m.logs) == 0:
		m.unwatch()
	case m.stop == nil:
		m.stop = m.source.Watch(m.collector)
	}
}

func (m *Manager) unwatch() {
	if m.stop != nil {
		m.stop()
		m.stop = nil
	}
}

// coverage returns which interfaces the logs are about.
func (m *Manager) coverage() *coverage {
	c := &coverage{ids: make(map[string]bool)}
	for _, l := range m.logs {
		c.all = c.all || l.ResourceID == ""
		for _, n := range m.known.all() {
			if l.covers(n) {
				c.ids[n.id] = true
			}
		}
	}
	return c
}
