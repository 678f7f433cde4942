package path

import (
	"bytes"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/tun"
)

// socketPair returns two ends that keep frames apart, as devices do.
func socketPair(t *testing.T) (device, kernel int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fds[1], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// TestSuperPackets sends frames through the netstack with endpoints of our own:
// what the kernel is to do with them must come out as it went in.
func TestSuperPackets(t *testing.T) {
	var devices, kernels [2]int
	var links [2]*superEndpoint
	for i := range devices {
		devices[i], kernels[i] = socketPair(t)
		links[i] = newSuperEndpoint(devices[i])
	}
	router, err := newRouter(links[0], links[1])
	if err != nil {
		t.Fatal(err)
	}
	defer router.Destroy()
	ended := make(chan error, len(links))
	for _, e := range links {
		go func() { ended <- readPackets(e.fd, e.InjectInbound) }()
	}
	for name, c := range map[string]struct {
		ip6, tcp                         bool
		payload                          int
		flags, gso                       uint8
		headers, size, start, sumsAtByte uint16
	}{
		"TCP":              {false, true, 5000, tun.NeedsChecksum, tun.GSOTCPv4, 40, 1460, 20, 16},
		"TCP in IPv6":      {true, true, 5000, tun.NeedsChecksum, tun.GSOTCPv6, 60, 1440, 40, 16},
		"UDP":              {false, false, 5000, tun.NeedsChecksum, tun.GSOUDP, 28, 1400, 20, 6},
		"a UDP datagram":   {true, false, 10, tun.NeedsChecksum, tun.GSONone, 48, 0, 40, 6},
		"a whole datagram": {false, false, 10, 0, tun.GSONone, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			frame := make([]byte, tun.HeaderLen)
			tun.Header(frame).Encode(c.flags, c.gso, c.headers, c.size, c.start, c.sumsAtByte)
			frame = append(frame, packet(t, c.ip6, c.tcp, c.payload)...)
			if _, err := unix.Write(kernels[0], frame); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, tun.MaxFrame)
			n, err := unix.Read(kernels[1], got)
			if err != nil {
				t.Fatal(err)
			}
			if got = got[:n]; !bytes.Equal(got[:tun.HeaderLen], frame[:tun.HeaderLen]) {
				t.Errorf("header % x, want % x", got[:tun.HeaderLen], frame[:tun.HeaderLen])
			}
			transport := tun.HeaderLen + map[bool]int{false: 20, true: 40}[c.ip6]
			if !bytes.Equal(got[transport:], frame[transport:]) {
				t.Error("the packet is not what was sent")
			}
			hops := tun.HeaderLen + map[bool]int{false: 8, true: 7}[c.ip6]
			if got[hops] != frame[hops]-1 {
				t.Errorf("%d hops are left of %d: it was not routed", got[hops], frame[hops])
			}
		})
	}
	for i := range kernels {
		unix.Close(kernels[i])
		if err := <-ended; err == nil {
			t.Error("no error from a device that is gone")
		}
	}
	for _, fd := range devices {
		unix.Close(fd)
	}
}

// packet returns one from the client to the server with a checksum that nothing
// has computed.
func packet(t *testing.T, ip6, tcp bool, payload int) []byte {
	t.Helper()
	i, protocol := 0, layers.IPProtocolUDP
	var transport gopacket.SerializableLayer = &layers.UDP{SrcPort: 1000, DstPort: 2000, Checksum: 0x1234}
	if tcp {
		protocol, transport = layers.IPProtocolTCP, &layers.TCP{SrcPort: 1000, DstPort: 2000, ACK: true, Checksum: 0x1234, DataOffset: 5}
	}
	if ip6 {
		i = 1
	}
	src, dst := net.IP(clientEnd().addrs()[i].AsSlice()), net.IP(serverEnd().addrs()[i].AsSlice())
	var ip gopacket.SerializableLayer = &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: src, DstIP: dst}
	if ip6 {
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: src, DstIP: dst}
	}
	// Lengths need the layers within, checksums of IPv4 their own; the
	// transport's stays as it is.
	b := gopacket.NewSerializeBuffer()
	for _, step := range []struct {
		layer gopacket.SerializableLayer
		sums  bool
	}{{gopacket.Payload(make([]byte, payload)), false}, {transport, false}, {ip, true}} {
		if err := step.layer.SerializeTo(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: step.sums}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}
