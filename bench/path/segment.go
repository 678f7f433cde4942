package path

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// segments sends TCP segments of many flows out of a namespace's device, and
// watches them arrive at another's, so that it never sends more than the first
// one's queue holds.
type segments struct {
	socket int             // a packet socket in the sender's namespace
	to     *netlink.Handle // the receiver's namespace
	packet header.IPv4     // with the TCP header
	back   bool            // it is the flows' server that sends
}

// newSegments returns a sender of acknowledgements from one address to another.
func newSegments(from, to Namespace, src, dst netip.Addr, back bool) (s *segments, err error) {
	s = &segments{packet: acknowledgement(src, dst), back: back}
	err = to.Do(func() error {
		s.to, err = netlink.NewHandle() // stays in the namespace
		return err
	})
	if err != nil {
		return nil, err
	}
	err = from.Do(func() error {
		s.socket, err = packetSocket(deviceName)
		return err
	})
	if err != nil {
		s.to.Close()
		return nil, err
	}
	return s, nil
}

func (s *segments) close() {
	s.to.Close()
	unix.Close(s.socket)
}

// packetSocket returns a socket that sends whole IPv4 packets by a device.
func packetSocket(device string) (int, error) {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return 0, err
	}
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // receives nothing
	if err != nil {
		return 0, fmt.Errorf("packet socket: %w", err)
	}
	inNetworkOrder := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_IP))
	if err := unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: inNetworkOrder, Ifindex: link.Attrs().Index}); err != nil {
		unix.Close(socket)
		return 0, fmt.Errorf("packet socket: %w", err)
	}
	return socket, nil
}

// acknowledgement returns an ACK without data and with both ports 0.
func acknowledgement(src, dst netip.Addr) header.IPv4 {
	from, to := tcpip.AddrFrom4(src.As4()), tcpip.AddrFrom4(dst.As4())
	const length = header.IPv4MinimumSize + header.TCPMinimumSize
	ip := header.IPv4(make([]byte, length))
	ip.Encode(&header.IPv4Fields{
		TotalLength: length, TTL: 64, Protocol: uint8(header.TCPProtocolNumber), SrcAddr: from, DstAddr: to,
	})
	ip.SetChecksum(^ip.CalculateChecksum())
	tcp := header.TCP(ip.Payload())
	tcp.Encode(&header.TCPFields{SeqNum: 1, AckNum: 1, DataOffset: header.TCPMinimumSize, Flags: header.TCPFlagAck, WindowSize: 65535})
	pseudo := header.PseudoHeaderChecksum(header.TCPProtocolNumber, from, to, header.TCPMinimumSize)
	tcp.SetChecksum(^checksum.Checksum(tcp, pseudo))
	return ip
}

// Flows differ in their ports: this many of the client's for each of the
// server's.
const (
	firstClientPort = 1024
	clientPorts     = 64000
	firstServerPort = 10000
)

// segmentBurst is how many segments are sent before the next ones wait for them
// to arrive: fewer than the 500 that the queue of a TUN holds.
const segmentBurst = 400

// Of a burst of which nothing has arrived for quietFor, the rest is lost, and it
// is sent again, up to burstTries times in all.
const (
	quietFor   = 100 * time.Millisecond
	lookEvery  = 200 * time.Microsecond
	burstTries = 10
)

// burst is flows by number: from the first up to the end.
type burst struct{ first, end int }

// send sends a segment of each flow until it has arrived.
func (s *segments) send(ctx context.Context, b burst) error {
	for range burstTries {
		arrived, err := s.try(b)
		if err = errors.Join(err, ctx.Err()); err != nil || arrived {
			return err
		}
	}
	return fmt.Errorf("segments of flow %d and others do not arrive", b.first)
}

// try sends a segment of each flow and reports whether all of them have arrived.
func (s *segments) try(b burst) (arrived bool, err error) {
	before, err := s.arrived()
	if err != nil {
		return false, err
	}
	for i := b.first; i < b.end; i++ {
		if err := s.sendOne(i); err != nil {
			return false, err
		}
	}
	last := before
	for news := time.Now(); time.Since(news) < quietFor; time.Sleep(lookEvery) {
		now, err := s.arrived()
		switch {
		case err != nil:
			return false, err
		case now-before >= uint64(b.end-b.first):
			return true, nil
		case now != last:
			last, news = now, time.Now()
		}
	}
	return false, nil
}

func (s *segments) sendOne(flow int) error {
	src, dst := uint16(firstClientPort+flow%clientPorts), uint16(firstServerPort+flow/clientPorts)
	if s.back {
		src, dst = dst, src
	}
	tcp := header.TCP(s.packet.Payload())
	tcp.SetSourcePortWithChecksumUpdate(src)
	tcp.SetDestinationPortWithChecksumUpdate(dst)
	for {
		_, err := unix.Write(s.socket, s.packet)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("send a segment: %w", err)
		}
	}
}

// arrived returns how many packets the receiver's device has received.
func (s *segments) arrived() (uint64, error) {
	link, err := s.to.LinkByName(deviceName)
	if err != nil {
		return 0, err
	}
	return link.Attrs().Statistics.RxPackets, nil
}
