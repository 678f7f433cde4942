package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The table's files begin with this: its cases start at line 5.
const world = `vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
subnets:
  - {name: a, cidr: 10.0.1.0/24, ipv6_cidr: fd00:10:0:1::/64}
  - {name: b, cidr: 10.0.2.0/24}
`

type faultCase struct{ name, text, want string }

func testFaults(t *testing.T, prefix string, cases []faultCase) {
	t.Helper()
	for _, tt := range cases {
		_, err := parse(prefix + tt.text)
		if diff := cmp.Diff(strings.Split(tt.want, "\n"), lines(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestKeysAndKinds(t *testing.T) {
	testFaults(t, world, []faultCase{
		{"unknown key", "instance: []\n", `f.yaml:5:1: unknown key "instance": did you mean "instances"?`},
		{"unknown key, nothing near", "gateway: {colour: red}\n",
			`f.yaml:5:11: gateway: unknown key "colour": known are mtu, offload, workers, icmp_errors, tcp_midstream, on_rule_change, log, conntrack, metrics`},
		{"unknown key for a needed one", "hosts: [{name: h, adress: 192.0.2.1}]\n",
			`f.yaml:5:19: host "h": unknown key "adress": did you mean "address"?`},
		{"key that is no string", "7: x\n", `f.yaml:5:1: want a key, got the integer 7`},
		{"string for an integer", "gateway: {mtu: big}\n", `f.yaml:5:16: gateway: mtu: want an integer, got the string "big"`},
		{"integer too large", "gateway: {mtu: 18446744073709551615}\n",
			`f.yaml:5:16: gateway: mtu: want an integer, got the integer 18446744073709551615`},
		{"string for a boolean", "gateway: {offload: \"no\"}\n",
			`f.yaml:5:20: gateway: offload: want true or false, got the string "no"`},
		{"integer for a string", "hosts: [{name: 7, address: 192.0.2.1}]\n",
			`f.yaml:5:16: host 1: name: want a string, got the integer 7: put it in quotes`},
		{"mapping for a list", "hosts: {name: h}\n", `f.yaml:5:8: hosts: want a list, got a mapping`},
		{"list for a mapping", "gateway: [1]\n", `f.yaml:5:10: gateway: want a mapping, got a list`},
		{"string for an item", "hosts: [h]\n",
			`f.yaml:5:9: host 1: want a mapping with keys such as name and vpc, got the string "h"`},
		{"fraction for a port", "security_groups: [{name: g, ingress: [{protocol: tcp, port_range: 1.5, source: self}]}]\n",
			`f.yaml:5:67: security group "g": ingress rule 1: port_range: want a string, an integer or a list of them, got the value 1.5`},
		{"no egress value", "security_groups:\n  - name: g\n    egress:\n",
			`f.yaml:7:5: security group "g": egress: has no value: want a list, write [] for none, or leave the key out`},
		{"no value", "hosts: [{name: h, address: ~}]\n",
			`f.yaml:5:28: host "h": address: has no value: want a string, or leave the key out`},
		{"command in one string", "hosts: [{name: h, address: 192.0.2.1, command: nc -l 80}]\n",
			`f.yaml:5:48: host "h": command: want a list of strings, such as [python3, -m, http.server], got "nc -l 80"`},
		{"key twice", "hosts:\n  - name: h\n    name: i\n    address: 192.0.2.1\n",
			`f.yaml:7:5: host "h": the key "name" stands here twice (first at f.yaml:6:5)`},
	})
}

func TestGatewayFaults(t *testing.T) {
	testFaults(t, world, []faultCase{
		{"all", "gateway: {mtu: 1279, workers: -1, log: {level: inof, format: xml}, conntrack: {max_flows: 67108865}}\n",
			`f.yaml:5:16: gateway: mtu 1279: want 1280 to 65535
f.yaml:5:31: gateway: workers -1: want 0 to 64
f.yaml:5:48: gateway: log: level "inof": did you mean "info"?
f.yaml:5:62: gateway: log: format "xml": known are text, json
f.yaml:5:91: gateway: conntrack: max_flows 67108865: want 1 to 67108864`},
		{"words", "gateway: {icmp_errors: relatd, tcp_midstream: allow, on_rule_change: \"\"}\n",
			`f.yaml:5:24: gateway: icmp_errors "relatd": did you mean "related"?
f.yaml:5:47: gateway: tcp_midstream "allow": known are admit, drop
f.yaml:5:70: gateway: on_rule_change "": known are keep, revalidate, flush`},
		{"allowance", "gateway: {conntrack: {max_flows: 1000, allowance: 1001}}\n",
			`f.yaml:5:51: gateway: conntrack: allowance 1001: want 0 to 1000, the max_flows of all interfaces`},
		{"allowance beside a bad limit", "gateway: {conntrack: {max_flows: 0, allowance: -1}}\n",
			`f.yaml:5:34: gateway: conntrack: max_flows 0: want 1 to 67108864
f.yaml:5:48: gateway: conntrack: allowance -1: want 0 to 67108864, the max_flows of all interfaces`},
	})
}

func TestNetworkFaults(t *testing.T) {
	testFaults(t, "", []faultCase{
		{"no vpc", "subnets: []\n", `f.yaml:1:1: vpc is missing: want one such as vpc: {cidr: 10.0.0.0/16}`},
		{"both", "vpc: {cidr: 10.0.0.0/16}\nvpcs: [{name: a, cidr: 10.0.0.0/16}]\nsubnets: [{name: s, vpc: z, cidr: 10.0.1.0/24}]\n",
			`f.yaml:2:7: vpcs: want either vpc, for one, or vpcs, for several`},
		{"none in the list", "vpcs: []\n", `f.yaml:1:7: vpcs: want at least one such as {name: main, cidr: 10.0.0.0/16}`},
		{"empty vpc", "vpc: {}\n", `f.yaml:1:6: vpc "main": cidr is missing: want a block such as 10.0.0.0/16`},
		{"vpc without a name", "vpcs: [{cidr: 10.0.0.0/16}]\n", `f.yaml:1:8: vpc 1: name is missing: want one, so that it can be referred to`},
		{"vpc twice", "vpcs: [{name: a, cidr: 10.0.0.0/16}, {name: A, cidr: 10.0.0.0/16}]\n",
			`f.yaml:1:45: vpc "A": name "A": is taken: names are unique, letter case aside`},
		{"bad cidr", "vpc: {cidr: 10.0.0.0/33}\nsubnets: [{name: s, cidr: 10.0.1.0/24}]\ninstances: [{name: i, address: 10.0.1.9}]\n",
			`f.yaml:1:13: vpc "main": cidr "10.0.0.0/33": want an IPv4 block such as 10.0.0.0/16`},
		{"wrong family", "vpc: {cidr: fd00::/56, ipv6_cidr: 10.0.0.0/16}\n",
			`f.yaml:1:13: vpc "main": cidr "fd00::/56": want an IPv4 block such as 10.0.0.0/16
f.yaml:1:35: vpc "main": ipv6_cidr "10.0.0.0/16": want an IPv6 block such as fd00:10::/56`},
		{"cidr too large", "vpc: {cidr: 10.0.0.0/8}\n", `f.yaml:1:6: vpc "main": cidr 10.0.0.0/8: want a block between /16 and /28, as in AWS`},
		{"bad id", "vpc: {id: vpc-1, cidr: 10.0.0.0/16}\n",
			`f.yaml:1:11: vpc "main": id "vpc-1": want vpc- and 17 hexadecimal digits (older ones have 8), or no id at all`},
		{"name like an id", "vpc: {name: vpc-12345678, cidr: 10.0.0.0/16}\n",
			`f.yaml:1:13: vpc "vpc-12345678": name "vpc-12345678": looks like an id: want a name, and the id as id`},
		{"several vpcs, none named", "vpcs: [{name: a, cidr: 10.0.0.0/16}, {name: b, cidr: 10.0.0.0/16}]\nsubnets: [{name: s, cidr: 10.0.1.0/24}]\n",
			`f.yaml:2:11: subnet "s": vpc is missing: there are several, want one of a, b`},
		{"unknown vpc", "vpc: {name: main, cidr: 10.0.0.0/16}\nsubnets: [{name: s, vpc: mian, cidr: 10.0.1.0/24}]\n",
			`f.yaml:2:26: subnet "s": vpc "mian": there is no such vpc: did you mean "main"?`},
		{"overlap", "vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: s, cidr: 10.0.1.0/24}, {name: t, cidr: 10.0.1.128/25}]\n",
			`f.yaml:2:41: subnet "t": cidr 10.0.1.128/25: overlaps 10.0.1.0/24 of subnet "s" (declared at f.yaml:2:11)`},
		{"outside", "vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: s, cidr: 10.1.1.0/24}]\n",
			`f.yaml:2:11: subnet "s": cidr 10.1.1.0/24: is not inside the vpc's 10.0.0.0/16`},
	})
}

func TestPrefixListFaults(t *testing.T) {
	testFaults(t, onlyVPC, []faultCase{
		{"entries", "prefix_lists:\n  - name: l\n    entries: [{cidr: 10.0.0.0/8}, {cidr: 10.0.0.1}, {description: x}, {cidr: nonsense}, {cidr: \"::/0\"}]\n",
			`f.yaml:4:42: prefix list "l": entry 2: cidr "10.0.0.1": is an address: for that address alone write 10.0.0.1/32
f.yaml:4:53: prefix list "l": entry 3: cidr is missing: want one such as 203.0.113.0/24
f.yaml:4:78: prefix list "l": entry 4: cidr "nonsense": want a CIDR such as 203.0.113.0/24 or 2001:db8::/32
f.yaml:4:89: prefix list "l": entry ::/0: a list has one address family, and its first entry is of the other`},
		{"max_entries", "prefix_lists: [{name: l, max_entries: 0}, {name: m, max_entries: 1, entries: [{cidr: 10.0.0.0/8}, {cidr: 11.0.0.0/8}]}]\n",
			`f.yaml:2:39: prefix list "l": max_entries: 0: want at least 1
f.yaml:2:43: prefix list "m": has 2 entries, more than its max_entries of 1 (PrefixListMaxEntriesExceeded)`},
		{"twice", "prefix_lists: [{name: l}, {name: l}]\n", `f.yaml:2:34: prefix list "l": name "l": is taken: names are unique, letter case aside`},
	})
}

func TestInstanceFaults(t *testing.T) {
	testFaults(t, world, []faultCase{
		{"outside its subnet", "instances: [{name: i, subnet: a, address: 10.0.2.10}]\n",
			`f.yaml:5:13: instance "i": address 10.0.2.10: is not in subnet "a" (10.0.1.0/24)`},
		{"taken", "instances: [{name: i, subnet: a, address: 10.0.1.10}, {name: j, subnet: a, address: 10.0.1.10}]\n",
			`f.yaml:5:55: instance "j": address 10.0.1.10: is taken by instance "i"`},
		{"reserved", "instances: [{name: i, subnet: a, address: 10.0.1.1}]\n",
			`f.yaml:5:13: instance "i": address 10.0.1.1: AWS reserves it (the VPC router)`},
		{"none", "instances: [{name: i, subnet: a, secondary_addresses: 10.0.1.10}]\n",
			`f.yaml:5:13: instance "i": address is missing: want an address, an ipv6_address or both`},
		{"bad addresses", "instances: [{name: i, subnet: a, address: 10.0.1, ipv6_address: 10.0.1.10, secondary_addresses: [10.0.1.11/24, \"fe80::1%eth0\"]}]\n",
			`f.yaml:5:43: instance "i": address "10.0.1": want an address such as 10.0.1.10 or fd00:10::10
f.yaml:5:65: instance "i": ipv6_address "10.0.1.10": want an IPv6 address
f.yaml:5:97: instance "i": secondary_addresses "10.0.1.11/24": is a CIDR: want the address alone, 10.0.1.11
f.yaml:5:97: instance "i": secondary_addresses "fe80::1%eth0": want an address such as 10.0.1.10 or fd00:10::10`},
		{"unknown subnet", "instances: [{name: i, subnet: c, address: 10.0.1.10}]\n",
			`f.yaml:5:31: instance "i": subnet "c": there is no such subnet: did you mean "a" or "b"?`},
		{"no subnet", "instances: [{name: i, address: 10.0.1.10}]\n",
			`f.yaml:5:13: instance "i": subnet is missing: want the name of one: known are a, b`},
		{"unknown group", "security_groups: [{name: web}]\ninstances: [{name: i, subnet: a, address: 10.0.1.10, security_groups: [web, wbe]}]\n",
			`f.yaml:6:71: instance "i": security_groups "wbe": there is no such security group in the instance's vpc: did you mean "web"?`},
		{"no group", "instances: [{name: i, subnet: a, address: 10.0.1.10, security_groups: []}]\n",
			`f.yaml:5:71: instance "i": security_groups: is an empty list: an interface has at least one group; leave the key out for the VPC's default group`},
		{"name", "instances: [{name: a/b, subnet: a, address: 10.0.1.10}]\n",
			`f.yaml:5:20: instance "a/b": name "a/b": want 1 to 63 letters, digits, '.', '_' and '-', the first a letter or digit`},
		{"name taken by a host", "instances: [{name: i, subnet: a, address: 10.0.1.10}]\nhosts: [{name: i, address: 192.0.2.1}]\n",
			`f.yaml:6:16: host "i": name "i": is taken by another instance or host (declared at f.yaml:5:13)`},
		{"host at a service's address", "hosts: [{name: h, ipv6_address: \"fd00:ec2::254\"}]\n",
			`f.yaml:5:9: host "h": address fd00:ec2::254: AWS serves instances there (DNS, metadata, time and so on): want another`},
		{"host inside", "hosts: [{name: h, address: 10.0.1.10}]\n",
			`f.yaml:5:9: host "h": address 10.0.1.10: lies inside the vpc; a host is outside, an instance inside`},
	})
}

func TestPlaceFaults(t *testing.T) {
	const two = "hosts: [{name: h, address: 192.0.2.1, "
	testFaults(t, world, []faultCase{
		{"netns and pid", two + "netns: n, pid: 1}]\n",
			`f.yaml:5:54: host "h": pid: does not go with netns: one says where the device goes, leave the other out`},
		{"pid", two + "pid: 0}]\n", `f.yaml:5:44: host "h": pid: 0: want a process id, 1 or above`},
		{"netns", two + "netns: a/b}]\n", "f.yaml:5:46: host \"h\": netns \"a/b\": want a name as `ip netns` shows it, or an absolute path"},
		{"configure", two + "configure: true}]\n",
			`f.yaml:5:50: host "h": configure: needs netns or pid: in the gateway's own namespace it would replace the machine's own default route`},
		{"device", two + "device: a-name-too-long!}]\n",
			`f.yaml:5:47: host "h": device "a-name-too-long!": want 1 to 15 bytes without '/', ':', '%' and spaces`},
		{"device template", two + "device: eth%d}]\n",
			`f.yaml:5:47: host "h": device "eth%d": want 1 to 15 bytes without '/', ':', '%' and spaces`},
		{"command", two + "command: [\"a\\0b\"]}]\n",
			`f.yaml:5:48: host "h": command "a\x00b": want a program and its arguments, without NUL characters`},
		{"default device taken", "hosts: [{name: x, address: 192.0.2.1, netns: n}, {name: y, address: 192.0.2.2, netns: n}]\n",
			`f.yaml:5:50: host "y": device is missing: the default, "eth0", is the device of host "x" in the same namespace`},
		{"device taken", "hosts: [{name: x, address: 192.0.2.1, netns: n}, {name: y, address: 192.0.2.2, netns: n, device: eth0}]\n",
			`f.yaml:5:98: host "y": device "eth0": is the device of host "x" in the same namespace: want another name`},
	})
}
