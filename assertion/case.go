package assertion

import (
	"fmt"
	"iter"
	"strings"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/vpc"
)

// Case is one packet of a test: the first of its flow.
type Case struct {
	From       string `json:"from"`
	To         string `json:"to"`
	IPv6       bool   `json:"ipv6,omitempty"`
	Protocol   string `json:"protocol"`              // as vpc.Protocol writes it
	Port       uint16 `json:"port,omitempty"`        // for TCP and UDP
	SourcePort uint16 `json:"source_port,omitempty"` // 0 is any
	ICMPType   *uint8 `json:"icmp_type,omitempty"`   // for ICMP and ICMPv6
	ICMPCode   uint8  `json:"icmp_code,omitempty"`
	VPC        string `json:"vpc,omitempty"`
}

// Types of an echo request (RFC 792, RFC 4443).
const (
	echoRequest   = 8
	echoRequestV6 = 128
)

// Cases yields the test's cases: by from, then to, family and port.
func (t *Test) Cases() iter.Seq[Case] {
	return func(yield func(Case) bool) {
		for _, from := range t.From {
			for _, to := range t.To {
				for _, ipv6 := range t.ipv6.of(from, to) {
					if !t.ports(t.packet(from, to, ipv6), yield) {
						return
					}
				}
			}
		}
	}
}

// packet returns a case without its port.
func (t *Test) packet(from, to string, ipv6 bool) Case {
	c := Case{From: from, To: to, IPv6: ipv6, Protocol: t.Protocol.String(), SourcePort: t.SourcePort, VPC: t.VPC}
	if !t.Protocol.IsICMP() {
		return c
	}
	kind := uint8(echoRequest)
	switch {
	case t.ICMPType != nil:
		kind = *t.ICMPType
	case ipv6:
		c.Protocol, kind = vpc.ICMPv6.String(), echoRequestV6
	}
	if t.ICMPCode != nil {
		c.ICMPCode = *t.ICMPCode
	}
	c.ICMPType = &kind
	return c
}

// ports yields a case for each port. It returns false if there is to be no more.
func (t *Test) ports(c Case, yield func(Case) bool) bool {
	if !t.Protocol.HasPorts() {
		return yield(c)
	}
	for _, r := range t.Ports {
		for port := int(r.First); port <= int(r.Last); port++ {
			c.Port = uint16(port)
			if !yield(c) {
				return false
			}
		}
	}
	return true
}

// count returns how many cases there are, at most MaxCases+1.
func (t *Test) count() int {
	ports := 1
	if t.Protocol.HasPorts() {
		ports = 0
		for _, r := range t.Ports {
			ports = min(ports+int(r.Last)-int(r.First)+1, MaxCases+1)
		}
	}
	n := ports
	for _, factor := range []int{len(t.From), len(t.To), len(t.ipv6.of("", ""))} {
		n = min(n*min(factor, MaxCases+1), MaxCases+1)
	}
	return n
}

// Request returns what to ask an Explainer.
func (c Case) Request() control.ExplainRequest {
	return control.ExplainRequest{
		From: c.From, To: c.To, VPC: c.VPC, Protocol: c.Protocol, Port: c.Port, SourcePort: c.SourcePort,
		ICMPType: c.ICMPType, ICMPCode: c.ICMPCode, IPv6: c.IPv6,
	}
}

// IsEcho reports whether the case is a ping.
func (c Case) IsEcho() bool {
	if c.ICMPType == nil || c.ICMPCode != 0 {
		return false
	}
	return c.Protocol == vpc.ICMP.String() && *c.ICMPType == echoRequest ||
		c.Protocol == vpc.ICMPv6.String() && *c.ICMPType == echoRequestV6
}

// String returns "web to app: tcp 8080", with what else is not as usual.
func (c Case) String() string { return sayCases([]Case{c}) }

// sayCases says cases that differ in nothing but their ports: "web to app: tcp
// 80, 8000-8010".
func sayCases(cases []Case) string {
	c := cases[0]
	service := "protocol " + c.Protocol
	switch {
	case c.Port != 0:
		service = c.Protocol + " " + sayPorts(cases)
	case c.IsEcho():
		service = c.Protocol + " echo request"
	case c.ICMPType != nil:
		service = fmt.Sprintf("%s type %d code %d", c.Protocol, *c.ICMPType, c.ICMPCode)
	}
	s := fmt.Sprintf("%s to %s: %s", c.From, c.To, service)
	if c.SourcePort != 0 {
		s += fmt.Sprintf(" from port %d", c.SourcePort)
	}
	if c.IPv6 && c.Protocol != vpc.ICMPv6.String() {
		s += " IPv6"
	}
	return s
}

// maxSaid is how many ranges of ports are said.
const maxSaid = 8

// sayPorts returns "80, 8000-8010", with runs of ports put together.
func sayPorts(cases []Case) string {
	var runs []Ports
	for _, c := range cases {
		if last := len(runs) - 1; last >= 0 && c.Port > 0 && runs[last].Last == c.Port-1 {
			runs[last].Last = c.Port
			continue
		}
		runs = append(runs, Ports{c.Port, c.Port})
	}
	var said []string
	for _, r := range runs[:min(len(runs), maxSaid)] {
		said = append(said, r.String())
	}
	s := strings.Join(said, ", ")
	if more := len(runs) - maxSaid; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}
