package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/lab"
)

// patience is how long a connection attempt waits before it counts as timed
// out. The kernel repeats an unanswered SYN after one second, so two of them
// have been dropped by then.
const patience = 2 * time.Second

// result is what a client sees of a connection attempt.
type result string

const (
	connects result = "connects"
	refused  result = "refused"
	timesOut result = "times out"
)

// attempt is one connection from a member of the lab to another.
type attempt struct {
	from, to string
	port     uint16
	ipv6     bool
	expect   result
}

// outcome names the error of a connection attempt as a client sees it.
func outcome(err error) result {
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return connects
	case errors.Is(err, unix.ECONNREFUSED):
		return refused
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return timesOut
	}
	return result(err.Error())
}

// attempt makes a connection, sends a line through it and back, and adds what
// was seen to the table. It fails only if the demo is to end: it was told so, or nobody
// reads the table.
func (s *show) attempt(ctx context.Context, a attempt) error {
	from := s.port(a.from)
	before := from.Counters()
	start := time.Now()
	conn, err := s.dial(ctx, a)
	if err == nil {
		err = echo(conn)
		conn.Close()
	}
	took := time.Since(start)
	if err := ctx.Err(); err != nil {
		return err
	}
	seen := outcome(err)
	reason := s.why(a)
	// What the client saw must be what the gateway did: silence means that
	// packets were dropped, a refusal that somebody else refused.
	after := from.Counters()
	if seen == timesOut && after.TotalDropped() == before.TotalDropped() {
		seen = "times out, yet nothing was dropped"
	}
	if seen == refused && after.Local != before.Local {
		seen = "refused by the gateway"
	}
	s.table.row(a, "", seen, took, reason)
	return s.table.err
}

// dial opens the attempt's connection from inside its namespace.
func (s *show) dial(ctx context.Context, a attempt) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	to := netip.AddrPortFrom(s.address(a.to, a.ipv6), a.port)
	return s.lab.Dial(ctx, a.from, "tcp", to.String())
}

// echo sends a line and waits for its way back.
func echo(conn net.Conn) error {
	line := []byte("are you there?\n")
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write(line); err != nil {
		return err
	}
	got := make([]byte, len(line))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, line) {
		return fmt.Errorf("sent %q, got %q back", line, got)
	}
	return nil
}

func (s *show) endpoint(name string) config.Endpoint {
	all := s.lab.Config().Endpoints
	return all[slices.IndexFunc(all, func(e config.Endpoint) bool { return e.Name == name })]
}

func (s *show) port(name string) *gateway.Port {
	return s.lab.Gateway().Port(s.endpoint(name).ID)
}

// address returns a member's address of that family.
func (s *show) address(name string, ipv6 bool) netip.Addr {
	for _, p := range s.endpoint(name).Addresses {
		if p.Addr().Is6() == ipv6 {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// awaitServices waits until every `sgate listen` of the lab answers. It asks
// from inside, where no security group is in the way.
func (s *show) awaitServices(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, e := range s.lab.Config().Endpoints {
		for _, arg := range e.Command {
			service, err := lab.ParseService(arg)
			if err != nil {
				continue // the program's name, not a port
			}
			at := netip.AddrPortFrom(e.Addresses[0].Addr(), service.Port).String()
			for {
				conn, err := s.lab.Dial(ctx, e.Name, "tcp", at)
				if err == nil {
					conn.Close()
					break
				}
				select {
				case <-ctx.Done():
					return fmt.Errorf("%s does not listen on %s: %w", e.Name, at, err)
				case <-time.After(20 * time.Millisecond):
				}
			}
		}
	}
	return nil
}
