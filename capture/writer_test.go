package capture

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/stack"
)

// TestAsReceived undoes what a router does to a packet, of all sorts of headers.
func TestAsReceived(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		p := ping("10.0.1.10", "10.0.1.20")
		h := header.IPv4(p)
		h.SetTTL(uint8(1 + random.IntN(255)))
		h.SetID(uint16(random.Uint32()))
		h.SetChecksum(0)
		h.SetChecksum(^h.CalculateChecksum())
		checkAsReceived(t, p)
	}
	checkAsReceived(t, ping("fd00:10:0:1::10", "fd00:10:0:1::20"))
}

func checkAsReceived(t *testing.T, sent []byte) {
	t.Helper()
	var p stack.Packet
	if problem := p.Parse(sent); problem != stack.Parsed {
		t.Fatal(problem)
	}
	left := bytes.Clone(sent)
	p.DecrementTTL(left)
	if got := asReceived(bytes.Clone(left), p.TTL); !bytes.Equal(got, sent) {
		t.Fatalf("sent %x\nleft %x\ngot  %x", sent, left, got)
	}
	for n := range len(sent) { // what was cut is not made up
		if got := asReceived(bytes.Clone(left[:n]), p.TTL); len(got) != n {
			t.Fatalf("%d bytes became %d", n, len(got))
		}
	}
	if got := asReceived(bytes.Clone(sent), p.TTL); !bytes.Equal(got, sent) {
		t.Fatal("a packet that has its TTL still is changed")
	}
}

// TestLostSince is about a device that is opened anew.
func TestLostSince(t *testing.T) {
	var i ngInterface
	for _, c := range []struct{ lost, want uint64 }{{0, 0}, {3, 3}, {3, 0}, {10, 7}, {2, 2}, {5, 3}} {
		if got := i.lostSince(c.lost); got != c.want {
			t.Errorf("%d in all: %d since the last packet, want %d", c.lost, got, c.want)
		}
	}
}
