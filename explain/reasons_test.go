package explain

import (
	"slices"
	"strings"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/stack"
	"github.com/sgate/sgate/vpc"
)

// network is a VPC with two subnets, one of which has a network ACL that lets in
// ports below 1000, and machines whose groups admit what their name says.
const network = `
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: "fd00:10::/56"}
subnets:
  - {name: public, cidr: 10.0.1.0/24, ipv6_cidr: "fd00:10:0:1::/64"}
  - {name: private, cidr: 10.0.2.0/24}
network_acls:
  - name: guard
    subnets: [private]
    ingress:
      - {number: 10, action: deny, protocol: tcp, port_range: 666, source: 0.0.0.0/0}
      - {number: 20, action: allow, protocol: tcp, port_range: 1-1000, source: 0.0.0.0/0}
      - {number: 30, action: allow, protocol: udp, port_range: 1-1000, source: 10.0.0.0/8}
    egress:
      - {number: 20, action: allow, protocol: tcp, port_range: 1024-65535, destination: 10.0.0.0/8}
security_groups:
  - name: open
    ingress:
      - {protocol: -1, source: [0.0.0.0/0, "::/0"]}
  - name: web
    ingress:
      - {protocol: tcp, port_range: 443, source: 203.0.113.0/24}
  - name: silent
    ingress: []
    egress: []
instances:
  - {name: web, subnet: public, address: 10.0.1.10, ipv6_address: "fd00:10:0:1::10", security_groups: [web]}
  - {name: open, subnet: public, address: 10.0.1.20, security_groups: [open]}
  - {name: nat, subnet: public, address: 10.0.1.30, security_groups: [open], source_dest_check: false}
  - {name: silent, subnet: public, address: 10.0.1.40, security_groups: [silent]}
  - {name: guarded, subnet: private, address: 10.0.2.50, security_groups: [open]}
hosts:
  - {name: laptop, address: 203.0.113.10, ipv6_address: "2001:db8::10"}
  - {name: stranger, address: 198.51.100.7}
`

// TestReasons asks for each reason that a packet which opens a flow can have.
func TestReasons(t *testing.T) {
	cfg := parse(t, "network.yaml", network)
	icmp := func(n uint8) *uint8 { return &n }
	for _, c := range []struct {
		reason, verdict, code string
		r                     control.ExplainRequest
	}{
		{"rule", "allow", "", control.ExplainRequest{From: "laptop", To: "web", Port: 443}},
		{"no_groups", "allow", "", control.ExplainRequest{From: "laptop", To: "stranger", Port: 443}},
		{"router_address", "allow", "", control.ExplainRequest{From: "web", To: "10.0.1.1", Protocol: "icmp"}},
		{"service_address", "allow", "", control.ExplainRequest{From: "silent", To: "169.254.169.254", Port: 80}},
		{"service_address", "allow", "", control.ExplainRequest{From: "web", To: "10.0.0.2", Protocol: "udp", Port: 53}},
		{"no_egress_rule", "drop", codeNoRules, control.ExplainRequest{From: "silent", To: "open", Port: 443}},
		{"no_ingress_rule", "drop", codeNoRules, control.ExplainRequest{From: "web", To: "silent", Port: 443}},
		{"no_ingress_rule", "drop", codeRulesMismatch, control.ExplainRequest{From: "laptop", To: "web", Port: 22}},
		{"no_ingress_rule", "drop", codeRulesMismatch, control.ExplainRequest{From: "laptop", To: "web", Port: 443, IPv6: true}},
		{"network_acl_ingress", "drop", codeACL, control.ExplainRequest{From: "open", To: "guarded", Port: 8080}},
		{"network_acl_ingress", "drop", codeACL, control.ExplainRequest{From: "open", To: "guarded", Port: 666}},
		{"network_acl_egress", "drop", codeACL, control.ExplainRequest{From: "guarded", To: "laptop", Port: 443}},
		{"source_check", "drop", codeSourceCheck, control.ExplainRequest{From: "web", To: "open", Port: 443, SourceAddress: "192.0.2.1"}},
		{"rule", "allow", "", control.ExplainRequest{From: "nat", To: "open", Port: 443, SourceAddress: "192.0.2.1"}},
		{"no_route", "drop", codeNoRoute, control.ExplainRequest{From: "web", To: "192.0.2.1", Port: 443}},
		{"no_route", "drop", codeNoRoute, control.ExplainRequest{From: "web", To: "10.0.1.255", Port: 443}},
		{"land", "drop", "", control.ExplainRequest{From: "web", To: "web", Port: 443}},
		{"martian_source", "drop", "", control.ExplainRequest{From: "nat", To: "web", Port: 443, SourceAddress: "127.0.0.1"}},
		{"multicast", "drop", "", control.ExplainRequest{From: "web", To: "224.0.0.1", Port: 443}},
		{"broadcast", "drop", "", control.ExplainRequest{From: "web", To: "255.255.255.255", Port: 443}},
		{"rule", "allow", "", control.ExplainRequest{From: "web", To: "open", Protocol: "icmp", ICMPType: icmp(3), ICMPCode: 4}},
		{"bad_neighbour_discovery", "drop", "", control.ExplainRequest{From: "laptop", To: "web", Protocol: "icmpv6", ICMPType: icmp(135)}},
		{"rule", "allow", "", control.ExplainRequest{From: "web", To: "open", Protocol: "47"}},
	} {
		e := explained(t, cfg, c.r)
		code := ""
		if e.Reachability != nil {
			code = e.Reachability.Code
			if e.Reachability.Meaning == "" {
				t.Errorf("%s has no meaning", code)
			}
		}
		if e.Reason != c.reason || e.Verdict != c.verdict || code != c.code || e.Meaning == "" {
			t.Errorf("%+v:\ngot  %s %s %s %q\nwant %s %s %s", c.r, e.Verdict, e.Reason, code, e.Meaning, c.verdict, c.reason, c.code)
		}
		if e.Allowed() != (c.verdict == control.VerdictAllow) {
			t.Errorf("%+v: allowed: %v", c.r, e.Allowed())
		}
	}
}

