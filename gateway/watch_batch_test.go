package gateway

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/fragment"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// moody is a device that does not take packets from some ports.
type moody struct {
	*tun.Memory
	refuses map[uint16]bool // by source port
}

func (d *moody) WriteFrame(frame []byte) error {
	if d.refuses[header.UDP(frame[tun.HeaderLen+header.IPv4MinimumSize:]).SourcePort()] {
		return errBroken
	}
	return nil
}

// inBatch has a watched worker move frames of web's as one batch.
func (w *worker) inBatch(t *testing.T, frames ...[]byte) {
	t.Helper()
	web := w.gateway.Port("web")
	in := &queue{Memory: web.dev.(*still).Memory, frames: frames}
	if n, err := w.batch.Read(in, len(frames)); n != len(frames) || err != nil {
		t.Fatal(n, err)
	}
	v := w.gateway.view.Load()
	w.reader.Enter()
	defer w.reader.Leave()
	w.move(v, v.at(web.slot), len(frames))
}

func plain(packet []byte) []byte { return append(make([]byte, tun.HeaderLen), packet...) }

// fates are the events of a batch, in their order.
type fates []string

// Packet implements Watcher.
func (f *fates) Packet(e *Event) {
	port := uint16(0)
	if e.Packet != nil {
		port = e.Packet.SrcPort
	}
	*f = append(*f, fmt.Sprintf("%d %v x%d, %v, %v", port, e.Reason, e.Packets, e.Side(vpc.Egress).Answer, e.Side(vpc.Ingress).Answer))
}

// TestEventsOfABatch come in the order of its frames, and say which of them were not
// written, also where pieces come between.
func TestEventsOfABatch(t *testing.T) {
	w := quiet(t, twoTiers(t), "web", "app")
	app := w.gateway.Port("app")
	app.dev = &moody{Memory: app.dev.(*still).Memory, refuses: map[uint16]bool{2: true, 4: true, 5: true, 8: true, 9: true}}
	var all fates
	var s tally
	defer w.gateway.Watch(&all)()
	defer w.gateway.Watch(&s)()
	udp := func(port int) []byte { return plain(udpPacket(fmt.Sprintf("10.0.1.10:%d", port), "10.0.1.20:53", 'x')) }
	datagram := cut(udpPacket("10.0.1.10:6", "10.0.1.20:53", make([]byte, 100)...), 7, 64)
	refused := cut(udpPacket("10.0.1.10:9", "10.0.1.20:53", make([]byte, 100)...), 8, 64)
	super := gsoFrame(tcpPacket("10.0.1.10:8", "10.0.1.20:8080", header.TCPFlagAck, make([]byte, 3000)...), 1000)
	w.inBatch(t, udp(1), udp(2), plain(udpPacket("10.0.1.10:3", "10.0.1.20:99")), udp(4), udp(5),
		plain(datagram[0]), plain(datagram[1]), super, udp(7), plain(refused[0]), plain(refused[1]))
	want := fates{
		"1 rule x1, rule, rule", "2 write_failed x1, rule, rule", "3 no_ingress_rule x1, rule, no_rule", "4 write_failed x1, rule, rule", "5 write_failed x1, rule, rule",
		"6 rule x1, rule, rule", "6 rule x1, rule, rule", "8 write_failed x3, rule, rule", "7 rule x1, rule, rule",
		"9 write_failed x1, rule, rule", "9 rule x1, rule, rule", // its second piece is taken
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c := w.gateway.Port("web").Counters()
	if want := (tally{c.Forwarded, c.Local, c.Dropped, c.ReceivedBytes}); s != want {
		t.Errorf("shown (-counted +shown):\n%s", cmp.Diff(want, s, cmp.AllowUnexported(tally{})))
	}
}

// TestLostPiecesComeInTheirTurn: after what came before them.
func TestLostPiecesComeInTheirTurn(t *testing.T) {
	w := quiet(t, twoTiers(t), "web", "app")
	var all fates
	defer w.gateway.Watch(&all)()
	whole := udpPacket("10.0.1.10:2", "10.0.1.20:53", make([]byte, 100)...)
	overlapping := piece(whole, 7, 8, make([]byte, 64), true)
	w.inBatch(t, plain(udpPacket("10.0.1.10:1", "10.0.1.20:53")), plain(cut(whole, 7, 64)[0]), plain(overlapping))
	overlap := fragment.Overlap.String()
	if diff := cmp.Diff(fates{"1 rule x1, rule, rule", "0 " + overlap + " x1, not_asked, not_asked", "0 " + overlap + " x1, not_asked, not_asked"}, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFailuresThatNobodyWants are not shown, and neither is what they were to be.
func TestFailuresThatNobodyWants(t *testing.T) {
	w := quiet(t, twoTiers(t), "web", "app")
	app := w.gateway.Port("app")
	app.dev = &moody{Memory: app.dev.(*still).Memory, refuses: map[uint16]bool{1: true}}
	s := &selective{wants: []Reason{ReasonRule}}
	defer w.gateway.Watch(s)()
	w.inBatch(t, plain(udpPacket("10.0.1.10:1", "10.0.1.20:53")), plain(udpPacket("10.0.1.10:2", "10.0.1.20:53")))
	if len(s.all) != 1 || s.all[0].Reason != ReasonRule {
		t.Errorf("shown %+v, want the packet that was written alone", s.all)
	}
}

// TestWhereItLeaves is known of a packet whose receiver's device is taken away at that
// moment.
func TestWhereItLeaves(t *testing.T) {
	w := quiet(t, twoTiers(t), "web", "app")
	v, app := w.gateway.view.Load(), w.gateway.Port("app")
	to := v.policy.ByID("app")
	v.ports[to].Store(nil)
	defer v.ports[to].Store(app)
	for _, d := range []decision{{Forwarded, ReasonRule, app}, {Dropped, ReasonWriteFailed, app}} {
		if e := w.event(v, v.at(w.gateway.Port("web").slot), trail{to: to}, nil, 1, d); e.Out != app {
			t.Errorf("%v: it leaves by %v", d.reason, e.Out)
		}
	}
}

// TestNothingIsKeptOfABatch once its events are shown: not the policy, nor those who
// watch.
func TestNothingIsKeptOfABatch(t *testing.T) {
	w := quiet(t, twoTiers(t), "web", "app")
	var all fates
	defer w.gateway.Watch(&all)()
	w.inBatch(t, plain(udpPacket("10.0.1.10:1", "10.0.1.20:53")), plain(udpPacket("10.0.1.10:2", "10.0.1.20:53")))
	if w.audience != nil || w.traced.v != nil || w.traced.in != nil {
		t.Error("the worker keeps what it was told")
	}
	if len(all) != 2 || len(w.noted) != 0 {
		t.Fatalf("%d events shown, %d left", len(all), len(w.noted))
	}
	for _, n := range w.noted[:cap(w.noted)] {
		if n.Policy != nil {
			t.Error("an event that was shown keeps its policy")
		}
	}
}
