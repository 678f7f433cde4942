package ec2

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

func TestCreateSecurityGroup(t *testing.T) {
	w := newGroupWorld(t)
	answer := w.do("CreateSecurityGroup", "GroupName", "web tier  ", "GroupDescription", "Web", "VpcId", w.work,
		"TagSpecification.1.ResourceType", "security-group", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "front")
	id := answer.get("groupId")
	if !vpc.IsID("sg", id) || len(id) != len("sg-")+17 {
		t.Errorf("the id is %q", id)
	}
	if got, want := answer.get("securityGroupArn"), "arn:aws:ec2:us-east-1:123456789012:security-group/"+id; got != want {
		t.Errorf("the ARN is %q, want %q", got, want)
	}
	if got := answer.get("tagSet.item.value"); got != "front" {
		t.Errorf("the tag is %q", got)
	}
	g := w.do("DescribeSecurityGroups", "GroupId.1", id).all("securityGroupInfo.item")[0]
	for name, want := range map[string]string{
		"groupName": "web tier", "groupDescription": "Web", "vpcId": w.work, "ownerId": "123456789012", "tagSet.item.key": "Name",
		"securityGroupArn": "arn:aws:ec2:us-east-1:123456789012:security-group/" + id,
	} {
		if got := g.get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestNewGroupsEgress: everything is let out, over IPv6 only where the VPC has it.
func TestNewGroupsEgress(t *testing.T) {
	w := newGroupWorld(t)
	if diff := cmp.Diff([]string{"out -1 -1..-1 0.0.0.0/0"}, w.rules(w.group("a", w.work))); diff != "" {
		t.Errorf("without IPv6 (-want +got)\n%s", diff)
	}
	id := w.group("a", w.home)
	if diff := cmp.Diff([]string{"out -1 -1..-1 0.0.0.0/0", "out -1 -1..-1 ::/0"}, w.rules(id)); diff != "" {
		t.Errorf("with IPv6 (-want +got)\n%s", diff)
	}
	for _, rule := range w.ruleIDs(id) {
		if !vpc.IsID("sgr", rule) {
			t.Errorf("a rule's id is %q", rule)
		}
	}
	if a, b := w.ruleIDs(id), w.ruleIDs(w.group("b", w.home)); a[0] == b[0] {
		t.Errorf("two rules have the id %s", a[0])
	}
}

func TestCreateSecurityGroupInDefaultVPC(t *testing.T) {
	w := newGroupWorld(t)
	id := w.do("CreateSecurityGroup", "GroupName", "a", "GroupDescription", "b").get("groupId")
	if got := w.held(id).VPCID; got != w.home {
		t.Errorf("it is in %s, want %s", got, w.home)
	}
	none := newWorld(t, "vpc: {cidr: 10.0.0.0/16}\n")
	none.refused("VPCIdNotSpecified", "No default VPC for this user", "CreateSecurityGroup", "GroupName", "a", "GroupDescription", "b")
	none.refused("InvalidGroup.NotFound", "The security group 'a' does not exist in default VPC 'none'", "DeleteSecurityGroup", "GroupName", "a")
}

func TestCreateSecurityGroupRefuses(t *testing.T) {
	const characters = "less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
	w := newGroupWorld(t)
	w.group("Taken", w.work)
	tests := []struct{ name, description, code, message string }{
		{"taken", "x", "InvalidGroup.Duplicate", "The security group 'taken' already exists for VPC '" + w.work + "'"},
		{"TAKEN ", "x", "InvalidGroup.Duplicate", "The security group 'TAKEN' already exists for VPC '" + w.work + "'"},
		{"sg-web", "x", "InvalidParameterValue", "Value (sg-web) for parameter GroupName is invalid. Group names may not be in the format sg-*."},
		{"default", "x", "InvalidParameterValue", "Cannot use reserved security group name: default"},
		{"grün", "x", "InvalidParameterValue", "Value (grün) for parameter GroupName is invalid. Character sets beyond ASCII are not supported."},
		{"it's", "x", "InvalidParameterValue", "Invalid security group name. Valid names are strings " + characters},
		{strings.Repeat("a", 256), "x", "InvalidParameterValue", "Invalid security group name. Valid names are strings " + characters},
		{"", "x", "MissingParameter", "The request must contain the parameter GroupName"},
		{"  ", "x", "MissingParameter", "The request must contain the parameter GroupName"},
		{"a", "", "MissingParameter", "The request must contain the parameter GroupDescription"},
		{"a", "é", "InvalidParameterValue", "Value (é) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported."},
		{"a", "<b>", "InvalidParameterValue", "Invalid security group description. Valid descriptions are strings " + characters},
		{"a", "tab\t", "InvalidParameterValue", "Invalid security group description. Valid descriptions are strings " + characters},
		{"a", strings.Repeat("x", 256), "InvalidParameterValue", "Invalid security group description. Valid descriptions are strings " + characters},
	}
	for _, test := range tests {
		w.refused(test.code, test.message, "CreateSecurityGroup", "GroupName", test.name, "GroupDescription", test.description, "VpcId", w.work)
	}
	w.refused("InvalidVpcID.NotFound", "The vpc ID 'vpc-00000000' does not exist", "CreateSecurityGroup", "GroupName", "a", "GroupDescription", "b", "VpcId", "vpc-00000000")
	w.refused("MissingParameter", "The request must contain the parameter GroupDescription", "CreateSecurityGroup", "GroupName", "a")
	w.refused("InvalidParameterValue", "'vpc' is not a valid taggable resource type for this operation.", "CreateSecurityGroup", "GroupName", "a", "GroupDescription", "b",
		"VpcId", w.work, "TagSpecification.1.ResourceType", "vpc")
	w.refused("DryRunOperation", "", "CreateSecurityGroup", "GroupName", "a", "GroupDescription", "b", "VpcId", w.work, "DryRun", "true")
	w.group(" .-:/()#,@[]+=&;{}!$*_", w.work)
	w.group(strings.Repeat("a", 255), w.work)
	w.group("taken", w.home) // another VPC
}

func TestGroupQuota(t *testing.T) {
	w := newGroupWorld(t)
	for i := len(w.store.View().SecurityGroups()); i < 12; i++ {
		w.group("g"+strings.Repeat("x", i), w.work)
	}
	w.refused("SecurityGroupLimitExceeded", "The maximum number of security groups for VPC '"+w.work+"' has been reached.",
		"CreateSecurityGroup", "GroupName", "one more", "GroupDescription", "b", "VpcId", w.work)
}

func TestDeleteSecurityGroup(t *testing.T) {
	w := newGroupWorld(t)
	id := w.group("a", w.work)
	w.do("AuthorizeSecurityGroupIngress", append(permission(id, "-1", "", "", id), // about itself: no obstacle
		"TagSpecification.1.ResourceType", "security-group-rule", "TagSpecification.1.Tag.1.Key", "k", "TagSpecification.1.Tag.1.Value", "v")...)
	answer := w.do("DeleteSecurityGroup", "GroupId", id)
	if answer.get("return") != "true" || answer.get("groupId") != id {
		t.Errorf("the answer has %q and %q", answer.get("return"), answer.get("groupId"))
	}
	if left := w.store.View().TagSets(); len(left) > 0 {
		t.Errorf("tags are left: %v", left)
	}
	w.refused("InvalidGroup.NotFound", "The security group '"+id+"' does not exist", "DeleteSecurityGroup", "GroupId", id)
	w.refused("InvalidGroup.NotFound", "The security group '"+id+"' does not exist", "DescribeSecurityGroups", "GroupId.1", id)

	byName := w.group("b", w.home)
	if got := w.do("DeleteSecurityGroup", "GroupName", "b").get("groupId"); got != byName {
		t.Errorf("%q was deleted, want %q", got, byName)
	}
}

func TestDeleteSecurityGroupRefuses(t *testing.T) {
	w := newGroupWorld(t)
	a, b := w.group("a", w.work), w.group("b", w.work)
	w.refused("CannotDelete", `the specified group: "`+w.workSG+`" name: "default" cannot be deleted by a user`, "DeleteSecurityGroup", "GroupId", w.workSG)
	w.refused("InvalidGroup.NotFound", "The security group 'a' does not exist in default VPC '"+w.home+"'", "DeleteSecurityGroup", "GroupName", "a")
	w.refused("InvalidGroup.NotFound", "The security group '"+a+"' does not exist in default VPC '"+w.home+"'", "DeleteSecurityGroup", "GroupName", a)
	w.refused("InvalidGroupId.Malformed", "The security group ID 'a' is malformed", "DeleteSecurityGroup", "GroupId", "a")
	w.refused("MissingParameter", "The request must contain the parameter groupName or groupId", "DeleteSecurityGroup")
	w.refused("InvalidParameterCombination", "The parameter groupName cannot be used with the parameter groupId", "DeleteSecurityGroup", "GroupId", a, "GroupName", "a")
	if status, answer := w.try("DeleteSecurityGroup", "GroupId", w.declared); status != 400 || answer.get("Errors.Error.Code") != "OperationNotPermitted" ||
		!strings.Contains(answer.get("Errors.Error.Message"), "lab.yaml:8:") {
		t.Errorf("the file's group: %q", answer.get("Errors.Error.Message"))
	}

	dependent := "resource " + a + " has a dependent object"
	w.do("AuthorizeSecurityGroupEgress", permission(b, "tcp", "80", "80", a)...)
	w.refused("DependencyViolation", dependent, "DeleteSecurityGroup", "GroupId", a)
	w.do("RevokeSecurityGroupEgress", permission(b, "tcp", "80", "80", a)...)
	w.do("AuthorizeSecurityGroupIngress", permission(b, "tcp", "80", "80", a)...)
	w.refused("DependencyViolation", dependent, "DeleteSecurityGroup", "GroupId", a)
	w.do("DeleteSecurityGroup", "GroupId", b)

	w.change(func(d *store.Draft) error { return d.AttachGroups(w.boxInterface(), []string{w.workSG, a}) })
	w.refused("DependencyViolation", dependent, "DeleteSecurityGroup", "GroupId", a)
	w.change(func(d *store.Draft) error { return d.AttachGroups(w.boxInterface(), []string{w.workSG}) })
	w.do("DeleteSecurityGroup", "GroupId", a)
}

// TestDefaultGroupsRules: they are the API's if the file has none.
func TestDefaultGroupsRules(t *testing.T) {
	w := newGroupWorld(t)
	want := []string{"in -1 -1..-1 " + w.workSG, "out -1 -1..-1 0.0.0.0/0"}
	if diff := cmp.Diff(want, w.rules(w.workSG)); diff != "" {
		t.Errorf("at first (-want +got)\n%s", diff)
	}
	w.do("RevokeSecurityGroupIngress", permission(w.workSG, "-1", "", "", w.workSG)...)
	w.do("AuthorizeSecurityGroupIngress", permission(w.workSG, "tcp", "22", "22", "10.0.0.0/8")...)
	want[0] = "in tcp 22..22 10.0.0.0/8"
	if diff := cmp.Diff(want, w.rules(w.workSG)); diff != "" {
		t.Errorf("then (-want +got)\n%s", diff)
	}
}

func TestDeclaredGroupIsReadOnly(t *testing.T) {
	w := newGroupWorld(t)
	before := w.rules(w.declared)
	rule := w.ruleIDs(w.declared)[0]
	ssh := permission(w.declared, "tcp", "22", "22", "203.0.113.0/24")
	for _, request := range [][]string{
		append([]string{"AuthorizeSecurityGroupIngress"}, permission(w.declared, "tcp", "23", "23", "10.0.0.0/8")...),
		append([]string{"AuthorizeSecurityGroupEgress"}, permission(w.declared, "tcp", "23", "23", "10.0.0.0/8")...),
		append([]string{"AuthorizeSecurityGroupIngress"}, ssh...), // whatever else is wrong with it
		append([]string{"RevokeSecurityGroupIngress"}, ssh...),
		{"RevokeSecurityGroupIngress", "GroupId", w.declared, "SecurityGroupRuleId.1", rule},
		append([]string{"RevokeSecurityGroupEgress"}, permission(w.declared, "-1", "", "", "0.0.0.0/0")...),
		append([]string{"UpdateSecurityGroupRuleDescriptionsIngress"}, ssh...),
		{"ModifySecurityGroupRules", "GroupId", w.declared, "SecurityGroupRule.1.SecurityGroupRuleId", rule,
			"SecurityGroupRule.1.SecurityGroupRule.IpProtocol", "-1", "SecurityGroupRule.1.SecurityGroupRule.CidrIpv4", "0.0.0.0/0"},
		{"DeleteSecurityGroup", "GroupId", w.declared},
	} {
		w.refused("OperationNotPermitted", "", request[0], request[1:]...)
	}
	if after := w.rules(w.declared); !slices.Equal(before, after) {
		t.Errorf("the rules were %q, and are %q", before, after)
	}
}
