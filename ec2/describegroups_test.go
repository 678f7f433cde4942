package ec2

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPermissionsAreGrouped: rules with one protocol and port range are one
// permission, whoever their peers are and in whatever call they came.
func TestPermissionsAreGrouped(t *testing.T) {
	w := newGroupWorld(t)
	id := w.bare("a", w.work)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", "10.0.0.0/8")...)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "23", "23", "10.0.0.0/8")...)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", id, w.office, "2001:db8::/32", "11.0.0.0/8")...)
	w.do("AuthorizeSecurityGroupEgress", permission(id, "-1", "", "", "0.0.0.0/0", "::/0")...)
	g := w.do("DescribeSecurityGroups", "GroupId.1", id).all("securityGroupInfo.item")[0]
	in := g.all("ipPermissions.item")
	if len(in) != 2 {
		t.Fatalf("%d permissions, want 2", len(in))
	}
	for path, want := range map[string][]string{
		"ipRanges.item.cidrIp": {"10.0.0.0/8", "11.0.0.0/8"}, "ipv6Ranges.item.cidrIpv6": {"2001:db8::/32"},
		"groups.item.groupId": {id}, "groups.item.userId": {"123456789012"}, "prefixListIds.item.prefixListId": {w.office},
		"groups.item.groupName": nil, "groups.item.vpcId": nil, "ipRanges.item.description": nil,
	} {
		if diff := cmp.Diff(want, in[0].texts(path)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", path, diff)
		}
	}
	out := g.all("ipPermissionsEgress.item")
	if len(out) != 1 || out[0].get("ipRanges.item.cidrIp") != "0.0.0.0/0" || out[0].get("ipv6Ranges.item.cidrIpv6") != "::/0" {
		t.Errorf("egress: %+v", out)
	}
	for _, p := range append(in, out...) {
		for _, list := range []string{"groups", "ipRanges", "ipv6Ranges", "prefixListIds"} {
			if len(p.all(list)) != 1 {
				t.Errorf("the list %s is not there", list)
			}
		}
	}
}

func TestDescribeSecurityGroupsByIDAndName(t *testing.T) {
	w := newGroupWorld(t)
	a, b := w.group("a", w.home), w.group("b", w.work)
	ids := func(params ...string) []string {
		return w.do("DescribeSecurityGroups", params...).texts("securityGroupInfo.item.groupId")
	}
	if got := ids("GroupId.1", b, "GroupId.2", b); !slices.Equal(got, []string{b}) {
		t.Errorf("by id: %q", got)
	}
	if got := ids("GroupName.1", "a"); !slices.Equal(got, []string{a}) {
		t.Errorf("by name: %q", got)
	}
	if got := ids("GroupName.1", "a", "GroupId.1", b); len(got) != 2 {
		t.Errorf("by name and id: %q", got)
	}
	if got := ids("GroupId.1", b, "Filter.1.Name", "vpc-id", "Filter.1.Value.1", w.home); got != nil {
		t.Errorf("by id, in another VPC: %q", got)
	}
	if got := ids(); len(got) != 5 {
		t.Errorf("all: %q", got)
	}
	w.refused("InvalidGroup.NotFound", "The security group 'sg-00000000' does not exist", "DescribeSecurityGroups", "GroupId.1", a, "GroupId.2", "sg-00000000")
	w.refused("InvalidGroup.NotFound", "The security group 'b' does not exist in default VPC '"+w.home+"'", "DescribeSecurityGroups", "GroupName.1", "b")
	w.refused("InvalidGroupId.Malformed", `Invalid id: "web" (expecting "sg-...")`, "DescribeSecurityGroups", "GroupId.1", "web")
}

