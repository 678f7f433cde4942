package daemon

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sgate/sgate/capture"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/vpc"
	"github.com/sgate/sgate/watch"
)

// maxCaptures is how many may run at once: each one has a buffer.
const maxCaptures = 16

// captures counts those that run.
type captures struct{ running atomic.Int32 }

// begin makes room for one more, until the function that it returns is called.
func (c *captures) begin() (end func(), err error) {
	if c.running.Add(1) > maxCaptures {
		c.running.Add(-1)
		return nil, &control.Error{
			Status: http.StatusServiceUnavailable, Message: fmt.Sprintf("%d captures are running already: end one first", maxCaptures),
		}
	}
	return func() { c.running.Add(-1) }, nil
}

// Capture implements control.CaptureBackend.
func (b backend) Capture(ctx context.Context, r control.CaptureRequest, w io.Writer) error {
	names, err := b.names()
	if err != nil {
		return err
	}
	o, err := names.captureOptions(r)
	if err != nil {
		return err
	}
	end, err := b.captures.begin()
	if err != nil {
		return err
	}
	defer end()
	o.Epoch = time.Now().Add(-time.Duration(b.gateway.Now()))
	return capture.Run(ctx, b.gateway, w, o)
}

// captureOptions compiles what is to be captured.
func (n names) captureOptions(r control.CaptureRequest) (o capture.Options, err error) {
	if r.Buffer != 0 && (r.Buffer < capture.MinBuffer || r.Buffer > capture.MaxBuffer) {
		return o, control.Refuse("buffer=%d: want from %d to %d bytes", r.Buffer, capture.MinBuffer, capture.MaxBuffer)
	}
	filters, err := n.captureFilters(r)
	if err != nil {
		return o, err
	}
	o = capture.Options{
		Select: watch.Selection(filters...), Filter: captureWords(r), Application: "sgate",
		Snaplen: r.Snaplen, Count: r.Count, BothEnds: r.BothEnds, Buffer: r.Buffer,
	}
	for _, e := range n.Endpoints() {
		if wanted(e, filters) {
			o.Interfaces = append(o.Interfaces, e.ID)
		}
	}
	if len(o.Interfaces) == 0 {
		return o, control.Refuse("there is nothing to capture from: no instance or host is in that VPC and among those asked for")
	}
	return o, nil
}

// captureFilters returns filters of which a packet is to meet one: one for each
// instance that is asked for.
func (n names) captureFilters(r control.CaptureRequest) (filters []watch.Filter, err error) {
	events := control.EventsRequest{
		VPC: r.VPC, From: r.From, To: r.To, Protocol: r.Protocol, Port: r.Port, Verdict: r.Verdict, Reasons: r.Reasons,
	}
	f, err := n.eventFilter(events)
	if err != nil {
		return nil, err
	}
	if len(r.Instances) == 0 {
		return []watch.Filter{f}, nil
	}
	for _, instance := range r.Instances {
		if f.Interface, err = n.id(instance); err != nil {
			return nil, err
		}
		filters = append(filters, f)
	}
	return filters, nil
}

// wanted reports whether packets of an instance or host can meet one of the
// filters, as far as those name instances.
func wanted(e vpc.Endpoint, filters []watch.Filter) bool {
	for _, f := range filters {
		if (f.Interface == "" || f.Interface == e.ID) && (f.VPCID == "" || f.VPCID == e.VPCID) {
			return true
		}
	}
	return false
}

// captureWords puts what is asked for into words, which the file keeps.
func captureWords(r control.CaptureRequest) string {
	var words []string
	for _, part := range []struct{ name, value string }{
		{"vpc", r.VPC}, {"instance", strings.Join(r.Instances, " or ")}, {"from", r.From}, {"to", r.To},
		{"protocol", r.Protocol}, {"verdict", r.Verdict}, {"reason", strings.Join(r.Reasons, " or ")},
	} {
		if part.value != "" {
			words = append(words, part.name+" "+part.value)
		}
	}
	if r.Port != 0 {
		words = append(words, fmt.Sprint("port ", r.Port))
	}
	return strings.Join(words, " and ")
}
