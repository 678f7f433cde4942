package config

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sgate/sgate/vpc"
)

// aclWorld has a network ACL whose ingress entries follow, from line 8.
const aclWorld = world + `network_acls:
  - name: edge
    ingress:
`

func TestNetworkACLs(t *testing.T) {
	cfg := mustParse(t, world+`network_acls:
  - name: edge
    id: acl-12345678
    subnets: [a, b]
    ingress:
      - {number: 200, action: allow, protocol: TCP, port_range: 1024-65535, source: 0.0.0.0/0}
      - {number: 100, action: deny, type: ssh, source: 203.0.113.9/24}
      - {number: 110, action: allow, protocol: -1, source: Anywhere-IPv6}
      - {number: 120, action: allow, protocol: 1, icmp_type: 3, icmp_code: 4, source: 0.0.0.0/0}
    egress:
      - {number: 100, action: allow, type: Custom UDP, port_range: [53], destination: "2001:db8::7/32"}
      - {number: 110, action: deny, protocol: icmpv6, icmp_type: 128, destination: 10.0.0.0/8}
  - name: closed
`)
	at := func(line int) vpc.Origin { return vpc.Origin{File: "f.yaml", Line: line, Column: 9} }
	entry := func(line, number int, d vpc.Direction, allow bool, p vpc.Protocol, from, to int32, cidr string) vpc.NetworkACLEntry {
		return vpc.NetworkACLEntry{
			Number: number, Direction: d, Allow: allow, Protocol: p, FromPort: from, ToPort: to,
			CIDR: netip.MustParsePrefix(cidr), Origin: at(line),
		}
	}
	s := cfg.Resources
	vpcID := vpc.NewID("vpc", "main")
	want := []vpc.NetworkACL{{
		ID: "acl-12345678", Name: "edge", VPCID: vpcID,
		SubnetIDs: []string{vpc.NewID("subnet", vpcID, "a"), vpc.NewID("subnet", vpcID, "b")},
		Origin:    vpc.Origin{File: "f.yaml", Line: 6, Column: 5},
		Entries: []vpc.NetworkACLEntry{
			entry(11, 100, vpc.Ingress, false, vpc.TCP, 22, 22, "203.0.113.0/24"),
			entry(12, 110, vpc.Ingress, true, vpc.AllProtocols, vpc.Any, vpc.Any, "::/0"),
			entry(13, 120, vpc.Ingress, true, vpc.ICMP, 3, 4, "0.0.0.0/0"),
			entry(10, 200, vpc.Ingress, true, vpc.TCP, 1024, 65535, "0.0.0.0/0"),
			entry(15, 100, vpc.Egress, true, vpc.UDP, 53, 53, "2001:db8::/32"),
			entry(16, 110, vpc.Egress, false, vpc.ICMPv6, vpc.Any, vpc.Any, "10.0.0.0/8"),
		},
	}, {
		ID: vpc.NewID("acl", vpcID, "closed"), Name: "closed", VPCID: vpcID, Origin: vpc.Origin{File: "f.yaml", Line: 17, Column: 5},
	}}
	equal := cmp.Options{cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(want, s.NetworkACLs(), equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNetworkACLEntryFaults(t *testing.T) {
	const acl = `: network acl "edge": ingress entry number 100: `
	testFaults(t, aclWorld, []faultCase{
		{"nothing", "      - {}\n", `f.yaml:8:9: network acl "edge": ingress entry 1: number is missing: want one from 1 to 32766, such as 100
f.yaml:8:9: network acl "edge": ingress entry 1: action is missing: want allow or deny
f.yaml:8:9: network acl "edge": ingress entry 1: type or protocol is missing: want one, such as type: HTTPS or protocol: tcp
f.yaml:8:9: network acl "edge": ingress entry 1: source is missing: want a CIDR such as 203.0.113.0/24 or 2001:db8::/32`},
		{"action", "      - {number: 100, action: alow, type: SSH, source: 0.0.0.0/0}\n",
			`f.yaml:8:31` + acl + `action "alow": did you mean "allow"?`},
		{"number that is none", "      - {number: \"100\", action: allow, type: SSH, source: 0.0.0.0/0}\n",
			`f.yaml:8:18: network acl "edge": ingress entry 1: number: want an integer, got the string "100"`},
		{"number out of range", "      - {number: 32767, action: allow, type: SSH, source: 0.0.0.0/0}\n",
			`f.yaml:8:9: network acl "edge": ingress entry number 32767: number 32767: want 1 to 32766`},
		{"number twice", "      - {number: 100, action: allow, type: SSH, source: 0.0.0.0/0}\n      - {number: 100, action: deny, type: SSH, source: \"::/0\"}\n",
			`f.yaml:9:9` + acl + `the number is taken in this direction (declared at f.yaml:8:9)`},
		{"several ports", "      - {number: 100, action: allow, protocol: tcp, port_range: [80, 443], source: 0.0.0.0/0}\n",
			`f.yaml:8:65` + acl + `port_range: is several: want one, and another entry for each of the others`},
		{"reversed ports", "      - {number: 100, action: allow, protocol: tcp, port_range: 80-79, source: 0.0.0.0/0}\n",
			`f.yaml:8:65` + acl + `port_range "80-79": the first port is above the last: want 79-80`},
		{"code of all types", "      - {number: 100, action: allow, protocol: icmp, icmp_type: -1, icmp_code: 4, source: 0.0.0.0/0}\n",
			`f.yaml:8:9` + acl + `ICMP code 4 without a type: all types (-1) go with all codes (-1)`},
		{"address", "      - {number: 100, action: allow, type: SSH, source: 10.0.0.1}\n",
			`f.yaml:8:57` + acl + `source "10.0.0.1": is an address: for that address alone write 10.0.0.1/32`},
		{"group", "      - {number: 100, action: allow, type: SSH, source: default}\n",
			`f.yaml:8:57` + acl + `source "default": want a CIDR such as 203.0.113.0/24 or 2001:db8::/32: a network acl knows no security groups and no prefix lists`},
		{"several sources", "      - {number: 100, action: allow, type: SSH, source: [10.0.0.0/8]}\n",
			`f.yaml:8:57` + acl + `source: want a string, got a list`},
		{"destination", "      - {number: 100, action: allow, type: SSH, destination: 10.0.0.0/8}\n",
			`f.yaml:8:62` + acl + `destination: an ingress entry has a source: write it as source`},
		{"source of egress", "      []\n    egress: [{number: 7, action: allow, type: SSH, source: 10.0.0.0/8}]\n",
			`f.yaml:9:60: network acl "edge": egress entry number 7: source: an egress entry has a destination: write it as destination`},
		{"unknown key", "      - {number: 100, acton: allow, type: SSH, source: 10.0.0.0/8}\n",
			`f.yaml:8:23` + acl + `unknown key "acton": did you mean "action"?`},
	})
}

func TestNetworkACLFaults(t *testing.T) {
	testFaults(t, world, []faultCase{
		{"no name", "network_acls: [{subnets: [a]}]\n",
			`f.yaml:5:16: network acl 1: name is missing: want one, so that it can be referred to`},
		{"name twice", "network_acls: [{name: n}, {name: N}]\n",
			`f.yaml:5:34: network acl "N": name "N": is taken: names are unique, letter case aside`},
		{"name twice, so that ids are one", "network_acls: [{name: n}, {name: n}]\n",
			`f.yaml:5:34: network acl "n": name "n": is taken: names are unique, letter case aside`},
		{"id", "network_acls: [{name: n, id: nacl-1}]\n",
			`f.yaml:5:30: network acl "n": id "nacl-1": want acl- and 17 hexadecimal digits (older ones have 8), or no id at all`},
		{"unknown vpc", "network_acls: [{name: n, vpc: z}]\n",
			`f.yaml:5:31: network acl "n": vpc "z": there is no such vpc: known are main`},
		{"unknown subnet", "network_acls: [{name: n, subnets: [a, c]}]\n",
			`f.yaml:5:35: network acl "n": subnets "c": there is no such subnet: did you mean "a" or "b"?`},
		{"subnet of two", "network_acls: [{name: n, subnets: [a]}, {name: m, subnets: a}]\n",
			`f.yaml:5:41: network acl "m": subnet "a" has network acl "n" already (declared at f.yaml:5:16): want one acl a subnet`},
		{"wrong kind", "network_acls: [n]\n",
			`f.yaml:5:16: network acl 1: want a mapping with keys such as name and id, got the string "n"`},
	})
	testFaults(t, "", []faultCase{
		{"subnet of another vpc", `vpcs: [{name: v, cidr: 10.0.0.0/16}, {name: w, cidr: 10.0.0.0/16}]
subnets: [{name: s, vpc: v, cidr: 10.0.1.0/24}]
network_acls: [{name: n, vpc: w, subnets: [s]}]
`, `f.yaml:3:16: network acl "n": subnet "s" belongs to another vpc`},
		{"which vpc", `vpcs: [{name: v, cidr: 10.0.0.0/16}, {name: w, cidr: 10.0.0.0/16}]
network_acls: [{name: n}]
`, `f.yaml:2:16: network acl "n": vpc is missing: there are several, want one of v, w`},
		{"no consequences of a subnet's fault", onlyVPC + `subnets: [{name: s, cidr: x}]
network_acls: [{name: n, subnets: [s]}]
`, `f.yaml:2:27: subnet "s": cidr "x": want an IPv4 block such as 10.0.0.0/16`},
	})
}

func TestTooManyEntries(t *testing.T) {
	text := aclWorld
	for i := range 20 {
		text += fmt.Sprintf("      - {number: %d, action: allow, type: SSH, source: 0.0.0.0/0}\n", i+1)
	}
	_, err := parse(text)
	want := []string{`f.yaml:6:5: network acl "edge": has 21 IPv4 ingress entries, the last one, *, included: want at most 20, or a higher quota network_acl_entries (NetworkAclEntryLimitExceeded)`}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	mustParse(t, text+"quotas: {network_acl_entries: 21}\n")
}
