package fragment

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// memoryOf is what a datagram of one piece takes.
func memoryOf(packet []byte) int { return DatagramOverhead + PieceOverhead + len(packet) }

// first returns the first piece, of 100 bytes, of the datagram with that id.
func first(id int) []byte { return raw{id: uint32(id), more: true, data: payload(80)}.bytes() }

// second returns what completes it.
func second(id int) []byte { return raw{id: uint32(id), offset: 80, data: payload(1)}.bytes() }

// later returns a piece of it, of 28 bytes, that leaves a gap.
func later(id int) []byte {
	return raw{id: uint32(id), offset: 160, more: true, data: payload(8)}.bytes()
}

// TestTimeout holds that what is not complete in time is lost, by the next piece
// or by Expire, and that the first piece counts.
func TestTimeout(t *testing.T) {
	for _, byExpire := range []bool{false, true} {
		w := newWorld(t, DefaultLimits())
		w.add(alice, first(1))
		w.pass(20 * time.Second)
		w.add(alice, later(1))
		w.add(mallory, first(1))
		w.pass(10*time.Second - 1)
		w.Expire(w.now)
		if len(w.losses) != 0 {
			t.Errorf("lost too early: %v", w.losses)
		}
		w.pass(1)
		if byExpire {
			w.Expire(w.now)
		} else if got := word(w.add(alice, second(1))); got != "held" {
			t.Errorf("a piece of a datagram that has timed out: %s", got)
		}
		if diff := cmp.Diff(w.losses, []loss{{alice, "fragment_timeout", 2, 128}}); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
		w.Expire(w.now + int64(time.Minute))
		w.empty()
	}
}