func TestSecurityGroupFilters(t *testing.T) {
	w := newGroupWorld(t)
	web := w.do("CreateSecurityGroup", "GroupName", "web", "GroupDescription", "Web tier", "VpcId", w.work,
		"TagSpecification.1.ResourceType", "security-group", "TagSpecification.1.Tag.1.Key", "Tier", "TagSpecification.1.Tag.1.Value", "front").get("groupId")
	db := w.bare("db", w.work)
	w.do("AuthorizeSecurityGroupIngress", permission(web, "tcp", "80", "443", "198.51.100.0/24", "2001:db8:1::/48", w.office)...)
	w.do("AuthorizeSecurityGroupIngress", permission(web, "icmp", "8", "-1", "192.0.2.0/24")...)
	w.do("AuthorizeSecurityGroupIngress", permission(db, "17", "53", "53", web)...)
	w.do("AuthorizeSecurityGroupEgress", permission(db, "47", "", "", "192.0.2.0/24", "2001:db8:2::/48", db, w.office6)...)
	w.do("AuthorizeSecurityGroupEgress", permission(db, "tcp", "1", "2", "192.0.2.0/24")...)
	tests := []struct {
		filters []string // names and values in turn
		want    []string
	}{
		{[]string{"group-name", "web"}, []string{web}},
		{[]string{"group-name", "WEB"}, nil},
		{[]string{"group-name", "w*b"}, []string{web}},
		{[]string{"group-id", web}, []string{web}},
		{[]string{"group-id", "sg-00000000"}, nil}, // no error, unlike GroupId.1
		{[]string{"description", "Web ?ier"}, []string{web}},
		{[]string{"vpc-id", w.work, "owner-id", "123456789012", "group-name", "*b"}, []string{web, db}},
		{[]string{"owner-id", "1"}, nil},
		{[]string{"tag:Tier", "front"}, []string{web}},
		{[]string{"tag:Tier", "back"}, nil},
		{[]string{"tag-key", "Tier"}, []string{web}},
		{[]string{"ip-permission.cidr", "198.51.100.0/24"}, []string{web}},
		{[]string{"ip-permission.cidr", "2001:db8:1::/48"}, nil},
		{[]string{"ip-permission.ipv6-cidr", "2001:db8:1::/48"}, []string{web}},
		{[]string{"ip-permission.from-port", "80"}, []string{web}},
		{[]string{"ip-permission.from-port", "8"}, []string{web}},
		{[]string{"ip-permission.to-port", "443"}, []string{web}},
		{[]string{"ip-permission.to-port", "80"}, nil},
		{[]string{"ip-permission.protocol", "udp"}, []string{db}},
		{[]string{"ip-permission.protocol", "icmp"}, []string{web}},
		{[]string{"ip-permission.group-id", web}, []string{db}},
		{[]string{"ip-permission.group-name", "web"}, []string{db}},
		{[]string{"ip-permission.user-id", "123456789012", "group-name", "db"}, []string{db}},
		{[]string{"ip-permission.user-id", "123456789012", "group-name", "web"}, nil},
		{[]string{"ip-permission.prefix-list-id", w.office}, []string{web}},
		// Each filter may be met by another rule.
		{[]string{"ip-permission.protocol", "icmp", "ip-permission.from-port", "80"}, []string{web}},
		{[]string{"egress.ip-permission.cidr", "192.0.2.0/24"}, []string{db}},
		{[]string{"egress.ip-permission.ipv6-cidr", "2001:db8:2::/48"}, []string{db}},
		{[]string{"egress.ip-permission.protocol", "47"}, []string{db}},
		{[]string{"egress.ip-permission.protocol", "-1", "group-name", "web"}, []string{web}},
		{[]string{"egress.ip-permission.from-port", "1"}, []string{db}},
		{[]string{"egress.ip-permission.from-port", "-1"}, nil}, // such rules have no ports
		{[]string{"egress.ip-permission.to-port", "2"}, []string{db}},
		{[]string{"egress.ip-permission.group-id", db}, []string{db}},
		{[]string{"egress.ip-permission.group-name", "db"}, []string{db}},
		{[]string{"egress.ip-permission.user-id", "123456789012"}, []string{db}},
		{[]string{"egress.ip-permission.prefix-list-id", w.office6}, []string{db}},
		{[]string{"egress.ip-permission.prefix-list-id", w.office}, nil},
	}
	for _, test := range tests {
		var params []string
		for i := 0; i < len(test.filters); i += 2 {
			n := "Filter." + strconv.Itoa(i/2+1)
			params = append(params, n+".Name", test.filters[i], n+".Value.1", test.filters[i+1])
		}
		got := w.do("DescribeSecurityGroups", params...).texts("securityGroupInfo.item.groupId")
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", test.filters, diff)
		}
	}
	w.refused("InvalidParameterValue", "The filter 'ip-permission.port' is invalid", "DescribeSecurityGroups", "Filter.1.Name", "ip-permission.port", "Filter.1.Value.1", "1")
}

func TestDescribeSecurityGroupRules(t *testing.T) {
	w := newGroupWorld(t)
	id := w.bare("a", w.work)
	w.do("AuthorizeSecurityGroupIngress", permission(id, "tcp", "22", "22", "10.0.0.0/8", id)...)
	ids := w.ruleIDs(id)
	get := func(params ...string) []string {
		return w.do("DescribeSecurityGroupRules", params...).texts("securityGroupRuleSet.item.securityGroupRuleId")
	}
	if got := get("SecurityGroupRuleId.1", ids[1]); !slices.Equal(got, ids[1:]) {
		t.Errorf("by id: %q", got)
	}
	if got := get("Filter.1.Name", "security-group-rule-id", "Filter.1.Value.1", ids[0]); !slices.Equal(got, ids[:1]) {
		t.Errorf("by filter: %q", got)
	}
	if got := get("Filter.1.Name", "group-id", "Filter.1.Value.1", "sg-00000000"); got != nil {
		t.Errorf("of no group: %q", got)
	}
	if all := get(); len(all) < 8 || !slices.Contains(all, ids[0]) {
		t.Errorf("all: %q", all)
	}
	rule := w.do("DescribeSecurityGroupRules", "SecurityGroupRuleId.1", ids[0]).all("securityGroupRuleSet.item")[0]
	if len(rule.all("tagSet")) != 1 || len(rule.all("description")) != 0 {
		t.Error("want a tagSet, be it empty, and no description")
	}
	w.refused("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID 'sgr-00000000' does not exist", "DescribeSecurityGroupRules", "SecurityGroupRuleId.1", "sgr-00000000")
	w.refused("InvalidSecurityGroupRuleId.Malformed", "The security group rule ID 'x' is malformed", "DescribeSecurityGroupRules", "SecurityGroupRuleId.1", "x")
	w.refused("InvalidGroupId.Malformed", "The security group ID 'foobar' is malformed", "DescribeSecurityGroupRules", "Filter.1.Name", "group-id", "Filter.1.Value.1", "foobar")
	w.refused("InvalidParameterValue", "The filter 'vpc-id' is invalid", "DescribeSecurityGroupRules", "Filter.1.Name", "vpc-id", "Filter.1.Value.1", "x")
}

