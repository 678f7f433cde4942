package tun

import (
	"errors"
	"syscall"
)

// BatchSize is how many frames a Batch has room for.
const BatchSize = 64

// ringFrom is how many frames are worth a ring: below it, plain system calls
// cost less.
const ringFrom = 3

// frameStride is from one frame's buffer to the next: a page size would put
// the beginnings of all into the same few lines of the cache.
const frameStride = (MaxFrame+63)&^63 + 128

// Batch moves frames in and out of devices: several of them with one system
// call where the kernel has io_uring, one by one where it has not, and always
// in order. It is for one goroutine at a time. Its memory is used from the
// front, so that a few frames at a time stay in the cache.
type Batch struct {
	ring    *ring // nil where there is none
	frames  [BatchSize]frame
	waiting []int // frames that Flush is to write
}

type frame struct {
	buf []byte
	n   int
	to  Device
	err error
}

// NewBatch returns an empty batch.
func NewBatch() *Batch {
	b := &Batch{waiting: make([]int, 0, BatchSize)}
	memory := make([]byte, BatchSize*frameStride)
	for i := range b.frames {
		b.frames[i].buf = memory[i*frameStride:][:MaxFrame:MaxFrame]
	}
	if r, err := newRing(BatchSize); err == nil {
		b.ring = r
	}
	return b
}

// Read reads up to want frames from a device, from the first of the batch on. It
// returns how many came, and why not more: ErrNoFrame if the device has none for
// now, another error if it is gone.
func (b *Batch) Read(d Device, want int) (n int, err error) {
	want = min(want, BatchSize)
	if k, ok := d.(*Kernel); ok && b.ring != nil && want >= ringFrom {
		return b.readAtOnce(k, want)
	}
	for ; n < want; n++ {
		f := &b.frames[n]
		if f.n, err = d.ReadFrame(f.buf); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (b *Batch) readAtOnce(k *Kernel, want int) (n int, err error) {
	for i := range want {
		b.ring.queue(opRead, k.fd, b.frames[i].buf, i)
	}
	failed := b.ring.submit(func(i, length int, errno syscall.Errno) {
		if errno != 0 {
			err = errno
			return
		}
		b.frames[i].n = length
		// One may come after another found nothing.
		b.frames[n], b.frames[i] = b.frames[i], b.frames[n]
		n++
	})
	switch {
	case failed != nil, err == syscall.EOPNOTSUPP:
		b.withoutRing()
		return n, ErrNoFrame // for now: the next Read is a plain one
	case err == syscall.EAGAIN:
		return n, ErrNoFrame
	}
	return n, err
}

// withoutRing goes on with plain system calls.
func (b *Batch) withoutRing() {
	b.ring.close()
	b.ring = nil
}

// Frame returns a frame that was read, valid until the next Read.
func (b *Batch) Frame(i int) []byte { return b.frames[i].buf[:b.frames[i].n] }

// Write has Flush write a frame to a device.
func (b *Batch) Write(i int, to Device) {
	b.frames[i].to = to
	b.waiting = append(b.waiting, i)
}

// Flush writes the frames that Write was called for, in that order, and calls
// done for each with the error of its device.
func (b *Batch) Flush(done func(i int, err error)) {
	if len(b.waiting) >= ringFrom && b.ring != nil {
		b.flushAtOnce()
	} else {
		for _, i := range b.waiting {
			f := &b.frames[i]
			f.err = f.to.WriteFrame(f.buf[:f.n])
		}
	}
	for _, i := range b.waiting {
		f := &b.frames[i]
		f.to = nil
		done(i, f.err)
	}
	b.waiting = b.waiting[:0]
}

func (b *Batch) flushAtOnce() {
	for _, i := range b.waiting {
		f := &b.frames[i]
		if k, ok := f.to.(*Kernel); ok {
			f.err = errNotWritten
			b.ring.queue(opWrite, k.fd, f.buf[:f.n], i)
			continue
		}
		f.err = f.to.WriteFrame(f.buf[:f.n])
	}
	if b.ring.queued == 0 {
		return
	}
	failed := b.ring.submit(func(i, _ int, errno syscall.Errno) {
		f := &b.frames[i]
		if f.err = nil; errno != 0 {
			f.err = f.to.WriteFrame(f.buf[:f.n]) // has the last word
		}
	})
	if failed != nil {
		b.withoutRing()
	}
}

// errNotWritten is what becomes of frames whose ring has failed.
var errNotWritten = errors.New("the frame was not written")

// Close releases the batch.
func (b *Batch) Close() {
	if b.ring != nil {
		b.withoutRing()
	}
}
