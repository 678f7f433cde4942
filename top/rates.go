package top

import (
	"maps"
	"slices"
	"time"

	"github.com/sgate/sgate/control"
)

// meter makes rates of samples: of each, with the one before it. The zero meter
// is ready.
type meter struct {
	last   snapshot
	byID   map[string]*account
	totals map[string]uint64 // packets dropped, by reason
}

// account is what a meter knows of an interface.
type account struct {
	last  control.Counters
	drops map[string]uint64 // by reason
}

// reading is what a gateway does at one time.
type reading struct {
	At     time.Time
	Since  time.Duration // the sample before; 0 for the first
	Status control.Status
	Rows   []row // in the order of the counters
	tally
	Total row // of all interfaces
}

// row is one interface. Rates are those since the sample before.
type row struct {
	Name, ID string
	// Known says that there are rates: not of an interface that was not there
	// before, or whose counters have begun again.
	Known bool
	// In is what reached the instance and Out what it sent, in packets and bits a
	// second, as NetworkIn and NetworkOut of CloudWatch have it.
	In, InBits, Out, OutBits float64
	tally                          // of the packets dropped that it sent
	Available                int64 // conntrack_allowance_available
}

// tally are packets dropped.
type tally struct {
	Rates  map[string]float64 // a second, by reason
	Totals map[string]uint64  // since the device was made, or since they were cleared
}

// DropRate returns the packets dropped a second.
func (r *tally) DropRate() float64 { return sum(r.Rates) }

// Dropped returns all packets dropped.
func (r *tally) Dropped() uint64 { return sum(r.Totals) }

func sum[N float64 | uint64](of map[string]N) (all N) {
	for _, n := range of {
		all += n
	}
	return all
}

// add takes a sample in and returns what it says.
func (m *meter) add(s snapshot) reading {
	if m.totals == nil {
		m.totals = make(map[string]uint64)
	}
	// A gateway that was started anew has nothing in common with the one before.
	same := !m.last.At.IsZero() && s.Status.Started.Equal(m.last.Status.Started)
	var since time.Duration
	if same {
		since = s.At.Sub(m.last.At)
	}
	r := reading{At: s.At, Since: since, Status: s.Status, tally: tally{Rates: make(map[string]float64)}}
	r.Total.Known = since > 0
	byID := make(map[string]*account, len(s.Interfaces))
	for i := range s.Interfaces {
		c := &s.Interfaces[i]
		before := m.byID[c.ID]
		if before == nil {
			before = &account{drops: make(map[string]uint64)}
		}
		goesOn := same && m.byID[c.ID] != nil && !restarted(&before.last, c)
		m.enter(before, c, goesOn)
		row := before.row(c)
		if goesOn && since > 0 {
			row.rate(&before.last, c, since.Seconds())
		}
		before.last, byID[c.ID] = *c, before
		r.count(&row)
		r.Rows = append(r.Rows, row)
	}
	m.last, m.byID = s, byID
	r.Totals = maps.Clone(m.totals)
	return r
}

// enter counts what an interface has dropped. goesOn says that its counters have
// not begun again.
func (m *meter) enter(a *account, c *control.Counters, goesOn bool) {
	for reason, n := range c.Drops {
		if goesOn {
			n -= a.last.Drops[reason]
		}
		if n > 0 {
			a.drops[reason] += n
			m.totals[reason] += n
		}
	}
}

// row returns an interface without its rates.
func (a *account) row(c *control.Counters) row {
	return row{
		Name: c.Name, ID: c.ID, Available: c.ConntrackAllowanceAvailable,
		tally: tally{Rates: make(map[string]float64), Totals: maps.Clone(a.drops)},
	}
}

// rate sets the rates from two counts.
func (r *row) rate(then, now *control.Counters, seconds float64) {
	rate := func(now, then uint64) float64 { return float64(now-then) / seconds }
	r.Known = true
	r.In, r.InBits = rate(now.Sent, then.Sent), 8*rate(now.SentBytes, then.SentBytes)
	r.Out, r.OutBits = rate(now.Received, then.Received), 8*rate(now.ReceivedBytes, then.ReceivedBytes)
	for reason, n := range now.Drops {
		if n > then.Drops[reason] {
			r.Rates[reason] = rate(n, then.Drops[reason])
		}
	}
}

// without returns a reading without its rates: the gateway is silent.
func (r reading) without() reading {
	r.Total.Known, r.Rates = false, nil
	r.Rows = slices.Clone(r.Rows)
	for i := range r.Rows {
		r.Rows[i].Known, r.Rows[i].Rates = false, nil
	}
	return r
}

// count adds an interface to the sums.
func (r *reading) count(row *row) {
	r.Total.In += row.In
	r.Total.InBits += row.InBits
	r.Total.Out += row.Out
	r.Total.OutBits += row.OutBits
	for reason, n := range row.Rates {
		r.Rates[reason] += n
	}
}

// restarted reports whether counters have begun again, as those of a device do
// that was made anew.
func restarted(then, now *control.Counters) bool {
	for reason, n := range then.Drops {
		if now.Drops[reason] < n {
			return true
		}
	}
	return now.Received < then.Received || now.ReceivedBytes < then.ReceivedBytes ||
		now.Sent < then.Sent || now.SentBytes < then.SentBytes
}

// clear makes all packets dropped so far uncounted.
func (m *meter) clear() {
	m.totals = make(map[string]uint64)
	for _, a := range m.byID {
		a.drops = make(map[string]uint64)
	}
}

// names returns the reasons that came up, in the order of their names.
func (r *tally) names() []string { return slices.Sorted(maps.Keys(r.Totals)) }
