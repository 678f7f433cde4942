// Package tun opens TUN devices in any network namespace and moves frames in
// and out of them.
//
// A frame is what the kernel hands over in one read of a TUN with IFF_VNET_HDR:
// a virtio-net header of [HeaderLen] bytes, then one IP packet. With offload
// on, that packet may be a super-packet, up to 64 KiB of TCP or UDP payload
// under one header, its checksum still to be completed; the virtio header says
// how to cut it. Frames pass through unsplit and unsummed: cutting them up
// here would cost more than half of the throughput (docs/design.md).
//
// [Open] gives a kernel device, [NewMemory] one in memory that keeps the same
// contract, so that everything above is tested without privileges. A [Poller]
// waits for many devices at once.
//
// The package imports nothing else of this project.
package tun

import (
	"encoding/binary"
	"errors"
)

// Device is one TUN device. Reading is for one goroutine at a time, writing
// for any number of them; neither ever blocks.
type Device interface {
	// Name is the interface's name in its namespace.
	Name() string
	// MTU is the largest packet, in bytes from the IP header on, that the
	// device carries; a super-packet's segments count, not their sum.
	MTU() int
	// ReadFrame copies the next frame into buf, which must have room for
	// MaxFrame bytes, and returns its length. It returns ErrNoFrame if none
	// is waiting; any other error means that the device is gone.
	ReadFrame(buf []byte) (int, error)
	// WriteFrame hands over one frame. The device does not keep it.
	WriteFrame(frame []byte) error
	// PollFD is the descriptor that is readable while a frame waits.
	PollFD() int
	// Close releases the device. No other method may run during or after it.
	Close() error
}

// ErrNoFrame is returned by ReadFrame when no frame is waiting.
var ErrNoFrame = errors.New("no frame is waiting")

const (
	// HeaderLen is the length of the virtio-net header before each packet.
	HeaderLen = 10
	// MaxPacket is the largest IP packet, super-packets included.
	MaxPacket = 65535
	// MaxFrame is the largest frame.
	MaxFrame = HeaderLen + MaxPacket
)

// Header is the virtio-net header at the start of a frame (struct
// virtio_net_hdr in linux/virtio_net.h), in the machine's byte order.
type Header []byte

// Values of Header.Flags.
const (
	NeedsChecksum = 1 // the transport checksum holds the pseudo-header's sum only
	DataValid     = 2 // the checksum has been verified
)

// Values of Header.GSOType.
const (
	GSONone  = 0
	GSOTCPv4 = 1
	GSOTCPv6 = 4
	GSOUDP   = 5    // segments of a UDP datagram, both families (USO)
	GSOECN   = 0x80 // a flag beside a TCP type
)

// Flags tells what the checksum field of the packet holds.
func (h Header) Flags() uint8 { return h[0] }

// GSOType tells how the packet is to be cut into segments; GSONone means that
// it is one.
func (h Header) GSOType() uint8 { return h[1] &^ GSOECN }

// GSOSize is the payload of each segment but the last, in bytes.
func (h Header) GSOSize() uint16 { return binary.NativeEndian.Uint16(h[4:]) }

// ChecksumStart is the offset in the packet from which the checksum is to be
// computed, if Flags has NeedsChecksum.
func (h Header) ChecksumStart() uint16 { return binary.NativeEndian.Uint16(h[6:]) }

// ChecksumOffset is where the checksum goes, from ChecksumStart on.
func (h Header) ChecksumOffset() uint16 { return binary.NativeEndian.Uint16(h[8:]) }

// Encode fills the header: for tests and for programs that make frames.
func (h Header) Encode(flags, gsoType uint8, headersLen, gsoSize, checksumStart, checksumOffset uint16) {
	h[0], h[1] = flags, gsoType
	for i, v := range []uint16{headersLen, gsoSize, checksumStart, checksumOffset} {
		binary.NativeEndian.PutUint16(h[2+2*i:], v)
	}
}
