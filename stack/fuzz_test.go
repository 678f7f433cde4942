package stack

import (
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

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
			mendUDP(mended)
			try(t, mended)
		}
	})
}

// mendUDP makes the length field of UDP right, if that is all that is wrong.
func mendUDP(b []byte) {
	var p Packet
	if p.Parse(b) == BadLength && p.Protocol == udpNo && len(b) >= p.HeaderLen+header.UDPMinimumSize {
		header.UDP(b[p.HeaderLen:]).SetLength(uint16(len(b) - p.HeaderLen))
	}
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
	tryMethods(t, &p, b)
	if string(b) != before {
		t.Error("a method changed the packet")
	}
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

// tryMethods holds the methods that look into the packet against other ways to
// know the same.
func tryMethods(t *testing.T, p *Packet, b []byte) {
	if shift, ok := p.WindowScale(b); shift > header.MaxWndScale || ok && p.TCPFlags&header.TCPFlagSyn == 0 {
		t.Errorf("window scale %d, %v", shift, ok)
	}
	if got, want := p.TransportChecksumValid(b), sumsUp(p, b); got != want {
		t.Errorf("the transport checksum is valid: %v, want %v", got, want)
	}
	if q, ok := p.Quoted(b); ok && (!p.IsICMPError() || q.Src.Is6() != p.IPv6 || q.Dst.Is6() != p.IPv6 || q.HasPorts && q.IsQuery) {
		t.Errorf("%+v quotes %+v", p, q)
	} else if !ok && q != (Quote{}) {
		t.Errorf("no quote, but %+v", q)
	}
	// What Parse said of the packet, an error about it says too.
	quoted := b[:min(len(b), 1232)]
	e, message := parsed(t, errorAbout(quoted))
	checkQuote(t, e, message, p, len(quoted))
}

// sumsUp adds up the transport checksum in gVisor's own way.
func sumsUp(p *Packet, b []byte) bool {
	t := b[p.HeaderLen:]
	switch {
	case !p.HasTransport || p.Fragment:
		return true
	case p.Protocol == udpNo && header.UDP(t).Checksum() == 0:
		return !p.IPv6
	}
	return checksum.Checksum(t, pseudoSum(p, len(t))) == 0xffff
}
