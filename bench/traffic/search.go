package traffic

import (
	"context"
	"math"
	"net/netip"
	"time"
)

// The search for the highest rate without loss.
const (
	mostLoss   = 0.001 // the share of packets that may be lost
	firstStep  = 1.15  // from one rate to the next until one passes and one does not
	resolution = 1.02  // between the highest that passes and the lowest that does not
	mostSteps  = 14
	keptUp     = 0.97 // the share of a rate that the sender must reach
	// majority of 2*majority-1 short tries decides whether a rate passes. That
	// agrees better with itself than fewer and longer ones: a hiccup of the
	// machine, which costs hundreds of packets, spoils one try and not the verdict.
	majority = 5
)

// trySpan is how long each try of a rate is.
const trySpan = 50 * time.Millisecond

// try sends at a rate and says what became of it.
type try func(rate float64) (Delivery, error)

// Paced finds the highest rate, in packets a second, at which fewer than one
// packet in a thousand is lost. It starts at a rate that is likely near it, and
// takes about three seconds. What it returns is the rate that was really sent at.
func (l *Load) Paced(ctx context.Context, to netip.Addr, start float64) (float64, error) {
	return highest(start, func(rate float64) (Delivery, error) { return l.UDP(ctx, to, rate, trySpan) })
}

// highest looks up or down from a rate, in steps that double, until it has one
// that passes and one that does not, and halves the space between them.
func highest(start float64, t try) (best float64, err error) {
	low, high := 0.0, math.Inf(1)
	rate, step := start, firstStep
	for range mostSteps {
		passed, reached, err := passes(rate, t)
		if err != nil {
			return 0, err
		}
		best = max(best, reached)
		if passed {
			low = rate
		} else {
			high = rate
		}
		switch {
		case low == 0:
			rate /= step
			step *= step
		case math.IsInf(high, 1):
			rate *= step
			step *= step
		case high/low <= resolution:
			return best, nil
		default:
			rate = math.Sqrt(low * high)
		}
	}
	return best, nil
}

// passes tries a rate until a majority of the tries agree. reached is the mean
// rate of those that lost too little to speak of, if they are the majority. A
// rate that the sender does not reach is not passed, whatever was lost.
func passes(rate float64, t try) (passed bool, reached float64, err error) {
	var good, bad, short int
	var sum float64
	for good < majority && bad < majority {
		d, err := t(rate)
		if err != nil {
			return false, 0, err
		}
		if d.Loss() >= mostLoss {
			bad++
			continue
		}
		good++
		sum += d.Offered()
		if d.Offered() < keptUp*rate {
			short++
		}
	}
	if bad == majority {
		return false, 0, nil
	}
	return short < majority, sum / majority, nil
}
