package ec2

import (
	"slices"
	"strings"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// maxListVersions is how many versions of a list are kept, the current one
// included: then the oldest goes for a new one (VPC User Guide, quotas).
const maxListVersions = 1000

type modifyPrefixListRequest struct {
	ID             string            `query:"PrefixListId,required"`
	CurrentVersion *int              `query:"CurrentVersion"`
	Name           *string           `query:"PrefixListName"`
	Add            []prefixListEntry `query:"AddEntry"`
	Remove         []entryToRemove   `query:"RemoveEntry"`
	MaxEntries     *int              `query:"MaxEntries"`
}

// modifyManagedPrefixList changes a list's entries, which makes a version of it,
// or its size, and its name, which do not.
func (c *call) modifyManagedPrefixList(in *modifyPrefixListRequest) (*prefixListAnswer, error) {
	before, is := c.PrefixLists.Get(in.ID)
	if !is {
		return nil, noList(in.ID)
	}
	if err := in.check(before.Version); err != nil {
		return nil, err
	}
	list := before
	if in.Name != nil {
		if err := checkListName(*in.Name); err != nil {
			return nil, err
		}
		list.Name = *in.Name
	}
	var err error
	if in.entries() {
		list, err = in.changeEntries(list)
	}
	if in.MaxEntries != nil {
		list.MaxEntries = *in.MaxEntries
	}
	if err == nil {
		err = c.checkSize(&list)
	}
	if err != nil {
		return nil, err
	}
	list.LastChange = listModified
	if err := c.PrefixLists.Put(list); err != nil {
		return nil, err
	}
	if list.MaxEntries > before.MaxEntries {
		err = c.checkRoom(list.ID)
	}
	return c.changing(&before, listModified), err
}

// entries reports whether the entries are to change.
func (in *modifyPrefixListRequest) entries() bool { return len(in.Add)+len(in.Remove) > 0 }

func (in *modifyPrefixListRequest) check(version int) error {
	switch {
	case len(in.Add) > maxEntriesInCall || len(in.Remove) > maxEntriesInCall:
		return invalid("Request cannot contain more than %d entry additions or removals.", maxEntriesInCall)
	case in.entries() && in.MaxEntries != nil:
		return combination("You cannot modify the entries of a prefix list and modify the size of a prefix list at the same time.")
	case !in.entries() && in.MaxEntries == nil && in.Name == nil:
		return query.Errorf("InvalidRequest", "The request received was invalid. It has nothing to modify: want PrefixListName, MaxEntries, AddEntry or RemoveEntry.")
	case in.entries() && in.CurrentVersion == nil:
		return missing("CurrentVersion")
	case in.CurrentVersion != nil && *in.CurrentVersion != version:
		return versionMismatch()
	}
	return nil
}

func versionMismatch() error {
	return query.Errorf("PrefixListVersionMismatch", "The prefix list has the incorrect version number.")
}

func (in *modifyPrefixListRequest) changeEntries(l vpc.PrefixList) (vpc.PrefixList, error) {
	if err := checkBoth(in.Add, in.Remove, l.IPv6); err != nil {
		return l, err
	}
	entries, err := removeEntries(l.Entries, in.Remove, l.IPv6)
	if err == nil {
		entries, err = addEntries(entries, in.Add, l.IPv6)
	}
	return nextVersion(l, entries), err
}

// nextVersion returns a list with other entries, and those that it had in its
// history.
func nextVersion(l vpc.PrefixList, entries []vpc.PrefixListEntry) vpc.PrefixList {
	l.History = append(slices.Clip(l.History), vpc.PrefixListVersion{Number: l.Version, Entries: l.Entries})
	if over := len(l.History) - (maxListVersions - 1); over > 0 {
		l.History = slices.Clone(l.History[over:])
	}
	l.Version++
	l.Entries = entries
	return l
}

type restorePrefixListRequest struct {
	ID              string `query:"PrefixListId,required"`
	PreviousVersion int    `query:"PreviousVersion,required"`
	CurrentVersion  int    `query:"CurrentVersion,required"`
}

// restoreManagedPrefixListVersion makes a version of a list with the entries of an
// earlier one.
func (c *call) restoreManagedPrefixListVersion(in *restorePrefixListRequest) (*prefixListAnswer, error) {
	before, is := c.PrefixLists.Get(in.ID)
	switch {
	case !is:
		return nil, noList(in.ID)
	case in.CurrentVersion != before.Version:
		return nil, versionMismatch()
	}
	entries, err := entriesAt(&before, in.PreviousVersion)
	if err != nil {
		return nil, err
	}
	list := nextVersion(before, entries)
	if err := c.checkSize(&list); err != nil {
		return nil, err
	}
	list.LastChange = listRestored
	return c.changing(&before, listRestored), c.PrefixLists.Put(list)
}

// entriesAt returns the entries of a version of a list.
func entriesAt(l *vpc.PrefixList, version int) ([]vpc.PrefixListEntry, error) {
	if version == l.Version {
		return l.Entries, nil
	}
	for _, v := range l.History {
		if v.Number == version {
			return v.Entries, nil
		}
	}
	return nil, invalid("The prefix list '%s' has no version %d", l.ID, version)
}

// maxNamed is how many resources AWS names that a list would become too large for.
const maxNamed = 10

// checkRoom refuses a list that has become larger than the rules of groups that
// name it have room for: in such a rule, it counts as many rules as it may have
// entries. AWS says so in the list's state, which then is modify-failed.
func (c *call) checkRoom(listID string) error {
	var ids []string
	for _, g := range c.groupsNaming(listID) {
		if c.checkRuleQuota(g.Ingress) != nil || c.checkRuleQuota(g.Egress) != nil {
			ids = append(ids, g.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return query.Errorf(vpc.CodeRulesPerGroupLimit, "The following VPC Security Group resource(s) do not have sufficient capacity: [%s]",
		strings.Join(ids[:min(len(ids), maxNamed)], ", "))
}
