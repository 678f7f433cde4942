package gateway

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/tun"
)

// visited is a worker that a test has visit the device of web, which holds n
// datagrams for app.
func visited(t *testing.T, n int) (w *worker, web *Port, in *queue) {
	t.Helper()
	w = quiet(t, twoTiers(t), "web", "app", "laptop")
	web = w.gateway.Port("web")
	in = &queue{Memory: web.dev.(*still).Memory}
	for range n {
		in.frames = append(in.frames, append(make([]byte, tun.HeaderLen), udpPacket("10.0.1.10:1", "10.0.1.20:53", 'a')...))
	}
	own := web.worker
	web.dev, web.worker = in, w
	t.Cleanup(func() { web.worker = own })
	return w, web, in
}

// TestVisitEnds: a device that always has more does not keep the others from
// their turn.
func TestVisitEnds(t *testing.T) {
	const all = 3 * visitBudget
	w, web, in := visited(t, all)
	for visits, left := 1, all; left > 0; visits++ {
		w.visit(web.slot, false)
		took := left - len(in.frames)
		left = len(in.frames)
		if took == 0 || took >= visitBudget+tun.BatchSize {
			t.Fatalf("visit %d takes %d frames, want %d or a few more", visits, took, visitBudget)
		}
		if visits == 1 && web.burst != tun.BatchSize {
			t.Errorf("a device that always has more is asked for %d frames, want %d", web.burst, tun.BatchSize)
		}
	}
	if c := web.Counters(); c.Forwarded != all || w.gateway.Port("app").Counters().Sent != all {
		t.Errorf("%d forwarded of %d: %+v", c.Forwarded, all, c)
	}
	w.visit(web.slot, false) // nothing is there
	if web.burst != 1 {
		t.Errorf("a device that had none is asked for %d frames, want 1", web.burst)
	}
}

// TestVisitAfterAnIdleTime takes one frame and asks for no second.
func TestVisitAfterAnIdleTime(t *testing.T) {
	w, web, in := visited(t, 3)
	w.visit(web.slot, true)
	if len(in.frames) != 2 || web.burst != 1 {
		t.Errorf("%d frames of 3 are left, and %d are asked for next, want 2 and 1", len(in.frames), web.burst)
	}
	w.visit(web.slot, false)
	if len(in.frames) != 0 {
		t.Errorf("%d frames are left", len(in.frames))
	}
}

// TestVisitOfAnothersDevice: a slot may have come to be another worker's between
// Wait and the visit.
func TestVisitOfAnothersDevice(t *testing.T) {
	w, web, in := visited(t, 3)
	web.worker = w.gateway.workers[0]
	w.visit(web.slot, false)
	w.visit(len(w.gateway.view.Load().slots), false) // nobody's
	if len(in.frames) != 3 {
		t.Errorf("%d frames of another worker's device are left, want 3", len(in.frames))
	}
}

// TestSentIsCountedWhereItGoes: packets of one batch to several devices.
func TestSentIsCountedWhereItGoes(t *testing.T) {
	w, web, in := visited(t, 1)
	to := []string{"10.0.1.20:53", "203.0.113.10:53", "203.0.113.10:53", "10.0.1.20:53", "203.0.113.10:53"}
	bytes := uint64(len(in.frames[0]) - tun.HeaderLen)
	for _, to := range to {
		in.frames = append(in.frames, append(make([]byte, tun.HeaderLen), udpPacket("10.0.1.10:1", to, 'a')...))
	}
	web.burst = tun.BatchSize
	w.visit(web.slot, false)
	got := make(map[string][2]uint64)
	for _, p := range w.gateway.Ports() {
		c := p.Counters()
		got[p.ID()] = [2]uint64{c.Sent, c.SentBytes}
	}
	want := map[string][2]uint64{"web": {}, "app": {3, 3 * bytes}, "laptop": {3, 3 * bytes}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packets and bytes sent (-want +got):\n%s", diff)
	}
	if c := web.Counters(); c.Forwarded != 6 || c.ReceivedBytes != 6*bytes {
		t.Errorf("%d packets, %d bytes forwarded", c.Forwarded, c.ReceivedBytes)
	}
}

// TestWriteFails: what a device does not take is a drop of the one who sent it, and
// the rest of the batch goes on.
func TestWriteFails(t *testing.T) {
	w, web, in := visited(t, 4)
	app := w.gateway.Port("app")
	app.dev = &refusing{Memory: app.dev.(*still).Memory, every: 2}
	length := uint64(len(in.frames[0]) - tun.HeaderLen)
	web.burst = tun.BatchSize
	w.visit(web.slot, false)
	c := web.Counters()
	if c.Received != 4 || c.Forwarded != 2 || c.Dropped[ReasonWriteFailed] != 2 || c.ReceivedBytes != 4*length {
		t.Errorf("%+v", c)
	}
	if c := app.Counters(); c.Sent != 2 || c.SentBytes != 2*length {
		t.Errorf("%d packets, %d bytes sent, want 2 and %d", c.Sent, c.SentBytes, 2*length)
	}
}

// refusing is a device that does not take every so many frames.
type refusing struct {
	*tun.Memory
	every, n int
}

func (r *refusing) WriteFrame([]byte) error {
	if r.n++; r.n%r.every == 0 {
		return errors.New("the queue is full")
	}
	return nil
}
