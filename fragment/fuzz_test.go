package fragment

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sgate/sgate/stack"
)

// FuzzTable runs random scripts on a table and on a plain model of it (see
// readOp), then hands over a packet of any bytes. Its seeds are in
// testdata/fuzz/FuzzTable.
func FuzzTable(f *testing.F) {
	f.Fuzz(func(t *testing.T, script, packet []byte) {
		if len(script) > 200*opBytes {
			return
		}
		runScript(t, script)
		addAnything(t, packet)
	})
}

// addAnything hands over a packet, and once more with its IPv4 checksum mended.
// Whatever Parse finds, nothing may panic; what it takes for a good fragment has
// an end, an outcome and no more than its memory.
func addAnything(t *testing.T, packet []byte) {
	t.Helper()
	table, err := New(DefaultLimits(), nil)
	if err != nil {
		t.Fatal(err)
	}
	mended := append([]byte(nil), packet...)
	if len(mended) >= 20 && mended[0] == 0x45 { // no options
		sealIPv4(mended)
	}
	for _, b := range [][]byte{packet, mended} {
		var p stack.Packet
		problem := p.Parse(b)
		r := table.Add(alice, &p, b, int64(time.Hour))
		if r.Outcome == Complete {
			t.Errorf("one piece makes a datagram: % x", b)
		}
		if problem == stack.Parsed && p.Fragment != (r.Problem != NotAFragment) {
			t.Errorf("a fragment %t: %s", p.Fragment, word(r))
		}
	}
	table.Expire(int64(2 * time.Hour))
	(&world{Table: table, t: t}).empty()
}

// TestTableAgreesWithModel runs many random scripts, and holds that they meet
// every problem that they can.
func TestTableAgreesWithModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	seen := make(map[string]int)
	for range 600 {
		script := make([]byte, opBytes*(1+rng.IntN(150)))
		for i := range script {
			script[i] = byte(rng.Uint32())
		}
		for word, n := range runScript(t, script) {
			seen[word] += n
		}
	}
	for p := range Problem(Problems) {
		switch p {
		case NoProblem, NotAFragment, TinyFirst, Timeout, Detached: // not results of pieces, or not of these
			continue
		}
		if seen[p.String()] == 0 {
			t.Errorf("no piece was refused as %v: %v", p, seen)
		}
	}
	if seen["complete"] < 100 {
		t.Errorf("few datagrams were complete: %v", seen)
	}
	t.Logf("%v", seen)
}
