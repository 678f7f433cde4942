package gateway

// AWS lets each interface send this many packets a second to its link-local
// services, DNS, metadata and time together (EC2 User Guide, ENA metrics:
// linklocal_allowance_exceeded).
const linkLocalPerSecond = 1024

// linkLocalAllowance is a token bucket that holds a second's worth, kept as the
// time at which it will be full again. Only the worker that reads the device
// uses it.
type linkLocalAllowance struct {
	full int64 // ns
}

// take takes that many packets out of the bucket, if they are there.
func (l *linkLocalAllowance) take(now int64, packets int) bool {
	const second = 1_000_000_000
	full := max(l.full, now) + int64(packets)*(second/linkLocalPerSecond)
	if full > now+second {
		return false
	}
	l.full = full
	return true
}
