package vpc

import (
	"testing"
	"time"
)

// The ranges are those of docs/semantics.md, section 4.3.
func TestConnectionTracking(t *testing.T) {
	const at = `InvalidParameterValue lab.yaml:6:3: instance "web-1": connection_tracking: `
	tracking := func(c ConnectionTracking) func(*Resources) {
		return func(r *Resources) { r.Interfaces[0].ConnectionTracking = c }
	}
	s := time.Second
	testFaults(t, []faultCase{
		{"not set", tracking(ConnectionTracking{}), nil},
		{"the shortest", tracking(ConnectionTracking{TCPEstablished: 60 * s, UDP: 30 * s, UDPStream: 60 * s}), nil},
		{"the longest", tracking(ConnectionTracking{TCPEstablished: 432000 * s, UDP: 60 * s, UDPStream: 180 * s}), nil},
		{"too short", tracking(ConnectionTracking{TCPEstablished: 59 * s, UDP: 29 * s, UDPStream: 59 * s}), []string{
			at + `tcp_established_timeout 59s: want 60 to 432000 whole seconds`,
			at + `udp_timeout 29s: want 30 to 60 whole seconds`,
			at + `udp_stream_timeout 59s: want 60 to 180 whole seconds`,
		}},
		{"too long", tracking(ConnectionTracking{TCPEstablished: 432001 * s, UDP: 61 * s, UDPStream: 181 * s}), []string{
			at + `tcp_established_timeout 120h0m1s: want 60 to 432000 whole seconds`,
			at + `udp_timeout 1m1s: want 30 to 60 whole seconds`,
			at + `udp_stream_timeout 3m1s: want 60 to 180 whole seconds`,
		}},
		{"negative", tracking(ConnectionTracking{UDP: -30 * s}), []string{
			at + `udp_timeout -30s: want 30 to 60 whole seconds`,
		}},
		{"parts of a second", tracking(ConnectionTracking{TCPEstablished: 350*s + time.Millisecond}), []string{
			at + `tcp_established_timeout 5m50.001s: want 60 to 432000 whole seconds`,
		}},
	})
}
