package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// TestSilencesStandOnResources holds that a silence is about the resource that
// it stands on, under the place that the snapshot has for it.
func TestSilencesStandOnResources(t *testing.T) {
	cfg := mustParse(t, `lint_ignore: [{finding: rule-without-description, reason: file}]
vpc:
  cidr: 10.0.0.0/16
  lint_ignore: [{finding: rule-without-description, reason: vpc}]
subnets: [{name: a, cidr: 10.0.1.0/24}]
prefix_lists:
  - {name: l, lint_ignore: [{finding: prefix-list-unused, reason: list}]}
network_acls:
  - name: n
    subnets: a
    lint_ignore: [{finding: network-acl-blocks-replies, reason: acl}]
    ingress: [{number: 1, action: allow, protocol: -1, source: 0.0.0.0/0, lint_ignore: [{finding: network-acl-blocks-replies, reason: in}]}]
    egress: [{number: 1, action: allow, protocol: -1, destination: 0.0.0.0/0, lint_ignore: [{finding: network-acl-blocks-replies, reason: out}]}]
security_groups:
  - name: g
    lint_ignore:
      - finding: ssh-open-to-world
        reason: "  group  "
      - {finding: rdp-open-to-world, reason: group}
    ingress: [{type: SSH, source: self, lint_ignore: [{finding: rule-covered, reason: in}]}]
    egress: [{type: SSH, destination: self, lint_ignore: [{finding: rule-covered, reason: out}]}]
instances:
  - {name: i, address: 10.0.1.10, security_groups: g, lint_ignore: [{finding: source-dest-check-off, reason: instance}]}
`)
	s := cfg.Resources
	v, l, n, i := s.VPCs()[0], s.PrefixLists()[0], s.NetworkACLs()[0], s.Interfaces()[0]
	g := groupOf(t, cfg, "main", "g")
	type silence struct {
		On              vpc.Origin
		Kind, Reason    string
		Subject, Column string
	}
	want := []silence{
		{vpc.Origin{}, "rule-without-description", "file", "", "f.yaml:1:15"},
		{v.Origin, "rule-without-description", "vpc", `vpc "main"`, "f.yaml:4:17"},
		{g.Origin, "ssh-open-to-world", "group", `security group "g"`, "f.yaml:17:9"},
		{g.Origin, "rdp-open-to-world", "group", `security group "g"`, "f.yaml:19:9"},
		{g.Ingress[0].Origin, "rule-covered", "in", `security group "g": ingress rule 1`, "f.yaml:20:55"},
		{g.Egress[0].Origin, "rule-covered", "out", `security group "g": egress rule 1`, "f.yaml:21:59"},
		{l.Origin, "prefix-list-unused", "list", `prefix list "l"`, "f.yaml:7:29"},
		{n.Origin, "network-acl-blocks-replies", "acl", `network acl "n"`, "f.yaml:11:19"},
		{n.Entries[0].Origin, "network-acl-blocks-replies", "in", `network acl "n": ingress entry number 1`, "f.yaml:12:89"},
		{n.Entries[1].Origin, "network-acl-blocks-replies", "out", `network acl "n": egress entry number 1`, "f.yaml:13:93"},
		{i.Origin, "source-dest-check-off", "instance", `instance "i"`, "f.yaml:23:69"},
	}
	var got []silence
	for _, x := range cfg.Silences {
		got = append(got, silence{x.On, x.Kind, x.Reason, x.Subject, x.Origin.String()})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSilenceOfOneOfSeveralVPCs(t *testing.T) {
	cfg := mustParse(t, `vpcs:
  - {name: a, cidr: 10.0.0.0/16}
  - {name: b, cidr: 10.0.0.0/16, lint_ignore: [{finding: group-unattached, reason: later}]}
`)
	want := []finding.Silence{{Kind: finding.GroupUnattached, Reason: "later", Subject: `vpc "b"`,
		On: cfg.Resources.VPCs()[1].Origin, Origin: vpc.Origin{File: "f.yaml", Line: 3, Column: 48}}}
	if diff := cmp.Diff(want, cfg.Silences); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSilenceFaults(t *testing.T) {
	group := func(silence string) string {
		return "security_groups: [{name: g, lint_ignore: [" + silence + "]}]\n"
	}
	testFaults(t, world, []faultCase{
		{"misspelt", group("{finding: ssh-open-to-wrld, reason: r}"),
			`f.yaml:5:53: security group "g": lint_ignore 1: finding "ssh-open-to-wrld": there is no such finding: did you mean "ssh-open-to-world"?`},
		{"no finding", group("{reason: r}"),
			`f.yaml:5:43: security group "g": lint_ignore 1: finding is missing: want the id of one, such as ssh-open-to-world; sgate lint --list has them all`},
		{"no reason", group("{finding: ssh-open-to-world}"),
			`f.yaml:5:43: security group "g": lint_ignore 1: reason is missing: want why the finding is meant to be so`},
		{"empty reason", group(`{finding: ssh-open-to-world, reason: " "}`),
			`f.yaml:5:80: security group "g": lint_ignore 1: reason: is empty: want why the finding is meant to be so`},
		{"both wrong", group(`{finding: 7, reason: []}`),
			"f.yaml:5:53: security group \"g\": lint_ignore 1: finding: want a string, got the integer 7: put it in quotes\n" +
				`f.yaml:5:64: security group "g": lint_ignore 1: reason: want a string, got a list`},
		{"silence of silences", "lint_ignore: [{finding: unused-silence, reason: r}]\n",
			`f.yaml:5:25: lint_ignore 1: finding "unused-silence": cannot be silenced: remove the silence that it is about`},
		{"a name alone", group("ssh-open-to-world"),
			`f.yaml:5:43: security group "g": lint_ignore 1: want a mapping with keys such as finding and reason, got the string "ssh-open-to-world"`},
		{"where nothing is found", "hosts: [{name: h, address: 192.0.2.1, lint_ignore: []}]\n",
			`f.yaml:5:39: host "h": unknown key "lint_ignore": known are name, vpc, address, ipv6_address, command, netns, pid, device, configure`},
	})
}
