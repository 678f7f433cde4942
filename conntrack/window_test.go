package conntrack

import (
	"fmt"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// tcpWorld is one connection between two ends, with segments as a test makes
// them up.
type tcpWorld struct {
	*world
	key    Key
	client End
}

// The initial sequence numbers wrap around within the connections of the tests.
const (
	clientISN = 1<<32 - 3
	serverISN = 1<<31 - 2
	offered   = 10_000 // window
)

func newTCP(t testing.TB) *tcpWorld {
	w := &tcpWorld{world: newWorld(t, 100)}
	w.key, w.client = tcp(1).key()
	return w
}

// seg is a segment, its numbers relative to the initial ones: 1 is the first
// byte of either direction.
func (w *tcpWorld) seg(dir byte, flags string, seq, ack uint32, payload int) *Segment {
	g := &Segment{From: w.client, Flags: tcpFlags(flags), Seq: clientISN + seq, Ack: serverISN + ack, Window: offered, Payload: payload, Packets: 1, Bytes: 40 + payload}
	if dir == '<' {
		g.From, g.Seq, g.Ack = w.client.Opposite(), serverISN+seq, clientISN+ack
	}
	if !g.has(header.TCPFlagAck) {
		g.Ack = 0
	}
	return g
}

// see hands a segment to the flow as the gateway does, both ends tracking it.
// It reports whether the segment fits.
func (w *tcpWorld) see(g *Segment) bool {
	shard, hash := w.Lock(&w.key)
	defer shard.Unlock()
	f := shard.Find(&w.key, hash, w.now)
	if f == nil {
		shard.Open(&w.key, hash, g, bothTrack, w.now)
		return true
	}
	if !shard.Fits(f, g) {
		return false
	}
	shard.Update(f, g, w.now)
	return true
}

func (w *tcpWorld) flow() Flow {
	shard, hash := w.Lock(&w.key)
	defer shard.Unlock()
	if f := shard.Find(&w.key, hash, w.now); f != nil {
		return shard.Flow(f, w.now)
	}
	return Flow{}
}

// all hands over segments that must fit.
func (w *tcpWorld) all(segments ...*Segment) {
	w.t.Helper()
	for i, g := range segments {
		if !w.see(g) {
			w.t.Fatalf("segment %d, %+v, does not fit %+v", i+1, *g, w.flow())
		}
	}
}

// open completes a handshake; scales of -1 are SYNs without the option.
func (w *tcpWorld) open(clientScale, serverScale int) {
	w.t.Helper()
	scaled := func(g *Segment, scale int) *Segment {
		g.HasScale, g.Scale = scale >= 0, uint8(max(0, scale))
		return g
	}
	w.all(scaled(w.seg('>', "S", 0, 0, 0), clientScale), scaled(w.seg('<', "SA", 0, 1, 0), serverScale), w.seg('>', "A", 1, 1, 0))
	if f := w.flow(); f.State() != TCPEstablished {
		w.t.Fatalf("%v after the handshake", f.State())
	}
}

func TestWindows(t *testing.T) {
	for name, c := range map[string]struct {
		dir      byte
		flags    string
		seq, ack uint32
		payload  int
		fits     bool
	}{
		"the next data":                         {'>', "AP", 1, 1, 100, true},
		"data to the end of the window":         {'>', "AP", 1, 1, offered, true},
		"data from the end of the window":       {'>', "AP", 1 + offered, 1, 1, true}, // the probe of a closed one
		"data from beyond the window":           {'>', "AP", 2 + offered, 1, 1, false},
		"data from far away":                    {'>', "AP", 1 << 31, 1, 100, false},
		"data of long ago":                      {'>', "AP", 0xffff0000, 1, 100, false},
		"keepalive":                             {'>', "A", 0, 1, 0, true},
		"keepalive with a byte":                 {'<', "A", 0, 1, 1, true},
		"an ACK of what was never sent":         {'>', "A", 1, 2, 0, false},
		"a late ACK":                            {'>', "A", 1, 0, 0, true},
		"an ACK of long ago":                    {'>', "A", 1, 0xfffe0000, 0, false},
		"the server's data":                     {'<', "AP", 1, 1, 100, true},
		"the server's data from beyond":         {'<', "AP", 2 + offered, 1, 1, false},
		"a FIN":                                 {'>', "FA", 1, 1, 0, true},
		"a FIN from beyond":                     {'>', "FA", 2 + offered, 1, 0, false},
		"a SYN in the middle, from far away":    {'>', "S", 1 << 30, 0, 0, false},
		"a SYN-ACK in the middle, from afar":    {'<', "SA", 1 << 30, 1, 0, false},
		"the SYN again":                         {'>', "S", 0, 0, 0, true},
		"the SYN-ACK again":                     {'<', "SA", 0, 1, 0, true},
		"a reset from beyond":                   {'<', "R", 2 + offered, 0, 0, false},
		"a reset within the window, blind":      {'<', "R", 500, 0, 0, true},
		"a reset with the number that is due":   {'<', "R", 1, 0, 0, true},
		"a reset of long ago":                   {'<', "R", 0xffff0000, 0, 0, false},
		"a reset with an ACK of what was never": {'<', "RA", 1, 500, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTCP(t)
			w.open(-1, -1)
			before := w.flow()
			w.pass(time.Second)
			if got := w.see(w.seg(c.dir, c.flags, c.seq, c.ack, c.payload)); got != c.fits {
				t.Fatalf("fits %t, want %t", got, c.fits)
			}
			if after := w.flow(); !c.fits && after != before {
				t.Errorf("a segment from outside changed the flow:\n%+v\n%+v", before, after)
			}
		})
	}
}

