package explain

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/control"
)

// TestMissesInWords: for each rule that does not admit a packet, what it lacks.
func TestMissesInWords(t *testing.T) {
	const base = `
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: "fd00:10::/56"}
subnets: [{name: main, cidr: 10.0.1.0/24, ipv6_cidr: "fd00:10:0:1::/64"}]
prefix_lists: [{name: office, entries: [{cidr: 203.0.113.0/24}]}]
security_groups:
  - {name: app, ingress: [RULE], egress: [EGRESS]}
  - {name: web}
instances:
  - {name: app, address: 10.0.1.20, ipv6_address: "fd00:10:0:1::20", security_groups: [app], source_dest_check: false}
  - {name: web, address: 10.0.1.10, ipv6_address: "fd00:10:0:1::10", security_groups: [web], source_dest_check: false}
`
	in := control.ExplainRequest{From: "web", To: "app", Port: 3306}
	with := func(change func(*control.ExplainRequest)) control.ExplainRequest {
		r := in
		change(&r)
		return r
	}
	for _, c := range []struct {
		rule, want string
		r          control.ExplainRequest
	}{
		{"{protocol: tcp, port_range: 5432, source: web}", "but for the port: 3306 is asked, 5432 is open", in},
		{"{protocol: tcp, port_range: 8000-8100, source: web}", "but for the port: 3306 is asked, 8000-8100 are open", in},
		{"{protocol: tcp, port_range: 3306, source: 10.0.2.0/24}", "but for the source: 10.0.1.10 is not in 10.0.2.0/24", in},
		{"{protocol: tcp, port_range: 3306, source: self}", "but for the source: web is not a member of group app", in},
		{"{protocol: tcp, port_range: 3306, source: office}", "but for the source: 10.0.1.10 is not in prefix list office", in},
		{"{protocol: tcp, port_range: 3306, source: \"::/0\"}", "but for the family: the packet is IPv4, the rule is for IPv6", in},
		{"{protocol: udp, port_range: 3306, source: web}", "but for the protocol: tcp is asked, udp is open", in},
		{"{protocol: udp, port_range: 53, source: web}", "but for the protocol: tcp is asked, udp is open, and the port: 3306 is asked, 53 is open", in},
		{"{protocol: 47, source: web}", "but for the protocol: tcp is asked, 47 is open", in},
		{"{protocol: tcp, port_range: 22, source: 10.0.2.0/24}", "but for the port: 3306 is asked, 22 is open, and the source: 10.0.1.10 is not in 10.0.2.0/24", in},
		{"{protocol: icmp, icmp_type: 0, source: web}", "but for the ICMP type: type 8 code 0 is asked, type 0 is open",
			with(func(r *control.ExplainRequest) { r.Protocol, r.Port = "icmp", 0 })},
		{"{protocol: icmpv6, source: web}", "but for the protocol: icmp is asked, icmpv6 is open",
			with(func(r *control.ExplainRequest) { r.Protocol, r.Port = "icmp", 0 })},
		{"{protocol: tcp, port_range: 3306, source: web}", "but for the source: 192.0.2.1 is not a member of group web",
			with(func(r *control.ExplainRequest) { r.SourceAddress = "192.0.2.1" })},
		{"{protocol: tcp, port_range: 3306, source: 0.0.0.0/0}", "but for the family: the packet is IPv6, the rule is for IPv4",
			with(func(r *control.ExplainRequest) { r.IPv6 = true })},
	} {
		cfg := parse(t, "x.yaml", strings.NewReplacer("RULE", c.rule, "EGRESS", "").Replace(base))
		e := explained(t, cfg, c.r)
		if e.Reason != "no_ingress_rule" || len(e.Ingress.Misses) != 1 || e.Ingress.Misses[0].Text != c.want {
			t.Errorf("%s: %s\ngot  %+v\nwant %s", c.rule, e.Reason, e.Ingress.Misses, c.want)
		}
	}
	cfg := parse(t, "x.yaml", strings.NewReplacer("RULE", "", "EGRESS", "{protocol: tcp, port_range: 443, destination: 10.0.2.0/24}").Replace(base))
	e := explained(t, cfg, control.ExplainRequest{From: "app", To: "web", Port: 443})
	want := []string{"but for the destination: 10.0.1.10 is not in 10.0.2.0/24"}
	if got := []string{e.Egress.Misses[0].Text}; !cmp.Equal(got, want) {
		t.Errorf("egress: got %q, want %q", got, want)
	}
	if diff := cmp.Diff([]string{"peer"}, e.Egress.Misses[0].But); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestASideThatWasNotAsked still says what its rules would.
func TestASideThatWasNotAsked(t *testing.T) {
	cfg := parse(t, "network.yaml", network)
	e := explained(t, cfg, control.ExplainRequest{From: "silent", To: "open", Port: 443})
	in := e.Ingress
	if in.Answer != control.AnswerNotAsked || in.RulesSay != control.AnswerRule || in.RuleNow == nil || in.RuleNow.Text != "all traffic from 0.0.0.0/0" {
		t.Errorf("ingress: %+v", in)
	}
	e = explained(t, cfg, control.ExplainRequest{From: "silent", To: "web", Port: 22})
	if in := e.Ingress; in.RulesSay != control.AnswerNoRule || len(in.Misses) != 1 {
		t.Errorf("ingress: %+v", in)
	}
}

// TestARuleAndWhereItStands: all that is said of a rule.
func TestARuleAndWhereItStands(t *testing.T) {
	e := explained(t, load(t, "three-tier.yaml"), control.ExplainRequest{From: "web", To: "app", Port: 8080})
	want := &control.ExplainedRule{
		ID: e.Ingress.Rule.ID, Group: e.Ingress.Groups[0], Direction: "ingress", Text: "tcp 8080 from group web",
		Description: "From the web tier", Origin: "configs/three-tier.yaml:24:9",
	}
	if diff := cmp.Diff(want, e.Ingress.Rule); diff != "" || !strings.HasPrefix(want.ID, "sgr-") || want.Group.Name != "app" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
