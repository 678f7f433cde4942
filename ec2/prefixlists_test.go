package ec2

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/vpc"
)

const listsFile = `
vpc: {name: lab, cidr: 10.0.0.0/16, default: true}
prefix_lists:
  - {name: office, entries: [{cidr: 203.0.113.0/24, description: main}]}
security_groups:
  - {name: web, ingress: [{type: HTTPS, source: office}]}
`

// newList makes a list of IPv4 with those entries, and room for ten.
func (w *world) newList(cidrs ...string) string {
	w.t.Helper()
	params := []string{"PrefixListName", "peers", "MaxEntries", "10", "AddressFamily", "IPv4"}
	for i, cidr := range cidrs {
		params = append(params, fmt.Sprintf("Entry.%d.Cidr", i+1), cidr, fmt.Sprintf("Entry.%d.Description", i+1), fmt.Sprint("peer ", i+1))
	}
	return w.do("CreateManagedPrefixList", params...).get("prefixList.prefixListId")
}

// list returns what is told of a list: state, version, max entries, name.
func (w *world) list(id string) string {
	w.t.Helper()
	l := w.do("DescribeManagedPrefixLists", "PrefixListId.1", id).all("prefixListSet.item")[0]
	return strings.Join([]string{l.get("state"), l.get("version"), l.get("maxEntries"), l.get("prefixListName")}, " ")
}

func (w *world) hasEntries(id, version string, want ...string) {
	w.t.Helper()
	params := []string{"PrefixListId", id}
	if version != "" {
		params = append(params, "TargetVersion", version)
	}
	var got []string
	for _, e := range w.do("GetManagedPrefixListEntries", params...).all("entrySet.item") {
		got = append(got, e.get("cidr")+" "+e.get("description"))
	}
	if diff := cmp.Diff(got, want); diff != "" {
		w.t.Errorf("entries of version %q (-got +want):\n%s", version, diff)
	}
}

func TestThePrefixListsLife(t *testing.T) {
	w := newWorld(t, listsFile)
	created := w.do("CreateManagedPrefixList", "PrefixListName", "peers", "MaxEntries", "3", "AddressFamily", "IPv4",
		"Entry.1.Cidr", "198.51.100.7/24", "Entry.1.Description", "host bits go",
		"TagSpecification.1.ResourceType", "prefix-list", "TagSpecification.1.Tag.1.Key", "Owner", "TagSpecification.1.Tag.1.Value", "me")
	id := created.get("prefixList.prefixListId")
	if !vpc.IsID("pl", id) || created.get("prefixList.state") != "create-in-progress" || created.get("prefixList.version") != "1" ||
		created.get("prefixList.addressFamily") != "IPv4" || created.get("prefixList.ownerId") != "123456789012" ||
		created.get("prefixList.prefixListArn") != "arn:aws:ec2:us-east-1:123456789012:prefix-list/"+id || created.get("prefixList.tagSet.item.value") != "me" {
		t.Errorf("created: %+v", created)
	}
	if got := w.list(id); got != "create-complete 1 3 peers" {
		t.Error("created:", got)
	}

	// The answer to a change has the version before, as AWS's has.
	changed := w.do("ModifyManagedPrefixList", "PrefixListId", id, "CurrentVersion", "1",
		"AddEntry.1.Cidr", "192.0.2.0/24", "AddEntry.2.Cidr", "10.1.0.0/16", "RemoveEntry.1.Cidr", "198.51.100.0/24")
	if changed.get("prefixList.state") != "modify-in-progress" || changed.get("prefixList.version") != "1" {
		t.Errorf("changed: %+v", changed)
	}
	if got := w.list(id); got != "modify-complete 2 3 peers" {
		t.Error("changed:", got)
	}
	w.hasEntries(id, "", "192.0.2.0/24 ", "10.1.0.0/16 ")
	w.hasEntries(id, "2", "192.0.2.0/24 ", "10.1.0.0/16 ")
	w.hasEntries(id, "1", "198.51.100.0/24 host bits go")

	w.do("ModifyManagedPrefixList", "PrefixListId", id, "PrefixListName", "all peers", "MaxEntries", "4")
	if got := w.list(id); got != "modify-complete 2 4 all peers" {
		t.Error("renamed and resized, which makes no version:", got)
	}
	restored := w.do("RestoreManagedPrefixListVersion", "PrefixListId", id, "PreviousVersion", "1", "CurrentVersion", "2")
	if restored.get("prefixList.state") != "restore-in-progress" || restored.get("prefixList.version") != "2" {
		t.Errorf("restored: %+v", restored)
	}
	if got := w.list(id); got != "restore-complete 3 4 all peers" {
		t.Error("restored:", got)
	}
	w.hasEntries(id, "", "198.51.100.0/24 host bits go")
	w.hasEntries(id, "2", "192.0.2.0/24 ", "10.1.0.0/16 ")

	if got := w.do("DeleteManagedPrefixList", "PrefixListId", id).get("prefixList.state"); got != "delete-in-progress" {
		t.Error("deleted:", got)
	}
	w.refused("InvalidPrefixListID.NotFound", "The prefix list ID '"+id+"' does not exist", "DescribeManagedPrefixLists", "PrefixListId.1", id)
	w.hasTags(id)
}