func TestOnlyTheDueNumberResets(t *testing.T) {
	for seq, want := range map[uint32]State{
		101: TCPClosed,      // the next it would send
		51:  TCPClosed,      // the next that the other end waits for
		52:  TCPEstablished, // within the window
		1:   TCPEstablished,
		11:  TCPEstablished,
		0:   TCPEstablished,
		500: TCPEstablished,
	} {
		w := newTCP(t)
		w.open(-1, -1)
		// Half of it is acknowledged, and an older ACK comes late.
		w.all(w.seg('<', "AP", 1, 1, 100), w.seg('>', "A", 1, 51, 0), w.seg('>', "A", 1, 11, 0))
		before := w.flow()
		w.pass(time.Second)
		w.see(w.seg('<', "R", seq, 0, 0))
		f := w.flow()
		if f.State() != want {
			t.Errorf("a reset with number %d: %v, want %v", seq, f.State(), want)
		}
		if want == TCPEstablished && f.Expires() != before.Expires() {
			t.Errorf("a reset with number %d moved the flow's end", seq)
		}
		// A later one must not have been made due by it.
		w.see(w.seg('<', "R", seq, 0, 0))
		if f := w.flow(); f.State() != want {
			t.Errorf("the same reset again: %v, want %v", f.State(), want)
		}
	}
}

// TestAnyNumberResetsWhatIsNotObserved is what a blind reset does where numbers
// are not looked at: in a flow that no end tracks, of which none are known.
func TestAnyNumberResetsWhatIsNotObserved(t *testing.T) {
	w := newTCP(t)
	w.open(-1, -1)
	w.Revise(w.now, func(_ *Flow, sides *[2]SideState) bool {
		*sides = [2]SideState{Untracked, Untracked}
		return true
	})
	w.all(w.seg('<', "R", 1<<30, 0, 0))
	if f := w.flow(); f.State() != TCPClosed {
		t.Errorf("%v, want it reset", f.State())
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		flags    string
		seq, ack uint32
		payload  int
		fits     bool
		state    State
	}{
		"a refusal":                        {"RA", 0, 1, 0, true, TCPClosed},
		"a refusal of another SYN":         {"RA", 0, 7, 0, false, TCPSynSent},
		"a reset without an ACK":           {"R", 0, 0, 0, false, TCPSynSent},
		"a SYN-ACK for another SYN":        {"SA", 0, 7, 0, false, TCPSynSent},
		"a SYN-ACK that acknowledges none": {"SA", 0, 0, 0, false, TCPSynSent},
		"a SYN-ACK":                        {"SA", 0, 1, 0, true, TCPSynReceived},
		"the ACK of an older connection":   {"A", 12345, 99999, 0, true, TCPSynSent},
		"data of an older connection":      {"AP", 12345, 99999, 10, false, TCPSynSent},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTCP(t)
			w.all(w.seg('>', "S", 0, 0, 0))
			if got := w.see(w.seg('<', c.flags, c.seq, c.ack, c.payload)); got != c.fits {
				t.Errorf("fits %t, want %t", got, c.fits)
			}
			if f := w.flow(); f.State() != c.state {
				t.Errorf("%v, want %v", f.State(), c.state)
			}
			if !c.fits || c.state == TCPSynSent { // the answer proper still comes through
				w.all(w.seg('<', "SA", 0, 1, 0), w.seg('>', "A", 1, 1, 0))
			}
		})
	}
}

