package probe

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// domain returns the attempt's address family.
func (a *attempt) domain() int {
	if a.source.Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// udp sends one datagram.
func (a *attempt) udp() error {
	fd, err := unix.Socket(a.domain(), unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := a.bind(fd); err != nil {
		return err
	}
	return a.send(fd, []byte("sgate test\n"), a.destination)
}

// raw sends one packet of any other protocol. The kernel writes its IP header.
func (a *attempt) raw() error {
	fd, err := unix.Socket(a.domain(), unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(a.protocol))
	if err != nil {
		return fmt.Errorf("protocol %s: %w", a.protocol, err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(a.source.Addr(), 0))); err != nil {
		return fmt.Errorf("bind to %v: %w", a.source.Addr(), err)
	}
	a.expectEvents()
	return a.send(fd, a.message(), netip.AddrPortFrom(a.destination.Addr(), 0))
}

func (a *attempt) send(fd int, data []byte, to netip.AddrPort) error {
	if err := unix.Sendto(fd, data, 0, sockaddr(to)); err != nil {
		return fmt.Errorf("send to %v: %w", to.Addr(), err)
	}
	return nil
}

// message returns what follows the IP header.
func (a *attempt) message() []byte {
	c := stack.Composition{Src: a.source.Addr(), Dst: a.destination.Addr(), Protocol: uint8(a.protocol)}
	if a.protocol.IsICMP() && a.kind != nil && a.code != nil {
		c.ICMPType, c.ICMPCode, c.ICMPID, c.ICMPSeq = *a.kind, *a.code, uint16(rand.Uint32()), 1
		a.quote(&c)
	}
	headers := header.IPv4MinimumSize
	if c.Src.Is6() {
		headers = header.IPv6MinimumSize
	}
	return stack.Compose(c)[headers:]
}

// quote gives an ICMP error what errors quote: a packet that its receiver may
// have sent, as package explain does.
func (a *attempt) quote(c *stack.Composition) {
	var p stack.Packet
	if p.Parse(stack.Compose(*c)); !p.IsICMPError() {
		return
	}
	c.ICMPID, c.ICMPSeq = 0, 0
	c.Payload = stack.Compose(stack.Composition{
		Src: c.Dst, Dst: c.Src, Protocol: uint8(vpc.TCP), SrcPort: 49152, DstPort: 443,
	})
}
