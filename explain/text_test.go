package explain

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

func textOf(t *testing.T, e control.Explanation, s Style) string {
	t.Helper()
	var b strings.Builder
	if err := WriteText(&b, e, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestText shows what the command prints, but for what cmd/sgate's scripts show.
func TestText(t *testing.T) {
	for _, c := range []struct {
		file, want string
		r          control.ExplainRequest
	}{
		{file: "network-acl.yaml", r: control.ExplainRequest{From: "unwanted", To: "web", Port: 80}, want: `
DROP       unwanted 198.51.100.7:49152 > web 10.0.1.10:80  tcp SYN
           network_acl_ingress: the network ACL of the receiver's subnet denies it

  egress   unwanted is a host outside the VPC: it has no security groups
  acl      network ACL public of subnet public, ingress: denied by entry 90 deny all traffic from 198.51.100.7/32
           configs/network-acl.yaml:25:9
  ingress  web, in group web: not asked; this rule would admit it
           tcp 80 from 0.0.0.0/0  sgr-2222db7ce56e01148, configs/network-acl.yaml:45:9
  AWS      SUBNET_ACL_RESTRICTION: the network ACL must allow it
           ingress acl-edef2119b48ddb5c6

To allow it, add to network ACL public, under ingress (configs/network-acl.yaml:19:5):

    - {number: 89, action: allow, protocol: tcp, port_range: 80, source: 198.51.100.7/32}

    aws ec2 create-network-acl-entry --network-acl-id acl-edef2119b48ddb5c6 --ingress --rule-number 89 --rule-action allow --protocol tcp --port-range From=80,To=80 --cidr-block 198.51.100.7/32

    it goes before entry 90 deny all traffic from 198.51.100.7/32, which somebody may have meant
`},
		{file: "three-tier.yaml", r: control.ExplainRequest{From: "web", To: "10.0.1.1", Protocol: "icmp"}, want: `
ALLOW      web 10.0.1.10 > 10.0.1.1  icmp echo request
           router_address: it was for the VPC router, which is the gateway itself

  egress   web, in group web: not asked; this rule would admit it
           all traffic to 0.0.0.0/0  sgr-2130bbc8bd0cb838e, configs/three-tier.yaml:12:5
  ingress  10.0.1.1 is the VPC router
  note     security groups and network ACLs do not filter it
`},
	} {
		got := textOf(t, explained(t, load(t, c.file), c.r), Style{})
		if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.r, diff)
		}
	}
}

