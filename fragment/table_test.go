package fragment

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket/layers"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/stack"
)

// wholes are packets with, for each, its pieces by offset.
func wholes(t testing.TB, size int) map[string][2][][]byte {
	data := payload(size)
	recordRoute := []layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: []byte{4, 0, 0, 0, 0}}, {OptionType: 1}}
	chain := []extension{options(hopByHop, 1), options(destinationOptions, 2)}
	out := make(map[string][2][][]byte)
	add := func(name string, whole []byte, pieces [][]byte) { out[name] = [2][][]byte{{whole}, pieces} }

	u := whole4(t, 7, nil, udp(), data)
	add("udp4", u, cut4(u, every(512, size+8)...))
	u = whole4(t, 7, nil, tcp(12), data)
	add("tcp4", u, cut4(u, every(256, size+32)...))
	u = whole4(t, 7, recordRoute, udp(), data)
	add("udp4, IP options", u, cut4(u, every(512, size+8)...))
	u = whole6(t, udp(), data)
	add("udp6", u, cut6(u, 40, 6, 1<<31|7, every(512, size+8)...))
	u = whole6(t, tcp(4), data, chain...)
	add("tcp6, unfragmentable part", u, cut6(u, 40+8+16, 48, 7, every(1024, size+24)...))
	u = whole6(t, udp(), data, options(hopByHop, 3))
	add("udp6, one extension header", u, cut6(u, 40+24, 40, 7, every(512, size+8)...))
	u = whole6(t, udp(), data, options(hopByHop, 1), options(destinationOptions, 3))
	add("udp6, fragmentable extension header", u, cut6(u, 40+8, 40, 7, every(512, size+32)...))
	return out
}

// TestAnyOrder holds that a datagram comes back as the packet that it was cut
// from, byte for byte, and as its pieces by offset, however they came.
func TestAnyOrder(t *testing.T) {
	for name, w := range wholes(t, 3000) {
		want, pieces := w[0][0], w[1]
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				order := rapid.Permutation(pieces).Draw(rt, "order")
				w := newWorld(t, DefaultLimits())
				for i, piece := range order {
					r := w.add(alice, piece)
					if i < len(order)-1 {
						if r.Outcome != Held {
							rt.Fatalf("piece %d: %v", i, word(r))
						}
						continue
					}
					if r.Outcome != Complete {
						rt.Fatalf("the last piece: %v", word(r))
					}
					if diff := cmp.Diff(r.Whole, want); diff != "" {
						rt.Errorf("whole (-got +want):\n%s", diff)
					}
					if diff := cmp.Diff(r.Pieces, pieces); diff != "" {
						rt.Errorf("pieces (-got +want):\n%s", diff)
					}
				}
				w.empty()
				if len(w.losses) != 0 {
					rt.Errorf("lost: %v", w.losses)
				}
			})
		})
	}
}

func TestInOrderAndReversed(t *testing.T) {
	for name, c := range wholes(t, 60000) {
		t.Run(name, func(t *testing.T) {
			pieces := slices.Clone(c[1])
			for range 2 {
				w := newWorld(t, Limits{Bytes: 4 << 20, OwnerBytes: 512 << 10, Pieces: 1000, Timeout: time.Second})
				var last Result
				for _, piece := range pieces {
					last = w.add(alice, piece)
				}
				if diff := cmp.Diff(last.Whole, c[0][0]); diff != "" {
					t.Errorf("%v (-got +want):\n%s", word(last), diff)
				}
				slices.Reverse(pieces)
			}
		})
	}
}

// TestLongest holds that the longest packet there can be comes through.
func TestLongest(t *testing.T) {
	w := newWorld(t, DefaultLimits())
	whole := whole4(t, 7, nil, udp(), payload(65535-28))
	var r Result
	for _, piece := range cut4(whole, every(1480, 65515)...) {
		r = w.add(alice, piece)
	}
	if diff := cmp.Diff(r.Whole, whole); diff != "" {
		t.Errorf("IPv4, %v (-got +want):\n%s", word(r), diff)
	}
	whole = whole6(t, udp(), payload(65535-8-24), options(hopByHop, 3))
	for _, piece := range cut6(whole, 64, 40, 7, every(1400, 65535-24)...) {
		r = w.add(alice, piece)
	}
	if diff := cmp.Diff(r.Whole, whole); diff != "" {
		t.Errorf("IPv6, %v (-got +want):\n%s", word(r), diff)
	}
}

