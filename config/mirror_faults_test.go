package config

import (
	"fmt"
	"strings"
	"testing"
)

// list of rules begins at line 5 with this.
const ruleWorld = world + "security_groups:\n  - name: g\n    ingress:\n"

func TestTagFaults(t *testing.T) {
	tags := func(n int) string {
		var b strings.Builder
		b.WriteString("vpc:\n  cidr: 10.0.0.0/16\n  tags:\n")
		for i := range n {
			fmt.Fprintf(&b, "    - {key: k%d}\n", i)
		}
		return b.String()
	}
	mustParse(t, tags(50))
	testFaults(t, "", []faultCase{{"51", tags(51), `f.yaml:4:5: vpc "main": tags: 51 tags: want at most 50 on a resource`}})
	testFaults(t, "", []faultCase{
		{"no key", "vpc: {cidr: 10.0.0.0/16, tags: [{value: x}]}\n", `f.yaml:1:33: vpc "main": tag 1: key is missing: want one such as Environment`},
		{"twice", "vpc: {cidr: 10.0.0.0/16, tags: [{key: a}, {key: a}]}\n", `f.yaml:1:32: vpc "main": tags: tag key "a": stands there twice`},
		{"reserved", "vpc: {cidr: 10.0.0.0/16, tags: [{key: aws:x}]}\n",
			`f.yaml:1:32: vpc "main": tags: tag key "aws:x": aws: at the beginning is reserved for AWS`},
		{"a list as value", "vpc: {cidr: 10.0.0.0/16, tags: [{key: a, value: [b]}]}\n",
			`f.yaml:1:49: vpc "main": tag 1: value: want a string, a number, true or false, got a list`},
		{"another name", "vpc: {name: v, cidr: 10.0.0.0/16, tags: [{key: Name, value: w}]}\n",
			`f.yaml:1:61: vpc "v": tag 1: value "w": the name "v" is the Name tag in AWS: want one of them, as name`},
		{"another name of a subnet", world + "  - {name: c, cidr: 10.0.3.0/24, tags: [{key: Name, value: w}]}\n",
			`f.yaml:5:60: subnet "c": tag 1: value "w": the name "c" is the Name tag in AWS: want one of them, as name`},
		{"another name of an acl", world + "network_acls: [{name: c, tags: [{key: Name, value: w}]}]\n",
			`f.yaml:5:52: network acl "c": tag 1: value "w": the name "c" is the Name tag in AWS: want one of them, as name`},
	})
}

func TestRuleIDFaults(t *testing.T) {
	const id = "sgr-0123456789abcdef0"
	mustParse(t, ruleWorld+"      - {type: SSH, source: [10.0.0.0/8], id: "+id+"}\n")
	mustParse(t, ruleWorld+"      - {type: SSH, source: 10.0.0.0/8, id: sgr-01234567}\n")
	testFaults(t, ruleWorld, []faultCase{
		{"form", "      - {type: SSH, source: 10.0.0.0/8, id: sg-0123456789abcdef0}\n",
			`f.yaml:8:45: security group "g": ingress rule 1: id "sg-0123456789abcdef0": want sgr- and 17 hexadecimal digits (older ones have 8), or no id at all`},
		{"several rules", "      - {type: SSH, source: [10.0.0.0/8, self], id: " + id + "}\n",
			`f.yaml:8:53: security group "g": ingress rule 1: id: the rule stands for 2, one for each port range and peer: want one of each, and other rules for the others`},
		{"several ports", "      - {protocol: tcp, port_range: [1, 2], source: self, id: " + id + "}\n",
			`f.yaml:8:63: security group "g": ingress rule 1: id: the rule stands for 2, one for each port range and peer: want one of each, and other rules for the others`},
		{"taken", "      - {type: SSH, source: self, id: " + id + "}\n      - {type: HTTP, source: self, id: " + id + "}\n",
			`f.yaml:9:9: security group "g": ingress rule 2: the id ` + id + ` is that of another rule (declared at f.yaml:8:9)`},
		{"taken in another group", "      - {type: SSH, source: self, id: " + id + "}\n  - name: h\n    egress:\n      - {type: HTTP, destination: self, id: " + id + "}\n",
			`f.yaml:11:9: security group "h": egress rule 1: the id ` + id + ` is that of another rule (declared at f.yaml:8:9)`},
		{"a rule twice is that alone", "      - {type: SSH, source: self, id: " + id + "}\n      - {type: SSH, source: self, id: " + id + "}\n",
			`f.yaml:9:9: security group "g": ingress rule 2: the specified rule "peer: sg-825e21fffe73f6a84, TCP, from port: 22, to port: 22, ALLOW" already exists (declared at f.yaml:8:9)`},
	})
}

