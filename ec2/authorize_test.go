package ec2

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/vpc"
)

func TestAuthorizeSecurityGroupIngress(t *testing.T) {
	w := newGroupWorld(t)
	id, lb := w.bare("web", w.work), w.group("lb", w.work)
	answer := w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", "203.0.113.0/24", lb, w.office, "2001:db8::/64")...)
	if answer.get("return") != "true" {
		t.Error("return is not true")
	}
	rules := answer.all("securityGroupRuleSet.item")
	var said []string
	seen := make(map[string]bool)
	for _, r := range rules {
		said = append(said, saidOf(r))
		rule := r.get("securityGroupRuleId")
		if !vpc.IsID("sgr", rule) || seen[rule] {
			t.Errorf("a rule's id is %q", rule)
		}
		seen[rule] = true
		for name, want := range map[string]string{
			"groupId": id, "groupOwnerId": "123456789012", "securityGroupRuleArn": "arn:aws:ec2:us-east-1:123456789012:security-group-rule/" + rule,
		} {
			if got := r.get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		for _, peer := range []string{"cidrIpv4", "cidrIpv6", "prefixListId", "referencedGroupInfo", "tagSet", "description"} {
			if all := r.all(peer); len(all) > 0 && all[0].Text == "" && len(all[0].Below) == 0 {
				t.Errorf("%s is there, and empty", peer)
			}
		}
	}
	want := []string{"in tcp 22..22 " + lb, "in tcp 22..22 203.0.113.0/24", "in tcp 22..22 2001:db8::/64", "in tcp 22..22 " + w.office}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("answered (-want +got)\n%s", diff)
	}
	if got := rules[0].get("referencedGroupInfo.userId"); got != "123456789012" {
		t.Errorf("the group's owner is %q", got)
	}
	if diff := cmp.Diff(want, w.rules(id)); diff != "" {
		t.Errorf("listed (-want +got)\n%s", diff)
	}
	for _, r := range w.held(id).Ingress {
		if r.GroupID != id || r.Direction != vpc.Ingress || r != r.Canonical() || !seen[r.ID] {
			t.Errorf("the store has %+v", r)
		}
	}
}

// TestServices: what a protocol and ports become, in both views.
func TestServices(t *testing.T) {
	tests := []struct {
		protocol, from, to  string
		flat                string // as rules are listed
		inGroup, first, end string // as groups tell it
	}{
		{"tcp", "22", "80", "tcp 22..80", "tcp", "22", "80"},
		{"TCP", "0", "65535", "tcp 0..65535", "tcp", "0", "65535"},
		{"6", "0", "0", "tcp 0..0", "tcp", "0", "0"},
		{"17", "53", "53", "udp 53..53", "udp", "53", "53"},
		{"Udp", "53", "53", "udp 53..53", "udp", "53", "53"},
		{"icmp", "-1", "-1", "icmp -1..-1", "icmp", "-1", "-1"},
		{"1", "8", "0", "icmp 8..0", "icmp", "8", "0"}, // a pair, not a range
		{"icmp", "3", "4", "icmp 3..4", "icmp", "3", "4"},
		{"icmp", "8", "-1", "icmp 8..-1", "icmp", "8", "-1"},
		{"icmpv6", "", "", "icmpv6 -1..-1", "icmpv6", "-1", "-1"},
		{"ICMPv6", "128", "", "icmpv6 128..-1", "icmpv6", "128", "-1"},
		{"58", "128", "0", "icmpv6 128..0", "icmpv6", "128", "0"},
		{"-1", "", "", "-1 -1..-1", "-1", "", ""},
		{"-1", "0", "0", "-1 -1..-1", "-1", "", ""},
		{"-1", "22", "80", "-1 -1..-1", "-1", "", ""},
		{"47", "", "", "47 -1..-1", "47", "", ""},
		{"50", "0", "0", "50 -1..-1", "50", "", ""},
		{"0", "", "", "0 -1..-1", "0", "", ""},
		{"255", "", "", "255 -1..-1", "255", "", ""},
	}
	w := newGroupWorld(t)
	for _, test := range tests {
		id := w.bare("a", w.work)
		w.do("AuthorizeSecurityGroupIngress", permission(id, test.protocol, test.from, test.to, "10.0.0.0/8")...)
		if diff := cmp.Diff([]string{"in " + test.flat + " 10.0.0.0/8"}, w.rules(id)); diff != "" {
			t.Errorf("%v (-want +got)\n%s", test, diff)
		}
		p := w.do("DescribeSecurityGroups", "GroupId.1", id).all("securityGroupInfo.item.ipPermissions.item")[0]
		if p.get("ipProtocol") != test.inGroup || p.get("fromPort") != test.first || p.get("toPort") != test.end ||
			test.first == "" && len(p.all("fromPort")) > 0 {
			t.Errorf("%v: the group says %q %q %q", test, p.get("ipProtocol"), p.get("fromPort"), p.get("toPort"))
		}
		// The same, said in the same way, is revoked.
		w.do("RevokeSecurityGroupIngress", permission(id, test.protocol, test.from, test.to, "10.0.0.0/8")...)
		w.do("DeleteSecurityGroup", "GroupId", id)
	}
}

