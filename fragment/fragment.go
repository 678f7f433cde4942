// Package fragment holds the pieces of fragmented packets until all are there:
// virtual reassembly.
//
// Security groups are about ports, and only the first piece of a packet has
// them. So nothing of a datagram is forwarded before the whole of it is there.
// The gateway hands every piece to [Table.Add], which keeps a copy. The piece
// that makes the datagram complete brings back two things:
//
//   - the whole, one unfragmented IP packet, which the gateway parses and
//     judges like any other, so that fragmented and unfragmented traffic get
//     the same verdicts;
//   - the pieces as they came, by offset, which share the whole's fate: all
//     are forwarded, one by one, or all dropped.
//
// A piece that contradicts another kills its datagram: all that is held of it
// is dropped, and so is what still comes of it until its time is over. What
// two machines would put together in two ways (RFC 1858, RFC 3128, RFC 5722)
// thus passes in no way at all.
//
// A table bounds its memory, that of each sender, and the pieces of a
// datagram. A sender that wants more loses its own oldest datagram; where all
// together want more, the greatest holder does.
//
// Time is passed in, as nanoseconds of any monotonic clock.
//
// The package imports stack, whose parser has read every piece before.
package fragment

import (
	"fmt"
	"time"
)

// Owner is the sender that pieces are held for: an interface, and the VPC in
// which its addresses have their meaning.
type Owner struct {
	Interface uint32 // the gateway's number of the interface
	VPC       uint16
}

// Limits bound what a table holds.
type Limits struct {
	// Bytes and OwnerBytes are of all senders and of one. A piece takes its
	// packet's length and PieceOverhead, a datagram, killed ones too,
	// DatagramOverhead.
	Bytes      int
	OwnerBytes int
	Pieces     int           // of one datagram
	Timeout    time.Duration // of a datagram, from its first piece on
}

// What is kept beside the bytes of packets, in bytes of memory, rounded up.
const (
	PieceOverhead    = 128
	DatagramOverhead = 512
)

// DefaultLimits returns the limits of a gateway without others. AWS documents
// none. The memory of all and the timeout are Linux's for IPv4
// (ipfrag_high_thresh, ipfrag_time); 128 pieces are enough for 64 KiB through a
// link of 576 bytes, the least that every IPv4 host takes (RFC 791).
func DefaultLimits() Limits {
	return Limits{Bytes: 4 << 20, OwnerBytes: 512 << 10, Pieces: 128, Timeout: 30 * time.Second}
}

// validate returns what is wrong with the limits.
func (l Limits) validate() error {
	switch {
	case l.OwnerBytes < 1:
		return fmt.Errorf("fragment: limit of %d bytes for one sender: want at least 1", l.OwnerBytes)
	case l.Bytes < l.OwnerBytes:
		return fmt.Errorf("fragment: limit of %d bytes for all senders: want at least the %d of one", l.Bytes, l.OwnerBytes)
	case l.Pieces < 2:
		return fmt.Errorf("fragment: limit of %d pieces for a datagram: want at least 2", l.Pieces)
	case l.Timeout <= 0:
		return fmt.Errorf("fragment: timeout of %v: want more than 0", l.Timeout)
	}
	return nil
}

// Outcome is what became of a piece. The zero value is a drop.
type Outcome uint8

// The outcomes.
const (
	Refused  Outcome = iota // not taken: to be dropped
	Held                    // copied, its datagram is not complete
	Complete                // the last one that was missing
)

// String returns "refused", "held" or "complete".
func (o Outcome) String() string { return [...]string{"refused", "held", "complete"}[o] }

// Result says what became of a piece.
type Result struct {
	Outcome Outcome
	Problem Problem // of a refused piece

	// Whole and Pieces are those of a complete datagram, and the caller's to
	// keep. Whole is for judging, not for sending: it has the first piece's
	// header with its fragmentation undone, and the lowest TTL of all pieces,
	// so that none of them has less than it. Pieces are the packets as they
	// were handed to Add, by offset.
	Whole  []byte
	Pieces [][]byte
}

// Dropped is told of pieces that were held and are lost: killed with their
// datagram, evicted, timed out. bytes are those of the packets. It is called
// while the table is locked, so it must not call the table.
type Dropped func(owner Owner, why Problem, pieces, bytes int)
