package ec2

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// modelRule is a rule as a request says it, and as it is told back.
type modelRule struct {
	protocol, from, to, peer string
	said                     string // protocol, ports and peer
}

// modelRules returns rules of all kinds, among them ways to say one twice.
func modelRules(group, list string) []modelRule {
	var out []modelRule
	for _, s := range []struct{ protocol, from, to, said string }{
		{"tcp", "22", "22", "tcp 22..22"}, {"6", "22", "22", "tcp 22..22"}, {"tcp", "22", "23", "tcp 22..23"}, {"udp", "22", "22", "udp 22..22"},
		{"icmp", "8", "0", "icmp 8..0"}, {"icmp", "-1", "-1", "icmp -1..-1"}, {"-1", "", "", "-1 -1..-1"}, {"-1", "0", "0", "-1 -1..-1"},
		{"47", "", "", "47 -1..-1"}, {"icmpv6", "", "", "icmpv6 -1..-1"},
	} {
		for _, p := range []struct{ peer, said string }{
			{"10.0.0.0/8", "10.0.0.0/8"}, {"10.1.2.3/8", "10.0.0.0/8"}, {"0.0.0.0/0", "0.0.0.0/0"}, {"2001:db8::1/32", "2001:db8::/32"}, {group, group}, {list, list},
		} {
			out = append(out, modelRule{s.protocol, s.from, s.to, p.peer, s.said + " " + p.said})
		}
	}
	return out
}

// machine is a group and a map of the rules that it should have: the id of each
// by its direction and what is said of it.
type machine struct {
	groupWorld
	id    string
	known []modelRule
	want  map[string]string
	// inDefaultVPC: what is not there can be revoked.
	inDefaultVPC bool
}

// send sends a request about rules, with a permission for each, and returns the
// answer's rules' ids, or a code.
func (m *machine) send(action string, rules []modelRule) (answer *element, code string) {
	params := []string{"GroupId", m.id}
	for i, r := range rules {
		n := "IpPermissions." + strconv.Itoa(i+1)
		one := permission(m.id, r.protocol, r.from, r.to, r.peer)[2:]
		for j := 0; j < len(one); j += 2 {
			params = append(params, n+one[j][len("IpPermissions.1"):], one[j+1])
		}
	}
	_, answer = m.try(action, params...)
	return answer, answer.get("Errors.Error.Code")
}

func (m *machine) draw(t *rapid.T) (direction, action string, rules []modelRule) {
	direction = rapid.SampledFrom([]string{"in", "out"}).Draw(t, "direction")
	rules = rapid.SliceOfN(rapid.SampledFrom(m.known), 1, 4).Draw(t, "rules")
	return direction, map[string]string{"in": "Ingress", "out": "Egress"}[direction], rules
}

// twice reports whether rules have two that are one.
func twice(rules []modelRule) bool {
	seen := make(map[string]bool)
	for _, r := range rules {
		if seen[r.said] {
			return true
		}
		seen[r.said] = true
	}
	return false
}

func (m *machine) authorize(t *rapid.T) {
	direction, suffix, rules := m.draw(t)
	answer, code := m.send("AuthorizeSecurityGroup"+suffix, rules)
	want := ""
	if slices.ContainsFunc(rules, func(r modelRule) bool { return m.want[direction+" "+r.said] != "" }) {
		want = "InvalidPermission.Duplicate"
	}
	if twice(rules) {
		want = "InvalidParameterValue"
	}
	if code != want {
		t.Fatalf("authorize %v: %q, want %q", rules, code, want)
	}
	for _, r := range answer.all("securityGroupRuleSet.item") {
		m.want[saidOf(r)] = r.get("securityGroupRuleId")
	}
}

func (m *machine) revoke(t *rapid.T) {
	direction, suffix, rules := m.draw(t)
	missing := slices.ContainsFunc(rules, func(r modelRule) bool { return m.want[direction+" "+r.said] == "" })
	want := ""
	switch {
	case twice(rules):
		want = "InvalidParameterValue"
	case missing && !m.inDefaultVPC:
		want = "InvalidPermission.NotFound"
	}
	if _, code := m.send("RevokeSecurityGroup"+suffix, rules); code != want {
		t.Fatalf("revoke %v: %q, want %q", rules, code, want)
	}
	if want == "" {
		for _, r := range rules {
			delete(m.want, direction+" "+r.said)
		}
	}
}

