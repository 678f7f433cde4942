package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"time"
)

// Host is where traffic's programs are started: a network namespace.
type Host interface {
	// Command is as exec.CommandContext, for a program on the host.
	Command(ctx context.Context, name string, args ...string) *exec.Cmd
}

// Load makes traffic from a client to a server and measures it. The sinks are
// started when they are first wanted and run until Close. It is for one
// goroutine.
type Load struct {
	client, server Host
	cores          cores
	self           string // the program of Main
	sinks          map[string]*sinkProcess
	trial          uint64
}

// Between returns a load from a client to a server. The running program must
// hand the arguments that follow "traffic" to Main.
func Between(client, server Host) (*Load, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cores, err := coresHere()
	if err != nil {
		return nil, err
	}
	return &Load{client: client, server: server, cores: cores, self: self, sinks: make(map[string]*sinkProcess)}, nil
}

// Close ends the sinks.
func (l *Load) Close() error {
	var errs []error
	for _, s := range l.sinks {
		errs = append(errs, s.end())
	}
	clear(l.sinks)
	return errors.Join(errs...)
}

// Delivery is what became of the datagrams of one trial.
type Delivery struct {
	Sent     Sent
	Received Received
}

// Rate is packets delivered a second, by the sink's clock.
func (d Delivery) Rate() float64 {
	if d.Received.Seconds <= 0 {
		return 0
	}
	return float64(d.Received.Packets) / d.Received.Seconds
}

// Offered is packets sent a second.
func (d Delivery) Offered() float64 { return float64(d.Sent.Packets) / d.Sent.Seconds }

// Loss is the share of the packets that did not arrive.
func (d Delivery) Loss() float64 {
	return 1 - float64(d.Received.Packets)/float64(d.Sent.Packets)
}

// UDP sends datagrams of 64 bytes to the server for a time: at a rate, in
// packets a second, or (0) as many as the kernel takes.
func (l *Load) UDP(ctx context.Context, to netip.Addr, rate float64, span time.Duration) (d Delivery, err error) {
	s, err := l.sink(ctx, "udp-sink")
	if err != nil {
		return d, err
	}
	l.trial++
	err = l.generate(ctx, span, &d.Sent, "udp-send", "--to", to.String(), "--rate", fmt.Sprint(rate), "--trial", fmt.Sprint(l.trial))
	if err != nil {
		return d, err
	}
	d.Received, err = l.settled(ctx, s, d.Sent.Packets)
	if err == nil && d.Received.Packets > d.Sent.Packets {
		err = fmt.Errorf("%d packets received of %d sent: the path repeats some", d.Received.Packets, d.Sent.Packets)
	}
	return d, err
}

// What is still under way when the sender ends arrives within a moment; a
// count that has not moved for so long is final.
const (
	settleStep  = 10 * time.Millisecond
	settleSteps = 3
)

// settled reads the sink until all has arrived, or no more does.
func (l *Load) settled(ctx context.Context, s *sinkProcess, sent uint64) (Received, error) {
	var last Received
	for still := 0; ; still++ {
		var now Received
		if err := s.ask(&now); err != nil {
			return now, err
		}
		if now.Trial != l.trial {
			now = Received{Overflow: now.Overflow}
		}
		if now.Packets > last.Packets {
			still = 0
		}
		if last = now; now.Packets >= sent || still >= settleSteps {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-time.After(settleStep):
		}
	}
}

// RoundTrips measures requests and responses of one byte for a time.
func (l *Load) RoundTrips(ctx context.Context, to netip.Addr, span time.Duration) (r RoundTrips, err error) {
	if _, err := l.sink(ctx, "echo"); err != nil {
		return r, err
	}
	err = l.generate(ctx, span, &r, "round-trip", "--to", to.String())
	return r, err
}

// Connections makes new TCP connections for a time.
func (l *Load) Connections(ctx context.Context, to netip.Addr, span time.Duration) (c Connections, err error) {
	if _, err := l.sink(ctx, "accept"); err != nil {
		return c, err
	}
	err = l.generate(ctx, span, &c, "connect", "--to", to.String())
	return c, err
}

// sink returns the running sink of a name; the first time it is started.
func (l *Load) sink(ctx context.Context, name string) (*sinkProcess, error) {
	if s := l.sinks[name]; s != nil {
		return s, nil
	}
	s, err := startSink(quietly(l.onServer(ctx, l.self, "traffic", name)), ready)
	if err != nil {
		return nil, err
	}
	l.sinks[name] = s
	return s, nil
}

// generate runs a generator of a name for a time, and decodes its result.
func (l *Load) generate(ctx context.Context, span time.Duration, result any, name string, args ...string) error {
	ctx, cancel := bounded(ctx, span)
	defer cancel()
	args = append([]string{"traffic", name, "--for", span.String()}, args...)
	return run(quietly(l.onClient(ctx, l.self, args...)), result)
}

// quietly has a Go program do without the runtime's signals that stop a
// goroutine that runs for long: they would only disturb it.
func quietly(c *exec.Cmd) *exec.Cmd {
	c.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	return c
}
