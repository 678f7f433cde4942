package control

import (
	"context"
	"net/http"
	"time"
)

// Status is how a gateway is, as a whole.
type Status struct {
	// Started is when it started. Counters are those since then.
	Started time.Time `json:"started,omitzero"`
	// Generation is the number of the policy in force; it grows by one with
	// each change of the configuration, and is 0 before the first. Applied is
	// since when that policy is in force, and Rules how many rules of security
	// groups it has.
	Generation uint64    `json:"generation"`
	Applied    time.Time `json:"applied,omitzero"`
	Rules      int       `json:"rules"`
	// Flows are the live ones, and MaxFlows how many there may be. FlowStates
	// sorts them by protocol and state, without those that no flow is in.
	Flows      int         `json:"flows"`
	MaxFlows   int         `json:"max_flows"`
	FlowStates []FlowState `json:"flow_states"`
	// Workers are the threads that move packets. Of those that failed, no
	// device is read until the gateway is started anew.
	Workers       int `json:"workers"`
	FailedWorkers int `json:"failed_workers"`
}

// FlowState is how many flows are in a state.
type FlowState struct {
	Protocol string `json:"protocol"` // tcp, udp, icmp (both families) or other
	State    string `json:"state"`    // ESTABLISHED
	Flows    int    `json:"flows"`
}

// StatusBackend tells how a gateway is.
type StatusBackend interface {
	Status(context.Context) (Status, error)
}

const statusPath = version + "/status"

// status is the endpoint: GET /v1/status.
func (s *Server) status(b StatusBackend) endpoint {
	return endpoint{http.MethodGet, statusPath, s.reply(func(_ http.ResponseWriter, r *http.Request) (any, error) {
		return b.Status(r.Context())
	})}
}

// Status asks how the gateway is. An error of type *Error is its answer.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var reply Status
	err := c.get(ctx, statusPath, nil, &reply)
	return reply, err
}
