package conntrack

// StateCount is how many live flows are in one state.
type StateCount struct {
	Protocol string // "tcp", "udp", "icmp", for both families, or "other"
	State    string // see State.String
	Flows    int
}

// CountStates counts the live flows by state, with an entry for every state that
// there is. It looks at 16 MB for a million flows, and holds a shard's lock for 64
// flows at a time.
func (t *Table) CountStates(now int64) []StateCount {
	var flows [states]int
	at := tickAt(now)
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for i := 0; i < len(s.chunks); i++ {
			for j := range s.chunks[i] {
				if l := s.chunks[i][j].lives(); l != 0 && l.left(at) > 0 {
					flows[l.state()]++
				}
			}
			s.yield()
		}
		s.mu.Unlock()
	}
	return countsOf(flows)
}

// countsOf puts states of one name together.
func countsOf(flows [states]int) []StateCount {
	var counts []StateCount
	for i, n := range flows {
		c := StateCount{Protocol: State(i).protocol(), State: State(i).String(), Flows: n}
		if last := len(counts) - 1; last >= 0 && counts[last].Protocol == c.Protocol && counts[last].State == c.State {
			counts[last].Flows += n
			continue
		}
		counts = append(counts, c)
	}
	return counts
}

func (s State) protocol() string {
	switch {
	case s <= TCPClosed:
		return "tcp"
	case s <= UDPStream:
		return "udp"
	case s <= ICMPAnswered:
		return "icmp"
	}
	return "other"
}
