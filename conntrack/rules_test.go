package conntrack

import (
	"testing"
	"time"
)

// Numbers of rules: what flows have at first, and what they get.
const (
	unnamed           = 77
	lowRule, highRule = 1, 2
)

// insertUnnamed opens the n-th of many connections, which has the hash 1+n.
func (w *world) insertUnnamed(s *Shard, n int) *Entry {
	w.t.Helper()
	key, _ := tcp(n).key()
	key = hashed(key, Hash(1+n))
	g := segment(nil, Low, 0)
	g.Rule = unnamed
	e, refusal := s.Open(&key, Hash(1+n), &g, bothTrack, w.now)
	if refusal != Granted {
		w.t.Fatal(refusal)
	}
	return e
}

func (s *Shard) rulesAre(e *Entry, low, high uint32) bool {
	return *s.rulesOf(e.number) == rules{low, high}
}

// TestReplaceRules gives those flows their rules that have none, and asks about no
// others.
func TestReplaceRules(t *testing.T) {
	w := newWorld(t, 1000)
	w.chooseHashes()
	s := &w.shards[0]
	both, low, high, other, dead := w.insertUnnamed(s, 0), w.insertUnnamed(s, 1), w.insertUnnamed(s, 2), w.insertUnnamed(s, 3), w.insertUnnamed(s, 4)
	s.SetRule(low, High, 9)
	s.SetRule(high, Low, 8)
	s.SetRule(other, Low, 8)
	s.SetRule(other, High, 9)
	s.endAt(dead, w.now)
	s.remove(w.insertUnnamed(s, 5))
	asked := 0
	w.ReplaceRules(w.now+1, unnamed, func(f *Flow) ([2]uint32, bool) {
		asked++
		if f.Rule(Low) != unnamed && f.Rule(High) != unnamed {
			t.Errorf("asked about a flow with the rules %v", f.rules)
		}
		s.mu.Lock() // it is nobody's
		defer s.mu.Unlock()
		return [2]uint32{lowRule, highRule}, true
	})
	if asked != 3 {
		t.Errorf("asked about %d flows, want 3", asked)
	}
	for _, c := range []struct {
		flow      *Entry
		low, high uint32
	}{{both, lowRule, highRule}, {low, lowRule, 9}, {high, 8, highRule}, {other, 8, 9}, {dead, unnamed, unnamed}} {
		if !s.rulesAre(c.flow, c.low, c.high) {
			t.Errorf("flow %d has the rules %v, want %d and %d", c.flow.number, *s.rulesOf(c.flow.number), c.low, c.high)
		}
	}
}

// TestReplaceRulesOfFlowsThatMove meanwhile, to a chunk that was looked at already.
func TestReplaceRulesOfFlowsThatMove(t *testing.T) {
	w := newWorld(t, 1000)
	w.chooseHashes()
	s := &w.shards[0]
	for i := range chunkSize + 1 {
		w.insertUnnamed(s, i)
	}
	last := s.entry(chunkSize)
	w.ReplaceRules(w.now, unnamed, func(*Flow) ([2]uint32, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if last.life.Load() != 0 {
			s.remove(s.entry(1))
			for s.reclaim() {
			}
			if last = s.move(last, nil); last.number != 1 || !s.rulesAre(last, unnamed, unnamed) {
				t.Fatalf("the flow has moved to entry %d, with the rules %v", last.number, *s.rulesOf(last.number))
			}
			last = s.entry(chunkSize)
		}
		return [2]uint32{lowRule, highRule}, true
	})
	for _, f := range s.flows(w.now) {
		if f.rules != (rules{lowRule, highRule}) {
			t.Errorf("%v has the rules %v", f.Addr(Low), f.rules)
		}
	}
}

