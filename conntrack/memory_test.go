package conntrack

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestChunksAreOnesAndComeBack(t *testing.T) {
	var p pool
	taken := make(map[*chunk]place)
	random := rand.New(rand.NewPCG(1, 2))
	take := func(n int) {
		for range n {
			c, from := p.get()
			if _, twice := taken[c]; twice {
				t.Fatal("a chunk is given out twice")
			}
			for i := range c {
				if e := c.at(uint32(i)); e != &c[i] || e.life.Load() != 0 {
					t.Fatal("a chunk's entries are elsewhere, or have flows")
				}
			}
			taken[c] = from
		}
	}
	give := func(n int) {
		all := make([]*chunk, 0, len(taken))
		for c := range taken {
			all = append(all, c)
		}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, c := range all[:n] {
			p.put(taken[c])
			delete(taken, c)
		}
	}
	take(arenaSize)
	if len(p.arenas) != 0 {
		t.Errorf("%d arenas for as many chunks as one has, want none", len(p.arenas))
	}
	take(2 * arenaSize)
	if len(p.arenas) != 2 {
		t.Errorf("%d arenas, want 2", len(p.arenas))
	}
	give(2 * arenaSize)
	take(2 * arenaSize)
	if n := len(p.arenas); n > 3 {
		t.Errorf("%d arenas for the same number of chunks again", n)
	}
	give(3 * arenaSize)
	if len(p.arenas) != 0 || p.single != 0 {
		t.Errorf("%d arenas and %d chunks are kept for nobody", len(p.arenas), p.single)
	}
	take(1)
}

// TestMemoryIsUsedAgain fills a table, lets nearly all flows end, and fills it again.
func TestMemoryIsUsedAgain(t *testing.T) {
	const many, kept = 60_000, 700
	w := newWorld(t, 1<<20)
	chunks := func() (n int) {
		seen := make(map[*chunk]bool)
		for i := range w.shards {
			for _, c := range w.shards[i].chunks {
				if seen[c] {
					t.Fatal("two shards have the same chunk")
				}
				seen[c] = true
			}
		}
		return len(seen)
	}
	for round := range 3 {
		for i := range many {
			w.send(numbered(protoUDP, i), ">")
			if round == 0 && i%(many/kept) == 0 && i/(many/kept) < kept {
				w.established(tcp(i))
			}
		}
		if n := chunks(); n > many/chunkSize*3/2 || len(w.pool.arenas) > many/chunkSize/arenaSize+1 {
			t.Fatalf("round %d: %d chunks and %d arenas for %d flows", round, n, len(w.pool.arenas), many+kept)
		}
		w.pass(31 * time.Second)
		for range 3 {
			w.Sweep(w.now)
		}
		if n := chunks(); n > 2*minShards || w.Len() != kept {
			t.Fatalf("round %d: %d flows are left, in %d chunks", round, w.Len(), n)
		}
		for i := range kept {
			if !w.hit(tcp(i*(many/kept)), ">A") {
				t.Fatalf("round %d: connection %d is no hit", round, i)
			}
		}
	}
}

// TestReadersHoldMemory: while one looks, nothing is given back that it may look at.
func TestReadersHoldMemory(t *testing.T) {
	w := newWorld(t, 1<<20)
	for i := range 60_000 {
		w.send(numbered(protoUDP, i), ">")
	}
	_, before := w.slots()
	r := w.readers.NewReader()
	r.Enter()
	w.pass(31 * time.Second)
	w.Sweep(w.now)
	w.Sweep(w.now)
	if _, n := w.slots(); n != before || w.Len() != 0 {
		t.Errorf("%d entries of %d are left although a reader may look at them", n, before)
	}
	r.Leave()
	w.Sweep(w.now)
	if _, n := w.slots(); n > minShards*chunkSize {
		t.Errorf("%d entries for no flows, the reader has left", n)
	}
}

// TestSweepSeesWhatEndsEarlier than it did when the sweep looked last.
func TestSweepSeesWhatEndsEarlier(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		ends   time.Duration
	}{
		"closing": {func(w *world) { w.sends(tcp(1), ">FA") }, 120 * time.Second},
		"reset":   {func(w *world) { w.sends(tcp(1), "<R") }, 10 * time.Second},
		"shorter timeouts": {func(w *world) {
			short := testTimeouts()
			short.TCPEstablished = 90 * time.Second
			w.limit(lowInterface, Limits{Timeouts: short})
			w.limit(highInterface, Limits{Timeouts: short})
			if w.hit(tcp(1), ">A") {
				t.Error("a packet that brings the end nearer is a hit")
			}
			w.sends(tcp(1), ">A")
		}, 90 * time.Second},
		"moved": {func(w *world) {
			w.sends(tcp(1), "<R")
			key, _ := tcp(1).key()
			s, hash := w.Lock(&key)
			s.move(s.Find(&key, hash, w.now), nil)
			s.Unlock()
		}, 10 * time.Second},
	} {
		w := newWorld(t, 10)
		w.established(tcp(1))
		w.Sweep(w.now)
		c.change(w)
		w.pass(c.ends - 1)
		if w.Sweep(w.now); w.Len() != 1 {
			t.Errorf("%s: swept before its end", name)
		}
		w.pass(1)
		if w.Sweep(w.now); w.Len() != 0 {
			t.Errorf("%s: not swept at its end", name)
		}
	}
}

