package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// crowded is a file whose group has that many rules, and whose instance has that
// many groups. Its first rule admits the client.
func crowded(quotas string, rules, groups int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "vpc: {cidr: 10.0.0.0/16}\nsubnets: [{name: net, cidr: 10.0.1.0/24}]\n%s\nsecurity_groups:\n  - name: group-0\n    ingress:\n", quotas)
	for i := range rules {
		fmt.Fprintf(&b, "      - {protocol: tcp, port_range: %d, source: 10.0.1.10/32}\n", 80+i)
	}
	names := []string{"group-0"}
	for i := 1; i < groups; i++ {
		names = append(names, fmt.Sprintf("group-%d", i))
		fmt.Fprintf(&b, "  - {name: group-%d}\n", i)
	}
	fmt.Fprintf(&b, "instances:\n  - {name: client, address: 10.0.1.10}\n  - {name: server, address: 10.0.1.20, security_groups: [%s]}\n", strings.Join(names, ", "))
	return b.String()
}

// TestQuotas holds AWS's quotas (docs/semantics.md, 5): the most is taken, one
// more is refused with AWS's code, also where a lab is up, which goes on with what
// it had.
func TestQuotas(t *testing.T) {
	needs.Root(t)
	t.Parallel()
	const tooManyRules = "(RulesPerSecurityGroupLimitExceeded)"
	const tooManyGroups = "(SecurityGroupsPerInterfaceLimitExceeded)"
	l := liveUp(t, crowded("", 1, 1))
	for _, c := range []struct {
		quotas        string
		rules, groups int
		want          string // in the refusal; "" where it is taken
	}{
		{"", 60, 5, ""},
		{"", 61, 5, tooManyRules},
		{"", 60, 6, tooManyGroups},
		{"quotas: {rules_per_security_group: 200, security_groups_per_interface: 5}", 200, 5, ""},
		{"quotas: {rules_per_security_group: 62, security_groups_per_interface: 16}", 62, 16, ""},
		{"quotas: {rules_per_security_group: 63, security_groups_per_interface: 16}", 1, 1, "1000"},
		{"quotas: {security_groups_per_interface: 17}", 1, 1, "16"},
		{"quotas: {rules_per_security_group: 10}", 11, 1, tooManyRules},
	} {
		content := crowded(c.quotas, c.rules, c.groups)
		r := sgate(t, "check", writeFile(t, "quota.yaml", content))
		if taken := r.code == 0; taken != (c.want == "") || !strings.Contains(r.stderr, c.want) {
			t.Errorf("check of %d rules and %d groups with %q: want %q, got %+v", c.rules, c.groups, c.quotas, c.want, r)
		}
		if c.want == "" {
			l.change(t, content)
			continue
		}
		l.refuses(t, content)
		if !strings.Contains(l.process.output(t), c.want) {
			t.Errorf("the lab's log lacks %q", c.want)
		}
		wantConnect(t, "refused", l.name, "client", "10.0.1.20", "80") // the rule in force admits it, nobody listens
	}
}
