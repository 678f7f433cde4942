// Package epoch tells when nobody uses any more what has been taken away.
//
// Readers use shared data without a lock, between [Reader.Enter] and
// [Reader.Leave]. Who takes something out of that data, so that no reader comes
// upon it from then on, may free it or use it again once every reader that was
// inside then has left: [Domain.Synchronize] waits for that,
// [Domain.Stamp] and [Domain.Passed] ask for it.
//
// This is epoch-based reclamation (K. Fraser, "Practical lock-freedom", 2004,
// section 5.2.3), except that here a writer advances the epoch.
//
// The package imports nothing else of this project.
package epoch

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Domain is shared data's readers. The zero value has none. Its methods may be
// called by several goroutines at once.
type Domain struct {
	now     atomic.Uint64 // the epoch; it grows with each stamp
	mu      sync.Mutex    // guards changes of readers
	readers atomic.Pointer[[]*Reader]
}

// Reader is one goroutine's way into a domain. Only that goroutine may call its
// methods.
type Reader struct {
	_      [64]byte // no other data shares the cache line that Enter writes
	inside atomic.Uint64
	domain *Domain
	_      [64]byte
}

// NewReader returns a new reader, outside. A domain keeps its readers for good.
func (d *Domain) NewReader() *Reader {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &Reader{domain: d}
	readers := slices.Concat(d.all(), []*Reader{r})
	d.readers.Store(&readers)
	return r
}

func (d *Domain) all() []*Reader {
	if readers := d.readers.Load(); readers != nil {
		return *readers
	}
	return nil
}

// Enter begins a use of the shared data. A reader that is inside must leave
// before it enters again.
func (r *Reader) Enter() { r.inside.Store(r.domain.now.Load() + 1) } // 0 is outside

// Leave ends the use. Nothing that was found inside may be used from then on.
func (r *Reader) Leave() { r.inside.Store(0) }

// Stamp is a moment in the life of a domain.
type Stamp uint64

// Stamp returns the present moment.
func (d *Domain) Stamp() Stamp { return Stamp(d.now.Add(1)) }

// Passed reports whether every reader that was inside at that moment has left
// since. It is true at once where there was none.
func (d *Domain) Passed(s Stamp) bool {
	for _, r := range d.all() {
		// Who entered after the stamp has read an epoch that is not less.
		if inside := r.inside.Load(); inside != 0 && inside <= uint64(s) {
			return false
		}
	}
	return true
}

// Synchronize returns once every reader that is inside now has left. A reader
// must not call it while it is inside.
func (d *Domain) Synchronize() {
	for s := d.Stamp(); !d.Passed(s); {
		time.Sleep(20 * time.Microsecond)
	}
}