func TestServicesRefused(t *testing.T) {
	tests := []struct{ protocol, from, to, message string }{
		{"", "22", "22", "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly."},
		{"http", "80", "80", "Invalid value 'http' for IP protocol. Unknown protocol."},
		{"all", "", "", "Invalid value 'all' for IP protocol. Unknown protocol."},
		{"256", "", "", "Invalid value '256' for IP protocol. Unknown protocol."},
		{"-2", "", "", "Invalid value '-2' for IP protocol. Unknown protocol."},
		{"tcp", "", "", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."},
		{"tcp", "22", "", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."},
		{"udp", "", "22", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."},
		{"icmp", "", "", "Invalid value for portRange. Must specify both from and to ports with ICMP."},
		{"1", "8", "", "Invalid value for portRange. Must specify both from and to ports with ICMP."},
		{"tcp", "-1", "-1", "TCP/UDP port (-1) out of range"},
		{"udp", "0", "65536", "TCP/UDP port (65536) out of range"},
		{"tcp", "81", "80", "Invalid TCP/UDP port range (81:80)"},
		{"icmp", "0", "65535", "ICMP code (65535) out of range"},
		{"icmp", "256", "0", "ICMP type (256) out of range"},
		{"icmp", "-2", "0", "ICMP type (-2) out of range"},
		{"icmpv6", "-1", "4", "ICMP code (4) out of range. All ICMP types (-1) go with all codes (-1)."},
		{"icmpv6", "", "4", "ICMP code (4) out of range. All ICMP types (-1) go with all codes (-1)."},
	}
	w := newGroupWorld(t)
	id := w.bare("a", w.work)
	for _, test := range tests {
		for _, action := range []string{"AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress"} {
			w.refused("InvalidParameterValue", test.message, action, permission(id, test.protocol, test.from, test.to, "10.0.0.0/8")...)
		}
	}
	if rules := w.rules(id); rules != nil {
		t.Errorf("it has %q", rules)
	}
}

// TestCIDRs: blocks lose their host bits; a family stands in its own list.
func TestCIDRs(t *testing.T) {
	w := newGroupWorld(t)
	id := w.bare("a", w.work)
	w.do("AuthorizeSecurityGroupEgress", permission(id, "tcp", "1", "1", "100.68.0.18/18", "2001:DB8::1/32", "10.0.0.5/32")...)
	want := []string{"out tcp 1..1 100.68.0.0/18", "out tcp 1..1 10.0.0.5/32", "out tcp 1..1 2001:db8::/32"}
	if diff := cmp.Diff(want, w.rules(id)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	w.refused("InvalidPermission.Duplicate", `the specified rule "peer: 100.68.0.0/18, TCP, from port: 1, to port: 1, ALLOW" already exists`,
		"AuthorizeSecurityGroupEgress", permission(id, "tcp", "1", "1", "100.68.1.1/18")...)
	for _, bad := range []struct{ list, value string }{
		{"IpRanges.1.CidrIp", "10.0.0.5"}, {"IpRanges.1.CidrIp", "10.0.0.0/33"}, {"IpRanges.1.CidrIp", "::/0"}, {"IpRanges.1.CidrIp", "office"},
		{"IpRanges.1.CidrIp", "10.0.0.0/8 "}, {"Ipv6Ranges.1.CidrIpv6", "0.0.0.0/0"}, {"Ipv6Ranges.1.CidrIpv6", "2001:db8::"},
		{"Ipv6Ranges.1.CidrIpv6", "::ffff:10.0.0.0/104"}, {"Ipv6Ranges.1.CidrIpv6", "fe80::%eth0/64"},
	} {
		w.refused("InvalidParameterValue", "CIDR block "+bad.value+" is malformed",
			"AuthorizeSecurityGroupEgress", append(permission(id, "tcp", "2", "2"), "IpPermissions.1."+bad.list, bad.value)...)
	}
	w.refused("MissingParameter", "The request must contain the parameter CidrIp",
		"AuthorizeSecurityGroupEgress", append(permission(id, "tcp", "2", "2"), "IpPermissions.1.IpRanges.1.Description", "x")...)
}

// TestICMPOfTheOtherFamily: such rules match nothing, and AWS takes them; they
// must not keep others from being in force.
func TestICMPOfTheOtherFamily(t *testing.T) {
	w := newGroupWorld(t)
	id := w.bare("a", w.work)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "icmp", "-1", "-1", "2001:db8::/32")...)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "icmpv6", "128", "0", "10.0.0.0/8")...)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", "10.0.0.0/8")...)
	want := []string{"in icmp -1..-1 2001:db8::/32", "in icmpv6 128..0 10.0.0.0/8", "in tcp 22..22 10.0.0.0/8"}
	if diff := cmp.Diff(want, w.rules(id)); diff != "" {
		t.Errorf("listed (-want +got)\n%s", diff)
	}
	if n := len(w.held(id).Ingress); n != 3 {
		t.Errorf("%d rules are in force", n)
	}
}

