package fragment

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/stack"
)

// model is a table written for plainness: no counts that are kept, no order but
// that of a list, and every byte of data looked at by itself.
type model struct {
	limits    Limits
	datagrams []*modelDatagram // oldest first
	losses    []loss
}

type modelDatagram struct {
	key   modelKey
	owner Owner
	born  int64
	dead  bool
	held  []op // in the order in which they came
}

type modelKey struct {
	owner uint8
	ipv6  bool
	id    uint8
}

// op is one step of a script: a piece, or time that passes, or an interface
// that goes.
type op struct {
	modelKey
	start  int
	length int
	more   bool
	proto  uint8 // one of two
	fill   uint8 // so that data differ

	isTime bool
	wait   time.Duration
	expire bool
	delete bool
}

// opBytes is how many bytes of a script make one op.
const opBytes = 4

// readOp makes any bytes an op. Most are pieces that fit together: 16 bytes at
// one of a few places, as many as the id says.
func readOp(b []byte) op {
	o := op{modelKey: modelKey{owner: b[0] & 3, ipv6: b[0]&4 != 0, id: b[1] & 3}, proto: protoXNS, length: 16}
	if b[0]&0xf8 == 0xf8 {
		o.isTime, o.wait = true, time.Duration(b[3])*100*time.Millisecond
		o.expire, o.delete = b[2]&1 != 0, b[2]&6 == 6
		return o
	}
	places := [...]int{2, 4, 8, 5}[o.id]
	place := int(b[2]) % places
	o.start, o.more = 16*place, place < places-1
	switch b[3] { // mostly something else
	case 0:
		o.proto++
	case 1:
		o.fill++
	case 2:
		o.start = min(65472+o.start, 65528) // the last there is
	case 3:
		o.length += 1 + int(b[1]>>5)
	case 4:
		o.length = 0
	case 5:
		o.more = !o.more
	case 6:
		o.start += 8
	case 7:
		o.length += 16
	case 8:
		o.length -= 8
	}
	return o
}

func (o op) sender() Owner { return Owner{Interface: uint32(o.owner) + 1, VPC: 1} }

// at is the byte of the datagram's data at an offset.
func (o op) at(i int) byte { return byte(i/8) + o.id + o.fill }

func (o op) packet() []byte {
	r := raw{ipv6: o.ipv6, id: uint32(o.id), protocol: o.proto, offset: o.start, more: o.more}
	for i := range o.length {
		r.data = append(r.data, o.at(o.start+i))
	}
	if o.id == 3 { // these have something between the headers
		r.options, r.before = []byte{148, 4, 0, 0}, []extension{options(hopByHop, 2)}
	}
	return r.bytes()
}

func (m *model) lose(d *modelDatagram, why Problem) {
	if len(d.held) > 0 {
		size := 0
		for _, o := range d.held {
			size += len(o.packet())
		}
		m.losses = append(m.losses, loss{d.owner, why.String(), len(d.held), size})
	}
	d.held, d.dead = nil, true
}

func (m *model) remove(d *modelDatagram, why Problem) {
	m.lose(d, why)
	m.datagrams = slices.DeleteFunc(m.datagrams, func(o *modelDatagram) bool { return o == d })
}

func (m *model) expire(now int64) {
	for _, d := range slices.Clone(m.datagrams) {
		if now >= d.born+int64(m.limits.Timeout) {
			m.remove(d, Timeout)
		}
	}
}

// memory is what a sender's datagrams take, or all of them.
func (m *model) memory(of func(Owner) bool) int {
	sum := 0
	for _, d := range m.datagrams {
		if of(d.owner) {
			sum += DatagramOverhead
			for _, o := range d.held {
				sum += PieceOverhead + len(o.packet())
			}
		}
	}
	return sum
}

func all(Owner) bool { return true }

func is(owner Owner) func(Owner) bool { return func(o Owner) bool { return o == owner } }

