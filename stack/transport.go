package stack

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// parseTransport reads the header of TCP, UDP, ICMP or ICMPv6. It must be there
// as a whole in a first fragment as well, or a fragment could hide its ports
// (RFC 8200, section 4.5; RFC 1858).
func (p *Packet) parseTransport(b []byte) Problem {
	if p.FragmentOffset != 0 {
		return Parsed
	}
	t := b[p.HeaderLen:]
	switch {
	case p.Protocol == uint8(header.TCPProtocolNumber):
		return p.parseTCP(t)
	case p.Protocol == uint8(header.UDPProtocolNumber):
		return p.parseUDP(t)
	case p.IsICMP():
		return p.parseICMP(t)
	}
	return Parsed
}

func (p *Packet) parseTCP(t []byte) Problem {
	if len(t) < header.TCPMinimumSize {
		return Truncated
	}
	h := header.TCP(t)
	size, flags := int(h.DataOffset()), h.Flags()
	switch {
	case size < header.TCPMinimumSize:
		return BadHeader
	case size > len(t):
		return Truncated
	case !validTCPFlags(flags):
		return BadTCPFlags
	case size > header.TCPMinimumSize && !validTCPOptions(t[header.TCPMinimumSize:size]):
		return BadOptions
	}
	p.SrcPort, p.DstPort, p.TCPFlags = h.SourcePort(), h.DestinationPort(), flags
	p.TCPSeq, p.TCPAck, p.TCPWindow = h.SequenceNumber(), h.AckNumber(), h.WindowSize()
	p.PayloadStart = p.HeaderLen + size
	p.HasTransport = true
	return Parsed
}

// validTCPFlags reports whether a TCP sends these flags together: what Linux's
// connection tracking takes for valid too. PSH and the flags of congestion
// control go with any of them.
func validTCPFlags(flags header.TCPFlags) bool {
	const fin, syn, rst, ack, urg = header.TCPFlagFin, header.TCPFlagSyn, header.TCPFlagRst, header.TCPFlagAck, header.TCPFlagUrg
	switch flags & (fin | syn | rst | ack | urg) {
	case syn, syn | urg, syn | ack, rst, rst | ack, fin | ack, fin | ack | urg, ack, ack | urg:
		return true
	}
	return false
}

// timestampsOnly is how a list of TCP options starts that has timestamps and
// nothing else: two NOPs, the kind and its length (RFC 7323, appendix A). Nearly
// all segments of a running connection have it.
const timestampsOnly = optionNOP<<24 | optionNOP<<16 | header.TCPOptionTS<<8 | header.TCPOptionTSLength

func validTCPOptions(options []byte) bool {
	if len(options) == 12 && binary.BigEndian.Uint32(options) == timestampsOnly {
		return true
	}
	for len(options) > 0 {
		_, rest, ok := cutOption(options)
		if !ok {
			return false
		}
		options = rest
	}
	return true
}

// parseUDP reads a UDP header. Its length is that of the whole datagram, so
// that a first fragment says nothing about the bytes that are here. In a
// super-packet it counts all the datagrams' payloads together.
func (p *Packet) parseUDP(t []byte) Problem {
	if len(t) < header.UDPMinimumSize {
		return Truncated
	}
	h := header.UDP(t)
	if !p.Fragment && int(h.Length()) != len(t) {
		return BadLength
	}
	p.SrcPort, p.DstPort = h.SourcePort(), h.DestinationPort()
	p.PayloadStart = p.HeaderLen + header.UDPMinimumSize
	p.HasTransport = true
	return Parsed
}

// PayloadLen returns how many bytes of transport payload there are; 0 without
// HasTransport. Of an ICMP message it is what follows the first 8 bytes.
func (p *Packet) PayloadLen() int {
	if !p.HasTransport {
		return 0
	}
	return p.Len - p.PayloadStart
}

// WindowScale returns the window scale option of the SYN b that p was parsed
// from: by how many bits the sender's later windows are to be shifted, at most
// 14 (RFC 7323, section 2.3). ok is false for other packets and for a SYN
// without the option. Of several the last counts, as it does for Linux.
func (p *Packet) WindowScale(b []byte) (shift uint8, ok bool) {
	if !p.HasTransport || p.Protocol != uint8(header.TCPProtocolNumber) || !p.TCPFlags.Intersects(header.TCPFlagSyn) {
		return 0, false
	}
	options := b[p.HeaderLen+header.TCPMinimumSize : p.PayloadStart]
	for len(options) > 0 {
		option, rest, valid := cutOption(options)
		if !valid {
			break
		}
		if option[0] == header.TCPOptionWS && len(option) == header.TCPOptionWSLength {
			shift, ok = min(option[2], header.MaxWndScale), true
		}
		options = rest
	}
	return shift, ok
}
