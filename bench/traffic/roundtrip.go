package traffic

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// RoundTrips is how a request and its response of one byte each fared, over
// one TCP connection, as netperf's TCP_RR does it. TCP has each of them carry
// the acknowledgement of the other, so that it is one small packet each way;
// and a packet lost shows as a round trip of 200 ms, not as a test that hangs.
type RoundTrips struct {
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds"`
	P50     float64 `json:"p50_us"` // microseconds; of all round trips, none sampled
	P99     float64 `json:"p99_us"`
	P999    float64 `json:"p999_us"`
	Max     float64 `json:"max_us"`
}

// Rate is round trips a second.
func (r RoundTrips) Rate() float64 { return float64(r.Count) / r.Seconds }

func newRoundTrip() *cobra.Command {
	return generator("round-trip", "Send a byte and await one, again and again",
		func(to netip.Addr, span time.Duration) (any, error) {
			return roundTrips(netip.AddrPortFrom(to, roundTripPort), span)
		})
}

// mostTrips is the room for round-trip times, a second: more than any path makes.
const mostTrips = 1_000_000

func roundTrips(to netip.AddrPort, span time.Duration) (RoundTrips, error) {
	fd, err := dial(unix.SOCK_STREAM, to)
	if err != nil {
		return RoundTrips{}, err
	}
	defer unix.Close(fd)
	if err := noDelay(fd); err != nil {
		return RoundTrips{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	times := make([]uint32, 0, int(span.Seconds()*mostTrips)+1)
	one := make([]byte, 1)
	start := time.Now()
	before := time.Duration(0)
	for before < span && len(times) < cap(times) {
		if err := exchange(fd, one); err != nil {
			return RoundTrips{}, fmt.Errorf("round trip %d with %v: %w", len(times), to, err)
		}
		after := time.Since(start)
		times = append(times, uint32(min(after-before, time.Duration(^uint32(0)))))
		before = after
	}
	return summarize(times, before), nil
}

// summarize sorts the times (nanoseconds) and takes the quantiles.
func summarize(times []uint32, took time.Duration) RoundTrips {
	slices.Sort(times)
	return RoundTrips{
		Count: len(times), Seconds: took.Seconds(),
		P50: quantile(times, 0.5), P99: quantile(times, 0.99), P999: quantile(times, 0.999), Max: quantile(times, 1),
	}
}

// quantile returns the smallest of sorted times (nanoseconds) that a share q of
// them do not exceed, in microseconds.
func quantile(sorted []uint32, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(q*float64(len(sorted))+0.999999) - 1
	return float64(sorted[min(max(rank, 0), len(sorted)-1)]) / 1e3
}
