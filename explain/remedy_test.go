package explain

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/vpc"
)

// apply writes one way of a remedy into a configuration.
func apply(t testing.TB, text string, r control.Remedy, c control.Choice) string {
	t.Helper()
	if r.Kind == control.RemedySourceCheck {
		return strings.Replace(text, "{name: "+r.Name+",", "{name: "+r.Name+", "+c.Config+",", 1)
	}
	if strings.HasPrefix(c.Config, "- name: ") { // a group that the file does not have
		return strings.Replace(text, "security_groups:\n", "security_groups:\n"+indentedBy("  ", c.Config), 1)
	}
	before, block, ok := strings.Cut(text, "  - name: "+r.Name+"\n")
	if !ok {
		t.Fatalf("the file has no %s:\n%s", r.Name, text)
	}
	before += "  - name: " + r.Name + "\n"
	if strings.HasPrefix(c.Config, r.Direction+":") {
		return before + indentedBy("    ", c.Config) + block
	}
	key, rules := "    "+r.Direction+":", "    "+r.Direction+":\n"+indentedBy("      ", c.Config)
	end := len(block)
	if i := strings.Index(block, "\n  - "); i >= 0 {
		end = i
	}
	if i := strings.Index(block[:end], key); i >= 0 {
		return before + block[:i] + rules + strings.TrimPrefix(strings.TrimPrefix(block[i+len(key):], " []"), "\n")
	}
	return before + rules + block
}

