package conntrack

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Key identifies a flow. Both directions of a flow have the same key.
type Key struct {
	// The two ends' addresses as numbers, each its upper half and its lower. Of
	// IPv4 they are the mapped ones.
	lowUpper, lowLower, highUpper, highLower uint64
	// rest is, from the top: the ports of the low and of the high end, or what
	// stands for them; the VPC; the protocol, in 8 bits; the kind, in 8.
	rest uint64
}

// End is one of the two ends of a key.
type End uint8

// The ends. Which machine is which follows from the key alone.
const (
	Low End = iota
	High
)

// Opposite returns the other end.
func (e End) Opposite() End { return e ^ 1 }

// familyIPv6 marks kinds of IPv6, whose addresses may look like mapped IPv4. The
// rest of the kind is the request type of ICMP queries.
const familyIPv6 = 0x80

// Set makes k the key of a flow in a VPC, and returns the end that src is. The
// ports are 0 for protocols without them. The addresses are only read: passed by
// value, they would cost as much again as the rest.
func (k *Key) Set(vpc uint16, protocol uint8, src, dst *netip.Addr, srcPort, dstPort uint16) End {
	var kind uint8
	if src.Is6() {
		kind = familyIPv6
	}
	low := Low
	lowUpper, lowLower := halves(src)
	highUpper, highLower := halves(dst)
	if lowUpper > highUpper || lowUpper == highUpper && (lowLower > highLower || lowLower == highLower && srcPort > dstPort) {
		lowUpper, highUpper = highUpper, lowUpper
		lowLower, highLower = highLower, lowLower
		srcPort, dstPort = dstPort, srcPort
		low = High
	}
	// Field by field: a copy of the whole would wait for each of them.
	k.lowUpper, k.lowLower, k.highUpper, k.highLower = lowUpper, lowLower, highUpper, highLower
	k.rest = uint64(srcPort)<<48 | uint64(dstPort)<<32 | uint64(vpc)<<16 | uint64(protocol)<<8 | uint64(kind)
	return low
}

// SetQuery makes k the key of an ICMP question and its answers. asker is
// always the low end: two machines that ask each other with the same id have
// two flows, and an answer passes only where the question was seen.
func (k *Key) SetQuery(vpc uint16, protocol uint8, asker, asked *netip.Addr, id uint16, request uint8) {
	kind := request &^ familyIPv6
	if asker.Is6() {
		kind |= familyIPv6
	}
	k.lowUpper, k.lowLower = halves(asker)
	k.highUpper, k.highLower = halves(asked)
	k.rest = uint64(id)<<48 | uint64(vpc)<<16 | uint64(protocol)<<8 | uint64(kind)
}

// halves returns an address as two numbers.
func halves(a *netip.Addr) (upper, lower uint64) {
	if a.Is4() {
		raw := a.As4()
		return 0, 0xffff<<32 | uint64(binary.BigEndian.Uint32(raw[:]))
	}
	// As16 returns a copy, which has to wait for what it is a copy of.
	var room [16]byte
	raw, _ := a.AppendBinary(room[:0])
	return binary.BigEndian.Uint64(raw), binary.BigEndian.Uint64(raw[8:])
}

// is reports whether two keys are the same. (The compiler's own comparison is a
// call.)
func (k *Key) is(o *Key) bool {
	return (k.lowUpper^o.lowUpper)|(k.lowLower^o.lowLower)|(k.highUpper^o.highUpper)|(k.highLower^o.highLower)|(k.rest^o.rest) == 0
}

func (k *Key) vpc() uint16     { return uint16(k.rest >> 16) }
func (k *Key) protocol() uint8 { return uint8(k.rest >> 8) }
func (k *Key) kind() uint8     { return uint8(k.rest) }

// isTCP reports whether the flow is a TCP connection.
func (k *Key) isTCP() bool { return k.protocol() == uint8(header.TCPProtocolNumber) }

// addr returns an end's address and its port, or what stands for that.
func (k *Key) addr(e End) netip.AddrPort {
	upper, lower, port := k.lowUpper, k.lowLower, uint16(k.rest>>48)
	if e == High {
		upper, lower, port = k.highUpper, k.highLower, uint16(k.rest>>32)
	}
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], upper)
	binary.BigEndian.PutUint64(raw[8:], lower)
	addr := netip.AddrFrom16(raw)
	if k.kind()&familyIPv6 == 0 {
		addr = addr.Unmap()
	}
	return netip.AddrPortFrom(addr, port)
}

// request returns the type of the question of an ICMP query's flow, 0 for others.
func (k *Key) request() uint8 {
	request := k.kind() &^ familyIPv6
	switch {
	case k.kind()&familyIPv6 == 0:
		return request
	case request != 0 || k.protocol() == uint8(header.ICMPv6ProtocolNumber):
		return request | 0x80 // RFC 4443 has all questions above 127
	}
	return 0
}
