package ec2

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRevokeByProperties(t *testing.T) {
	w := newGroupWorld(t)
	id := w.bare("a", w.work)
	w.do("AuthorizeSecurityGroupIngress", append(permission(id, "tcp", "22", "22", "10.0.0.0/8", "11.0.0.0/8", id), "IpPermissions.1.IpRanges.1.Description", "ten")...)
	ids := w.ruleIDs(id)
	answer := w.do("RevokeSecurityGroupIngress", append(permission(id, "TCP", "22", "22", "10.9.9.9/8", "11.0.0.0/8", id),
		"IpPermissions.1.IpRanges.1.Description", "it's another")...) // no matter
	var said []string
	for _, r := range answer.all("revokedSecurityGroupRuleSet.item") {
		said = append(said, saidOf(r))
		if r.get("groupId") != id {
			t.Errorf("its group is %q", r.get("groupId"))
		}
	}
	if diff := cmp.Diff([]string{"in tcp 22..22 " + id, "in tcp 22..22 10.0.0.0/8: ten", "in tcp 22..22 11.0.0.0/8"}, said); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := answer.texts("revokedSecurityGroupRuleSet.item.securityGroupRuleId"); !slices.Equal(got, ids) {
		t.Errorf("ids %q, want %q", got, ids)
	}
	if answer.get("return") != "true" || len(answer.all("unknownIpPermissionSet")) > 0 {
		t.Error("the answer tells of what was not there")
	}
	if rules := w.rules(id); rules != nil {
		t.Errorf("left: %q", rules)
	}
}

// TestRevokeDefaultEgress: Terraform says the rule without ports with ports 0.
func TestRevokeDefaultEgress(t *testing.T) {
	w := newGroupWorld(t)
	id := w.group("a", w.work)
	w.do("RevokeSecurityGroupEgress", permission(id, "-1", "0", "0", "0.0.0.0/0")...)
	if rules := w.rules(id); rules != nil {
		t.Errorf("left: %q", rules)
	}
	w.refused("InvalidPermission.NotFound", "The specified rule does not exist in this security group.",
		"RevokeSecurityGroupEgress", permission(id, "-1", "0", "0", "::/0")...)
}

// TestRevokeMissing: what is not there is a fault, but in the default VPC.
func TestRevokeMissing(t *testing.T) {
	w := newGroupWorld(t)
	work, home := w.bare("a", w.work), w.bare("a", w.home)
	for _, id := range []string{work, home} {
		w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", "10.0.0.0/8")...)
	}
	for _, near := range [][]string{
		permission(work, "tcp", "22", "22", "10.0.0.0/8", "11.0.0.0/8"), permission(work, "tcp", "22", "23", "10.0.0.0/8"),
		permission(work, "udp", "22", "22", "10.0.0.0/8"), permission(work, "tcp", "22", "22", "10.0.0.0/9"),
	} {
		w.refused("InvalidPermission.NotFound", "The specified rule does not exist in this security group.", "RevokeSecurityGroupIngress", near...)
	}
	w.refused("InvalidPermission.NotFound", "", "RevokeSecurityGroupEgress", permission(work, "tcp", "22", "22", "10.0.0.0/8")...)
	if got := w.rules(work); len(got) != 1 {
		t.Errorf("left: %q", got)
	}

	answer := w.do("RevokeSecurityGroupIngress", permission(home, "tcp", "22", "22", "11.0.0.0/8", "10.0.0.0/8", home, "::/0")...)
	if got := answer.texts("revokedSecurityGroupRuleSet.item.cidrIpv4"); !slices.Equal(got, []string{"10.0.0.0/8"}) {
		t.Errorf("revoked: %q", got)
	}
	unknown := answer.all("unknownIpPermissionSet.item")
	if len(unknown) != 1 || unknown[0].get("ipProtocol") != "tcp" || unknown[0].get("fromPort") != "22" ||
		unknown[0].get("ipRanges.item.cidrIp") != "11.0.0.0/8" || unknown[0].get("ipv6Ranges.item.cidrIpv6") != "::/0" ||
		unknown[0].get("groups.item.groupId") != home {
		t.Errorf("unknown: %+v", unknown)
	}
	applied := w.applied
	w.do("RevokeSecurityGroupIngress", permission(home, "tcp", "22", "22", "10.0.0.0/8")...)
	if w.applied != applied {
		t.Error("something was put in force, although nothing changed")
	}
}

func TestRevokeByID(t *testing.T) {
	w := newGroupWorld(t)
	id, other := w.bare("a", w.home), w.group("b", w.home)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", "10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8")...)
	w.do("AuthorizeSecurityGroupEgress", permission(id, "tcp", "22", "22", "10.0.0.0/8")...)
	ids := w.ruleIDs(id)
	egress, foreign := ids[3], w.ruleIDs(other)[0]
	unknown := func(id string) string { return "The security group rule ID '" + id + "' does not exist" }
	revoke := func(ids ...string) []string {
		return append([]string{"GroupId", id}, numbered("SecurityGroupRuleId", ids...)...)
	}
	for _, bad := range []string{egress, foreign, "sgr-00000000000000000"} {
		w.refused("InvalidSecurityGroupRuleId.NotFound", unknown(bad), "RevokeSecurityGroupIngress", revoke(ids[0], bad)...)
	}
	w.refused("InvalidSecurityGroupRuleId.NotFound", unknown(ids[0]), "RevokeSecurityGroupEgress", revoke(ids[0])...)
	w.refused("InvalidSecurityGroupRuleId.Malformed", "The security group rule ID 'x' is malformed", "RevokeSecurityGroupIngress", revoke("x")...)
	w.refused("InvalidParameterCombination", "The parameter 'ipPermissions' may not be used in combination with 'securityGroupRuleIds'",
		"RevokeSecurityGroupIngress", append(permission(id, "tcp", "22", "22", "10.0.0.0/8"), "SecurityGroupRuleId.1", ids[0])...)
	w.refused("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.", "RevokeSecurityGroupIngress", "GroupId", id)
	w.refused("MissingParameter", "The request must contain the parameter GroupId", "RevokeSecurityGroupEgress", "SecurityGroupRuleId.1", ids[0])

	answer := w.do("RevokeSecurityGroupIngress", revoke(ids[2], ids[0], ids[0])...) // twice is once
	if got := answer.texts("revokedSecurityGroupRuleSet.item.securityGroupRuleId"); !slices.Equal(got, []string{ids[0], ids[2]}) {
		t.Errorf("revoked %q of %q", got, ids)
	}
	w.do("RevokeSecurityGroupEgress", revoke(egress)...)
	if got := w.ruleIDs(id); !slices.Equal(got, ids[1:2]) {
		t.Errorf("left: %q, want %q", got, ids[1:2])
	}
}
