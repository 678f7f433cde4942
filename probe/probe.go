// Package probe sends real packets from inside network namespaces and tells
// what became of them: for TCP by what the client sees, checked against the
// gateway's own events; for all else by those events alone, for nobody has to
// answer a datagram.
//
// [New] begins to watch a gateway, [Prober.Probe] tries one packet, Close ends
// the watching.
//
// The package imports assertion, control, stack, tun and vpc.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sgate/sgate/assertion"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/tun"
	"github.com/sgate/sgate/vpc"
)

// DefaultTimeout is how long an answer is waited for. The kernel repeats an
// unanswered SYN after one second: by then two have been dropped.
const DefaultTimeout = 3 * time.Second

// Prober tries packets in a lab. Several goroutines may use one.
type Prober struct {
	namespaces map[string]string // by the name of the instance or host
	timeout    time.Duration
	events     *watcher
	eventWait  time.Duration // that the gateway gets to tell of a packet that it must have seen
}

// EventSource tells what becomes of packets: a control.Client.
type EventSource interface {
	Events(context.Context, control.EventsRequest) (*control.Stream[control.EventLine], error)
}

// New returns a prober that sends from the namespaces of the instances and hosts
// with these names. The caller ends it with Close.
func New(ctx context.Context, namespaces map[string]string, source EventSource, timeout time.Duration) (*Prober, error) {
	stream, err := source.Events(ctx, control.EventsRequest{})
	if err != nil {
		return nil, err
	}
	return &Prober{namespaces: namespaces, timeout: timeout, events: watch(stream), eventWait: 2 * time.Second}, nil
}

// Close ends the watching.
func (p *Prober) Close() error { return p.events.close() }

// Probe implements assertion.Prober.
func (p *Prober) Probe(ctx context.Context, c assertion.Case, e *control.Explanation) (assertion.Observation, error) {
	name, known := p.namespaces[e.From.Name]
	switch {
	case e.From.Kind == control.EndUnknown:
		return assertion.Observation{Seen: fmt.Sprintf("no packet was sent: nobody in the lab has %s", e.Packet.Source)}, nil
	case !known:
		return assertion.Observation{}, fmt.Errorf("the lab has no namespace for %s", e.From.NameOrAddress())
	}
	protocol, err := vpc.ParseProtocol(e.Packet.Protocol)
	if err != nil {
		return assertion.Observation{}, err
	}
	a := &attempt{
		Prober: p, ns: tun.Namespace{Name: name}, protocol: protocol, echo: c.IsEcho(),
		source:      netip.AddrPortFrom(e.Packet.Source, c.SourcePort),
		destination: netip.AddrPortFrom(e.Packet.Destination, c.Port),
	}
	a.kind, a.code = e.Packet.ICMPType, e.Packet.ICMPCode
	defer func() { a.sight.forget() }()
	switch protocol {
	case vpc.TCP:
		return a.tcp(ctx)
	case vpc.UDP:
		return a.datagram(ctx, a.udp)
	}
	return a.datagram(ctx, a.raw)
}

// attempt is one packet under way, from within its sender's namespace.
type attempt struct {
	*Prober
	ns                  tun.Namespace
	protocol            vpc.Protocol
	echo                bool
	source, destination netip.AddrPort // the source's port is 0 until it is known
	kind, code          *uint8         // of ICMP
	sight               *sight         // what the gateway tells of it, from expectEvents on
}

// expectEvents begins to look for what the gateway tells of the packet, which
// must not have been sent yet.
func (a *attempt) expectEvents() {
	a.sight = a.events.look(flow{
		protocol: a.protocol.String(), from: a.source, to: a.destination, kind: octet(a.kind), code: octet(a.code),
	})
}

// octet returns -1 for nil.
func octet(p *uint8) int {
	if p == nil {
		return -1
	}
	return int(*p)
}

// silence is what a client sees that waits in vain.
func (a *attempt) silence() string { return fmt.Sprintf("no answer within %v", a.timeout) }

// datagram sends what need not be answered.
func (a *attempt) datagram(ctx context.Context, send func() error) (assertion.Observation, error) {
	if err := a.ns.Do(send); err != nil {
		return assertion.Observation{}, err
	}
	event, err := a.sight.await(ctx, a.sight.packets, max(a.timeout, a.eventWait))
	if err != nil {
		return assertion.Observation{}, err
	}
	o := observe(event)
	switch {
	case o.Verdict == assertion.Drop:
		o.Seen = "sent; the gateway dropped it"
	case !a.echo || event.Fate == "local":
		o.Seen = "sent; the gateway let it through"
	default:
		a.echoed(ctx, &o)
	}
	return o, ctx.Err()
}

// echoed waits for the answer to a ping that went through.
func (a *attempt) echoed(ctx context.Context, o *assertion.Observation) {
	answer, err := a.sight.await(ctx, a.sight.answers, a.timeout)
	switch {
	case err != nil:
		o.Unanswered, o.Seen = true, a.silence()
	case answer.Verdict == control.VerdictDrop:
		o.Unanswered, o.Seen = true, "the gateway dropped the echo reply: "+answer.Reason
	default:
		o.Seen = "answered"
	}
}

// observe returns what an event says of its packet.
func observe(e control.Event) assertion.Observation {
	o := assertion.Observation{Verdict: assertion.Verdict(e.Verdict), Reason: e.Reason}
	for i, side := range []control.EventSide{e.Egress, e.Ingress} {
		if side.Answer == control.AnswerRule {
			o.Rules[i] = side.RuleID
		}
	}
	return o
}

// errUnseen is what a packet comes to that the gateway has not told of.
var errUnseen = errors.New("the gateway has not told of the packet: is it the lab's, and is the device up?")
