package conntrack

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// slots returns how many slots the table's indexes have in all, and how many
// entries there is room for.
func (w *world) slots() (n, entries int) {
	for i := range w.shards {
		entries += len(w.shards[i].chunks) * chunkSize
		if x := w.indexes[i].Load(); x != nil {
			n += slots * len(x.words)
		}
	}
	return n, entries
}

func TestAShardGrowsAndShrinks(t *testing.T) {
	w := newWorld(t, 100_000)
	if slots, entries := w.slots(); slots+entries != 0 {
		t.Errorf("an empty table has %d slots and %d entries, want none", slots, entries)
	}
	const many, kept = 50_000, 100
	for i := range many {
		w.sends(tcp(i), ">S")
	}
	for i := range kept {
		w.sends(tcp(i), "<SA >A")
	}
	slots, entries := w.slots()
	if slots > 3*many || entries > many*3/2 {
		t.Errorf("%d flows have %d slots and %d entries, want at most three, and one and a half, each", many, slots, entries)
	}
	for i := range many {
		if !w.lives(tcp(i)) {
			t.Fatalf("flow %d is lost", i)
		}
	}
	w.pass(time.Minute)
	for range 10 {
		w.Sweep(w.now)
	}
	if s, e := w.slots(); s > slots/10 || e > minShards*chunkSize {
		t.Errorf("%d flows have %d slots and %d entries after %d were swept, want the memory back", kept, s, e, many-kept)
	}
	if w.Len() != kept {
		t.Errorf("got %d flows, want %d", w.Len(), kept)
	}
	for i := range many {
		if w.lives(tcp(i)) != (i < kept) {
			t.Fatalf("flow %d lives %t, want only the first %d to", i, i >= kept, kept)
		}
	}
}

func TestDeleteInterfaces(t *testing.T) {
	w := newWorld(t, 10_000)
	side := func(i int, low, high uint32) {
		w.sends(tcp(i), ">S")
		key, _ := tcp(i).key()
		shard, hash := w.Lock(&key)
		f := shard.Find(&key, hash, w.now)
		shard.SetSide(f, Low, low, Tracked, w.now)
		shard.SetSide(f, High, high, Untracked, w.now)
		shard.Unlock()
	}
	for i := range 900 {
		side(i, []uint32{1, 2, 3}[i%3], []uint32{2, 3, 4}[i%3])
	}
	w.DeleteInterfaces(map[uint32]bool{2: true})
	for i := range 900 {
		if want := i%3 == 2; w.lives(tcp(i)) != want {
			t.Fatalf("flow %d between interfaces %d and %d lives %t", i, i%3+1, i%3+2, !want)
		}
	}
	if w.Len() != 300 {
		t.Errorf("got %d flows, want the 300 of other interfaces", w.Len())
	}
}

func TestAllListsTheLiving(t *testing.T) {
	w := newWorld(t, 10_000)
	for i := range 1000 {
		w.sends(tcp(i), ">S")
	}
	w.pass(30 * time.Second)
	for i := range 1000 {
		w.sends(tcp(1000+i), ">S")
	}
	w.pass(30 * time.Second) // the first are dead and not swept
	got := make(map[Key]int)
	for f := range w.All(w.now) {
		got[f.key]++
		// The table may be used meanwhile, and the copy is the caller's.
		w.sends(tcp(1000), ">S")
		f.packets[Low] = 99
	}
	want := make(map[Key]int)
	for i := range 1000 {
		k, _ := tcp(1000 + i).key()
		want[k] = 1
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %d flows, want each of the %d living once", len(got), len(want))
	}
	n := 0
	for range w.All(w.now) {
		if n++; n == 3 {
			break
		}
	}
	for f := range w.All(w.now) {
		if f.packets[Low] == 99 {
			t.Fatal("a change to a copy reached the table")
		}
	}
}

