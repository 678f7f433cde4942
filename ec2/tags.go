package ec2

import (
	"slices"
	"strings"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// tag is a tag on the wire.
type tag struct {
	Key   string `xml:"key" query:"Key"`
	Value string `xml:"value" query:"Value"`
}

// tagSpecification is tags for the resources that a request makes.
type tagSpecification struct {
	ResourceType string `query:"ResourceType"`
	Tags         []tag  `query:"Tag"`
}

// tagSpecified is part of requests that make resources.
type tagSpecified struct {
	TagSpecifications []tagSpecification `query:"TagSpecification"`
}

// tagsOf returns a resource's tags, by key.
func (c *call) tagsOf(id string) []tag {
	set, _ := c.Tags.Get(id)
	out := make([]tag, len(set.Tags))
	for i, t := range set.Tags {
		out[i] = tag(t)
	}
	return out
}

// tagValues returns what a filter about tags compares: tag:KEY the value under
// that key, tag-key the keys, tag-value the values.
func (c *call) tagValues(filter, id string) []string {
	var values []string
	key, one := strings.CutPrefix(filter, "tag:")
	for _, t := range c.tagsOf(id) {
		switch {
		case one && t.Key == key, filter == "tag-value":
			values = append(values, t.Value)
		case filter == "tag-key":
			values = append(values, t.Key)
		}
	}
	return values
}

// tagsFor returns the tags that a request gives to resources of a type. Other
// types than those that the request makes are refused.
func (in *tagSpecified) tagsFor(kind string, others ...string) ([]vpc.Tag, error) {
	var tags []vpc.Tag
	for _, spec := range in.TagSpecifications {
		switch {
		case spec.ResourceType == kind:
			for _, t := range spec.Tags {
				tags = append(tags, vpc.Tag(t))
			}
		case !slices.Contains(others, spec.ResourceType):
			return nil, invalid("'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
	}
	return tags, checkTags(tags)
}

// checkTags refuses tags as AWS does.
func checkTags(tags []vpc.Tag) error {
	if len(tags) > vpc.MaxTags {
		return query.Errorf("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	if err := vpc.ValidateTags(tags); err != nil {
		return invalid("%v", err)
	}
	return nil
}

// tagNew gives a resource that is being made its tags.
func (c *call) tagNew(id string, tags []vpc.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	return c.Tags.Put(vpc.TagSet{ResourceID: id, Tags: tags})
}

// untag removes the tags of a resource that is being deleted.
func (c *call) untag(ids ...string) error {
	for _, id := range ids {
		if err := c.Tags.Delete(id); err != nil {
			return err
		}
	}
	return nil
}

func tagActions() []action { return nil }