func (m *model) room(owner Owner, memory int, keep *modelDatagram) bool {
	if memory > m.limits.OwnerBytes {
		return false
	}
	for m.memory(is(owner))+memory > m.limits.OwnerBytes {
		if !m.evict(owner, keep) {
			return false
		}
	}
	for m.memory(all)+memory > m.limits.Bytes {
		greatest := Owner{}
		for n := range uint32(4) {
			if o := (Owner{Interface: n + 1, VPC: 1}); greatest == (Owner{}) || m.memory(is(o)) > m.memory(is(greatest)) {
				greatest = o
			}
		}
		if !m.evict(greatest, keep) {
			return false
		}
	}
	return true
}

func (m *model) evict(owner Owner, keep *modelDatagram) bool {
	for _, d := range m.datagrams {
		if d.owner == owner && d != keep {
			m.remove(d, Limit)
			return true
		}
	}
	return false
}

// add returns the result in short, and a complete datagram's data.
func (m *model) add(o op, now int64) (string, []byte) {
	m.expire(now)
	at := slices.IndexFunc(m.datagrams, func(d *modelDatagram) bool { return d.key == o.modelKey })
	if at < 0 {
		if !m.room(o.sender(), DatagramOverhead, nil) {
			return Limit.String(), nil
		}
		at = len(m.datagrams)
		m.datagrams = append(m.datagrams, &modelDatagram{key: o.modelKey, owner: o.sender(), born: now})
	}
	d := m.datagrams[at]
	problem := m.problem(d, o)
	if problem == NoProblem {
		if data := complete(append(d.held[:len(d.held):len(d.held)], o)); data != nil {
			m.datagrams = slices.DeleteFunc(m.datagrams, func(x *modelDatagram) bool { return x == d })
			return Complete.String(), data
		}
		if !m.room(d.owner, PieceOverhead+len(o.packet()), d) {
			problem = Limit
		}
	}
	switch problem {
	case NoProblem:
		d.held = append(d.held, o)
		return Held.String(), nil
	case Dead, Duplicate:
	default:
		m.lose(d, problem)
	}
	return problem.String(), nil
}

// problem looks for what speaks against a piece, in the order of the table.
func (m *model) problem(d *modelDatagram, o op) Problem {
	if d.dead {
		return Dead
	}
	if o.length == 0 || o.more && o.length%8 != 0 {
		return BadPiece
	}
	end, between := o.start+o.length, 20
	if o.id == 3 {
		between = 24
	}
	if o.ipv6 {
		between -= 20
		if o.id == 3 {
			between = 16
		}
	}
	if end+between > 65535 {
		return TooLong
	}
	for _, h := range d.held {
		if h.proto != o.proto {
			return ChangedHeader
		}
	}
	if slices.Contains(d.held, o) {
		return Duplicate
	}
	bytes := coverage(d.held)
	for i := o.start; i < end; i++ {
		if _, there := bytes[i]; there {
			return Overlap
		}
	}
	for _, h := range d.held {
		if !h.more && o.start > h.start || !o.more && h.start > o.start {
			return BadEnd
		}
	}
	if len(d.held) == m.limits.Pieces {
		return TooManyPieces
	}
	return NoProblem
}

// coverage is every byte that pieces have, by its offset.
func coverage(pieces []op) map[int]byte {
	bytes := make(map[int]byte)
	for _, h := range pieces {
		for i := h.start; i < h.start+h.length; i++ {
			bytes[i] = h.at(i)
		}
	}
	return bytes
}

// complete returns the data of pieces of which none is missing, or nil.
func complete(pieces []op) []byte {
	end := -1
	for _, h := range pieces {
		if !h.more {
			end = h.start + h.length
		}
	}
	var data []byte
	bytes := coverage(pieces)
	for i := range end {
		b, there := bytes[i]
		if !there {
			return nil
		}
		data = append(data, b)
	}
	return data
}

