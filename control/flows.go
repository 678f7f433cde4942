package control

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The orders of flows.
const (
	SortAge     = "age"     // the oldest first
	SortBytes   = "bytes"   // the most first, of both directions together
	SortPackets = "packets" // likewise
	SortExpires = "expires" // those first that end soonest
)

// FlowOrders are all of them.
func FlowOrders() []string { return []string{SortAge, SortBytes, SortPackets, SortExpires} }

// FlowsRequest says which flows to list: those that meet the filter's conditions.
type FlowsRequest struct {
	FlowFilter
	States []string // any of these, such as ESTABLISHED, letter case aside
	Sort   string   // one of FlowOrders; "" is SortAge
	// Limit is how many to list at most, up to MaxListedFlows. 0 stands for
	// all, in no order.
	Limit int
}

// FlowLine is one line of the reply: a flow or, after the last one, how many
// matched.
type FlowLine struct {
	*Flow
	Matched *int `json:"matched,omitempty"`
}

// FlowsBackend lists flows.
type FlowsBackend interface {
	// Flows sends the flows, and last how many matched. It returns the error
	// of send.
	Flows(ctx context.Context, r FlowsRequest, send func(...FlowLine) error) error
}

const flowsPath = version + "/flows"

// flows is the endpoint: GET /v1/flows?instance=db&state=ESTABLISHED&limit=100.
// The reply is lines of JSON, as there may be a million.
func (s *Server) flows(b FlowsBackend) endpoint {
	return endpoint{http.MethodGet, flowsPath, s.stream(ndjson, func(r *http.Request, w io.Writer) error {
		request, err := readFlowsRequest(r)
		if err != nil {
			return err
		}
		return b.Flows(r.Context(), request, lines[FlowLine](w))
	})}
}

func readFlowsRequest(r *http.Request) (f FlowsRequest, err error) {
	values, err := query(r, "vpc", "instance", "from", "to", "protocol", "port", "state", "sort", "limit")
	if err != nil {
		return f, err
	}
	f = FlowsRequest{
		FlowFilter: FlowFilter{
			VPC: values.Get("vpc"), Instance: values.Get("instance"), From: values.Get("from"), To: values.Get("to"),
			Protocol: values.Get("protocol"),
		},
		States: values["state"], Sort: values.Get("sort"), Limit: MaxListedFlows,
	}
	if f.Port, err = queryPort(values); err != nil {
		return f, err
	}
	if f.Sort != "" && !slices.Contains(FlowOrders(), f.Sort) {
		return f, Refuse("sort=%q: want one of %s", f.Sort, strings.Join(FlowOrders(), ", "))
	}
	if values.Has("limit") {
		f.Limit, err = strconv.Atoi(values.Get("limit"))
		if err != nil || f.Limit < 0 || f.Limit > MaxListedFlows {
			return f, Refuse("limit=%q: want a number up to %d, or 0 for all, in no order", values.Get("limit"), MaxListedFlows)
		}
	}
	return f, nil
}

// query returns a filter as parameters.
func (f FlowFilter) query() url.Values {
	values := make(url.Values)
	for name, value := range map[string]string{
		"vpc": f.VPC, "instance": f.Instance, "from": f.From, "to": f.To, "protocol": f.Protocol,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if f.Port != 0 {
		values.Set("port", strconv.Itoa(int(f.Port)))
	}
	return values
}

// Flows asks for flows, and calls each for every one. It returns how many
// matched, listed or not, or the error of each. An error of type *Error is the
// gateway's answer.
func (c *Client) Flows(ctx context.Context, r FlowsRequest, each func(Flow) error) (matched int, err error) {
	values := r.query()
	values["state"] = r.States
	if r.Sort != "" {
		values.Set("sort", r.Sort)
	}
	values.Set("limit", strconv.Itoa(r.Limit))
	stream, err := follow[FlowLine](ctx, c, flowsPath, values)
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	for {
		line, err := stream.Next()
		switch {
		case err == io.EOF:
			return 0, io.ErrUnexpectedEOF // it has not said how many there are
		case err != nil:
			return 0, err
		case line.Matched != nil:
			return *line.Matched, nil
		case line.Flow == nil:
			continue // something that a newer gateway has to say
		}
		if err := each(*line.Flow); err != nil {
			return 0, err
		}
	}
}
