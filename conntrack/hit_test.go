package conntrack

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// hit passes a packet without a lock, and reports whether that was all.
func (w *world) hit(c conn, packet string) bool {
	w.t.Helper()
	key, client := c.key()
	from := client
	if packet[0] == '<' {
		from = client.Opposite()
	}
	r := w.readers.NewReader()
	r.Enter()
	defer r.Leave()
	hash := w.Hash(&key)
	e := w.Find(&key, hash, w.now)
	if e == nil {
		return false
	}
	g := segment(e, from, tcpFlags(packet[1:]))
	return w.Hit(e, hash, &g, w.now)
}

// TestWhatIsAHit: what moves a flow on is not, and whatever goes to and fro in
// between is.
func TestWhatIsAHit(t *testing.T) {
	for _, c := range []struct {
		protocol uint8
		before   string
		hits     string
		others   string
	}{
		{protoTCP, ">S <SA >A", ">A >AP <A <AP", ">S <SA >FA <FA >R <R"},
		{protoTCP, ">S <SA >A >FA", "<A <AP", "<FA >FA"},
		{protoTCP, ">S", "", ">S <SA <RA >A"},
		{protoTCP, ">S <SA", "", ">A <SA"},
		{protoTCP, ">S <SA >A <R", "", ">A <A >S"},
		{protoTCP, ">S <SA >A >FA <FA", "", ">A"},
		{protoTCP, ">A", "", "<A >A"},
		{protoTCP, ">A <A", ">A <AP", ">FA"},
		{protoUDP, ">", ">", "<"},
		{protoUDP, "> <", "<", ">"},
		{protoUDP, "> < >", ">", "<"},
		{protoUDP, "> < > <", "> <", ""},
		{protoICMP, ">", ">", "<"},
		{protoICMP, "> <", "> <", ""},
		{protoGRE, "> <", "> <", ""},
	} {
		w := newWorld(t, 10)
		conn := numbered(c.protocol, 1)
		w.sends(conn, c.before)
		for packet := range fields(c.hits) {
			if !w.hit(conn, packet) {
				t.Errorf("protocol %d, %q after %q is no hit", c.protocol, packet, c.before)
			}
		}
		for packet := range fields(c.others) {
			if w.hit(conn, packet) {
				t.Errorf("protocol %d, %q after %q is a hit", c.protocol, packet, c.before)
			}
		}
	}
}

// TestHitsNeedNoLock holds every lock of the table. Packets of live flows pass, newcomers wait.
func TestHitsNeedNoLock(t *testing.T) {
	w := newWorld(t, 1000)
	conns := []conn{numbered(protoUDP, 1), numbered(protoICMP, 2), numbered(protoGRE, 3), {protoTCP, address("fd00::1"), address("fd00::2"), 4}}
	for i := range 200 {
		conns = append(conns, tcp(10+i))
	}
	for _, c := range conns {
		w.sends(c, ">S <SA >A <A")
	}
	for i := range w.shards {
		w.shards[i].mu.Lock()
	}
	opened := make(chan bool)
	go func() {
		w.sends(tcp(5000), ">S")
		close(opened)
	}()
	hit := make(chan bool)
	go func() {
		defer close(hit)
		for range 3 {
			w.pass(time.Minute / 10) // so that timeouts begin anew
			for _, c := range conns {
				for _, packet := range []string{">A", "<AP", ">AP"} {
					if !w.hit(c, packet) {
						t.Errorf("%q of %+v is no hit", packet, c)
					}
				}
			}
		}
	}()
	select {
	case <-hit:
	case <-opened:
		t.Error("a newcomer does not need the lock: the test shows nothing")
	case <-time.After(10 * time.Second):
		t.Error("a hit waits for a lock")
	}
	for i := range w.shards {
		w.shards[i].mu.Unlock()
	}
	<-opened
	<-hit
	for f := range w.All(w.now) {
		if packets, _ := f.Sent(f.Origin()); f.Protocol() == protoTCP && f.Addr(Low).Port() != 5000 && packets != 2+6 {
			t.Errorf("%v has sent %d packets, want 8", f.Addr(Low), packets)
		}
	}
}