func TestDuplicatePermissions(t *testing.T) {
	w := newGroupWorld(t)
	id, lb := w.bare("a", w.work), w.group("lb", w.work)
	for _, test := range []struct{ protocol, from, to, peer, said string }{
		{"tcp", "443", "443", "0.0.0.0/0", "peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW"},
		{"-1", "", "", "0.0.0.0/0", "peer: 0.0.0.0/0, ALL, ALLOW"},
		{"tcp", "0", "65535", lb, "peer: " + lb + ", TCP, from port: 0, to port: 65535, ALLOW"},
		{"50", "", "", "0.0.0.0/0", "peer: 0.0.0.0/0, protocol: 50, ALLOW"},
		{"icmp", "-1", "-1", "0.0.0.0/0", "peer: 0.0.0.0/0, ICMP, type: ALL, code: ALL, ALLOW"},
		{"icmp", "8", "-1", "0.0.0.0/0", "peer: 0.0.0.0/0, ICMP, type: 8, code: ALL, ALLOW"},
		{"udp", "1", "2", w.office, "peer: " + w.office + ", UDP, from port: 1, to port: 2, ALLOW"},
	} {
		request := permission(id, test.protocol, test.from, test.to, test.peer)
		w.do("AuthorizeSecurityGroupIngress", request...)
		w.refused("InvalidPermission.Duplicate", `the specified rule "`+test.said+`" already exists`, "AuthorizeSecurityGroupIngress", request...)
	}
	w.do("AuthorizeSecurityGroupEgress", permission(id, "tcp", "443", "443", "0.0.0.0/0")...) // the other direction

	// Within one request it is another error; nothing of a request with one is kept.
	before := w.rules(id)
	w.refused("InvalidParameterValue", "The same permission must not appear multiple times",
		"AuthorizeSecurityGroupIngress", permission(id, "tcp", "5", "5", "10.0.0.0/8", "10.1.2.3/8")...)
	w.refused("InvalidParameterValue", "The same permission must not appear multiple times",
		"RevokeSecurityGroupIngress", permission(id, "tcp", "443", "443", "0.0.0.0/0", "0.0.0.0/0")...)
	w.refused("InvalidPermission.Duplicate", "", "AuthorizeSecurityGroupIngress", permission(id, "tcp", "443", "443", "10.0.0.0/8", "0.0.0.0/0")...)
	described := append(permission(id, "tcp", "443", "443", "0.0.0.0/0"), "IpPermissions.1.IpRanges.1.Description", "another")
	w.refused("InvalidPermission.Duplicate", "", "AuthorizeSecurityGroupIngress", described...)
	if diff := cmp.Diff(before, w.rules(id)); diff != "" {
		t.Errorf("the rules changed (-before +after)\n%s", diff)
	}
}

