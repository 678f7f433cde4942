package explain

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/vpc"
)

// says returns what a pair of a matrix has for a packet.
func says(p *control.MatrixPair, protocol vpc.Protocol, port uint16, icmpType, icmpCode uint8) passage {
	own := vpc.ICMP
	if p.IPv6 {
		own = vpc.ICMPv6
	}
	isOther := !protocol.HasPorts() && protocol != own
	how := dropped
	for _, s := range p.Services {
		whole := s.Protocol == "-1" || s.Protocol == protocol.String() && s.Ports == nil && s.Types == nil || s.Protocol == control.OtherProtocols && isOther
		ofPort := s.Protocol == protocol.String() && slices.ContainsFunc(s.Ports, func(r control.PortRange) bool { return r.First <= port && port <= r.Last })
		if !whole && !ofPort && !(s.Protocol == protocol.String() && ofType(s.Types, icmpType, icmpCode)) {
			continue
		}
		how = passes
		if s.NoReply {
			how = unanswered
		}
	}
	for _, s := range p.Services { // exceptions, the particular ones last
		for _, e := range s.Except {
			if e == fmt.Sprintf("protocol %d", protocol) || e == protocol.String() && isOther || e == fmt.Sprintf("%s type %d", protocol, icmpType) && !ofType(s.Types, icmpType, icmpCode) || e == fmt.Sprintf("%s type %d code %d", protocol, icmpType, icmpCode) {
				how = dropped
			}
		}
	}
	return how
}

func ofType(types []control.ICMPTypes, icmpType, icmpCode uint8) bool {
	return slices.ContainsFunc(types, func(t control.ICMPTypes) bool {
		return t.Type == icmpType && (t.Code == nil || *t.Code == icmpCode)
	})
}

// TestMatrixIsWhatExplainSays holds matrices of random worlds against questions
// about single packets.
func TestMatrixIsWhatExplainSays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, err := vpc.New(drawResources(rt))
		if err != nil {
			rt.Fatal(err)
		}
		x, err := FromConfig(&config.Config{Resources: s, Gateway: config.Gateway{MTU: 9001}})
		if err != nil {
			rt.Fatal(err)
		}
		m, err := x.Matrix(rt.Context(), control.MatrixRequest{})
		if err != nil {
			rt.Fatal(err)
		}
		for range 40 {
			p := rapid.SampledFrom(m.Pairs).Draw(rt, "pair")
			r := control.ExplainRequest{From: p.From, To: p.Dest, IPv6: p.IPv6, Brief: true}
			drawPacket(rt, &r)
			r.SourcePort = 0 // the port that replies come to counts
			if r.Protocol == "icmp" || r.Protocol == "icmpv6" {
				if r.ICMPType == nil {
					continue
				}
				types := []uint8{0, 3, 8, 11, 128, 129, 200}
				if r.IPv6 {
					types = []uint8{1, 3, 128, 129, 200} // others are errors that nobody knows
				}
				*r.ICMPType = rapid.SampledFrom(types).Draw(rt, "type")
				r.ICMPCode = rapid.SampledFrom([]uint8{0, 4, 9}).Draw(rt, "code")
			}
			protocol, _ := vpc.ParseProtocol(r.Protocol)
			e, err := x.Explain(rt.Context(), r)
			if err != nil {
				rt.Fatal(err)
			}
			var kind uint8
			if r.ICMPType != nil {
				kind = *r.ICMPType
			}
			if got, want := says(&p, protocol, r.Port, kind, r.ICMPCode), passageOf(&e); got != want {
				rt.Fatalf("%+v: the matrix says %d, explain %d\n%+v\n%+v", r, got, want, p, e)
			}
		}
	})
}

func passageOf(e *control.Explanation) passage {
	switch {
	case !e.Allowed():
		return dropped
	case len(e.Reply) > 0 && e.Reply[len(e.Reply)-1].Action == actionDeny:
		return unanswered
	}
	return passes
}

