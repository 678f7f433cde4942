package conntrack

import (
	"testing"
	"time"
)

// TestASearchEnds where flows have once gone on from every word: who looks for a flow that is
// not there looks at each word once.
func TestASearchEnds(t *testing.T) {
	w := newWorld(t, 100)
	w.chooseHashes()
	s := &w.shards[0]
	at := func(n int, homes ...Hash) (flows []*Entry) {
		for i, home := range homes {
			h := home + Hash(n+i)*minWords
			key, _ := numbered(protoUDP, 1).key()
			key = hashed(key, h)
			flows = append(flows, s.insert(&key, h, Low, 0, w.now))
		}
		return flows
	}
	for _, e := range at(1, 0, 0, 0, 0, 1, 1, 1) { // the first two words overflow
		s.Delete(e)
	}
	at(10, 2, 2, 2, 3, 3, 3, 2) // and the others
	x := s.index()
	for i := range x.words {
		if x.words[i].Load()&wentOn == 0 {
			t.Fatalf("no flow has gone on from word %d of %d", i, len(x.words))
		}
	}
	key, _ := numbered(protoUDP, 1).key()
	key = hashed(key, 1)
	done := make(chan bool)
	go func() {
		defer close(done)
		if w.Find(&key, 1, w.now) != nil {
			t.Error("a flow is found that is not there")
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the search does not end")
	}
	at(20, 0) // the next newcomer has the words written anew
	if s.full == len(s.index().words) {
		t.Error("all searches go on to the end")
	}
}
