package traffic

import "time"

// A paced sender sleeps between its packets: it then sends what has fallen due,
// which is a handful at 300,000 packets a second. One that span, or yielded its
// core, would share it with the gateway in the scheduler's slices of
// milliseconds, and the device's queue does not hold as much: searches of one
// path then differ threefold; with sleep they agree within a few per cent.
const (
	nap = 20 * time.Microsecond
	// timerSlack is how much later than asked the kernel may wake the sender.
	timerSlack = time.Microsecond
	// lateness is how many packets a sender that was kept from running may
	// catch up with. Its rate falls by the rest: to send them all at once
	// would be a flood, and its loss the sender's own doing.
	lateness = 32
)

// pacer says when packets are due at a rate. Its time is the time since the
// start.
type pacer struct {
	interval float64 // nanoseconds a packet
	given    float64 // packets that were due, forgiven ones included
}

func newPacer(rate float64) *pacer { return &pacer{interval: float64(time.Second) / rate} }

// due returns how many packets are to be sent now, at most lateness.
func (p *pacer) due(now time.Duration) int {
	behind := float64(now)/p.interval - p.given
	if behind > lateness {
		p.given += behind - lateness
		behind = lateness
	}
	n := int(behind)
	p.given += float64(n)
	return n
}
