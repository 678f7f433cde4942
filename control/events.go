package control

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// EventsRequest chooses packets: those that meet all of its conditions. An empty
// field is no condition.
type EventsRequest struct {
	VPC      string   // name or id
	Instance string   // name or id of an instance or host that sent the packet, or that it is for
	From     string   // the sender: address, CIDR, or name or id of an instance or host
	To       string   // whom it is for, likewise
	Protocol string   // tcp, udp, icmp, icmpv6 or a number
	Port     uint16   // either end's, of TCP and UDP
	Verdict  string   // VerdictAllow or VerdictDrop
	Reasons  []string // any of them
}

// Event is what became of one packet, and why: the decision of the data path
// itself. A super-packet is one event that stands for several packets.
type Event struct {
	Time    time.Time `json:"time"`
	Verdict string    `json:"verdict"` // allow or drop
	// Fate is forwarded or dropped, or local: handed to, or answered by, the
	// VPC router.
	Fate     string   `json:"fate"`
	Reason   string   `json:"reason"`        // see docs/reasons.md
	VPC      string   `json:"vpc,omitempty"` // the sender's: name, or id if it has none
	Protocol string   `json:"protocol,omitempty"`
	From     EventEnd `json:"from"`
	To       EventEnd `json:"to"`
	ICMPType *uint8   `json:"icmp_type,omitempty"`
	ICMPCode *uint8   `json:"icmp_code,omitempty"`
	TCPFlags string   `json:"tcp_flags,omitempty"` // as tcpdump has them: "S", "S.", "P."
	Packets  int      `json:"packets"`
	Bytes    int      `json:"bytes"` // from the IP header on
	// Egress is what the sender's end had to say of the packet and Ingress
	// what the receiver's had.
	Egress     EventSide `json:"egress"`
	Ingress    EventSide `json:"ingress"`
	Generation uint64    `json:"generation"` // of the policy that judged it
}

// EventEnd is one end of a packet.
type EventEnd struct {
	Name    string     `json:"name,omitempty"` // of the instance or host, "" if it is neither
	ID      string     `json:"id,omitempty"`   // of its network interface, or the host's
	Address netip.Addr `json:"address,omitzero"`
	Port    uint16     `json:"port,omitempty"` // of TCP and UDP
}

// The answers of an EventSide.
const (
	AnswerNotAsked = "not_asked" // the packet's fate fell before
	AnswerNoGroups = "no_groups" // it has no security groups, as a host outside the VPC
	AnswerRule     = "rule"      // a rule admits the packet
	AnswerFlow     = "flow"      // it tracks the flow that the packet is part of
	AnswerNoRule   = "no_rule"   // no rule admits the packet
)

// EventSide is one end's answer and the rule that it comes from: with
// AnswerRule the narrowest that admits the packet, with AnswerFlow the one that
// let the flow in, if that is known.
type EventSide struct {
	Answer string `json:"answer"`
	RuleRef
}

// RuleRef names a rule. Group and Rule are empty if it is gone by now.
type RuleRef struct {
	RuleID string `json:"rule_id,omitempty"`
	Group  string `json:"group,omitempty"` // the name of the rule's security group
	Rule   string `json:"rule,omitempty"`  // in words: "tcp 443 from 0.0.0.0/0"
}

// EventLine is one line of the reply: an event, or that some were lost here
// because the reader was too slow, and how many.
type EventLine struct {
	*Event
	Lost uint64 `json:"lost,omitempty"`
}

// EventsBackend shows what becomes of packets.
type EventsBackend interface {
	// Events sends what becomes of packets until ctx is done or send returns
	// an error, which it returns. It calls send without lines once it watches.
	Events(ctx context.Context, r EventsRequest, send func(...EventLine) error) error
}

const eventsPath = version + "/events"

// events is the endpoint: GET /v1/events?verdict=drop&instance=db. The reply is
// lines of JSON without end.
func (s *Server) events(b EventsBackend) endpoint {
	return endpoint{http.MethodGet, eventsPath, s.stream(ndjson, func(r *http.Request, w io.Writer) error {
		request, err := readEventsRequest(r)
		if err != nil {
			return err
		}
		return b.Events(r.Context(), request, lines[EventLine](w))
	})}
}

func readEventsRequest(r *http.Request) (e EventsRequest, err error) {
	values, err := query(r, "vpc", "instance", "from", "to", "protocol", "port", "verdict", "reason")
	if err != nil {
		return e, err
	}
	e = EventsRequest{
		VPC: values.Get("vpc"), Instance: values.Get("instance"), From: values.Get("from"), To: values.Get("to"),
		Protocol: values.Get("protocol"), Verdict: values.Get("verdict"), Reasons: values["reason"],
	}
	if e.Port, err = queryPort(values); err != nil {
		return e, err
	}
	if !slices.Contains([]string{"", VerdictAllow, VerdictDrop}, e.Verdict) {
		return e, Refuse("verdict=%q: want %s or %s", e.Verdict, VerdictAllow, VerdictDrop)
	}
	return e, nil
}

// queryPort reads the parameter port, 0 if it is not there.
func queryPort(values url.Values) (uint16, error) {
	if !values.Has("port") {
		return 0, nil
	}
	port, err := strconv.ParseUint(values.Get("port"), 10, 16)
	if err != nil || port == 0 {
		return 0, Refuse("port=%q: want a port from 1 to 65535", values.Get("port"))
	}
	return uint16(port), nil
}

// Events asks what becomes of packets from now on: what happens once it has
// returned is in the stream. See Stream for its errors; one of type *Error is
// the gateway's answer.
func (c *Client) Events(ctx context.Context, r EventsRequest) (*Stream[EventLine], error) {
	values := FlowFilter{r.VPC, r.Instance, r.From, r.To, r.Protocol, r.Port}.query()
	values["reason"] = r.Reasons
	if r.Verdict != "" {
		values.Set("verdict", r.Verdict)
	}
	return follow[EventLine](ctx, c, eventsPath, values)
}