func TestOpenStartsAfresh(t *testing.T) {
	w := newWorld(t, 10)
	key, client := tcp(1).key()
	shard, hash := w.Lock(&key)
	defer shard.Unlock()
	first := shard.Flow(shard.insert(&key, hash, client, tcpFlags("S"), w.now), w.now)
	f := shard.Find(&key, hash, w.now)
	for _, packet := range []string{"SA", "FA"} {
		shard.update(f, client.Opposite(), tcpFlags(packet), w.now)
	}
	shard.Delete(f)
	again := shard.Flow(shard.insert(&key, hash, client, tcpFlags("S"), w.now), w.now)
	if diff := cmp.Diff(first, again, cmp.Comparer(func(a, b Flow) bool { return a == b })); diff != "" {
		t.Errorf("a new flow on an old tuple (-want +got):\n%s", diff)
	}
}

// TestConcurrentUse has goroutines insert, find, update, delete, sweep and list
// the same flows; the race detector and the counts are the judges.
func TestConcurrentUse(t *testing.T) {
	const max, workers, rounds, flows = 500, 8, 4000, 800
	w := newWorld(t, max)
	var wg sync.WaitGroup
	for id := range workers {
		wg.Go(func() {
			now := int64(time.Hour)
			for i := range rounds {
				key, from := tcp((i*(id+1) + id*97) % flows).key()
				shard, hash := w.Lock(&key)
				f := shard.Find(&key, hash, now)
				switch {
				case f == nil:
					shard.insert(&key, hash, from, tcpFlags("S"), now)
				case i%5 == 0:
					shard.Delete(f)
				default:
					shard.update(f, from, 0, now)
				}
				shard.Unlock()
				switch i % 500 {
				case 100:
					w.Sweep(now)
				case 200:
					for f := range w.All(now) {
						_ = f.packets
					}
				case 300:
					w.Revise(now, func(f *Flow, sides *[2]SideState) bool {
						sides[f.origin] = Untracked
						return f.Addr(Low).Port()%3 != 0
					})
				case 400:
					w.DeleteInterfaces(map[uint32]bool{1: true})
				}
				// A newcomer is counted before its victim goes.
				if n := w.Len(); n > max+workers {
					t.Errorf("%d flows in a table of %d", n, max)
					return
				}
				now += int64(time.Millisecond)
			}
		})
	}
	wg.Wait()
	listed := 0
	for range w.All(0) {
		listed++
	}
	used := 0
	for i := range w.shards {
		used += w.shards[i].live
	}
	if got := []int{w.Len(), listed, used}; !slices.Equal(got, []int{used, used, used}) || used > max {
		t.Errorf("got %d flows counted, %d listed and %d in shards, want one number of at most %d", w.Len(), listed, used, max)
	}
}

// TestRevisionsShowTheLiving, and forget the others.
func TestRevisionsShowTheLiving(t *testing.T) {
	w := newWorld(t, 10)
	w.sends(tcp(1), ">S")
	w.pass(30 * time.Second)
	w.sends(tcp(2), ">S")
	w.pass(30*time.Second + Resolution)
	var shown []uint16
	w.Revise(w.now, func(f *Flow, _ *[2]SideState) bool {
		shown = append(shown, f.Addr(f.Origin()).Port())
		return true
	})
	if !slices.Equal(shown, []uint16{2}) || w.Len() != 1 {
		t.Errorf("flows %v are shown and %d left, want the second", shown, w.Len())
	}
}

// TestRevisionsDoNotAllocate for each flow that they show.
func TestRevisionsDoNotAllocate(t *testing.T) {
	w := newWorld(t, 10_000)
	for i := range 1000 {
		w.sends(tcp(i), ">S")
	}
	shown := 0
	n := testing.AllocsPerRun(10, func() {
		shown = 0
		w.Revise(w.now, func(f *Flow, _ *[2]SideState) bool {
			shown++
			return f.State() == TCPSynSent
		})
	})
	if n > 10 || shown != 1000 {
		t.Errorf("%v allocations for %d flows, want a few for 1000", n, shown)
	}
}
