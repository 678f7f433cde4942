package config

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sgate/sgate/vpc"
)

// rulesWorld has a group web whose ingress rules follow, from line 8.
const rulesWorld = `vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
prefix_lists: [{name: office, entries: [{cidr: 203.0.113.0/24}]}, {name: both}]
security_groups:
  - {name: app}
  - {name: both}
  - name: web
    ingress:
`

func TestRuleFaults(t *testing.T) {
	const where = `f.yaml:8:`
	const web = `: security group "web": ingress rule 1: `
	testFaults(t, rulesWorld, []faultCase{
		{"reversed", "      - {protocol: tcp, port_range: 80-79, source: self}\n",
			where + `37` + web + `port_range "80-79": the first port is above the last: want 79-80`},
		{"above 65535", "      - {protocol: tcp, port_range: [80, 65536], source: self}\n",
			where + `37` + web + `port_range "65536": ports end at 65535`},
		{"octal", "      - {protocol: udp, port_range: 0443, source: self}\n",
			where + `37` + web + `port_range "0443": want a port such as 443 or a range such as 8000-8100`},
		{"no range", "      - {protocol: tcp, port_range: 80-, source: self}\n",
			where + `37` + web + `port_range "80-": want a port such as 443 or a range such as 8000-8100`},
		{"ports on a protocol without", "      - {protocol: 47, port_range: 80, source: self}\n",
			where + `36` + web + `port_range: protocol 47 has no ports: leave it out`},
		{"ports on all protocols", "      - {protocol: -1, port_range: 80, source: self}\n",
			where + `36` + web + `port_range: protocol -1 has no ports: leave it out`},
		{"ports on icmp", "      - {protocol: icmp, port_range: 8, source: self}\n",
			where + `38` + web + `port_range: protocol icmp has no ports: leave it out`},
		{"icmp type on tcp", "      - {protocol: tcp, port_range: 80, icmp_type: 8, source: self}\n",
			where + `52` + web + `icmp_type: protocol tcp has no ICMP type: leave it out`},
		{"no ports", "      - {protocol: tcp, source: self}\n",
			where + `9` + web + `port_range is missing: want one such as 443 or 8000-8100; for all ports 0-65535 or type: All TCP`},
		{"empty ports", "      - {protocol: tcp, port_range: [], source: self}\n",
			where + `37` + web + `port_range: is an empty list: want at least one port or range`},
		{"no icmp type", "      - {protocol: icmp, source: self}\n",
			where + `9` + web + `icmp_type is missing: want one such as 8, echo request; for all types -1 or type: All ICMP - IPv4`},
		{"code alone", "      - {protocol: icmpv6, icmp_code: 4, source: self}\n",
			where + `39` + web + `icmp_code: means nothing without a type: want an icmp_type beside it`},
		{"code of all types", "      - {protocol: icmp, icmp_type: all, icmp_code: 4, source: self}\n",
			where + `9` + web + `ICMP code 4 without a type: all types (-1) go with all codes (-1)`},
		{"icmp numbers", "      - {protocol: icmp, icmp_type: 256, icmp_code: -2, source: self}\n",
			where + `37` + web + "icmp_type \"256\": want 0 to 255, or -1 for all\n" +
				where + `53` + web + `icmp_code "-2": want 0 to 255, or -1 for all`},
		{"protocol", "      - {protocol: http, source: self}\n",
			where + `20` + web + `protocol "http": want tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all`},
		{"neither", "      - {source: self}\n",
			where + `9` + web + `type or protocol is missing: want one, such as type: HTTPS or protocol: tcp`},
		{"type", "      - {type: PostgresSQL, source: self}\n",
			where + `16` + web + `type "PostgresSQL": there is no such type: did you mean "PostgreSQL"?`},
		{"beginning of types", "      - {type: winrm, source: self}\n",
			where + `16` + web + `type "winrm": there is no such type: did you mean "WinRM-HTTP" or "WinRM-HTTPS"?`},
		{"type and protocol", "      - {type: SSH, protocol: tcp, port_range: 22, source: self}\n",
			where + `31` + web + "protocol: does not go with type \"SSH\", which has its own: leave one of them out\n" +
				where + `48` + web + `port_range: does not go with type "SSH", which has its own: leave one of them out`},
		{"custom without details", "      - {type: Custom TCP, source: self}\n      - {type: Custom ICMP - IPv4, source: self}\n      - {type: Custom Protocol, source: self}\n      - {type: Custom UDP, protocol: udp, source: self}\n",
			where + `9` + web + `port_range is missing: want one such as 443 or 8000-8100; for all ports 0-65535 or type: All TCP
f.yaml:9:9: security group "web": ingress rule 2: icmp_type is missing: type "Custom ICMP - IPv4" needs one, such as icmp_type: 8
f.yaml:10:9: security group "web": ingress rule 3: protocol is missing: type "Custom Protocol" needs one, such as protocol: 47
f.yaml:11:38: security group "web": ingress rule 4: protocol: does not go with type "Custom UDP", which has its own: leave one of them out`},
		{"twice", "      - {type: SSH, source: [10.0.0.0/8, 10.0.0.1/8]}\n      - {type: ssh, source: 10.0.0.0/8, description: again}\n",
			where + `9` + web + "the specified rule \"peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW\" already exists (declared at f.yaml:8:9)\n" +
				`f.yaml:9:9: security group "web": ingress rule 2: the specified rule "peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW" already exists (declared at f.yaml:8:9)`},
	})
}

