package stack

import "testing"

// FuzzParse holds Parse against what its readers rely on, for any bytes at
// all. Its seeds are in testdata/fuzz/FuzzParse; each is tried as it is and
// with its length and checksum mended, so that the fuzzer gets past them.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 65535 {
			return
		}
		try(t, b)
		mended := append([]byte(nil), b...)
		if shorten(mended) {
			try(t, mended)
		}
	})
}

func try(t *testing.T, b []byte) {
	before := string(b)
	var p, again Packet
	problem := p.Parse(b)
	if int(problem) >= Problems || problem.String() == "" {
		t.Errorf("an unknown problem %d", problem)
	}
	if string(b) != before {
		t.Error("Parse changed the packet")
	}
	if again.Parse(b) != problem || again != p {
		t.Error("twice the same bytes, two results")
	}
	if problem != Parsed {
		if p.HasTransport {
			t.Errorf("%v, but HasTransport", problem)
		}
		return
	}
	checkInvariants(t, &p, b)
	if p.TTL == 0 {
		return
	}
	p.DecrementTTL(b)
	if problem := again.Parse(b); problem != Parsed {
		t.Errorf("after DecrementTTL: %v", problem)
	}
	if again.TTL != p.TTL-1 {
		t.Errorf("DecrementTTL made %d of %d", again.TTL, p.TTL)
	}
	again.TTL = p.TTL
	if again != p {
		t.Errorf("DecrementTTL changed more than the TTL: %+v, then %+v", p, again)
	}
}
