package stack

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// The IPv4 options that route a packet by way of other addresses (RFC 791,
// section 3.1).
const (
	looseSourceRoute  = 131
	strictSourceRoute = 137
)

func (p *Packet) parseIPv4(b []byte) Problem {
	if len(b) < header.IPv4MinimumSize {
		return Truncated
	}
	p.readIPv4(b)
	switch {
	case p.HeaderLen < header.IPv4MinimumSize:
		return BadHeader
	case p.HeaderLen > len(b):
		return Truncated
	}
	h := header.IPv4(b)
	if problem := checkLength(int(h.TotalLength()), len(b)); problem != Parsed {
		return problem
	}
	if !validIPv4Checksum(b[:p.HeaderLen]) {
		return BadChecksum
	}
	if p.HeaderLen > header.IPv4MinimumSize {
		if problem := checkIPv4Options(h.Options()); problem != Parsed {
			return problem
		}
	}
	return p.parseTransport(b)
}

// readIPv4 reads the fixed part of an IPv4 header, which must be there.
func (p *Packet) readIPv4(b []byte) {
	h := header.IPv4(b)
	p.HeaderLen = int(h.HeaderLength())
	p.Src = netip.AddrFrom4([4]byte(b[12:16]))
	p.Dst = netip.AddrFrom4([4]byte(b[16:20]))
	p.TTL = h.TTL()
	p.Protocol = h.Protocol()
	flags := h.Flags()
	p.DontFragment = flags&header.IPv4FlagDontFragment != 0
	p.MoreFragments = flags&header.IPv4FlagMoreFragments != 0
	p.FragmentOffset = h.FragmentOffset()
	p.FragmentID = uint32(h.ID())
	p.Fragment = p.MoreFragments || p.FragmentOffset != 0
}

// validIPv4Checksum reports whether the sum of a header, whose length is a multiple
// of 4, is what it has to be (RFC 791, section 3.1). It is checked of each packet,
// so it has no more steps than a header has words.
func validIPv4Checksum(h []byte) bool {
	var sum uint64
	for ; len(h) >= 4; h = h[4:] {
		sum += uint64(binary.BigEndian.Uint32(h))
	}
	// At most 15 words: what is beyond 32 bits, and then beyond 16, is added once more.
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>32 + sum>>16&0xffff + sum&0xffff
	return sum>>16+sum&0xffff == 0xffff
}

// checkIPv4Options refuses source routes: the destination in the header is
// then only the next stop, so the rules would judge the wrong address.
func checkIPv4Options(options []byte) Problem {
	for len(options) > 0 {
		option, rest, ok := cutOption(options)
		switch {
		case !ok:
			return BadOptions
		case option[0] == looseSourceRoute, option[0] == strictSourceRoute:
			return SourceRoute
		}
		options = rest
	}
	return Parsed
}

// The two options of one byte, which IPv4 and TCP share.
const (
	optionsEnd = 0
	optionNOP  = 1
)

// cutOption splits the first option off a list that is not empty. IPv4 and TCP
// have one syntax: a kind, a length that counts both bytes, and data (RFC 791,
// section 3.1; RFC 9293, section 3.1). The end of the list takes with it all
// that is behind. ok is false if the option's length cannot be.
func cutOption(list []byte) (option, rest []byte, ok bool) {
	size := 1
	switch {
	case list[0] == optionsEnd:
		size = len(list)
	case list[0] == optionNOP:
	case len(list) < 2 || list[1] < 2 || int(list[1]) > len(list):
		return nil, nil, false
	default:
		size = int(list[1])
	}
	return list[:size], list[size:], true
}