func TestPeerFaults(t *testing.T) {
	const where, web = `f.yaml:8:`, `: security group "web": ingress rule 1: `
	vpcID := vpc.NewID("vpc", "main")
	testFaults(t, rulesWorld, []faultCase{
		{"bad cidr", "      - {type: SSH, source: 10.0.0.0/33}\n",
			where + `29` + web + `source "10.0.0.0/33": want a CIDR such as 203.0.113.0/24 or 2001:db8::/32`},
		{"address", "      - {type: SSH, source: [10.0.0.1, \"2001:db8::1\"]}\n",
			where + `29` + web + "source \"10.0.0.1\": is an address: for that address alone write 10.0.0.1/32\n" +
				where + `29` + web + `source "2001:db8::1": is an address: for that address alone write 2001:db8::1/128`},
		{"IPv4 in IPv6", "      - {type: SSH, source: \"::ffff:10.0.0.0/104\"}\n",
			where + `29` + web + `source "::ffff:10.0.0.0/104": is an IPv4 block in IPv6 clothes: write it as IPv4`},
		{"unknown", "      - {type: SSH, source: offise}\n",
			where + `29` + web + `source "offise": there is no such security group in the vpc, and no such prefix list: did you mean "office"?`},
		{"unknown id", "      - {type: SSH, source: sg-12345678}\n",
			where + `29` + web + `source "sg-12345678": there is no such security group in the vpc, and no such prefix list: known are self, app, both, web, default, office, both`},
		{"two meanings", "      - {type: SSH, source: both}\n",
			where + `29` + web + `source "both": can mean security group ` + vpc.NewID("sg", vpcID, "both") + ` or prefix list ` + vpc.NewID("pl", "both") + `: use an id`},
		{"destination", "      - {type: SSH, destination: app}\n",
			where + `34` + web + `destination: an ingress rule has a source: write it as source`},
		{"none", "      - {type: SSH}\n", where + `9` + web + `source is missing: want a CIDR, a security group, a prefix list or self`},
		{"empty", "      - {type: SSH, source: []}\n",
			where + `29` + web + `source: is an empty list: want at least one CIDR, security group, prefix list or self`},
		{"source of egress", "      []\n    egress:\n      - {type: SSH, source: app}\n",
			`f.yaml:10:29: security group "web": egress rule 1: source: an egress rule has a destination: write it as destination`},
	})
}

