package stack

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Protocol numbers, for tables that are easy to read.
const (
	icmp4   = uint8(header.ICMPv4ProtocolNumber)
	icmp6   = uint8(header.ICMPv6ProtocolNumber)
	tcpNo   = uint8(header.TCPProtocolNumber)
	udpNo   = uint8(header.UDPProtocolNumber)
	gre     = 47
	esp     = 50
	ah      = 51
	noNext  = 59
	hbh     = 0
	routing = 43
	frag    = 44
	dstOpts = 60
	mobile  = 135
)

var (
	alice4 = netip.MustParseAddr("10.0.1.10")
	bob4   = netip.MustParseAddr("10.0.2.20")
	alice6 = netip.MustParseAddr("fd00:10:0:1::10")
	bob6   = netip.MustParseAddr("fd00:10:0:2::20")
)

// v4 builds an IPv4 packet: zero fields are those of an everyday packet from
// Alice to Bob.
type v4 struct {
	protocol uint8
	src, dst netip.Addr
	ttl      uint8
	id       uint16
	df, mf   bool
	offset   uint16 // bytes
	options  []byte // padded by the caller
	payload  []byte
}

func (v v4) bytes() []byte {
	if !v.src.IsValid() {
		v.src = alice4
	}
	if !v.dst.IsValid() {
		v.dst = bob4
	}
	if v.ttl == 0 {
		v.ttl = 64
	}
	size := header.IPv4MinimumSize + len(v.options)
	b := make([]byte, size, size+len(v.payload))
	var flags uint8
	if v.df {
		flags |= header.IPv4FlagDontFragment
	}
	if v.mf {
		flags |= header.IPv4FlagMoreFragments
	}
	h := header.IPv4(b)
	h.Encode(&header.IPv4Fields{
		TotalLength: uint16(size + len(v.payload)), ID: v.id, Flags: flags, FragmentOffset: v.offset,
		TTL: v.ttl, Protocol: v.protocol, SrcAddr: address(v.src), DstAddr: address(v.dst),
	})
	copy(b[header.IPv4MinimumSize:], v.options)
	h.SetHeaderLength(uint8(size))
	sealIPv4(b)
	return append(b, v.payload...)
}

// sealIPv4 makes the checksum of an IPv4 header right, after a test has
// changed it.
func sealIPv4(b []byte) {
	h := header.IPv4(b)
	h.SetChecksum(0)
	h.SetChecksum(^h.CalculateChecksum())
}

// v6 builds an IPv6 packet.
type v6 struct {
	src, dst netip.Addr
	hopLimit uint8
	chain    []extension
	protocol uint8 // behind the chain
	payload  []byte
}

// extension is an IPv6 extension header but for its first byte, which says
// what is next.
type extension struct {
	id   uint8
	rest []byte
}

func (v v6) bytes() []byte {
	if !v.src.IsValid() {
		v.src = alice6
	}
	if !v.dst.IsValid() {
		v.dst = bob6
	}
	if v.hopLimit == 0 {
		v.hopLimit = 64
	}
	var body []byte
	first := v.protocol
	for i, e := range v.chain {
		if i == 0 {
			first = e.id
		}
		next := v.protocol
		if i+1 < len(v.chain) {
			next = v.chain[i+1].id
		}
		body = append(append(body, next), e.rest...)
	}
	body = append(body, v.payload...)
	b := make([]byte, header.IPv6MinimumSize, header.IPv6MinimumSize+len(body))
	// Not IPv6.Encode, which wants a protocol number of gVisor's own.
	b[0] = 6 << 4
	binary.BigEndian.PutUint16(b[4:], uint16(len(body)))
	b[6], b[7] = first, v.hopLimit
	copy(b[8:], v.src.AsSlice())
	copy(b[24:], v.dst.AsSlice())
	return append(b, body...)
}