// TestANameAloneIsAModification is what Terraform waits for after a change of the
// name alone.
func TestANameAloneIsAModification(t *testing.T) {
	w := newWorld(t, listsFile)
	id := w.newList()
	w.do("ModifyManagedPrefixList", "PrefixListId", id, "PrefixListName", "other")
	if got := w.list(id); got != "modify-complete 1 10 other" {
		t.Error(got)
	}
}

// TestVersionsAreKeptWhenTheFileChanges has the store number lists anew, as it
// does for a file's.
func TestVersionsAreKeptWhenTheFileChanges(t *testing.T) {
	w := newWorld(t, listsFile)
	id := w.newList("10.0.0.0/8")
	w.do("ModifyManagedPrefixList", "PrefixListId", id, "CurrentVersion", "1", "AddEntry.1.Cidr", "11.0.0.0/8")
	w.declare(listsFile + "\n")
	w.do("ModifyManagedPrefixList", "PrefixListId", id, "CurrentVersion", "2", "RemoveEntry.1.Cidr", "10.0.0.0/8")
	w.declare(listsFile)
	if got := w.list(id); got != "modify-complete 3 10 peers" {
		t.Error(got)
	}
	w.hasEntries(id, "1", "10.0.0.0/8 peer 1")
	w.hasEntries(id, "2", "10.0.0.0/8 peer 1", "11.0.0.0/8 ")
}

func TestAThousandVersionsAreKept(t *testing.T) {
	l := vpc.PrefixList{Version: 1}
	for range 1500 {
		l = nextVersion(l, nil)
	}
	if l.Version != 1501 || len(l.History) != 999 || l.History[0].Number != 502 || l.History[998].Number != 1500 {
		t.Errorf("version %d, with %d before it", l.Version, len(l.History))
	}
}

