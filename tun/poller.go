package tun

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Poller waits for frames on many devices: an epoll instance of its own, level
// triggered, so that the Go runtime's poller and its goroutine switches stay
// out of the packet path.
//
// Add, Remove and Wake may be called by any goroutine while one waits.
type Poller struct {
	epoll  int
	wake   int // an eventfd
	events []unix.EpollEvent
}

// wakeToken marks the poller's own descriptor among those it waits for.
const wakeToken = -1

// NewPoller returns an empty poller.
func NewPoller() (*Poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("poller: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("poller: %w", err)
	}
	p := &Poller{epoll: epoll, wake: wake, events: make([]unix.EpollEvent, 128)}
	if err := p.control(unix.EPOLL_CTL_ADD, wake, wakeToken); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Poller) control(op, fd int, token int32) error {
	err := unix.EpollCtl(p.epoll, op, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: token})
	if err != nil {
		return fmt.Errorf("poller: %w", err)
	}
	return nil
}

// Add waits for the device from now on. The token, not negative, is what Wait
// reports when the device has a frame.
func (p *Poller) Add(d Device, token int32) error {
	return p.control(unix.EPOLL_CTL_ADD, d.PollFD(), token)
}

// Remove ends waiting for the device. A Wait that is under way may still
// report it once.
func (p *Poller) Remove(d Device) error {
	return p.control(unix.EPOLL_CTL_DEL, d.PollFD(), 0)
}

// Wait blocks until devices have frames or Wake is called, and appends the
// tokens of those devices to ready.
func (p *Poller) Wait(ready []int32) ([]int32, error) {
	n, err := unix.EpollWait(p.epoll, p.events, -1)
	for err == unix.EINTR { // by the Go runtime's own signals, any time
		n, err = unix.EpollWait(p.epoll, p.events, -1)
	}
	if err != nil {
		return ready, fmt.Errorf("poller: %w", err)
	}
	for _, ev := range p.events[:n] {
		if ev.Fd == wakeToken {
			var count [8]byte
			_, _ = unix.Read(p.wake, count[:]) // EAGAIN if a twin call has read it
			continue
		}
		ready = append(ready, ev.Fd)
	}
	return ready, nil
}

// Wake makes a Wait that is under way, or else the next one, return.
func (p *Poller) Wake() error {
	_, err := unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return err
}

// Close releases the poller. Nobody may be waiting.
func (p *Poller) Close() {
	unix.Close(p.wake)
	unix.Close(p.epoll)
}
