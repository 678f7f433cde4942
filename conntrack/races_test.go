package conntrack

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// race runs two functions at once, again and again, each time after prepare, and with one of
// them begun a little later than the other, until check fails or they have met often enough.
func race(prepare, one, other func(round int), check func(round int) bool) {
	const rounds = 20_000
	var begun, done atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for round := range rounds {
			for begun.Load() <= int64(round) {
				runtime.Gosched()
			}
			if begun.Load() > rounds {
				return
			}
			linger(round % 150)
			one(round)
			done.Store(int64(round + 1))
		}
	})
	defer wg.Wait()
	defer begun.Store(rounds + 1)
	for round := range rounds {
		prepare(round)
		begun.Store(int64(round + 1))
		linger(round / 150 % 150)
		other(round)
		for done.Load() <= int64(round) {
			runtime.Gosched()
		}
		if !check(round) {
			return
		}
	}
}

// linger takes some ns.
func linger(n int) {
	var x atomic.Int64
	for range n {
		x.Add(1)
	}
}

// TestAHitKeepsItsFlow: the clock of a worker is a little behind that of others. A flow that it
// has prolonged just in time does not end at that moment by their clock.
func TestAHitKeepsItsFlow(t *testing.T) {
	c := numbered(protoUDP, 1)
	key, client := c.key()
	for name, expire := range map[string]func(w *world, s *Shard, hash Hash, at int64){
		"swept": func(_ *world, s *Shard, _ Hash, at int64) { s.sweep(tickAt(at)) },
		"found": func(_ *world, s *Shard, hash Hash, at int64) { s.mu.Lock(); s.Find(&key, hash, at); s.mu.Unlock() },
		"shown": func(w *world, _ *Shard, _ Hash, at int64) {
			w.Revise(at, func(*Flow, *[2]SideState) bool { return true })
		},
		"needed": func(w *world, s *Shard, _ Hash, at int64) {
			s.mu.Lock()
			defer s.mu.Unlock()
			w.makeRoom(s, search{now: tickAt(at), time: at}, new(atomic.Int64))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 10)
			w.chooseHashes()
			w.shards = w.shards[:1] // which has all, so that a round is short
			reader, hash := w.readers.NewReader(), w.Hash(&key)
			shard := &w.shards[0]
			g := Segment{From: client, Packets: 1, Bytes: 40}
			var ends int64
			var hit bool
			race(func(int) {
				if !w.lives(c) {
					w.sends(c, "> < > <")
				}
				f := w.sends(c, ">")
				ends = f.Expires()
			}, func(int) {
				reader.Enter()
				e := w.Find(&key, hash, ends-1)
				hit = e != nil && w.Hit(e, hash, &g, ends-1)
				reader.Leave()
			}, func(int) {
				expire(w, shard, hash, ends)
			}, func(round int) bool {
				w.now = ends
				if hit && !w.lives(c) {
					t.Errorf("round %d: the flow is gone although a packet was a hit", round)
					return false
				}
				return true
			})
		})
	}
}

// TestASideForgetsOrHits: the same with one side of a flow.
func TestASideForgetsOrHits(t *testing.T) {
	w := newWorld(t, 10)
	short := testTimeouts()
	short.UDPStream = time.Minute
	w.limit(lowInterface, Limits{Timeouts: short})
	c := numbered(protoUDP, 1)
	key, client := c.key()
	reader, hash := w.readers.NewReader(), w.Hash(&key)
	shard := &w.shards[hash>>w.shift]
	g := Segment{From: client, Packets: 1, Bytes: 40}
	var ends int64
	var hit bool
	w.sends(c, "> < > <")
	race(func(int) {
		s, _ := w.Lock(&key)
		e := s.Find(&key, hash, w.now)
		s.SetSide(e, Low, lowInterface, Tracked, w.now)
		s.Update(e, &g, w.now)
		f := s.Flow(e, w.now)
		ends = f.expires[Low]
		s.Unlock()
	}, func(int) {
		reader.Enter()
		e := w.Find(&key, hash, ends-1)
		hit = e != nil && e.Tracks(Low, lowInterface) && e.Tracks(High, highInterface) && w.Hit(e, hash, &g, ends-1)
		reader.Leave()
	}, func(int) {
		shard.sweep(tickAt(ends))
	}, func(round int) bool {
		w.now = ends
		s, _ := w.Lock(&key)
		defer s.Unlock()
		if e := s.Find(&key, hash, w.now); hit && !e.Tracks(Low, lowInterface) {
			t.Errorf("round %d: a side has forgotten the flow although a packet was a hit", round)
			return false
		}
		return true
	})
}

