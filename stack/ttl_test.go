package stack

import (
	"encoding/binary"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// TestDecrementTTLKeepsTheChecksum goes through every TTL that there is a hop
// left in, and through every checksum that a header can have: the id field
// takes all values, and the checksum with it, at the ends and in the middle of
// the TTLs; at the others, some.
func TestDecrementTTLKeepsTheChecksum(t *testing.T) {
	b := v4{protocol: udpNo, payload: udpDatagram(1, 2, "")}.bytes()
	h := header.IPv4(b)
	seen := make([]bool, 1<<16)
	var p Packet
	for ttl := 1; ttl <= 255; ttl++ {
		h.SetTTL(uint8(ttl))
		h.SetID(0)
		sealIPv4(b)
		whole := h.Checksum()
		step := 251
		if ttl <= 2 || ttl == 64 || ttl == 128 || ttl >= 254 {
			step = 1
		}
		for id := 0; id < 1<<16; id += step {
			// Change the id, and the checksum by the rule of RFC 1624: faster
			// than to add the header up again, and Parse checks it.
			h.SetID(uint16(id))
			sum := uint32(^whole&0xffff) + uint32(id)
			h.SetChecksum(^uint16(sum + sum>>16))
			seen[h.Checksum()] = true

			h.SetTTL(uint8(ttl))
			if problem := p.Parse(b); problem != Parsed {
				t.Fatalf("TTL %d, id %d, before: %v", ttl, id, problem)
			}
			p.DecrementTTL(b)
			if problem := p.Parse(b); problem != Parsed {
				t.Fatalf("TTL %d, id %d: %v", ttl, id, problem)
			}
			if int(p.TTL) != ttl-1 {
				t.Fatalf("TTL %d became %d", ttl, p.TTL)
			}
		}
	}
	for sum, ok := range seen {
		// 0xffff is not among them: the sum of a header is never zero.
		if !ok && sum != 0xffff {
			t.Errorf("no header had the checksum %#04x", sum)
		}
	}
}

func TestDecrementTTLTouchesNothingElse(t *testing.T) {
	for name, b := range samples() {
		var p Packet
		if problem := p.Parse(b); problem != Parsed {
			t.Fatal(problem)
		}
		want := append([]byte(nil), b...)
		if p.IPv6 {
			want[7]--
		} else {
			want[8]--
			sealIPv4(want)
		}
		p.DecrementTTL(b)
		if string(b) != string(want) {
			t.Errorf("%s:\n got % x\nwant % x", name, b, want)
		}
	}
}

// A checksum that the sender stored as 0xffff instead of 0, as some do, stays
// valid too.
func TestDecrementTTLFromNegativeZero(t *testing.T) {
	b := v4{protocol: udpNo, payload: udpDatagram(1, 2, "")}.bytes()
	h := header.IPv4(b)
	h.SetID(0)
	sealIPv4(b)
	h.SetID(h.Checksum()) // what is missing to a checksum of 0
	binary.BigEndian.PutUint16(b[10:], 0xffff)
	var p Packet
	if problem := p.Parse(b); problem != Parsed {
		t.Fatalf("before: %v", problem)
	}
	p.DecrementTTL(b)
	if problem := p.Parse(b); problem != Parsed {
		t.Errorf("after: %v, checksum % x", problem, b[10:12])
	}
}