// TestTheSweepHasSidesForget what they know, and the table what they use.
func TestTheSweepHasSidesForget(t *testing.T) {
	w := newWorld(t, 10)
	short := testTimeouts()
	short.UDP = time.Second
	w.limit(lowInterface, Limits{Timeouts: short, Allowance: 1})
	w.sends(numbered(protoUDP, 1), ">")
	w.pass(time.Second)
	w.Sweep(w.now)
	w.wantAllowance(lowInterface, 1, 0)
	for f := range w.All(w.now) {
		if f.Side(Low).State != Unknown || f.expires[Low] != 0 || f.Side(High).State != Tracked {
			t.Errorf("the sides know %+v until %v, want the high one's knowledge only", f.sides, f.expires)
		}
	}
	if w.Len() != 1 {
		t.Errorf("%d flows, want one", w.Len())
	}
}

// TestAFlowThatMovesIsSwept although it comes to a chunk of which nothing ends soon.
func TestAFlowThatMovesIsSwept(t *testing.T) {
	w := newWorld(t, 1000)
	w.chooseHashes()
	s := &w.shards[0]
	for i := range chunkSize + 1 {
		key, _ := tcp(i).key()
		key = hashed(key, Hash(1+i))
		s.endAt(s.insert(&key, Hash(1+i), Low, 0, w.now), w.now+int64(time.Hour))
	}
	w.makeDue()
	s.sweep(tickAt(w.now))
	last := s.entry(chunkSize)
	s.endAt(last, w.now+int64(time.Minute))
	s.remove(s.entry(0))
	for s.reclaim() {
	}
	if to := s.move(last, nil); to.number != 0 {
		t.Fatalf("the flow has moved to entry %d", to.number)
	}
	w.pass(time.Minute + Resolution)
	if w.Sweep(w.now); w.Len() != chunkSize-1 {
		t.Errorf("%d flows are left, want %d", w.Len(), chunkSize-1)
	}
}

// TestSweepPassesBy chunks of which nothing has timed out.
func TestSweepPassesBy(t *testing.T) {
	w := newWorld(t, 10)
	w.established(tcp(1))
	w.sends(numbered(protoUDP, 2), ">")
	due := func() (n int) {
		for i := range w.shards {
			for _, c := range w.shards[i].states {
				if c.due != never && c.due.left(tickAt(w.now)) <= 0 {
					n++
				}
			}
		}
		return n
	}
	w.pass(30*time.Second - 1)
	if n := due(); n != 0 {
		t.Errorf("%d chunks are due before the first flow ends", n)
	}
	w.pass(1)
	if n := due(); n != 1 {
		t.Errorf("%d chunks are due, want the datagram's", n)
	}
	w.Sweep(w.now)
	if n := due(); n != 0 {
		t.Errorf("%d chunks are due after they were swept", n)
	}
}

// TestRevisionsFollowFlowsThatMove behind their back, to chunks that were shown already.
func TestRevisionsFollowFlowsThatMove(t *testing.T) {
	w := newWorld(t, 1000)
	w.chooseHashes()
	s := &w.shards[0]
	const flows = 3 * chunkSize
	for i := range flows {
		key, _ := tcp(i).key()
		key = hashed(key, Hash(1+i))
		s.insert(&key, Hash(1+i), Low, 0, w.now)
	}
	s.remove(s.entry(0)) // so that there is room
	shown := make(map[Key]int)
	var moved Key
	w.revise(func(s *Shard, e *Entry) {
		shown[e.key]++
		if e.number == chunkSize {
			last := s.entry(flows - 1)
			moved = last.key
			if to := s.move(last, nil); to.number != 0 {
				t.Fatalf("the flow has moved to entry %d", to.number)
			}
		}
	})
	if len(shown) != flows-1 || shown[moved] != 1 {
		t.Errorf("%d flows were shown, want %d, and the one that has moved %d times", len(shown), flows-1, shown[moved])
	}
	if s.revising || s.relocated != nil {
		t.Error("the shard believes that it is still being revised")
	}
}

// TestOldIndexesSeeNoNewFlows, once memory was given back: they know of chunks that others may
// have now.
func TestOldIndexesSeeNoNewFlows(t *testing.T) {
	w := newWorld(t, 100_000)
	w.chooseHashes()
	s := &w.shards[0]
	insert := func() {
		for i := range 20 * chunkSize {
			key, _ := tcp(i).key()
			if key = hashed(key, Hash(1+i)); s.Find(&key, Hash(1+i), w.now) == nil {
				s.insert(&key, Hash(1+i), Low, 0, w.now)
			}
		}
	}
	insert()
	w.Revise(w.now, func(f *Flow, _ *[2]SideState) bool { return f.key.lowLower <= 100 })
	s.reindex(256) // so large that newcomers would fill the chunks, and so small that it need not shrink
	old := s.index()
	if s.shrink(); len(s.chunks) == 20 {
		t.Fatal("no memory was given back")
	}
	insert()
	for i := range 20 * chunkSize {
		key, _ := tcp(i).key()
		key = hashed(key, Hash(1+i))
		if e := old.find(&key, Hash(1+i)); e != nil && e != s.index().find(&key, Hash(1+i)) {
			t.Fatalf("flow %d is found where it was before", i)
		}
	}
}