func indentedBy(indent, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(indent + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}

// TestRemediesHelp puts what is suggested into the file, in one way and in the
// other, and asks again.
func TestRemediesHelp(t *testing.T) {
	icmp := func(n uint8) *uint8 { return &n }
	for _, c := range []struct {
		name string
		r    control.ExplainRequest
		want []string // the texts
	}{
		{"a group for a group", control.ExplainRequest{From: "open", To: "web", Port: 22}, []string{"tcp 22 from group open in security group web, ingress"}},
		{"from outside", control.ExplainRequest{From: "laptop", To: "web", Port: 22}, []string{"tcp 22 from 203.0.113.10/32 in security group web, ingress"}},
		{"IPv6", control.ExplainRequest{From: "laptop", To: "web", Port: 443, IPv6: true}, []string{"tcp 443 from 2001:db8::10/128 in security group web, ingress"}},
		{"nobody", control.ExplainRequest{From: "192.0.2.1", To: "web", Port: 22}, []string{"tcp 22 from 192.0.2.1/32 in security group web, ingress"}},
		{"no rules at all, both ends", control.ExplainRequest{From: "silent", To: "web", Protocol: "udp", Port: 53},
			[]string{"udp 53 to group web in security group silent, egress", "udp 53 from group silent in security group web, ingress"}},
		{"ping", control.ExplainRequest{From: "laptop", To: "web", Protocol: "icmp"}, []string{"icmp type 8 from 203.0.113.10/32 in security group web, ingress"}},
		{"ping, IPv6", control.ExplainRequest{From: "laptop", To: "web", Protocol: "icmpv6"}, []string{"icmpv6 type 128 from 2001:db8::10/128 in security group web, ingress"}},
		{"an ICMP error", control.ExplainRequest{From: "open", To: "web", Protocol: "icmp", ICMPType: icmp(3), ICMPCode: 4}, []string{"icmp type 3 code 4 from group open in security group web, ingress"}},
		{"a protocol by its number", control.ExplainRequest{From: "open", To: "web", Protocol: "47"}, []string{"protocol 47 from group open in security group web, ingress"}},
		{"an entry denies it", control.ExplainRequest{From: "open", To: "guarded", Port: 666}, []string{"entry 9 allow tcp 666 from 10.0.1.20/32 in network ACL guard, ingress"}},
		{"no entry allows it", control.ExplainRequest{From: "open", To: "guarded", Port: 8080}, []string{"entry 40 allow tcp 8080 from 10.0.1.20/32 in network ACL guard, ingress"}},
		{"the reply", control.ExplainRequest{From: "laptop", To: "guarded", Port: 443}, []string{"entry 30 allow tcp 1024-65535 to 203.0.113.10/32 in network ACL guard, egress"}},
		{"the reply to a low port", control.ExplainRequest{From: "open", To: "guarded", Protocol: "udp", Port: 53, SourcePort: 123}, []string{"entry 30 allow udp 123 to 10.0.1.20/32 in network ACL guard, egress"}},
		{"a ping and its reply", control.ExplainRequest{From: "open", To: "guarded", Protocol: "icmp"},
			[]string{"entry 40 allow icmp type 8 from 10.0.1.20/32 in network ACL guard, ingress", "entry 30 allow icmp type 0 to 10.0.1.20/32 in network ACL guard, egress"}},
		{"all of it", control.ExplainRequest{From: "silent", To: "guarded", Port: 666},
			[]string{"tcp 666 to group open in security group silent, egress", "entry 9 allow tcp 666 from 10.0.1.40/32 in network ACL guard, ingress"}},
		{"a forwarder", control.ExplainRequest{From: "web", To: "silent", Port: 22, SourceAddress: "192.0.2.1"},
			[]string{"switch off the source/destination check of instance web", "tcp 22 from 192.0.2.1/32 in security group silent, ingress"}},
		{"to a member of the own group", control.ExplainRequest{From: "silent-2", To: "silent", Port: 22},
			[]string{"tcp 22 to group silent in security group silent, egress", "tcp 22 from group silent in security group silent, ingress"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(network, "hosts:", "  - {name: silent-2, subnet: public, address: 10.0.1.41, security_groups: [silent]}\nhosts:", 1)
			e := explained(t, parse(t, "network.yaml", text), c.r)
			var texts []string
			for _, r := range e.Remedies {
				texts = append(texts, r.Text)
			}
			if !slices.Equal(texts, c.want) || !e.RemediesSuffice {
				t.Fatalf("got  %q\nwant %q\nsuffice: %v, notes %q", texts, c.want, e.RemediesSuffice, e.Notes)
			}
			for _, alternative := range []bool{false, true} {
				fixed := text
				for _, r := range e.Remedies {
					if !strings.HasPrefix(r.Place, "network.yaml:") {
						t.Errorf("%s is at %q", r.Name, r.Place)
					}
					choice := r.Choice
					if alternative && r.Alternative != nil {
						choice = *r.Alternative
					}
					fixed = apply(t, fixed, r, choice)
				}
				then := explained(t, parse(t, "network.yaml", fixed), c.r)
				if !then.Allowed() || len(then.Remedies) > 0 {
					t.Errorf("with it: %s, %s, remedies %+v\n%s", then.Verdict, then.Reason, then.Remedies, fixed)
				}
			}
		})
	}
}

// TestARemedyThatDoesNotSuffice: nobody has the address.
func TestARemedyThatDoesNotSuffice(t *testing.T) {
	e := explained(t, parse(t, "network.yaml", network), control.ExplainRequest{From: "silent", To: "192.0.2.1", Port: 443})
	if len(e.Remedies) != 1 || e.RemediesSuffice || !strings.Contains(strings.Join(e.Notes, "\n"), "no_route") {
		t.Errorf("remedies %+v, suffice: %v, notes %q", e.Remedies, e.RemediesSuffice, e.Notes)
	}
}

// TestARemedyThatDoesNotHelp is not told: to the router a forwarder speaks for
// itself only.
func TestARemedyThatDoesNotHelp(t *testing.T) {
	e := explained(t, parse(t, "network.yaml", network), control.ExplainRequest{From: "web", To: "10.0.1.1", Port: 22, SourceAddress: "192.0.2.1"})
	if e.Reason != "source_check" || len(e.Remedies) != 0 || e.RemediesSuffice {
		t.Errorf("%s: remedies %+v", e.Reason, e.Remedies)
	}
}

// TestARemedyThatAWSWouldRefuse: the group is full.
func TestARemedyThatAWSWouldRefuse(t *testing.T) {
	e := explained(t, parse(t, "network.yaml", "quotas: {rules_per_security_group: 1}\n"+strings.ReplaceAll(network, `, "::/0"`, "")), control.ExplainRequest{From: "laptop", To: "web", Port: 22})
	if len(e.Remedies) != 0 || e.RemediesSuffice || !strings.Contains(strings.Join(e.Notes, "\n"), "RulesPerSecurityGroupLimitExceeded") {
		t.Errorf("remedies %+v, notes %q", e.Remedies, e.Notes)
	}
}

// TestNoRoomInANetworkACL: no number is left before the entry that denies.
func TestNoRoomInANetworkACL(t *testing.T) {
	text := strings.Replace(network, "number: 10,", "number: 1,", 1)
	if e := explained(t, parse(t, "network.yaml", text), control.ExplainRequest{From: "open", To: "guarded", Port: 666}); len(e.Remedies) != 0 {
		t.Errorf("remedies %+v", e.Remedies)
	}
}

func TestNumberBefore(t *testing.T) {
	acl := func(numbers ...int) (a vpc.NetworkACL) {
		for _, n := range numbers {
			a.Entries = append(a.Entries, vpc.NetworkACLEntry{Number: n}, vpc.NetworkACLEntry{Number: 7, Direction: vpc.Egress})
		}
		return a
	}
	const star = vpc.MaxNetworkACLEntryNumber + 1
	for _, c := range []struct {
		taken      []int
		deny, want int
	}{
		{nil, star, 100}, {[]int{100}, star, 110}, {[]int{105}, star + 1, 110}, {[]int{32766}, star, 32765},
		{[]int{100}, 100, 99}, {[]int{99, 100}, 100, 98}, {[]int{1}, 1, 0}, {[]int{1, 2, 3}, 3, 0},
	} {
		if got, ok := numberBefore(acl(c.taken...), vpc.Ingress, c.deny); got != c.want || ok != (c.want > 0) {
			t.Errorf("%d before %d: %d, %v; want %d", c.taken, c.deny, got, ok, c.want)
		}
	}
}

// TestTheGroupWithTheFewestMembersGetsTheRule, and is named by it; the default
// group last.
func TestTheGroupWithTheFewestMembersGetsTheRule(t *testing.T) {
	cfg := parse(t, "groups.yaml", `
vpc: {cidr: 10.0.0.0/16}
subnets: [{name: main, cidr: 10.0.1.0/24}]
security_groups:
  - {name: all, ingress: []}
  - {name: few, ingress: []}
  - {name: other, ingress: []}
instances:
  - {name: a, address: 10.0.1.10, security_groups: [all, few]}
  - {name: b, address: 10.0.1.11, security_groups: [all, other, default]}
  - {name: c, address: 10.0.1.12, security_groups: [all, other]}
`)
	e := explained(t, cfg, control.ExplainRequest{From: "b", To: "a", Port: 22})
	if r := e.Remedies[0]; r.Name != "few" || r.Text != "tcp 22 from group other in security group few, ingress" || r.Caution != "group other has 2 members: the rule is for all of them" {
		t.Errorf("got %+v", r)
	}
	e = explained(t, cfg, control.ExplainRequest{From: "a", To: "c", Port: 22})
	if r := e.Remedies[0]; r.Name != "other" || r.Text != "tcp 22 from group few in security group other, ingress" || r.Caution != "group other has 2 members: the rule is for all of them" {
		t.Errorf("got %+v", r)
	}
}

// TestWhatAFileLeavesOutIsWrittenToo: a rule for a group that the file does not
// have, or whose rules of the direction it leaves to AWS, must not take away what
// the group has without it.
func TestWhatAFileLeavesOutIsWrittenToo(t *testing.T) {
	const machines = "\nvpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: main, cidr: 10.0.1.0/24}]\ninstances:\n  - {name: a, address: 10.0.1.10}\n  - {name: b, address: 10.0.1.11}\nhosts: [{name: laptop, address: 203.0.113.10}]\n"
	for name, text := range map[string]string{
		"not in the file":      "security_groups:\n  - name: other\n" + machines,
		"its ingress left out": "security_groups:\n  - name: default\n    egress:\n      - {protocol: -1, destination: 0.0.0.0/0}\n" + machines,
	} {
		r := control.ExplainRequest{From: "laptop", To: "a", Port: 22}
		e := explained(t, parse(t, "f.yaml", text), r)
		if len(e.Remedies) != 1 {
			t.Fatalf("%s: %+v", name, e)
		}
		fixed := parse(t, "f.yaml", apply(t, text, e.Remedies[0], e.Remedies[0].Choice))
		if then := explained(t, fixed, r); !then.Allowed() {
			t.Errorf("%s: with it: %s", name, then.Reason)
		}
		if then := explained(t, fixed, control.ExplainRequest{From: "b", To: "a", Port: 22}); !then.Allowed() {
			t.Errorf("%s: its members do not reach each other any more: %s", name, then.Reason)
		}
	}
}

// TestConfigLinesMeanTheRule writes random rules and entries as lines, and reads
// them with the configuration's own reader.
func TestConfigLinesMeanTheRule(t *testing.T) {
	names := []string{"plain", "web tier", "self", "10.0.0.1", "10.0.0.0/8", "office", "true", "12", "1e3", "Anywhere-IPv4", "a: b", "a#b", "null", "[x]", "-", "*"}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(names).Draw(rt, "name")
		text := fmt.Sprintf("vpc: {cidr: 10.0.0.0/16, ipv6_cidr: \"fd00::/56\"}\nprefix_lists: [{name: office, entries: [{cidr: 10.0.0.0/8}]}]\n"+
			"subnets: [{name: main, cidr: 10.0.1.0/24}]\nsecurity_groups:\n  - {name: %q}\n  - name: own\n", name)
		s := parse(t, "x.yaml", text).Resources
		find := func(s *vpc.Snapshot, name string) vpc.SecurityGroup {
			i := slices.IndexFunc(s.SecurityGroups(), func(g vpc.SecurityGroup) bool { return g.Name == name })
			return s.SecurityGroups()[i]
		}
		own := find(s, "own")
		r := vpc.Rule{GroupID: own.ID, Direction: rapid.SampledFrom([]vpc.Direction{vpc.Ingress, vpc.Egress}).Draw(rt, "direction")}
		r.Protocol, r.FromPort, r.ToPort = drawService(rt)
		switch rapid.IntRange(0, 2).Draw(rt, "peer") {
		case 0:
			r.Peer.GroupID = find(s, name).ID
		case 1:
			r.Peer.GroupID = own.ID
		default:
			r.Peer.CIDR = prefix(rapid.SampledFrom(someCIDRs).Draw(rt, "cidr"))
		}
		text += fmt.Sprintf("    %s:\n      - %s\n", r.Direction, ruleItem(s, r))
		cfg, err := config.Parse([]byte(text), config.Source{Path: "x.yaml"})
		if err != nil {
			rt.Fatalf("%v\n%s", err, text)
		}
		if got := find(cfg.Resources, "own").Rules(r.Direction); len(got) != 1 || got[0].Key() != r.Canonical().Key() {
			rt.Fatalf("got %+v, want %+v\n%s", got, r, text)
		}
	})
}
