package ec2

import (
	"maps"
	"slices"
	"strings"

	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

// maxTagged is how many resources a call can tag (EC2 API, CreateTags).
const maxTagged = 1000

type createTagsRequest struct {
	ResourceIDs []string     `query:"ResourceId,required"`
	Tags        []requestTag `query:"Tag,required"`
}

// createTags gives each resource each tag, in place of the one that it has under
// the same key.
func (c *call) createTags(in *createTagsRequest) (*done, error) {
	tags, err := readTags(in.Tags)
	switch {
	case err != nil:
		return nil, err
	case len(tags) == 0:
		return nil, missing("Tag")
	}
	return c.retag(in.ResourceIDs, func(t tag) bool {
		return !slices.ContainsFunc(tags, func(other vpc.Tag) bool { return other.Key == t.Key })
	}, tags)
}

type deleteTagsRequest struct {
	ResourceIDs []string     `query:"ResourceId,required"`
	Tags        []requestTag `query:"Tag"`
}

// deleteTags takes tags from each resource: all if the request names none, and
// with whatever value if it says none. That a resource has not got one is no
// error.
func (c *call) deleteTags(in *deleteTagsRequest) (*done, error) {
	for _, t := range in.Tags {
		if err := checkTags([]vpc.Tag{{Key: t.Key}}); err != nil {
			return nil, err
		}
	}
	return c.retag(in.ResourceIDs, func(t tag) bool {
		return len(in.Tags) > 0 && !slices.ContainsFunc(in.Tags, func(gone requestTag) bool {
			return gone.Key == t.Key && (gone.Value == nil || *gone.Value == t.Value)
		})
	}, nil)
}

// retag leaves resources those of their tags that stay, and adds others.
func (c *call) retag(ids []string, stays func(tag) bool, add []vpc.Tag) (*done, error) {
	switch {
	case len(ids) == 0:
		return nil, missing("ResourceId")
	case len(ids) > maxTagged:
		return nil, invalid("The maximum number of resources for one request is %d, and there are %d", maxTagged, len(ids))
	}
	if err := c.checkTaggable(ids); err != nil {
		return nil, err
	}
	for _, id := range ids {
		has := c.tagsOf(id)
		next := slices.DeleteFunc(slices.Clone(has), func(t tag) bool { return !stays(t) })
		for _, t := range add {
			next = append(next, tag(t))
		}
		slices.SortFunc(next, compareTags)
		if slices.Equal(next, has) {
			continue
		}
		if err := c.setTags(id, next); err != nil {
			return nil, err
		}
	}
	return ok()
}

// setTags gives a resource the tags that it is to have. Its name is no tag of its
// own if a file declares it, and stays.
func (c *call) setTags(id string, tags []tag) error {
	if len(tags) > vpc.MaxTags {
		return tooManyTags()
	}
	set := vpc.TagSet{ResourceID: id}
	for _, t := range tags {
		set.Tags = append(set.Tags, vpc.Tag(t))
	}
	if name, at := c.declaredName(id); name != "" {
		i := slices.Index(set.Tags, vpc.Tag{Key: vpc.NameTag, Value: name})
		if i < 0 {
			return &store.DeclaredError{ID: id, Origin: at}
		}
		set.Tags = slices.Delete(set.Tags, i, i+1)
	}
	if len(set.Tags) == 0 {
		return c.Tags.Delete(id)
	}
	return c.Tags.Put(set)
}

// tagDescription is a tag as DescribeTags tells it.
type tagDescription struct {
	Key          string `xml:"key"`
	ResourceID   string `xml:"resourceId"`
	ResourceType string `xml:"resourceType"`
	Value        string `xml:"value"`
}

type describeTagsRequest struct {
	filtered
	paged
}

type describeTagsAnswer struct {
	nextPage
	Tags []tagDescription `xml:"tagSet"`
}

// tagFilters are those of DescribeTags, tag:KEY aside, which is about the tags
// themselves here, and not about what else their resources have.
var tagFilters = filters[tagDescription]{
	"key":           func(_ *call, t *tagDescription) []string { return []string{t.Key} },
	"value":         func(_ *call, t *tagDescription) []string { return []string{t.Value} },
	"resource-id":   func(_ *call, t *tagDescription) []string { return []string{t.ResourceID} },
	"resource-type": func(_ *call, t *tagDescription) []string { return []string{t.ResourceType} },
}

// describeTags lists tags.
func (c *call) describeTags(in *describeTagsRequest) (*describeTagsAnswer, error) {
	known := maps.Clone(tagFilters)
	for _, f := range in.Filters {
		if key, is := strings.CutPrefix(f.Name, "tag:"); is {
			known[f.Name] = func(_ *call, t *tagDescription) []string {
				if t.Key != key {
					return nil
				}
				return []string{t.Value}
			}
		}
	}
	tags, err := selected(c, c.allTags(), in.Filters, known, nil)
	if err != nil {
		return nil, err
	}
	tags, next, err := page(tags, in.paged, ordinaryPages, func(t *tagDescription) string { return t.ResourceID + " " + t.Key })
	return &describeTagsAnswer{next, tags}, err
}

// allTags returns the tags of all resources, the names that a file gives included.
func (c *call) allTags() []tagDescription {
	var ids []string
	for _, set := range c.Tags.All() {
		ids = append(ids, set.ResourceID)
	}
	ids = slices.Concat(ids, c.idsOfNamed())
	slices.Sort(ids)
	var all []tagDescription
	for _, id := range slices.Compact(ids) {
		for _, t := range c.tagsOf(id) {
			all = append(all, tagDescription{t.Key, id, kindOf(id).name, t.Value})
		}
	}
	return all
}

func tagActions() []action {
	return []action{
		write("CreateTags", (*call).createTags),
		write("DeleteTags", (*call).deleteTags),
		read("DescribeTags", (*call).describeTags),
	}
}
