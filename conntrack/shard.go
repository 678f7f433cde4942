package conntrack

import (
	"sync"
	"sync/atomic"
)

// Shard is a part of the table under one lock. Packets that change nothing but what
// only grows pass it by; see Table.Find.
type Shard struct {
	mu    sync.Mutex
	table *Table
	slab

	live int               // flows
	full int               // words of the index that flows have gone on from
	rare map[uint32]rarity // of few entries, by number

	hand      int       // the entry where a search for a victim looks next; any number, to be wrapped
	number    int       // its own, among the table's
	moves     uint64    // of flows to another entry, so far
	revising  bool      // see Table.Revise
	relocated []uint32  // entries of flows that have moved meanwhile
	_         [104]byte // keeps neighbours' locks out of one cache line
}

// Unlock ends the use of a shard and of every *Entry from it.
func (s *Shard) Unlock() { s.mu.Unlock() }

// index returns what readers find the shard's flows by; nil if it never had one.
func (s *Shard) index() *index { return s.table.indexes[s.number].Load() }

func (s *Shard) publish(x *index) { s.table.indexes[s.number].Store(x) }

// Find returns the live flow with that key, or nil. A side whose own time is up
// knows nothing of the flow any more.
func (s *Shard) Find(k *Key, h Hash, now int64) *Entry {
	x := s.index()
	if x == nil {
		return nil
	}
	e := x.find(k, h)
	if e == nil {
		return nil
	}
	at := tickAt(now)
	if s.expire(e, at) {
		return nil
	}
	if e.lives().forgets(at) {
		s.forget(e, at)
	}
	return e
}

// expire removes a flow whose time is up, and reports whether it was. One that a packet
// prolongs at this moment, by a clock that is behind, stays.
func (s *Shard) expire(e *Entry, at tick) bool {
	for {
		l := e.lives()
		if l.left(at) > 0 {
			return false
		}
		if e.life.CompareAndSwap(uint64(l), 0) { // as a packet does, so that one of the two comes first
			s.remove(e)
			return true
		}
	}
}

// forget makes the sides whose time is up know nothing of the flow, as expire does with
// the whole of it.
func (s *Shard) forget(e *Entry, at tick) {
	var over [2]bool
	e.change(func(l life) life {
		for end := range over {
			ends := l.ends(End(end))
			if over[end] = ends != never && ends.left(at) <= 0; over[end] {
				l = l.withEnd(End(end), never)
			}
		}
		return l
	})
	for end := range over {
		if over[end] {
			s.setState(e, End(end), e.Side(End(end)).Interface, Unknown)
		}
	}
}

// Fits reports whether a packet with the flow's key is part of it. It is, unless
// it is a TCP segment from outside the windows. A flow that no end tracks has
// none to hold it against.
func (s *Shard) Fits(e *Entry, g *Segment) bool {
	c := s.control(e)
	return c.fits(g)
}

// control returns what decides about a flow's packets, and an attempt as well.
func (s *Shard) control(e *Entry) control {
	c := e.control()
	if e.rare {
		c.attempt = s.rare[e.number].attempt
	}
	return c
}

// Open makes the flow of a packet that its ends, sides, have let pass. The key
// must not be in the table. Where there is no room, a flow makes some that was
// never answered, is over, or needs no entry to pass; if a short search finds
// none, Open says why not.
func (s *Shard) Open(k *Key, h Hash, g *Segment, sides [2]Side, now int64) (*Entry, Refusal) {
	if refusal := s.reserveAll(sides, now); refusal != Granted {
		return nil, refusal
	}
	number, ok := s.room()
	if !ok {
		s.releaseAll(sides)
		return nil, TableFull
	}
	c := control{tcp: k.isTCP(), state: k.firstState(g), origin: g.From, sides: sides}
	c.note(g)
	l := newLife(c.state)
	for end := range c.sides {
		l = l.withEnd(End(end), s.table.end(&c.sides[end], c.state, startAt(now)))
	}
	s.expect(number, l)
	e := s.entry(number)
	*e = Entry{key: *k, origin: g.From, number: number}
	*s.rulesOf(number) = rules{g.Rule, g.Rule}
	e.setCreated(now)
	e.fill(&c, l)
	e.counts[g.From].Store(uint64(newCount(uint64(g.Packets), uint64(g.Bytes))))
	s.put(h, number)
	s.live++
	return e, Granted
}

// room returns the number of a free entry, and sees to it that the index has a slot for
// it; ok is false if the shard has as many entries as it can have.
func (s *Shard) room() (number uint32, ok bool) {
	number, grown, ok := s.take()
	switch x := s.index(); {
	case !ok:
	case x == nil:
		s.reindex(minWords)
	case s.live+1 > most(len(x.words)) || 8*s.full > 5*len(x.words):
		s.reindex(len(x.words))
	case grown:
		s.publish(&index{words: x.words, chunks: s.chunks})
	}
	return number, ok
}

// put lets readers find an entry. All of it has been written.
func (s *Shard) put(h Hash, number uint32) { s.full += s.index().put(h, number) }

// minWords is the size of the smallest index that there is.
const minWords = 4

// most returns how many flows an index of that size takes: three quarters.
func most(words int) int { return slots * words * 3 / 4 }

// reindex begins a new index of words or more, in which no flow has to go on that can
// stay. Readers use the old one until they look again; flows that come meanwhile
// they may miss.
func (s *Shard) reindex(words int) {
	for s.live+1 > most(words) {
		words *= 2
	}
	x := &index{words: make([]atomic.Uint64, words), chunks: s.chunks}
	s.full = 0
	for number := range uint32(s.used) {
		if e := s.entry(number); e.life.Load() != 0 {
			s.full += x.put(s.table.hasher.hash(&e.key), number)
		}
	}
	s.publish(x)
}

// expect has the sweep look at an entry when the first side of its flow ends.
func (s *Shard) expect(number uint32, l life) {
	due := &s.states[number/chunkSize].due
	*due = earlier(*due, l.first())
}

// reserveAll counts a new flow and its tracked sides.
func (s *Shard) reserveAll(sides [2]Side, now int64) Refusal {
	t := s.table
	for e, side := range sides {
		if side.State == Tracked && !t.reserve(s, side.Interface, nil, now) {
			if e == int(High) {
				t.release(sides[Low])
			}
			return AllowanceExceeded
		}
	}
	if t.count.Add(1) > t.max && !t.makeRoom(s, search{now: tickAt(now), time: now}, &t.noVictimUntil) {
		s.releaseAll(sides)
		return TableFull
	}
	return Granted
}

// releaseAll takes back what reserveAll has counted.
func (s *Shard) releaseAll(sides [2]Side) {
	s.table.release(sides[Low])
	s.table.release(sides[High])
	s.table.count.Add(-1)
}

// Delete forgets a flow.
func (s *Shard) Delete(e *Entry) { s.remove(e) }

// remove forgets a flow. Packets that have found it before count in vain, and look
// again.
func (s *Shard) remove(e *Entry) {
	s.releaseAll([2]Side{e.Side(Low), e.Side(High)})
	s.dropRare(e)
	s.withdraw(e)
	s.live--
}
