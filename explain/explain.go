// Package explain says in a person's words what would become of a packet, and
// why: the verdict, what each end's security groups and the network ACLs on the
// way have to say, which rules come near, and what to add.
//
// It judges nothing. [Explainer] makes a real packet of a question and has
// [gateway.Gateway.Try] run it through the code that judges real ones; what it
// suggests is tried in the same way before it is told. [Matrix] asks that
// question for every pair of machines.
//
// A question goes through these steps, a file or two each: ends.go finds out who
// is meant and question.go makes the packet; answer.go, side.go and acl.go turn
// the trial into a control.Explanation; remedy.go and what it calls find what
// to add; text.go prints an explanation.
//
// The package imports config, control, gateway, filter, stack and vpc.
package explain

import (
	"context"
	"net/http"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
)

// Explainer explains what would become of packets in a gateway. Several
// goroutines may use one.
type Explainer struct{ gateway *gateway.Gateway }

// New returns an explainer of a gateway.
func New(g *gateway.Gateway) *Explainer { return &Explainer{g} }

// FromConfig returns an explainer of what a gateway with that configuration
// would do. Nothing runs, so that there is nothing to close.
func FromConfig(cfg *config.Config) (*Explainer, error) {
	has := make(map[string]bool, len(cfg.Endpoints))
	for _, e := range cfg.Endpoints {
		has[e.ID] = true
	}
	g, err := gateway.NewModel(filter.Compile(cfg.Resources), gateway.Options{
		MTU: cfg.Gateway.MTU, MaxFlows: 1,
		RelatedICMPErrors: cfg.Gateway.RelatedICMPErrors,
		DropMidstreamTCP:  cfg.Gateway.DropMidstreamTCP,
	}, func(id string) bool { return has[id] })
	if err != nil {
		return nil, err
	}
	return New(g), nil
}

// hasDevice reports whether an interface or host has a device: a stopped
// instance's has none.
func (x *Explainer) hasDevice(id string) bool { return x.gateway.Port(id) != nil }

// Explain implements control.ExplainBackend. An error of type *control.Error
// says what is wrong with the question.
func (x *Explainer) Explain(ctx context.Context, r control.ExplainRequest) (control.Explanation, error) {
	policy, _ := x.gateway.Policy()
	if policy == nil {
		return control.Explanation{}, noPolicy()
	}
	q, err := newQuestion(policy, r)
	if err != nil {
		return control.Explanation{}, control.Refuse("%v", err)
	}
	q.hasDevice = x.hasDevice
	t, err := q.try(x.gateway)
	if err != nil { // who is asked about has just gone
		return control.Explanation{}, control.Refuse("%v", err)
	}
	a := newAnswer(q, &t)
	if !r.Brief {
		a.connections(x.gateway)
		if err := a.addRemedies(ctx); err != nil {
			return control.Explanation{}, err
		}
	}
	return a.Explanation, nil
}

// noPolicy is what a gateway answers that has no configuration yet.
func noPolicy() error {
	return &control.Error{Status: http.StatusServiceUnavailable, Message: "the gateway has no configuration yet"}
}
