package conntrack

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// crowd is goroutines that do something again and again, until it ends.
type crowd struct {
	wg    sync.WaitGroup
	ended atomic.Bool
}

func (c *crowd) again(do func(n int)) {
	c.wg.Go(func() {
		for n := 0; !c.ended.Load(); n++ {
			do(n)
		}
	})
}

func (c *crowd) end() {
	c.ended.Store(true)
	c.wg.Wait()
}

// TestAllAtOnce has packets of flows that stay, of flows that come and go, sweeps, revisions,
// cuts, limits and moves at the same time. The race detector, the counts of the flows that
// stay, and the accounts are the judges.
func TestAllAtOnce(t *testing.T) {
	const lasting, passing, max, allowance = 40, 400, 200, 150
	w := newWorld(t, max)
	w.limit(lowInterface, Limits{Allowance: allowance})
	var sent [lasting]uint64
	for i := range lasting {
		w.established(tcp(i))
	}
	var others crowd
	others.again(func(n int) { w.Sweep(w.now + int64(n%50)*int64(time.Second)) })
	others.again(func(n int) {
		w.Revise(w.now, func(f *Flow, sides *[2]SideState) bool {
			if f.Addr(Low).Port() < lasting {
				return true
			}
			sides[n%2] = Untracked
			return (int(f.Addr(Low).Port())+n)%7 != 0
		})
	})
	others.again(func(n int) {
		s := &w.shards[n%len(w.shards)]
		s.mu.Lock()
		for number := range uint32(s.used) {
			if e := s.entry(number); e.life.Load() != 0 && (int(number)+n)%3 == 0 {
				s.move(e, nil)
			}
		}
		s.mu.Unlock()
	})
	others.again(func(n int) {
		for f := range w.All(w.now) {
			if f.packets[Low]+f.packets[High] == 0 {
				t.Error("a flow without a packet")
			}
		}
		if n := w.Len(); n > max+8 {
			t.Errorf("%d flows in a table of %d", n, max)
		}
	})
	var packets sync.WaitGroup
	var mu sync.Mutex
	for id := range 3 {
		packets.Go(func() {
			r := w.readers.NewReader()
			var counts [lasting]uint64
			for i := range 20_000 {
				r.Enter()
				n := (i*7 + id*13) % lasting
				if i%3 == 0 {
					n = lasting + (i*(id+1)+id*97)%passing
				}
				if counted := w.anyPacket(n, i, lasting); n < lasting {
					counts[n] += counted
				}
				r.Leave()
			}
			mu.Lock()
			for i := range counts {
				sent[i] += counts[i]
			}
			mu.Unlock()
		})
	}
	packets.Wait()
	others.end()
	for i := range lasting {
		key, client := tcp(i).key()
		s, hash := w.Lock(&key)
		e := s.Find(&key, hash, w.now)
		if e == nil {
			t.Fatalf("flow %d is gone", i)
		}
		if f := s.Flow(e, w.now); f.packets[client] != 2+sent[i] || f.state != TCPEstablished {
			t.Errorf("flow %d: %v with %d packets, want %d", i, f.state, f.packets[client], 2+sent[i])
		}
		s.Unlock()
	}
	w.checkUse(t)
	w.Revise(w.now, func(*Flow, *[2]SideState) bool { return false })
	w.checkUse(t)
	if n := w.Len(); n != 0 {
		t.Errorf("%d flows are counted, want none", n)
	}
}