// TestReplaceRulesLeavesAlone what has taken a flow's place meanwhile, or has gone.
func TestReplaceRulesLeavesAlone(t *testing.T) {
	w := newWorld(t, 1000)
	w.chooseHashes()
	s := &w.shards[0]
	w.insertUnnamed(s, 0)
	w.insertUnnamed(s, 1)
	var newcomer *Entry
	w.ReplaceRules(w.now, unnamed, func(f *Flow) ([2]uint32, bool) {
		if newcomer == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.remove(s.entry(0))
			s.remove(s.entry(1))
			newcomer = w.insertUnnamed(s, 0)
			s.SetRule(newcomer, Low, 8)
			s.SetRule(newcomer, High, 9)
		}
		return [2]uint32{lowRule, highRule}, true
	})
	if !s.rulesAre(newcomer, 8, 9) {
		t.Errorf("a newcomer has the rules %v, want its own", *s.rulesOf(newcomer.number))
	}
}

// TestReplaceRulesEndsEarly when it is told to.
func TestReplaceRulesEndsEarly(t *testing.T) {
	w := newWorld(t, 1000)
	w.chooseHashes()
	s := &w.shards[0]
	first, second := w.insertUnnamed(s, 0), w.insertUnnamed(s, 1)
	asked := 0
	w.ReplaceRules(w.now, unnamed, func(*Flow) ([2]uint32, bool) {
		asked++
		return [2]uint32{lowRule, highRule}, asked < 2
	})
	if asked != 2 || !s.rulesAre(first, lowRule, highRule) || !s.rulesAre(second, unnamed, unnamed) {
		t.Errorf("asked %d times, and the flows have %v and %v", asked, *s.rulesOf(first.number), *s.rulesOf(second.number))
	}
}

// TestAConnectionAnewKeepsItsRules although its flow gets another entry.
func TestAConnectionAnewKeepsItsRules(t *testing.T) {
	w := newWorld(t, 10)
	c := tcp(1)
	w.established(c)
	key, client := c.key()
	s, hash := w.Lock(&key)
	defer s.Unlock()
	e := s.Find(&key, hash, w.now)
	s.SetRule(e, Low, lowRule)
	s.SetRule(e, High, highRule)
	s.Attempt(e, &Segment{From: client, Flags: tcpFlags("S"), Seq: 5_000_000, Window: 1000})
	answer := Segment{From: client.Opposite(), Flags: tcpFlags("SA"), Seq: 7, Ack: 5_000_001, Window: 1000}
	anew := s.Update(e, &answer, w.now)
	if anew == e {
		t.Fatal("the flow goes on in its entry")
	}
	if f := s.Flow(anew, w.now); f.Rule(Low) != lowRule || f.Rule(High) != highRule {
		t.Errorf("it has the rules %v", f.rules)
	}
}

func TestCountStates(t *testing.T) {
	w := newWorld(t, 100)
	w.fill(0, 3)
	w.sends(tcp(10), ">S")
	w.sends(numbered(protoUDP, 20), "> <")
	w.sends(numbered(protoUDP, 21), "> < >") // in a state of the same name
	w.sends(numbered(protoICMP, 30), ">")
	w.sends(numbered(protoGRE, 40), ">")
	got := make(map[StateCount]bool)
	for _, c := range w.CountStates(w.now) {
		if got[c] {
			t.Errorf("%+v is there twice", c)
		}
		got[c] = true
	}
	for _, want := range []StateCount{
		{"tcp", "ESTABLISHED", 3}, {"tcp", "SYN_SENT", 1}, {"tcp", "CLOSED", 0}, {"udp", "ANSWERED", 2}, {"udp", "STREAM", 0},
		{"icmp", "ASKED", 1}, {"icmp", "ANSWERED", 0}, {"other", "ONE_WAY", 1}, {"other", "ANSWERED", 0},
	} {
		if !got[want] {
			t.Errorf("no %+v in %v", want, got)
		}
	}
	w.pass(time.Minute) // all but the established and that of GRE are over, and not swept
	for _, c := range w.CountStates(w.now) {
		if want := map[string]int{"tcp ESTABLISHED": 3, "other ONE_WAY": 1}[c.Protocol+" "+c.State]; c.Flows != want {
			t.Errorf("a minute later: %+v, want %d", c, want)
		}
	}
}