// TestMatrixOfTheExamples is what the examples' matrices look like.
func TestMatrixOfTheExamples(t *testing.T) {
	for _, c := range []struct {
		file, want string
		r          control.MatrixRequest
	}{
		{file: "three-tier.yaml", want: `
FROM \ TO   web                               app        db         laptop   stranger
web         -                                 tcp 8080   .          all      all
app         tcp 80, 443                       -          tcp 3306   all      all
db          .                                 .          -          .        .
laptop      tcp 22, 80, 443 | IPv6: tcp 443   .          .          -        all
stranger    tcp 80, 443 | IPv6: tcp 443       .          .          all      -

. nothing passes
`},
		{file: "three-tier.yaml", r: control.MatrixRequest{Port: 3306, From: []string{"web", "app"}, To: []string{"db"}}, want: `
tcp 3306

FROM \ TO   db
web         drop
app         allow
`},
		{file: "two-vpcs.yaml", r: control.MatrixRequest{VPC: "green"}, want: `
FROM \ TO      green-server   green-client
green-server   -              .
green-client   tcp 443        -

. nothing passes
`},
		{file: "prefix-lists.yaml", r: control.MatrixRequest{Protocol: "icmp"}, want: `
icmp type 8 code 0

FROM \ TO   node-1   node-2   other   hq      stranger
node-1      -        allow    allow   allow   allow
node-2      allow    -        allow   allow   allow
other       allow    allow    -       allow   allow
hq          allow    allow    allow   -       allow
stranger    allow    allow    allow   allow   -
`},
		{file: "network-acl.yaml", want: `
FROM      TO        FAMILY  PASSES
web       app       IPv4    tcp 80
web       client    IPv4    tcp 1024-65535*; icmp type 3 code 4
web       unwanted  IPv4    tcp 1024-65535*; icmp type 3 code 4
bastion   web       IPv4    tcp 22, 80
bastion   client    IPv4    tcp 1024-65535*; icmp type 3 code 4
bastion   unwanted  IPv4    tcp 1024-65535*; icmp type 3 code 4
app       web       IPv4    tcp 80
app       client    IPv4    all
app       unwanted  IPv4    all
client    web       IPv4    tcp 80
client    unwanted  IPv4    all
unwanted  client    IPv4    all

of 8 other pairs nothing passes

* it passes, and a network ACL drops the reply
`},
	} {
		x, err := FromConfig(load(t, c.file))
		if err != nil {
			t.Fatal(err)
		}
		m, err := x.Matrix(t.Context(), c.r)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		if err := WriteMatrix(&got, m); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), got.String()); diff != "" {
			t.Errorf("%s %+v (-want +got):\n%s", c.file, c.r, diff)
		}
	}
}

// TestWhatDoesNotPassOfManyThatDo: entries that deny a protocol, a type, a code.
func TestWhatDoesNotPassOfManyThatDo(t *testing.T) {
	x, err := FromConfig(parse(t, "x.yaml", `
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: main, cidr: 10.0.1.0/24}]
network_acls:
  - name: some
    subnets: [main]
    ingress:
      - {number: 1, action: deny, protocol: 47, source: 0.0.0.0/0}
      - {number: 2, action: deny, protocol: icmp, icmp_type: 8, source: 0.0.0.0/0}
      - {number: 3, action: deny, protocol: icmp, icmp_type: 3, icmp_code: 1, source: 0.0.0.0/0}
      - {number: 4, action: deny, protocol: udp, port_range: 53, source: 0.0.0.0/0}
      - {number: 9, action: allow, protocol: -1, source: 0.0.0.0/0}
    egress: [{number: 1, action: allow, protocol: -1, destination: 0.0.0.0/0}]
security_groups: [{name: open, ingress: [{protocol: -1, source: 0.0.0.0/0}]}]
instances: [{name: a, address: 10.0.1.10, security_groups: [open]}]
hosts: [{name: h, address: 203.0.113.10}]
`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := x.Matrix(t.Context(), control.MatrixRequest{From: []string{"h"}, To: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "tcp; udp 0-52, 54-65535; icmp but not icmp type 3 code 1, icmp type 8; other protocols but not protocol 47"
	if got := passing(&m.Pairs[0]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBadMatrices(t *testing.T) {
	x, err := FromConfig(load(t, "three-tier.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	many := slices.Repeat([]string{"web"}, 101)
	for want, r := range map[string]control.MatrixRequest{
		`from: no instance or host "x"`:             {From: []string{"x"}},
		`to: no instance or host "x"`:               {To: []string{"x"}},
		`no VPC "x"`:                                {VPC: "x"},
		"protocol icmp has no ports":                {Protocol: "icmp", Port: 1},
		"port is missing":                           {Protocol: "tcp"},
		"10201 pairs, more than 10000: choose some": {From: many, To: many},
	} {
		_, err := x.Matrix(t.Context(), r)
		var refusal *control.Error
		if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
