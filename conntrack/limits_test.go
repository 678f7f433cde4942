package conntrack

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// limit sets an interface's limits.
func (w *world) limit(number uint32, o Limits) {
	w.t.Helper()
	if o.Timeouts == (Timeouts{}) {
		o.Timeouts = testTimeouts()
	}
	if err := w.SetInterfaces(map[uint32]Limits{number: o}); err != nil {
		w.t.Fatal(err)
	}
}

// open opens a connection between two interfaces and says what came of it.
func (w *world) open(n int, low, high Side) Refusal {
	key, from := tcp(n).key()
	shard, hash := w.Lock(&key)
	defer shard.Unlock()
	g := segment(nil, from, tcpFlags("S"))
	_, refusal := shard.Open(&key, hash, &g, [2]Side{low, high}, w.now)
	return refusal
}

// wouldRefuse says what is to come of open.
func (w *world) wouldRefuse(n int, low, high Side) Refusal {
	key, _ := tcp(n).key()
	shard, _ := w.Lock(&key)
	defer shard.Unlock()
	return shard.WouldRefuse([2]Side{low, high}, nil, w.now)
}

// searched is all that a search for a victim may change.
func (w *world) searched() (state []int64) {
	state = append(state, w.count.Load(), w.noVictimUntil.Load())
	for _, l := range *w.interfaces.Load() {
		state = append(state, l.tracked.Load(), int64(l.exceeded.Load()), l.noVictimUntil.Load())
	}
	for i := range w.shards {
		state = append(state, int64(w.shards[i].hand), int64(w.shards[i].live))
	}
	return state
}

func tracked(number uint32) Side { return Side{Interface: number, State: Tracked} }

func (w *world) wantAllowance(number uint32, available int64, exceeded uint64) {
	w.t.Helper()
	if a, e := w.Allowance(number); a != available || e != exceeded {
		w.t.Errorf("interface %d: conntrack_allowance_available %d, exceeded %d, want %d and %d", number, a, e, available, exceeded)
	}
}

func TestEachSideHasItsOwnTimeouts(t *testing.T) {
	w := newWorld(t, 10)
	short := testTimeouts()
	short.TCPEstablished = 100 * time.Second
	w.limit(lowInterface, Limits{Timeouts: short, Allowance: 5})
	w.established(tcp(1))
	w.wantAllowance(lowInterface, 4, 0)
	key, _ := tcp(1).key()
	sides := func() (low, high SideState) {
		shard, hash := w.Lock(&key)
		defer shard.Unlock()
		f := shard.Find(&key, hash, w.now)
		return f.Side(Low).State, f.Side(High).State
	}
	w.pass(100*time.Second - 1)
	if low, high := sides(); low != Tracked || high != Tracked {
		t.Errorf("1 ns before the first timeout the sides are %v and %v, want both tracked", low, high)
	}
	w.pass(1)
	if low, high := sides(); low != Unknown || high != Tracked {
		t.Errorf("at the low side's timeout the sides are %v and %v, want the high one tracked", low, high)
	}
	w.wantAllowance(lowInterface, 5, 0)
	// A packet that the high side alone lets pass keeps that side only.
	w.sends(tcp(1), "<A")
	if low, _ := sides(); low != Unknown {
		t.Error("a side whose time was up is back without having been asked")
	}
	w.pass(5000 * time.Second)
	if w.lives(tcp(1)) {
		t.Error("the flow outlives both of its sides")
	}
}

func TestUndeliveredPacketsKeepTheSenderAlone(t *testing.T) {
	w := newWorld(t, 10)
	w.established(tcp(1))
	key, client := tcp(1).key()
	w.pass(4000 * time.Second)
	shard, hash := w.Lock(&key)
	f := shard.Find(&key, hash, w.now)
	for _, flags := range []string{"A", "FA", "RA"} {
		g := segment(f, client, tcpFlags(flags))
		g.Undelivered = true
		shard.Update(f, &g, w.now)
		if state := f.lives().state(); state != TCPEstablished {
			t.Errorf("%v after a %q that never arrived", state, flags)
		}
	}
	fin := segment(f, client.Opposite(), tcpFlags("FA"))
	fin.Undelivered = false
	closing := f.control()
	closing.note(&fin)
	if closing.next(&fin) != TCPFinWait {
		t.Error("a FIN that never arrived counts as one")
	}
	shard.Unlock()
	w.pass(1000 * time.Second)
	shard, _ = w.Lock(&key)
	defer shard.Unlock()
	f = shard.Find(&key, hash, w.now)
	if f == nil || f.Side(client).State != Tracked || f.Side(client.Opposite()).State != Unknown {
		t.Error("want the sender's side alone to live")
	}
}