func TestNewPrefixListsThatAreRefused(t *testing.T) {
	w := newWorld(t, "vpc: {cidr: 10.0.0.0/16}\nquotas: {prefix_lists: 2, prefix_list_entries: 200}\n")
	refused := func(code, message string, params ...string) {
		t.Helper()
		form := map[string]string{"PrefixListName": "peers", "MaxEntries": "2", "AddressFamily": "IPv4"}
		for i := 0; i < len(params); i += 2 {
			form[params[i]] = params[i+1]
		}
		params = nil
		for name, value := range form {
			if value != "-" {
				params = append(params, name, value)
			}
		}
		w.refused(code, message, "CreateManagedPrefixList", params...)
	}
	for _, name := range []string{"PrefixListName", "MaxEntries", "AddressFamily"} {
		refused("MissingParameter", "The request must contain the parameter "+name, name, "-")
	}
	refused("InvalidParameterValue", "Value (com.amazonaws.us-east-1.s3) for parameter PrefixListName is invalid. The name cannot start with com.amazonaws.", "PrefixListName", "com.amazonaws.us-east-1.s3")
	long := strings.Repeat("x", 256)
	refused("InvalidParameterValue", "Value ("+long+") for parameter PrefixListName is invalid. Names are 1 to 255 printable characters.", "PrefixListName", long)
	refused("InvalidParameterValue", "", "PrefixListName", "")
	refused("InvalidParameterValue", "", "PrefixListName", "a\x1bb")
	refused("InvalidParameterValue", "Value (ipv4) for parameter AddressFamily is invalid. Valid values are IPv4 and IPv6.", "AddressFamily", "ipv4")
	refused("InvalidParameterValue", "Value (0) for parameter MaxEntries is invalid. Want at least 1.", "MaxEntries", "0")
	refused("PrefixListMaxEntriesExceeded", "The maximum number of entries of a prefix list is 200: MaxEntries 201 is above it.", "MaxEntries", "201")
	refused("PrefixListMaxEntriesExceeded", "The prefix list would have 3 entries, and its maximum number of entries is 2.",
		"Entry.1.Cidr", "10.1.0.0/16", "Entry.2.Cidr", "10.2.0.0/16", "Entry.3.Cidr", "10.3.0.0/16")
	refused("InvalidParameterValue", "CIDR block 10.0.0.1 is malformed", "Entry.1.Cidr", "10.0.0.1")
	refused("InvalidParameterValue", "CIDR block ::/0 is malformed", "Entry.1.Cidr", "::/0")
	refused("InvalidParameterValue", "CIDR block 10.0.0.0/8 is malformed", "Entry.1.Cidr", "10.0.0.0/8", "AddressFamily", "IPv6")
	refused("InvalidParameterValue", "The same entry must not appear multiple times: 10.1.0.0/16", "Entry.1.Cidr", "10.1.0.0/16", "Entry.2.Cidr", "10.1.2.3/16")
	refused("InvalidParameterValue", "", "Entry.1.Cidr", "10.1.0.0/16", "Entry.1.Description", "it's")
	refused("MissingParameter", "The request must contain the parameter Entry.1.Cidr", "Entry.1.Description", "x")
	refused("InvalidParameterValue", "'subnet' is not a valid taggable resource type for this operation.", "TagSpecification.1.ResourceType", "subnet", "TagSpecification.1.Tag.1.Key", "a")
	hundred := []string{"MaxEntries", "200"}
	for i := range 101 {
		hundred = append(hundred, fmt.Sprintf("Entry.%d.Cidr", i+1), fmt.Sprintf("10.%d.0.0/16", i))
	}
	refused("InvalidParameterValue", "The number of entries per request cannot exceeds limit (100).", hundred...)
	w.newList()
	w.newList()
	refused("PrefixListLimitExceeded", "The maximum number of prefix lists has been reached. There are 2.")
}

func TestAPrefixListOfIPv6(t *testing.T) {
	w := newWorld(t, listsFile)
	l := w.do("CreateManagedPrefixList", "PrefixListName", "six", "MaxEntries", "1", "AddressFamily", "IPv6", "Entry.1.Cidr", "2001:DB8::1/32")
	if got := l.get("prefixList.addressFamily"); got != "IPv6" {
		t.Error("the family is", got)
	}
	w.hasEntries(l.get("prefixList.prefixListId"), "", "2001:db8::/32 ")
}

