package gateway

import "time"

// lingerFor is how long a worker goes on looking for packets before it sleeps,
// if it does at all: about as long as it takes to be woken, twice.
const lingerFor = 100 * time.Microsecond

// idleness predicts from what was last whether the next packet is so near that
// to sleep takes longer than to wait for it.
type idleness struct {
	never bool // no processor is left for those who are waited for
	far   bool // the last gap between packets was long
}

// newIdleness returns that of one of several workers. If all processors may have
// a worker that lingers, those who are to answer have to wait for them.
func newIdleness(processors, workers int) idleness { return idleness{never: processors <= workers} }

// noteGap takes how long, in ns, nothing came.
func (i *idleness) noteGap(ns int64) { i.far = ns > 2*int64(lingerFor) }

// linger returns how long to go on looking before sleeping. A device that has a
// packet now and then must not keep a processor busy.
func (i *idleness) linger() time.Duration {
	if i.never || i.far {
		return 0
	}
	return lingerFor
}
