package traffic

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// sockaddr is an address as system calls take it, and its family.
func sockaddr(to netip.AddrPort) (unix.Sockaddr, int) {
	if a := to.Addr().Unmap(); a.Is4() {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: a.As4()}, unix.AF_INET
	}
	return &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}, unix.AF_INET6
}

// dial returns a blocking socket of a kind (SOCK_STREAM or SOCK_DGRAM) that is
// connected to an address.
func dial(kind int, to netip.AddrPort) (fd int, err error) {
	address, family := sockaddr(to)
	if fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(fd, address); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("connect to %v: %w", to, err)
	}
	return fd, nil
}

// listen returns a blocking socket of a kind that takes what comes to a port,
// by IPv4 and by IPv6.
func listen(kind int, port uint16) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET6, kind|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
			fd, err = -1, fmt.Errorf("listen on port %d: %w", port, err)
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
		return -1, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet6{Port: int(port)}); err != nil {
		return -1, err
	}
	if kind == unix.SOCK_STREAM {
		return fd, unix.Listen(fd, backlog)
	}
	return fd, nil
}

// backlog is how many connections wait to be accepted; the kernel's own limit
// (somaxconn) is lower on most machines.
const backlog = 4096

// noDelay has a TCP socket send each small segment at once.
func noDelay(fd int) error {
	return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}
