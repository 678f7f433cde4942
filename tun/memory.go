package tun

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// memoryQueue is how many frames a Memory holds in either direction, as many
// as a kernel TUN's default queue.
const memoryQueue = 500

// Memory is a Device without a kernel behind it: a test plays the machine at
// its other end with Send and Receive.
type Memory struct {
	name  string
	mtu   int
	ready int // an eventfd that is readable while in has frames

	mu  sync.Mutex
	in  [][]byte
	out chan []byte
}

// NewMemory returns an in-memory device.
func NewMemory(name string, mtu int) (*Memory, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("in-memory device %q: eventfd: %w", name, err)
	}
	return &Memory{name: name, mtu: mtu, ready: fd, out: make(chan []byte, memoryQueue)}, nil
}

// Name implements Device.
func (m *Memory) Name() string { return m.name }

// MTU implements Device.
func (m *Memory) MTU() int { return m.mtu }

// PollFD implements Device.
func (m *Memory) PollFD() int { return m.ready }

// ReadFrame implements Device.
func (m *Memory) ReadFrame(buf []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.in) == 0 {
		return 0, ErrNoFrame
	}
	n := copy(buf, m.in[0])
	m.in = m.in[1:]
	if len(m.in) == 0 {
		var count [8]byte
		if _, err := unix.Read(m.ready, count[:]); err != nil {
			return 0, fmt.Errorf("in-memory device %q: %w", m.name, err)
		}
	}
	return n, nil
}

// errQueueFull is what a full queue answers, as a kernel device does.
var errQueueFull = errors.New("the queue is full")

// WriteFrame implements Device. It fails if nobody receives.
func (m *Memory) WriteFrame(frame []byte) error {
	select {
	case m.out <- append([]byte(nil), frame...):
		return nil
	default:
		return errQueueFull
	}
}

// Send puts a plain packet, without a virtio header, where ReadFrame finds it.
func (m *Memory) Send(packet []byte) error {
	return m.SendFrame(append(make([]byte, HeaderLen, HeaderLen+len(packet)), packet...))
}

// SendFrame puts a frame where ReadFrame finds it.
func (m *Memory) SendFrame(frame []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.in) == memoryQueue {
		return errQueueFull
	}
	m.in = append(m.in, append([]byte(nil), frame...))
	if len(m.in) > 1 {
		return nil
	}
	_, err := unix.Write(m.ready, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return err
}

// Received is where the frames arrive that were written to the device.
func (m *Memory) Received() <-chan []byte { return m.out }

// Close implements Device.
func (m *Memory) Close() error { return unix.Close(m.ready) }
