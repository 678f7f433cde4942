package gateway

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/tun"
)

func TestNextBurst(t *testing.T) {
	for name, c := range map[string]struct{ burst, n, bytes, want int }{
		"all that was asked for":     {4, 4, 400, 8},
		"a whole batch":              {tun.BatchSize, tun.BatchSize, 3200, tun.BatchSize},
		"fewer":                      {8, 3, 300, 3},
		"nothing":                    {8, 0, 0, 1},
		"one, alone":                 {1, 1, 64, 2},
		"super-packets":              {8, 8, 8 * 60_000, 1},
		"one among many small":       {8, 8, 60_000/4 + 7*64, 16},
		"super-packets, one by one":  {1, 1, 60_000, 1},
		"as large as it may be":      {2, 2, 2 * largeFrame, 4},
		"just larger than it may be": {2, 2, 2*largeFrame + 1, 1},
	} {
		if got := nextBurst(c.burst, c.n, c.bytes); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestLinger(t *testing.T) {
	near, far := int64(lingerFor), 10*int64(lingerFor)
	for gap, want := range map[int64]time.Duration{near: lingerFor, far: 0} {
		var i idleness
		i.noteGap(gap)
		if got := i.linger(); got != want {
			t.Errorf("after a gap of %v: %v, want %v", time.Duration(gap), got, want)
		}
	}
}

// TestLingerTakesASpareProcessor: on the only processor, to linger would keep
// those from answering who are waited for.
func TestLingerTakesASpareProcessor(t *testing.T) {
	for _, c := range []struct {
		processors, workers int
		want                time.Duration
	}{{1, 1, 0}, {2, 1, lingerFor}, {2, 2, 0}, {4, 2, lingerFor}} {
		i := newIdleness(c.processors, c.workers)
		i.noteGap(int64(lingerFor))
		if got := i.linger(); got != c.want {
			t.Errorf("%d workers on %d processors: %v, want %v", c.workers, c.processors, got, c.want)
		}
	}
}

// queue is a device of which only a test reads, and that keeps what is written.
type queue struct {
	*tun.Memory
	frames, written [][]byte
}

func (q *queue) ReadFrame(buf []byte) (int, error) {
	if len(q.frames) == 0 {
		return 0, tun.ErrNoFrame
	}
	n := copy(buf, q.frames[0])
	q.frames = q.frames[1:]
	return n, nil
}

func (q *queue) WriteFrame(frame []byte) error {
	q.written = append(q.written, append([]byte(nil), frame[tun.HeaderLen:]...))
	return nil
}

// TestBatchesKeepTheOrder: what comes in one batch leaves in the order in which
// it came, a datagram in pieces with the last of these.
func TestBatchesKeepTheOrder(t *testing.T) {
	w := quiet(t, twoTiers(t), "web", "app")
	web, app := w.gateway.Port("web"), w.gateway.Port("app")
	in, out := &queue{Memory: web.dev.(*still).Memory}, &queue{Memory: app.dev.(*still).Memory}
	web.dev, app.dev = in, out

	data := make([]byte, 3000)
	var packets [][]byte
	packets = append(packets, udpPacket("10.0.1.10:1", "10.0.1.20:53", 'a'))
	packets = append(packets, cut(udpPacket("10.0.1.10:2", "10.0.1.20:53", data...), 7, 1024)...)
	packets = append(packets, udpPacket("10.0.1.10:3", "10.0.1.20:53", 'b'), udpPacket("10.0.1.10:1", "10.0.1.20:53", 'c'))
	for _, p := range packets {
		in.frames = append(in.frames, append(make([]byte, tun.HeaderLen), p...))
	}
	n, err := w.batch.Read(in, len(packets))
	if n != len(packets) || err != nil {
		t.Fatal(n, err)
	}
	v := w.gateway.view.Load()
	w.move(v, v.at(web.slot), n)

	lengths := func(of [][]byte) (l []int) {
		for _, p := range of {
			l = append(l, len(p))
		}
		return l
	}
	if diff := cmp.Diff(lengths(packets), lengths(out.written)); diff != "" {
		t.Errorf("lengths of what leaves (-want +got):\n%s", diff)
	}
	counters := web.Counters()
	if counters.Forwarded != uint64(len(packets)) || app.Counters().Sent != uint64(len(packets)) {
		t.Errorf("%d forwarded, %d sent of %d", counters.Forwarded, app.Counters().Sent, len(packets))
	}
}

// TestWorkersLeaveAProcessor: whether workers may linger is known once they run.
func TestWorkersLeaveAProcessor(t *testing.T) {
	for _, workers := range []int{1, runtime.NumCPU()} {
		g, err := New(Options{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		for _, w := range g.workers {
			if want := workers >= runtime.NumCPU(); w.idle.never != want {
				t.Errorf("%d workers: one may never linger: %v, want %v", workers, w.idle.never, want)
			}
		}
	}
}

// TestGapsAreNoted: a worker knows how long nothing came.
func TestGapsAreNoted(t *testing.T) {
	for _, gap := range []time.Duration{0, time.Second} {
		var clock atomic.Int64
		g, err := New(Options{Workers: 1, Now: clock.Load})
		if err != nil {
			t.Fatal(err)
		}
		m, err := tun.NewMemory("web", DefaultMTU)
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Attach("web", m)
		if err != nil {
			t.Fatal(err)
		}
		for n := uint64(1); n <= 20; n++ { // of which some find it asleep
			if err := m.Send(udpPacket("10.0.1.10:1", "10.0.1.20:53", 'a')); err != nil {
				t.Fatal(err)
			}
			for time.Sleep(time.Millisecond); p.Counters().Received < n; {
				time.Sleep(time.Millisecond)
			}
			clock.Add(int64(gap))
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if w := g.workers[0]; w.idle.far != (gap > 0) {
			t.Errorf("gaps of %v: far apart is %v", gap, w.idle.far)
		}
	}
}

// TestDescriptorsAreGivenBack by gateways that are closed.
func TestDescriptorsAreGivenBack(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	for range 10 {
		g, err := New(Options{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors were open before, %d after", before, after)
	}
}
