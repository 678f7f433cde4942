package conntrack

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// evict makes room for a newcomer of a shard, in no case by what it remembers of
// a vain search.
func (w *world) evict(s *Shard) bool {
	return w.makeRoom(s, search{now: tickAt(w.now), time: w.now}, new(atomic.Int64))
}

// fill opens connections from number first on until n are established.
func (w *world) fill(first, n int) {
	w.t.Helper()
	for i := range n {
		w.established(tcp(first + i))
	}
}

func TestTheLimitIsHard(t *testing.T) {
	for _, max := range []int{1, 2, 10, 1000} {
		w := newWorld(t, max)
		for i := range 3 * max {
			if _, ok := w.send(tcp(i), ">S"); !ok {
				t.Fatalf("max %d: newcomer %d refused although all others yield", max, i)
			}
			if w.Len() != min(i+1, max) {
				t.Fatalf("max %d: got %d flows after %d newcomers", max, w.Len(), i+1)
			}
		}
		if w.Max() != max {
			t.Errorf("Max is %d, want %d", w.Max(), max)
		}
	}
}

// TestWhoYields puts one flow into a full table of established ones and sends a
// newcomer, whose shard is another than that flow's as a rule.
func TestWhoYields(t *testing.T) {
	for _, c := range []struct {
		protocol uint8
		packets  string
		yields   bool
	}{
		{protoTCP, ">S", true}, {protoTCP, ">S <SA", true}, {protoTCP, ">A", true}, {protoTCP, ">S <R", true}, {protoTCP, ">S <SA >A >FA <FA", true},
		{protoTCP, ">S >FA", true}, {protoTCP, ">SF >F", true}, {protoTCP, ">FA", true}, // one machine alone
		{protoUDP, "> >", true}, {protoICMP, "> >", true}, {protoGRE, "> >", true},
		{protoTCP, ">S <SA >A", false}, {protoTCP, ">S <SA >A >FA", false}, {protoUDP, "> <", false}, {protoUDP, "> < >", false}, {protoUDP, "> < > <", false},
		{protoICMP, "> <", false}, {protoGRE, "> <", false},
	} {
		t.Run(fmt.Sprintf("%d %s", c.protocol, c.packets), func(t *testing.T) {
			for newcomer := range 20 {
				w := newWorld(t, 5)
				w.fill(0, 4)
				special := numbered(c.protocol, 777)
				w.sends(special, c.packets)
				_, ok := w.send(tcp(1000+newcomer), ">S")
				if ok != c.yields || w.lives(special) == c.yields {
					t.Fatalf("the newcomer is in: %t, the flow still there: %t, want %t and %t", ok, w.lives(special), c.yields, !c.yields)
				}
				for i := range 4 {
					if !w.lives(tcp(i)) {
						t.Fatal("an established flow was evicted")
					}
				}
				if w.Len() != 5 {
					t.Errorf("got %d flows, want 5", w.Len())
				}
			}
		})
	}
}

func TestTheDeadYieldFirst(t *testing.T) {
	for newcomer := range 20 {
		w := newWorld(t, 1)
		w.established(tcp(0))
		w.pass(5000*time.Second - 1)
		if _, ok := w.send(tcp(1000+newcomer), ">S"); ok {
			t.Fatal("an established flow was evicted in its last ns")
		}
		w.pass(noVictimFor)
		if _, ok := w.send(tcp(1000+newcomer), ">S"); !ok {
			t.Fatal("the newcomer is refused although the only flow is dead")
		}
	}
	// Within a shard: the dead before those that yield, whatever their order.
	w := newWorld(t, 3)
	w.chooseHashes()
	s, homes := &w.shards[0], 0
	insert := func(first bool) {
		key, _ := tcp(homes).key()
		homes++
		key = hashed(key, Hash(homes))
		f := s.insert(&key, Hash(homes), Low, tcpFlags("S"), w.now)
		if first {
			s.update(f, High, tcpFlags("SA"), w.now)
			s.update(f, Low, tcpFlags("A"), w.now)
			s.endAt(f, w.now+tickUnit)
		}
	}
	insert(false)
	insert(true)
	insert(false)
	w.pass(Resolution)
	insert(false)
	for _, f := range s.flows(w.now) {
		if f.state == TCPEstablished {
			t.Error("a flow that could live was evicted before the dead one")
		}
	}
}

