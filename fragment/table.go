package fragment

import (
	"sync"

	"github.com/sgate/sgate/stack"
)

// Table holds the pieces of datagrams that are not complete. Its methods may be
// called by several goroutines at once.
type Table struct {
	limits  Limits
	dropped Dropped

	mu        sync.Mutex // one for all: fragments are rare
	now       int64      // the latest time that the table was told, ns
	datagrams map[key]*datagram
	byAge     queue // of all, as every datagram has the same timeout
	owners    map[Owner]*holder
	holders   holders // the same
	memory    int     // bytes, overheads included
}

// New returns an empty table. dropped may be nil.
func New(limits Limits, dropped Dropped) (*Table, error) {
	if err := limits.validate(); err != nil {
		return nil, err
	}
	if dropped == nil {
		dropped = func(Owner, Problem, int, int) {}
	}
	return &Table{
		limits: limits, dropped: dropped,
		datagrams: make(map[key]*datagram), byAge: queue{kind: ofTable}, owners: make(map[Owner]*holder),
	}, nil
}

// Add takes the piece in packet, which was parsed into p and sent by owner at
// now (ns). The caller keeps the packet; the table copies what it holds.
//
// Parse must have found no problem, and p.Fragment be true: atomic fragments
// (RFC 6946) never come here, and neither does a first piece without the whole
// chain of extension headers and the whole header of TCP, UDP or ICMP, options
// included (RFC 1858, RFC 7112), which Parse refuses.
//
// The piece alone is the caller's to count, by the result. The pieces that were
// held and are lost by it are told to the table's Dropped.
func (t *Table) Add(owner Owner, p *stack.Packet, packet []byte, now int64) Result {
	f, ok := readPiece(p, packet)
	if !ok {
		return Result{Problem: NotAFragment}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	d := t.datagram(key{owner: owner, src: p.Src, dst: p.Dst, id: p.FragmentID})
	if d == nil {
		return Result{Problem: Limit}
	}
	at, problem := t.check(d, p, &f)
	switch {
	case problem == Dead || problem == Duplicate:
		return Result{Problem: problem}
	case problem != NoProblem:
		t.kill(d, problem)
		return Result{Problem: problem}
	case d.completedBy(&f):
		return t.finish(d, at, &f)
	}
	return t.hold(d, at, &f)
}

// datagram returns the one with that key, a new one if there is none, or nil if
// there is no room for it.
func (t *Table) datagram(k key) *datagram {
	if d := t.datagrams[k]; d != nil {
		return d
	}
	if !t.makeRoom(k.owner, DatagramOverhead, nil) {
		return nil
	}
	d := &datagram{key: k, expires: t.now + int64(t.limits.Timeout)}
	o := t.holder(k.owner)
	t.datagrams[k] = d
	t.byAge.push(d)
	o.datagrams.push(d)
	t.charge(o, DatagramOverhead)
	return d
}

// check returns where in the datagram the piece belongs, or why it is refused.
func (t *Table) check(d *datagram, p *stack.Packet, f *piece) (int, Problem) {
	if d.dead {
		return 0, Dead
	}
	if fault := f.fault(p); fault != NoProblem {
		return 0, fault
	}
	if d.tooLong(f) {
		return 0, TooLong
	}
	if len(d.pieces) > 0 && !sameHeaders(&d.pieces[0], f) {
		return 0, ChangedHeader
	}
	at, problem := d.fit(f)
	if problem == NoProblem && len(d.pieces) == t.limits.Pieces {
		problem = TooManyPieces
	}
	return at, problem
}

// hold keeps a copy of the piece, if there is room for it.
func (t *Table) hold(d *datagram, at int, f *piece) Result {
	memory := len(f.packet) + PieceOverhead
	if !t.makeRoom(d.key.owner, memory, d) {
		t.kill(d, Limit)
		return Result{Problem: Limit}
	}
	d.insert(at, f)
	o := t.owners[d.key.owner]
	o.pieces++
	o.bytes += len(f.packet)
	t.charge(o, memory)
	return Result{Outcome: Held}
}

// finish hands a datagram over to the caller with its last missing piece, which
// needs no room any more.
func (t *Table) finish(d *datagram, at int, f *piece) Result {
	t.release(d)
	d.insert(at, f)
	t.forget(d)
	return Result{Outcome: Complete, Whole: d.whole(), Pieces: d.packets()}
}

// kill drops all that is held of a datagram. What remains makes later pieces
// die too, until its time is over.
func (t *Table) kill(d *datagram, why Problem) {
	if pieces := len(d.pieces); pieces > 0 {
		t.release(d)
		d.pieces = nil
		t.dropped(d.key.owner, why, pieces, d.size)
	}
	d.dead = true
}

// lose drops all that is held of a datagram and forgets that it was there.
func (t *Table) lose(d *datagram, why Problem) {
	t.kill(d, why)
	t.forget(d)
}

// release takes a datagram's pieces out of what is held. They stay in the
// datagram.
func (t *Table) release(d *datagram) {
	o := t.owners[d.key.owner]
	o.pieces -= len(d.pieces)
	o.bytes -= d.size
	t.charge(o, -d.size-len(d.pieces)*PieceOverhead)
}

// forget takes a datagram, whose pieces are no longer held, out of the table.
func (t *Table) forget(d *datagram) {
	o := t.owners[d.key.owner]
	delete(t.datagrams, d.key)
	t.byAge.remove(d)
	o.datagrams.remove(d)
	t.charge(o, -DatagramOverhead)
	if o.datagrams.oldest == nil {
		t.removeHolder(o)
	}
}

// Expire drops what has timed out by now (ns). Add does so too; this is for
// when no more pieces come.
func (t *Table) Expire(now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
}

// expire drops what has timed out. Threads may come with times out of order;
// the table's own never goes back, so that the oldest always expires first.
func (t *Table) expire(now int64) {
	t.now = max(t.now, now)
	for d := t.byAge.oldest; d != nil && d.expires <= t.now; d = t.byAge.oldest {
		t.lose(d, Timeout)
	}
}

// DeleteInterface drops what is held of the interface with that number, in any
// VPC, as Detached.
func (t *Table) DeleteInterface(number uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for owner, o := range t.owners {
		if owner.Interface != number {
			continue
		}
		for o.datagrams.oldest != nil {
			t.lose(o.datagrams.oldest, Detached)
		}
	}
}

// Held returns how many pieces are held of a sender, and the bytes of their
// packets.
func (t *Table) Held(owner Owner) (pieces, bytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o := t.owners[owner]; o != nil {
		return o.pieces, o.bytes
	}
	return 0, 0
}
