package tun

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"
)

// twins are two machines with a device each, on one network.
var twins = [2]Addressing{
	{Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.1/24"), netip.MustParsePrefix("fd00::1/64")}},
	{Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.2/24"), netip.MustParsePrefix("fd00::2/64")}},
}

// seen is what a bridge has seen of the frames that carried payload.
type seen struct {
	frames, super int // super-packets among them
	pending       int // with their checksum to be done
	largest       int // packet
	types         map[uint8]bool
}

// bridge moves frames between two devices until the returned function is
// called, which tells what went by: the least that a gateway can be.
func bridge(t *testing.T, devices [2]*Kernel) (stop func() seen) {
	t.Helper()
	p := newPoller(t, devices[0], devices[1])
	s := seen{types: make(map[uint8]bool)}
	stopping := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, MaxFrame)
		var ready []int32
		for {
			ready, _, _ = p.Wait(ready[:0], 0)
			select {
			case <-stopping:
				return
			default:
			}
			for _, token := range ready {
				n, err := devices[token].ReadFrame(buf)
				if errors.Is(err, ErrNoFrame) {
					continue
				}
				if err == nil {
					s.note(buf[:n])
					err = devices[1-token].WriteFrame(buf[:n])
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	return func() seen {
		close(stopping)
		p.Wake()
		wg.Wait()
		return s
	}
}

func (s *seen) note(frame []byte) {
	if len(frame) < HeaderLen+200 {
		return // an acknowledgement
	}
	h := Header(frame)
	s.frames++
	s.largest = max(s.largest, len(frame)-HeaderLen)
	if h.GSOType() != GSONone {
		s.super++
		s.types[h.GSOType()] = true
	}
	if h.Flags()&NeedsChecksum != 0 {
		s.pending++
	}
}

// TestTransfer sends four megabytes of TCP from one namespace to another
// through frames that are read and written as they are.
func TestTransfer(t *testing.T) {
	for _, offload := range []bool{true, false} {
		for family, server := range map[string]string{"tcp4": "10.0.1.2:80", "tcp6": "[fd00::2]:80"} {
			t.Run(fmt.Sprintf("%s, offload %v", family, offload), func(t *testing.T) {
				var names [2]string
				var devices [2]*Kernel
				for i := range devices {
					names[i] = newNamespace(t)
					o := options(names[i])
					o.MTU, o.Offload = 1500, offload
					devices[i] = configured(t, o, twins[i])
				}
				stop := bridge(t, devices)
				transfer(t, names, family, server, 4<<20)
				s := stop()

				gso := map[string]uint8{"tcp4": GSOTCPv4, "tcp6": GSOTCPv6}[family]
				if offload && (s.super == 0 || s.largest <= 1500 || s.pending == 0 || !s.types[gso] || len(s.types) != 1) {
					t.Errorf("offload on, but no super-packets of type %d: %+v", gso, s)
				}
				if !offload && (s.super != 0 || s.largest > 1500 || s.pending != 0) {
					t.Errorf("offload off, but super-packets or open checksums: %+v", s)
				}
				t.Logf("%+v", s)
			})
		}
	}
}

func transfer(t *testing.T, names [2]string, family, server string, size int) {
	t.Helper()
	data := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{})
	rng.Read(data)

	var listener net.Listener
	in(t, names[1], func() (err error) { listener, err = net.Listen(family, server); return err })
	defer listener.Close()
	var client net.Conn
	in(t, names[0], func() (err error) {
		client, err = net.DialTimeout(family, server, 5*time.Second)
		return err
	})
	go func() {
		client.Write(data)
		client.Close()
	}()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	sum := sha256.New()
	n, err := io.Copy(sum, conn)
	if err != nil || n != int64(size) || [32]byte(sum.Sum(nil)) != sha256.Sum256(data) {
		t.Errorf("%d of %d bytes arrived, error %v, or they are others", n, size, err)
	}
}

// TestUDPSuperPacket has a program hand over ten datagrams in one call.
func TestUDPSuperPacket(t *testing.T) {
	for _, offload := range []bool{true, false} {
		for name, to := range map[string]string{"IPv4": "10.0.1.2:53", "IPv6": "[fd00::2]:53"} {
			t.Run(fmt.Sprintf("%s, offload %v", name, offload), func(t *testing.T) {
				o := options(newNamespace(t))
				o.Offload = offload
				k := configured(t, o, twins[0])
				in(t, o.Namespace.Name, func() error { return sendSegmented(to, 10, 1000) })
				frame := nextFrame(t, k)
				h := Header(frame)
				headers := map[string]int{"IPv4": 28, "IPv6": 48}[name]
				type facts struct {
					Type    uint8
					Size    uint16
					Length  int
					Pending bool
				}
				got := facts{h.GSOType(), h.GSOSize(), len(frame) - HeaderLen, h.Flags()&NeedsChecksum != 0}
				want := facts{GSOUDP, 1000, headers + 10000, true}
				if !offload {
					want = facts{GSONone, 0, headers + 1000, false}
				}
				if diff := cmp.Diff(got, want); diff != "" {
					t.Errorf("(-got +want):\n%s", diff)
				}
				if offload && (int(h.ChecksumStart()) != headers-8 || h.ChecksumOffset() != 6) {
					t.Errorf("checksum from %d at %d, want from %d at 6", h.ChecksumStart(), h.ChecksumOffset(), headers-8)
				}
			})
		}
	}
}

// sendSegmented sends n datagrams of a size in one system call.
func sendSegmented(to string, n, size int) error {
	conn, err := net.Dial("udp", to)
	if err != nil {
		return err
	}
	defer conn.Close()
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, size)
	}); err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	_, err = conn.Write(make([]byte, n*size))
	return err
}

