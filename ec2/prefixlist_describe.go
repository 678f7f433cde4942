package ec2

import (
	"net/netip"

	"github.com/sgate/sgate/vpc"
)

// The pages of prefix lists and their entries, and of their associations.
var (
	prefixListPages  = pageSizes{1, 100}
	associationPages = pageSizes{5, 255}
)

type describePrefixListsRequest struct {
	filtered
	paged
	IDs []string `query:"PrefixListId"`
}

type describeManagedPrefixListsAnswer struct {
	nextPage
	PrefixLists []managedPrefixList `xml:"prefixListSet"`
}

var prefixListFilters = filters[vpc.PrefixList]{
	"owner-id":         func(c *call, _ *vpc.PrefixList) []string { return []string{c.owner()} },
	"prefix-list-id":   func(_ *call, l *vpc.PrefixList) []string { return []string{l.ID} },
	"prefix-list-name": func(_ *call, l *vpc.PrefixList) []string { return []string{l.Name} },
}

func idOfPrefixList(l *vpc.PrefixList) string { return l.ID }

// prefixLists returns the page of lists that a request asks for.
func (c *call) prefixLists(in *describePrefixListsRequest, sizes pageSizes) ([]vpc.PrefixList, nextPage, error) {
	lists, err := named(c.PrefixLists.All(), in.IDs, idOfPrefixList, noList)
	if err != nil {
		return nil, nextPage{}, err
	}
	if lists, err = selected(c, lists, in.Filters, prefixListFilters, idOfPrefixList); err != nil {
		return nil, nextPage{}, err
	}
	return page(lists, in.paged, sizes, idOfPrefixList)
}

func (c *call) describeManagedPrefixLists(in *describePrefixListsRequest) (*describeManagedPrefixListsAnswer, error) {
	lists, next, err := c.prefixLists(in, prefixListPages)
	out := make([]managedPrefixList, len(lists))
	for i := range lists {
		out[i] = c.managedList(&lists[i])
	}
	return &describeManagedPrefixListsAnswer{next, out}, err
}

// prefixListCIDRs is a list as the older DescribePrefixLists tells it.
type prefixListCIDRs struct {
	CIDRs []netip.Prefix `xml:"cidrSet"`
	ID    string         `xml:"prefixListId"`
	Name  string         `xml:"prefixListName"`
}

type describePrefixListsAnswer struct {
	nextPage
	PrefixLists []prefixListCIDRs `xml:"prefixListSet"`
}

func (c *call) describePrefixLists(in *describePrefixListsRequest) (*describePrefixListsAnswer, error) {
	lists, next, err := c.prefixLists(in, ordinaryPages)
	out := make([]prefixListCIDRs, len(lists))
	for i, l := range lists {
		out[i] = prefixListCIDRs{ID: l.ID, Name: l.Name}
		for _, e := range l.Entries {
			out[i].CIDRs = append(out[i].CIDRs, e.CIDR)
		}
	}
	return &describePrefixListsAnswer{next, out}, err
}

type getPrefixListEntriesRequest struct {
	paged
	ID            string `query:"PrefixListId,required"`
	TargetVersion *int   `query:"TargetVersion"`
}

type getPrefixListEntriesAnswer struct {
	nextPage
	Entries []prefixListEntry `xml:"entrySet"`
}

func (c *call) getManagedPrefixListEntries(in *getPrefixListEntriesRequest) (*getPrefixListEntriesAnswer, error) {
	list, is := c.PrefixLists.Get(in.ID)
	if !is {
		return nil, noList(in.ID)
	}
	version := list.Version
	if in.TargetVersion != nil {
		version = *in.TargetVersion
	}
	entries, err := entriesAt(&list, version)
	if err != nil {
		return nil, err
	}
	out := make([]prefixListEntry, len(entries))
	for i, e := range entries {
		out[i] = prefixListEntry{e.CIDR.String(), e.Description}
	}
	out, next, err := page(out, in.paged, prefixListPages, func(e *prefixListEntry) string { return e.CIDR })
	return &getPrefixListEntriesAnswer{next, out}, err
}

type getPrefixListAssociationsRequest struct {
	paged
	ID string `query:"PrefixListId,required"`
}

// prefixListAssociation is a resource that names a list.
type prefixListAssociation struct {
	ResourceID    string `xml:"resourceId"`
	ResourceOwner string `xml:"resourceOwner"`
}

type getPrefixListAssociationsAnswer struct {
	nextPage
	Associations []prefixListAssociation `xml:"prefixListAssociationSet"`
}

func (c *call) getManagedPrefixListAssociations(in *getPrefixListAssociationsRequest) (*getPrefixListAssociationsAnswer, error) {
	if _, is := c.PrefixLists.Get(in.ID); !is {
		return nil, noList(in.ID)
	}
	var all []prefixListAssociation
	for _, g := range c.groupsNaming(in.ID) {
		all = append(all, prefixListAssociation{g.ID, c.owner()})
	}
	all, next, err := page(all, in.paged, associationPages, func(a *prefixListAssociation) string { return a.ResourceID })
	return &getPrefixListAssociationsAnswer{next, all}, err
}
