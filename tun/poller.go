package tun

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

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
// tokens of those devices to ready. Before it sleeps, it goes on looking for as
// long as linger says, for to be woken takes time; who else is to run on this
// processor meanwhile, runs. idle reports whether there was nothing at first.
func (p *Poller) Wait(ready []int32, linger time.Duration) (_ []int32, idle bool, err error) {
	n, err := p.look()
	if n == 0 && err == nil {
		idle = true
		n, err = p.waitIdle(linger)
	}
	if err != nil {
		return ready, idle, fmt.Errorf("poller: %w", err)
	}
	for _, ev := range p.events[:n] {
		if ev.Fd == wakeToken {
			var count [8]byte
			_, _ = unix.Read(p.wake, count[:]) // EAGAIN if a twin call has read it
			continue
		}
		ready = append(ready, ev.Fd)
	}
	return ready, idle, nil
}

func (p *Poller) waitIdle(linger time.Duration) (n int, err error) {
	if linger > 0 {
		for start := time.Now(); n == 0 && err == nil && time.Since(start) < linger; {
			if n, err = p.look(); n == 0 {
				_, _, _ = syscall.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // it cannot fail
			}
		}
	}
	for n == 0 && err == nil {
		n, err = unix.EpollWait(p.epoll, p.events, -1)
		if err == unix.EINTR { // by the Go runtime's own signals, any time
			n, err = 0, nil
		}
	}
	return n, err
}

// look is a Wait that never blocks: raw, as the frames' system calls.
func (p *Poller) look() (int, error) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), 0, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case syscall.EINTR:
		return 0, nil
	}
	return 0, errno
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