func TestGroupPairs(t *testing.T) {
	w := newGroupWorld(t)
	work, other, home := w.bare("a", w.work), w.group("b", w.work), w.bare("c", w.home)
	pair := func(groupID string, fields ...string) []string {
		params := permission(groupID, "tcp", "22", "22")
		for i := 0; i < len(fields); i += 2 {
			params = append(params, "IpPermissions.1.Groups.1."+fields[i], fields[i+1])
		}
		return params
	}
	w.do("AuthorizeSecurityGroupIngress", pair(work, "GroupId", other, "UserId", "123456789012", "VpcId", w.work)...)
	w.do("AuthorizeSecurityGroupIngress", pair(work, "GroupId", work, "GroupName", "whatever")...) // the id counts
	w.do("AuthorizeSecurityGroupIngress", pair(home, "GroupName", "default")...)
	if diff := cmp.Diff([]string{"in tcp 22..22 " + w.homeSG}, w.rules(home)); diff != "" {
		t.Errorf("by name (-want +got)\n%s", diff)
	}
	const networks = "You have specified two resources that belong to different networks."
	const nobody = "sg-00000000000000000"
	for _, test := range []struct {
		code, message string
		fields        []string
	}{
		{"InvalidGroup.NotFound", networks, []string{"GroupId", home}},
		{"InvalidGroup.NotFound", networks, []string{"GroupName", "c"}},
		{"InvalidGroup.NotFound", networks, []string{"GroupId", other, "VpcId", w.home}},
		{"InvalidGroup.NotFound", "The security group 'b' does not exist in default VPC '" + w.home + "'", []string{"GroupName", "b"}},
		{"InvalidGroup.NotFound", "The security group '" + nobody + "' does not exist", []string{"GroupId", nobody}},
		{"InvalidGroup.NotFound", "The security group '" + other + "' does not exist", []string{"GroupId", other, "UserId", "999999999999"}},
		{"InvalidGroupId.Malformed", "The security group ID 'b' is malformed", []string{"GroupId", "b"}},
		{"MissingParameter", "Source group ID missing.", []string{"UserId", "123456789012"}},
	} {
		w.refused(test.code, test.message, "AuthorizeSecurityGroupIngress", pair(work, test.fields...)...)
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	w := newGroupWorld(t)
	id := w.bare("a", w.work)
	const none = "sg-00000000000000000"
	ok := permission(id, "tcp", "22", "22", "10.0.0.0/8")
	for _, action := range []string{"AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"} {
		w.refused("InvalidGroup.NotFound", "The security group '"+none+"' does not exist", action, permission(none, "tcp", "22", "22", "10.0.0.0/8")...)
		w.refused("InvalidGroupId.Malformed", "The security group ID 'foobar' is malformed", action, permission("foobar", "tcp", "22", "22", "10.0.0.0/8")...)
		w.refused("MissingParameter", "The request must contain the parameter ipPermissions", action, "GroupId", id)
		w.refused("MissingParameter", "Missing source specification: include source security group or CIDR information", action, permission(id, "tcp", "22", "22")...)
		w.refused("InvalidPrefixListID.NotFound", "The prefix list ID 'pl-00000000' does not exist", action, permission(id, "tcp", "22", "22", "pl-00000000")...)
		w.refused("InvalidParameterValue", "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
			action, append(ok, "IpPermissions.1.IpRanges.1.Description", "it's")...)
		w.refused("InvalidParameterValue", "'security-group' is not a valid taggable resource type for this operation.",
			action, append(ok, "TagSpecification.1.ResourceType", "security-group")...)
		w.refused("DryRunOperation", "", action, append(ok, "DryRun", "true")...)
	}
	w.refused("MissingParameter", "The request must contain the parameter groupName or groupId", "AuthorizeSecurityGroupIngress", ok[2:]...)
	w.refused("MissingParameter", "The request must contain the parameter GroupId", "AuthorizeSecurityGroupEgress", ok[2:]...)
	w.refused("UnknownParameter", "The parameter CidrIp is not recognized", "AuthorizeSecurityGroupEgress", append(ok, "CidrIp", "10.0.0.0/8")...)
	if rules := w.rules(id); rules != nil {
		t.Errorf("it has %q", rules)
	}
}

// TestRuleTags: tags go to each rule that a call makes.
func TestRuleTags(t *testing.T) {
	w := newGroupWorld(t)
	id := w.bare("a", w.work)
	answer := w.do("AuthorizeSecurityGroupIngress", append(permission(id, "tcp", "22", "22", "10.0.0.0/8", "11.0.0.0/8"),
		"TagSpecification.1.ResourceType", "security-group-rule", "TagSpecification.1.Tag.1.Key", "team", "TagSpecification.1.Tag.1.Value", "net")...)
	for _, r := range answer.all("securityGroupRuleSet.item") {
		if r.get("tagSet.item.key") != "team" || r.get("tagSet.item.value") != "net" {
			t.Errorf("%s is tagged %q", saidOf(r), r.texts("tagSet.item.key"))
		}
	}
	w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "23", "23", "10.0.0.0/8")...)
	if got := len(w.do("DescribeSecurityGroupRules", "Filter.1.Name", "tag:team", "Filter.1.Value.1", "n*").all("securityGroupRuleSet.item")); got != 2 {
		t.Errorf("%d rules have the tag, want 2", got)
	}
	w.do("RevokeSecurityGroupIngress", permission(id, "tcp", "22", "22", "10.0.0.0/8")...)
	if got := len(w.store.View().TagSets()); got != 1 {
		t.Errorf("%d resources are tagged, want the rule that is left", got)
	}
}

