// Package top shows what a running gateway does, live: the traffic of each
// interface, why packets are dropped, and the newest of those that were.
//
// [Run] takes over a terminal, and [Print] prints lines for logs and programs.
// Both ask the gateway, in the background, what it has counted; Run follows the
// packets that it drops, too. A [meter] turns two answers into rates. The view
// is a model: what it shows depends on nothing but the messages that it was
// sent, the time among them, so that it is tested without a terminal.
//
// A message's way: run.go and poll.go ask and send; model.go takes in what
// came, keys.go what was typed; layout.go divides the screen between the panels,
// which are interfaces.go, reasons.go and newest.go, made of the rows and columns
// of grid.go; view.go draws.
//
// The package imports control, explain, which puts explanations into words, and
// internal/quiet.
package top

import (
	"context"
	"time"

	"github.com/sgate/sgate/control"
)

// Gateway is whom to ask: a control.Client.
type Gateway interface {
	Status(context.Context) (control.Status, error)
	Counters(context.Context, control.CountersRequest) (control.CountersReply, error)
	Events(context.Context, control.EventsRequest) (*control.Stream[control.EventLine], error)
	Explain(context.Context, control.ExplainRequest) (control.Explanation, error)
}

// MinInterval is the shortest time between two questions.
const MinInterval = 100 * time.Millisecond

// answerTime is how long the gateway gets to answer one.
const answerTime = 10 * time.Second

// snapshot is what a gateway answered at one time.
type snapshot struct {
	At         time.Time // when the counters came
	Status     control.Status
	Interfaces []control.Counters
}

// ask asks for a sample. now is the clock.
func ask(ctx context.Context, g Gateway, now func() time.Time) (snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	status, err := g.Status(ctx)
	if err != nil {
		return snapshot{}, err
	}
	counters, err := g.Counters(ctx, control.CountersRequest{})
	if err != nil {
		return snapshot{}, err
	}
	return snapshot{At: now(), Status: status, Interfaces: counters.Interfaces}, nil
}
