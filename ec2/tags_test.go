package ec2

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/vpc"
)

// tagged is a file whose subnet has tags of its own, and whose VPC, ACL and
// instance have names.
const tagged = `
vpc: {name: lab, cidr: 10.0.0.0/16}
subnets:
  - {name: a, cidr: 10.0.1.0/24, tags: [{key: Team, value: red}, {key: Name, value: a}]}
security_groups:
  - {name: web, ingress: [{type: HTTP, source: 0.0.0.0/0}]}
network_acls: [{name: edge, subnets: [a]}]
instances: [{name: web, subnet: a, address: 10.0.1.10, security_groups: [web]}]
`

// tagsOn returns a resource's tags as KEY=VALUE.
func (w *world) tagsOn(id string) []string {
	w.t.Helper()
	var out []string
	for _, item := range w.do("DescribeTags", "Filter.1.Name", "resource-id", "Filter.1.Value.1", id).all("tagSet.item") {
		out = append(out, item.get("key")+"="+item.get("value"))
	}
	return out
}

func (w *world) hasTags(id string, want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(w.tagsOn(id), want); diff != "" {
		w.t.Errorf("tags of %s (-got +want):\n%s", id, diff)
	}
}

// newVPC makes a VPC over the API and returns its id.
func (w *world) newVPC(params ...string) string {
	w.t.Helper()
	return w.do("CreateVpc", append([]string{"CidrBlock", "10.9.0.0/16"}, params...)...).get("vpc.vpcId")
}

func TestTagsAreMadeReplacedAndDeleted(t *testing.T) {
	w := newWorld(t, tagged)
	id := w.newVPC()
	w.do("CreateTags", "ResourceId.1", id, "Tag.1.Key", "Stage", "Tag.1.Value", "test", "Tag.2.Key", "Empty", "Tag.2.Value", "")
	w.hasTags(id, "Empty=", "Stage=test")
	w.do("CreateTags", "ResourceId.1", id, "Tag.1.Key", "Stage", "Tag.1.Value", "prod")
	w.hasTags(id, "Empty=", "Stage=prod")

	w.do("DeleteTags", "ResourceId.1", id, "Tag.1.Key", "Stage", "Tag.1.Value", "test") // another value
	w.do("DeleteTags", "ResourceId.1", id, "Tag.1.Key", "Stage", "Tag.1.Value", "")
	w.do("DeleteTags", "ResourceId.1", id, "Tag.1.Key", "stage") // letter case counts
	w.hasTags(id, "Empty=", "Stage=prod")
	w.do("DeleteTags", "ResourceId.1", id, "Tag.1.Key", "Empty", "Tag.1.Value", "")
	w.hasTags(id, "Stage=prod")
	w.do("DeleteTags", "ResourceId.1", id, "Tag.1.Key", "Stage")
	w.hasTags(id)

	w.do("CreateTags", "ResourceId.1", id, "Tag.1.Key", "a", "Tag.1.Value", "", "Tag.2.Key", "b", "Tag.2.Value", "")
	w.do("DeleteTags", "ResourceId.1", id)
	w.hasTags(id)
	before := w.applied
	w.do("DeleteTags", "ResourceId.1", id)
	if w.applied != before {
		t.Error("what changes nothing was put in force")
	}
}

func TestEachKindOfResourceHasTags(t *testing.T) {
	w := newWorld(t, tagged)
	s := w.store.View().Snapshot
	list := w.do("CreateManagedPrefixList", "PrefixListName", "l", "MaxEntries", "1", "AddressFamily", "IPv4").get("prefixList.prefixListId")
	group, _ := s.SecurityGroup(s.Interfaces()[0].GroupIDs[0])
	log := w.do("CreateFlowLogs", toS3Bucket(s.VPCs()[0].ID)...).get("flowLogIdSet.item")
	ids := map[string]string{
		s.VPCs()[0].ID: "vpc", group.ID: "security-group", group.Ingress[0].ID: "security-group-rule", list: "prefix-list",
		s.NetworkACLs()[0].ID: "network-acl", vpc.DefaultNetworkACL(s.VPCs()[0]).ID: "network-acl",
		s.Interfaces()[0].ID: "network-interface", s.Instances()[0].ID: "instance", log: "vpc-flow-log",
		w.newVPC(): "vpc",
	}
	params, n := []string{"Tag.1.Key", "Owner", "Tag.1.Value", "me"}, 0
	for id := range ids {
		n++
		params = append(params, fmt.Sprintf("ResourceId.%d", n), id)
	}
	w.do("CreateTags", params...)
	items := w.do("DescribeTags", "Filter.1.Name", "tag:Owner", "Filter.1.Value.1", "me").all("tagSet.item")
	if len(items) != len(ids) {
		t.Errorf("%d tags, want %d", len(items), len(ids))
	}
	for _, item := range items {
		if got := item.get("resourceType"); got != ids[item.get("resourceId")] {
			t.Errorf("%s is a %s, want a %s", item.get("resourceId"), got, ids[item.get("resourceId")])
		}
	}
}