// TestASideIsOneWord: who comes to know a flow in another's place, and what it knows, are
// never seen apart.
func TestASideIsOneWord(t *testing.T) {
	w := newWorld(t, 10)
	w.established(tcp(1))
	key, _ := tcp(1).key()
	s, hash := w.Lock(&key)
	e := s.Find(&key, hash, w.now)
	s.Unlock()
	race(func(int) {
		s.mu.Lock()
		s.SetSide(e, Low, 3, Untracked, w.now)
		s.mu.Unlock()
	}, func(int) {
		s.mu.Lock()
		s.SetSide(e, Low, lowInterface, Tracked, w.now)
		s.mu.Unlock()
	}, func(round int) {
		for ; !e.Tracks(Low, lowInterface); runtime.Gosched() {
			if e.Tracks(Low, 3) {
				t.Errorf("round %d: an interface tracks the flow that does not", round)
			}
		}
	}, func(int) bool { return !t.Failed() })
}

// TestWindowsComeBeforeTheirMarks: a side that says that a stream is known has one.
func TestWindowsComeBeforeTheirMarks(t *testing.T) {
	w := newWorld(t, 10)
	w.established(tcp(1))
	key, client := tcp(1).key()
	s, hash := w.Lock(&key)
	e := s.Find(&key, hash, w.now)
	s.Unlock()
	untracked := func(state SideState) {
		for end := range e.sides {
			s.SetSide(e, End(end), uint32(1+end), state, w.now)
		}
	}
	g := Segment{From: client, Packets: 1, Bytes: 40, Flags: header.TCPFlagAck, Seq: 5000, Ack: 6000, Window: 1000}
	race(func(int) {
		s.mu.Lock()
		untracked(Untracked)
		for end := range e.streams {
			e.streams[end].store(stream{})
		}
		untracked(Tracked)
		s.mu.Unlock()
	}, func(int) {
		s.mu.Lock()
		s.Update(e, &g, w.now)
		s.mu.Unlock()
	}, func(round int) {
		c := e.control()
		for ; !c.sides[client].marks.has(seen); c = e.control() {
			runtime.Gosched()
		}
		if c.streams[Low].end == 0 || c.streams[High].end == 0 {
			t.Errorf("round %d: the streams are known, and have not begun", round)
		}
	}, func(int) bool { return !t.Failed() })
}

// TestSweepsAtOnce: one may find that another has given back the chunks that it was about to
// empty, though not all of those that it could, since a reader may look at some.
func TestSweepsAtOnce(t *testing.T) {
	w := newWorld(t, 100_000)
	w.chooseHashes()
	s, reader := &w.shards[0], w.readers.NewReader()
	const chunks = 20
	for range 300 {
		for i := range chunks * chunkSize {
			key, _ := tcp(i).key()
			key = hashed(key, Hash(1+i))
			s.mu.Lock()
			s.insert(&key, Hash(1+i), Low, 0, w.now)
			s.mu.Unlock()
		}
		keep := func(n Hash) {
			w.Revise(w.now, func(f *Flow, _ *[2]SideState) bool { return f.key.lowLower <= uint64(n) })
		}
		keep(chunks / 2 * chunkSize)
		for s.reclaim() {
		}
		reader.Enter()
		keep(3)
		var sweeps sync.WaitGroup
		for range 4 {
			sweeps.Go(s.shrink)
		}
		sweeps.Wait()
		reader.Leave()
		if keep(0); w.Len() != 0 {
			t.Fatalf("%d flows are left", w.Len())
		}
	}
}
