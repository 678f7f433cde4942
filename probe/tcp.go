package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/assertion"
	"github.com/sgate/sgate/control"
)

// tcp opens a connection and ends it. A refusal is an arrival: a client that
// the gateway blocks sees silence, so somebody at the other end has refused.
func (a *attempt) tcp(ctx context.Context) (assertion.Observation, error) {
	limited, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	err := a.ns.Do(func() error {
		// With one numeric address, the socket is made by this goroutine and
		// so in this thread's namespace.
		d := net.Dialer{Control: a.bindConn, KeepAlive: -1}
		conn, err := d.DialContext(limited, "tcp", a.destination.String())
		if err != nil {
			return err
		}
		// By a reset, so that no port is held for minutes.
		return errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close())
	})
	switch {
	case err == nil:
		return a.arrived(ctx, "connected")
	case errors.Is(err, unix.ECONNREFUSED):
		return a.arrived(ctx, "connection refused: it arrived, and nobody listens there")
	case ended(err) && a.sight != nil:
		return a.timedOut(ctx)
	}
	return assertion.Observation{}, err
}

// arrived returns what is known of a connection that came through.
func (a *attempt) arrived(ctx context.Context, what string) (assertion.Observation, error) {
	event, err := a.sight.await(ctx, a.sight.packets, a.eventWait)
	if err != nil {
		return assertion.Observation{}, fmt.Errorf("%s; %w", what, err)
	}
	o := observe(event)
	if o.Verdict != assertion.Allow {
		return o, fmt.Errorf("%s; yet the gateway dropped its first packet: %s", what, event.Reason)
	}
	o.Seen = what
	return o, nil
}

// timedOut asks the gateway why nothing came back.
func (a *attempt) timedOut(ctx context.Context) (assertion.Observation, error) {
	event, err := a.sight.await(ctx, a.sight.packets, a.eventWait)
	if err != nil {
		return assertion.Observation{}, fmt.Errorf("%s; %w", a.silence(), err)
	}
	o := observe(event)
	o.Seen = a.silence()
	if o.Verdict == assertion.Drop {
		return o, nil
	}
	o.Unanswered = true
	if answer, ok := ready(a.sight.answers); ok && answer.Verdict == control.VerdictDrop {
		o.Seen += "; the gateway dropped what came back: " + answer.Reason
	}
	return o, nil
}

// bindConn is bind for a net.Dialer.
func (a *attempt) bindConn(_, _ string, conn syscall.RawConn) error {
	var bound error
	if err := conn.Control(func(fd uintptr) { bound = a.bind(int(fd)) }); err != nil {
		return err
	}
	return bound
}

// bind gives a socket the attempt's source, finds out its port, and begins to
// look for its packets.
func (a *attempt) bind(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := unix.Bind(fd, sockaddr(a.source)); err != nil {
		return fmt.Errorf("bind to %v: %w", a.source, err)
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	switch local := local.(type) {
	case *unix.SockaddrInet4:
		a.source = netip.AddrPortFrom(a.source.Addr(), uint16(local.Port))
	case *unix.SockaddrInet6:
		a.source = netip.AddrPortFrom(a.source.Addr(), uint16(local.Port))
	}
	a.expectEvents()
	return nil
}

// sockaddr returns an address as system calls take it.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}