// TestWhatPiecesMayDifferIn holds that pieces with other TTLs, DF and ECN bits,
// and without the options that are not copied (RFC 791, section 3.1), belong
// together, and that the whole has the lowest TTL.
func TestWhatPiecesMayDifferIn(t *testing.T) {
	whole := whole4(t, 7, []layers.IPv4Option{
		{OptionType: 7, OptionLength: 3, OptionData: []byte{4}}, {OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}, {OptionType: 1},
	}, udp(), payload(40))
	pieces := cut4(whole, 16, 32)
	// The second piece has NOPs in place of the option, the third is shorter.
	copy(pieces[1][20:], []byte{1, 1, 1, 148, 4, 0, 0, 1})
	pieces[1][1], pieces[1][8] = 3, 9 // ECN: congestion experienced
	pieces[1][6] |= 0x40
	sealIPv4(pieces[1])
	pieces[2] = raw{id: 7, offset: 32, options: []byte{148, 4, 0, 0}, ttl: 200, data: pieces[2][28:]}.bytes()

	w := newWorld(t, DefaultLimits())
	w.add(alice, pieces[0])
	w.add(alice, pieces[1])
	r := w.add(alice, pieces[2])
	whole[8] = 9
	sealIPv4(whole)
	if diff := cmp.Diff(r.Whole, whole); diff != "" {
		t.Errorf("%v (-got +want):\n%s", word(r), diff)
	}
	if diff := cmp.Diff(r.Pieces, pieces); diff != "" {
		t.Errorf("pieces (-got +want):\n%s", diff)
	}

	six := whole6(t, udp(), payload(40))
	pieces = cut6(six, 40, 6, 7, 16)
	pieces[0][7], pieces[1][7] = 3, 2
	pieces[1][1] |= 0x30 // ECN
	w.add(alice, pieces[1])
	r = w.add(alice, pieces[0])
	six[7] = 2
	if diff := cmp.Diff(r.Whole, six); diff != "" {
		t.Errorf("IPv6, %v (-got +want):\n%s", word(r), diff)
	}
}

