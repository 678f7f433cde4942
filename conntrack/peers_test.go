package conntrack

import (
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/epoch"
)

// peer is one end of a TCP connection that keeps RFC 9293. All but the buffer
// are sequence numbers.
type peer struct {
	unacked, next uint32            // of what it sends
	limit         uint32            // how far the other lets it
	received      uint32            // of the other's: the next that it waits for
	ahead         map[uint32]uint32 // what came before its turn: number to length
	edge          uint32            // how far it has let the other; never taken back
	buffer        uint32            // bytes that it can take now
	scale         uint8
}

// make returns a segment of the peer's and remembers what it offers by it.
func (p *peer) make(flags header.TCPFlags, seq uint32, payload int) Segment {
	shift := p.scale
	if flags&header.TCPFlagSyn != 0 {
		shift = 0
	}
	window := p.buffer
	if open := int32(p.edge - p.received); open > 0 {
		window = max(window, uint32(open))
	}
	field := min(window>>shift, 0xffff)
	p.edge = later(p.edge, p.received+field<<shift)
	g := Segment{Packets: 1, Bytes: 40 + payload, Flags: flags, Seq: seq, Ack: p.received, Window: uint16(field), Payload: payload}
	g.HasScale, g.Scale = flags&header.TCPFlagSyn != 0 && p.scale > 0, p.scale
	return g
}

// take receives a segment of the other's.
func (p *peer) take(g Segment, otherScale uint8) {
	if g.has(header.TCPFlagSyn) {
		otherScale = 0
	}
	if g.has(header.TCPFlagAck) {
		p.unacked = later(p.unacked, g.Ack)
		p.limit = later(p.limit, g.Ack+uint32(g.Window)<<otherScale)
	}
	if g.end() != g.Seq {
		p.ahead[g.Seq] = max(p.ahead[g.Seq], g.end()-g.Seq)
	}
	for again := true; again; {
		again = false
		for seq, n := range p.ahead {
			if !before(p.received, seq) {
				p.received = later(p.received, seq+n)
				delete(p.ahead, seq)
				again = true
			}
		}
	}
}

// talk is a connection between two peers through a gateway. Either link to it
// may lose packets.
type talk struct {
	*world
	rt    *rapid.T
	key   Key
	peers [2]peer // client, server
	ends  [2]End
	queue [2][]Segment // on their way to the gateway, by sender
}

func newTalk(rt *rapid.T) *talk {
	table, err := New(100, testTimeouts(), new(epoch.Domain))
	if err != nil {
		rt.Fatal(err)
	}
	t := &talk{world: &world{Table: table, now: int64(time.Hour)}, rt: rt}
	var client End
	t.key, client = tcp(1).key()
	t.ends = [2]End{client, client.Opposite()}
	scaled := rapid.Bool().Draw(rt, "scaled")
	for i := range t.peers {
		p := &t.peers[i]
		if scaled {
			p.scale = uint8(rapid.IntRange(1, 14).Draw(rt, "scale"))
		}
		p.ahead = make(map[uint32]uint32)
		p.unacked = rapid.Uint32().Draw(rt, "isn")
		p.next = p.unacked + 1
		p.buffer = uint32(rapid.IntRange(1, 0xffff).Draw(rt, "buffer")) << p.scale
	}
	t.peers[0].received, t.peers[1].received = t.peers[1].unacked, t.peers[0].unacked
	t.peers[0].edge, t.peers[1].edge = t.peers[0].received, t.peers[1].received
	t.peers[0].limit, t.peers[1].limit = t.peers[0].next, t.peers[1].next
	for _, step := range []struct {
		from  int
		flags string
	}{{0, "S"}, {1, "SA"}, {0, "A"}} {
		p := &t.peers[step.from]
		seq := p.next
		if flags := tcpFlags(step.flags); flags&header.TCPFlagSyn != 0 {
			seq = p.unacked
		}
		g := p.make(tcpFlags(step.flags), seq, 0)
		t.pass(step.from, g)
		t.peers[1-step.from].take(g, p.scale)
	}
	return t
}

