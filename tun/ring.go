package tun

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is an io_uring (io_uring(7)), used as a vector of system calls: what is
// queued is done at once and in order, by the thread that submits it, and
// nothing is ever left waiting in the kernel. Reads that stay armed would cost a
// third of the round trips (docs/performance.md); who has nothing to read waits
// in a Poller.
type ring struct {
	fd     int
	shared []byte // both queues' heads, tails and the completions
	entry  []byte // the submissions' memory

	submissions []submission
	completions []completion
	sqTail      *uint32 // written by us
	cqHead      *uint32 // written by us
	cqTail      *uint32 // written by the kernel
	tail        uint32  // sqTail's next value
	queued      uint32  // since the last submit
}

// ringParams is struct io_uring_params of linux/io_uring.h.
type ringParams struct {
	sqEntries, cqEntries, flags, sqCPU, sqIdle, features, wqFD uint32
	_                                                          [3]uint32
	sq                                                         struct{ head, tail, mask, entries, flags, dropped, array, _, _, _ uint32 }
	cq                                                         struct{ head, tail, mask, entries, overflow, completions, flags, _, _, _ uint32 }
}

// submission is struct io_uring_sqe, for reads and writes.
type submission struct {
	opcode, flags uint8
	_             uint16
	fd            int32
	offset, addr  uint64
	length        uint32
	rwFlags       uint32
	userData      uint64
	_             [3]uint64
}

// completion is struct io_uring_cqe.
type completion struct {
	userData uint64
	result   int32 // of the system call; an error is negative
	_        uint32
}

// Values of linux/io_uring.h.
const (
	opRead          = 22
	opWrite         = 23
	enterGetEvents  = 1
	featSingleMmap  = 1
	offsetRings     = 0
	offsetEntries   = 0x10000000
	setupClamp      = 1 << 4
	wholeFileOffset = ^uint64(0) // the file's own position, which a device has none of
)

// newRing returns a ring for that many frames at once, or an error where the
// kernel has none to offer: it is older than Linux 5.6, or forbids them.
func newRing(frames int) (*ring, error) {
	p := ringParams{flags: setupClamp}
	fd, _, errno := syscall.Syscall(unix.SYS_IO_URING_SETUP, uintptr(frames), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r := &ring{fd: int(fd)}
	if err := r.mmap(&p); err != nil {
		r.close()
		return nil, fmt.Errorf("io_uring: %w", err)
	}
	return r, nil
}

func (r *ring) mmap(p *ringParams) (err error) {
	if p.features&featSingleMmap == 0 {
		return syscall.ENOSYS
	}
	const entrySize, completionSize = unsafe.Sizeof(submission{}), unsafe.Sizeof(completion{})
	size := max(int(p.sq.array+4*p.sqEntries), int(p.cq.completions)+int(p.cqEntries)*int(completionSize))
	if r.shared, err = unix.Mmap(r.fd, offsetRings, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return err
	}
	if r.entry, err = unix.Mmap(r.fd, offsetEntries, int(p.sqEntries)*int(entrySize), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return err
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.shared[offset])) }
	r.sqTail, r.cqHead, r.cqTail = at(p.sq.tail), at(p.cq.head), at(p.cq.tail)
	r.submissions = unsafe.Slice((*submission)(unsafe.Pointer(&r.entry[0])), p.sqEntries)
	r.completions = unsafe.Slice((*completion)(unsafe.Pointer(&r.shared[p.cq.completions])), p.cqEntries)
	// The queue's order is that of its entries, for good.
	for i, order := uint32(0), unsafe.Slice(at(p.sq.array), p.sqEntries); i < p.sqEntries; i++ {
		order[i] = i
	}
	return nil
}

// queue adds a read or write of a buffer that the caller keeps alive. It never
// waits: where a plain call would, it fails with EAGAIN. There must be no more
// than the ring was made for before the next submit.
func (r *ring) queue(opcode uint8, fd int, buf []byte, userData int) {
	r.submissions[(r.tail+r.queued)&uint32(len(r.submissions)-1)] = submission{
		opcode: opcode, fd: int32(fd), offset: wholeFileOffset, addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(buf)))),
		length: uint32(len(buf)), rwFlags: unix.RWF_NOWAIT, userData: uint64(userData),
	}
	r.queued++
}

// submit does what is queued, and calls done with each result: what the system
// call would have returned, and its error. If it fails, so has the ring, and
// there is no result of the rest.
func (r *ring) submit(done func(userData int, n int, errno syscall.Errno)) error {
	n := r.queued
	r.queued = 0
	r.tail += n
	atomic.StoreUint32(r.sqTail, r.tail)
	err := r.enter(n)
	r.reap(done) // what was done before a failure is done
	return err
}

// enter has the kernel do the n entries that are new, and returns when all are
// complete. The kernel may stop after some of them, or be interrupted.
func (r *ring) enter(n uint32) error {
	for left := n; atomic.LoadUint32(r.cqTail)-*r.cqHead < n; {
		// Raw, as all frames' system calls are: it never waits.
		taken, _, errno := syscall.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(left), uintptr(n), enterGetEvents, 0, 0)
		switch errno {
		case 0:
			left -= uint32(taken)
		case syscall.EINTR:
		default:
			return fmt.Errorf("io_uring_enter: %w", errno)
		}
	}
	return nil
}

func (r *ring) reap(done func(userData int, n int, errno syscall.Errno)) {
	head, tail := *r.cqHead, atomic.LoadUint32(r.cqTail)
	for ; head != tail; head++ {
		c := &r.completions[head&uint32(len(r.completions)-1)]
		if c.result < 0 {
			done(int(c.userData), 0, syscall.Errno(-c.result))
		} else {
			done(int(c.userData), int(c.result), 0)
		}
	}
	atomic.StoreUint32(r.cqHead, head)
}

func (r *ring) close() {
	for _, m := range [][]byte{r.shared, r.entry} {
		if m != nil {
			_ = unix.Munmap(m)
		}
	}
	unix.Close(r.fd)
}