// TestRuleQuota: 60 rules for each direction and family; a group counts in both
// families, a prefix list as many as it may have entries.
func TestRuleQuota(t *testing.T) {
	const full = "The maximum number of rules per security group has been reached."
	w := newGroupWorld(t)
	id := w.bare("a", w.work)
	var blocks []string
	for i := range 60 {
		blocks = append(blocks, "10."+strconv.Itoa(i)+".0.0/16")
	}
	w.refused("RulesPerSecurityGroupLimitExceeded", full, "AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", append(blocks, "11.0.0.0/8")...)...)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", blocks...)...)
	for _, peer := range []string{"11.0.0.0/8", id, w.office} {
		w.refused("RulesPerSecurityGroupLimitExceeded", full, "AuthorizeSecurityGroupIngress", permission(id, "tcp", "23", "23", peer)...)
	}
	w.do("AuthorizeSecurityGroupEgress", permission(id, "tcp", "22", "22", blocks...)...)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", "2001:db8::/32", w.office6)...) // 21 of IPv6

	b := w.bare("b", w.work)
	w.do("AuthorizeSecurityGroupIngress", permission(b, "tcp", "1", "1", w.office)...)
	w.do("AuthorizeSecurityGroupIngress", permission(b, "tcp", "2", "2", w.office)...)
	w.do("AuthorizeSecurityGroupIngress", permission(b, "tcp", "3", "3", blocks[:20]...)...)
	w.refused("RulesPerSecurityGroupLimitExceeded", full, "AuthorizeSecurityGroupIngress", permission(b, "tcp", "4", "4", "11.0.0.0/8")...)

	c := w.bare("c", w.work)
	for i := range blocks {
		blocks[i] = "2001:db8:" + strconv.Itoa(i) + "::/48"
	}
	w.do("AuthorizeSecurityGroupEgress", permission(c, "tcp", "22", "22", blocks...)...)
	w.refused("RulesPerSecurityGroupLimitExceeded", full, "AuthorizeSecurityGroupEgress", permission(c, "tcp", "23", "23", c)...)
}