func TestAllowanceIsPerInterface(t *testing.T) {
	w := newWorld(t, 100)
	w.limit(7, Limits{Allowance: 3})
	w.limit(8, Limits{Allowance: 2})
	w.limit(9, Limits{Allowance: 50})
	for i := range 3 {
		if r := w.open(i, tracked(7), tracked(9)); r != Granted {
			t.Fatalf("flow %d: %v", i, r)
		}
		w.sends(tcp(i), "<SA >A")
	}
	w.wantAllowance(7, 0, 0)
	w.wantAllowance(8, 2, 0)
	w.wantAllowance(9, 47, 0)
	if r := w.open(3, tracked(7), tracked(9)); r != AllowanceExceeded {
		t.Errorf("a fourth flow of established ones: %v, want it refused", r)
	}
	if r := w.open(3, tracked(9), tracked(7)); r != AllowanceExceeded {
		t.Errorf("as the other end: %v, want it refused", r)
	}
	w.wantAllowance(7, 0, 2)
	w.wantAllowance(9, 47, 0) // a flow that is refused at one end counts at none
	if r := w.open(3, tracked(8), tracked(9)); r != Granted {
		t.Errorf("another interface: %v", r)
	}
	untracked := Side{Interface: 7, State: Untracked}
	if r := w.open(4, untracked, untracked); r != Granted {
		t.Errorf("an untracked flow: %v, want it to need no allowance", r)
	}
	if w.Len() != 5 {
		t.Errorf("got %d flows, want 5", w.Len())
	}
	w.DeleteInterfaces(map[uint32]bool{9: true})
	w.wantAllowance(7, 3, 2)
	w.limit(7, Limits{Allowance: 5})
	w.wantAllowance(7, 5, 2) // the count outlives a change of the limits
}

// TestAnInterfaceMakesRoomOfItsOwnFlows: unreplied flows go for its newcomers,
// wherever in the table they are, and nobody else's do.
func TestAnInterfaceMakesRoomOfItsOwnFlows(t *testing.T) {
	for newcomer := range 20 {
		w := newWorld(t, 1000)
		w.limit(7, Limits{Allowance: 3})
		for i := range 100 {
			w.open(100+i, tracked(9), tracked(10)) // these yield too, but not to it
		}
		for i := range 3 {
			w.open(i, tracked(7), tracked(9))
		}
		w.sends(tcp(0), "<SA >A")
		w.sends(tcp(1), "<SA >A")
		if r := w.open(1000+newcomer, tracked(7), tracked(9)); r != Granted {
			t.Fatalf("a newcomer: %v, want the unreplied flow to go", r)
		}
		if w.lives(tcp(2)) || !w.lives(tcp(0)) || !w.lives(tcp(1)) || w.Len() != 103 {
			t.Fatalf("%d flows, and of those that one should go %t, the established live %t %t", w.Len(), !w.lives(tcp(2)), w.lives(tcp(0)), w.lives(tcp(1)))
		}
	}
}

// TestASideThatJoinsNeedsItsAllowance, and the flow that it joins is not what
// makes room.
func TestASideThatJoinsNeedsItsAllowance(t *testing.T) {
	w := newWorld(t, 100)
	w.limit(7, Limits{Allowance: 1})
	join := func(n int) Refusal {
		key, _ := tcp(n).key()
		shard, hash := w.Lock(&key)
		defer shard.Unlock()
		return shard.SetSide(shard.Find(&key, hash, w.now), High, 7, Tracked, w.now)
	}
	w.open(1, tracked(7), Side{})
	if r := join(1); r != AllowanceExceeded || !w.lives(tcp(1)) {
		t.Errorf("the second end of its only flow: %v, the flow lives %t, want it refused and alive", r, w.lives(tcp(1)))
	}
	w.pass(noVictimFor) // the search was vain
	w.open(2, tracked(9), Side{})
	if r := join(2); r != Granted || w.lives(tcp(1)) {
		t.Errorf("another flow: %v, the unreplied one lives %t, want it to make room", r, w.lives(tcp(1)))
	}
}

// TestWhoIsRefusedCountsNowhere: neither limit keeps what the other refused.
func TestWhoIsRefusedCountsNowhere(t *testing.T) {
	w := newWorld(t, 3)
	w.limit(7, Limits{Allowance: 1000})
	w.fill(0, 3)
	if r := w.open(100, tracked(7), tracked(7)); r != TableFull {
		t.Fatalf("a newcomer in a full table: %v", r)
	}
	if n := w.limitsOf(7).tracked.Load(); n != 0 || w.Len() != 3 {
		t.Errorf("%d tracked flows are counted of who was refused, and %d in all", n, w.Len())
	}
	w.wantAllowance(7, 0, 0)
	w.sends(tcp(0), ">R")
	w.Sweep(w.now + int64(time.Minute))
	w.wantAllowance(7, 1, 0) // the table's limit is nearer
}