// TestDFStays holds that of the flags only MF is taken from the whole.
func TestDFStays(t *testing.T) {
	w := newWorld(t, DefaultLimits())
	whole := whole4(t, 7, nil, udp(), payload(24))
	whole[6] |= 0x40
	sealIPv4(whole)
	pieces := cut4(whole, 16)
	pieces[0][6] |= 0x40
	sealIPv4(pieces[0])
	w.add(alice, pieces[1])
	r := w.add(alice, pieces[0])
	if diff := cmp.Diff(r.Whole, whole); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// TestDatagramsDoNotMix holds that the owner, the family, the addresses and the
// id tell datagrams apart.
func TestDatagramsDoNotMix(t *testing.T) {
	first := raw{id: 7, more: true, data: payload(16)}
	last := raw{id: 7, offset: 16, data: payload(16)}
	otherID, six := last, last
	otherID.id, six.ipv6 = 8, true
	otherSource := last.bytes()
	otherSource[15]++
	otherDestination := last.bytes()
	otherDestination[19]++
	sealIPv4(otherSource)
	sealIPv4(otherDestination)

	w := newWorld(t, DefaultLimits())
	for _, c := range []struct {
		name   string
		owner  Owner
		packet []byte
		want   string
	}{
		{"the first piece", alice, first.bytes(), "held"},
		{"another id", alice, otherID.bytes(), "held"},
		{"another family", alice, six.bytes(), "held"},
		{"another source", alice, otherSource, "held"},
		{"another destination", alice, otherDestination, "held"},
		{"another interface", mallory, last.bytes(), "held"},
		{"the same interface in another VPC", Owner{Interface: 1, VPC: 2}, last.bytes(), "held"},
		{"the last piece", alice, last.bytes(), "complete"},
	} {
		if diff := cmp.Diff(word(w.add(c.owner, c.packet)), c.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", c.name, diff)
		}
	}
	pieces, bytes := w.Held(alice)
	if diff := cmp.Diff([2]int{pieces, bytes}, [2]int{4, 4*36 + 28}); diff != "" {
		t.Errorf("held of Alice (-got +want):\n%s", diff)
	}
}

// TestIDIsFreeOnceComplete holds that a sender may use an id again at once.
func TestIDIsFreeOnceComplete(t *testing.T) {
	w := newWorld(t, DefaultLimits())
	pieces := cut4(whole4(t, 7, nil, udp(), payload(24)), 16)
	got := w.words(alice, pieces[0], pieces[1], pieces[1], pieces[0])
	if diff := cmp.Diff(got, []string{"held", "complete", "held", "complete"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// TestNotAFragment holds that what Parse calls no fragment is refused, and
// kills nothing.
func TestNotAFragment(t *testing.T) {
	w := newWorld(t, DefaultLimits())
	w.add(alice, raw{ipv6: true, id: 7, more: true, data: payload(16)}.bytes())
	refuse := func(name string, packet []byte, change func(p *stack.Packet)) {
		t.Helper()
		var p stack.Packet
		p.Parse(packet)
		change(&p)
		if r := w.Add(alice, &p, packet, w.now); word(r) != "fragment_not_a_fragment" {
			t.Errorf("%s: %v", name, word(r))
		}
	}
	nothing := func(*stack.Packet) {}
	refuse("a whole packet", whole4(t, 7, nil, udp(), payload(8)), nothing)
	refuse("a whole IPv6 packet", whole6(t, udp(), payload(8)), nothing)
	refuse("an atomic fragment", cut6(whole6(t, udp(), payload(8)), 40, 6, 7)[0], nothing)
	refuse("an IPv6 packet said to be a fragment", whole6(t, udp(), payload(8)), func(p *stack.Packet) { p.Fragment = true })
	refuse("another packet than was parsed", raw{id: 7, more: true, data: payload(16)}.bytes(), func(p *stack.Packet) { p.Len-- })
	refuse("no header length", raw{more: true, data: payload(4)}.bytes(), func(p *stack.Packet) { p.HeaderLen = 0 })
	refuse("a header length past the end", raw{more: true, data: payload(8)}.bytes(), func(p *stack.Packet) { p.HeaderLen = 32 })
	if pieces, _ := w.Held(alice); pieces != 1 {
		t.Errorf("%d pieces are held, want the one", pieces)
	}
}

func TestLimitsAreChecked(t *testing.T) {
	good := DefaultLimits()
	change := func(f func(*Limits)) Limits {
		l := good
		f(&l)
		return l
	}
	for _, c := range []struct {
		limits Limits
		want   string
	}{
		{good, ""},
		{change(func(l *Limits) { l.Bytes = l.OwnerBytes }), ""},
		{Limits{}, "fragment: limit of 0 bytes for one sender: want at least 1"},
		{change(func(l *Limits) { l.Bytes = 1000 }), "fragment: limit of 1000 bytes for all senders: want at least the 524288 of one"},
		{change(func(l *Limits) { l.Pieces = 1 }), "fragment: limit of 1 pieces for a datagram: want at least 2"},
		{change(func(l *Limits) { l.Timeout = 0 }), "fragment: timeout of 0s: want more than 0"},
	} {
		table, err := New(c.limits, nil)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(got, c.want); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
		if (table == nil) != (err != nil) {
			t.Errorf("a table and an error: %v", err)
		}
	}
}

// TestNamesAreDistinct holds that every problem has a name of its own.
func TestNamesAreDistinct(t *testing.T) {
	seen := make(map[string]Problem)
	for p := range Problem(Problems) {
		if other, twice := seen[p.String()]; twice {
			t.Errorf("%d and %d are both %q", p, other, p)
		}
		seen[p.String()] = p
	}
}

// TestManyThreads is for the race detector; and the accounting must come out
// even.
func TestManyThreads(t *testing.T) {
	table, err := New(Limits{Bytes: 64 << 10, OwnerBytes: 16 << 10, Pieces: 128, Timeout: time.Second}, nil)
	if err != nil {
		t.Fatal(err)
	}
	pieces := cut4(whole4(t, 7, nil, udp(), payload(5000)), every(512, 5008)...)
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Go(func() {
			for i := range 500 {
				packet := pieces[(i*7+n)%len(pieces)]
				var p stack.Packet
				p.Parse(packet)
				table.Add(Owner{Interface: uint32(n % 3)}, &p, packet, int64(i))
				table.Held(Owner{Interface: uint32(n % 3)})
				if i%100 == n {
					table.DeleteInterface(uint32(n % 3))
				}
			}
		})
	}
	wait.Wait()
	table.Expire(int64(time.Hour))
	(&world{Table: table, t: t}).empty()
}