func TestTagsThatAreRefused(t *testing.T) {
	w := newWorld(t, tagged)
	id := w.newVPC()
	create := func(code, message, key, value string) {
		t.Helper()
		w.refused(code, message, "CreateTags", "ResourceId.1", id, "Tag.1.Key", key, "Tag.1.Value", value)
	}
	create("InvalidParameterValue", "Value ( '' ) for parameter Tag key is invalid. Tag key cannot be null or empty.", "", "x")
	const null = "Value ( a ) for parameter value is invalid. Tag value cannot be null. Use empty string instead."
	w.refused("InvalidParameterValue", null, "CreateTags", "ResourceId.1", id, "Tag.1.Key", "a")
	w.refused("InvalidParameterValue", null, "CreateVpc", "CidrBlock", "10.9.0.0/16", "TagSpecification.1.ResourceType", "vpc", "TagSpecification.1.Tag.1.Key", "a")
	create("InvalidParameterValue", "Tag key exceeds the maximum length of 128 characters", strings.Repeat("ä", 129), "x")
	create("InvalidParameterValue", "Tag value exceeds the maximum length of 256 characters", "x", strings.Repeat("ä", 257))
	create("InvalidParameterValue", "Value ( AWS:x ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use", "AWS:x", "x")
	w.do("CreateTags", "ResourceId.1", id, "Tag.1.Key", strings.Repeat("ä", 128), "Tag.1.Value", strings.Repeat("ä", 256))
	w.refused("InvalidParameterValue", "Duplicate tag key 'a' specified.", "CreateTags", "ResourceId.1", id, "Tag.1.Key", "a", "Tag.1.Value", "", "Tag.2.Key", "a", "Tag.2.Value", "b")
	w.refused("InvalidParameterValue", "Value ( '' ) for parameter Tag key is invalid. Tag key cannot be null or empty.", "DeleteTags", "ResourceId.1", id, "Tag.1.Key", "")
	w.refused("MissingParameter", "The request must contain the parameter ResourceId", "CreateTags", "Tag.1.Key", "a", "Tag.1.Value", "")
	w.refused("MissingParameter", "The request must contain the parameter Tag", "CreateTags", "ResourceId.1", id)
	w.refused("MissingParameter", "The request must contain the parameter ResourceId", "DeleteTags", "ResourceId", "")
	w.refused("MissingParameter", "The request must contain the parameter Tag", "CreateTags", "ResourceId.1", id, "Tag", "")

	var many []string
	for i := range 1001 {
		many = append(many, fmt.Sprintf("ResourceId.%d", i+1), id)
	}
	w.refused("InvalidParameterValue", "The maximum number of resources for one request is 1000, and there are 1001", "DeleteTags", many...)
	w.do("DeleteTags", many[:2000]...)

	many = []string{"ResourceId.1", id}
	for i := range 50 {
		many = append(many, fmt.Sprintf("Tag.%d.Key", i+1), fmt.Sprint("k", i), fmt.Sprintf("Tag.%d.Value", i+1), "")
	}
	w.do("CreateTags", many...)
	create("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.", "one more", "")
	w.refused("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.",
		"CreateTags", append(many, "Tag.51.Key", "k50", "Tag.51.Value", "")...)
}

