package fragment

import "container/heap"

// holder is a sender of which something is held.
type holder struct {
	owner         Owner
	datagrams     queue
	memory        int // bytes, overheads included
	pieces, bytes int // of packets
	place         int // in holders
}

// holders is a heap with the greatest holder on top.
type holders []*holder

func (h holders) Len() int { return len(h) }

// Less orders by memory. Equals are ordered too, so that the same packets always
// have the same fate.
func (h holders) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.memory != b.memory {
		return a.memory > b.memory
	}
	return a.owner.Interface < b.owner.Interface
}

func (h holders) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push is for package heap.
func (h *holders) Push(x any) {
	o := x.(*holder)
	o.place = len(*h)
	*h = append(*h, o)
}

// Pop is for package heap.
func (h *holders) Pop() any {
	last := len(*h) - 1
	o := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return o
}

// charge adds to, or takes from, the memory of a sender and of all.
func (t *Table) charge(o *holder, memory int) {
	o.memory += memory
	t.memory += memory
	heap.Fix(&t.holders, o.place)
}

// holder returns the sender, a new one if nothing is held of it.
func (t *Table) holder(owner Owner) *holder {
	o := t.owners[owner]
	if o == nil {
		o = &holder{owner: owner, datagrams: queue{kind: ofOwner}}
		t.owners[owner] = o
		heap.Push(&t.holders, o)
	}
	return o
}

// removeHolder forgets a sender of which nothing is held.
func (t *Table) removeHolder(o *holder) {
	delete(t.owners, o.owner)
	heap.Remove(&t.holders, o.place)
}

// makeRoom evicts until a sender may hold that much more memory: its own oldest
// datagrams while it is over its limit, then those of the greatest holder while
// all are. keep, the datagram that the room is for, stays. It reports whether
// there is room now.
func (t *Table) makeRoom(owner Owner, memory int, keep *datagram) bool {
	if memory > t.limits.OwnerBytes {
		return false
	}
	for {
		o := t.owners[owner]
		if o == nil || o.memory+memory <= t.limits.OwnerBytes {
			break
		}
		if !t.evict(o, keep) {
			return false
		}
	}
	for t.memory+memory > t.limits.Bytes {
		if !t.evict(t.holders[0], keep) {
			return false
		}
	}
	return true
}

// evict forgets a sender's oldest datagram but keep, if there is another.
func (t *Table) evict(o *holder, keep *datagram) bool {
	victim := o.datagrams.oldest
	if keep != nil && victim == keep {
		victim = victim.links[ofOwner].younger
	}
	if victim == nil {
		return false
	}
	t.lose(victim, Limit)
	return true
}
