package path

import (
	"context"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/sgate/sgate/tun"
)

// findNetstackSuper returns the netstack as the router once more, with an
// endpoint that lets super-packets through whole. gVisor has none that does: it is
// the best that we could do for it.
func findNetstackSuper(string) (Path, error) {
	return Path{
		Description: "gVisor netstack as the router, own endpoints, super-packets whole, " + moduleVersion(gvisorModule),
		build: func(ctx context.Context, w *World) error {
			return w.startBetween(ctx, ownProgram(netstackSuperGateway), withOffload)
		},
	}, nil
}

func runNetstackSuper() error {
	client, server := newSuperEndpoint(clientFD), newSuperEndpoint(serverFD)
	if _, err := newRouter(client, server); err != nil {
		return err
	}
	failed := make(chan error)
	for _, e := range []*superEndpoint{client, server} {
		go func() { failed <- readPackets(e.fd, e.InjectInbound) }()
	}
	return <-failed
}

// superEndpoint writes packets from where the netstack sends them, virtio-net
// header and all. For the rest it is a channel endpoint.
type superEndpoint struct {
	*channel.Endpoint
	fd int
}

// newSuperEndpoint returns an endpoint whose MTU is that of a super-packet, so
// that the netstack does not fragment any.
func newSuperEndpoint(fd int) *superEndpoint {
	return &superEndpoint{newChannel(0, tun.MaxPacket), fd}
}

// WritePackets implements stack.LinkEndpoint.
func (e *superEndpoint) WritePackets(list stack.PacketBufferList) (int, tcpip.Error) {
	for _, b := range list.AsSlice() {
		head := make([]byte, tun.HeaderLen)
		putHeader(head, b)
		parts := append([][]byte{head}, b.AsSlices()...)
		_, _ = unix.Writev(e.fd, parts) // what the device does not take is lost
	}
	return list.Len(), nil
}

// The netstack forwards a copy of a packet without what it knew of its segments,
// but with its mark. So the mark holds what of a virtio-net header the packet
// itself does not tell: flags, type and size of the segments.
const (
	markFlags = 24
	markType  = 16
)

func markOf(frame []byte) uint32 {
	h := tun.Header(frame)
	return uint32(h.Flags())<<markFlags | uint32(h.GSOType())<<markType | uint32(h.GSOSize())
}

// putHeader makes a virtio-net header from a packet and its mark.
func putHeader(h tun.Header, b *stack.PacketBuffer) {
	flags, gsoType, gsoSize := uint8(b.Mark>>markFlags), uint8(b.Mark>>markType), uint16(b.Mark)
	if flags&tun.NeedsChecksum == 0 {
		return // a whole packet: all is 0
	}
	start := len(b.NetworkHeader().Slice())
	length, offset := header.UDPMinimumSize, udpChecksumOffset
	if b.TransportProtocolNumber == header.TCPProtocolNumber {
		length, offset = len(b.TransportHeader().Slice()), header.TCPChecksumOffset
	}
	h.Encode(flags, gsoType, uint16(start+length), gsoSize, uint16(start), uint16(offset))
}

// udpChecksumOffset is where UDP's header has its checksum (RFC 768).
const udpChecksumOffset = 6
