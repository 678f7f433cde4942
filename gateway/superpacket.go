package gateway

import (
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/tun"
)

// segments returns how many packets a frame stands for and the length of the
// largest of them, from the IP header on. ok is false if the virtio header
// contradicts the packet that was parsed: the kernel would then write a
// checksum, or cut, somewhere that no check of ours has seen.
func segments(h tun.Header, p *stack.Packet) (n, largest int, ok bool) {
	tcp := p.HasTransport && p.Protocol == uint8(header.TCPProtocolNumber)
	udp := p.HasTransport && p.Protocol == uint8(header.UDPProtocolNumber)
	pending := h.Flags()&tun.NeedsChecksum != 0
	if pending {
		offset, has := p.ChecksumOffset()
		if !has || int(h.ChecksumStart()) != p.HeaderLen || int(h.ChecksumOffset()) != offset {
			return 0, 0, false
		}
	}
	switch h.GSOType() {
	case tun.GSONone:
		return 1, p.Len, true
	case tun.GSOTCPv4:
		ok = tcp && !p.IPv6
	case tun.GSOTCPv6:
		ok = tcp && p.IPv6
	case tun.GSOUDP:
		ok = udp
	}
	size := int(h.GSOSize())
	if !ok || !pending || size == 0 || p.Fragment {
		return 0, 0, false
	}
	payload := p.Len - p.PayloadStart
	return max(1, (payload+size-1)/size), min(p.Len, p.PayloadStart+size), true
}
