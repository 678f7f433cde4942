package vpc

import (
	"fmt"
	"time"
)

// ConnectionTracking is AWS's ConnectionTrackingSpecification of an interface:
// idle timeouts, each a whole number of seconds, 0 where it is not set.
type ConnectionTracking struct {
	TCPEstablished time.Duration // 60 s to 432,000 s
	UDP            time.Duration // 30 s to 60 s; one direction, or a single request and response
	UDPStream      time.Duration // 60 s to 180 s
}

// The ranges of the idle timeouts (EC2 User Guide, "Idle connection tracking
// timeout").
const (
	MinTCPEstablishedTimeout = 60 * time.Second
	MaxTCPEstablishedTimeout = 432_000 * time.Second
	MinUDPTimeout            = 30 * time.Second
	MaxUDPTimeout            = 60 * time.Second
	MinUDPStreamTimeout      = 60 * time.Second
	MaxUDPStreamTimeout      = 180 * time.Second
)

// problems returns what AWS would refuse.
func (c ConnectionTracking) problems() []string {
	var out []string
	for _, t := range []struct {
		name            string
		value, min, max time.Duration
	}{
		{"tcp_established_timeout", c.TCPEstablished, MinTCPEstablishedTimeout, MaxTCPEstablishedTimeout},
		{"udp_timeout", c.UDP, MinUDPTimeout, MaxUDPTimeout},
		{"udp_stream_timeout", c.UDPStream, MinUDPStreamTimeout, MaxUDPStreamTimeout},
	} {
		if t.value != 0 && (t.value < t.min || t.value > t.max || t.value%time.Second != 0) {
			out = append(out, fmt.Sprintf("%s %s: want %d to %d whole seconds", t.name, t.value,
				t.min/time.Second, t.max/time.Second))
		}
	}
	return out
}