// options is an extension header of n times 8 bytes, all padding.
func options(id uint8, n int) extension {
	rest := make([]byte, 8*n-1)
	rest[0] = uint8(n - 1)
	for i, left := 1, 8*n-2; left > 0; {
		if left == 1 {
			break // a zero byte is the option Pad1
		}
		size := min(left, 257)
		rest[i], rest[i+1] = 1, uint8(size-2) // PadN
		i, left = i+size, left-size
	}
	return extension{id, rest}
}

// fragment is a fragment header; offset is in bytes.
func fragment(offset uint16, more bool, id uint32) extension {
	rest := make([]byte, 7)
	if more {
		offset |= 1
	}
	binary.BigEndian.PutUint16(rest[1:], offset)
	binary.BigEndian.PutUint32(rest[3:], id)
	return extension{frag, rest}
}

// routingHeader is a routing header with room for n segments of 16 bytes.
func routingHeader(routingType, segmentsLeft uint8, n int) extension {
	rest := make([]byte, 7+16*n)
	rest[0], rest[1], rest[2] = uint8(2*n), routingType, segmentsLeft
	return extension{routing, rest}
}

// tcpSegment returns a TCP header with nOptions bytes of options, and payload.
// 12 bytes of options or more have timestamps, as in any running connection.
func tcpSegment(src, dst uint16, flags header.TCPFlags, nOptions int, payload string) []byte {
	b := make([]byte, header.TCPMinimumSize+nOptions)
	header.TCP(b).Encode(&header.TCPFields{
		SrcPort: src, DstPort: dst, SeqNum: 1000, AckNum: 2000, Flags: flags,
		DataOffset: uint8(len(b)), WindowSize: 65000,
	})
	for i := header.TCPMinimumSize; i < len(b); i++ {
		b[i] = 1 // NOP
	}
	if nOptions >= 12 {
		copy(b[22:], []byte{8, 10, 0, 0, 0, 1, 0, 0, 0, 2})
	}
	return append(b, payload...)
}

// tcpWithOptions returns a TCP header with the options given, which the caller
// pads to 4 bytes.
func tcpWithOptions(flags header.TCPFlags, options ...byte) []byte {
	b := tcpSegment(40000, 443, flags, len(options), "")
	copy(b[header.TCPMinimumSize:], options)
	return b
}

func udpDatagram(src, dst uint16, payload string) []byte {
	b := make([]byte, header.UDPMinimumSize)
	header.UDP(b).Encode(&header.UDPFields{SrcPort: src, DstPort: dst, Length: uint16(len(b) + len(payload))})
	return append(b, payload...)
}

func icmpMessage(icmpType, code uint8, id uint16, payload string) []byte {
	b := []byte{icmpType, code, 0, 0, byte(id >> 8), byte(id), 0, 1}
	return append(b, payload...)
}

// seal completes the transport checksum of a packet without extension headers.
func seal(b []byte) []byte {
	var p Packet
	if problem := p.Parse(b); problem != Parsed {
		panic("seal: " + problem.String())
	}
	t := b[p.HeaderLen:]
	at := map[uint8]int{tcpNo: 16, udpNo: 6, icmp4: 2, icmp6: 2}[p.Protocol]
	t[at], t[at+1] = 0, 0
	binary.BigEndian.PutUint16(t[at:], ^checksum.Checksum(t, pseudoSum(&p, len(t))))
	return b
}

// unseal leaves in the checksum field what the kernel leaves there in a packet
// that is still to be summed: the sum of the pseudo-header alone.
func unseal(b []byte) []byte {
	var p Packet
	if problem := p.Parse(b); problem != Parsed {
		panic("unseal: " + problem.String())
	}
	t := b[p.HeaderLen:]
	at := map[uint8]int{tcpNo: 16, udpNo: 6}[p.Protocol]
	binary.BigEndian.PutUint16(t[at:], pseudoSum(&p, len(t)))
	return b
}