func TestChangesOfPrefixListsThatAreRefused(t *testing.T) {
	w := newWorld(t, listsFile)
	id := w.newList("10.1.0.0/16", "10.2.0.0/16")
	refused := func(code, message string, params ...string) {
		t.Helper()
		w.refused(code, message, "ModifyManagedPrefixList", append([]string{"PrefixListId", id}, params...)...)
	}
	const wrong = "The prefix list has the incorrect version number."
	refused("PrefixListVersionMismatch", wrong, "CurrentVersion", "2", "AddEntry.1.Cidr", "10.3.0.0/16")
	refused("PrefixListVersionMismatch", wrong, "CurrentVersion", "0", "PrefixListName", "x")
	refused("MissingParameter", "The request must contain the parameter CurrentVersion", "AddEntry.1.Cidr", "10.3.0.0/16")
	refused("InvalidParameterCombination", "You cannot modify the entries of a prefix list and modify the size of a prefix list at the same time.",
		"CurrentVersion", "1", "MaxEntries", "20", "RemoveEntry.1.Cidr", "10.1.0.0/16")
	refused("InvalidRequest", "", "CurrentVersion", "1")
	refused("InvalidRequest", "The request received was invalid. The prefix list has an entry 10.1.0.0/16 already: remove it first.",
		"CurrentVersion", "1", "AddEntry.1.Cidr", "10.1.2.3/16", "AddEntry.1.Description", "other")
	refused("InvalidPrefixListModification", "The prefix list entry 10.3.0.0/16 does not exist.", "CurrentVersion", "1", "RemoveEntry.1.Cidr", "10.3.0.0/16")
	refused("InvalidPrefixListModification", "The prefix list entry 10.1.0.0/16 does not exist.", "CurrentVersion", "1",
		"RemoveEntry.1.Cidr", "10.1.0.0/16", "RemoveEntry.2.Cidr", "10.1.0.0/16")
	refused("InvalidParameterValue", "Request cannot contain Cidr 10.1.0.0/16 in both AddPrefixListEntries and RemovePrefixListEntries", "CurrentVersion", "1",
		"AddEntry.1.Cidr", "10.1.0.0/16", "RemoveEntry.1.Cidr", "10.1.0.0/16")
	refused("InvalidParameterValue", "CIDR block 10.3.0.0 is malformed", "CurrentVersion", "1", "AddEntry.1.Cidr", "10.3.0.0")
	refused("InvalidParameterValue", "CIDR block x is malformed", "CurrentVersion", "1", "RemoveEntry.1.Cidr", "x")
	refused("InvalidParameterValue", "", "PrefixListName", "com.amazonaws.mine")
	refused("InvalidParameterValue", "Value (0) for parameter MaxEntries is invalid. Want at least 1.", "MaxEntries", "0")
	refused("PrefixListMaxEntriesExceeded", "The prefix list would have 2 entries, and its maximum number of entries is 1.", "MaxEntries", "1")
	refused("PrefixListMaxEntriesExceeded", "The maximum number of entries of a prefix list is 1000: MaxEntries 1001 is above it.", "MaxEntries", "1001")
	var many []string
	for i := range 101 {
		many = append(many, fmt.Sprintf("RemoveEntry.%d.Cidr", i+1), fmt.Sprintf("10.%d.0.0/16", i))
	}
	refused("InvalidParameterValue", "Request cannot contain more than 100 entry additions or removals.", append(many, "CurrentVersion", "1")...)
	var nine []string
	for i := range 9 {
		nine = append(nine, fmt.Sprintf("AddEntry.%d.Cidr", i+1), fmt.Sprintf("11.%d.0.0/16", i))
	}
	refused("PrefixListMaxEntriesExceeded", "The prefix list would have 11 entries, and its maximum number of entries is 10.", append(nine, "CurrentVersion", "1")...)
	if got := w.list(id); got != "create-complete 1 10 peers" {
		t.Error("after all that:", got)
	}

	restore := func(code, message, previous, current string) {
		t.Helper()
		w.refused(code, message, "RestoreManagedPrefixListVersion", "PrefixListId", id, "PreviousVersion", previous, "CurrentVersion", current)
	}
	restore("PrefixListVersionMismatch", wrong, "1", "2")
	restore("InvalidParameterValue", "The prefix list '"+id+"' has no version 7", "7", "1")
	w.do("ModifyManagedPrefixList", "PrefixListId", id, "CurrentVersion", "1", "RemoveEntry.1.Cidr", "10.1.0.0/16")
	w.do("ModifyManagedPrefixList", "PrefixListId", id, "MaxEntries", "1")
	restore("PrefixListMaxEntriesExceeded", "The prefix list would have 2 entries, and its maximum number of entries is 1.", "1", "2")
	w.refused("InvalidParameterValue", "The prefix list '"+id+"' has no version 3", "GetManagedPrefixListEntries", "PrefixListId", id, "TargetVersion", "3")
}

