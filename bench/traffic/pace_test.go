package traffic

import (
	"testing"
	"time"
)

// TestPace: however often a sender looks, it has sent what the rate says.
func TestPace(t *testing.T) {
	for _, step := range []time.Duration{time.Microsecond, 25 * time.Microsecond, 83 * time.Microsecond} {
		p := newPacer(300_000)
		sent := 0
		for now := time.Duration(0); now <= time.Second; now += step {
			sent += p.due(now)
		}
		if sent < 299_970 || sent > 300_000 {
			t.Errorf("looking every %v: %d packets in a second, want 300,000", step, sent)
		}
	}
}

// TestPaceForgives: a sender that was kept from running for long does not make
// up for it by a flood, and goes on at its rate.
func TestPaceForgives(t *testing.T) {
	p := newPacer(100_000) // one in 10 us
	if n := p.due(15 * time.Microsecond); n != 1 {
		t.Fatalf("%d packets after 15 us, want 1", n)
	}
	if n := p.due(10 * time.Millisecond); n != lateness {
		t.Errorf("%d packets after 10 ms of nothing, want %d", n, lateness)
	}
	if n := p.due(10*time.Millisecond + 45*time.Microsecond); n != 4 {
		t.Errorf("%d packets 45 us later, want 4", n)
	}
}