// TestTextOfTheReply: the packet passes, the answer does not.
func TestTextOfTheReply(t *testing.T) {
	e := explained(t, parse(t, "network.yaml", network), control.ExplainRequest{From: "laptop", To: "guarded", Port: 443})
	got := textOf(t, e, Style{})
	for _, want := range []string{
		"ALLOW ", "  acl      network ACL guard of subnet private, ingress: allowed by entry 20 allow tcp 1-1000 from 0.0.0.0/0\n",
		"  reply    network ACL guard of subnet private, egress: denied by entry * deny what no other entry allows\n",
		"  note     network ACL guard drops the reply: network ACLs know no connections, replies need an entry of their own\n",
		"\nTo let the reply pass, add to network ACL guard, under egress (network.yaml:7:5):\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
}

// TestTextOfTheReplysRemedy: the second remedy is for another packet.
func TestTextOfTheReplysRemedy(t *testing.T) {
	e := explained(t, parse(t, "network.yaml", network), control.ExplainRequest{From: "laptop", To: "guarded", Port: 8080})
	got := textOf(t, e, Style{})
	for _, want := range []string{
		"\nTo allow it, add to network ACL guard, under ingress (network.yaml:7:5):\n",
		"\nAnd, to let the reply pass, add to network ACL guard, under egress (network.yaml:7:5):\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
}

// TestTextOfWhereARemedyGoes: into what the file has, or else with what it does
// not have.
func TestTextOfWhereARemedyGoes(t *testing.T) {
	const text = `
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: main, cidr: 10.0.1.0/24}]
security_groups:
  - name: web
    egress: []
  - name: app
instances:
  - {name: web, address: 10.0.1.10, security_groups: [web]}
  - {name: app, address: 10.0.1.20, security_groups: [app]}
  - {name: other, address: 10.0.1.30}
hosts:
  - {name: laptop, address: 203.0.113.10}
`
	halfDefault := strings.Replace(text, "instances:", "  - name: default\n    egress: []\ninstances:", 1)
	for _, c := range []struct{ file, from, to, want string }{
		{text, "web", "laptop", "add to security group web, under egress (c.yaml:5:5):\n\n    - {"},
		{text, "laptop", "app", "add to security group app, under ingress (c.yaml:7:5):\n\n    - {"},
		{halfDefault, "laptop", "other", "add to security group default (c.yaml:8:5):\n\n    ingress:\n      - {protocol: -1, source: self}\n"},
		{text, "laptop", "other", "add to security_groups the group default, which the file does not have:\n\n    - name: default\n      ingress:\n"},
	} {
		got := textOf(t, explained(t, parse(t, "c.yaml", c.file), control.ExplainRequest{From: c.from, To: c.to, Port: 80}), Style{})
		if !strings.Contains(got, "\nTo allow it, "+c.want) {
			t.Errorf("%s to %s: it does not say %q:\n%s", c.from, c.to, c.want, got)
		}
	}
}

// TestToItself: what a machine sends to itself never comes to the gateway, by
// whichever of its addresses; what it sends in another's name does.
func TestToItself(t *testing.T) {
	const text = `
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: main, cidr: 10.0.1.0/24}]
security_groups:
  - {name: closed}
instances:
  - {name: web, address: 10.0.1.10, secondary_addresses: [10.0.1.11], security_groups: [closed], source_dest_check: false}
  - {name: app, address: 10.0.1.20, source_dest_check: false}
`
	cfg := parse(t, "c.yaml", text)
	for _, c := range []struct {
		r      control.ExplainRequest
		itself bool
	}{
		{control.ExplainRequest{From: "web", To: "web", Port: 80}, true},
		{control.ExplainRequest{From: "10.0.1.11", To: "10.0.1.10", Protocol: "udp", Port: 80}, true},
		{control.ExplainRequest{From: "web", To: "app", Port: 80}, false},
		{control.ExplainRequest{From: "app", To: "web", Port: 80, SourceAddress: "10.0.1.10"}, false},
		{control.ExplainRequest{From: "web", To: "web", Port: 80, SourceAddress: "10.0.1.20"}, false},
	} {
		e := explained(t, cfg, c.r)
		notes := strings.Join(e.Notes, "\n")
		if got := strings.Contains(notes, "what web sends to itself never comes to the gateway: it arrives"); got != c.itself || c.itself && len(e.Remedies) > 0 {
			t.Errorf("%+v: notes %q, remedies %+v", c.r, e.Notes, e.Remedies)
		}
	}
}

// TestTextOfALiveFlow: its rule has gone, and it goes on.
func TestTextOfALiveFlow(t *testing.T) {
	w := live(t, gateway.Options{})
	res := parse(t, "network.yaml", network).Resources.Resources()
	for i, g := range res.SecurityGroups {
		if g.Name == "web" {
			res.SecurityGroups[i].Ingress = nil
		}
	}
	w.apply(res)
	w.clock.Add(90e9)
	got := textOf(t, w.explain(t, control.ExplainRequest{From: "laptop", To: "web", Port: 443}), Style{})
	for _, want := range []string{
		"  flows    1 live connection between the two to that port, 1 tracked: those go on until they end or are cut",
		"there are no rules of this direction at all",
		"SG_HAS_NO_RULES",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	q := w.question(t, control.ExplainRequest{From: "laptop", To: "web", Protocol: "udp", Port: 443, SourcePort: firstPort})
	q.packet.Protocol, q.packet.Flags, q.packet.Seq, q.packet.Ack = uint8(vpc.TCP), 0x10, 1, 1
	trial, err := q.try(w.g)
	if err != nil {
		t.Fatal(err)
	}
	got = textOf(t, newAnswer(q, &trial).Explanation, Style{})
	for _, want := range []string{
		"  flow     ESTABLISHED for 1m30s, ends in 119h58m30s if nothing more comes\n           tracked by web: there its own packets pass, whatever the rules are\n",
		"ALLOW ", "the flow is tracked, and passes whatever the rules are; without it, no rule would admit it\n           let in by sgr-",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
}

// TestColours: with them the text is the same, but for the colours.
func TestColours(t *testing.T) {
	for _, r := range []control.ExplainRequest{{From: "web", To: "db", Port: 3306}, {From: "app", To: "db", Port: 3306}} {
		e := explained(t, load(t, "three-tier.yaml"), r)
		plain, coloured := textOf(t, e, Style{}), textOf(t, e, Style{Color: true})
		if strings.Contains(plain, "\x1b") || !strings.Contains(coloured, "\x1b[") {
			t.Errorf("colours where there are to be none, or none:\n%s%s", plain, coloured)
		}
		for _, code := range []string{"\x1b[1;31m", "\x1b[1;32m", "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[2m", "\x1b[0m"} {
			coloured = strings.ReplaceAll(coloured, code, "")
		}
		if diff := cmp.Diff(plain, coloured); diff != "" {
			t.Errorf("(-plain +coloured):\n%s", diff)
		}
	}
}

func TestNearest(t *testing.T) {
	lacking := func(counts ...int) (out []control.ExplainedMiss) {
		for _, n := range counts {
			out = append(out, control.ExplainedMiss{But: make([]string, n)})
		}
		return out
	}
	for _, c := range []struct {
		misses []control.ExplainedMiss
		want   int
	}{{nil, 0}, {lacking(1), 1}, {lacking(1, 1, 2), 2}, {lacking(1, 1, 1, 1), 3}, {lacking(2, 2), 1}} {
		if got := nearest(c.misses); len(got) != c.want {
			t.Errorf("of %d: %d, want %d", len(c.misses), len(got), c.want)
		}
	}
}