// TestTheModelIsToldWhatTheGatewayIs: settings that bear on a packet's fate reach
// what is asked of a file alone.
func TestTheModelIsToldWhatTheGatewayIs(t *testing.T) {
	kind := uint8(3)
	r := control.ExplainRequest{From: "laptop", To: "web", Protocol: "icmp", ICMPType: &kind, ICMPCode: 4}
	for setting, want := range map[string]string{"strict": "no_ingress_rule", "related": "icmp_error_about_nothing"} {
		cfg := parse(t, "network.yaml", "gateway: {icmp_errors: "+setting+"}\n"+network)
		if e := explained(t, cfg, r); e.Reason != want {
			t.Errorf("icmp_errors: %s: %s, want %s", setting, e.Reason, want)
		}
	}
}

// live returns a gateway with the network, in which a connection from laptop's
// first ephemeral port to web's 443 is established.
func live(t *testing.T, o gateway.Options) *world {
	t.Helper()
	cfg := parse(t, "network.yaml", network)
	w := newWorld(t, o, cfg.Resources.Resources())
	t.Cleanup(w.close)
	w.connect(t)
	return w
}

// connect shakes hands.
func (w *world) connect(t *testing.T) {
	t.Helper()
	for _, step := range []struct {
		from, to string
		flags    header.TCPFlags
		seq, ack uint32
		src, dst uint16
	}{
		{"laptop", "web", header.TCPFlagSyn, 0, 0, firstPort, 443},
		{"web", "laptop", header.TCPFlagSyn | header.TCPFlagAck, 0, 1, 443, firstPort},
		{"laptop", "web", header.TCPFlagAck, 1, 1, firstPort, 443},
	} {
		q := w.question(t, control.ExplainRequest{From: step.from, To: step.to, SourcePort: step.src, Port: step.dst})
		q.packet.Flags, q.packet.Seq, q.packet.Ack = step.flags, step.seq, step.ack
		if f := w.send(q.source.ID, raw(q)); f.verdict != control.VerdictAllow {
			t.Fatalf("%+v: %+v", step, f)
		}
	}
}

