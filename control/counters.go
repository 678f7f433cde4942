package control

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// CountersRequest says which counters are wanted.
type CountersRequest struct {
	// Names are names or ids of instances and hosts; none stands for all.
	Names []string
	// Zeros asks for every reason of drops, also those that never came up.
	Zeros bool
}

// Counters are the packets of one interface, or of a host's device, since it
// was attached. A packet that is dropped counts where it was received: at its
// sender, whichever end's rules decided. Received = Forwarded + Local +
// Dropped, and Dropped is the sum of Drops.
type Counters struct {
	Name          string            `json:"name"` // of the instance or host; its id if it has none
	ID            string            `json:"id"`   // of the network interface or host
	Received      uint64            `json:"received"`
	ReceivedBytes uint64            `json:"received_bytes"`
	Forwarded     uint64            `json:"forwarded"`
	Local         uint64            `json:"local"` // for, or answered by, the VPC router
	Sent          uint64            `json:"sent"`
	SentBytes     uint64            `json:"sent_bytes"`
	Dropped       uint64            `json:"dropped"`
	Drops         map[string]uint64 `json:"drops"` // by reason
	// ConntrackAllowanceExceeded counts packets that were dropped because the
	// interface had no tracked connection left to spend; Available is how
	// many it has (ENA driver metrics: conntrack_allowance_exceeded,
	// conntrack_allowance_available).
	ConntrackAllowanceExceeded  uint64 `json:"conntrack_allowance_exceeded"`
	ConntrackAllowanceAvailable int64  `json:"conntrack_allowance_available"`
}

// CountersReply has the counters of instances, then hosts, each in the
// configuration's order.
type CountersReply struct {
	Interfaces []Counters `json:"interfaces"`
}

// CountersBackend counts packets.
type CountersBackend interface {
	Counters(context.Context, CountersRequest) (CountersReply, error)
}

const countersPath = version + "/counters"

// counters is the endpoint: GET /v1/counters?name=web&name=db&zeros=true.
func (s *Server) counters(b CountersBackend) endpoint {
	return endpoint{http.MethodGet, countersPath, s.reply(func(_ http.ResponseWriter, r *http.Request) (any, error) {
		values, err := query(r, "name", "zeros")
		if err != nil {
			return nil, err
		}
		request := CountersRequest{Names: values["name"]}
		if values.Has("zeros") {
			if request.Zeros, err = strconv.ParseBool(values.Get("zeros")); err != nil {
				return nil, Refuse("%s: zeros=%q: want true or false", countersPath, values.Get("zeros"))
			}
		}
		return b.Counters(r.Context(), request)
	})}
}

// Counters asks for counters. An error of type *Error is the gateway's answer.
func (c *Client) Counters(ctx context.Context, r CountersRequest) (CountersReply, error) {
	var reply CountersReply
	values := url.Values{"name": r.Names}
	if r.Zeros {
		values.Set("zeros", "true")
	}
	err := c.get(ctx, countersPath, values, &reply)
	return reply, err
}
