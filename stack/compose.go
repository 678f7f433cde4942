package stack

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Composition says what packet Compose is to make. Src and Dst are of one family.
type Composition struct {
	Src, Dst netip.Addr
	Protocol uint8 // of IP; ICMP and ICMPv6 only in their own family are messages
	TTL      uint8 // 64 if it is 0

	SrcPort, DstPort uint16          // TCP and UDP
	Flags            header.TCPFlags // TCP; a SYN if there is none
	Seq, Ack         uint32          // TCP
	Window           uint16          // TCP
	ICMPType         uint8
	ICMPCode         uint8
	ICMPID, ICMPSeq  uint16 // of an ICMP query
	Payload          []byte
}

// Compose returns a plain packet, IP header first and all checksums right: what a
// machine's own stack would send as the first packet of a connection.
func Compose(c Composition) []byte {
	if c.TTL == 0 {
		c.TTL = routerTTL
	}
	transport := c.transport()
	if c.Src.Is6() {
		packet := make([]byte, header.IPv6MinimumSize, header.IPv6MinimumSize+len(transport))
		header.IPv6(packet).Encode(&header.IPv6Fields{
			PayloadLength: uint16(len(transport)), TransportProtocol: tcpip.TransportProtocolNumber(c.Protocol),
			HopLimit: c.TTL, SrcAddr: address(c.Src), DstAddr: address(c.Dst),
		})
		return append(packet, transport...)
	}
	packet := make([]byte, header.IPv4MinimumSize, header.IPv4MinimumSize+len(transport))
	h := header.IPv4(packet)
	h.Encode(&header.IPv4Fields{
		TotalLength: uint16(len(packet) + len(transport)), Protocol: c.Protocol, TTL: c.TTL,
		SrcAddr: address(c.Src), DstAddr: address(c.Dst), Flags: header.IPv4FlagDontFragment,
	})
	h.SetChecksum(^h.CalculateChecksum())
	return append(packet, transport...)
}

// transport returns what follows the IP header.
func (c *Composition) transport() []byte {
	switch {
	case c.Protocol == uint8(header.TCPProtocolNumber):
		return c.tcp()
	case c.Protocol == uint8(header.UDPProtocolNumber):
		return c.udp()
	case c.Protocol == uint8(header.ICMPv4ProtocolNumber) && c.Src.Is4(), c.Protocol == uint8(header.ICMPv6ProtocolNumber) && c.Src.Is6():
		return c.icmp()
	}
	return c.Payload
}

func (c *Composition) tcp() []byte {
	if c.Flags == 0 {
		c.Flags = header.TCPFlagSyn
	}
	segment := make([]byte, header.TCPMinimumSize, header.TCPMinimumSize+len(c.Payload))
	h := header.TCP(segment)
	h.Encode(&header.TCPFields{
		SrcPort: c.SrcPort, DstPort: c.DstPort, SeqNum: c.Seq, AckNum: c.Ack,
		DataOffset: header.TCPMinimumSize, Flags: c.Flags, WindowSize: c.Window,
	})
	segment = append(segment, c.Payload...)
	h.SetChecksum(^checksum.Checksum(segment, c.pseudoHeader(len(segment))))
	return segment
}

func (c *Composition) udp() []byte {
	length := header.UDPMinimumSize + len(c.Payload)
	datagram := make([]byte, header.UDPMinimumSize, length)
	h := header.UDP(datagram)
	h.Encode(&header.UDPFields{SrcPort: c.SrcPort, DstPort: c.DstPort, Length: uint16(length)})
	datagram = append(datagram, c.Payload...)
	sum := ^checksum.Checksum(datagram, c.pseudoHeader(length))
	if sum == 0 {
		sum = 0xffff // 0 stands for none (RFC 768)
	}
	h.SetChecksum(sum)
	return datagram
}

// icmp returns a message of either family: their headers' places are the same.
func (c *Composition) icmp() []byte {
	message := make([]byte, icmpHeaderLen, icmpHeaderLen+len(c.Payload))
	h := header.ICMPv4(message)
	h.SetType(header.ICMPv4Type(c.ICMPType))
	h.SetCode(header.ICMPv4Code(c.ICMPCode))
	h.SetIdent(c.ICMPID)
	h.SetSequence(c.ICMPSeq)
	message = append(message, c.Payload...)
	var initial uint16
	if c.Src.Is6() {
		initial = c.pseudoHeader(len(message))
	}
	h.SetChecksum(^checksum.Checksum(message, initial))
	return message
}

func (c *Composition) pseudoHeader(length int) uint16 {
	return header.PseudoHeaderChecksum(tcpip.TransportProtocolNumber(c.Protocol), address(c.Src), address(c.Dst), uint16(length))
}
