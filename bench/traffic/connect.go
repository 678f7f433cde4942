package traffic

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// connectThreads is how many connections are made at once: one after the other
// would measure the latency of a handshake, not what the gateway can take.
const connectThreads = 8

// Connections is how many TCP connections were made, used and ended in order.
type Connections struct {
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds"`
}

// Rate is connections a second.
func (c Connections) Rate() float64 { return float64(c.Count) / c.Seconds }

func newConnect() *cobra.Command {
	return generator("connect", "Open TCP connections, send a byte, await one and the end, again and again",
		func(to netip.Addr, span time.Duration) (any, error) { return connections(to, span) })
}

func connections(to netip.Addr, span time.Duration) (Connections, error) {
	var made [connectThreads]int
	var failed [connectThreads]error
	var all sync.WaitGroup
	start := time.Now()
	for i, port := range connectPorts() {
		all.Go(func() {
			runtime.LockOSThread()
			one := make([]byte, 1)
			for time.Since(start) < span && failed[i] == nil {
				if failed[i] = connection(netip.AddrPortFrom(to, port), one); failed[i] == nil {
					made[i]++
				}
			}
		})
	}
	all.Wait()
	sum := Connections{Seconds: time.Since(start).Seconds()}
	for _, n := range made {
		sum.Count += n
	}
	return sum, errors.Join(failed[:]...)
}

// connection opens a connection, sends a byte, awaits a byte and the server's
// end, and ends its own side.
func connection(to netip.AddrPort, one []byte) error {
	fd, err := dial(unix.SOCK_STREAM, to)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := exchange(fd, one); err != nil {
		return err
	}
	if err := readOne(fd, one); err != io.EOF { // the server's end
		return fmt.Errorf("the server does not end the connection: %w", err)
	}
	return nil
}

func newAccept() *cobra.Command {
	return &cobra.Command{
		Use:   "accept",
		Short: "Accept TCP connections, await a byte, send one and end, until standard input ends",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return serve(answer, connectPorts()...) },
	}
}

// connectPorts are a port for each of the client's threads, so that a port of
// the client's is wanted again only long after it was last used.
func connectPorts() (ports []uint16) {
	for i := range connectThreads {
		ports = append(ports, connectPort+uint16(i))
	}
	return ports
}

// answer awaits a byte and sends one. The server ends each connection first and
// so holds what the kernel keeps of it for a minute (TIME_WAIT): the client's
// ports are free at once, and every connection ends in order, as most do that a
// gateway sees. A client that reset its connections to save ports would have
// the gateway forget them by another, shorter way.
func answer(fd int, one []byte) {
	if readOne(fd, one) == nil {
		_ = writeOne(fd, one)
	}
}
