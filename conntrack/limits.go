package conntrack

import (
	"fmt"
	"slices"
	"sync/atomic"
)

// Limits are what a table grants an interface.
type Limits struct {
	Timeouts Timeouts
	// Allowance is how many tracked flows the interface may be an end of; 0
	// leaves it to the table's own limit. AWS has one for each instance, by
	// its type (EC2 User Guide, ENA metrics).
	Allowance int
}

// limits are those of one interface, laid out for look-up.
type limits struct {
	timeouts  [states]uint32 // in ticks
	allowance int64
	*usage
}

// usage outlives a change of the limits.
type usage struct {
	tracked  atomic.Int64
	exceeded atomic.Uint64
	// noVictimUntil (ns) is as the table's, for victims among the interface's
	// own flows.
	noVictimUntil atomic.Int64
}

func newLimits(o Limits, u *usage) *limits {
	l := &limits{allowance: int64(o.Allowance), usage: u}
	for state, d := range o.Timeouts.byState() {
		l.timeouts[state] = ticks(int64(d))
	}
	return l
}

// SetInterfaces sets the limits of the interfaces with those numbers; others
// keep theirs, which at first are the table's timeouts and no allowance of
// their own. Flows that are under way get a new timeout with their next packet,
// and keep their place if the allowance is smaller than what is in use. Calls
// must not overlap. If there is an error, nothing is changed.
func (t *Table) SetInterfaces(of map[uint32]Limits) error {
	all := slices.Clone(*t.interfaces.Load())
	for number, o := range of {
		if err := o.Timeouts.Validate(); err != nil {
			return err
		}
		if o.Allowance < 0 {
			return fmt.Errorf("conntrack: allowance of %d: want 0, for none, or more", o.Allowance)
		}
		for len(all) <= int(number) {
			all = append(all, &limits{timeouts: all[0].timeouts, usage: new(usage)})
		}
		all[number] = newLimits(o, all[number].usage)
	}
	t.interfaces.Store(&all)
	return nil
}

// limitsOf returns the limits of an interface. Number 0 stands for all that were
// never set.
func (t *Table) limitsOf(number uint32) *limits {
	all := *t.interfaces.Load()
	if int(number) >= len(all) {
		number = 0
	}
	return all[number]
}

// Allowance returns how many more flows the interface with that number may
// track, and how many packets were refused because it could not. The names in
// AWS's driver are conntrack_allowance_available and conntrack_allowance_exceeded.
func (t *Table) Allowance(number uint32) (available int64, exceeded uint64) {
	l := t.limitsOf(number)
	left := t.max - t.count.Load()
	if l.allowance > 0 {
		left = min(left, l.allowance-l.tracked.Load())
	}
	return max(0, left), l.exceeded.Load()
}

// Refusal says why a flow could not be tracked. The zero value is not a refusal.
type Refusal uint8

// The refusals.
const (
	Granted           Refusal = iota
	TableFull                 // the table holds max_flows, and none of them yields
	AllowanceExceeded         // so does an interface, of its own flows
)

// reserve counts one more tracked flow of an interface, for a packet at hand in
// shard s, which is locked. If the allowance is used up, another flow of the
// interface makes room as in Open, though never keep.
func (t *Table) reserve(s *Shard, number uint32, keep *Entry, now int64) bool {
	l := t.limitsOf(number)
	if used := l.tracked.Add(1); l.allowance == 0 || used <= l.allowance {
		return true
	}
	if t.makeRoom(s, search{number: number, keep: keep, now: tickAt(now), time: now}, &l.noVictimUntil) {
		return true
	}
	l.tracked.Add(-1)
	l.exceeded.Add(1)
	return false
}

// WouldRefuse returns what Open would refuse a flow with those sides for, at this
// moment and once the flow over, if it is not nil, is deleted. Nothing is changed by
// it. An interface that is both ends is asked as if it were one.
func (s *Shard) WouldRefuse(sides [2]Side, over *Entry, now int64) Refusal {
	t := s.table
	for _, side := range sides {
		if side.State == Tracked && !s.canTrack(side.Interface, over, nil, now) {
			return AllowanceExceeded
		}
	}
	want := search{now: tickAt(now), time: now, only: true}
	if over == nil && t.count.Load() >= t.max && !t.makeRoom(s, want, &t.noVictimUntil) {
		return TableFull
	}
	return Granted
}

// CanTrack reports whether the interface with that number could track one more flow
// at this moment, if keep must stay. Nothing is changed by it.
func (s *Shard) CanTrack(number uint32, keep *Entry, now int64) bool {
	return s.canTrack(number, nil, keep, now)
}

func (s *Shard) canTrack(number uint32, over, keep *Entry, now int64) bool {
	l := s.table.limitsOf(number)
	used := l.tracked.Load()
	if over != nil && over.trackedBy(number) {
		used--
	}
	want := search{number: number, keep: keep, now: tickAt(now), time: now, only: true}
	return l.allowance == 0 || used < l.allowance || s.table.makeRoom(s, want, &l.noVictimUntil)
}

// release takes back what reserve counted for a side.
func (t *Table) release(side Side) {
	if side.State == Tracked {
		t.limitsOf(side.Interface).tracked.Add(-1)
	}
}
