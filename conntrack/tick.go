package conntrack

import "time"

// Resolution is how exactly the table keeps time: a flow ends at its timeout or up to
// this much later, and timeouts are rounded up to it.
const Resolution = 4 * time.Millisecond

// A tick is a time as flows keep it: in units of Resolution, 30 bits of them. Ticks
// are compared by their distance, which may be up to 24 days; timeouts are shorter
// (see maxTimeout), and a flow that has timed out is swept long before it could
// look alive again.
//
// Ends of flows are rounded up, so that none comes before its time.
type tick uint32

const (
	tickBits = 30
	tickUnit = int64(Resolution)
	tickMask = 1<<tickBits - 1
	// never is no time: the end of a side that knows nothing.
	never tick = 0
)

// tickAt returns the unit that a time is in, rounded down.
func tickAt(now int64) tick { return tick(uint64(now)/uint64(tickUnit)) & tickMask }

// ticks returns a timeout in units, rounded up.
func ticks(timeout int64) uint32 { return uint32((timeout + tickUnit - 1) / tickUnit) }

// start is a time from which timeouts run: in units, rounded up.
type start uint64

func startAt(now int64) start { return start(now+int64(tickUnit)-1) / start(tickUnit) }

// after returns when a timeout is over that runs from s on.
func (s start) after(timeout uint32) tick {
	end := tick(s+start(timeout)) & tickMask
	if end == never {
		end++
	}
	return end
}

// left returns how many units there are from now on until t: 0 or less once t has
// passed.
func (t tick) left(now tick) int32 { return int32((t-now)<<(32-tickBits)) >> (32 - tickBits) }

// time returns t in ns, as close to now (ns) as it can be.
func (t tick) time(now int64) int64 {
	if t == never {
		return 0
	}
	return (now/tickUnit + int64(t.left(tickAt(now)))) * tickUnit
}

// earlier returns the one of two times that comes first.
func earlier(a, b tick) tick {
	if a == never || b != never && b.left(a) < 0 {
		return b
	}
	return a
}
