package ec2

import (
	"slices"
	"strings"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// The types of prefix lists.
const (
	prefixListKind = "prefix-list"
	familyIPv4     = "IPv4"
	familyIPv6     = "IPv6"
)

// What AWS does to a prefix list. The answer says that it is in progress, as AWS's
// does; it is complete by then, and the next to ask is told so.
const (
	listCreated  = "create"
	listModified = "modify"
	listRestored = "restore"
	listDeleted  = "delete"
)

// managedPrefixList is a prefix list on the wire.
type managedPrefixList struct {
	ID            string `xml:"prefixListId"`
	AddressFamily string `xml:"addressFamily"`
	State         string `xml:"state"`
	ARN           string `xml:"prefixListArn"`
	Name          string `xml:"prefixListName"`
	MaxEntries    int    `xml:"maxEntries"`
	Version       int    `xml:"version"`
	Tags          []tag  `xml:"tagSet"`
	OwnerID       string `xml:"ownerId"`
}

type prefixListAnswer struct {
	PrefixList managedPrefixList `xml:"prefixList"`
}

// managedList returns a list as it is told once its last change is complete.
func (c *call) managedList(l *vpc.PrefixList) managedPrefixList {
	out := managedPrefixList{
		ID: l.ID, AddressFamily: familyIPv4, State: listCreated + "-complete", ARN: c.arn(prefixListKind, l.ID),
		Name: l.Name, MaxEntries: l.MaxEntries, Version: l.Version, Tags: c.tagsOf(l.ID), OwnerID: c.owner(),
	}
	if l.IPv6 {
		out.AddressFamily = familyIPv6
	}
	if l.LastChange != "" {
		out.State = l.LastChange + "-complete"
	}
	return out
}

// changing is the answer to a call that changes a list: as it was, in progress.
func (c *call) changing(before *vpc.PrefixList, what string) *prefixListAnswer {
	out := c.managedList(before)
	out.State = what + "-in-progress"
	return &prefixListAnswer{out}
}

type createPrefixListRequest struct {
	clientToken
	tagSpecified
	Name          string            `query:"PrefixListName,required"`
	Entries       []prefixListEntry `query:"Entry"`
	MaxEntries    int               `query:"MaxEntries,required"`
	AddressFamily string            `query:"AddressFamily,required"`
}

func (c *call) createManagedPrefixList(in *createPrefixListRequest) (*prefixListAnswer, error) {
	tags, err := in.tagsFor(prefixListKind)
	if err != nil {
		return nil, err
	}
	list := vpc.PrefixList{
		ID: c.newID("pl"), Name: in.Name, IPv6: in.AddressFamily == familyIPv6, MaxEntries: in.MaxEntries, Version: 1, LastChange: listCreated,
	}
	switch {
	case !list.IPv6 && in.AddressFamily != familyIPv4:
		return nil, invalid("Value (%s) for parameter AddressFamily is invalid. Valid values are %s and %s.", in.AddressFamily, familyIPv4, familyIPv6)
	case len(in.Entries) > maxEntriesInCall:
		return nil, invalid("The number of entries per request cannot exceeds limit (%d).", maxEntriesInCall)
	}
	if err := checkListName(in.Name); err != nil {
		return nil, err
	}
	if list.Entries, err = addEntries(nil, in.Entries, list.IPv6); err != nil {
		return nil, err
	}
	if err := c.checkSize(&list); err != nil {
		return nil, err
	}
	if most := c.Quotas().PrefixLists; len(c.PrefixLists.All()) >= most {
		return nil, query.Errorf(vpc.CodePrefixListLimit, "The maximum number of prefix lists has been reached. There are %d.", most)
	}
	if err := c.PrefixLists.Put(list); err != nil {
		return nil, err
	}
	if err := c.tagNew(list.ID, tags); err != nil {
		return nil, err
	}
	return c.changing(&list, listCreated), nil
}

// maxListName is the longest name of a prefix list, in characters; awsListName is
// what those of AWS's own begin with (EC2 API, CreateManagedPrefixList).
const (
	maxListName = 255
	awsListName = "com.amazonaws"
)

func checkListName(name string) error {
	switch {
	case name == "" || len([]rune(name)) > maxListName || !isPrintable(name):
		return invalid("Value (%s) for parameter PrefixListName is invalid. Names are 1 to %d printable characters.", name, maxListName)
	case strings.HasPrefix(strings.ToLower(name), awsListName):
		return invalid("Value (%s) for parameter PrefixListName is invalid. The name cannot start with %s.", name, awsListName)
	}
	return nil
}

// checkSize refuses a list that is larger than it may be.
func (c *call) checkSize(l *vpc.PrefixList) error {
	switch most := c.Quotas().PrefixListEntries; {
	case l.MaxEntries < 1:
		return invalid("Value (%d) for parameter MaxEntries is invalid. Want at least 1.", l.MaxEntries)
	case l.MaxEntries > most:
		return query.Errorf(vpc.CodePrefixListEntriesLimit, "The maximum number of entries of a prefix list is %d: MaxEntries %d is above it.", most, l.MaxEntries)
	case len(l.Entries) > l.MaxEntries:
		return query.Errorf(vpc.CodePrefixListEntriesLimit, "The prefix list would have %d entries, and its maximum number of entries is %d.", len(l.Entries), l.MaxEntries)
	}
	return nil
}

type prefixListRequest struct {
	ID string `query:"PrefixListId,required"`
}

func (c *call) deleteManagedPrefixList(in *prefixListRequest) (*prefixListAnswer, error) {
	list, is := c.PrefixLists.Get(in.ID)
	switch {
	case !is:
		return nil, noList(in.ID)
	case !c.PrefixLists.Declared(in.ID) && len(c.groupsNaming(in.ID)) > 0:
		return nil, inUse(in.ID)
	}
	answer := c.changing(&list, listDeleted)
	if err := c.PrefixLists.Delete(in.ID); err != nil {
		return nil, err
	}
	return answer, c.untag(in.ID)
}

// groupsNaming returns the security groups with rules that name a prefix list.
func (c *call) groupsNaming(listID string) []vpc.SecurityGroup {
	var out []vpc.SecurityGroup
	names := func(r vpc.Rule) bool { return r.Peer.PrefixListID == listID }
	for _, g := range c.SecurityGroups.All() {
		if slices.ContainsFunc(g.Ingress, names) || slices.ContainsFunc(g.Egress, names) {
			out = append(out, g)
		}
	}
	return out
}

func prefixListActions() []action {
	return []action{
		write("CreateManagedPrefixList", (*call).createManagedPrefixList),
		write("ModifyManagedPrefixList", (*call).modifyManagedPrefixList),
		write("RestoreManagedPrefixListVersion", (*call).restoreManagedPrefixListVersion),
		write("DeleteManagedPrefixList", (*call).deleteManagedPrefixList),
		read("DescribeManagedPrefixLists", (*call).describeManagedPrefixLists),
		read("DescribePrefixLists", (*call).describePrefixLists),
		read("GetManagedPrefixListEntries", (*call).getManagedPrefixListEntries),
		read("GetManagedPrefixListAssociations", (*call).getManagedPrefixListAssociations),
	}
}