// TestAnInterfacesVainSearchIsItsOwn: that none of its flows yields says nothing
// of others'.
func TestAnInterfacesVainSearchIsItsOwn(t *testing.T) {
	w := newWorld(t, 3)
	w.limit(7, Limits{Allowance: 1})
	w.open(0, tracked(7), tracked(8))
	w.sends(tcp(0), "<SA >A")
	if r := w.open(1, tracked(7), tracked(8)); r != AllowanceExceeded {
		t.Fatalf("beyond the allowance: %v", r)
	}
	w.established(tcp(2))
	victim := w.elsewhere(10, 3)
	w.open(victim, tracked(9), tracked(8))
	if r := w.open(w.elsewhere(victim+1, victim+1), tracked(9), tracked(8)); r != Granted {
		t.Errorf("another interface's newcomer: %v, want the unreplied flow to make room", r)
	}
}

// TestAFlowThatMovesIsFollowed: the victim of a side's allowance may be the flow
// before it in the same run of slots.
func TestAFlowThatMovesIsFollowed(t *testing.T) {
	w := newWorld(t, 10)
	w.chooseHashes()
	w.limit(7, Limits{Allowance: 1})
	s := &w.shards[0]
	g := segment(nil, Low, tcpFlags("S"))
	victim, _ := tcp(1).key()
	mover, _ := tcp(2).key()
	victim, mover = hashed(victim, 1), hashed(mover, 1)
	s.Open(&victim, 1, &g, [2]Side{tracked(7), {}}, w.now)
	f, _ := s.Open(&mover, 1, &g, [2]Side{tracked(9), {}}, w.now)
	r := s.SetSide(f, High, 7, Tracked, w.now)
	if r != Granted || f.key != mover || !f.Tracks(High, 7) || s.Find(&mover, 1, w.now) != f || s.Find(&victim, 1, w.now) != nil {
		t.Errorf("%v, and the flow is %+v", r, s.Flow(f, w.now))
	}
}

func TestUntrackedFlowsYield(t *testing.T) {
	w := newWorld(t, 1)
	w.established(tcp(0))
	key, _ := tcp(0).key()
	shard, hash := w.Lock(&key)
	f := shard.Find(&key, hash, w.now)
	shard.SetSide(f, Low, lowInterface, Untracked, w.now)
	shard.SetSide(f, High, highInterface, NotAsked, w.now)
	shard.Unlock()
	if r := w.open(1, tracked(7), tracked(8)); r != Granted {
		t.Errorf("a newcomer: %v, want the established flow that nobody tracks to go", r)
	}
}

// TestWhatIsOverMakesRoomForItsTuple: a flow that goes for the newcomer's sake leaves
// it its place, wherever a search for another would end.
func TestWhatIsOverMakesRoomForItsTuple(t *testing.T) {
	for name, o := range map[string]struct {
		max       int
		allowance int
		want      Refusal // if no flow were to go
	}{
		"full table": {max: 10, want: TableFull}, "allowance used up": {max: 100, allowance: 10, want: AllowanceExceeded},
	} {
		w := newWorld(t, o.max)
		w.limit(lowInterface, Limits{Allowance: o.allowance})
		w.fill(0, 10)
		key, _ := tcp(0).key()
		shard, hash := w.Lock(&key)
		live := shard.Find(&key, hash, w.now)
		if got := shard.WouldRefuse(bothTrack, nil, w.now); got != o.want {
			t.Errorf("%s: another tuple: %v, want %v", name, got, o.want)
		}
		if got := shard.WouldRefuse(bothTrack, live, w.now); got != Granted {
			t.Errorf("%s: the same tuple: %v, want it granted", name, got)
		}
		w.limit(3, Limits{Allowance: 1})
		w.limitsOf(3).tracked.Store(1)
		if got := shard.WouldRefuse([2]Side{tracked(lowInterface), tracked(3)}, live, w.now); got != AllowanceExceeded {
			t.Errorf("%s: to an end that has no room: %v", name, got)
		}
		if got := shard.CanTrack(lowInterface, nil, w.now); got != (o.allowance == 0) {
			t.Errorf("%s: one more: %t", name, got)
		}
		shard.Unlock()
	}
}