// TestTagsOfWhatIsNotThere has a resource that is there in each call, which must
// not get the tag.
func TestTagsOfWhatIsNotThere(t *testing.T) {
	w := newWorld(t, tagged)
	id := w.newVPC()
	const none = "-0123456789abcdef0"
	for gone, want := range map[string][2]string{
		"vpc" + none:    {"InvalidVpcID.NotFound", "The vpc ID 'vpc-0123456789abcdef0' does not exist"},
		"subnet" + none: {"InvalidSubnetID.NotFound", "The subnet ID 'subnet-0123456789abcdef0' does not exist"},
		"sg" + none:     {"InvalidGroup.NotFound", "The security group 'sg-0123456789abcdef0' does not exist"},
		"sgr" + none:    {"InvalidSecurityGroupRuleId.NotFound", "The security group rule ID 'sgr-0123456789abcdef0' does not exist"},
		"pl" + none:     {"InvalidPrefixListID.NotFound", "The prefix list ID 'pl-0123456789abcdef0' does not exist"},
		"acl" + none:    {"InvalidNetworkAclID.NotFound", "The networkAcl ID 'acl-0123456789abcdef0' does not exist"},
		"eni" + none:    {"InvalidNetworkInterfaceID.NotFound", "The networkInterface ID 'eni-0123456789abcdef0' does not exist"},
		"i" + none:      {"InvalidInstanceID.NotFound", "The instance ID 'i-0123456789abcdef0' does not exist"},
		"fl" + none:     {"InvalidFlowLogId.NotFound", "These flow log ids in the input list are not found: [TotalCount: 1] fl-0123456789abcdef0"},
		"vol" + none:    {"InvalidID", "The ID 'vol-0123456789abcdef0' is not valid"},
		"vpc-1":         {"InvalidID", "The ID 'vpc-1' is not valid"},
		"web":           {"InvalidID", "The ID 'web' is not valid"},
	} {
		w.refused(want[0], want[1], "CreateTags", "ResourceId.1", id, "ResourceId.2", gone, "Tag.1.Key", "a", "Tag.1.Value", "")
		w.refused(want[0], want[1], "DeleteTags", "ResourceId.1", id, "ResourceId.2", gone)
	}
	w.hasTags(id)
}

