package tun

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/internal/needs"
)

// ringed returns a batch whose ring and memory the test may use. It ends the test
// where the kernel has no io_uring, or forbids it, which sgate does without.
func ringed(t *testing.T) *Batch {
	t.Helper()
	b := newBatch(t)
	if b.ring != nil {
		return b
	}
	if _, err := newRing(BatchSize); !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		t.Fatalf("no ring, but not for want of io_uring: %v", err)
	}
	needs.Optional(t, "io_uring")
	return nil
}

// holding returns the memory of a batch's frame, with text in it.
func holding(b *Batch, i int, text string) []byte {
	return b.frames[i].buf[:copy(b.frames[i].buf, text)]
}

// pipe returns both ends of a pipe.
func pipe(t *testing.T) (from, to int) {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(ends[0])
		unix.Close(ends[1])
	})
	return ends[0], ends[1]
}

// timer returns a descriptor that can be read once after a time. The kernel keeps
// it: no goroutine may have its turn while one waits in a raw system call.
func timer(t *testing.T, after time.Duration) int {
	t.Helper()
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(after))}
	if err := unix.TimerfdSettime(fd, 0, &at, nil); err != nil {
		t.Fatal(err)
	}
	return fd
}

// result is what a ring says of an entry.
type result struct {
	userData, n int
	errno       syscall.Errno
}

func submitted(t *testing.T, r *ring) (all []result) {
	t.Helper()
	if err := r.submit(func(userData, n int, errno syscall.Errno) { all = append(all, result{userData, n, errno}) }); err != nil {
		t.Error(err)
	}
	return all
}

// TestRingAfterAFaultyEntry: the kernel stops where it finds one; the rest is
// done all the same, and in order.
func TestRingAfterAFaultyEntry(t *testing.T) {
	b := ringed(t)
	r := b.ring
	from, to := pipe(t)
	r.queue(opWrite, to, holding(b, 0, "a"), 7)
	r.queue(255, to, holding(b, 1, "x"), 8) // no such operation
	r.queue(opWrite, to, holding(b, 2, "bc"), 9)
	of := make(map[int]result)
	for _, got := range submitted(t, r) {
		of[got.userData] = got
	}
	if len(of) != 3 || of[7].n != 1 || of[8].errno != syscall.EINVAL || of[9].n != 2 {
		t.Errorf("%v", of)
	}
	buf := make([]byte, 8)
	if n, err := unix.Read(from, buf); err != nil || string(buf[:n]) != "abc" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if all := submitted(t, r); all != nil { // nothing is done twice
		t.Errorf("%v", all)
	}
}

// TestRingAwaitsAll: submit does not return before each entry is complete, should
// one take its time, nor with the results of another submit.
func TestRingAwaitsAll(t *testing.T) {
	b := ringed(t)
	r := b.ring
	const opPollAdd = 6
	from := timer(t, 20*time.Millisecond)
	r.queue(opPollAdd, from, nil, 1)
	s := &r.submissions[0]
	s.offset, s.rwFlags = 0, unix.POLLIN // for a poll, the events
	if all := submitted(t, r); len(all) != 1 || all[0].n&unix.POLLIN == 0 {
		t.Errorf("%v", all)
	}
	r.queue(opRead, from, b.frames[0].buf[:8], 2)
	if all := submitted(t, r); len(all) != 1 || all[0] != (result{2, 8, 0}) {
		t.Errorf("%v", all)
	}
	r.queue(opRead, from, b.frames[0].buf[:8], 3) // empty: it does not wait
	if all := submitted(t, r); len(all) != 1 || all[0] != (result{3, 0, syscall.EAGAIN}) {
		t.Errorf("%v", all)
	}
}

// TestBatchOfFilesWithoutNowait: what a ring cannot do at once is done by plain
// calls. Old kernels have no RWF_NOWAIT for TUN devices; files of /proc never have.
func TestBatchOfFilesWithoutNowait(t *testing.T) {
	open := func(name string) *Kernel {
		fd, err := unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return &Kernel{fd: fd}
	}
	b, file := ringed(t), open("/proc/thread-self/comm")
	for i := range 3 {
		b.frames[i].n = len(holding(b, i, strings.Repeat("x", i+1)))
		b.Write(i, file)
	}
	if failed := flushed(t, b, 0, 1, 2); failed != nil {
		t.Errorf("frames %v failed", failed)
	}
	if n, err := b.Read(file, BatchSize); n != 0 || !errors.Is(err, ErrNoFrame) || b.ring != nil {
		t.Errorf("%d frames, %v, a ring: %v", n, err, b.ring != nil)
	}
	if _, err := unix.Seek(file.fd, 0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Read(file, 1); n != 1 || err != nil || len(b.Frame(0)) == 0 {
		t.Errorf("%d frames, %v", n, err)
	}
}
