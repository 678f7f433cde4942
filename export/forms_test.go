package export

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/vpc"
)

// TestForms holds how things are written that could be written otherwise: each
// line of a file is there again.
func TestForms(t *testing.T) {
	const before = "vpc: {cidr: 10.0.0.0/16}\nsubnets:\n  - {name: s, cidr: 10.0.1.0/24}\n"
	for _, c := range []struct{ name, section string }{
		{"rules that differ in their peers alone are one", `security_groups:
  - name: g
    ingress:
      - {type: SSH, source: [10.0.0.0/8, self], description: x, tags: [{key: a, value: b}]}
`},
		{"rules with other tags are not", `security_groups:
  - name: g
    ingress:
      - {type: SSH, source: 10.0.0.0/8, tags: [{key: a, value: b}]}
      - {type: SSH, source: self}
`},
		{"silences stay where they were", `security_groups:
  - name: g
    ingress:
      - type: SSH
        source: [10.0.0.0/8, self]
        lint_ignore:
          - {finding: group-unattached, reason: of both}
      - {type: SSH, source: 192.0.2.0/24}
    egress: []
    lint_ignore:
      - {finding: group-unattached, reason: of the group}
`},
		{"a group's silence is not that of what AWS adds", `security_groups:
  - name: g
    egress:
      - {type: All traffic, destination: 0.0.0.0/0}
      - {type: SSH, destination: 0.0.0.0/0}
    lint_ignore:
      - {finding: group-unattached, reason: of the group}
`},
		{"names that two have are not used", `instances:
  - {name: s, address: 10.0.1.10}

flow_logs:
  - {name: l, resource: subnet-01ccc265ec8fe4530, destination: "-"}
`},
		{"a place is what a lab does not know", `instances:
  - {name: a, address: 10.0.1.10, netns: x, configure: false}
  - {name: b, address: 10.0.1.11, netns: x, device: eth1}
  - {name: c, address: 10.0.1.12, pid: 7}
  - {name: d, address: 10.0.1.13}
`},
		{"lists are block lists unless they are tags", `network_acls:
  - name: edge
    ingress:
      - {number: 1, action: deny, type: SSH, source: 10.0.0.0/8}
`},
	} {
		section := c.section
		_, got, _ := strings.Cut(string(YAML(mustParse(t, before+section))), before[strings.Index(before, "subnets"):])
		if diff := gocmp.Diff("\n"+section, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestSilencesOfWhatAWSAdds holds that a rule which a group has anyway, and which
// stands nowhere but where the group does, is not silenced by what silences that.
func TestSilencesOfWhatAWSAdds(t *testing.T) {
	const silenced = "    lint_ignore:\n      - {finding: group-unattached, reason: spare}\n"
	cfg := mustParse(t, "vpc: {cidr: 10.0.0.0/16}\nsecurity_groups:\n  - name: g\n"+silenced)
	res := cfg.Resources.Resources()
	res.Tags = []vpc.TagSet{{ResourceID: res.SecurityGroups[0].Egress[0].ID, Tags: []vpc.Tag{{Key: "a", Value: "b"}}}}
	s, err := vpc.New(res)
	if err != nil {
		t.Fatal(err)
	}
	want := "    egress:\n      - {type: All traffic, destination: 0.0.0.0/0, tags: [{key: a, value: b}]}\n" + silenced
	if got := string(YAML(cfg.WithResources(s))); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant it to end with\n%s", got, want)
	}
}

// TestScalars holds that no string turns into anything else, nor a terminal's
// command.
func TestScalars(t *testing.T) {
	for in, want := range map[string]string{
		"web": "web", "0.0.0.0/0": "0.0.0.0/0", "a b": "a b", "": `""`, "::/0": `"::/0"`, "7": `"7"`, "1.5": `"1.5"`, "0x1f": `"0x1f"`,
		"true": `"true"`, "null": `"null"`, "a: b": `"a: b"`, "a #b": `"a #b"`, "-": `"-"`, `a"b\`: `"a\"b\\"`, "a\nb": `"a\x0ab"`,
		"\x1b[31m": `"\x1b[31m"`, "\u200b": `"\u200b"`, "\U000e0001": `"\U000e0001"`, "\u00a0": `"\xa0"`, "ö": `"ö"`, "a ": `"a "`,
	} {
		if got := scalar(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