func TestFaultsOfSharedNames(t *testing.T) {
	const one, two = "subnet-0123456789abcdef0", "subnet-0123456789abcdef1"
	shared := "vpc: {cidr: 10.0.0.0/16}\nsubnets:\n  - {name: s, id: " + one + ", cidr: 10.0.1.0/24}\n  - {name: s, id: " + two + ", cidr: 10.0.2.0/24}\n"
	mustParse(t, shared+"instances: [{name: i, subnet: "+two+", address: 10.0.2.10}]\n")
	testFaults(t, "", []faultCase{
		{"which one", shared + "instances: [{name: i, subnet: s, address: 10.0.2.10}]\n",
			`f.yaml:5:31: instance "i": subnet "s": is the name of several: use an id, ` + one + " or " + two},
		{"no id of its own", "vpc: {cidr: 10.0.0.0/16}\nsubnets:\n  - {name: s, id: " + one + ", cidr: 10.0.1.0/24}\n  - {name: S, cidr: 10.0.2.0/24}\n",
			`f.yaml:4:12: subnet "S": name "S": is taken: names are unique, letter case aside`},
		{"neither name nor id", "vpc: {cidr: 10.0.0.0/16}\nsubnets: [{cidr: 10.0.1.0/24}]\n",
			`f.yaml:2:11: subnet 1: name is missing: want one, so that it can be referred to`},
		{"groups have one name each", "vpc: {cidr: 10.0.0.0/16}\nsecurity_groups: [{name: g}, {name: G, id: sg-0123456789abcdef0}]\n",
			`f.yaml:2:37: security group "G": name "G": is taken: names are unique, letter case aside`},
	})
}

func TestFaultsOfDefaults(t *testing.T) {
	testFaults(t, "", []faultCase{
		{"default acl with subnets", world + "network_acls: [{default: true, subnets: [a]}]\n",
			`f.yaml:5:41: network acl 1: subnets: a default network acl has every subnet of its vpc that has no other one: leave it out`},
		{"two default vpcs", "vpcs: [{name: a, cidr: 10.0.0.0/16, default: true}, {name: b, cidr: 10.0.0.0/16, default: true}]\n",
			`f.yaml:1:53: vpc "b": A Default VPC already exists for this account in this region: vpc "a" (declared at f.yaml:1:8); want one default vpc at most`},
		{"zone", "vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: s, cidr: 10.0.1.0/24, availability_zone: use1-az1}]\n",
			`f.yaml:2:59: subnet "s": availability_zone "use1-az1": want an Availability Zone's name, such as us-east-1a`},
		{"an acl that is not the default one has a name", world + "network_acls: [{ingress: []}]\n",
			`f.yaml:5:16: network acl 1: name is missing: want one, so that it can be referred to`},
	})
}

func TestFaultsOfVersions(t *testing.T) {
	const want = "want versions from 1 up, each above the one before, and all below the list's version, 3"
	list := func(rest string) string {
		return onlyVPC + "prefix_lists:\n  - name: l\n    entries: [{cidr: 10.0.0.0/8}]\n" + rest
	}
	history := func(rest string) string { return list("    version: 3\n    history:\n" + rest) }
	const at = `: prefix list "l": history `
	testFaults(t, "", []faultCase{
		{"version 0", list("    version: 0\n"), `f.yaml:5:14: prefix list "l": version: 0: want 1 or more`},
		{"history with version 0", history("      - {version: 0}\n"), `f.yaml:7:19` + at + `1: version: 0: ` + want},
		{"not before", history("      - {version: 3}\n"), `f.yaml:7:19` + at + `1: version: 3: ` + want},
		{"not in order", history("      - {version: 2}\n      - {version: 1}\n"), `f.yaml:8:19` + at + `2: version: 1: ` + want},
		{"without a version", history("      - {entries: []}\n"), `f.yaml:7:9` + at + `1: version is missing: want its number`},
		{"history of a first version", list("    history: [{version: 1}]\n"),
			`f.yaml:5:25` + at + `1: version: 1: want versions from 1 up, each above the one before, and all below the list's version, 1`},
		{"another family", history("      - {version: 1, entries: [{cidr: \"::/0\"}]}\n"),
			`f.yaml:7:32` + at + `1: entry ::/0: a list has one address family, IPv4`},
		{"twice", history("      - {version: 1, entries: [{cidr: 10.0.0.0/8}, {cidr: 10.1.0.0/8}]}\n"),
			`f.yaml:7:52` + at + `1: entry 10.0.0.0/8: stands in the list twice`},
		{"address family", list("    address_family: ipv4\n"), `f.yaml:5:21: prefix list "l": address_family "ipv4": want IPv4 or IPv6`},
		{"the other address family", list("    address_family: IPv6\n"), `f.yaml:5:21: prefix list "l": address_family "IPv6": the entries are of the other one`},
	})
}

