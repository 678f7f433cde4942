package conntrack

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/epoch"
)

// modelFlow is what the model knows of a flow.
type modelFlow struct {
	Interface uint32
	Created   int64
	Expires   int64
	Packets   uint64
}

// shardModel drives one shard and a map side by side. It gives the keys their
// hashes itself: a few values only, so that they collide, follow one another
// and wrap around the end of the slots.
type shardModel struct {
	w     *world
	s     *Shard
	model map[int]modelFlow
}

const modelKeys = 60

func (m *shardModel) key(n int) (Key, Hash) {
	k, _ := numbered(protoUDP, n).key()
	// Homes 1, 2, 3 (the last of 4), 0 and 1; in larger shards others.
	homes := []Hash{1, 2, 3, 4, 1 << 20, 1<<20 + 1, 7, 15, 1<<20 - 1}
	h := homes[n%len(homes)]
	return hashed(k, h), h
}

func (m *shardModel) check(t *rapid.T) {
	got := make(map[int]modelFlow)
	keys := make(map[Key]int)
	for n := range modelKeys {
		k, _ := m.key(n)
		keys[k] = n
	}
	flows := m.s.flows(m.w.now)
	for _, f := range flows {
		got[keys[f.key]] = modelFlow{f.sides[Low].Interface, f.created, f.Expires(), f.packets[Low]}
	}
	if diff := cmp.Diff(m.model, got); diff != "" {
		t.Fatalf("flows (-want +got):\n%s", diff)
	}
	if len(flows) != m.s.live || m.w.Len() != len(m.model) {
		t.Fatalf("%d entries have flows, %d counted in the shard, %d in the table, want %d", len(flows), m.s.live, m.w.Len(), len(m.model))
	}
	if m.s.index() != nil {
		m.checkIndex(t)
	}
}

// checkIndex holds the words to what searches rely on.
func (m *shardModel) checkIndex(t *rapid.T) {
	x := m.s.index()
	taken, full := 0, 0
	for i := range x.words {
		word := x.words[i].Load()
		if word&wentOn != 0 {
			full++
		}
		for shift := 0; shift < slots*slotBits; shift += slotBits {
			if word>>shift&slotMask != 0 {
				taken++
			}
		}
	}
	if taken != m.s.live || full != m.s.full {
		t.Fatalf("%d slots are taken and flows have gone on from %d words, want %d and %d", taken, full, m.s.live, m.s.full)
	}
	if n := len(x.words); n&(n-1) != 0 || taken > most(n) {
		t.Fatalf("%d flows in %d words, want a power of two and a quarter of the slots free", taken, n)
	}
}

// TestShardAgreesWithAMap runs random operations on a shard under heavy
// collisions.
func TestShardAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, err := New(1000, testTimeouts(), new(epoch.Domain))
		if err != nil {
			t.Fatal(err)
		}
		m := &shardModel{w: &world{Table: table, now: int64(time.Hour)}, s: &table.shards[0], model: make(map[int]modelFlow)}
		m.w.chooseHashes()
		anyKey := func() (int, Key, Hash) {
			n := rapid.IntRange(0, modelKeys-1).Draw(t, "key")
			k, h := m.key(n)
			return n, k, h
		}
		// find looks a flow up; the dead are gone afterwards.
		find := func(n int, k Key, h Hash) *Entry {
			f := m.s.Find(&k, h, m.w.now)
			want, there := m.model[n]
			if there && want.Expires <= m.w.now {
				delete(m.model, n)
				there = false
			}
			if (f != nil) != there {
				t.Fatalf("flow %d is found %t, want %t", n, f != nil, there)
			}
			return f
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(*rapid.T) {
				n, k, h := anyKey()
				if find(n, k, h) != nil {
					return
				}
				first := segment(nil, Low, 0)
				both := Side{Interface: uint32(n % 7), State: Tracked}
				m.s.Open(&k, h, &first, [2]Side{both, both}, m.w.now)
				m.model[n] = modelFlow{Interface: uint32(n % 7), Created: m.w.now, Expires: m.w.now + int64(30*time.Second), Packets: 1}
			},
			"update": func(*rapid.T) {
				n, k, h := anyKey()
				if f := find(n, k, h); f != nil {
					m.s.update(f, Low, 0, m.w.now)
					want := m.model[n]
					want.Expires, want.Packets = m.w.now+int64(30*time.Second), want.Packets+1
					m.model[n] = want
				}
			},
			"delete": func(*rapid.T) {
				n, k, h := anyKey()
				if f := find(n, k, h); f != nil {
					m.s.Delete(f)
					delete(m.model, n)
				}
			},
			"time passes": func(t *rapid.T) {
				m.w.pass(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			},
			"sweep": func(*rapid.T) {
				m.w.Sweep(m.w.now)
				maps.DeleteFunc(m.model, func(_ int, f modelFlow) bool { return f.Expires <= m.w.now })
			},
			"an interface goes": func(t *rapid.T) {
				gone := uint32(rapid.IntRange(0, 6).Draw(t, "interface"))
				m.w.DeleteInterfaces(map[uint32]bool{gone: true})
				maps.DeleteFunc(m.model, func(_ int, f modelFlow) bool { return f.Interface == gone })
			},
			"": m.check,
		})
	})
}
