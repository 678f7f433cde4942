package conntrack

import (
	"testing"
	"time"
)

// attempt tells the flow of a SYN that is not part of it.
func (w *tcpWorld) attempt(g *Segment) {
	w.t.Helper()
	shard, hash := w.Lock(&w.key)
	defer shard.Unlock()
	f := shard.Find(&w.key, hash, w.now)
	if shard.Fits(f, g) {
		w.t.Fatalf("%+v fits the flow that it is to follow", *g)
	}
	shard.Attempt(f, g)
}

// TestAttempts have either end begin a new connection on the tuple of one that
// still looks alive.
func TestAttempts(t *testing.T) {
	const far = 1 << 30
	for _, opener := range []byte{'>', '<'} {
		answerer := byte('<' + '>' - opener)
		w := newTCP(t)
		w.open(-1, -1)
		w.pass(time.Hour)
		before := w.flow()
		syn := w.seg(opener, "S", far, 0, 0)
		syn.HasScale, syn.Scale = true, 5
		w.attempt(syn)
		after := w.flow()
		if after.Expires() != before.Expires() || after.State() != TCPEstablished {
			t.Errorf("an attempt alone changed the flow: %v", after.State())
		}
		for name, g := range map[string]*Segment{
			"another number":  w.seg(answerer, "SA", far, far+2, 0),
			"no SYN":          w.seg(answerer, "A", far, far+1, 0),
			"the opener's":    w.seg(opener, "SA", far, 0, 0),
			"a reset besides": w.seg(answerer, "SAR", far, far+1, 0),
		} {
			if name == "the opener's" {
				g.Ack = syn.Seq + 1
			}
			if w.see(g) {
				t.Errorf("%s is taken for the answer", name)
			}
		}
		answer := w.seg(answerer, "SA", far, far+1, 0)
		answer.HasScale, answer.Scale = true, 3
		w.all(answer)
		if f := w.flow(); f.State() != TCPSynReceived || f.Origin() != syn.From {
			t.Errorf("%v, opened by end %d, want the new connection", f.State(), f.Origin())
		}
		w.all(w.seg(opener, "A", far+1, far+1, 0), w.seg(answerer, "AP", far+offered<<5, far+1, 1)) // by the SYN's scale
		if f := w.flow(); f.State() != TCPEstablished {
			t.Errorf("%v, want it established", f.State())
		}
		if w.see(w.seg('>', "AP", 1, 1, 1)) || w.see(answer) && w.flow().state != TCPEstablished {
			t.Error("the old connection is still there")
		}
	}
}

// TestAnAttemptIsAnsweredOnce: its answer again does not begin the flow again.
func TestAnAttemptIsAnsweredOnce(t *testing.T) {
	w := newTCP(t)
	w.open(-1, -1)
	w.attempt(w.seg('>', "S", 1<<30, 0, 0))
	answer := w.seg('<', "SA", 1<<30, 1<<30+1, 0)
	w.all(answer, w.seg('>', "A", 1<<30+1, 1<<30+1, 0), answer)
	if f := w.flow(); f.State() != TCPEstablished {
		t.Errorf("%v after the answer came again", f.State())
	}
}

// TestAnAnswerLeavesOldWindowsBehind: a packet that is at work on those of the old connection
// when the new one's first answer comes does nothing to the new one's.
func TestAnAnswerLeavesOldWindowsBehind(t *testing.T) {
	w := newTCP(t)
	w.open(-1, -1)
	old := w.Find(&w.key, w.Hash(&w.key), w.now)
	w.attempt(w.seg('>', "S", 1<<30, 0, 0))
	at := old.control()
	w.all(w.seg('<', "SA", 1<<30, 1<<30+1, 0))
	before := w.flow()
	for end := range old.streams {
		s := at.streams[end]
		s.end, s.window = s.end+1<<31, largestWindow
		old.streams[end].advance(&s)
	}
	if after := w.flow(); after.streams != before.streams {
		t.Errorf("the windows are %+v, want %+v", after.streams, before.streams)
	}
	if old.lives() != 0 {
		t.Error("the old entry has a flow")
	}
}