// modify makes one rule another, whose peer is of the same kind.
func (m *machine) modify(t *rapid.T) {
	if len(m.want) == 0 {
		return
	}
	old := rapid.SampledFrom(slices.Sorted(maps.Keys(m.want))).Draw(t, "old")
	r := rapid.SampledFrom(m.known).Draw(t, "by")
	id := m.want[old]
	for _, field := range []string{"CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId"} {
		fields := []string{"IpProtocol", r.protocol, field, r.peer}
		if r.from != "" {
			fields = append(fields, "FromPort", r.from, "ToPort", r.to)
		}
		status, _ := m.try("ModifySecurityGroupRules", append(update(id, fields...), "GroupId", m.id)...)
		if status != 200 {
			continue // wrong kind, or there is such a rule
		}
		direction, _, _ := strings.Cut(old, " ")
		if other, is := m.want[direction+" "+r.said]; is && other != id {
			t.Fatalf("%s became %v, which there is", old, r)
		}
		delete(m.want, old)
		m.want[direction+" "+r.said] = id
		return
	}
}

// check compares the group, in both views, with the model.
func (m *machine) check(t *rapid.T) {
	got := make(map[string]string)
	listed := m.do("DescribeSecurityGroupRules", "Filter.1.Name", "group-id", "Filter.1.Value.1", m.id).all("securityGroupRuleSet.item")
	for _, r := range listed {
		got[saidOf(r)] = r.get("securityGroupRuleId")
	}
	if diff := cmp.Diff(m.want, got); diff != "" || len(listed) != len(got) {
		t.Fatalf("%d rules (-want +got)\n%s", len(listed), diff)
	}
	g := m.do("DescribeSecurityGroups", "GroupId.1", m.id).all("securityGroupInfo.item")[0]
	flat := append(flattened("in", g.all("ipPermissions.item")), flattened("out", g.all("ipPermissionsEgress.item"))...)
	slices.Sort(flat)
	if !slices.Equal(slices.Sorted(maps.Keys(got)), flat) {
		t.Fatalf("as permissions: %q, as rules: %q", flat, got)
	}
}

// flattened says the rules of permissions one by one. No two permissions may have
// protocol and ports in common.
func flattened(direction string, permissions []*element) []string {
	var out []string
	seen := make(map[string]bool)
	for _, p := range permissions {
		from, to := p.get("fromPort"), p.get("toPort")
		if len(p.all("fromPort")) == 0 {
			from, to = "-1", "-1"
		}
		service := direction + " " + p.get("ipProtocol") + " " + from + ".." + to + " "
		if seen[service] {
			out = append(out, service+"stands there twice")
		}
		seen[service] = true
		for _, path := range []string{"groups.item.groupId", "ipRanges.item.cidrIp", "ipv6Ranges.item.cidrIpv6", "prefixListIds.item.prefixListId"} {
			for _, peer := range p.texts(path) {
				out = append(out, service+peer)
			}
		}
	}
	return out
}

// TestRulesAreASet: whatever is authorized, revoked and modified, a group has the
// rules that a map would have, and tells the same in both views.
func TestRulesAreASet(t *testing.T) {
	w := newGroupWorld(t)
	w.declare(groupsFile + "  rules_per_security_group: 200\n")
	groups := 0
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{groupWorld: w, want: make(map[string]string), inDefaultVPC: rapid.Bool().Draw(rt, "default VPC")}
		home := w.work
		if m.inDefaultVPC {
			home = w.home
		}
		groups++
		m.id = w.bare("g"+strconv.Itoa(groups), home)
		defer w.do("DeleteSecurityGroup", "GroupId", m.id)
		m.known = modelRules(m.id, w.office)
		rt.Repeat(map[string]func(*rapid.T){"authorize": m.authorize, "revoke": m.revoke, "modify": m.modify, "": m.check})
	})
}