// TestAskingChangesNothing: neither who goes next, nor what is remembered of a search.
func TestAskingChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		packets string
		pass    time.Duration
		want    Refusal
	}{
		"one that yields":        {packets: ">S", want: Granted},
		"one that has timed out": {packets: ">S", pass: time.Hour, want: Granted},
		"none":                   {packets: ">S <SA >A", want: AllowanceExceeded},
	} {
		w := newWorld(t, 100)
		w.limit(lowInterface, Limits{Allowance: 20})
		w.fill(0, 19)
		w.sends(tcp(19), c.packets)
		w.pass(c.pass)
		key, _ := tcp(19).key() // of the shard that has it
		shard, _ := w.Lock(&key)
		before := w.searched()
		if got := shard.WouldRefuse(bothTrack, nil, w.now); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if got := shard.CanTrack(lowInterface, nil, w.now); got != (c.want == Granted) {
			t.Errorf("%s: one more: %t", name, got)
		}
		if after := w.searched(); !slices.Equal(before, after) {
			t.Errorf("%s: before %v, after %v", name, before, after)
		}
		shard.Unlock()
	}
}

func TestLimitsAreValidated(t *testing.T) {
	w := newWorld(t, 1)
	if err := w.SetInterfaces(map[uint32]Limits{3: {}}); err == nil || !strings.Contains(err.Error(), "timeout of 0s") {
		t.Errorf("no timeouts: %v", err)
	}
	if err := w.SetInterfaces(map[uint32]Limits{2: {Timeouts: testTimeouts()}, 3: {Timeouts: testTimeouts(), Allowance: -1}}); err == nil || !strings.Contains(err.Error(), "allowance of -1") {
		t.Errorf("a negative allowance: %v", err)
	}
}

// TestAllowanceIsExact runs random flows of three interfaces and counts, after
// each step, what the table says is in use.
func TestAllowanceIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, 20)
		short := testTimeouts()
		short.TCPOpening, short.TCPEstablished = 20*time.Second, 30*time.Second
		w.limit(1, Limits{Allowance: 6, Timeouts: short})
		w.limit(2, Limits{Allowance: 30})
		anySide := func() Side {
			return Side{
				Interface: uint32(rapid.IntRange(1, 3).Draw(rt, "interface")),
				State:     rapid.SampledFrom([]SideState{Tracked, Tracked, Untracked, NotAsked}).Draw(rt, "state"),
			}
		}
		with := func(do func(*Shard, *Entry)) {
			key, _ := tcp(rapid.IntRange(0, 40).Draw(rt, "flow")).key()
			shard, hash := w.Lock(&key)
			defer shard.Unlock()
			if f := shard.Find(&key, hash, w.now); f != nil {
				do(shard, f)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"open": func(*rapid.T) {
				n, low, high := rapid.IntRange(0, 40).Draw(rt, "flow"), anySide(), anySide()
				if w.lives(tcp(n)) {
					return
				}
				before := w.searched()
				want := w.wouldRefuse(n, low, high)
				if after := w.searched(); !slices.Equal(after, before) {
					rt.Fatalf("WouldRefuse has changed %v into %v", before, after)
				}
				// To an interface that is both ends it does not look twice.
				if got := w.open(n, low, high); got != want && low.Interface != high.Interface {
					rt.Fatalf("Open says %v, WouldRefuse %v", got, want)
				}
			},
			"answer": func(*rapid.T) {
				with(func(s *Shard, f *Entry) { s.update(f, f.origin.Opposite(), tcpFlags("SA"), w.now) })
			},
			"set": func(*rapid.T) {
				with(func(s *Shard, f *Entry) {
					side := anySide()
					s.SetSide(f, End(rapid.IntRange(0, 1).Draw(rt, "end")), side.Interface, side.State, w.now)
				})
			},
			"delete": func(*rapid.T) { with(func(s *Shard, f *Entry) { s.Delete(f) }) },
			"revise": func(*rapid.T) {
				w.Revise(w.now, func(f *Flow, sides *[2]SideState) bool {
					if sides[Low] == Tracked {
						sides[Low] = Untracked
					}
					return f.sides[High].Interface != 3
				})
			},
			"time passes": func(*rapid.T) { w.pass(time.Duration(rapid.IntRange(0, 40).Draw(rt, "seconds")) * time.Second) },
			"sweep":       func(*rapid.T) { w.Sweep(w.now) },
			"": func(*rapid.T) {
				var used [4]int64
				for i := range w.shards {
					for _, f := range w.shards[i].flows(w.now) {
						for _, side := range f.sides {
							if side.State == Tracked {
								used[side.Interface]++
							}
						}
					}
				}
				for n := 1; n < 4; n++ {
					if got := w.limitsOf(uint32(n)).tracked.Load(); n < 3 && got != used[n] {
						rt.Fatalf("interface %d: %d tracked flows counted, want %d", n, got, used[n])
					}
				}
				if used[1] > 6 || w.Len() > 20 {
					rt.Fatalf("%d flows in all, %d of interface 1, want at most 20 and 6", w.Len(), used[1])
				}
			},
		})
	})
}
