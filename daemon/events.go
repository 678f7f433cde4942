package daemon

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
	"github.com/sgate/sgate/watch"
)

// heldEvents is how many events wait for a slow reader before some are lost: a
// quarter of a second of 60,000 packets a second, in 5 MB. eventLines is how
// many are sent at once.
const (
	heldEvents = 1 << 14
	eventLines = 256
)

// Events implements control.EventsBackend.
func (b backend) Events(ctx context.Context, r control.EventsRequest, send func(...control.EventLine) error) error {
	names, err := b.names()
	if err != nil {
		return err
	}
	filter, err := names.eventFilter(r)
	if err != nil {
		return err
	}
	ring := watch.New(filter, heldEvents)
	defer b.gateway.Watch(ring)()
	if err := send(); err != nil {
		return err
	}
	return sendEvents(ctx, ring, b.gateway.Now, send)
}

// sendEvents sends what comes into a ring. now is the clock of its records.
func sendEvents(ctx context.Context, ring *watch.Ring, now func() int64, send func(...control.EventLine) error) error {
	records := make([]watch.Record, eventLines)
	var lost uint64
	for {
		n, err := ring.Next(ctx, records)
		if err != nil {
			return err
		}
		var lines []control.EventLine
		tellLost := func(all uint64) {
			if all > lost {
				lines = append(lines, control.EventLine{Lost: all - lost})
				lost = all
			}
		}
		wall, at := time.Now(), now()
		for i := range records[:n] {
			record := &records[i]
			tellLost(record.Lost)
			event := event(record, wall.Add(time.Duration(record.Time-at)))
			lines = append(lines, control.EventLine{Event: &event})
		}
		if n < len(records) { // there were no more
			tellLost(ring.Lost())
		}
		clear(records[:n])
		if err := send(lines...); err != nil {
			return err
		}
	}
}

// eventFilter compiles what packets are asked for.
func (n names) eventFilter(r control.EventsRequest) (f watch.Filter, err error) {
	if err := checkPort(r.Protocol, r.Port); err != nil {
		return f, err
	}
	f.Port = r.Port
	if r.VPC != "" {
		if f.VPCID, err = n.vpcID(r.VPC); err != nil {
			return f, err
		}
	}
	if r.Instance != "" {
		if f.Interface, err = n.id(r.Instance); err != nil {
			return f, err
		}
	}
	if f.From, err = n.eventEnd(r.From); err != nil {
		return f, err
	}
	if f.To, err = n.eventEnd(r.To); err != nil {
		return f, err
	}
	if r.Protocol != "" {
		p, err := parseProtocol(r.Protocol)
		if err != nil {
			return f, err
		}
		f.Protocols = []vpc.Protocol{p}
	}
	f.Fates = fates(r.Verdict)
	f.Reasons, err = reasons(r.Reasons, r.Verdict)
	return f, err
}

func (n names) eventEnd(ref string) (end watch.End, err error) {
	if ref != "" {
		end.ID, end.Prefix, err = n.place(ref)
	}
	return end, err
}

// fates returns those that go by a verdict's name, none for all.
func fates(verdict string) []gateway.Fate {
	switch verdict {
	case control.VerdictAllow:
		return []gateway.Fate{gateway.Forwarded, gateway.Local}
	case control.VerdictDrop:
		return []gateway.Fate{gateway.Dropped}
	}
	return nil
}

// reasons finds reasons by their names. One that never goes with the verdict is
// refused: nothing would ever be shown.
func reasons(names []string, verdict string) (found []gateway.Reason, err error) {
	for _, name := range names {
		var known []string
		at := slices.IndexFunc(allReasons(), func(r gateway.Reason) bool {
			known = append(known, r.String())
			return r.String() == name
		})
		if at < 0 {
			return nil, control.Refuse("no reason %q; there are: %s", name, strings.Join(known, ", "))
		}
		reason := allReasons()[at]
		if verdict != "" && reason.IsDrop() != (verdict == control.VerdictDrop) {
			return nil, control.Refuse("reason %s never goes with verdict %s", reason, verdict)
		}
		found = append(found, reason)
	}
	return found, nil
}

func allReasons() (all []gateway.Reason) {
	for i := range gateway.Reasons {
		if r := gateway.Reason(i); r.IsReason() {
			all = append(all, r)
		}
	}
	return all
}