// readLimits makes limits of the first opBytes bytes of a script, small ones, so
// that the rest meets them.
func readLimits(b []byte) Limits {
	owner := 1000 + 24*int(b[0])
	return Limits{Bytes: owner + 64*int(b[1]), OwnerBytes: owner, Pieces: 2 + int(b[2]&7), Timeout: 30 * time.Second}
}

// runScript does what a script says to a table and to the model, and compares
// them after each step. It returns how often each result came.
func runScript(t testing.TB, script []byte) map[string]int {
	t.Helper()
	seen := make(map[string]int)
	if len(script) < opBytes {
		return seen
	}
	limits := readLimits(script)
	w, m := newWorld(t, limits), &model{limits: limits}
	for script = script[opBytes:]; len(script) >= opBytes; script = script[opBytes:] {
		o := readOp(script)
		w.losses, m.losses = nil, nil
		switch {
		case o.isTime:
			stepTime(w, m, o)
		case o.start == 0 && (!o.more || o.length == 0): // no fragment, or a tiny one
		default:
			seen[stepPiece(w, m, o)]++
		}
		if diff := cmp.Diff(w.losses, m.losses); diff != "" {
			t.Fatalf("%+v: losses (-got +want):\n%s", o, diff)
		}
		checkAccounts(w, m)
	}
	w.Expire(w.now + int64(limits.Timeout))
	w.empty()
	return seen
}

func stepPiece(w *world, m *model, o op) string {
	w.t.Helper()
	r := w.add(o.sender(), o.packet())
	want, data := m.add(o, w.now)
	if word(r) != want {
		w.t.Fatalf("%+v: %s, want %s", o, word(r), want)
	}
	if r.Outcome != Complete {
		return want
	}
	var p stack.Packet
	if problem := p.Parse(r.Whole); problem != stack.Parsed || p.Fragment {
		w.t.Fatalf("the whole % x: %v, a fragment %t", r.Whole, problem, p.Fragment)
	}
	if diff := cmp.Diff(r.Whole[p.HeaderLen:], data); diff != "" || p.Protocol != o.proto || p.TTL != 64 {
		w.t.Fatalf("whole, of protocol %d and TTL %d (-got +want):\n%s", p.Protocol, p.TTL, diff)
	}
	return want
}

func stepTime(w *world, m *model, o op) {
	w.pass(o.wait)
	if o.expire {
		w.Expire(w.now)
		m.expire(w.now)
	}
	if o.delete {
		w.DeleteInterface(o.sender().Interface)
		for m.memory(is(o.sender())) > 0 {
			d := m.datagrams[slices.IndexFunc(m.datagrams, func(d *modelDatagram) bool { return d.owner == o.sender() })]
			m.remove(d, Detached)
		}
	}
}

// checkAccounts holds that what the table counts is what is there, and is
// within its limits.
func checkAccounts(w *world, m *model) {
	w.t.Helper()
	if got, want := w.memory, m.memory(all); got != want || got > w.limits.Bytes {
		w.t.Fatalf("%d bytes of memory, want %d, at most %d", got, want, w.limits.Bytes)
	}
	for n := range uint32(4) {
		owner := Owner{Interface: n + 1, VPC: 1}
		var got, want [3]int
		got[0], got[1] = w.Held(owner)
		if h := w.owners[owner]; h != nil {
			got[2] = h.memory
		}
		want[2] = m.memory(is(owner))
		for _, d := range m.datagrams {
			if d.owner != owner {
				continue
			}
			want[0] += len(d.held)
			for _, o := range d.held {
				want[1] += len(o.packet())
			}
		}
		if got != want || got[2] > w.limits.OwnerBytes {
			w.t.Fatalf("%v: pieces, bytes, memory are %v, want %v, at most %d", owner, got, want, w.limits.OwnerBytes)
		}
	}
	if len(w.datagrams) != len(m.datagrams) || len(w.holders) != len(w.owners) {
		w.t.Fatalf("%d datagrams, want %d; %d holders of %d", len(w.datagrams), len(m.datagrams), len(w.holders), len(w.owners))
	}
}