func TestScaledWindows(t *testing.T) {
	for _, c := range []struct {
		client, server int
		fits           uint32 // the number of the last byte that the client may send
	}{
		{-1, -1, offered}, {7, -1, offered}, {-1, 7, offered}, {0, 0, offered}, {7, 0, offered}, {0, 7, offered << 7}, {2, 15, offered << 14},
	} {
		t.Run(fmt.Sprint(c.client, c.server), func(t *testing.T) {
			w := newTCP(t)
			w.open(c.client, c.server)
			w.all(w.seg('<', "A", 1, 1, 0)) // the first window that is scaled
			if w.see(w.seg('>', "AP", c.fits+2, 1, 1)) {
				t.Error("data from beyond the window fits")
			}
			if !w.see(w.seg('>', "AP", c.fits, 1, 1)) {
				t.Error("the window's last byte does not fit")
			}
		})
	}
}

func TestSimultaneousOpen(t *testing.T) {
	w := newTCP(t)
	w.all(w.seg('>', "S", 0, 0, 0), w.seg('<', "S", 0, 0, 0), w.seg('>', "SA", 0, 1, 0), w.seg('<', "SA", 0, 1, 0))
	if f := w.flow(); f.State() != TCPEstablished {
		t.Fatalf("%v, want it established: no bare ACK need follow", f.State())
	}
	w.all(w.seg('>', "AP", 1, 1, 10), w.seg('<', "AP", 1, 11, 10))
	if w.see(w.seg('<', "R", 50_000, 0, 0)) {
		t.Error("a reset from beyond the window fits")
	}
}

func TestLostACKs(t *testing.T) {
	w := newTCP(t)
	w.all(
		w.seg('>', "S", 0, 0, 0), w.seg('>', "S", 0, 0, 0), w.seg('<', "SA", 0, 1, 0), w.seg('<', "SA", 0, 1, 0), w.seg('>', "A", 1, 1, 0),
		w.seg('>', "AP", 1, 1, 1000), w.seg('>', "AP", 1, 1, 1000), // the ACK was lost on its way
		w.seg('<', "A", 1, 1001, 0), w.seg('>', "AP", 1, 1, 1000), w.seg('<', "A", 1, 1001, 0),
		w.seg('>', "FA", 1001, 1, 0), w.seg('>', "FA", 1001, 1, 0), w.seg('<', "A", 1, 1002, 0),
		w.seg('<', "FA", 1, 1002, 0), w.seg('<', "FA", 1, 1002, 0), w.seg('>', "A", 1002, 2, 0), w.seg('<', "FA", 1, 1002, 0), w.seg('>', "A", 1002, 2, 0),
	)
	if f := w.flow(); f.State() != TCPTimeWait {
		t.Errorf("%v, want TIME_WAIT", f.State())
	}
}

func TestHalfClosed(t *testing.T) {
	w := newTCP(t)
	w.open(-1, -1)
	w.all(w.seg('>', "FA", 1, 1, 0), w.seg('<', "A", 1, 2, 0))
	for i := range uint32(100) { // the server has much to say yet
		w.pass(100 * time.Second)
		w.all(w.seg('<', "AP", 1+1000*i, 2, 1000), w.seg('>', "A", 2, 1001+1000*i, 0))
	}
	if f := w.flow(); f.State() != TCPFinWait {
		t.Errorf("%v, want it half closed", f.State())
	}
	w.all(w.seg('<', "FA", 100_001, 2, 0), w.seg('>', "A", 2, 100_002, 0))
	if f := w.flow(); f.State() != TCPTimeWait {
		t.Errorf("%v, want TIME_WAIT", f.State())
	}
}