func TestDescribeTagsInPagesAndByFilters(t *testing.T) {
	w := newWorld(t, tagged)
	id := w.newVPC("TagSpecification.1.ResourceType", "vpc", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "mine")
	for i := range 11 {
		w.do("CreateTags", "ResourceId.1", id, "Tag.1.Key", fmt.Sprintf("k%02d", i), "Tag.1.Value", fmt.Sprint("v", i%2))
	}
	var keys []string
	params := []string{"MaxResults", "5", "Filter.1.Name", "resource-id", "Filter.1.Value.1", id}
	for pages := 1; ; pages++ {
		answer := w.do("DescribeTags", params...)
		keys = append(keys, answer.texts("tagSet.item.key")...)
		token := answer.get("nextToken")
		if token == "" {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
		params = append(params[:6:6], "NextToken", token)
	}
	if len(keys) != 12 || !slices.IsSorted(keys) {
		t.Errorf("keys in pages: %q", keys)
	}
	for filter, want := range map[[2]string]int{
		{"key", "k0?"}: 10, {"value", "v1"}: 5, {"tag:k01", "v*"}: 1, {"tag:k01", "v0"}: 0, {"resource-type", "vpc"}: 13, {"tag:Name", "*"}: 5,
	} {
		if got := len(w.do("DescribeTags", "Filter.1.Name", filter[0], "Filter.1.Value.1", filter[1]).all("tagSet.item")); got != want {
			t.Errorf("filter %s=%s: %d tags, want %d", filter[0], filter[1], got, want)
		}
	}
	w.refused("InvalidParameterValue", "The filter 'tag-key' is invalid", "DescribeTags", "Filter.1.Name", "tag-key", "Filter.1.Value.1", "x")
}

// TestADeclaredNameIsATag shows names of the file as Name tags, everywhere, and
// that they are the file's.
func TestADeclaredNameIsATag(t *testing.T) {
	w := newWorld(t, tagged)
	s := w.store.View().Snapshot
	for id, name := range map[string]string{s.VPCs()[0].ID: "lab", s.NetworkACLs()[0].ID: "edge", s.Instances()[0].ID: "web"} {
		w.hasTags(id, "Name="+name)
		w.do("CreateTags", "ResourceId.1", id, "Tag.1.Key", "Name", "Tag.1.Value", name, "Tag.2.Key", "App", "Tag.2.Value", "", "Tag.3.Key", "Owner", "Tag.3.Value", "") // the same: no change of it
		w.hasTags(id, "App=", "Name="+name, "Owner=")
		declared := id + " is declared in lab.yaml"
		for _, change := range [][]string{
			{"CreateTags", "Tag.1.Key", "Name", "Tag.1.Value", "mine"},
			{"DeleteTags", "Tag.1.Key", "Name"},
			{"DeleteTags"},
		} {
			status, answer := w.try(change[0], append([]string{"ResourceId.1", id}, change[1:]...)...)
			if code, message := answer.get("Errors.Error.Code"), answer.get("Errors.Error.Message"); status != 400 || code != "OperationNotPermitted" || !strings.HasPrefix(message, declared) {
				t.Errorf("%q: %s: %s", change, code, message)
			}
		}
		w.do("DeleteTags", "ResourceId.1", id, "Tag.1.Key", "Owner", "Tag.2.Key", "App")
		w.hasTags(id, "Name="+name)
	}
	if got := w.do("DescribeVpcs", "Filter.1.Name", "tag:Name", "Filter.1.Value.1", "l?b").get("vpcSet.item.tagSet.item.value"); got != "lab" {
		t.Errorf("the VPC by its name: %q", got)
	}
	subnet := s.Subnets()[0].ID
	w.hasTags(subnet, "Name=a", "Team=red")
	status, answer := w.try("CreateTags", "ResourceId.1", subnet, "Tag.1.Key", "Stage", "Tag.1.Value", "")
	if code := answer.get("Errors.Error.Code"); status != 400 || code != "OperationNotPermitted" {
		t.Errorf("tags of a subnet whose tags the file states: %s", code)
	}
	w.do("CreateTags", "ResourceId.1", subnet, "Tag.1.Key", "Team", "Tag.1.Value", "red") // as they are
}

// TestTheNameTagIsTheName has sgate call what the API made by its Name tag.
func TestTheNameTagIsTheName(t *testing.T) {
	w := newWorld(t, tagged)
	id := w.newVPC("TagSpecification.1.ResourceType", "vpc", "TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", "first")
	subnet := w.do("CreateSubnet", "VpcId", id, "CidrBlock", "10.9.1.0/24").get("subnet.subnetId")
	acl := w.do("CreateNetworkAcl", "VpcId", id).get("networkAcl.networkAclId")
	names := func(want ...string) {
		t.Helper()
		s := w.store.View().Snapshot
		v, _ := s.VPC(id)
		n, _ := s.Subnet(subnet)
		a, _ := s.NetworkACL(acl)
		if diff := cmp.Diff([]string{v.Name, n.Name, a.Name}, want); diff != "" {
			t.Errorf("names (-got +want):\n%s", diff)
		}
	}
	all := []string{"ResourceId.1", id, "ResourceId.2", subnet, "ResourceId.3", acl, "Tag.1.Key", "Name"}
	names("first", "", "")
	w.do("CreateTags", append(all, "Tag.1.Value", "second")...)
	names("second", "second", "second")
	w.do("CreateTags", append(all, "Tag.1.Value", "red \u009b31m")...)
	names("", "", "") // no terminal is to see it
	w.do("CreateTags", append(all, "Tag.1.Value", acl)...)
	names(acl, acl, "") // it would be taken for another's id
	w.do("CreateTags", append(all, "Tag.1.Value", strings.Repeat("x", 256))...)
	names("", "", "")
	w.do("CreateTags", append(all, "Tag.1.Value", "third")...)
	names("third", "third", "third")
	w.do("DeleteTags", all...)
	names("", "", "")
	if v := w.store.View().VPCs()[0]; v.Name != "lab" {
		t.Errorf("the file's VPC is called %q", v.Name)
	}
}

func TestTagsGoWithTheirResource(t *testing.T) {
	w := newWorld(t, tagged)
	id := w.newVPC("TagSpecification.1.ResourceType", "vpc", "TagSpecification.1.Tag.1.Key", "a", "TagSpecification.1.Tag.1.Value", "")
	log := w.do("CreateFlowLogs", append(toS3Bucket(id), "TagSpecification.1.ResourceType", "vpc-flow-log", "TagSpecification.1.Tag.1.Key", "b", "TagSpecification.1.Tag.1.Value", "")...).get("flowLogIdSet.item")
	w.hasTags(log, "b=")
	w.do("DeleteVpc", "VpcId", id)
	w.hasTags(id)
	w.hasTags(log)
	if left := w.store.View().FlowLogs; len(left) != 0 {
		t.Errorf("its flow log is still there: %v", left)
	}
}

func TestTagsOnCreation(t *testing.T) {
	w := newWorld(t, tagged)
	w.refused("InvalidParameterValue", "'subnet' is not a valid taggable resource type for this operation.",
		"CreateVpc", "CidrBlock", "10.9.0.0/16", "TagSpecification.1.ResourceType", "subnet", "TagSpecification.1.Tag.1.Key", "a", "TagSpecification.1.Tag.1.Value", "")
	w.refused("InvalidParameterValue", "Duplicate tag key 'a' specified.", "CreateVpc", "CidrBlock", "10.9.0.0/16",
		"TagSpecification.1.ResourceType", "vpc", "TagSpecification.1.Tag.1.Key", "a", "TagSpecification.1.Tag.1.Value", "", "TagSpecification.1.Tag.2.Key", "a", "TagSpecification.1.Tag.2.Value", "")
}