func TestPrefixListsThatAreNotThere(t *testing.T) {
	w := newWorld(t, listsFile)
	const id, message = "pl-0123456789abcdef0", "The prefix list ID 'pl-0123456789abcdef0' does not exist"
	for action, params := range map[string][]string{
		"DeleteManagedPrefixList": nil, "GetManagedPrefixListEntries": nil, "GetManagedPrefixListAssociations": nil,
		"ModifyManagedPrefixList":         {"PrefixListName", "x"},
		"RestoreManagedPrefixListVersion": {"PreviousVersion", "1", "CurrentVersion", "2"},
	} {
		w.refused("InvalidPrefixListID.NotFound", message, action, append([]string{"PrefixListId", id}, params...)...)
		w.refused("MissingParameter", "The request must contain the parameter PrefixListId", action, params...)
	}
	w.refused("InvalidPrefixListID.NotFound", message, "DescribePrefixLists", "PrefixListId.1", id)
}

// TestAListOfTheFile is read-only.
func TestAListOfTheFile(t *testing.T) {
	w := newWorld(t, listsFile)
	id := w.store.View().PrefixLists()[0].ID
	w.hasEntries(id, "", "203.0.113.0/24 main")
	if got := w.list(id); got != "create-complete 1 1 office" {
		t.Error(got)
	}
	const code = "OperationNotPermitted"
	message := id + " is declared in lab.yaml:4:5: change it there"
	w.refused(code, message, "ModifyManagedPrefixList", "PrefixListId", id, "PrefixListName", "x")
	w.refused(code, message, "ModifyManagedPrefixList", "PrefixListId", id, "MaxEntries", "100")
	w.refused(code, message, "RestoreManagedPrefixListVersion", "PrefixListId", id, "PreviousVersion", "1", "CurrentVersion", "1")
	w.refused(code, message, "DeleteManagedPrefixList", "PrefixListId", id)
}

// TestAListThatGroupsName is one that cannot go, and cannot outgrow them.
func TestAListThatGroupsName(t *testing.T) {
	w := newWorld(t, listsFile)
	id := w.newList("10.1.0.0/16")
	var groups []string
	for i := range 12 {
		group := w.do("CreateSecurityGroup", "GroupName", fmt.Sprint("g", i), "GroupDescription", "d").get("groupId")
		action := "AuthorizeSecurityGroupIngress"
		if i == 11 {
			action = "AuthorizeSecurityGroupEgress" // beside the rule that a new group has
		}
		w.do(action, "GroupId", group, "IpPermissions.1.IpProtocol", "-1", "IpPermissions.1.PrefixListIds.1.PrefixListId", id)
		groups = append(groups, group)
	}
	if got := w.do("GetManagedPrefixListAssociations", "PrefixListId", id).texts("prefixListAssociationSet.item.resourceId"); !cmp.Equal(got, groups) {
		t.Errorf("associations %q, want %q", got, groups)
	}
	page := w.do("GetManagedPrefixListAssociations", "PrefixListId", id, "MaxResults", "5")
	if len(page.all("prefixListAssociationSet.item")) != 5 || page.get("nextToken") == "" || page.all("prefixListAssociationSet.item")[0].get("resourceOwner") != "123456789012" {
		t.Errorf("a page of them: %+v", page)
	}
	w.refused("InvalidParameterValue", "Value ( 256 ) for parameter maxResults is invalid. Expecting a value less than or equal to 255.",
		"GetManagedPrefixListAssociations", "PrefixListId", id, "MaxResults", "256")
	w.refused("DependencyViolation", "resource "+id+" has a dependent object", "DeleteManagedPrefixList", "PrefixListId", id)
	w.refused("RulesPerSecurityGroupLimitExceeded",
		"The following VPC Security Group resource(s) do not have sufficient capacity: ["+strings.Join(groups[:10], ", ")+"]",
		"ModifyManagedPrefixList", "PrefixListId", id, "MaxEntries", "61")
	w.refused("RulesPerSecurityGroupLimitExceeded", "The following VPC Security Group resource(s) do not have sufficient capacity: ["+groups[11]+"]",
		"ModifyManagedPrefixList", "PrefixListId", id, "MaxEntries", "60")
	w.do("ModifyManagedPrefixList", "PrefixListId", id, "MaxEntries", "59")
	w.do("AuthorizeSecurityGroupEgress", "GroupId", groups[3], "IpPermissions.1.IpProtocol", "6", "IpPermissions.1.FromPort", "1", "IpPermissions.1.ToPort", "1",
		"IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8")
	w.do("RevokeSecurityGroupIngress", "GroupId", groups[0], "IpPermissions.1.IpProtocol", "-1", "IpPermissions.1.PrefixListIds.1.PrefixListId", id)
	if got := len(w.do("GetManagedPrefixListAssociations", "PrefixListId", id).all("prefixListAssociationSet.item")); got != 11 {
		t.Errorf("%d associations, want 11", got)
	}
}

