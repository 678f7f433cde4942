// Package local tells what is on this machine alone: addresses to listen on that
// no other machine reaches, and names of a server that no web page can have for
// its own.
//
// The package imports nothing of this project.
package local

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Only tells whether no other machine reaches an address to listen on: an IP
// address, or localhost, and a port. No host at all is every address. Other names
// are an error, since what they mean could change, and with it who gets in.
func Only(address string) (bool, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false, errors.New("want an IP address and a port")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false, fmt.Errorf("port %q: want 0 to 65535", port)
	}
	if host == "localhost" {
		return true, nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil && host != "" {
		return false, errors.New("want an IP address and a port")
	}
	return ip.IsLoopback(), nil
}

// Name tells whether a server is asked for by an IP address or as localhost or a
// name below it: host is the Host header of a request, with or without a port. A
// web page can have a name of its own lead to 127.0.0.1, and ask, in a browser on
// this machine, what is there as if it were its own site (DNS rebinding); these it
// cannot have (RFC 6761, section 6.3).
func Name(host string) bool {
	name := Hostname(host)
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// Hostname returns a Host header's name or IP address, without port, brackets and
// the dot at its end, in lower case.
func Hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
