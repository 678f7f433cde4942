package traffic

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestSinkCounts what arrives of the latest trial.
func TestSinkCounts(t *testing.T) {
	var s sink
	b := newBatch(4)
	start := time.Unix(0, 0)
	take := func(after time.Duration, trial uint64, sequences ...uint64) {
		for i, q := range sequences {
			b.set(i, trial, q)
		}
		s.count(b, len(sequences), start.Add(after))
	}
	expect := func(want Received) {
		t.Helper()
		if diff := cmp.Diff(want, s.read()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	take(0, 1, 0, 1, 2)
	take(time.Second, 1, 5, 4, 4)
	expect(Received{Trial: 1, Packets: 6, Seconds: 1, Reordered: 2})
	take(2*time.Second, 2, 0)
	take(3*time.Second, 1, 6) // late: its trial is over
	take(4*time.Second, 2, 1)
	expect(Received{Trial: 2, Packets: 2, Seconds: 2})
}

func TestDelivery(t *testing.T) {
	d := Delivery{Sent{1000, 2}, Received{Packets: 990, Seconds: 0.5}}
	if d.Rate() != 1980 || d.Offered() != 500 || d.Loss() < 0.0099 || d.Loss() > 0.0101 {
		t.Errorf("rate %v, offered %v, loss %v; want 1980, 500, 0.01", d.Rate(), d.Offered(), d.Loss())
	}
	if rate := (Delivery{Sent: Sent{1000, 2}}).Rate(); rate != 0 {
		t.Errorf("rate %v of nothing delivered, want 0", rate)
	}
}

func TestQuantiles(t *testing.T) {
	times := make([]uint32, 1000) // 1 us to 1,000 us, the greatest first
	for i := range times {
		times[i] = uint32(1000-i) * 1000
	}
	want := RoundTrips{Count: 1000, Seconds: 2, P50: 500, P99: 990, P999: 999, Max: 1000}
	if diff := cmp.Diff(want, summarize(times, 2*time.Second)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(RoundTrips{}, summarize(nil, 0)); diff != "" {
		t.Errorf("of none (-want +got):\n%s", diff)
	}
}

func TestCores(t *testing.T) {
	for _, c := range []struct {
		allowed []int
		want    cores
	}{
		{[]int{0}, cores{0, 0}},
		{[]int{0, 1}, cores{0, 1}},
		{[]int{3, 64, 70}, cores{3, 70}},
	} {
		var set unix.CPUSet
		for _, core := range c.allowed {
			set.Set(core)
		}
		if got := endsOf(&set); got != c.want {
			t.Errorf("of %v: %+v, want %+v", c.allowed, got, c.want)
		}
	}
}