// pass hands a segment to the gateway, which has no rule for the server's. It
// reports whether the gateway lets it through.
func (t *talk) pass(from int, g Segment) bool {
	g.From = t.ends[from]
	shard, hash := t.Lock(&t.key)
	defer shard.Unlock()
	f := shard.Find(&t.key, hash, t.now)
	switch {
	case f == nil && from == 1:
		return false // as it should be
	case f == nil:
		shard.Open(&t.key, hash, &g, bothTrack, t.now)
	case shard.Fits(f, &g):
		shard.Update(f, &g, t.now)
	case from == 1:
		t.rt.Fatalf("%+v does not fit %+v (peers %+v)", g, shard.Flow(f, t.now), t.peers)
	}
	return true
}

func (t *talk) send(from int, seq uint32, payload int) {
	t.queue[from] = append(t.queue[from], t.peers[from].make(header.TCPFlagAck, seq, payload))
}

// arrive takes the next packet of a sender's through the gateway, if it is not
// lost before or behind it.
func (t *talk) arrive(from int) {
	if len(t.queue[from]) == 0 {
		return
	}
	g := t.queue[from][0]
	t.queue[from] = t.queue[from][1:]
	lost := func(where string) bool { return rapid.IntRange(0, 9).Draw(t.rt, where) == 0 }
	if !lost("lost before the gateway") && t.pass(from, g) && !lost("lost behind it") {
		t.peers[1-from].take(g, t.peers[from].scale)
	}
}

// act has one of the peers do what it may.
func (t *talk) act(i int) {
	p := &t.peers[i]
	switch rapid.IntRange(0, 9).Draw(t.rt, "act") {
	case 0, 1: // new data
		if room := int(int32(p.limit - p.next)); room > 0 {
			n := rapid.IntRange(1, min(room, 65000)).Draw(t.rt, "bytes")
			t.send(i, p.next, n)
			p.next += uint32(n)
		}
	case 2: // some of what is not acknowledged, again
		if n := int(int32(p.next - p.unacked)); n > 0 {
			t.send(i, p.unacked, rapid.IntRange(1, min(n, 65000)).Draw(t.rt, "bytes"))
		}
	case 3:
		t.send(i, p.next, 0)
	case 4: // keepalive
		if p.unacked == p.next {
			t.send(i, p.next-1, 0)
		}
	case 5: // probe of a closed window
		if p.limit == p.next {
			t.send(i, p.unacked-1, 0)
		}
	case 6: // its program reads, or does not
		p.buffer = uint32(rapid.IntRange(0, 0xffff).Draw(t.rt, "buffer")) << p.scale
		t.send(i, p.next, 0)
	default:
		t.arrive(i)
		t.arrive(1 - i)
	}
}

// TestConformingPeersAlwaysFit: nothing that two peers send to each other, over
// links that lose packets, is taken for foreign.
func TestConformingPeersAlwaysFit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		talk := newTalk(rt)
		for range rapid.IntRange(1, 150).Draw(rt, "steps") {
			talk.act(rapid.IntRange(0, 1).Draw(rt, "who"))
		}
	})
}

// TestForgottenConnectionsGoOn: the same after the flow was forgotten, by a
// restart, an idle timeout or by being cut. The client's next segment, whatever
// it is, makes it anew.
func TestForgottenConnectionsGoOn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		talk := newTalk(rt)
		steps := rapid.IntRange(1, 150).Draw(rt, "steps")
		forgotten := rapid.IntRange(0, steps).Draw(rt, "forgotten")
		for step := range steps {
			if step == forgotten {
				talk.Revise(talk.now, func(*Flow, *[2]SideState) bool { return false })
			}
			talk.act(rapid.IntRange(0, 1).Draw(rt, "who"))
		}
	})
}
