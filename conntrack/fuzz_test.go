package conntrack

import (
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// FuzzTable reads operations on a small table from bytes: packets of a few
// flows with any TCP numbers and flags, sides that come and go, time that
// passes. What must hold holds after each.
func FuzzTable(f *testing.F) {
	f.Add([]byte{0, 2, 0, 0, 16, 18, 0, 0, 0, 16, 0, 0})
	f.Add([]byte{0, 2, 0, 0, 16, 18, 255, 0, 4, 4, 4, 4, 3, 255, 200})
	f.Add([]byte("SYN, SYN-ACK, ACK, and a reset from nowhere"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		w := newWorld(t, 5)
		w.limit(lowInterface, Limits{Allowance: 3})
		next := func() byte {
			if len(ops) == 0 {
				return 0
			}
			b := ops[0]
			ops = ops[1:]
			return b
		}
		for len(ops) > 0 {
			op := next()
			c := numbered([]uint8{protoTCP, protoUDP, protoICMP}[op>>4%3], int(op>>2&3))
			key, client := c.key()
			shard, hash := w.Lock(&key)
			live := shard.Find(&key, hash, w.now)
			switch {
			case op&3 == 3 && live != nil:
				side := Side{Interface: uint32(1 + next()&1), State: SideState(next() & 3)}
				shard.SetSide(live, End(next()&1), side.Interface, side.State, w.now)
			case op&3 == 2:
				w.pass(time.Duration(next()) * time.Second)
			default:
				g := Segment{
					From: client ^ End(op&1), Packets: 1, Bytes: 40, Undelivered: next()&7 == 0, Flags: header.TCPFlags(next()),
					Seq: uint32(int8(next())) << (next() & 31), Ack: uint32(int8(next())) << (next() & 31),
					Window: uint16(next()) << (next() & 15), HasScale: next()&1 == 0, Scale: next(), Payload: int(next()) << 8,
				}
				w.handle(t, shard, &key, hash, live, &g)
			}
			shard.Unlock()
			w.checkAccounts(t)
		}
		w.pass(6000 * time.Second)
		w.Sweep(w.now)
		if w.Len() != 0 {
			t.Fatalf("%d flows are left after every timeout", w.Len())
		}
		w.checkAccounts(t)
	})
}

// handle passes a segment as the gateway does, and checks what it may change.
func (w *world) handle(t *testing.T, shard *Shard, key *Key, hash Hash, live *Entry, g *Segment) {
	if live == nil {
		shard.Open(key, hash, g, bothTrack, w.now)
		return
	}
	before := shard.Flow(live, w.now)
	if !shard.Fits(live, g) {
		if shard.Flow(live, w.now) != before {
			t.Fatalf("asking whether a segment fits changed the flow")
		}
		return
	}
	after := shard.Flow(shard.Update(live, g, w.now), w.now)
	if before.state.over() && (after.state != before.state || after.expires != before.expires) {
		t.Fatalf("%+v revived a flow that is over: %v until %v", *g, after.state, after.expires)
	}
	if after.state == TCPClosed && before.state != TCPClosed && !g.has(header.TCPFlagRst) {
		t.Fatalf("%+v closed the flow", *g)
	}
}

// checkAccounts counts flows and tracked sides.
func (w *world) checkAccounts(t *testing.T) {
	used, flows := map[uint32]int64{}, 0
	for i := range w.shards {
		for _, f := range w.shards[i].flows(w.now) {
			flows++
			for _, side := range f.sides {
				if side.State == Tracked {
					used[side.Interface]++
				}
			}
		}
	}
	if flows != w.Len() || flows > 5 {
		t.Fatalf("%d flows, %d counted, want at most 5", flows, w.Len())
	}
	if got := w.limitsOf(lowInterface).tracked.Load(); got != used[lowInterface] || got > 3 {
		t.Fatalf("interface %d tracks %d flows, %d counted, want at most 3", lowInterface, used[lowInterface], got)
	}
}
