package config

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sgate/sgate/vpc"
)

func groupOf(t *testing.T, cfg *Config, vpcName, name string) vpc.SecurityGroup {
	t.Helper()
	for _, g := range cfg.Resources.SecurityGroups() {
		if v, _ := cfg.Resources.VPC(g.VPCID); v.Name == vpcName && g.Name == name {
			return g
		}
	}
	t.Fatalf("there is no group %s in vpc %s", name, vpcName)
	return vpc.SecurityGroup{}
}

func rulesOf(rules []vpc.Rule) []string {
	var out []string
	for _, r := range rules {
		out = append(out, r.String())
	}
	return out
}

func TestWhatAFileLeavesOut(t *testing.T) {
	cfg := mustParse(t, `vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
security_groups:
  - {name: web}
  - {name: closed, description: "", ingress: [], egress: []}
`)
	anywhere := []string{"peer: 0.0.0.0/0, ALL, ALLOW", "peer: ::/0, ALL, ALLOW"}
	web, closed, standard := groupOf(t, cfg, "main", "web"), groupOf(t, cfg, "main", "closed"), groupOf(t, cfg, "main", "default")
	if diff := cmp.Diff(anywhere, rulesOf(web.Egress)); diff != "" {
		t.Errorf("egress of web (-want +got):\n%s", diff)
	}
	if len(web.Ingress) != 0 || web.Description != "web" {
		t.Errorf("web: %d ingress rules, description %q", len(web.Ingress), web.Description)
	}
	if len(closed.Ingress)+len(closed.Egress) != 0 || closed.Description != "" {
		t.Errorf("closed: %+v", closed)
	}
	want := vpc.DefaultGroup(cfg.Resources.VPCs()[0])
	if diff := cmp.Diff(rulesOf(want.Ingress), rulesOf(standard.Ingress)); diff != "" {
		t.Errorf("default group (-want +got):\n%s", diff)
	}
}

