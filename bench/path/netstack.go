package path

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"github.com/sgate/sgate/tun"
)

const gvisorModule = "gvisor.dev/gvisor"

// findNetstack returns gVisor's netstack as the router, packet by packet: the
// kernel cuts and sums each before it hands it over, and a channel endpoint takes
// it to where it is written, as in most programs that put a netstack on a TUN.
func findNetstack(string) (Path, error) {
	return Path{
		Description: "gVisor netstack as the router, channel endpoints, packet by packet, " + moduleVersion(gvisorModule),
		build: func(ctx context.Context, w *World) error {
			return w.startBetween(ctx, ownProgram(netstackGateway, fmt.Sprint(w.mtu)), withoutOffload)
		},
	}, nil
}

// newRouter returns a netstack that forwards between its NICs, one an end.
func newRouter(client, server stack.LinkEndpoint) (*stack.Stack, error) {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	var routes []tcpip.Route
	for i, side := range []struct {
		link stack.LinkEndpoint
		end  end
	}{{client, clientEnd()}, {server, serverEnd()}} {
		nic := tcpip.NICID(i + 1)
		if err := s.CreateNIC(nic, side.link); err != nil {
			return nil, fmt.Errorf("make a NIC: %v", err)
		}
		for _, p := range side.end.routerPrefixes() {
			addr := tcpip.ProtocolAddress{Protocol: protocolOf(p.Addr()), AddressWithPrefix: tcpip.AddressWithPrefix{
				Address: tcpip.AddrFromSlice(p.Addr().AsSlice()), PrefixLen: p.Bits(),
			}}
			if err := s.AddProtocolAddress(nic, addr, stack.AddressProperties{}); err != nil {
				return nil, fmt.Errorf("add the address %s: %v", p, err)
			}
			routes = append(routes, tcpip.Route{Destination: addr.AddressWithPrefix.Subnet(), NIC: nic})
		}
	}
	s.SetRouteTable(routes)
	for _, protocol := range []tcpip.NetworkProtocolNumber{ipv4.ProtocolNumber, ipv6.ProtocolNumber} {
		if err := s.SetForwardingDefaultAndAllNICs(protocol, true); err != nil {
			return nil, fmt.Errorf("turn forwarding on: %v", err)
		}
	}
	return s, nil
}

func protocolOf(addr netip.Addr) tcpip.NetworkProtocolNumber {
	if addr.Is6() {
		return ipv6.ProtocolNumber
	}
	return ipv4.ProtocolNumber
}

// channelLength is how many packets may wait to be written: as many as wait in a
// TUN.
const channelLength = 500

// newChannel returns a channel endpoint. It is said to complete checksums, for
// they are complete, or will be, and else the netstack would sum each packet
// once more.
func newChannel(length int, mtu uint32) *channel.Endpoint {
	e := channel.New(length, mtu, "")
	e.LinkEPCapabilities = stack.CapabilityTXChecksumOffload | stack.CapabilityRXChecksumOffload
	return e
}

func runNetstack(mtu uint32) error {
	client, server := newChannel(channelLength, mtu), newChannel(channelLength, mtu)
	if _, err := newRouter(client, server); err != nil {
		return err
	}
	failed := make(chan error)
	for _, side := range []struct {
		fd   int
		link *channel.Endpoint
	}{{clientFD, client}, {serverFD, server}} {
		go func() { failed <- readPackets(side.fd, side.link.InjectInbound) }()
		go writePackets(side.fd, side.link)
	}
	return <-failed
}

// inject hands a packet to a netstack.
type inject func(tcpip.NetworkProtocolNumber, *stack.PacketBuffer)

// readPackets hands over what it reads. What a netstack must know of a
// super-packet goes along as the packet's mark.
func readPackets(fd int, deliver inject) error {
	frame := make([]byte, tun.MaxFrame)
	for {
		n, err := unix.Read(fd, frame)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if n <= tun.HeaderLen {
			return errors.New("read: no packet")
		}
		packet := frame[tun.HeaderLen:n]
		protocol := ipv4.ProtocolNumber
		if header.IPVersion(packet) == header.IPv6Version {
			protocol = ipv6.ProtocolNumber
		}
		b := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet), Mark: markOf(frame)})
		deliver(protocol, b)
		b.DecRef()
	}
}

func writePackets(fd int, link *channel.Endpoint) {
	frame := make([]byte, tun.MaxFrame)
	for {
		b := link.ReadContext(context.Background())
		n := tun.HeaderLen
		for _, part := range b.AsSlices() {
			n += copy(frame[n:], part)
		}
		b.DecRef()
		_, _ = unix.Write(fd, frame[:n]) // what the device does not take is lost
	}
}