func TestDescribePrefixListsInPagesAndByFilters(t *testing.T) {
	w := newWorld(t, listsFile)
	for range 4 {
		w.newList("10.1.0.0/16", "10.2.0.0/16")
	}
	id := w.newList()
	ids := func(action string, params ...string) []string {
		return w.do(action, params...).texts("prefixListSet.item.prefixListId")
	}
	for _, action := range []string{"DescribeManagedPrefixLists", "DescribePrefixLists"} {
		if got := ids(action); len(got) != 6 {
			t.Errorf("%s: %q", action, got)
		}
		if got := ids(action, "Filter.1.Name", "prefix-list-name", "Filter.1.Value.1", "off*"); len(got) != 1 {
			t.Errorf("%s by name: %q", action, got)
		}
		if got := ids(action, "Filter.1.Name", "prefix-list-id", "Filter.1.Value.1", id); !cmp.Equal(got, []string{id}) {
			t.Errorf("%s by id: %q", action, got)
		}
	}
	if got := ids("DescribeManagedPrefixLists", "Filter.1.Name", "owner-id", "Filter.1.Value.1", "AWS"); got != nil {
		t.Errorf("AWS's: %q", got)
	}
	if got := w.do("DescribePrefixLists", "PrefixListId.1", w.store.View().PrefixLists()[1].ID).texts("prefixListSet.item.cidrSet.item"); !cmp.Equal(got, []string{"10.1.0.0/16", "10.2.0.0/16"}) {
		t.Errorf("CIDRs: %q", got)
	}
	var all []string
	params := []string{"MaxResults", "4"}
	for token := "x"; token != ""; {
		answer := w.do("DescribeManagedPrefixLists", params...)
		all = append(all, answer.texts("prefixListSet.item.prefixListId")...)
		token = answer.get("nextToken")
		params = []string{"MaxResults", "4", "NextToken", token}
	}
	if len(all) != 6 {
		t.Errorf("in pages: %q", all)
	}
	for _, action := range []string{"DescribeManagedPrefixLists", "GetManagedPrefixListEntries"} {
		params := []string{"MaxResults", "101"}
		if action == "GetManagedPrefixListEntries" {
			params = append(params, "PrefixListId", id)
		}
		w.refused("InvalidParameterValue", "Value ( 101 ) for parameter maxResults is invalid. Expecting a value less than or equal to 100.", action, params...)
	}
	list := w.store.View().PrefixLists()[1].ID
	first := w.do("GetManagedPrefixListEntries", "PrefixListId", list, "MaxResults", "1")
	second := w.do("GetManagedPrefixListEntries", "PrefixListId", list, "MaxResults", "1", "NextToken", first.get("nextToken"))
	if got := append(first.texts("entrySet.item.cidr"), second.texts("entrySet.item.cidr")...); !cmp.Equal(got, []string{"10.1.0.0/16", "10.2.0.0/16"}) || second.get("nextToken") != "" {
		t.Errorf("entries in pages: %q", got)
	}
}

// TestTheSameListOnce sends a request again, with its client token.
func TestTheSameListOnce(t *testing.T) {
	w := newWorld(t, listsFile)
	params := []string{"PrefixListName", "peers", "MaxEntries", "3", "AddressFamily", "IPv4", "ClientToken", "t"}
	id := w.do("CreateManagedPrefixList", params...).get("prefixList.prefixListId")
	if again := w.do("CreateManagedPrefixList", params...).get("prefixList.prefixListId"); again != id || len(w.store.View().PrefixLists()) != 2 {
		t.Errorf("%s and %s", id, again)
	}
	w.refused("IdempotentParameterMismatch", "", "CreateManagedPrefixList", append(params, "Entry.1.Cidr", "10.0.0.0/8")...)
	w.refused("DryRunOperation", "", "DeleteManagedPrefixList", "PrefixListId", id, "DryRun", "true")
}
