package control

import (
	"context"
	"net/http"
	"net/netip"
)

// FlowFilter chooses flows: those that meet all of its conditions. An empty
// field is no condition.
type FlowFilter struct {
	VPC      string `json:"vpc,omitempty"`      // name or id
	Instance string `json:"instance,omitempty"` // name or id of an instance or host at either end
	From     string `json:"from,omitempty"`     // the opener: address, CIDR, or name or id of an instance or host
	To       string `json:"to,omitempty"`       // the other end, likewise
	Protocol string `json:"protocol,omitempty"` // tcp, udp, icmp, icmpv6 or a number
	Port     uint16 `json:"port,omitempty"`     // the other end's; for TCP and UDP
}

// CutFlowsRequest says which flows to cut: those that meet the filter's
// conditions, of which there must be one, or all.
type CutFlowsRequest struct {
	FlowFilter
	All    bool `json:"all,omitempty"`
	DryRun bool `json:"dry_run,omitempty"` // only list them
}

// FlowEnd is one end of a flow.
type FlowEnd struct {
	Name    string     `json:"name,omitempty"` // of the instance or host, "" if it is neither
	ID      string     `json:"id,omitempty"`   // of its network interface, or the host's
	Address netip.Addr `json:"address"`
	Port    uint16     `json:"port,omitempty"` // for TCP and UDP
	Tracked bool       `json:"tracked"`        // this end's security groups track the flow
	Packets uint64     `json:"packets"`        // that this end has sent
	Bytes   uint64     `json:"bytes"`          // likewise, from the IP header on
}

// Flow is an entry of the flow table.
type Flow struct {
	VPC      string  `json:"vpc"` // name, or id if it has none
	Protocol string  `json:"protocol"`
	From     FlowEnd `json:"from"` // who opened it
	To       FlowEnd `json:"to"`
	ICMPID   *uint16 `json:"icmp_id,omitempty"` // of an echo's or another query's
	State    string  `json:"state"`
	Age      float64 `json:"age_seconds"`
	Expires  float64 `json:"expires_seconds"` // until then, if no packet comes
	// Egress and Ingress are the rules that let it in: at its opener's end and
	// at the other. Empty is one that was not asked.
	Egress  RuleRef `json:"egress"`
	Ingress RuleRef `json:"ingress"`
}

// MaxListedFlows is how many flows a reply lists.
const MaxListedFlows = 10_000

// CutFlowsReply says which flows were cut or, in a dry run, would be.
type CutFlowsReply struct {
	Matched int    `json:"matched"` // all of them
	Flows   []Flow `json:"flows"`   // the oldest first, at most MaxListedFlows
}

// CutFlowsBackend ends flows.
type CutFlowsBackend interface {
	// CutFlows is never asked for both a filter and all, or neither.
	CutFlows(context.Context, CutFlowsRequest) (CutFlowsReply, error)
}

const cutFlowsPath = version + "/flows/cut"

// check refuses a request that does not say what to cut: a condition that was
// lost on its way must not cut everything.
func (r CutFlowsRequest) check() error {
	filtered := r.FlowFilter != FlowFilter{}
	switch {
	case !filtered && !r.All:
		return Refuse("which flows? Want instance, from, to, protocol, port or vpc, or all for every one")
	case filtered && r.All:
		return Refuse("all stands for every flow: want it alone, or without it what chooses some")
	}
	return nil
}

// cutFlows is the endpoint: POST /v1/flows/cut with a CutFlowsRequest.
func (s *Server) cutFlows(b CutFlowsBackend) endpoint {
	return endpoint{http.MethodPost, cutFlowsPath, s.reply(func(w http.ResponseWriter, r *http.Request) (any, error) {
		var request CutFlowsRequest
		if err := s.decode(w, r, &request); err != nil {
			return nil, err
		}
		if err := request.check(); err != nil {
			return nil, err
		}
		return b.CutFlows(r.Context(), request)
	})}
}

// CutFlows makes the gateway forget flows: the next packet of each is judged by
// the rules. An error of type *Error is the gateway's answer.
func (c *Client) CutFlows(ctx context.Context, r CutFlowsRequest) (CutFlowsReply, error) {
	var reply CutFlowsReply
	err := c.post(ctx, cutFlowsPath, r, &reply)
	return reply, err
}
