package daemon

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sgate/sgate/control"
)

// history is when a daemon did what. The zero history is of one that does not
// tell.
type history struct {
	started time.Time
	applied atomic.Int64 // ns since 1970; 0 is never
}

// Status implements control.StatusBackend.
func (b backend) Status(context.Context) (control.Status, error) {
	policy, generation := b.gateway.Policy()
	s := control.Status{
		Started: b.history.started, Generation: generation,
		MaxFlows: b.gateway.Flows().Max(), FlowStates: []control.FlowState{},
	}
	if policy != nil {
		s.Rules = policy.Rules()
	}
	if at := b.history.applied.Load(); at != 0 {
		s.Applied = time.Unix(0, at)
	}
	for _, n := range b.gateway.CountFlows() {
		if n.Flows > 0 {
			s.FlowStates = append(s.FlowStates, control.FlowState{Protocol: n.Protocol, State: n.State, Flows: n.Flows})
			s.Flows += n.Flows
		}
	}
	running, all := b.gateway.Workers()
	s.Workers, s.FailedWorkers = all, all-running
	return s, nil
}
