package tun

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func newBatch(t *testing.T) *Batch {
	t.Helper()
	b := NewBatch()
	t.Cleanup(b.Close)
	return b
}

// marked is a frame that can be told from others.
func marked(n byte) []byte { return append(make([]byte, HeaderLen), 0x60, n) }

// marks returns what tells the batch's first n frames.
func marks(b *Batch, n int) (m []byte) {
	for i := range n {
		m = append(m, b.Frame(i)[HeaderLen+1])
	}
	return m
}

func flushed(t *testing.T, b *Batch, want ...int) (failed []int) {
	t.Helper()
	var done []int
	b.Flush(func(i int, err error) {
		if done = append(done, i); err != nil {
			failed = append(failed, i)
		}
	})
	if diff := cmp.Diff(want, done); diff != "" {
		t.Errorf("Flush says of other frames (-want +got):\n%s", diff)
	}
	return failed
}

func TestBatchReadsInOrder(t *testing.T) {
	m, b := newMemory(t, "eth0"), newBatch(t)
	for i := range byte(5) {
		if err := m.SendFrame(marked(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := b.Read(m, 2); n != 2 || err != nil {
		t.Errorf("%d frames of 2, %v", n, err)
	} else if got := marks(b, n); got[0] != 0 || got[1] != 1 {
		t.Errorf("frames %v", got)
	}
	n, err := b.Read(m, BatchSize+1) // more than there is room for
	if n != 3 || !errors.Is(err, ErrNoFrame) {
		t.Errorf("%d frames of 3, %v", n, err)
	}
	if diff := cmp.Diff([]byte{2, 3, 4}, marks(b, n)); diff != "" {
		t.Error(diff)
	}
}

// TestBatchIsBounded: it takes no more frames than it has room for, and each of
// them may be as large as there are.
func TestBatchIsBounded(t *testing.T) {
	m, b := newMemory(t, "eth0"), newBatch(t)
	for i := range byte(BatchSize + 1) {
		if err := m.SendFrame(bytes.Repeat([]byte{i}, MaxFrame)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := b.Read(m, BatchSize+1); n != BatchSize || err != nil {
		t.Fatalf("%d frames, %v", n, err)
	}
	for i := range BatchSize {
		if !bytes.Equal(b.Frame(i), bytes.Repeat([]byte{byte(i)}, MaxFrame)) {
			t.Errorf("frame %d is not what was sent", i)
		}
	}
}

// TestBatchWrites: what Write was called for and nothing else, in the order of
// the calls, to the device of each.
func TestBatchWrites(t *testing.T) {
	in, b := newMemory(t, "eth0"), newBatch(t)
	outs := [2]*Memory{newMemory(t, "eth0"), newMemory(t, "eth0")}
	for i := range byte(6) {
		if err := in.SendFrame(marked(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := b.Read(in, 6); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	for _, i := range []int{5, 0, 3, 1} {
		b.Write(i, outs[i%2])
	}
	if failed := flushed(t, b, 5, 0, 3, 1); failed != nil {
		t.Errorf("frames %v failed", failed)
	}
	flushed(t, b) // nothing is written twice
	for i, want := range [][]byte{{0}, {5, 3, 1}} {
		for _, mark := range want {
			if got := <-outs[i].Received(); got[HeaderLen+1] != mark {
				t.Errorf("device %d: frame %d, want %d", i, got[HeaderLen+1], mark)
			}
		}
		if len(outs[i].Received()) != 0 {
			t.Errorf("device %d got more", i)
		}
	}
}

// pair is two machines with a device each, and a socket.
type pair struct {
	t       *testing.T
	devices [2]*Kernel
	names   [2]string
	sockets [2]int
	sent    uint32 // datagrams, by the first
	came    uint32 // of them, to the second
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{t: t}
	for i := range p.devices {
		p.names[i] = newNamespace(t)
		p.devices[i] = configured(t, options(p.names[i]), twins[i])
		in(t, p.names[i], func() (err error) {
			if p.sockets[i], err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
				return err
			}
			t.Cleanup(func() { unix.Close(p.sockets[i]) })
			return unix.Bind(p.sockets[i], &unix.SockaddrInet4{Port: 4000})
		})
	}
	return p
}

// send has the first machine send n numbered datagrams.
func (p *pair) send(n int) {
	p.t.Helper()
	to := &unix.SockaddrInet4{Port: 4000, Addr: netip.MustParseAddr("10.0.1.2").As4()}
	for range n {
		if err := unix.Sendto(p.sockets[0], binary.BigEndian.AppendUint32(nil, p.sent), 0, to); err != nil {
			p.t.Fatal(err)
		}
		p.sent++
	}
}

// move reads until n datagrams have come from the first device, as many at once
// as there is room for, and writes them to the other. The kernel's own packets of
// IPv6 are left out.
func (p *pair) move(b *Batch, n int) (failed int) {
	p.t.Helper()
	for n > 0 {
		read, err := b.Read(p.devices[0], BatchSize)
		if read == 0 && err != nil {
			p.t.Fatalf("%d datagrams did not come: %v", n, err)
		}
		for i := range read {
			if b.Frame(i)[HeaderLen]>>4 == 4 {
				b.Write(i, p.devices[1])
				n--
			}
		}
		b.Flush(func(_ int, err error) {
			if err != nil {
				failed++
			}
		})
	}
	return failed
}

// arrived fails the test unless every datagram has come to the second machine,
// in order.
func (p *pair) arrived() {
	p.t.Helper()
	p.drain()
	if p.came != p.sent {
		p.t.Fatalf("%d datagrams of %d came", p.came, p.sent)
	}
}

// drain takes what has come to the second machine, and fails the test if it is out
// of order.
func (p *pair) drain() {
	p.t.Helper()
	var buf [16]byte
	for ; ; p.came++ {
		if _, _, err := unix.Recvfrom(p.sockets[1], buf[:], 0); err != nil {
			break
		}
		if got := binary.BigEndian.Uint32(buf[:]); got != p.came {
			p.t.Fatalf("datagram %d came when %d was next", got, p.came)
		}
	}
}

// ways runs a test with a ring, where the kernel has one, and without.
func ways(t *testing.T, test func(t *testing.T, b *Batch)) {
	for _, ring := range []bool{true, false} {
		t.Run(fmt.Sprintf("ring %v", ring), func(t *testing.T) {
			b := newBatch(t)
			if had := b.ring != nil; had && !ring {
				b.withoutRing()
			} else if had {
				defer func() {
					if b.ring == nil {
						t.Error("the ring was given up")
					}
				}()
			}
			test(t, b)
		})
	}
}

func TestBatchOfKernelDevices(t *testing.T) {
	ways(t, func(t *testing.T, b *Batch) {
		p := newPair(t)
		for _, n := range []int{1, 2, 3, BatchSize, 3*BatchSize + 7} {
			p.send(n)
			if failed := p.move(b, n); failed != 0 {
				t.Errorf("%d of %d failed", failed, n)
			}
			p.arrived()
		}
		if n, err := b.Read(p.devices[0], BatchSize); n != 0 || !errors.Is(err, ErrNoFrame) {
			t.Errorf("with none left: %d frames, %v", n, err)
		}
	})
}

// TestBatchWhileFramesCome: one that comes after the batch has begun to look for
// some takes its place behind those before it.
func TestBatchWhileFramesCome(t *testing.T) {
	ways(t, func(t *testing.T, b *Batch) {
		p := newPair(t)
		const all, most = 20_000, 100 // datagrams, and how many of them may be under way
		var moved atomic.Int64
		go func() {
			to := &unix.SockaddrInet4{Port: 4000, Addr: netip.MustParseAddr("10.0.1.2").As4()}
			for i := range uint32(all) {
				for int64(i)-moved.Load() > most {
					runtime.Gosched()
				}
				if err := unix.Sendto(p.sockets[0], binary.BigEndian.AppendUint32(nil, i), 0, to); err != nil {
					t.Error(err)
				}
			}
		}()
		for p.came < all && !t.Failed() {
			n, err := b.Read(p.devices[0], BatchSize)
			if err != nil && !errors.Is(err, ErrNoFrame) {
				t.Fatal(err)
			}
			for i := range n {
				b.Write(i, p.devices[1])
			}
			b.Flush(func(int, error) {})
			p.drain()
			moved.Store(int64(p.came))
		}
	})
}

// TestBatchToADeviceThatIsDown: each frame fails by itself.
func TestBatchToADeviceThatIsDown(t *testing.T) {
	ways(t, func(t *testing.T, b *Batch) {
		p := newPair(t)
		in(t, p.names[1], func() error {
			l, err := netlink.LinkByName("eth0")
			if err != nil {
				return err
			}
			return netlink.LinkSetDown(l)
		})
		p.send(5)
		if failed := p.move(b, 5); failed != 5 {
			t.Errorf("%d of 5 failed", failed)
		}
	})
}

func TestBatchFromADeviceThatIsGone(t *testing.T) {
	ways(t, func(t *testing.T, b *Batch) {
		p := newPair(t)
		deleteLink(t, p.names[0], "eth0")
		if n, err := b.Read(p.devices[0], BatchSize); n != 0 || err == nil || errors.Is(err, ErrNoFrame) {
			t.Errorf("%d frames, %v", n, err)
		}
	})
}

// broken returns a batch whose ring fails, or ends the test where there is none.
func broken(t *testing.T) *Batch {
	t.Helper()
	b := ringed(t)
	unix.Close(b.ring.fd)
	b.ring.fd = -1
	return b
}

// TestBatchWhoseRingFails: a batch whose ring fails goes on without it, and says
// of the frames that were in it that they were not written.
func TestBatchWhoseRingFails(t *testing.T) {
	p, b := newPair(t), broken(t)
	for i := range 3 {
		b.frames[i].n = len(holding(b, i, string(marked(byte(i)))))
		b.Write(i, p.devices[1])
	}
	if failed := flushed(t, b, 0, 1, 2); len(failed) != 3 {
		t.Errorf("frames %v failed, want all", failed)
	}
	p.send(4)
	if failed := p.move(b, 4); failed != 0 || b.ring != nil {
		t.Errorf("%d of 4 failed without the ring", failed)
	}
	p.arrived()
}

// TestBatchWhoseRingFailsReading: no device is given up for it.
func TestBatchWhoseRingFailsReading(t *testing.T) {
	p, b := newPair(t), broken(t)
	p.send(4)
	if n, err := b.Read(p.devices[0], BatchSize); n != 0 || !errors.Is(err, ErrNoFrame) || b.ring != nil {
		t.Errorf("%d frames, %v", n, err)
	}
	if failed := p.move(b, 4); failed != 0 {
		t.Errorf("%d of 4 failed without the ring", failed)
	}
	p.arrived()
}
