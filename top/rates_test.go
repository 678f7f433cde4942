package top

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/control"
)

func reason(n uint64) map[string]uint64 { return map[string]uint64{"no_ingress_rule": n} }

// TestRates holds that rates come of two samples and the time between them.
func TestRates(t *testing.T) {
	var m meter
	first := m.add(sample(0, face("web", 100, reason(5))))
	if first.Total.Known || first.Rows[0].Known || first.Dropped() != 5 {
		t.Errorf("the first sample has rates, or not its drops: %+v", first)
	}
	got := m.add(sample(4, face("web", 140, reason(13))))
	want := row{
		Name: "web", ID: face("web", 0, nil).ID, Known: true, In: 10, InBits: 8000, Out: 20, OutBits: 160000, Available: 1000,
		tally: tally{Rates: map[string]float64{"no_ingress_rule": 2}, Totals: reason(13)},
	}
	if diff := cmp.Diff([]row{want}, got.Rows, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Since != 4*time.Second || !got.Total.Known || got.Total.OutBits != 160000 || got.DropRate() != 2 || got.Dropped() != 13 {
		t.Errorf("the sums: %+v", got)
	}
}

// TestCountersThatBeginAgain holds that neither a device that is made anew nor a
// gateway that was started anew makes a rate of what is none, and that what was
// dropped stays counted.
func TestCountersThatBeginAgain(t *testing.T) {
	restartedGateway := func(seconds float64, faces ...control.Counters) snapshot {
		s := sample(seconds, faces...)
		s.Status.Started = at(-1)
		return s
	}
	for _, c := range []struct {
		name   string
		before []control.Counters
		then   snapshot
		known  bool
		rate   float64 // of drops
		total  uint64
	}{
		{"goes on", []control.Counters{face("web", 100, reason(5))}, sample(1, face("web", 101, reason(7))), true, 2, 7},
		{"nothing happens", []control.Counters{face("web", 100, reason(5))}, sample(1, face("web", 100, reason(5))), true, 0, 5},
		{"a device anew", []control.Counters{face("web", 100, reason(5))}, sample(1, face("web", 3, reason(2))), false, 0, 7},
		{"a device anew, busier than before", []control.Counters{face("web", 1, reason(5))}, sample(1, face("web", 300, reason(2))), false, 0, 7},
		{"a device anew, its reason not there", []control.Counters{face("web", 1, reason(5))}, sample(1, face("web", 300, nil)), false, 0, 5},
		{"a gateway anew, busier than before", []control.Counters{face("web", 1, reason(5))}, restartedGateway(1, face("web", 300, reason(8))), false, 0, 13},
		{"a new interface", nil, sample(1, face("web", 300, reason(8))), false, 0, 8},
		{"no time has passed", []control.Counters{face("web", 100, reason(5))}, sample(0, face("web", 101, reason(7))), false, 0, 7},
	} {
		var m meter
		m.add(sample(0, c.before...))
		got := m.add(c.then)
		row := got.Rows[0]
		if row.Known != c.known || row.DropRate() != c.rate || row.Out < 0 || row.Out > 10 {
			t.Errorf("%s: known %v, %v dropped a second, %v sent: want %v, %v", c.name, row.Known, row.DropRate(), row.Out, c.known, c.rate)
		}
		if row.Dropped() != c.total || got.Dropped() != c.total {
			t.Errorf("%s: %d dropped by it, %d by all: want %d", c.name, row.Dropped(), got.Dropped(), c.total)
		}
	}
}

// TestInterfaceGoes holds that an interface that goes takes its row with it, not
// what was dropped, and is another when it comes back.
func TestInterfaceGoes(t *testing.T) {
	var m meter
	m.add(sample(0, face("web", 100, reason(5)), face("db", 7, reason(1))))
	got := m.add(sample(1, face("db", 7, reason(1))))
	if len(got.Rows) != 1 || got.Rows[0].Name != "db" || got.Dropped() != 6 || got.DropRate() != 0 {
		t.Errorf("gone: %+v", got)
	}
	got = m.add(sample(2, face("web", 50, reason(6)), face("db", 7, reason(1))))
	if got.Rows[0].Known || got.Rows[0].Dropped() != 6 || got.Dropped() != 12 {
		t.Errorf("back: %+v", got)
	}
}

// TestClear holds that drops are counted from zero then, and rates go on.
func TestClear(t *testing.T) {
	var m meter
	m.add(sample(0, face("web", 100, reason(5))))
	m.clear()
	got := m.add(sample(1, face("web", 101, reason(7))))
	if got.Dropped() != 2 || got.Rows[0].Dropped() != 2 || got.DropRate() != 2 {
		t.Errorf("%+v", got)
	}
}

func TestWithout(t *testing.T) {
	var m meter
	m.add(sample(0, face("web", 100, reason(5))))
	r := m.add(sample(1, face("web", 101, reason(7))))
	got := r.without()
	if got.Total.Known || got.Rows[0].Known || got.DropRate() != 0 || got.Dropped() != 7 {
		t.Errorf("%+v", got)
	}
	if !r.Rows[0].Known || r.DropRate() != 2 {
		t.Errorf("what it was made of has changed: %+v", r)
	}
}