func TestGroupFaults(t *testing.T) {
	testFaults(t, onlyVPC, []faultCase{
		{"name twice", "security_groups: [{name: Web}, {name: web}]\n",
			`f.yaml:2:39: security group "web": name "web": is taken: names are unique, letter case aside`},
		{"name like an id", "security_groups: [{name: sg-web}]\n",
			`f.yaml:2:19: security group "sg-web": name "sg-web": must not start with sg-, which marks an id`},
		{"another VPC's", "security_groups: [{name: web, vpc: other}]\ninstances: []\n",
			`f.yaml:2:36: security group "web": vpc "other": there is no such vpc: known are main`},
	})
}

func TestNoFollowUps(t *testing.T) {
	testFaults(t, "", []faultCase{
		{"group whose name is unreadable", onlyVPC + "subnets: [{name: s, cidr: 10.0.1.0/24}]\n" +
			"security_groups: [{name: 7}, {name: a, ingress: [{type: SSH, source: seven}]}]\n" +
			"instances: [{name: i, address: 10.0.1.10, security_groups: seven}]\n",
			`f.yaml:3:26: security group 1: name: want a string, got the integer 7: put it in quotes`},
		{"groups of the wrong kind", onlyVPC + "subnets: [{name: s, cidr: 10.0.1.0/24}]\n" +
			"security_groups: {name: a}\ninstances: [{name: i, address: 10.0.1.10, security_groups: a}]\n",
			`f.yaml:3:18: security_groups: want a list, got a mapping`},
		{"subnet with a fault", onlyVPC + "subnets: [{name: s, cidr: 10.0.1}]\ninstances: [{name: i, subnet: s, address: 10.0.1.10}]\n",
			`f.yaml:2:27: subnet "s": cidr "10.0.1": want an IPv4 block such as 10.0.0.0/16`},
		{"vpc with a fault", "vpc: {cidr: x}\nsubnets: [{name: s, cidr: 10.0.1.0/24}]\nsecurity_groups: [{name: g, ingress: [{type: SSH, source: g}]}]\n" +
			"instances: [{name: i, address: 10.0.1.10, security_groups: g}]\nhosts: [{name: h, address: 192.0.2.1}]\n",
			`f.yaml:1:13: vpc "main": cidr "x": want an IPv4 block such as 10.0.0.0/16`},
		{"group in an unknown vpc", "vpc: {cidr: 10.0.0.0/16}\nsecurity_groups: [{name: g, vpc: z}, {name: h, ingress: [{type: SSH, source: g}]}]\n",
			`f.yaml:2:34: security group "g": vpc "z": there is no such vpc: known are main`},
	})
}

// TestAllFaultsAtOnce has faults of every step, which come in the file's order.
func TestAllFaultsAtOnce(t *testing.T) {
	testFaults(t, "", []faultCase{{"all", `instances:
  - {name: i, subnet: s, address: 10.0.9.1}
  - {name: j, subnet: t, adress: 10.0.1.9}
security_groups:
  - name: g
    ingress:
      - {type: SSH, source: h}
      - {protocol: tcp, port_range: 2-1, source: 10.0.0.1}
subnets:
  - {name: s, cidr: 10.0.1.0/24}
gateway: {mtu: 1}
vpc: {cidr: 10.0.0.0/16}
`, `f.yaml:2:5: instance "i": address 10.0.9.1: is not in subnet "s" (10.0.1.0/24)
f.yaml:3:23: instance "j": subnet "t": there is no such subnet: did you mean "s"?
f.yaml:3:26: instance "j": unknown key "adress": did you mean "address"?
f.yaml:7:29: security group "g": ingress rule 1: source "h": there is no such security group in the vpc, and no such prefix list: did you mean "g"?
f.yaml:8:37: security group "g": ingress rule 2: port_range "2-1": the first port is above the last: want 1-2
f.yaml:8:50: security group "g": ingress rule 2: source "10.0.0.1": is an address: for that address alone write 10.0.0.1/32
f.yaml:11:16: gateway: mtu 1: want 1280 to 65535`}})
}