func TestDeclaredDefaultGroupIsTheVPCs(t *testing.T) {
	const subnetAndInstance = "subnets: [{name: s, cidr: 10.0.1.0/24}]\ninstances: [{name: i, address: 10.0.1.10}]\n"
	silent := mustParse(t, onlyVPC+subnetAndInstance)
	declared := mustParse(t, onlyVPC+subnetAndInstance+"security_groups: [{name: default}]\n")
	options := cmp.Options{cmpopts.IgnoreTypes(vpc.Origin{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
	if diff := cmp.Diff(groupOf(t, silent, "main", "default"), groupOf(t, declared, "main", "default"), options); diff != "" {
		t.Errorf("declared without rules it differs (-silent +declared):\n%s", diff)
	}
	own := mustParse(t, onlyVPC+subnetAndInstance+
		"security_groups: [{name: default, id: sg-12345678, ingress: [{type: SSH, source: self}], egress: []}]\n")
	g := groupOf(t, own, "main", "default")
	if want := []string{"peer: sg-12345678, TCP, from port: 22, to port: 22, ALLOW"}; !cmp.Equal(want, rulesOf(g.Ingress)) || len(g.Egress) != 0 {
		t.Errorf("its own rules: %q, %q", rulesOf(g.Ingress), rulesOf(g.Egress))
	}
	if got := own.Resources.Interfaces()[0].GroupIDs; !cmp.Equal(got, []string{"sg-12345678"}) {
		t.Errorf("an instance without groups is in %q", got)
	}
}

func TestDeclaredDefaultGroupAdmitsItselfUnderItsOwnID(t *testing.T) {
	g := groupOf(t, mustParse(t, onlyVPC+"security_groups: [{name: default, id: sg-12345678}]\n"), "main", "default")
	if want := []string{"peer: sg-12345678, ALL, ALLOW"}; !cmp.Equal(want, rulesOf(g.Ingress)) {
		t.Errorf("ingress %q, want %q", rulesOf(g.Ingress), want)
	}
}

func TestPrefixListEntriesAreCanonical(t *testing.T) {
	cfg := mustParse(t, onlyVPC+"prefix_lists: [{name: l, entries: [{cidr: 2001:db8::7/32, description: x}, {cidr: \"::/0\"}]}]\n")
	list := cfg.Resources.PrefixLists()[0]
	if !list.IPv6 || list.MaxEntries != 2 || list.Entries[0].CIDR != netip.MustParsePrefix("2001:db8::/32") || list.Entries[0].Description != "x" {
		t.Errorf("%+v", list)
	}
}

func TestOwnIDs(t *testing.T) {
	cfg := mustParse(t, `vpc: {id: vpc-11111111, cidr: 10.0.0.0/16}
subnets: [{name: s, id: subnet-22222222, cidr: 10.0.1.0/24}]
prefix_lists: [{name: l, id: pl-33333333, max_entries: 7}]
security_groups: [{name: g, id: sg-44444444, ingress: [{type: SSH, source: [sg-44444444, pl-33333333]}]}]
instances: [{name: i, subnet: subnet-22222222, address: 10.0.1.10, security_groups: sg-44444444}]
hosts: [{name: h, vpc: vpc-11111111, address: 192.0.2.1}]
`)
	s := cfg.Resources
	g, okG := s.SecurityGroup("sg-44444444")
	list, okL := s.PrefixList("pl-33333333")
	if !okG || !okL || list.MaxEntries != 7 {
		t.Fatalf("group %v, list %v with max_entries %d", okG, okL, list.MaxEntries)
	}
	want := []string{"peer: sg-44444444, TCP, from port: 22, to port: 22, ALLOW", "peer: pl-33333333, TCP, from port: 22, to port: 22, ALLOW"}
	if diff := cmp.Diff(want, rulesOf(g.Ingress)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	nic := s.Interfaces()[0]
	if nic.SubnetID != "subnet-22222222" || nic.VPCID != "vpc-11111111" || s.Hosts()[0].VPCID != "vpc-11111111" {
		t.Errorf("interface %+v, host %+v", nic, s.Hosts()[0])
	}
}

func TestGroupsAreLookedUpInTheirVPC(t *testing.T) {
	cfg, err := Load(Source{Path: "../configs/two-vpcs.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	for _, nic := range cfg.Resources.Interfaces() {
		if g, _ := cfg.Resources.SecurityGroup(nic.GroupIDs[0]); g.VPCID != nic.VPCID {
			t.Errorf("%s is in a group of another vpc", nic.Name)
		}
	}
	blue, green := groupOf(t, cfg, "blue", "server"), groupOf(t, cfg, "green", "server")
	if blue.ID == green.ID || blue.Ingress[0].FromPort != 80 || green.Ingress[0].FromPort != 443 {
		t.Errorf("groups of equal name: %v and %v", blue, green)
	}
	testFaults(t, "", []faultCase{{"another vpc's group", `vpcs: [{name: a, cidr: 10.0.0.0/16}, {name: b, cidr: 10.0.0.0/16}]
security_groups:
  - {name: x, vpc: a}
  - {name: y, vpc: b, ingress: [{type: SSH, source: x}]}
`, `f.yaml:4:53: security group "y": ingress rule 1: source "x": there is no such security group in the vpc, and no such prefix list: did you mean "y"?`}})
}

func TestEndpoints(t *testing.T) {
	cfg := mustParse(t, world+`hosts:
  - {name: laptop, address: 192.0.2.1, ipv6_address: 2001:db8::1, pid: 42, configure: false}
instances:
  - {name: one, subnet: a, ipv6_address: fd00:10:0:1::10, address: 10.0.1.10, secondary_addresses: [10.0.1.11], netns: ns, device: eth1}
  - {name: a-long-instance-name, subnet: b, address: 10.0.2.10, command: [sleep, 1.10], source_dest_check: false}
  - {name: six, subnet: a, ipv6_address: fd00:10:0:1::11, netns: /proc/1/ns/net}
`)
	vpcID := vpc.NewID("vpc", "main")
	want := []Endpoint{{
		Name: "one", Member: "one", ID: vpc.NewID("eni", vpcID, "one"), VPCID: vpcID,
		Addresses: prefixes("10.0.1.10/24", "fd00:10:0:1::10/64", "10.0.1.11/24"),
		Gateways:  addrs("10.0.1.1", "fd00:10:0:1::1"), Netns: "ns", Device: "eth1", Configure: true,
		Origin: vpc.Origin{File: "f.yaml", Line: 8, Column: 5},
	}, {
		Name: "a-long-instance-name", Member: "a-long-instance-name", ID: vpc.NewID("eni", vpcID, "a-long-instance-name"), VPCID: vpcID,
		Addresses: prefixes("10.0.2.10/24"), Gateways: addrs("10.0.2.1"), Device: "sg-a-long-09710",
		Command: []string{"sleep", "1.10"}, Origin: vpc.Origin{File: "f.yaml", Line: 9, Column: 5},
	}, {
		Name: "six", Member: "six", ID: vpc.NewID("eni", vpcID, "six"), VPCID: vpcID,
		Addresses: prefixes("fd00:10:0:1::11/64"), Gateways: addrs("fd00:10:0:1::1"), Netns: "/proc/1/ns/net",
		Device: "eth0", Configure: true, Origin: vpc.Origin{File: "f.yaml", Line: 10, Column: 5},
	}, {
		Name: "laptop", Member: "laptop", ID: vpc.NewID("host", vpcID, "laptop"), VPCID: vpcID, Host: true,
		Addresses: prefixes("192.0.2.1/32", "2001:db8::1/128"), PID: 42, Device: "eth0",
		Origin: vpc.Origin{File: "f.yaml", Line: 6, Column: 5},
	}}
	equal := cmp.Options{
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	}
	if diff := cmp.Diff(want, cfg.Endpoints, equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, nic := range cfg.Resources.Interfaces() {
		if want := i != 1; nic.SourceDestCheck != want {
			t.Errorf("%s: source_dest_check %v", nic.Name, nic.SourceDestCheck)
		}
	}
}

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestSuggestions(t *testing.T) {
	known := []string{"subnets", "instances", "hosts", "port_range"}
	for _, tt := range []struct{ got, want string }{
		{"subnet", `"subnets"`},
		{"SUBNETS", `"subnets"`},
		{"isntances", `"instances"`},
		{"portrange", `"port_range"`},
		{"colour", ""},
		{"", ""},
	} {
		if got := suggest(tt.got, known); got != tt.want {
			t.Errorf("%q: suggests %s, want %s", tt.got, got, tt.want)
		}
	}
}

func TestOwnDevicesOfLongNamesDiffer(t *testing.T) {
	c := mustParse(t, onlyVPC+"hosts: [{name: application-server-1, address: 192.0.2.1}, {name: application-server-2, address: 192.0.2.2}]\n")
	first, second := c.Endpoints[0].Device, c.Endpoints[1].Device
	if first == second || len(first) > 15 || len(second) > 15 {
		t.Errorf("devices %q and %q, want two names of at most 15 bytes", first, second)
	}
}
