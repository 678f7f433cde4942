package gateway

import "sync/atomic"

// AWS lets each interface send this many packets a second to its link-local
// services, DNS, metadata and time together (EC2 User Guide, ENA metrics:
// linklocal_allowance_exceeded).
const linkLocalPerSecond = 1024

// linkLocalAllowance is a token bucket that holds a second's worth, kept as the
// time at which it will be full again. Only the worker that reads the device
// takes out of it.
type linkLocalAllowance struct {
	full atomic.Int64 // ns
}

// has reports whether that many packets are in the bucket, and when it would be
// full without them.
func (l *linkLocalAllowance) has(now int64, packets int) (full int64, ok bool) {
	const second = 1_000_000_000
	full = max(l.full.Load(), now) + int64(packets)*(second/linkLocalPerSecond)
	return full, full <= now+second
}

// take takes that many packets out of the bucket, if they are there.
func (l *linkLocalAllowance) take(now int64, packets int) bool {
	full, ok := l.has(now, packets)
	if ok {
		l.full.Store(full)
	}
	return ok
}
