package top

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/sgate/sgate/control"
)

// Lines of events are shown so many at once, so often: 10,000 a second. When more
// fall, the gateway loses some, and says so: to read all of a flood would take
// the processor from those who judge it.
const (
	batchLines = 2500
	batchTime  = 250 * time.Millisecond
)

// clockTime is how often a model is told the time, and retryTime how long it takes
// until events are asked for again.
const (
	clockTime = 500 * time.Millisecond
	retryTime = time.Second
)

// poller asks a gateway and sends a model what it hears. Each of its methods
// runs until its context is done.
type poller struct {
	gateway  Gateway
	interval time.Duration
	send     func(tea.Msg)
	start    func(func()) // on a goroutine that is waited for
	lines    chan control.EventLine
	// questions has room for one: a newer one takes the place of an older.
	questions chan question
}

// clock sends the time.
func (p *poller) clock(ctx context.Context) {
	every(ctx, clockTime, func() { p.send(tickMsg(time.Now())) })
}

// samples sends samples. A gateway that is slow is asked less often.
func (p *poller) samples(ctx context.Context) {
	every(ctx, p.interval, func() {
		s, err := ask(ctx, p.gateway, time.Now)
		if ctx.Err() == nil {
			p.send(sampleMsg{s, err})
		}
	})
}

// every calls f at once and then in each interval.
func every(ctx context.Context, interval time.Duration, f func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		f()
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// events follows the packets that the gateway drops.
func (p *poller) events(ctx context.Context) {
	every(ctx, retryTime, func() {
		if err := p.follow(ctx); ctx.Err() == nil {
			p.send(streamMsg{err})
		}
	})
}

// follow reads events until there are no more, and says why.
func (p *poller) follow(ctx context.Context) error {
	stream, err := p.gateway.Events(ctx, control.EventsRequest{Verdict: control.VerdictDrop})
	if err != nil {
		return err
	}
	defer stream.Close()
	p.send(streamMsg{})
	for {
		line, err := stream.Next()
		if err != nil {
			return err
		}
		select {
		case p.lines <- line:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// batches sends what events have come.
func (p *poller) batches(ctx context.Context) {
	every(ctx, batchTime, func() {
		var batch dropsMsg
		for range len(p.lines) {
			batch = append(batch, <-p.lines)
		}
		if len(batch) > 0 {
			p.send(batch)
		}
	})
}

// question is one about the packet of an overlay.
type question struct {
	overlay int
	control.ExplainRequest
}

// ask has a question answered, instead of those before it. It does not wait.
func (p *poller) ask(q question) {
	for {
		select {
		case p.questions <- q:
			return
		default:
		}
		select {
		case <-p.questions:
		default:
		}
	}
}

// answers sends answers to questions, of the newest one at least.
func (p *poller) answers(ctx context.Context) {
	cancel := func() {}
	for {
		select {
		case <-ctx.Done():
			cancel()
			return
		case q := <-p.questions:
			cancel()
			var one context.Context
			one, cancel = context.WithTimeout(ctx, answerTime)
			p.start(func() {
				e, err := p.gateway.Explain(one, q.ExplainRequest)
				p.send(explanationMsg{q.overlay, e, err})
			})
		}
	}
}
