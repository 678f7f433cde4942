package ec2

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update returns the parameters of the change of one rule.
func update(ruleID string, fields ...string) []string {
	params := []string{"SecurityGroupRule.1.SecurityGroupRuleId", ruleID}
	for i := 0; i < len(fields); i += 2 {
		params = append(params, "SecurityGroupRule.1.SecurityGroupRule."+fields[i], fields[i+1])
	}
	return params
}

func TestModifySecurityGroupRules(t *testing.T) {
	w := newGroupWorld(t)
	id, other := w.bare("a", w.work), w.group("b", w.work)
	w.do("AuthorizeSecurityGroupIngress", append(permission(id, "tcp", "22", "22", id, "10.0.0.0/8", "2001:db8::/32", w.office),
		"IpPermissions.1.IpRanges.2.Description", "before",
		"TagSpecification.1.ResourceType", "security-group-rule", "TagSpecification.1.Tag.1.Key", "k", "TagSpecification.1.Tag.1.Value", "v")...)
	w.do("AuthorizeSecurityGroupEgress", permission(id, "-1", "", "", "0.0.0.0/0")...)
	ids := w.ruleIDs(id)
	var params []string
	for i, fields := range [][]string{
		{"IpProtocol", "6", "FromPort", "1", "ToPort", "2", "ReferencedGroupId", other, "Description", "group"},
		{"IpProtocol", "icmp", "FromPort", "8", "ToPort", "-1", "CidrIpv4", "11.1.1.1/8"},
		{"IpProtocol", "58", "CidrIpv6", "2001:db9::1/32"},
		{"IpProtocol", "-1", "FromPort", "0", "ToPort", "0", "PrefixListId", w.office6},
		{"IpProtocol", "udp", "FromPort", "53", "ToPort", "53", "CidrIpv4", "0.0.0.0/0"},
	} {
		n := numbered("SecurityGroupRule", ids[:i+1]...)[2*i]
		params = append(params, n+".SecurityGroupRuleId", ids[i])
		for j := 0; j < len(fields); j += 2 {
			params = append(params, n+".SecurityGroupRule."+fields[j], fields[j+1])
		}
	}
	if answer := w.do("ModifySecurityGroupRules", append(params, "GroupId", id)...); answer.get("return") != "true" {
		t.Error("return is not true")
	}
	want := []string{
		"in tcp 1..2 " + other + ": group", "in icmp 8..-1 11.0.0.0/8", "in icmpv6 -1..-1 2001:db9::/32", "in -1 -1..-1 " + w.office6, "out udp 53..53 0.0.0.0/0",
	}
	if diff := cmp.Diff(want, w.rules(id)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := w.ruleIDs(id); !slices.Equal(got, ids) {
		t.Errorf("the ids are %q, and were %q", got, ids)
	}
	if got := w.do("DescribeSecurityGroupRules", "SecurityGroupRuleId.1", ids[1]).get("securityGroupRuleSet.item.tagSet.item.key"); got != "k" {
		t.Errorf("the tag is %q", got)
	}
}

// TestModifySwaps: it is the result that must not have a rule twice.
func TestModifySwaps(t *testing.T) {
	w := newGroupWorld(t)
	id := w.bare("a", w.work)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", "10.0.0.0/8", "11.0.0.0/8")...)
	ids := w.ruleIDs(id)
	w.do("ModifySecurityGroupRules", "GroupId", id,
		"SecurityGroupRule.1.SecurityGroupRuleId", ids[0], "SecurityGroupRule.1.SecurityGroupRule.IpProtocol", "tcp", "SecurityGroupRule.1.SecurityGroupRule.FromPort", "22",
		"SecurityGroupRule.1.SecurityGroupRule.ToPort", "22", "SecurityGroupRule.1.SecurityGroupRule.CidrIpv4", "11.0.0.0/8",
		"SecurityGroupRule.2.SecurityGroupRuleId", ids[1], "SecurityGroupRule.2.SecurityGroupRule.IpProtocol", "tcp", "SecurityGroupRule.2.SecurityGroupRule.FromPort", "22",
		"SecurityGroupRule.2.SecurityGroupRule.ToPort", "22", "SecurityGroupRule.2.SecurityGroupRule.CidrIpv4", "10.0.0.0/8")
	if diff := cmp.Diff([]string{"in tcp 22..22 11.0.0.0/8", "in tcp 22..22 10.0.0.0/8"}, w.rules(id)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := w.ruleIDs(id); !slices.Equal(got, ids) {
		t.Errorf("the ids are %q, and were %q", got, ids)
	}
}

func TestModifySecurityGroupRulesRefuses(t *testing.T) {
	w := newGroupWorld(t)
	id, other := w.bare("a", w.work), w.group("b", w.work)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", id, "10.0.0.0/8", "11.0.0.0/8", "2001:db8::/32", w.office)...)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "-1", "", "", "12.0.0.0/8")...)
	ids := w.ruleIDs(id)
	group, v4, v6, list := ids[0], ids[1], ids[3], ids[4]
	before := w.rules(id)
	tcp := []string{"IpProtocol", "tcp", "FromPort", "22", "ToPort", "22"}
	with := func(more ...string) []string { return append(slices.Clone(tcp), more...) }
	kind := func(id, parameter, was string) string {
		return "Invalid rule type for security group rule '" + id + "'. You may not specify " + parameter + " for an existing " + was + " rule."
	}
	tests := []struct {
		code, message, id string
		fields            []string
	}{
		{"InvalidSecurityGroupRuleId.NotFound", "The security group rule ID 'sgr-00000000' does not exist", "sgr-00000000", with("CidrIpv4", "0.0.0.0/0")},
		{"InvalidSecurityGroupRuleId.NotFound", "", w.ruleIDs(other)[0], with("CidrIpv4", "0.0.0.0/0")},
		{"InvalidParameterValue", "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.", v4, nil},
		{"InvalidParameterValue", "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.", v4, []string{"CidrIpv4", "0.0.0.0/0"}},
		{"InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.", v4,
			[]string{"IpProtocol", "tcp", "FromPort", "22", "CidrIpv4", "0.0.0.0/0"}},
		{"MissingParameter", "The request must contain exactly one of: cidrIp, cidrIpv6, prefixListId, or referencedGroupId", v4, tcp},
		{"InvalidParameterCombination", "Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified", v4, with("CidrIpv4", "0.0.0.0/0", "CidrIpv6", "::/0")},
		{"InvalidParameterValue", kind(v4, "CidrIpv6", "IPv4 CIDR"), v4, with("CidrIpv6", "::/0")},
		{"InvalidParameterValue", kind(v6, "CidrIpv4", "IPv6 CIDR"), v6, with("CidrIpv4", "0.0.0.0/0")},
		{"InvalidParameterValue", kind(group, "PrefixListId", "referenced group"), group, with("PrefixListId", w.office)},
		{"InvalidParameterValue", kind(list, "ReferencedGroupId", "prefix list"), list, with("ReferencedGroupId", id)},
		{"InvalidParameterValue", "CIDR block ::/0 is malformed", v4, with("CidrIpv4", "::/0")},
		{"InvalidGroup.NotFound", "You have specified two resources that belong to different networks.", group, with("ReferencedGroupId", w.homeSG)},
		{"InvalidPrefixListID.NotFound", "", list, with("PrefixListId", "pl-00000000")},
		{"InvalidPermission.Duplicate", `the specified rule "peer: 11.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW" already exists`, v4, with("CidrIpv4", "11.9.9.9/8")},
		{"InvalidPermission.Duplicate", `the specified rule "peer: 12.0.0.0/8, ALL, ALLOW" already exists`, v4,
			[]string{"IpProtocol", "-1", "FromPort", "0", "ToPort", "0", "CidrIpv4", "12.0.0.0/8"}},
		{"InvalidParameterValue", "", v4, with("CidrIpv4", "0.0.0.0/0", "Description", "<b>")},
		{"MissingParameter", "The request must contain the parameter SecurityGroupRule.2.SecurityGroupRuleId", v4,
			[]string{"IpProtocol", "-1", "CidrIpv4", "1.0.0.0/8"}},
	}
	for i, test := range tests {
		params := append(update(test.id, test.fields...), "GroupId", id)
		if i == len(tests)-1 {
			params = append(params, "SecurityGroupRule.2.SecurityGroupRule.IpProtocol", "tcp")
		}
		w.refused(test.code, test.message, "ModifySecurityGroupRules", params...)
	}
	w.refused("InvalidParameterValue", "The same security group rule '"+v4+"' must not appear multiple times", "ModifySecurityGroupRules",
		append(update(v4, with("CidrIpv4", "0.0.0.0/0")...), "GroupId", id, "SecurityGroupRule.2.SecurityGroupRuleId", v4)...)
	w.refused("InvalidGroup.NotFound", "The security group 'sg-00000000' does not exist", "ModifySecurityGroupRules",
		append(update(v4, with("CidrIpv4", "0.0.0.0/0")...), "GroupId", "sg-00000000")...)
	w.refused("MissingParameter", "The request must contain the parameter SecurityGroupRule", "ModifySecurityGroupRules", "GroupId", id)
	if diff := cmp.Diff(before, w.rules(id)); diff != "" {
		t.Errorf("the rules changed (-before +after)\n%s", diff)
	}
}

func TestUpdateRuleDescriptions(t *testing.T) {
	w := newGroupWorld(t)
	id := w.bare("a", w.home)
	ssh := permission(id, "tcp", "22", "22", "10.0.0.0/8")
	w.do("AuthorizeSecurityGroupIngress", ssh...)
	w.do("AuthorizeSecurityGroupEgress", ssh...)
	ids := w.ruleIDs(id)
	if answer := w.do("UpdateSecurityGroupRuleDescriptionsIngress", append(ssh, "IpPermissions.1.IpRanges.1.Description", "in")...); answer.get("return") != "true" {
		t.Error("return is not true")
	}
	w.do("UpdateSecurityGroupRuleDescriptionsEgress", "GroupName", "a",
		"SecurityGroupRuleDescription.1.SecurityGroupRuleId", ids[1], "SecurityGroupRuleDescription.1.Description", "out")
	if diff := cmp.Diff([]string{"in tcp 22..22 10.0.0.0/8: in", "out tcp 22..22 10.0.0.0/8: out"}, w.rules(id)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	w.do("UpdateSecurityGroupRuleDescriptionsIngress", ssh...) // none: it is cleared
	w.do("UpdateSecurityGroupRuleDescriptionsEgress", "GroupId", id, "SecurityGroupRuleDescription.1.SecurityGroupRuleId", ids[1])
	if diff := cmp.Diff([]string{"in tcp 22..22 10.0.0.0/8", "out tcp 22..22 10.0.0.0/8"}, w.rules(id)); diff != "" {
		t.Errorf("cleared (-want +got)\n%s", diff)
	}
	if got := w.ruleIDs(id); !slices.Equal(got, ids) {
		t.Errorf("the ids are %q, and were %q", got, ids)
	}

	const action = "UpdateSecurityGroupRuleDescriptionsIngress"
	w.refused("InvalidPermission.NotFound", "The specified rule does not exist in this security group.", action, permission(id, "tcp", "22", "22", "11.0.0.0/8")...)
	w.refused("InvalidSecurityGroupRuleId.NotFound", "", action, "GroupId", id, "SecurityGroupRuleDescription.1.SecurityGroupRuleId", ids[1])
	w.refused("InvalidParameterCombination", "", action, append(ssh, "SecurityGroupRuleDescription.1.SecurityGroupRuleId", ids[0])...)
	w.refused("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleDescriptions' should be provided.", action, "GroupId", id)
	w.refused("InvalidParameterValue", "", action, append(ssh, "IpPermissions.1.IpRanges.1.Description", "it's")...)
	w.refused("MissingParameter", "The request must contain the parameter groupName or groupId", action, ssh[2:]...)
}
