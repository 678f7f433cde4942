package daemon

import (
	"context"
	"slices"
	"strings"

	"github.com/sgate/sgate/conntrack"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
)

// flowLines is how many flows are sent at once.
const flowLines = 256

// Flows implements control.FlowsBackend. Of a million flows, it keeps no more
// than it lists.
func (b backend) Flows(_ context.Context, r control.FlowsRequest, send func(...control.FlowLine) error) error {
	names, err := b.names()
	if err != nil {
		return err
	}
	match, err := names.listed(r)
	if err != nil {
		return err
	}
	matched := 0
	chosen := func(yield func(*gateway.FlowInfo) bool) {
		var f gateway.FlowInfo // one for all: match takes it to the heap
		for f = range b.gateway.EachFlow() {
			if !match(&f) {
				continue
			}
			if matched++; !yield(&f) {
				return
			}
		}
	}
	if r.Limit > 0 {
		chosen = first(r.Limit, r.Sort, chosen)
	}
	now := b.gateway.Now()
	lines := make([]control.FlowLine, 0, flowLines)
	for f := range chosen {
		flow := names.flow(f, now)
		if lines = append(lines, control.FlowLine{Flow: &flow}); len(lines) == flowLines {
			if err := send(lines...); err != nil {
				return err
			}
			lines = lines[:0]
		}
	}
	return send(append(lines, control.FlowLine{Matched: &matched})...)
}

// listed compiles what flows are asked for.
func (n names) listed(r control.FlowsRequest) (func(*gateway.FlowInfo) bool, error) {
	match, err := n.matcher(r.FlowFilter)
	if err != nil || len(r.States) == 0 {
		return match, err
	}
	known := stateNames()
	wanted := make(map[string]bool)
	for _, s := range r.States {
		name := strings.ToUpper(s)
		if !slices.Contains(known, name) {
			return nil, control.Refuse("no state %q; there are: %s", s, strings.Join(known, ", "))
		}
		wanted[name] = true
	}
	return func(f *gateway.FlowInfo) bool { return wanted[f.State] && match(f) }, nil
}

// stateNames are the names of the states of flows.
func stateNames() (all []string) {
	for s := conntrack.TCPSynSent; s <= conntrack.OtherAnswered; s++ {
		if !slices.Contains(all, s.String()) {
			all = append(all, s.String())
		}
	}
	return all
}