// anyPacket passes a packet of connection n as the gateway does, and returns how many of the
// client's were counted. The caller is inside as a reader.
func (w *world) anyPacket(n, i, lasting int) uint64 {
	key, from := tcp(n).key()
	hash, now := w.Hash(&key), w.now+int64(i)*int64(time.Microsecond)
	flags, counts := tcpFlags("AP"), uint64(1)
	if n < lasting && i/lasting&1 == 1 {
		from, flags, counts = from.Opposite(), tcpFlags("A"), 0
	}
	if n >= lasting {
		flags = []header.TCPFlags{tcpFlags("S"), tcpFlags("A"), tcpFlags("AP"), tcpFlags("FA"), tcpFlags("RA")}[i%5]
		from ^= End(i >> 3 & 1)
	}
	if e := w.Find(&key, hash, now); e != nil {
		if !e.key.is(&key) {
			w.t.Error("another flow was found")
		}
		g := segment(e, from, flags)
		if w.Hit(e, hash, &g, now) {
			return counts
		}
	}
	s := w.Table.Lock(hash)
	defer s.Unlock()
	e := s.Find(&key, hash, now)
	if e == nil {
		if n < lasting {
			w.t.Errorf("flow %d is gone", n)
		}
		s.insert(&key, hash, from, tcpFlags("S"), now)
		return 0
	}
	if n >= lasting && i%11 == 0 {
		s.SetSide(e, End(i&1), uint32(1+i&1), SideState(1+i%3), now)
	}
	g := segment(e, from, flags)
	switch {
	case e.Reopens(&g):
		s.Delete(e)
		s.insert(&key, hash, from, tcpFlags("S"), now)
	case s.Fits(e, &g):
		s.Update(e, &g, now)
	case n < lasting:
		w.t.Errorf("%+v does not fit flow %d", g, n)
	case g.Opens():
		s.Attempt(e, &g)
	}
	return counts
}

// checkUse counts flows and tracked sides, and compares them with the accounts.
func (w *world) checkUse(t *testing.T) {
	t.Helper()
	flows, used := 0, map[uint32]int64{}
	for i := range w.shards {
		for _, f := range w.shards[i].flows(w.now) {
			flows++
			for _, side := range f.sides {
				if side.State == Tracked {
					used[side.Interface]++
				}
			}
		}
	}
	if flows != w.Len() {
		t.Errorf("%d flows, %d counted", flows, w.Len())
	}
	if got := w.limitsOf(lowInterface).tracked.Load(); got != used[lowInterface] {
		t.Errorf("interface %d tracks %d flows, %d counted", lowInterface, used[lowInterface], got)
	}
}

// TestMemoryComesAndGoes under readers who look for flows: shards grow and shrink, and have
// their chunks from each other. Who finds a flow has found the right one, and the race detector
// says whether anybody writes what he reads.
func TestMemoryComesAndGoes(t *testing.T) {
	const shards, flows, waves = 3, 1500, 60
	w := newWorld(t, 1<<20)
	w.chooseHashes()
	w.limit(highInterface, Limits{}) // so that each has an account
	w.pool.single = arenaSize        // so that chunks come from arenas
	key := func(n int) (Key, Hash) {
		k, _ := numbered(protoUDP, n%flows).key()
		h := Hash(n%shards)<<w.shift | Hash(n)*0x9e3779b97f4a7c15>>8
		return hashed(k, h), h
	}
	var writers sync.WaitGroup
	var others crowd
	others.again(func(n int) { w.shards[n%shards].shrink() })
	for id := range 2 {
		r, random := w.readers.NewReader(), rand.New(rand.NewPCG(1, uint64(id)))
		others.again(func(int) {
			r.Enter()
			defer r.Leave()
			for range 20 {
				k, h := key(random.IntN(shards * flows))
				if e := w.Find(&k, h, w.now); e != nil {
					g := Segment{From: Low, Packets: 1, Bytes: 40}
					if w.Hit(e, h, &g, w.now); !e.key.is(&k) {
						t.Error("another flow was found")
					}
				}
			}
		})
	}
	for id := range shards {
		writers.Go(func() {
			for wave := range waves {
				for n := id; n < shards*flows; n += shards {
					k, h := key(n)
					s := w.Table.Lock(h)
					switch e := s.Find(&k, h, w.now); {
					case e == nil && wave%2 == 0:
						s.insert(&k, h, Low, 0, w.now)
					case e != nil && wave%2 == 1 && n%97 != 0:
						s.Delete(e)
					}
					s.Unlock()
				}
			}
		})
	}
	writers.Wait()
	others.end()
	w.checkUse(t)
	for n := range shards * flows {
		k, h := key(n)
		if found := w.Find(&k, h, w.now) != nil; found != (n%97 == 0) {
			t.Fatalf("flow %d is there: %t", n, found)
		}
	}
}