// TestGroupPages goes through all groups, and all rules, in pages.
func TestGroupPages(t *testing.T) {
	w := newGroupWorld(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		w.group(name, w.work)
	}
	for _, list := range []struct{ action, path string }{
		{"DescribeSecurityGroups", "securityGroupInfo.item.groupId"},
		{"DescribeSecurityGroupRules", "securityGroupRuleSet.item.securityGroupRuleId"},
		{"GetSecurityGroupsForVpc", "securityGroupForVpcSet.item.groupId"},
	} {
		var more []string
		if list.action == "GetSecurityGroupsForVpc" {
			more = []string{"VpcId", w.work}
		}
		want := w.do(list.action, more...).texts(list.path)
		var got []string
		params := append(more, "MaxResults", "5")
		for pages := 1; ; pages++ {
			answer := w.do(list.action, params...)
			page := answer.texts(list.path)
			got = append(got, page...)
			token := answer.get("nextToken")
			if token == "" {
				if pages < 2 {
					t.Errorf("%s has one page", list.action)
				}
				break
			}
			if len(page) != 5 {
				t.Errorf("%s: a page of %d", list.action, len(page))
			}
			params = append(more, "MaxResults", "5", "NextToken", token)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", list.action, diff)
		}
		w.refused("InvalidParameterValue", "Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5.", list.action, append(more, "MaxResults", "4")...)
		w.refused("InvalidNextToken", "", list.action, append(more, "NextToken", "x")...)
	}
}

func TestGetSecurityGroupsForVpc(t *testing.T) {
	w := newGroupWorld(t)
	id := w.group("a", w.work)
	names := func(params ...string) []string {
		return w.do("GetSecurityGroupsForVpc", append(params, "VpcId", w.work)...).texts("securityGroupForVpcSet.item.groupName")
	}
	for _, test := range []struct {
		filter []string
		want   []string
	}{
		{nil, []string{"declared", "default", "a"}},
		{[]string{"group-name", "a"}, []string{"a"}},
		{[]string{"group-id", id}, []string{"a"}},
		{[]string{"description", "default VPC*"}, []string{"default"}},
		{[]string{"owner-id", "1"}, nil},
		{[]string{"primary-vpc-id", w.home}, nil},
	} {
		var params []string
		if test.filter != nil {
			params = []string{"Filter.1.Name", test.filter[0], "Filter.1.Value.1", test.filter[1]}
		}
		if diff := cmp.Diff(test.want, names(params...)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", test.filter, diff)
		}
	}
	g := w.do("GetSecurityGroupsForVpc", "VpcId", w.work, "Filter.1.Name", "group-id", "Filter.1.Value.1", id).all("securityGroupForVpcSet.item")[0]
	if g.get("primaryVpcId") != w.work || g.get("ownerId") != "123456789012" || g.get("description") != "for a test" {
		t.Errorf("%+v", g)
	}
	w.refused("InvalidVpcID.NotFound", "The vpc ID 'vpc-00000000' does not exist", "GetSecurityGroupsForVpc", "VpcId", "vpc-00000000")
}

// TestNothingIsPeered: no other VPC refers to groups here, and nothing is stale.
func TestNothingIsPeered(t *testing.T) {
	w := newGroupWorld(t)
	if answer := w.do("DescribeSecurityGroupReferences", "GroupId.1", w.declared); len(answer.all("securityGroupReferenceSet")) != 1 ||
		len(answer.all("securityGroupReferenceSet.item")) != 0 {
		t.Error("want an empty list of references")
	}
	if answer := w.do("DescribeStaleSecurityGroups", "VpcId", w.work, "MaxResults", "255"); len(answer.all("staleSecurityGroupSet")) != 1 ||
		len(answer.all("staleSecurityGroupSet.item")) != 0 {
		t.Error("want an empty list of stale groups")
	}
	w.refused("InvalidGroup.NotFound", "The security group 'sg-00000000' does not exist", "DescribeSecurityGroupReferences", "GroupId.1", "sg-00000000")
	w.refused("MissingParameter", "The request must contain the parameter GroupId", "DescribeSecurityGroupReferences")
	w.refused("InvalidVpcID.NotFound", "", "DescribeStaleSecurityGroups", "VpcId", "vpc-00000000")
	w.refused("InvalidParameterValue", "Value ( 256 ) for parameter maxResults is invalid. Expecting a value less than or equal to 255.",
		"DescribeStaleSecurityGroups", "VpcId", w.work, "MaxResults", "256")
}