func (w *world) question(t *testing.T, r control.ExplainRequest) *question {
	t.Helper()
	policy, _ := w.g.Policy()
	q, err := newQuestion(policy, r)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func (w *world) explain(t *testing.T, r control.ExplainRequest) control.Explanation {
	t.Helper()
	e, err := New(w.g).Explain(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestAnErrorAboutALiveFlow asks about an ICMP error that quotes a connection
// which is there.
func TestAnErrorAboutALiveFlow(t *testing.T) {
	w := live(t, gateway.Options{RelatedICMPErrors: true})
	kind := uint8(3)
	e := w.explain(t, control.ExplainRequest{From: "web", To: "laptop", Protocol: "icmp", ICMPType: &kind})
	if e.Reason != "related" || e.Egress.Answer != control.AnswerFlow || e.Egress.Rule == nil {
		t.Errorf("got %s, egress %+v", e.Reason, e.Egress)
	}
}

// TestALiveFlow asks about packets on the addresses and ports of a connection
// that is there, and about new ones beside it, after its rule has gone.
func TestALiveFlow(t *testing.T) {
	w := live(t, gateway.Options{})
	cfg := parse(t, "network.yaml", network)
	res := cfg.Resources.Resources()
	for i, g := range res.SecurityGroups {
		if g.Name == "web" {
			res.SecurityGroups[i].Ingress = nil
		}
	}
	rule := w.explain(t, control.ExplainRequest{From: "laptop", To: "web", Port: 443}).Ingress.Rule
	w.apply(res)

	fresh := w.explain(t, control.ExplainRequest{From: "laptop", To: "web", Port: 443})
	if fresh.Reason != "no_ingress_rule" || fresh.Flow != nil || fresh.Packet.SourcePort == firstPort {
		t.Errorf("a new connection: %s, flow %+v, port %d", fresh.Reason, fresh.Flow, fresh.Packet.SourcePort)
	}
	if c := fresh.Connections; c == nil || *c != (control.ExplainedConnections{Count: 1, Tracked: 1}) {
		t.Errorf("connections that go on: %+v", c)
	}

	if other := w.explain(t, control.ExplainRequest{From: "laptop", To: "web", Port: 22}); other.Connections != nil {
		t.Errorf("connections to another port: %+v", other.Connections)
	}

	same := w.explain(t, control.ExplainRequest{From: "laptop", To: "web", Port: 443, SourcePort: firstPort})
	if f := same.Flow; f == nil || f.State != "ESTABLISHED" || f.Opener != "from" || !f.TrackedByReceiver || f.TrackedBySender {
		t.Fatalf("the flow that is there: %+v", f)
	}
	if len(same.Flow.Rules) != 1 || same.Flow.Rules[0].ID != rule.ID || !same.Flow.Rules[0].Gone {
		t.Errorf("its rules: %+v, want %s, gone", same.Flow.Rules, rule.ID)
	}
	// A segment of the connection itself passes, the rules as they are would
	// not admit it, and it is told which rule once did.
	q := w.question(t, control.ExplainRequest{From: "laptop", To: "web", Port: 443, SourcePort: firstPort})
	q.packet.Flags, q.packet.Seq, q.packet.Ack = header.TCPFlagAck, 1, 1
	trial, err := q.try(w.g)
	if err != nil {
		t.Fatal(err)
	}
	a := newAnswer(q, &trial)
	if in := a.Ingress; a.Reason != "flow" || in.Answer != control.AnswerFlow || in.RulesSay != control.AnswerNoRule || in.Rule == nil || in.Rule.ID != rule.ID {
		t.Errorf("a segment of it: %s, ingress %+v", a.Reason, in)
	}
}

// TestTheReply looks for what a network ACL makes of the answer.
func TestTheReply(t *testing.T) {
	cfg := parse(t, "network.yaml", network)
	e := explained(t, cfg, control.ExplainRequest{From: "laptop", To: "guarded", Port: 443})
	if !e.Allowed() || len(e.Reply) != 1 || e.Reply[0].Action != actionDeny || len(e.Notes) != 1 {
		t.Errorf("a client outside: %s, reply %+v, notes %q", e.Verdict, e.Reply, e.Notes)
	}
	if !e.RemediesSuffice || len(e.Remedies) != 1 || !e.Remedies[0].Reply {
		t.Errorf("remedies %+v", e.Remedies)
	}
	e = explained(t, cfg, control.ExplainRequest{From: "web", To: "guarded", Port: 443})
	if !e.Allowed() || len(e.Reply) != 1 || e.Reply[0].Action != actionAllow || len(e.Notes) != 0 || len(e.Remedies) != 0 {
		t.Errorf("a client inside: %s, reply %+v, notes %q, remedies %+v", e.Verdict, e.Reply, e.Notes, e.Remedies)
	}
	for _, acl := range append(e.NetworkACLs, e.Reply...) {
		if acl.Name != "guard" || acl.Subnet != "private" || acl.EntryNumber != 20 || acl.Origin == "" {
			t.Errorf("an ACL: %+v", acl)
		}
	}
	if e := explained(t, cfg, control.ExplainRequest{From: "open", To: "guarded", Port: 8080}); e.NetworkACLs[0].EntryNumber != vpc.MaxNetworkACLEntryNumber+1 {
		t.Errorf("the last entry: %+v", e.NetworkACLs)
	}
}

// TestReplyTo: ports change places, and an echo's reply is another type.
func TestReplyTo(t *testing.T) {
	icmp := func(protocol vpc.Protocol, icmpType uint8) *question {
		q := &question{packet: stack.Composition{Src: address("10.0.1.10"), Dst: address("10.0.1.20"), Protocol: uint8(protocol), ICMPType: icmpType}}
		if protocol == vpc.ICMPv6 {
			q.packet.Src, q.packet.Dst = address("fd00::1"), address("fd00::2")
		}
		return q
	}
	for _, c := range []struct {
		q    *question
		want int // the reply's type, -1 for none
	}{
		{icmp(vpc.ICMP, 8), 0}, {icmp(vpc.ICMP, 13), 14}, {icmp(vpc.ICMPv6, 128), 129},
		{icmp(vpc.ICMP, 0), -1}, {icmp(vpc.ICMP, 3), -1}, {icmp(vpc.ICMPv6, 129), -1},
	} {
		var p stack.Packet
		p.Parse(raw(c.q))
		f, ok := replyTo(&p, filter.Flow{Src: p.Src, Dst: p.Dst, ICMPType: p.ICMPType})
		if ok != (c.want >= 0) || ok && (int(f.ICMPType) != c.want || f.Src != p.Dst || f.Dst != p.Src) {
			t.Errorf("%+v: %+v, %v; want type %d", c.q.packet, f, ok, c.want)
		}
	}
	f, _ := replyTo(&stack.Packet{Protocol: uint8(vpc.TCP)}, filter.Flow{From: 1, To: 2, SrcPort: 3, DstPort: 4})
	if want := (filter.Flow{From: 2, To: 1, SrcPort: 4, DstPort: 3}); f != want {
		t.Errorf("got %+v, want %+v", f, want)
	}
}

// TestTheFirstACLThatDeniesIsTheLast that is asked.
func TestTheFirstACLThatDeniesIsTheLast(t *testing.T) {
	text := strings.Replace(network, "security_groups:", "  - {name: closed, subnets: [public]}\nsecurity_groups:", 1)
	e := explained(t, parse(t, "network.yaml", text), control.ExplainRequest{From: "web", To: "guarded", Port: 8080})
	if e.Reason != "network_acl_egress" || len(e.NetworkACLs) != 1 || e.NetworkACLs[0].Name != "closed" {
		t.Errorf("%s: %+v", e.Reason, e.NetworkACLs)
	}
}

// TestNoDevice: whoever asks about a stopped instance, or an interface that is
// attached to none, is not told that nobody has the address.
func TestNoDevice(t *testing.T) {
	cfg := parse(t, "stopped.yaml", `
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: a, cidr: 10.0.1.0/24}]
instances:
  - {name: web, subnet: a, address: 10.0.1.10}
  - {name: off, id: i-0123456789abcdef0, subnet: a, address: 10.0.1.20, state: stopped}
  - {name: mute, subnet: a, address: 10.0.1.50, security_groups: [mute]}
security_groups:
  - {name: mute, egress: []}
  - {name: default, ingress: [{type: All traffic, source: 0.0.0.0/0}]}
network_interfaces:
  - {name: spare, subnet: a, address: 10.0.1.30}
`)
	for to, want := range map[string]string{
		"off":                 "off has no device: " + whoHasNoDevice,
		"i-0123456789abcdef0": "off has no device: " + whoHasNoDevice,
		"10.0.1.20":           "off has no device: " + whoHasNoDevice,
		"spare":               "spare has no device: " + whoHasNoDevice,
		"10.0.1.40":           "nobody in VPC main has the address 10.0.1.40; a machine outside the VPC is declared under hosts",
	} {
		e := explained(t, cfg, control.ExplainRequest{From: "web", To: to, Port: 80})
		if e.Reason != "no_route" || !slices.Contains(e.Notes, want) {
			t.Errorf("%s: %s, %q; want %q", to, e.Reason, e.Notes, want)
		}
	}
	const silent = "off has no device and sends nothing: " + whoHasNoDevice + "; this is what would become of the packet if it came"
	if e := explained(t, cfg, control.ExplainRequest{From: "off", To: "web", Port: 80}); !slices.Contains(e.Notes, silent) {
		t.Errorf("from off: %q, want %q", e.Notes, silent)
	}
	if e := explained(t, cfg, control.ExplainRequest{From: "mute", To: "off", Port: 80}); len(e.Remedies) != 1 || e.RemediesSuffice {
		t.Errorf("a rule is to be enough to reach what has no device: %+v", e.Remedies)
	}
	x, err := FromConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, err := x.Matrix(t.Context(), control.MatrixRequest{})
	if err != nil || len(m.Pairs) != 12 {
		t.Fatalf("matrix: %+v, %v; want 12 pairs", m.Pairs, err)
	}
	for _, p := range m.Pairs {
		if len(p.Services) > 0 {
			t.Errorf("%s to %s: %+v passes, and one of them has no device", p.From, p.To, p.Services)
		}
	}
}