func TestHitsDoNotAllocate(t *testing.T) {
	w := newWorld(t, 100)
	r := w.readers.NewReader()
	for _, c := range []conn{tcp(1), numbered(protoUDP, 1), numbered(protoICMP, 1), {protoTCP, address("fd00::1"), address("fd00::2"), 40000}} {
		w.sends(c, ">S <SA >A <A")
		key, from := c.key()
		if n := testing.AllocsPerRun(100, func() {
			w.pass(time.Second)
			r.Enter()
			hash := w.Hash(&key)
			e := w.Find(&key, hash, w.now)
			g := segment(e, from, tcpFlags("AP"))
			if !w.Hit(e, hash, &g, w.now) {
				t.Fatalf("no hit of %+v", c)
			}
			r.Leave()
		}); n != 0 {
			t.Errorf("%+v: %v allocations a packet, want 0", c, n)
		}
	}
}

// TestHitsAreUpdates passes the same packets to two tables: to one as the gateway does, to the
// other under the lock only. Both must know the same after each.
func TestHitsAreUpdates(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fast, slow := newWorld(t, 100), newWorld(t, 100)
		c := numbered(rapid.SampledFrom([]uint8{protoTCP, protoTCP, protoTCP, protoUDP, protoICMP}).Draw(rt, "protocol"), 1)
		key, client := c.key()
		reader, hits := fast.readers.NewReader(), 0
		for _, w := range []*world{fast, slow} {
			w.sends(c, ">S <SA >A")
		}
		both := func(do func(w *world, s *Shard, e *Entry)) {
			for _, w := range []*world{fast, slow} {
				s, hash := w.Lock(&key)
				if e := s.Find(&key, hash, w.now); e != nil {
					do(w, s, e)
				}
				s.Unlock()
			}
		}
		packet := func(rt *rapid.T) {
			var g Segment
			from := client ^ End(rapid.IntRange(0, 1).Draw(rt, "from"))
			flags := tcpFlags(rapid.SampledFrom([]string{"A", "A", "AP", "AP", "AP", "FA", "SA", "S", "R"}).Draw(rt, "flags"))
			far := rapid.SampledFrom([]uint32{0, 0, 0, 0, 1, 500, 5000, 1 << 30, 1<<32 - 10}).Draw(rt, "far")
			late := rapid.SampledFrom([]uint32{0, 0, 0, 1, 50, 1 << 30, 1<<32 - 1}).Draw(rt, "late")
			undelivered := rapid.IntRange(0, 9).Draw(rt, "undelivered") == 0
			window := rapid.Uint16().Draw(rt, "window")
			both(func(_ *world, _ *Shard, e *Entry) { g = segment(e, from, flags) })
			g.Seq, g.Ack, g.Undelivered, g.Window = g.Seq+far, g.Ack-late, undelivered, window
			if !undelivered {
				reader.Enter()
				hash := fast.Hash(&key)
				if e := fast.Find(&key, hash, fast.now); e != nil && fast.Hit(e, hash, &g, fast.now) {
					hits++
					both(func(w *world, s *Shard, e *Entry) {
						if w == slow && !s.Fits(e, &g) {
							rt.Fatalf("%+v is a hit, but does not fit", g)
						} else if w == slow {
							s.Update(e, &g, w.now)
						}
					})
					reader.Leave()
					return
				}
				reader.Leave()
			}
			both(func(w *world, s *Shard, e *Entry) {
				if s.Fits(e, &g) {
					s.Update(e, &g, w.now)
				} else if g.Opens() {
					s.Attempt(e, &g)
				}
			})
		}
		rt.Repeat(map[string]func(*rapid.T){
			"packet": packet, "packets": packet, "and more": packet,
			"time passes": func(rt *rapid.T) {
				d := rapid.SampledFrom([]time.Duration{1, time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(rt, "time")
				fast.pass(d)
				slow.pass(d)
			},
			"side": func(rt *rapid.T) {
				end, number := End(rapid.IntRange(0, 1).Draw(rt, "end")), uint32(rapid.IntRange(1, 2).Draw(rt, "interface"))
				state := rapid.SampledFrom([]SideState{Tracked, Tracked, Untracked, NotAsked}).Draw(rt, "state")
				both(func(w *world, s *Shard, e *Entry) { s.SetSide(e, end, number, state, w.now) })
			},
			"timeouts": func(rt *rapid.T) {
				o := testTimeouts()
				o.TCPEstablished = time.Duration(rapid.IntRange(1, 5000).Draw(rt, "seconds")) * time.Second
				for _, w := range []*world{fast, slow} {
					w.limit(lowInterface, Limits{Timeouts: o})
				}
			},
			"moves": func(*rapid.T) {
				both(func(w *world, s *Shard, e *Entry) {
					if w == fast {
						s.move(e, nil)
					}
				})
			},
			"": func(*rapid.T) {
				var flows [2][]Flow
				for i, w := range []*world{fast, slow} {
					for f := range w.All(w.now) {
						flows[i] = append(flows[i], f)
					}
				}
				if fmt.Sprint(flows[0]) != fmt.Sprint(flows[1]) {
					rt.Fatalf("after %d hits:\n%+v\nunder the lock:\n%+v", hits, flows[0], flows[1])
				}
			},
		})
	})
}