func TestRulesMean(t *testing.T) {
	vpcID := vpc.NewID("vpc", "main")
	self, app, office := vpc.NewID("sg", vpcID, "web"), vpc.NewID("sg", vpcID, "app"), vpc.NewID("pl", "office")
	for _, tt := range []struct {
		rule string
		want []string
	}{
		{"{protocol: TCP, port_range: [80, 8000-8001], source: [app, 10.1.2.3/8]}", []string{
			"peer: " + app + ", TCP, from port: 80, to port: 80, ALLOW",
			"peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW",
			"peer: " + app + ", TCP, from port: 8000, to port: 8001, ALLOW",
			"peer: 10.0.0.0/8, TCP, from port: 8000, to port: 8001, ALLOW",
		}},
		{"{protocol: 17, port_range: \"53\", source: self}", []string{"peer: " + self + ", UDP, from port: 53, to port: 53, ALLOW"}},
		{"{type: all traffic, source: " + app + "}", []string{"peer: " + app + ", ALL, ALLOW"}},
		{"{protocol: all, source: office}", []string{"peer: " + office + ", ALL, ALLOW"}},
		{"{protocol: 50, source: " + office + "}", []string{"peer: " + office + ", protocol: 50, ALLOW"}},
		{"{type: RDP, source: [anywhere-ipv4, Anywhere-IPv6]}", []string{
			"peer: 0.0.0.0/0, TCP, from port: 3389, to port: 3389, ALLOW",
			"peer: ::/0, TCP, from port: 3389, to port: 3389, ALLOW",
		}},
		{"{type: All ICMP - IPv4, source: \"::/0\"}", []string{"peer: ::/0, ICMP, type: -1, code: -1, ALLOW"}},
		{"{protocol: icmpv6, source: \"::/0\"}", []string{"peer: ::/0, ICMPV6, type: -1, code: -1, ALLOW"}},
		{"{protocol: 1, icmp_type: 3, icmp_code: 4, source: self}", []string{"peer: " + self + ", ICMP, type: 3, code: 4, ALLOW"}},
		{"{protocol: icmp, icmp_type: \"all\", source: self}", []string{"peer: " + self + ", ICMP, type: -1, code: -1, ALLOW"}},
		{"{type: Custom TCP, port_range: 81, source: self}", []string{"peer: " + self + ", TCP, from port: 81, to port: 81, ALLOW"}},
		{"{type: custom icmp - ipv6, icmp_type: 128, source: self}", []string{"peer: " + self + ", ICMPV6, type: 128, code: -1, ALLOW"}},
		{"{type: Custom Protocol, protocol: 47, source: self}", []string{"peer: " + self + ", protocol: 47, ALLOW"}},
	} {
		cfg := mustParse(t, rulesWorld+"      - "+tt.rule+"\n")
		web, _ := cfg.Resources.SecurityGroup(self)
		var got []string
		for _, r := range web.Ingress {
			got = append(got, r.String())
			if r.Origin.String() != "f.yaml:8:9" {
				t.Errorf("%s: origin %s", tt.rule, r.Origin)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.rule, diff)
		}
	}
}

func TestSelfIsAmbiguousBesideAGroupOfThatName(t *testing.T) {
	_, err := parse(rulesWorld + "      - {type: SSH, source: self}\n  - {name: self}\n")
	if got := lines(err); len(got) != 1 {
		t.Errorf("got %q, want one fault", got)
	}
	mustParse(t, onlyVPC+"security_groups: [{name: self, ingress: [{type: SSH, source: self}]}]\n")
}

// TestACIDRIsOneWhateverGroupsAreCalled: AWS lets a group be called 10.0.0.0/8.
func TestACIDRIsOneWhateverGroupsAreCalled(t *testing.T) {
	cfg := mustParse(t, onlyVPC+`security_groups:
  - {name: 10.0.0.0/8, id: sg-00000000000000001, ingress: [{type: SSH, source: [10.0.0.0/8, sg-00000000000000001, "::/0"]}]}
prefix_lists: [{name: "::/0", max_entries: 1}]
`)
	g, _ := cfg.Resources.SecurityGroup("sg-00000000000000001")
	var got []string
	for _, r := range g.Ingress {
		got = append(got, r.Peer.String())
	}
	if want := []string{"10.0.0.0/8", "sg-00000000000000001", "::/0"}; !slices.Equal(got, want) {
		t.Errorf("the sources are %q, want %q", got, want)
	}
}
