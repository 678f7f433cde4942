package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sgate/sgate/vpc"
)

func TestQuotas(t *testing.T) {
	cfg := mustParse(t, onlyVPC+`quotas:
  security_groups: 11
  rules_per_security_group: 12
  security_groups_per_interface: 13
  prefix_lists: 14
  prefix_list_entries: 15
  network_acls_per_vpc: 16
  network_acl_entries: 17
  vpcs: 18
  subnets_per_vpc: 19
`)
	want := vpc.Quotas{
		SecurityGroups: 11, RulesPerGroup: 12, GroupsPerInterface: 13, PrefixLists: 14, PrefixListEntries: 15,
		NetworkACLs: 16, NetworkACLEntries: 17, VPCs: 18, SubnetsPerVPC: 19, Origin: vpc.Origin{File: "f.yaml", Line: 3, Column: 3},
	}
	if got := cfg.Resources.Resources().Quotas; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := mustParse(t, onlyVPC).Resources.Resources().Quotas; got != vpc.DefaultQuotas() {
		t.Errorf("a silent file: got %+v, want AWS's defaults", got)
	}
}

// rules returns a security group with n rules, from line 2 on, and quotas.
func rules(n int, quotas string) string {
	var b strings.Builder
	b.WriteString(onlyVPC + "security_groups:\n  - name: g\n    ingress:\n")
	for i := range n {
		fmt.Fprintf(&b, "      - {protocol: tcp, port_range: %d, source: 10.0.0.0/8}\n", i)
	}
	return b.String() + quotas
}

func TestQuotaFaults(t *testing.T) {
	const tooMany = `f.yaml:3:5: security group "g": The maximum number of rules per security group has been reached. ` +
		`Its rules count as 61 IPv4 ingress rules (a CIDR is one of its family, a security group one of each, a prefix list its max_entries): ` +
		`want at most 60, or a higher quota rules_per_security_group (RulesPerSecurityGroupLimitExceeded)`
	mustParse(t, rules(60, ""))
	mustParse(t, rules(61, "quotas: {rules_per_security_group: 61}\n"))
	testFaults(t, "", []faultCase{
		{"rules", rules(61, ""), tooMany},
		{"no consequences of a bad quota", rules(61, "quotas: {rules_per_security_group: 0}\n"),
			`f.yaml:66:36: quotas: rules_per_security_group: 0: want at least 1, or leave the key out for AWS's default`},
		{"no consequences of a quota of the wrong kind", rules(61, "quotas: {rules_per_security_group: many}\n"),
			`f.yaml:66:36: quotas: rules_per_security_group: want an integer, got the string "many"`},
		{"no consequences of quotas of the wrong kind", rules(61, "quotas: 61\n"),
			`f.yaml:66:9: quotas: want a mapping, got the integer 61`},
		{"the others count beside a good quota", rules(61, "quotas: {prefix_lists: 1}\n"), tooMany},
		{"product", onlyVPC + "quotas: {rules_per_security_group: 63, security_groups_per_interface: 16}\n",
			`f.yaml:2:9: quotas: rules_per_security_group 63: want at most 62 beside security_groups_per_interface 16, since AWS limits their product to 1000`},
		{"no product of what could not be read", onlyVPC + "quotas: {rules_per_security_group: 1000, security_groups_per_interface: -1}\n",
			`f.yaml:2:73: quotas: security_groups_per_interface: -1: want at least 1, or leave the key out for AWS's default`},
		{"above AWS", onlyVPC + "quotas: {security_groups_per_interface: 17}\n",
			`f.yaml:2:9: quotas: security_groups_per_interface 17: want at most 16, which is as far as AWS raises it`},
		{"unknown key", onlyVPC + "quotas: {rules_per_group: 17}\n",
			`f.yaml:2:10: quotas: unknown key "rules_per_group": known are security_groups, rules_per_security_group, security_groups_per_interface, prefix_lists, prefix_list_entries, network_acls_per_vpc, network_acl_entries, vpcs, subnets_per_vpc`},
	})
}

func TestConnectionTracking(t *testing.T) {
	const instance = world + "instances: [{name: i, subnet: a, address: 10.0.1.10, connection_tracking: {"
	for text, want := range map[string]vpc.ConnectionTracking{
		"": {},
		"tcp_established_timeout: 350, udp_timeout: 60, udp_stream_timeout: 61": {
			TCPEstablished: 350 * time.Second, UDP: 60 * time.Second, UDPStream: 61 * time.Second,
		},
		"tcp_established_timeout: 432000": {TCPEstablished: 120 * time.Hour},
		"udp_timeout: 30":                 {UDP: 30 * time.Second},
		"udp_stream_timeout: 180":         {UDPStream: 180 * time.Second},
	} {
		nic := mustParse(t, instance+text+"}}]\n").Resources.Interfaces()[0]
		if diff := cmp.Diff(want, nic.ConnectionTracking); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	const at = `f.yaml:5:`
	const of = `: instance "i": connection_tracking: `
	testFaults(t, instance, []faultCase{
		{"too short", "tcp_established_timeout: 59, udp_timeout: 29, udp_stream_timeout: 59}}]\n",
			at + `101` + of + `tcp_established_timeout: 59: want 60 to 432000 seconds
f.yaml:5:118` + of + `udp_timeout: 29: want 30 to 60 seconds
f.yaml:5:142` + of + `udp_stream_timeout: 59: want 60 to 180 seconds`},
		{"too long", "tcp_established_timeout: 432001, udp_timeout: 61, udp_stream_timeout: 181}}]\n",
			at + `101` + of + `tcp_established_timeout: 432001: want 60 to 432000 seconds
f.yaml:5:122` + of + `udp_timeout: 61: want 30 to 60 seconds
f.yaml:5:146` + of + `udp_stream_timeout: 181: want 60 to 180 seconds`},
		{"zero", "udp_timeout: 0}}]\n", at + `89` + of + `udp_timeout: 0: want 30 to 60 seconds`},
		{"so long that nanoseconds overflow", "udp_timeout: 36028797018963998}}]\n",
			at + `89` + of + `udp_timeout: 36028797018963998: want 30 to 60 seconds`},
		{"with a unit", "udp_timeout: 30s}}]\n", at + `89` + of + `udp_timeout: want an integer, got the string "30s"`},
		{"unknown key", "tcp_timeout: 30}}]\n",
			at + `76` + of + `unknown key "tcp_timeout": did you mean "udp_timeout"?`},
	})
	testFaults(t, world, []faultCase{{"wrong kind", "instances: [{name: i, subnet: a, address: 10.0.1.10, connection_tracking: 350}]\n",
		`f.yaml:5:75: instance "i": connection_tracking: want a mapping, got the integer 350`}})
}
