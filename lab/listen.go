package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
)

// Service is a port that Listen answers on.
type Service struct {
	Network string // "tcp" or "udp"
	Port    uint16
}

// ParseService reads "443", "tcp/443" or "udp/53".
func ParseService(s string) (Service, error) {
	network, port, found := strings.Cut(s, "/")
	if !found {
		network, port = "tcp", s
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || network != "tcp" && network != "udp" {
		return Service{}, fmt.Errorf("service %q: want a port from 1 to 65535, such as 443, tcp/443 or udp/53", s)
	}
	return Service{network, uint16(n)}, nil
}

// String returns "tcp/443".
func (s Service) String() string { return fmt.Sprintf("%s/%d", s.Network, s.Port) }

// Listen answers on all the services, on every address of both families, until
// ctx is done: it sends back whatever it gets. It is what a lab's instances run
// when all that matters is whether a connection comes through.
func Listen(ctx context.Context, services []Service, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	failed := make(chan error, len(services))
	for _, s := range services {
		serve, socket, err := open(s)
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { socket.Close() })
		log.Info("listening", "service", s.String())
		running.Go(func() {
			if err := serve(ctx, log.With("service", s.String())); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("%v: %w", s, err)
			}
		})
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// open returns a service's loop and the socket that ends it when closed.
func open(s Service) (serve func(context.Context, *slog.Logger) error, socket io.Closer, err error) {
	address := fmt.Sprintf(":%d", s.Port)
	if s.Network == "udp" {
		conn, err := net.ListenPacket("udp", address)
		return func(_ context.Context, log *slog.Logger) error { return echoPackets(conn, log) }, conn, err
	}
	// Without keepalives, which would keep idle flows alive: what an idle
	// timeout does is for the user to see.
	l, err := (&net.ListenConfig{KeepAlive: -1}).Listen(context.Background(), "tcp", address)
	return func(ctx context.Context, log *slog.Logger) error { return accept(ctx, l, log) }, l, err
}

func accept(ctx context.Context, l net.Listener, log *slog.Logger) error {
	var open sync.WaitGroup
	defer open.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		log.Info("connected", "from", conn.RemoteAddr().String())
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		open.Go(func() {
			defer stop()
			defer conn.Close()
			_, _ = io.Copy(conn, conn) // ends when the client does
		})
	}
}

func echoPackets(conn net.PacketConn, log *slog.Logger) error {
	buf := make([]byte, 65535)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			continue // an ICMP error about an earlier answer
		}
		log.Debug("datagram", "from", from.String(), "bytes", n)
		_, _ = conn.WriteTo(buf[:n], from)
	}
}
