package traffic

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// simulated is a path that carries up to a capacity and loses the rest, a
// sender that reaches a most, and a machine that now and then keeps one of them
// from running.
type simulated struct {
	capacity float64
	most     float64
	hiccups  float64 // the share of tries that lose 5 %
	random   *rand.Rand
	tries    int
}

func (s *simulated) try(rate float64) (Delivery, error) {
	s.tries++
	const seconds = 0.05
	offered := min(rate, s.most)
	delivered := min(offered, s.capacity)
	if s.random.Float64() < s.hiccups {
		delivered *= 0.95
	}
	return Delivery{
		Sent:     Sent{uint64(offered * seconds), seconds},
		Received: Received{Packets: uint64(delivered * seconds), Seconds: seconds},
	}, nil
}

func TestSearch(t *testing.T) {
	for _, c := range []struct {
		name  string
		start float64
		path  simulated
		want  float64
		tries int // the most
	}{
		{"the flood shows it", 300_000, simulated{capacity: 300_000, most: 1e9}, 300_000, 7 * majority},
		{"from below", 120_000, simulated{capacity: 300_000, most: 1e9}, 300_000, 9 * majority},
		{"from above", 900_000, simulated{capacity: 300_000, most: 1e9}, 300_000, 12 * majority},
		{"far from above", 3_000_000, simulated{capacity: 20_000, most: 1e9}, 20_000, mostSteps * majority},
		{"with hiccups", 250_000, simulated{capacity: 300_000, most: 1e9, hiccups: 0.15}, 300_000, 8 * (2*majority - 1)},
		{"the sender is slower than the path", 300_000, simulated{capacity: 1e9, most: 400_000}, 400_000, 8 * majority},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.path.random = rand.New(rand.NewPCG(1, 2))
			got, err := highest(c.start, c.path.try)
			if err != nil {
				t.Fatal(err)
			}
			if got > c.want*1.0011 || got < c.want/resolution*0.995 {
				t.Errorf("%.0f packets/s, want %.0f or up to 2 %% less", got, c.want)
			}
			if c.path.tries > c.tries {
				t.Errorf("%d tries, want at most %d", c.path.tries, c.tries)
			}
		})
	}
}

// TestSearchOfNothing is a path that carries nothing: there is no such rate.
func TestSearchOfNothing(t *testing.T) {
	path := simulated{most: 1e9, random: rand.New(rand.NewPCG(1, 2))}
	if got, err := highest(100_000, path.try); got != 0 || err != nil {
		t.Errorf("%v packets/s (%v), want 0", got, err)
	}
}

func TestSearchStopsAtAnError(t *testing.T) {
	broken := errors.New("broken")
	if _, err := highest(100_000, func(float64) (Delivery, error) { return Delivery{}, broken }); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
}

// TestMajority: what most of the tries say counts, whatever their order.
func TestMajority(t *testing.T) {
	for _, c := range []struct {
		lost []float64
		want bool
	}{
		{[]float64{0, 0, 0, 0, 0}, true},
		{[]float64{1, 1, 1, 1, 1}, false},
		{[]float64{1, 1, 1, 1, 0, 0, 0, 0, 0}, true},
		{[]float64{0, 0, 0, 0, 1, 1, 1, 1, 1}, false},
	} {
		i := 0
		passed, reached, err := passes(1000, func(rate float64) (Delivery, error) {
			d := Delivery{Sent: Sent{10_000, 10}, Received: Received{Packets: 10_000 - uint64(c.lost[i]*10)}}
			i++
			return d, nil
		})
		if err != nil || passed != c.want || passed != (reached == 1000) || i != len(c.lost) {
			t.Errorf("%v: %v after %d tries at %v packets/s (%v), want %v", c.lost, passed, i, reached, err, c.want)
		}
	}
}