func pseudoSum(p *Packet, length int) uint16 {
	if p.Protocol == icmp4 {
		return 0
	}
	return header.PseudoHeaderChecksum(protocolNumber(p.Protocol), address(p.Src), address(p.Dst), uint16(length))
}

// checksums fails the test if a checksum in the packet is not right, and
// returns the packet parsed.
func checksums(t *testing.T, b []byte) *Packet {
	t.Helper()
	var p Packet
	if problem := p.Parse(b); problem != Parsed {
		t.Fatalf("the packet % x: %v", b, problem)
	}
	if sum := checksum.Checksum(b[p.HeaderLen:], pseudoSum(&p, len(b)-p.HeaderLen)); sum != 0xffff {
		t.Errorf("the transport checksum of % x does not add up: %#04x", b, sum)
	}
	return &p
}

// samples are packets of every kind that is parsed to the end, by name.
func samples() map[string][]byte {
	segment := tcpSegment(40000, 443, header.TCPFlagSyn, 0, "")
	return map[string][]byte{
		"tcp4":             v4{protocol: tcpNo, payload: segment, df: true}.bytes(),
		"tcp4 options":     v4{protocol: tcpNo, payload: tcpSegment(40000, 443, header.TCPFlagAck, 12, "hello")}.bytes(),
		"tcp4 syn":         v4{protocol: tcpNo, payload: tcpWithOptions(header.TCPFlagSyn, 2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7)}.bytes(),
		"udp4":             v4{protocol: udpNo, payload: udpDatagram(5353, 53, "question")}.bytes(),
		"icmp4 echo":       v4{protocol: icmp4, payload: icmpMessage(8, 0, 77, "ping")}.bytes(),
		"icmp4 error":      v4{protocol: icmp4, payload: icmpMessage(3, 1, 0, string(v4{protocol: udpNo, payload: udpDatagram(1, 2, "")}.bytes()))}.bytes(),
		"ip options":       v4{protocol: udpNo, options: []byte{7, 7, 4, 0, 0, 0, 0, 0}, payload: udpDatagram(1, 2, "")}.bytes(),
		"gre4":             v4{protocol: gre, payload: []byte("0123456789")}.bytes(),
		"first fragment4":  v4{protocol: udpNo, mf: true, id: 9, payload: udpDatagram(1, 2, "01234567")}.bytes(),
		"later fragment4":  v4{protocol: udpNo, offset: 1480, id: 9, payload: []byte("tail")}.bytes(),
		"tcp6":             v6{protocol: tcpNo, payload: segment}.bytes(),
		"udp6":             v6{protocol: udpNo, payload: udpDatagram(5353, 53, "question")}.bytes(),
		"icmp6 error":      v6{protocol: icmp6, payload: icmpMessage(2, 0, 0, string(v6{protocol: tcpNo, payload: segment}.bytes()))}.bytes(),
		"icmp6 echo":       v6{protocol: icmp6, payload: icmpMessage(128, 0, 77, "ping")}.bytes(),
		"no next header":   v6{protocol: noNext}.bytes(),
		"hop-by-hop":       v6{chain: []extension{options(hbh, 1)}, protocol: tcpNo, payload: segment}.bytes(),
		"all extensions":   v6{chain: []extension{options(hbh, 2), options(dstOpts, 3), routingHeader(4, 0, 1), fragment(0, true, 7), options(dstOpts, 1)}, protocol: tcpNo, payload: segment}.bytes(),
		"first fragment6":  v6{chain: []extension{fragment(0, true, 7)}, protocol: udpNo, payload: udpDatagram(1, 2, "01234567")}.bytes(),
		"later fragment6":  v6{chain: []extension{fragment(1448, false, 7)}, protocol: udpNo, payload: []byte("tail")}.bytes(),
		"atomic fragment6": v6{chain: []extension{fragment(0, false, 7)}, protocol: udpNo, payload: udpDatagram(1, 2, "")}.bytes(),
	}
}
