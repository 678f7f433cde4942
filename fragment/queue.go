package fragment

// A datagram stands in two queues, both by age: that of the table, for the
// timeout, and that of its sender, for evictions.
const (
	ofTable = iota
	ofOwner
	queues
)

// links are a datagram's neighbours in one queue.
type links struct{ older, younger *datagram }

// queue is a list of datagrams, the oldest first, linked through themselves.
type queue struct {
	kind             int // ofTable or ofOwner
	oldest, youngest *datagram
}

// push makes d, which must never have been in the queue, the youngest.
func (q *queue) push(d *datagram) {
	d.links[q.kind].older = q.youngest
	if q.youngest == nil {
		q.oldest = d
	} else {
		q.youngest.links[q.kind].younger = d
	}
	q.youngest = d
}

func (q *queue) remove(d *datagram) {
	l := d.links[q.kind]
	if l.older == nil {
		q.oldest = l.younger
	} else {
		l.older.links[q.kind].younger = l.younger
	}
	if l.younger == nil {
		q.youngest = l.older
	} else {
		l.younger.links[q.kind].older = l.older
	}
}
