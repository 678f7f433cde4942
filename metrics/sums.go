package metrics

import (
	"maps"

	"github.com/sgate/sgate/gateway"
)

// sums adds up what the interfaces of each VPC have counted. A sum never goes
// back: a device that leaves, and with it its counters, takes nothing away.
type sums struct {
	total map[string]*gateway.Counters // by VPC
	seen  map[*gateway.Port]gateway.Counters
	// exceeded is by the interface's id: the gateway goes on counting it where
	// the interface gets another device.
	exceeded map[string]uint64
}

func newSums() *sums {
	return &sums{total: make(map[string]*gateway.Counters), seen: make(map[*gateway.Port]gateway.Counters), exceeded: make(map[string]uint64)}
}

// add brings the sums up to date, and returns them by VPC.
func (s *sums) add(endpoints []endpoint) map[string]*gateway.Counters {
	seen, vpcs := make(map[*gateway.Port]gateway.Counters, len(endpoints)), make(map[string]bool)
	for i := range endpoints {
		e := &endpoints[i]
		vpcs[e.vpc] = true
		if s.total[e.vpc] == nil {
			s.total[e.vpc] = new(gateway.Counters)
		}
		if e.port != nil {
			seen[e.port] = s.grow(e)
		}
	}
	s.seen = seen
	maps.DeleteFunc(s.total, func(vpc string, _ *gateway.Counters) bool { return !vpcs[vpc] })
	return s.total
}

// grow adds to its VPC's sum by how much an interface's counters have grown
// since it was last seen. It returns the counters.
func (s *sums) grow(e *endpoint) gateway.Counters {
	total, now, before := s.total[e.vpc], e.port.Counters(), s.seen[e.port]
	total.Received += now.Received - before.Received
	total.ReceivedBytes += now.ReceivedBytes - before.ReceivedBytes
	total.Forwarded += now.Forwarded - before.Forwarded
	total.Local += now.Local - before.Local
	total.Sent += now.Sent - before.Sent
	total.SentBytes += now.SentBytes - before.SentBytes
	for i := range total.Dropped {
		total.Dropped[i] += now.Dropped[i] - before.Dropped[i]
	}
	if n := now.ConntrackAllowanceExceeded; n > 0 {
		total.ConntrackAllowanceExceeded += n - s.exceeded[e.ID]
		s.exceeded[e.ID] = n
	}
	return now
}
