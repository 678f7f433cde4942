package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sgate/sgate/control"
)

// flow is what events of an attempt's packets have in common. The kinds of ICMP
// are -1 for other protocols.
type flow struct {
	protocol   string
	from, to   netip.AddrPort
	kind, code int
}

// answer returns the flow of what comes back.
func (f flow) answer() flow {
	f.from, f.to = f.to, f.from
	switch {
	case f.protocol == "icmp" && f.kind == 8:
		f.kind = 0 // RFC 792: echo, echo reply
	case f.protocol == "icmpv6" && f.kind == 128:
		f.kind = 129 // RFC 4443
	}
	return f
}

func flowOf(e *control.Event) flow {
	return flow{
		protocol: e.Protocol, kind: octet(e.ICMPType), code: octet(e.ICMPCode),
		from: netip.AddrPortFrom(e.From.Address, e.From.Port), to: netip.AddrPortFrom(e.To.Address, e.To.Port),
	}
}

// watcher hands a gateway's events to the attempts that look for them.
type watcher struct {
	stream *control.Stream[control.EventLine]
	done   chan struct{} // closed when the stream has ended
	err    error         // why; valid then
	lost   atomic.Uint64 // events that the gateway could not tell of

	mu   sync.Mutex
	want map[flow][]chan control.Event
}

// watch reads a stream until it ends.
func watch(stream *control.Stream[control.EventLine]) *watcher {
	w := &watcher{stream: stream, done: make(chan struct{}), want: make(map[flow][]chan control.Event)}
	go func() {
		defer close(w.done)
		for {
			line, err := stream.Next()
			if err != nil {
				w.err = err
				return
			}
			w.lost.Add(line.Lost)
			if line.Event != nil {
				w.hand(line.Event)
			}
		}
	}()
	return w
}

// hand gives an event to who looks for it. Who has enough of them gets no more.
func (w *watcher) hand(e *control.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.want[flowOf(e)] {
		select {
		case c <- *e:
		default:
		}
	}
}

func (w *watcher) close() error {
	err := w.stream.Close()
	<-w.done
	return err
}

// sight is what one attempt looks for.
type sight struct {
	watcher          *watcher
	flow             flow
	packets, answers chan control.Event // of the attempt, and to it
}

// heldEvents is how many events of one direction an attempt has use for.
const heldEvents = 16

// look begins to collect events of a flow.
func (w *watcher) look(f flow) *sight {
	s := &sight{w, f, make(chan control.Event, heldEvents), make(chan control.Event, heldEvents)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.want[f] = append(w.want[f], s.packets)
	w.want[f.answer()] = append(w.want[f.answer()], s.answers)
	return s
}

// forget ends the collecting. A nil sight has nothing to end.
func (s *sight) forget() {
	if s == nil {
		return
	}
	w := s.watcher
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(s.flow, s.packets)
	w.drop(s.flow.answer(), s.answers)
}

func (w *watcher) drop(f flow, mine chan control.Event) {
	var others []chan control.Event
	for _, c := range w.want[f] {
		if c != mine {
			others = append(others, c)
		}
	}
	if w.want[f] = others; len(others) == 0 {
		delete(w.want, f)
	}
}

// await returns the next event from one of the sight's channels.
func (s *sight) await(ctx context.Context, from chan control.Event, limit time.Duration) (control.Event, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case e := <-from:
		return e, nil
	case <-ctx.Done():
		return control.Event{}, ctx.Err()
	case <-s.watcher.done:
		return control.Event{}, fmt.Errorf("the gateway tells no more events: %w", s.watcher.err)
	case <-timer.C:
	}
	if lost := s.watcher.lost.Load(); lost > 0 {
		return control.Event{}, fmt.Errorf("the gateway has not told of the packet: %d events were lost, there is too much other traffic", lost)
	}
	return control.Event{}, errUnseen
}

// ready returns an event that has come already.
func ready(from chan control.Event) (control.Event, bool) {
	select {
	case e := <-from:
		return e, true
	default:
		return control.Event{}, false
	}
}

// ended reports whether a connection attempt failed by its time limit.
func ended(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