// TestPickedUp joins a connection in its middle: what follows is held against
// the first segment, with the largest windows there are.
func TestPickedUp(t *testing.T) {
	const client, server = 7_000_000, 9_000_000
	for name, c := range map[string]struct {
		dir      byte
		flags    string
		seq, ack uint32
		fits     bool
	}{
		"the answer":                   {'<', "AP", server, client + 100, true},
		"its answer not too far":       {'<', "AP", server + 1<<27, client + 100, true},
		"its answer once more":         {'<', "AP", server - 100, client + 100, true},
		"more, and an ACK":             {'>', "AP", client + 100, server + 5000, true},
		"an answer from nowhere":       {'<', "AP", server + 1<<31, client + 100, false},
		"an ACK of more than was seen": {'<', "A", server, client + 101, true},
		"an ACK of nothing":            {'<', "A", server, client + 100 + 1<<30, false},
		"more":                         {'>', "AP", client + 100, server, true},
		"the same again":               {'>', "AP", client, server, true},
		"more from nowhere":            {'>', "AP", client + 1<<31, server, false},
		"a blind reset":                {'<', "RA", server + 5, client + 100, true},
		"a blind reset from afar":      {'<', "RA", server + 1<<31, client + 100, false},
		"a reset as the client's":      {'>', "R", client + 100, 0, true},
		"a reset near the client's":    {'>', "R", client + 101, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTCP(t)
			w.all(w.seg('>', "AP", client, server, 100))
			if got := w.see(w.seg(c.dir, c.flags, c.seq, c.ack, 0)); got != c.fits {
				t.Errorf("fits %t, want %t", got, c.fits)
			}
		})
	}
}

// TestTimeWaitIsReused opens a new connection on the tuple of an old one, from
// either end.
func TestTimeWaitIsReused(t *testing.T) {
	for _, opener := range []byte{'>', '<'} {
		w := newTCP(t)
		w.open(-1, -1)
		w.all(w.seg('>', "FA", 1, 1, 0), w.seg('<', "FA", 1, 2, 0), w.seg('>', "A", 2, 2, 0))
		f, syn := w.flow(), w.seg(opener, "S", 5_000_000, 0, 0)
		if f.State() != TCPTimeWait || !w.reopens(w.key, syn) {
			t.Fatalf("%v: a SYN reopens %t, want it to", f.State(), w.reopens(w.key, syn))
		}
		if w.see(w.seg(opener, "AP", 5_000_001, 2, 10)) {
			t.Error("data from outside the old connection's window fits it")
		}
		shard, hash := w.Lock(&w.key)
		shard.Delete(shard.Find(&w.key, hash, w.now))
		shard.Unlock()
		w.all(syn)
		if f := w.flow(); f.State() != TCPSynSent || f.Origin() != syn.From {
			t.Errorf("%v from end %d, want a new one", f.State(), f.Origin())
		}
	}
}

// TestAnotherAttempt has the client begin anew before anyone has answered.
func TestAnotherAttempt(t *testing.T) {
	w := newTCP(t)
	w.all(w.seg('>', "S", 0, 0, 0), w.seg('>', "S", 1_000_000, 0, 0))
	if w.see(w.seg('<', "SA", 0, 1, 0)) {
		t.Error("the answer to the first attempt fits")
	}
	w.all(w.seg('<', "SA", 0, 1_000_001, 0), w.seg('>', "A", 1_000_001, 1, 0))
	if f := w.flow(); f.State() != TCPEstablished {
		t.Errorf("%v", f.State())
	}
}

