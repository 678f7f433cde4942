package traffic

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// sendBatch is how many packets a flood gives the kernel in one call.
const sendBatch = 32

// Sent is what a sender of datagrams did.
type Sent struct {
	Packets uint64  `json:"packets"`
	Seconds float64 `json:"seconds"`
}

func newUDPSend() *cobra.Command {
	var rate float64
	var trial uint64
	c := generator("udp-send", "Send datagrams of 64 bytes, paced or as fast as the kernel takes them",
		func(to netip.Addr, span time.Duration) (any, error) {
			return sendUDP(netip.AddrPortFrom(to, udpPort), trial, span, rate)
		})
	c.Flags().Float64Var(&rate, "rate", 0, "packets a second; 0 is a flood")
	c.Flags().Uint64Var(&trial, "trial", 1, "the number of this trial, above those before it")
	return c
}

// sendUDP sends datagrams for a time, at a rate or (0) as a flood.
func sendUDP(to netip.AddrPort, trial uint64, span time.Duration, rate float64) (sent Sent, err error) {
	fd, err := dial(unix.SOCK_DGRAM, to)
	if err != nil {
		return sent, err
	}
	defer unix.Close(fd)
	runtime.LockOSThread() // not unlocked: it has a timer slack of its own
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0); err != nil {
		return sent, fmt.Errorf("timer slack: %w", err)
	}
	due := func(time.Duration) int { return sendBatch }
	if rate > 0 {
		due = newPacer(rate).due
	}
	b := newBatch(max(sendBatch, lateness))
	for start := time.Now(); ; {
		now := time.Since(start)
		if sent.Seconds = now.Seconds(); now >= span {
			return sent, nil
		}
		n := due(now)
		if n == 0 {
			sleep(nap)
			continue
		}
		for i := range n {
			b.set(i, trial, sent.Packets+uint64(i))
		}
		if n, err = b.send(fd, n); err != nil {
			return sent, fmt.Errorf("send to %v: %w", to, err)
		}
		sent.Packets += uint64(n)
	}
}

// sleep sleeps on this thread: time.Sleep wakes others.
func sleep(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&t, nil) // to be woken early does no harm
}