// TestAHitThatComesTooLate: its flow was forgotten, or has moved, since it was found.
func TestAHitThatComesTooLate(t *testing.T) {
	for name, lose := range map[string]func(*Shard, *Entry){
		"deleted": (*Shard).Delete,
		"moved":   func(s *Shard, e *Entry) { s.move(e, nil) },
	} {
		w := newWorld(t, 10)
		w.established(tcp(1))
		key, client := tcp(1).key()
		r := w.readers.NewReader()
		r.Enter()
		hash := w.Hash(&key)
		found := w.Find(&key, hash, w.now)
		g := segment(found, client, tcpFlags("AP"))
		shard := w.Table.Lock(hash)
		lose(shard, shard.Find(&key, hash, w.now))
		if w.Hit(found, hash, &g, w.now) {
			t.Errorf("%s: a hit all the same", name)
		}
		for end := range found.counts { // it may have come further before
			if count(found.counts[end].Load())&countStale == 0 {
				t.Errorf("%s: who counts what end %d has sent does not learn of it", name, end)
			}
		}
		if e := w.Find(&key, hash, w.now); name == "moved" {
			if f := shard.Flow(e, w.now); f.packets[client] != 2 || e == found {
				t.Errorf("%d packets are counted after the move, want 2", f.packets[client])
			}
			shard.Delete(e)
		} else if e != nil {
			t.Error("a flow is found that was deleted")
		}
		// Its memory is nobody's until the reader leaves.
		if e := shard.insert(&key, hash, client, tcpFlags("S"), w.now); e == found {
			t.Errorf("%s: the entry is another flow's although a reader looks at it", name)
		} else {
			shard.Delete(e)
		}
		r.Leave()
		reused := false
		for i := range chunkSize {
			key, from := tcp(100 + i).key()
			reused = reused || shard.insert(&key, w.Hash(&key)&(1<<w.shift-1)|hash>>w.shift<<w.shift, from, tcpFlags("S"), w.now) == found
		}
		shard.Unlock()
		if !reused {
			t.Errorf("%s: the entry is not used again once the reader has left", name)
		}
	}
}

// TestAHitThatIsOvertaken: its flow leaves the entry when all is done but to count it.
func TestAHitThatIsOvertaken(t *testing.T) {
	w := newWorld(t, 10)
	w.sends(numbered(protoUDP, 1), "> < > <")
	key, client := numbered(protoUDP, 1).key()
	hash := w.Hash(&key)
	e, g := w.Find(&key, hash, w.now), Segment{From: client, Packets: 1, Bytes: 40}
	if !w.Hit(e, hash, &g, w.now) {
		t.Fatal("no hit")
	}
	e.counts[client].Or(uint64(countStale)) // as move has it, whose other steps prolong would see
	if w.Hit(e, hash, &g, w.now) {
		t.Error("a hit although nobody counts it")
	}
}