func TestFaultsOfLaunches(t *testing.T) {
	instance := func(keys string) string {
		return world + "instances: [{name: i, subnet: a, address: 10.0.1.10, " + keys + "}]\n"
	}
	const at = `f.yaml:5:`
	testFaults(t, "", []faultCase{
		{"id", instance("id: eni-0123456789abcdef0"), at + `58: instance "i": id "eni-0123456789abcdef0": want i- and 17 hexadecimal digits (older ones have 8), or no id at all`},
		{"state", instance("state: terminated"), at + `61: instance "i": state "terminated": known are running, stopped`},
		{"image", instance("image: ami-nets"), at + `61: instance "i": image "ami-nets": there is no such image: did you mean "ami-netns"?`},
		{"time", instance("launch_time: yesterday"), at + `67: instance "i": launch_time "yesterday": want a time such as 2026-01-31T12:00:00Z`},
		{"launch index", instance("launch_index: -1"), at + `68: instance "i": launch_index: -1: want 0 or more`},
		{"reservation", instance("reservation_id: r-1"), at + `70: instance "i": reservation_id "r-1": want r- and 17 hexadecimal digits (older ones have 8), or no id at all`},
		{"interface id", instance("network_interface: {id: eni-1}"),
			at + `78: instance "i": network_interface: id "eni-1": want eni- and 17 hexadecimal digits (older ones have 8), or no id at all`},
	})
}

func TestInterfaceFaults(t *testing.T) {
	with := func(keys string) string {
		return world + "instances: [{name: i, subnet: a, address: 10.0.1.10}]\nnetwork_interfaces: [{subnet: a, address: 10.0.1.20" + keys + "}]\n"
	}
	const at, subject = `f.yaml:6:`, `: network interface 1: `
	testFaults(t, "", []faultCase{
		{"no such instance", with(", instance: j, device_index: 1"), at + `64` + subject + `instance "j": there is no such instance: did you mean "i"?`},
		{"no index", with(", instance: i"), at + `22` + subject + `device_index is missing: want its place among the instance's interfaces, 1 or more`},
		{"index 0", with(", instance: i, device_index: 0"), at + `81` + subject + `device_index: 0: want 1 to 255; 0 is the instance's own interface`},
		{"index without an instance", with(", device_index: 1"), at + `68` + subject + `device_index: means nothing without an instance: want the name of one as instance`},
		{"goes with no instance", with(", delete_on_termination: true"), at + `77` + subject + `delete_on_termination: means nothing without an instance: want the name of one as instance`},
		{"name", with(", name: \"a b\""), at + `60: network interface "a b": name "a b": want 1 to 63 letters, digits, '.', '_' and '-', the first a letter or digit`},
		{"name of an instance", with(", name: i"), at + `60: network interface "i": name "i": is taken by another instance or host (declared at f.yaml:5:13)`},
		{"no address", world + "network_interfaces: [{subnet: a}]\n", `f.yaml:5:22: network interface 1: address is missing: want an address, an ipv6_address or both`},
		{"index taken", world + "instances: [{name: i, subnet: a, address: 10.0.1.10}]\nnetwork_interfaces:\n" +
			"  - {name: x, subnet: a, address: 10.0.1.20, instance: i, device_index: 1}\n  - {name: y, subnet: a, address: 10.0.1.30, instance: i, device_index: 1}\n",
			`f.yaml:8:5: network interface "y": instance "i" already has an interface attached at device index 1: eni-4de93f40267ac6460`},
		{"no consequence of a bad instance", world + "instances: [{name: i, subnet: a}]\nnetwork_interfaces: [{subnet: a, address: 10.0.1.20, instance: i, device_index: 1}]\n",
			`f.yaml:5:13: instance "i": address is missing: want an address, an ipv6_address or both`},
	})
}
