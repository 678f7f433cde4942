package conntrack

import (
	"fmt"
	"net/netip"
	"testing"
	"unsafe"
)

func address(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestBothDirectionsAreOneKey(t *testing.T) {
	for _, c := range []struct {
		src, dst         string
		srcPort, dstPort uint16
		wantSrc          End
	}{
		{"10.0.1.10", "10.0.1.20", 40000, 443, Low},
		{"10.0.1.20", "10.0.1.10", 40000, 443, High},
		{"10.0.1.10", "10.0.1.10", 1, 2, Low}, // to oneself
		{"10.0.1.10", "10.0.1.10", 2, 1, High},
		{"9.0.0.1", "10.0.0.1", 1, 1, Low}, // by number and not by text
		{"fd00::1", "fd00::2", 40000, 443, Low},
		{"fd00::2", "fd00::1", 40000, 443, High},
		{"::ffff:10.0.1.10", "::ffff:10.0.1.20", 40000, 443, Low},
	} {
		there, src := NewKey(7, protoTCP, address(c.src), address(c.dst), c.srcPort, c.dstPort)
		back, dst := NewKey(7, protoTCP, address(c.dst), address(c.src), c.dstPort, c.srcPort)
		if there != back {
			t.Errorf("%s %d > %s %d: its answer has another key", c.src, c.srcPort, c.dst, c.dstPort)
		}
		if src != c.wantSrc || dst != c.wantSrc.Opposite() {
			t.Errorf("%s %d > %s %d: source is end %d and the answer's %d, want %d and %d", c.src, c.srcPort, c.dst, c.dstPort,
				src, dst, c.wantSrc, c.wantSrc.Opposite())
		}
	}
}

func TestOtherFlowsHaveOtherKeys(t *testing.T) {
	a, b := address("10.0.1.10"), address("10.0.1.20")
	ma, mb := address("::ffff:10.0.1.10"), address("::ffff:10.0.1.20")
	a6, b6 := address("fd00::1"), address("fd00::2")
	key := func(vpc uint16, protocol uint8, src, dst netip.Addr, srcPort, dstPort uint16) Key {
		k, _ := NewKey(vpc, protocol, src, dst, srcPort, dstPort)
		return k
	}
	keys := map[string]Key{
		"a flow":                                key(1, protoTCP, a, b, 40000, 443),
		"in another VPC":                        key(2, protoTCP, a, b, 40000, 443),
		"of another protocol":                   key(1, protoUDP, a, b, 40000, 443),
		"from another port":                     key(1, protoTCP, a, b, 40001, 443),
		"to another port":                       key(1, protoTCP, a, b, 40000, 444),
		"with the ports exchanged":              key(1, protoTCP, a, b, 443, 40000),
		"to another machine":                    key(1, protoTCP, a, address("10.0.1.21"), 40000, 443),
		"of IPv6 that looks like it":            key(1, protoTCP, ma, mb, 40000, 443),
		"a question":                            NewQueryKey(1, protoICMP, a, b, 9, 8),
		"the other way round":                   NewQueryKey(1, protoICMP, b, a, 9, 8),
		"with another id":                       NewQueryKey(1, protoICMP, a, b, 10, 8),
		"a question of IPv6 that looks like it": NewQueryKey(1, protoICMP, ma, mb, 9, 8),
		"of another type":                       NewQueryKey(1, protoICMP, a, b, 9, 13),
		"in another VPC, a question":            NewQueryKey(2, protoICMP, a, b, 9, 8),
		"of ICMPv6":                             NewQueryKey(1, protoICMPv6, a6, b6, 9, 128),
		"of ICMPv6, the other way":              NewQueryKey(1, protoICMPv6, b6, a6, 9, 128),
		"of ICMPv6, another type":               NewQueryKey(1, protoICMPv6, a6, b6, 9, 139),
	}
	seen := make(map[Key]string)
	for name, k := range keys {
		if other, taken := seen[k]; taken {
			t.Errorf("flow %q has the key of %q", name, other)
		}
		seen[k] = name
	}
	if NewQueryKey(1, protoICMP, a, b, 9, 8) != keys["a question"] {
		t.Error("the same question has two keys")
	}
}

// TestHashesSpread holds the hash to what the table needs of it: every shard is
// used, and every slot of a shard is somebody's home.
func TestHashesSpread(t *testing.T) {
	w := newWorld(t, 1)
	shards, homes, tags := make(map[int]int), make(map[int]int), make(map[int]int)
	const keys = 1 << 16
	for i := range keys {
		k, _ := tcp(i).key()
		h := w.Hash(&k)
		shards[int(h>>w.shift)]++
		homes[int(h&15)]++
		tags[int(h.tag())]++
	}
	for name, c := range map[string]struct {
		got  map[int]int
		want int
	}{"shards": {shards, minShards}, "homes in 16 slots": {homes, 16}, "tags": {tags, 1 << tagBits}} {
		if len(c.got) != c.want {
			t.Errorf("%d keys have %d %s, want %d", keys, len(c.got), name, c.want)
		}
		for i, n := range c.got {
			if mean := keys / c.want; n > 2*mean {
				t.Errorf("%s: %d of %d keys at number %d, want about %d", name, n, keys, i, mean)
			}
		}
	}
	other := newWorld(t, 1)
	k, _ := tcp(1).key()
	if w.Hash(&k) == other.Hash(&k) {
		t.Error("two tables hash alike: the seed is no secret")
	}
}

// TestSizes holds memory to the budget of docs/design.md.
func TestSizes(t *testing.T) {
	if size := unsafe.Sizeof(Entry{}); size != 128 {
		t.Errorf("a flow has %d bytes, want two cache lines", size)
	}
	if start := unsafe.Offsetof(Entry{}.streams); start != 64 {
		t.Errorf("what packets write begins at byte %d, want it in the second line", start)
	}
	if size := unsafe.Sizeof(Shard{}); size%64 != 0 {
		t.Errorf("a shard has %d bytes, want whole cache lines", size)
	}
}

func TestPacketsDoNotAllocate(t *testing.T) {
	w := newWorld(t, 100)
	for _, c := range []conn{tcp(1), numbered(protoUDP, 1), numbered(protoICMP, 1), {protoTCP, address("fd00::1"), address("fd00::2"), 40000}} {
		w.sends(c, ">S")
		var hash Hash
		if n := testing.AllocsPerRun(100, func() {
			key, from := c.key()
			shard, h := w.Lock(&key)
			f := shard.Find(&key, h, w.now)
			shard.update(f, from, 0, w.now)
			shard.Unlock()
			hash = h
		}); n != 0 {
			t.Errorf("%+v: %v allocations a packet, want 0", c, n)
		}
		_ = hash
	}
}

// TestChurnDoesNotAllocate inserts and deletes in a table that has its size.
func TestChurnDoesNotAllocate(t *testing.T) {
	w := newWorld(t, 100)
	w.sends(tcp(1), ">S")
	key, from := tcp(1).key()
	if n := testing.AllocsPerRun(100, func() {
		shard, h := w.Lock(&key)
		shard.Delete(shard.Find(&key, h, w.now))
		shard.insert(&key, h, from, 0, w.now)
		shard.Unlock()
	}); n != 0 {
		t.Errorf("%v allocations a flow, want 0", n)
	}
}

func ExampleState_String() {
	fmt.Println(TCPEstablished, UDPStream, ICMPAsked)
	// Output: ESTABLISHED STREAM ASKED
}
