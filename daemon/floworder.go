package daemon

import (
	"cmp"
	"container/heap"
	"iter"
	"slices"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
)

// first yields the first n of some flows in one of control.FlowOrders. It holds
// no more than those, and nearly all of the others cost it one comparison.
func first(n int, by string, flows iter.Seq[*gateway.FlowInfo]) iter.Seq[*gateway.FlowInfo] {
	return func(yield func(*gateway.FlowInfo) bool) {
		var kept ranking
		for f := range flows {
			kept.add(n, rank(by, f), f)
		}
		slices.SortFunc(kept, func(a, b *ranked) int { return a.compare(b.rank, &b.flow) })
		for _, r := range kept {
			if !yield(&r.flow) {
				return
			}
		}
	}
}

// ranked is a flow and its place in an order.
type ranked struct {
	rank int64
	flow gateway.FlowInfo
}

// rank returns a number that is lower the sooner a flow comes. Flows of one rank
// are ordered by age.
func rank(by string, f *gateway.FlowInfo) int64 {
	switch by {
	case control.SortBytes:
		return -int64(f.Bytes[0] + f.Bytes[1])
	case control.SortPackets:
		return -int64(f.Packets[0] + f.Packets[1])
	case control.SortExpires:
		return f.Expires
	}
	return 0
}

// compare is below 0 if the flow comes before another with that rank.
func (r *ranked) compare(rank int64, f *gateway.FlowInfo) int {
	return cmp.Or(cmp.Compare(r.rank, rank), older(&r.flow, f))
}

// ranking is a heap whose first element is the last in the order.
type ranking []*ranked

// add takes a flow in, if it is among the first n so far.
func (k *ranking) add(n int, rank int64, f *gateway.FlowInfo) {
	switch {
	case len(*k) < n:
		heap.Push(k, &ranked{rank, *f})
	case (*k)[0].compare(rank, f) > 0:
		*(*k)[0] = ranked{rank, *f}
		heap.Fix(k, 0)
	}
}

// What follows implements heap.Interface.

func (k ranking) Len() int           { return len(k) }
func (k ranking) Less(i, j int) bool { return k[i].compare(k[j].rank, &k[j].flow) > 0 }
func (k ranking) Swap(i, j int)      { k[i], k[j] = k[j], k[i] }
func (k *ranking) Push(x any)        { *k = append(*k, x.(*ranked)) }

func (k *ranking) Pop() any {
	last := len(*k) - 1
	x := (*k)[last]
	*k = (*k)[:last]
	return x
}
