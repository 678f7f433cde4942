package traffic

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// payload is the size of a small datagram: 64 bytes for the application, as
// iperf3 -l 64 and sockperf count it, which is a packet of 92 bytes by IPv4 and
// of 112 by IPv6.
const payload = 64

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

// batch is datagrams that one system call sends or receives. It is not to be
// copied: it points into itself.
type batch struct {
	messages []message
	vectors  []unix.Iovec
	bytes    []byte // payload bytes a message
}

// newBatch returns a batch of n datagrams.
func newBatch(n int) *batch {
	b := &batch{make([]message, n), make([]unix.Iovec, n), make([]byte, n*payload)}
	for i := range n {
		b.vectors[i].Base = &b.bytes[i*payload]
		b.vectors[i].SetLen(payload)
		b.messages[i].header.Iov = &b.vectors[i]
		b.messages[i].header.SetIovlen(1)
	}
	return b
}

// set numbers datagram i of the batch: which trial it is of, and its place in it.
func (b *batch) set(i int, trial, sequence uint64) {
	at := b.bytes[i*payload:]
	binary.LittleEndian.PutUint64(at, trial)
	binary.LittleEndian.PutUint64(at[8:], sequence)
}

// get returns what set wrote.
func (b *batch) get(i int) (trial, sequence uint64) {
	at := b.bytes[i*payload:]
	return binary.LittleEndian.Uint64(at), binary.LittleEndian.Uint64(at[8:])
}

// send sends the first n datagrams on a connected socket and returns how many
// the kernel took.
func (b *batch) send(fd, n int) (int, error) { return b.call(unix.SYS_SENDMMSG, fd, n, 0) }

// receive waits for one datagram and takes those that are there.
func (b *batch) receive(fd int) (int, error) {
	return b.call(unix.SYS_RECVMMSG, fd, len(b.messages), unix.MSG_WAITFORONE)
}

func (b *batch) call(number uintptr, fd, n, flags int) (int, error) {
	for {
		done, _, errno := unix.Syscall6(number, uintptr(fd), uintptr(unsafe.Pointer(&b.messages[0])), uintptr(n), uintptr(flags), 0, 0)
		switch errno {
		case 0:
			return int(done), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