// TestSmallPrint has a segment at the edge of each rule about windows.
func TestSmallPrint(t *testing.T) {
	scaled := func(g *Segment, scale uint8) *Segment {
		g.HasScale, g.Scale = true, scale
		return g
	}
	offering := func(g *Segment, window uint16) *Segment {
		g.Window = window
		return g
	}
	t.Run("a SYN with data, and again without", func(t *testing.T) {
		w := newTCP(t)
		w.all(w.seg('>', "S", 0, 0, 500), w.seg('>', "S", 0, 0, 0), w.seg('<', "SA", 0, 501, 0))
	})
	t.Run("the window of a SYN is not scaled", func(t *testing.T) {
		w := newTCP(t)
		w.all(scaled(w.seg('>', "S", 0, 0, 0), 7), scaled(w.seg('<', "SA", 0, 1, 0), 7))
		if w.see(w.seg('<', "AP", 2+offered, 1, 1)) {
			t.Error("data beyond the SYN's window fits")
		}
	})
	t.Run("the server speaks before the handshake is complete", func(t *testing.T) {
		w := newTCP(t)
		w.all(w.seg('>', "S", 0, 0, 0), w.seg('<', "SA", 0, 1, 0), w.seg('<', "AP", 1, 1, 1000), w.seg('<', "AP", 1001, 1, 1000))
	})
	t.Run("a closed window does not make what was sent before foreign", func(t *testing.T) {
		w := newTCP(t)
		w.open(-1, -1)
		w.all(w.seg('>', "AP", 1, 1, 8000), offering(w.seg('<', "A", 1, 8001, 0), 0), w.seg('>', "AP", 1, 1, 100), w.seg('>', "AP", 8001, 1, 1))
	})
	t.Run("a late ACK closes no window", func(t *testing.T) {
		w := newTCP(t)
		w.open(-1, -1)
		w.all(w.seg('>', "AP", 1, 1, 8000), w.seg('<', "A", 1, 8001, 0), w.seg('<', "A", 1, 1, 0), w.seg('>', "AP", 8001, 1, offered), w.seg('>', "AP", 8001+offered-1, 1, 1))
	})
	t.Run("an ACK that is later than its small window", func(t *testing.T) {
		w := newTCP(t)
		w.open(-1, -1)
		for i := range uint32(10) {
			w.all(w.seg('<', "AP", 1+5000*i, 1, 5000), w.seg('>', "A", 1, 5001+5000*i, 0))
		}
		w.all(w.seg('>', "A", 1, 5001, 0))
	})
	t.Run("picked up at the SYN-ACK", func(t *testing.T) {
		w := newTCP(t)
		w.all(scaled(w.seg('<', "SA", 0, 1, 0), 7), w.seg('>', "A", 1, 1, 0), w.seg('<', "A", 1, 1, 0))
		w.all(w.seg('>', "AP", 1+offered<<7, 1, 1)) // the client's scale is not known
		w.all(w.seg('<', "AP", 1+offered<<14, 1, 1))
	})
	t.Run("a lone reset tells nothing", func(t *testing.T) {
		w := newTCP(t)
		w.all(w.seg('>', "R", 7, 0, 0), w.seg('>', "A", 1<<30, 1, 0), w.seg('<', "A", 3<<29, 1<<30, 0))
	})
	t.Run("the opener's reset before any answer", func(t *testing.T) {
		for seq, want := range map[uint32]State{0: TCPSynSent, 1: TCPClosed} {
			w := newTCP(t)
			w.all(w.seg('>', "S", 0, 0, 0))
			w.see(w.seg('>', "R", seq, 0, 0))
			if f := w.flow(); f.State() != want {
				t.Errorf("with number %d: %v, want %v", seq, f.State(), want)
			}
		}
	})
}

// TestUntrackedFlowsHaveNoWindows: AWS tracks nothing of them. One that comes to
// be tracked is picked up in its middle.
func TestUntrackedFlowsHaveNoWindows(t *testing.T) {
	w := newTCP(t)
	w.open(-1, -1)
	w.Revise(w.now, func(_ *Flow, sides *[2]SideState) bool {
		*sides = [2]SideState{Untracked, Untracked}
		return true
	})
	w.all(w.seg('>', "AP", 1<<30, 1<<30, 10))
	if f := w.flow(); (f.sides[Low].marks | f.sides[High].marks).has(seen) {
		t.Errorf("windows are still known: %+v", f.sides)
	}
	shard, hash := w.Lock(&w.key)
	shard.SetSide(shard.Find(&w.key, hash, w.now), Low, lowInterface, Tracked, w.now)
	shard.Unlock()
	w.all(w.seg('>', "AP", 1<<30+10, 1<<30, 10), w.seg('<', "A", 1<<30, 1<<30+20, 0))
	if w.see(w.seg('>', "AP", 3<<30, 1<<30, 10)) {
		t.Error("data from afar fits the flow that is tracked again")
	}
}