// TestTheNextToEndYieldsFirst holds within the window that is searched.
func TestTheNextToEndYieldsFirst(t *testing.T) {
	w := newWorld(t, 10)
	s := &w.shards[0]
	w.chooseHashes()
	hash := func(i int) Hash { return Hash(1 + (i*7)%16) } // not in the order of their ends
	keys := make([]Key, 11)
	for i := range keys {
		key, _ := tcp(i).key()
		keys[i] = hashed(key, hash(i))
	}
	for i := range 10 {
		s.insert(&keys[i], hash(i), Low, tcpFlags("S"), w.now)
		w.pass(time.Second)
	}
	s.insert(&keys[10], hash(10), Low, tcpFlags("S"), w.now)
	for i := range keys {
		if got, want := s.Find(&keys[i], hash(i), w.now) != nil, i != 0; got != want {
			t.Errorf("flow %d of those that end one after another lives %t, want only the first gone", i, got)
		}
	}
}

// elsewhere returns the number of a connection from first on whose shard none of
// the first n connections has.
func (w *world) elsewhere(first, n int) int {
	shard := func(i int) Hash {
		key, _ := tcp(i).key()
		return w.Hash(&key) >> w.shift
	}
	taken := make(map[Hash]bool)
	for i := range n {
		taken[shard(i)] = true
	}
	for taken[shard(first)] {
		first++
	}
	return first
}

// TestAFullTableIsNotSearchedForEveryNewcomer shows the memory of a vain search
// by a flow that comes to yield while it is believed.
func TestAFullTableIsNotSearchedForEveryNewcomer(t *testing.T) {
	w := newWorld(t, 50)
	w.fill(0, 50)
	newcomer := tcp(w.elsewhere(1000, 50))
	if _, ok := w.send(newcomer, ">S"); ok {
		t.Fatal("an established flow was evicted")
	}
	w.sends(tcp(0), ">R")
	w.pass(noVictimFor - 1)
	if _, ok := w.send(newcomer, ">S"); ok {
		t.Error("the table was searched again at once")
	}
	w.pass(1)
	if _, ok := w.send(newcomer, ">S"); !ok {
		t.Error("the table was not searched again in time")
	}
	if w.lives(tcp(0)) {
		t.Error("the flow that was reset is still there")
	}
}

// TestRoomIsUsedAtOnce: a vain search is not believed once a flow has gone.
func TestRoomIsUsedAtOnce(t *testing.T) {
	w := newWorld(t, 50)
	w.fill(0, 50)
	newcomer := tcp(w.elsewhere(1000, 50))
	if _, ok := w.send(newcomer, ">S"); ok {
		t.Fatal("an established flow was evicted")
	}
	key, _ := tcp(1).key()
	shard, hash := w.Lock(&key)
	shard.Delete(shard.Find(&key, hash, w.now))
	shard.Unlock()
	if _, ok := w.send(newcomer, ">S"); !ok {
		t.Error("a newcomer is refused although there is room")
	}
}

// TestALockedShardIsNoVainSearch: a victim that another goroutine's lock hid is
// found as soon as that is over.
func TestALockedShardIsNoVainSearch(t *testing.T) {
	w := newWorld(t, 1)
	victim := tcp(0)
	w.sends(victim, ">S")
	key, _ := victim.key()
	newcomer := w.elsewhere(1, 1)
	shard, _ := w.Lock(&key)
	_, ok := w.send(tcp(newcomer), ">S")
	shard.Unlock()
	if ok {
		t.Fatal("a flow was evicted behind its shard's lock")
	}
	if _, ok := w.send(tcp(newcomer), ">S"); !ok {
		t.Error("the newcomer is refused although the flow yields and nobody has its lock")
	}
}

