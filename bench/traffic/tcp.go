package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Throughput is what iperf3 has sent through TCP, by the receiver's count.
type Throughput struct {
	Bytes   float64
	Seconds float64
}

// Rate is bits a second.
func (t Throughput) Rate() float64 { return t.Bytes * 8 / t.Seconds }

// TCP sends as much as it can by a number of TCP streams, with iperf3. It takes
// whole seconds, at least one; nothing is left out at the beginning, as the
// streams are at their full rate within a hundredth of a second.
func (l *Load) TCP(ctx context.Context, to netip.Addr, streams int, span time.Duration) (Throughput, error) {
	ctx, cancel := bounded(ctx, span)
	defer cancel()
	port := fmt.Sprint(iperfPort)
	server, err := startSink(l.onServer(ctx, "iperf3", "--server", "--one-off", "--forceflush", "--port", port), "Server listening")
	if err != nil {
		return Throughput{}, err
	}
	go func() {
		for server.lines.Scan() { // that it never waits for its reader
		}
	}()
	var said iperfResult
	err = run(l.onClient(ctx, "iperf3", "--client", to.String(), "--port", port, "--json",
		"--time", fmt.Sprint(max(1, int(span.Seconds()))), "--parallel", fmt.Sprint(streams)), &said)
	err = errors.Join(said.failure(), err, server.end())
	sum := said.End.SumReceived
	return Throughput{sum.Bytes, sum.Seconds}, err
}

// iperfResult is what of iperf3's JSON is wanted.
type iperfResult struct {
	Error string `json:"error"`
	End   struct {
		SumReceived struct {
			Bytes   float64 `json:"bytes"`
			Seconds float64 `json:"seconds"`
		} `json:"sum_received"`
	} `json:"end"`
}

func (r *iperfResult) failure() error {
	if r.Error != "" {
		return fmt.Errorf("iperf3: %s", r.Error)
	}
	if r.End.SumReceived.Seconds <= 0 {
		return errors.New("iperf3: it has not said what was received")
	}
	return nil
}
