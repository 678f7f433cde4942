package top

import (
	"cmp"
	"container/list"
	"net/netip"
	"slices"
	"time"

	"github.com/sgate/sgate/control"
)

// maxDrops is how many different drops are kept.
const maxDrops = 500

// drop is packets that were dropped for one reason on the same way: from whatever
// source port, they are one.
type drop struct {
	control.Event        // of the newest of them
	Count         uint64 // packets
	First         time.Time
}

// dropKey is what the packets of a drop have in common.
type dropKey struct {
	from, to   netip.Addr
	fromID, id string // of the ends
	protocol   string
	port       uint16 // whom they are for, of TCP and UDP
	icmp       [2]int // type and code, -1 for none
	reason     string
}

func keyOf(e *control.Event) dropKey {
	number := func(n *uint8) int {
		if n == nil {
			return -1
		}
		return int(*n)
	}
	return dropKey{
		from: e.From.Address, to: e.To.Address, fromID: e.From.ID, id: e.To.ID,
		protocol: e.Protocol, port: e.To.Port, icmp: [2]int{number(e.ICMPType), number(e.ICMPCode)}, reason: e.Reason,
	}
}

// drops are the newest, repeated ones put together. The zero drops are none.
type drops struct {
	order list.List // of *drop, the newest first
	byKey map[dropKey]*list.Element
	lost  uint64 // events that the gateway could not send
}

// add takes a line of the gateway's events in.
func (d *drops) add(line *control.EventLine) {
	d.lost += line.Lost
	e := line.Event
	if e == nil || e.Verdict != control.VerdictDrop {
		return
	}
	count := uint64(max(e.Packets, 1))
	key := keyOf(e)
	if at, ok := d.byKey[key]; ok {
		drop := at.Value.(*drop)
		drop.Event = *e
		drop.Count += count
		d.order.MoveToFront(at)
		return
	}
	if d.byKey == nil {
		d.byKey = make(map[dropKey]*list.Element)
	}
	d.byKey[key] = d.order.PushFront(&drop{Event: *e, Count: count, First: e.Time})
	if len(d.byKey) > maxDrops {
		oldest := d.order.Back()
		delete(d.byKey, keyOf(&oldest.Value.(*drop).Event))
		d.order.Remove(oldest)
	}
}

// newest returns a copy of them, the newest first: events come nearly in the
// order of their times.
func (d *drops) newest() []drop {
	all := make([]drop, 0, len(d.byKey))
	for at := d.order.Front(); at != nil; at = at.Next() {
		all = append(all, *at.Value.(*drop))
	}
	slices.SortStableFunc(all, func(a, b drop) int { return cmp.Compare(b.Time.UnixNano(), a.Time.UnixNano()) })
	return all
}

func (d *drops) clear() {
	d.order.Init()
	d.byKey, d.lost = nil, 0
}
