package flowlog

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/vpc"
)

// active is a log that is being written.
type active struct {
	Log
	to      destination
	slog    *slog.Logger
	created time.Time
	since   time.Time // when the interval began
	records map[recordKey]*sum
	busy    map[string]bool // interfaces with traffic in the interval, by id
	skipped map[string]loss // interfaces with lost records that no SKIPDATA tells of yet, by id

	delivered, missed uint64
	failure           string // of the last delivery; "" if there was none
}

// loss is that records of an interface and a time are lost.
type loss struct {
	nic *nic
	span
}

func newActive(l Log, to destination, now time.Time, log *slog.Logger) *active {
	return &active{
		Log: l, to: to, slog: log.With("flow_log", l.ID, "name", l.Name), created: now, since: now,
		records: make(map[recordKey]*sum), busy: make(map[string]bool), skipped: make(map[string]loss),
	}
}

func (l *active) status() Status {
	return Status{l.Log, l.created, l.delivered, l.missed, l.failure}
}

// end is one of the two interfaces that an aggregate may have a record of.
type end struct {
	nic       *nic
	direction vpc.Direction
	action    record.Action
}

// add adds an aggregate, seen from one of its ends, to the end's record.
func (l *active) add(at end, k *flowKey, a *aggregate, during span) {
	if !l.covers(at.nic) {
		return
	}
	l.busy[at.nic.id] = true
	if !l.Traffic.has(at.action) {
		return
	}
	key := recordKey{at.nic.id, k.src, k.dst, k.srcPort, k.dstPort, k.protocol, at.direction, at.action}
	r := l.records[key]
	if r == nil {
		r = &sum{nic: at.nic, span: during}
		l.records[key] = r
	}
	r.packets += a.packets
	r.bytes += a.bytes
	r.span = r.and(during)
	r.flags |= a.flags
	r.path = a.path
}

// skip notes that records of an interface are lost.
func (l *active) skip(n *nic, during span) {
	if !l.covers(n) {
		return
	}
	l.busy[n.id] = true
	if before, is := l.skipped[n.id]; is {
		during = during.and(before.span)
	}
	l.skipped[n.id] = loss{n, during}
}

// ends reports whether the interval ends by now. Intervals end at whole multiples
// of their length, or when somebody has set the clock back.
func (l *active) ends(now time.Time) bool {
	return now.Before(l.since) || !now.Before(l.since.Truncate(l.Interval).Add(l.Interval))
}

// endInterval writes the interval's records, and NODATA for the interfaces that
// had no traffic.
func (l *active) endInterval(now time.Time, p Place, all []*nic) {
	l.to.start()
	during := l.until(now.Unix())
	ok := l.writeRecords(during, p)
	var idle []loss
	for _, n := range all {
		if l.covers(n) && !l.busy[n.id] {
			idle = append(idle, loss{n, during})
		}
	}
	if ok {
		ok = l.writeStatus(p, record.NoData, idle)
	}
	if ok {
		l.writeSkipped(p)
	}
	clear(l.busy)
	l.since = now
}

// flush writes what there is before the interval ends.
func (l *active) flush(now time.Time, p Place) {
	l.to.start()
	if l.writeRecords(l.until(now.Unix()), p) {
		l.writeSkipped(p)
	}
}

// until returns the interval so far.
func (l *active) until(now int64) span { return span{min(l.since.Unix(), now), now} }

// chunk is about how much is handed to a destination at a time, in bytes.
const chunk = 64 << 10

// writeRecords writes the records and forgets them. It returns false if some are
// lost, which it notes.
func (l *active) writeRecords(during span, p Place) bool {
	entries := make([]entry, 0, len(l.records))
	for k, r := range l.records {
		entries = append(entries, entry{k, r})
	}
	slices.SortFunc(entries, inOrder)
	l.records = make(map[recordKey]*sum)
	var buf []byte
	for len(entries) > 0 {
		n := 0
		for buf = buf[:0]; n < len(entries) && len(buf) < chunk; n++ {
			r := entries[n].record(p)
			buf = append(l.Format.Append(buf, &r), '\n')
		}
		if !l.write(buf) {
			l.missed += uint64(len(entries))
			for _, e := range entries {
				l.skip(e.nic, during)
			}
			return false
		}
		l.delivered += uint64(n)
		entries = entries[n:]
	}
	return true
}

// writeStatus writes a record without a flow for each interface.
func (l *active) writeStatus(p Place, status record.Status, of []loss) bool {
	var buf []byte
	for _, each := range of {
		r := p.recordOf(each.nic, each.span)
		r.Status = status
		buf = append(l.Format.Append(buf, &r), '\n')
	}
	return len(buf) == 0 || l.write(buf)
}

// writeSkipped tells of the records that are lost. Until that is written, they
// stay noted.
func (l *active) writeSkipped(p Place) {
	lost := slices.SortedFunc(maps.Values(l.skipped), func(a, b loss) int { return cmp.Compare(a.nic.id, b.nic.id) })
	if l.writeStatus(p, record.SkipData, lost) {
		clear(l.skipped)
	}
}

// write hands lines to the destination. That it fails is logged once, and so is
// that it works again.
func (l *active) write(lines []byte) bool {
	err := l.to.write(lines)
	switch {
	case err != nil && l.failure == "":
		l.slog.Error("flow log records are lost: the destination does not take them", "destination", l.Destination, "error", err)
	case err == nil && l.failure != "":
		l.slog.Info("flow log records are delivered again", "destination", l.Destination, "lost", l.missed)
	}
	l.failure = ""
	if err != nil {
		l.failure = err.Error()
	}
	return err == nil
}