// TestASideWhoseTimeIsUpIsNoHit: somebody has to forget it, whatever the other knows.
func TestASideWhoseTimeIsUpIsNoHit(t *testing.T) {
	w := newWorld(t, 10)
	short := testTimeouts()
	short.UDPStream = time.Minute
	w.limit(lowInterface, Limits{Timeouts: short})
	c := numbered(protoUDP, 1)
	w.sends(c, "> < > <")
	w.pass(time.Minute - 1)
	if !w.hit(c, ">") {
		t.Error("no hit in a side's last ns")
	}
	w.pass(time.Minute + Resolution)
	if w.hit(c, ">") {
		t.Error("a hit although a side's time is up")
	}
	w.sends(c, ">")
	if w.hit(c, ">") {
		t.Error("a hit although a side does not know the flow")
	}
	key, _ := c.key()
	s, hash := w.Lock(&key)
	s.SetSide(s.Find(&key, hash, w.now), Low, lowInterface, Tracked, w.now)
	s.Unlock()
	if !w.hit(c, ">") {
		t.Error("no hit although the side knows the flow again")
	}
}

// TestAllForgetsSides lists a flow that one side has no time left for.
func TestAllForgetsSides(t *testing.T) {
	w := newWorld(t, 10)
	short := testTimeouts()
	short.UDPStream = time.Minute
	w.limit(lowInterface, Limits{Timeouts: short})
	w.sends(numbered(protoUDP, 1), "> < > <")
	states := func() (of []SideState) {
		for f := range w.All(w.now) {
			of = append(of, f.Side(Low).State, f.Side(High).State)
		}
		return of
	}
	w.pass(time.Minute - 1)
	if got := states(); !slices.Equal(got, []SideState{Tracked, Tracked}) {
		t.Errorf("in a side's last ns: %v", got)
	}
	w.pass(1 + Resolution)
	if got := states(); !slices.Equal(got, []SideState{Unknown, Tracked}) {
		t.Errorf("once its time is up: %v", got)
	}
}

// TestCountsAreExact beyond what an entry's words hold, under the lock and without.
func TestCountsAreExact(t *testing.T) {
	w := newWorld(t, 10)
	w.sends(numbered(protoUDP, 1), "> < > <")
	key, client := numbered(protoUDP, 1).key()
	r := w.readers.NewReader()
	r.Enter()
	defer r.Leave()
	hash := w.Hash(&key)
	wantPackets, wantBytes := uint64(2), uint64(80)
	for i := range 200_000 {
		g := Segment{From: client, Packets: 65535, Bytes: 1 << 20}
		e := w.Find(&key, hash, w.now)
		if locked := i < 100_000 && i%1000 == 0; locked { // then hits alone
			s := w.Table.Lock(hash)
			s.Update(e, &g, w.now)
			s.Unlock()
		} else if !w.Hit(e, hash, &g, w.now) {
			t.Fatal("no hit")
		}
		wantPackets, wantBytes = wantPackets+65535, wantBytes+1<<20
		if i == 100_000 {
			s := w.Table.Lock(hash)
			s.move(e, nil)
			s.Unlock()
		}
	}
	for f := range w.All(w.now) {
		if packets, bytes := f.Sent(client); packets != wantPackets || bytes != wantBytes {
			t.Errorf("%d packets and %d bytes, want %d and %d", packets, bytes, wantPackets, wantBytes)
		}
	}
	s := w.Table.Lock(hash)
	defer s.Unlock()
	if len(s.rare) != 1 {
		t.Errorf("%d flows are kept besides, want one", len(s.rare))
	}
	if e := s.Find(&key, hash, w.now); !e.MayHaveSent(client, 0) {
		t.Error("a flow that has sent much has never sent")
	}
	s.Delete(s.Find(&key, hash, w.now))
	if len(s.rare) != 0 {
		t.Errorf("%d flows are kept besides, want none", len(s.rare))
	}
}
