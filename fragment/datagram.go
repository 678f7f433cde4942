package fragment

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// key identifies a datagram. The addresses tell the family. The protocol, which
// RFC 791 has here too, is left out: a piece with another one is not to start
// a datagram of its own, but to kill the one that it was made for.
type key struct {
	owner    Owner
	src, dst netip.Addr
	id       uint32
}

// datagram is what is held of one datagram. One that was killed has no pieces.
type datagram struct {
	key     key
	expires int64 // ns
	dead    bool
	pieces  []piece // by offset; no two have a byte in common
	data    int     // bytes of data in them
	size    int     // bytes of their packets
	links   [queues]links
}

// fit returns where among the pieces a piece belongs, or why it fits nowhere.
// A datagram never has two pieces with a byte in common, and one that is the
// last stays the last, so its neighbours are all there is to look at.
func (d *datagram) fit(f *piece) (int, Problem) {
	at, _ := slices.BinarySearchFunc(d.pieces, f.start, func(p piece, start int) int { return cmp.Compare(p.start, start) })
	before, behind := d.pieces[:at], d.pieces[at:]
	switch {
	case len(behind) > 0 && behind[0].repeats(f):
		return 0, Duplicate
	case len(before) > 0 && before[at-1].end > f.start, len(behind) > 0 && behind[0].start < f.end:
		return 0, Overlap
	case len(before) > 0 && !before[at-1].more, len(behind) > 0 && !f.more:
		return 0, BadEnd
	}
	return at, NoProblem
}

// repeats reports whether two pieces are the same part of a datagram, byte for
// byte.
func (f *piece) repeats(g *piece) bool {
	return f.start == g.start && f.end == g.end && f.more == g.more && bytes.Equal(f.data(), g.data())
}

// insert puts a copy of a piece at its place.
func (d *datagram) insert(at int, f *piece) {
	held := *f
	held.packet = bytes.Clone(f.packet)
	d.pieces = slices.Insert(d.pieces, at, held)
	d.data += f.end - f.start
	d.size += len(f.packet)
}

// completedBy reports whether a piece that fits is the last one missing. Without
// overlaps, as many bytes as the end says are all there are.
func (d *datagram) completedBy(f *piece) bool {
	last := f
	if n := len(d.pieces); f.more && n > 0 {
		last = &d.pieces[n-1]
	}
	return !last.more && last.end == d.data+f.end-f.start
}

// maxLength is what a length field of 16 bits can say. IPv6's leaves out the
// first 40 bytes.
const maxLength = 0xffff

// tooLong reports whether the whole with that piece would be too long. The whole
// has the first piece's header, the longest one of IPv4's.
func (d *datagram) tooLong(f *piece) bool {
	before, end := len(f.unfragmentable()), f.end
	if len(d.pieces) > 0 {
		before = max(before, len(d.pieces[0].unfragmentable()))
		end = max(end, d.pieces[len(d.pieces)-1].end)
	}
	if f.isIPv6() {
		before -= header.IPv6MinimumSize
	}
	return before+end > maxLength
}

// whole returns a complete datagram as one unfragmented packet.
func (d *datagram) whole() []byte {
	first := &d.pieces[0]
	before := first.unfragmentable()
	whole := make([]byte, 0, len(before)+d.data)
	whole = append(whole, before...)
	for i := range d.pieces {
		whole = append(whole, d.pieces[i].data()...)
	}
	if first.isIPv6() {
		d.sealIPv6(whole)
	} else {
		d.sealIPv4(whole)
	}
	return whole
}

// sealIPv4 turns the first piece's header into one of a whole packet.
func (d *datagram) sealIPv4(whole []byte) {
	h := header.IPv4(whole)
	h.SetTotalLength(uint16(len(whole)))
	h.SetFlagsFragmentOffset(h.Flags()&^header.IPv4FlagMoreFragments, 0)
	h.SetTTL(d.lowest(func(packet []byte) uint8 { return header.IPv4(packet).TTL() }))
	h.SetChecksum(0)
	h.SetChecksum(^h.CalculateChecksum())
}

// sealIPv6 takes the fragment header, which whole lacks already, out of the
// chain of headers.
func (d *datagram) sealIPv6(whole []byte) {
	at, link, _ := fragmentHeader(d.pieces[0].packet)
	whole[link] = d.pieces[0].packet[at]
	h := header.IPv6(whole)
	h.SetPayloadLength(uint16(len(whole) - header.IPv6MinimumSize))
	h.SetHopLimit(d.lowest(func(packet []byte) uint8 { return header.IPv6(packet).HopLimit() }))
}

// lowest returns the lowest number of hops that a piece has left.
func (d *datagram) lowest(hops func(packet []byte) uint8) uint8 {
	least := hops(d.pieces[0].packet)
	for i := range d.pieces {
		least = min(least, hops(d.pieces[i].packet))
	}
	return least
}

// packets returns the pieces' packets by offset.
func (d *datagram) packets() [][]byte {
	packets := make([][]byte, len(d.pieces))
	for i := range d.pieces {
		packets[i] = d.pieces[i].packet
	}
	return packets
}