// TestTimeGoesOn holds that what a thread adds which is late has its whole
// time by the table's clock.
func TestTimeGoesOn(t *testing.T) {
	w := newWorld(t, DefaultLimits())
	w.add(alice, first(1))
	w.pass(-time.Second)
	w.add(alice, first(2))
	w.pass(31*time.Second - 1)
	if diff := cmp.Diff(w.words(alice, second(1), second(2)), []string{"complete", "complete"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	w.empty()
}

func TestTooManyPieces(t *testing.T) {
	limits := DefaultLimits()
	limits.Pieces = 3
	w := newWorld(t, limits)
	pieces := cut4(whole4(t, 7, nil, udp(), payload(24)), 8, 16, 24)
	got := w.words(alice, pieces[0], pieces[1], pieces[2], pieces[2], pieces[3])
	if diff := cmp.Diff(got, []string{"held", "held", "held", "fragment_duplicate", "fragment_too_many_pieces"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(w.losses, []loss{{alice, "fragment_too_many_pieces", 3, 84}}); diff != "" {
		t.Errorf("losses (-got +want):\n%s", diff)
	}
	got = w.words(mallory, cut4(whole4(t, 7, nil, udp(), payload(24)), 8, 16)...)
	if diff := cmp.Diff(got, []string{"held", "held", "complete"}); diff != "" {
		t.Errorf("as many as may be (-got +want):\n%s", diff)
	}
}

// TestOwnerLimit holds that a sender who wants more than its share loses its own
// oldest datagram and nobody else's.
func TestOwnerLimit(t *testing.T) {
	limits := DefaultLimits()
	limits.OwnerBytes = 3 * memoryOf(first(0))
	w := newWorld(t, limits)
	w.add(alice, first(0))
	for id := range 4 {
		w.add(mallory, first(id))
	}
	if diff := cmp.Diff(w.losses, []loss{{mallory, "fragment_limit", 1, 100}}); diff != "" {
		t.Errorf("losses (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(w.words(alice, second(0)), []string{"complete"}); diff != "" {
		t.Errorf("Alice's (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(w.words(mallory, second(1), second(2), second(3)), []string{"complete", "complete", "complete"}); diff != "" {
		t.Errorf("the younger ones (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(w.words(mallory, second(0)), []string{"held"}); diff != "" {
		t.Errorf("what was evicted begins anew (-got +want):\n%s", diff)
	}
}

// TestRoomIsNotTakenFromItself holds that a datagram makes room for its own next
// piece at the cost of others, and dies only if it is alone.
func TestRoomIsNotTakenFromItself(t *testing.T) {
	limits := DefaultLimits()
	limits.OwnerBytes = 2 * memoryOf(first(0))
	w := newWorld(t, limits)
	got := w.words(alice, first(0), first(1), later(0), first(0))
	if diff := cmp.Diff(got, []string{"held", "held", "held", "fragment_duplicate"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(w.losses, []loss{{alice, "fragment_limit", 1, 100}}); diff != "" {
		t.Errorf("losses (-got +want):\n%s", diff)
	}

	limits.OwnerBytes = memoryOf(first(0))
	w = newWorld(t, limits)
	got = w.words(alice, first(0), later(0), second(0))
	if diff := cmp.Diff(got, []string{"held", "fragment_limit", "fragment_dead"}); diff != "" {
		t.Errorf("alone (-got +want):\n%s", diff)
	}
	w = newWorld(t, limits)
	if diff := cmp.Diff(w.words(alice, first(0), second(0)), []string{"held", "complete"}); diff != "" {
		t.Errorf("the last piece needs no room (-got +want):\n%s", diff)
	}
}

// TestGreatestHolderYields holds that many senders together cannot push out one
// that holds little.
func TestGreatestHolderYields(t *testing.T) {
	limits := DefaultLimits()
	limits.OwnerBytes = 4 * memoryOf(first(0))
	limits.Bytes = 10 * memoryOf(first(0))
	w := newWorld(t, limits)
	w.add(alice, first(0))
	for n := range 100 {
		w.add(Owner{Interface: uint32(10 + n%5), VPC: 1}, first(n))
	}
	if diff := cmp.Diff(w.words(alice, first(1), second(0), second(1)), []string{"held", "complete", "complete"}); diff != "" {
		t.Errorf("Alice's (-got +want):\n%s", diff)
	}
	for _, l := range w.losses {
		if l.Owner == alice {
			t.Errorf("lost: %v", l)
		}
	}
}

// TestGreatestHolderIsTheOneThatWantsMore holds that room for a datagram that
// is all its sender holds, when that is the most, is not taken from others.
func TestGreatestHolderIsTheOneThatWantsMore(t *testing.T) {
	limits := DefaultLimits()
	limits.OwnerBytes = 2 * memoryOf(first(0))
	limits.Bytes = 2 * memoryOf(first(0))
	w := newWorld(t, limits)
	got := w.words(mallory, first(0), later(0))
	got = append(got, w.words(alice, second(0))...)
	got = append(got, w.words(alice, first(0))...)
	if diff := cmp.Diff(got, []string{"held", "held", "held", "complete"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(w.losses, []loss{{mallory, "fragment_limit", 2, 128}}); diff != "" {
		t.Errorf("losses (-got +want):\n%s", diff)
	}
}

// TestTombstonesAreBounded holds that the memory of killed datagrams counts, and
// that the oldest are forgotten first.
func TestTombstonesAreBounded(t *testing.T) {
	limits := DefaultLimits()
	limits.OwnerBytes = 10 * DatagramOverhead
	w := newWorld(t, limits)
	for id := range 1000 {
		w.add(mallory, raw{id: uint32(id), offset: 8, more: true, data: payload(9)}.bytes())
	}
	if len(w.datagrams) != 10 || w.memory != 10*DatagramOverhead {
		t.Errorf("%d killed datagrams, %d bytes, want 10 of %d", len(w.datagrams), w.memory, DatagramOverhead)
	}
	if diff := cmp.Diff(w.words(mallory, second(999), second(0)), []string{"fragment_dead", "held"}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

// TestNothingFits holds that limits too small for anything refuse everything.
func TestNothingFits(t *testing.T) {
	for _, bytes := range []int{1, DatagramOverhead, memoryOf(first(0)) - 1} {
		w := newWorld(t, Limits{Bytes: bytes, OwnerBytes: bytes, Pieces: 2, Timeout: time.Second})
		if diff := cmp.Diff(word(w.add(alice, first(0))), "fragment_limit"); diff != "" {
			t.Errorf("%d bytes (-got +want):\n%s", bytes, diff)
		}
		w.Expire(w.now + int64(time.Second))
		w.empty()
	}
}

func TestDeleteInterface(t *testing.T) {
	w := newWorld(t, DefaultLimits())
	w.words(mallory, first(0), first(1))
	w.add(alice, first(0))
	w.DeleteInterface(mallory.Interface)
	want := []loss{{mallory, "fragment_detached", 1, 100}, {mallory, "fragment_detached", 1, 100}}
	if diff := cmp.Diff(w.losses, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(w.words(alice, second(0)), []string{"complete"}); diff != "" {
		t.Errorf("Alice's (-got +want):\n%s", diff)
	}
	w.empty()

	w.add(alice, first(0))
	elsewhere := Owner{Interface: alice.Interface, VPC: 2}
	w.add(elsewhere, first(0))
	w.DeleteInterface(alice.Interface)
	w.empty()
}
