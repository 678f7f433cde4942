package traffic

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

const (
	sinkBatch  = 64
	sinkBuffer = 64 << 20 // bytes of socket buffer: the sink is never where packets are lost
)

// Received is what a sink has of one trial.
type Received struct {
	Trial     uint64  `json:"trial"`
	Packets   uint64  `json:"packets"`
	Seconds   float64 `json:"seconds"`   // from the first to the last
	Reordered uint64  `json:"reordered"` // those that came after one sent later, or twice
	Overflow  uint32  `json:"overflow"`  // lost at the sink's own socket, since it began
}

func newUDPSink() *cobra.Command {
	return &cobra.Command{
		Use:   "udp-sink",
		Short: "Count datagrams; for each line of standard input, print the count of the last trial",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return sinkUDP() },
	}
}

func sinkUDP() error {
	fd, err := listen(unix.SOCK_DGRAM, udpPort)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, sinkBuffer); err != nil {
		return fmt.Errorf("socket buffer of %d bytes: %w", sinkBuffer, err)
	}
	var s sink
	go func() {
		runtime.LockOSThread()
		fmt.Fprintln(os.Stderr, "udp-sink:", s.run(fd))
		os.Exit(1)
	}()
	sayReady()
	return eachLine(func() error {
		r := s.read()
		r.Overflow = overflow(fd)
		return printJSON(r)
	})
}

// sink counts the datagrams of the latest trial.
type sink struct {
	mu          sync.Mutex
	trial       uint64
	packets     uint64
	next        uint64 // one above the highest sequence number
	reordered   uint64
	first, last time.Time
}

// run receives until the socket fails.
func (s *sink) run(fd int) error {
	b := newBatch(sinkBatch)
	for {
		n, err := b.receive(fd)
		if err != nil {
			return err
		}
		s.count(b, n, time.Now())
	}
}

// count counts the first n datagrams of a batch. One of a trial before the
// latest is late, and not counted: its trial has been read.
func (s *sink) count(b *batch, n int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range n {
		trial, sequence := b.get(i)
		if trial < s.trial {
			continue
		}
		if trial > s.trial {
			s.trial, s.packets, s.next, s.reordered, s.first = trial, 0, 0, 0, now
		}
		s.packets++
		s.last = now
		if sequence < s.next {
			s.reordered++
			continue
		}
		s.next = sequence + 1
	}
}

func (s *sink) read() Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Received{Trial: s.trial, Packets: s.packets, Seconds: s.last.Sub(s.first).Seconds(), Reordered: s.reordered}
}