// TestASearchIsShortAndMovesOn has one flow that yields in a large shard of
// established ones: no search looks far, and together they find it.
func TestASearchIsShortAndMovesOn(t *testing.T) {
	const flows = 3000
	w := newWorld(t, flows)
	w.chooseHashes()
	s := &w.shards[0]
	for i := range flows {
		key, _ := tcp(i).key()
		key = hashed(key, Hash(1+i))
		f := s.insert(&key, Hash(1+i), Low, 0, w.now)
		if i != 2000 { // entry 2000
			s.update(f, High, 0, w.now)
		}
	}
	searches := 1
	for !w.evict(s) {
		if searches++; searches > flows/evictWindow {
			t.Fatal("the flow that yields is not found in one round")
		}
	}
	if want := 2000/evictWindow + 1; searches != want {
		t.Errorf("the flow was found by search %d, want %d of %d entries each", searches, want, evictWindow)
	}
	key, _ := tcp(2000).key()
	key = hashed(key, 2001)
	if s.Find(&key, 2001, w.now) != nil {
		t.Error("another flow was evicted")
	}
}

// TestASearchStartsWhereTheLastOneEnded, so that the flows of one corner do not
// pay for all newcomers.
func TestASearchStartsWhereTheLastOneEnded(t *testing.T) {
	w := newWorld(t, 1000)
	w.chooseHashes()
	s := &w.shards[0]
	var keys [101]Key
	for i := range keys { // flow i in entry i
		key, _ := tcp(i).key()
		keys[i] = hashed(key, Hash(i))
		s.insert(&keys[i], Hash(i), Low, tcpFlags("S"), w.now)
	}
	for i, end := range map[int]int64{10: 1, 5: 2, 70: 3} {
		s.endAt(s.Find(&keys[i], Hash(i), w.now), w.now+end*tickUnit)
	}
	for _, want := range []int{10, 70} {
		if w.evict(s); s.Find(&keys[want], Hash(want), w.now) != nil {
			t.Errorf("flow %d is still there", want)
		}
	}
	if s.Find(&keys[5], 5, w.now) == nil {
		t.Error("flow 5, behind the last victim, was evicted")
	}
}

// TestInASmallTableTheOldestYields, whatever shard it is in: a handshake that has
// just begun survives a flood of others.
func TestInASmallTableTheOldestYields(t *testing.T) {
	for begins := range 20 {
		w := newWorld(t, 30)
		for i := range 30 {
			w.sends(tcp(i), ">S")
			w.pass(time.Millisecond)
		}
		w.sends(tcp(1000+begins), ">S")
		for i := range 25 {
			w.sends(numbered(protoUDP, i), ">") // these end sooner than it
			w.pass(time.Millisecond)
		}
		if !w.lives(tcp(1000 + begins)) {
			t.Fatal("the handshake is evicted by flows that are younger and end sooner")
		}
	}
}

// TestAHandshakeOutlivesAFlood that goes on for long, of flows that end sooner
// than it, at an interface that may track 50 flows in all.
func TestAHandshakeOutlivesAFlood(t *testing.T) {
	w := newWorld(t, 200)
	w.limit(highInterface, Limits{Allowance: 50})
	for i := range 20 {
		w.sends(tcp(i), ">S <SA >A >FA <FA") // closed, and long to live yet
	}
	newcomer := 0
	flood := func(n int) {
		for range n {
			w.sends(numbered(protoUDP, newcomer), ">")
			w.pass(100 * time.Microsecond)
			newcomer++
		}
	}
	flood(2000)
	for i := range 100 {
		w.sends(tcp(1000+i), ">S")
		flood(40)
		if !w.lives(tcp(1000 + i)) {
			t.Fatalf("handshake %d is gone", i)
		}
		w.sends(tcp(1000+i), "<SA >A <R")
	}
}

// TestALargeTableIsNotSearchedWhole for one interface's flows: once one is found,
// the search ends soon.
func TestALargeTableIsNotSearchedWhole(t *testing.T) {
	w := newWorld(t, 1<<20)
	for i := range 100_000 {
		w.open(i, tracked(9), tracked(10))
		if i%100 == 0 {
			w.open(200_000+i, tracked(7), tracked(9))
		}
	}
	want := search{number: 7, now: tickAt(w.now), time: w.now}
	shards := 0
	for i := range w.shards {
		if want.isOver() {
			break
		}
		w.shards[i].look(&want)
		shards++
	}
	if want.shard == nil || want.looked > evictMost+evictWindow {
		t.Errorf("%d entries of %d shards were looked at, want about %d", want.looked, shards, evictMost)
	}
}
