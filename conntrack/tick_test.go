package conntrack

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// wrap is after how many ns ticks begin anew.
const wrap = int64(1<<tickBits) * tickUnit

// TestTimeWraps runs tables past the moment at which ticks begin anew, and long after.
func TestTimeWraps(t *testing.T) {
	for _, start := range []int64{0, wrap - int64(time.Hour), wrap - tickUnit, wrap, 7*wrap - int64(30*time.Second), 7*wrap - int64(3000*time.Second)} {
		w := newWorld(t, 10)
		w.now = start
		w.established(tcp(1))
		f := w.sends(numbered(protoUDP, 2), ">")
		if f.Created() != start || f.Expires()-start < int64(30*time.Second) || f.Expires()-start > int64(30*time.Second)+tickUnit {
			t.Errorf("at %d: created %v and ends %v later", start, f.Created(), time.Duration(f.Expires()-start))
		}
		w.pass(30*time.Second - 1)
		if w.Sweep(w.now); !w.lives(numbered(protoUDP, 2)) {
			t.Errorf("at %d: a flow ends too early", start)
		}
		w.pass(1 + Resolution)
		if w.Sweep(w.now); w.Len() != 1 || w.lives(numbered(protoUDP, 2)) {
			t.Errorf("at %d: a flow outlives its end", start)
		}
		for range 40 {
			w.pass(4000 * time.Second)
			if !w.hit(tcp(1), ">A") {
				t.Fatalf("at %d: a connection is gone that is used", start)
			}
		}
		w.pass(5000*time.Second + Resolution)
		if w.Sweep(w.now); w.Len() != 0 {
			t.Errorf("at %d: a connection outlives its end", start)
		}
	}
}

// TestDeleteInterfacesAtAnyTime: it asks for no time, and must not take flows for dead.
func TestDeleteInterfacesAtAnyTime(t *testing.T) {
	w := newWorld(t, 10)
	w.now = wrap - int64(time.Hour)
	w.established(tcp(1))
	w.DeleteInterfaces(map[uint32]bool{99: true})
	if !w.lives(tcp(1)) {
		t.Error("a flow of other interfaces is gone")
	}
}

func TestTicksKeepTheOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now := rapid.Int64Range(0, 20*wrap).Draw(rt, "now")
		timeout := rapid.Int64Range(1, int64(maxTimeout)).Draw(rt, "timeout")
		end := startAt(now).after(ticks(timeout))
		at := rapid.Int64Range(now, now+timeout+3*tickUnit).Draw(rt, "at")
		switch left := end.left(tickAt(at)); {
		case end == never:
			rt.Fatal("a timeout ends never")
		case at < now+timeout && left <= 0:
			rt.Fatalf("ended %d ns too early", now+timeout-at)
		case at >= now+timeout+3*tickUnit && left > 0:
			rt.Fatalf("not ended %d ns too late", at-now-timeout)
		case timeout%tickUnit == 0 && at >= now+timeout+2*tickUnit && left > 0:
			rt.Fatalf("a timeout in whole units has not ended %d ns too late", at-now-timeout)
		}
		if d := end.time(at) - (now + timeout); d < 0 || d > 3*tickUnit {
			rt.Fatalf("it is told to end %d ns late", d)
		}
	})
}

func TestLifeIsOneWord(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		state := State(rapid.IntRange(0, int(states)-1).Draw(rt, "state"))
		ends := [2]tick{tick(rapid.Uint32Range(0, tickMask).Draw(rt, "low")), tick(rapid.Uint32Range(0, tickMask).Draw(rt, "high"))}
		l := newLife(TCPClosed).withEnd(High, tickMask).withEnd(Low, 1).withEnd(Low, ends[Low]).withState(state).withEnd(High, ends[High])
		if l == 0 || l.state() != state || l.low() != ends[Low] || l.high() != ends[High] || l.ends(Low) != ends[Low] || l.ends(High) != ends[High] {
			rt.Fatalf("%x is %v until %d and %d, want %v until %v", uint64(l), l.state(), l.low(), l.high(), state, ends)
		}
	})
	if states > 15 {
		t.Errorf("%d states do not fit 4 bits besides 0", states)
	}
}