// TestOneIngressRule: the old way, without IpPermissions.
func TestOneIngressRule(t *testing.T) {
	w := newGroupWorld(t)
	id, work := w.bare("a", w.home), w.bare("a", w.work)
	ssh := []string{"IpProtocol", "tcp", "FromPort", "22", "ToPort", "22", "CidrIp", "203.0.113.0/24"}
	w.do("AuthorizeSecurityGroupIngress", append([]string{"GroupName", "a"}, ssh...)...)
	w.do("AuthorizeSecurityGroupIngress", append([]string{"GroupId", work}, ssh...)...)
	w.do("AuthorizeSecurityGroupIngress", "GroupId", id, "SourceSecurityGroupName", "default", "SourceSecurityGroupOwnerId", "123456789012")
	want := []string{"in tcp 22..22 203.0.113.0/24", "in tcp 0..65535 " + w.homeSG, "in udp 0..65535 " + w.homeSG, "in icmp -1..-1 " + w.homeSG}
	if diff := cmp.Diff(want, w.rules(id)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	w.do("RevokeSecurityGroupIngress", "GroupName", "a", "SourceSecurityGroupName", "default")
	w.do("RevokeSecurityGroupIngress", append([]string{"GroupId", id}, ssh...)...)
	if rules := w.rules(id); rules != nil {
		t.Errorf("left: %q", rules)
	}
	for _, action := range []string{"AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"} {
		w.refused("InvalidParameterCombination", "The parameter 'ipPermissions' may not be used in combination with 'ipProtocol'",
			action, append(permission(id, "tcp", "22", "22", "10.0.0.0/8"), "IpProtocol", "tcp")...)
		w.refused("InvalidParameterCombination", "The parameter 'sourceSecurityGroupName' may not be used in combination with 'cidrIp'",
			action, "GroupId", id, "SourceSecurityGroupName", "default", "CidrIp", "10.0.0.0/8")
		w.refused("MissingParameter", "Source group ID missing.", action, "GroupId", id, "SourceSecurityGroupOwnerId", "123456789012")
		w.refused("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.",
			action, "GroupId", work, "SourceSecurityGroupName", "a")
	}
}

func TestRuleDescriptions(t *testing.T) {
	w := newGroupWorld(t)
	id := w.bare("a", w.work)
	long := strings.Repeat("x", 255)
	w.do("AuthorizeSecurityGroupIngress", append(permission(id, "tcp", "22", "22", "10.0.0.0/8", id, w.office, "::/0"),
		"IpPermissions.1.IpRanges.1.Description", long, "IpPermissions.1.Groups.2.Description", "a & b",
		"IpPermissions.1.PrefixListIds.3.Description", "office", "IpPermissions.1.Ipv6Ranges.4.Description", "six")...)
	g := w.do("DescribeSecurityGroups", "GroupId.1", id)
	for path, want := range map[string]string{"ipRanges": long, "groups": "a & b", "prefixListIds": "office", "ipv6Ranges": "six"} {
		if got := g.get("securityGroupInfo.item.ipPermissions.item." + path + ".item.description"); got != want {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
}