// TestWriteFrameArrives writes frames as if from another machine; a program in
// the namespace receives what is in them.
func TestWriteFrameArrives(t *testing.T) {
	o := options(newNamespace(t))
	k := configured(t, o, twins[0])
	for name, local := range map[string]string{"IPv4": "10.0.1.1", "IPv6": "fd00::1"} {
		t.Run(name, func(t *testing.T) {
			var socket *net.UDPConn
			in(t, o.Namespace.Name, func() (err error) {
				socket, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(local), Port: 53})
				return err
			})
			defer socket.Close()
			frame := datagram(t, name == "IPv6", "a question")
			if err := k.WriteFrame(frame); err != nil {
				t.Fatal(err)
			}
			received(t, socket, "a question")

			// The same, the checksum left to whoever needs it.
			start := map[string]uint16{"IPv4": 20, "IPv6": 40}[name]
			Header(frame).Encode(NeedsChecksum, GSONone, 0, 0, start, 6)
			frame[HeaderLen+int(start)+6] ^= 0xff
			if err := k.WriteFrame(frame); err != nil {
				t.Fatal(err)
			}
			received(t, socket, "a question")
		})
	}

	for why, bad := range map[string][]byte{
		"nothing":               nil,
		"no packet behind it":   make([]byte, HeaderLen),
		"less than a header":    make([]byte, HeaderLen-1),
		"neither IPv4 nor IPv6": make([]byte, HeaderLen+40),
	} {
		if err := k.WriteFrame(bad); err == nil {
			t.Errorf("%s: written without an error", why)
		}
	}
}

func TestWriteFrameToADeviceThatIsDown(t *testing.T) {
	k := openDevice(t, options(newNamespace(t)))
	if err := k.WriteFrame(datagram(t, false, "")); !errors.Is(err, unix.EIO) {
		t.Errorf("%v, want %v", err, unix.EIO)
	}
}

// datagram returns a frame with a datagram for port 53 of the first twin.
func datagram(t *testing.T, is6 bool, payload string) []byte {
	t.Helper()
	udp := &layers.UDP{SrcPort: 40000, DstPort: 53}
	parts := []gopacket.SerializableLayer{udp, gopacket.Payload(payload)}
	if is6 {
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: net.ParseIP("fd00::2"), DstIP: net.ParseIP("fd00::1")}
		udp.SetNetworkLayerForChecksum(ip)
		parts = append([]gopacket.SerializableLayer{ip}, parts...)
	} else {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 0, 1, 2}, DstIP: net.IP{10, 0, 1, 1}}
		udp.SetNetworkLayerForChecksum(ip)
		parts = append([]gopacket.SerializableLayer{ip}, parts...)
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...); err != nil {
		t.Fatal(err)
	}
	return append(make([]byte, HeaderLen), buf.Bytes()...)
}

func received(t *testing.T, socket *net.UDPConn, want string) {
	t.Helper()
	socket.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 2048)
	n, from, err := socket.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatalf("nothing arrived: %v", err)
	}
	if string(buf[:n]) != want || from.Port() != 40000 {
		t.Errorf("%q from %v arrived, want %q", buf[:n], from, want)
	}
}
