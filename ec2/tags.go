package ec2

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// tag is a tag on the wire.
type tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// requestTag is a tag that a request names.
type requestTag struct {
	Key   string  `query:"Key"`
	Value *string `query:"Value"`
}

// tagSpecification is tags for the resources that a request makes.
type tagSpecification struct {
	ResourceType string       `query:"ResourceType"`
	Tags         []requestTag `query:"Tag"`
}

// tagSpecified is part of requests that make resources.
type tagSpecified struct {
	TagSpecifications []tagSpecification `query:"TagSpecification"`
}

// tagsOf returns a resource's tags, by key. The name that a file gives a resource
// is its Name tag.
func (c *call) tagsOf(id string) []tag {
	set, _ := c.Tags.Get(id)
	out := make([]tag, 0, len(set.Tags)+1)
	name, _ := c.declaredName(id)
	if name != "" {
		out = append(out, tag{vpc.NameTag, name})
	}
	for _, t := range set.Tags {
		if name == "" || t.Key != vpc.NameTag {
			out = append(out, tag(t))
		}
	}
	slices.SortFunc(out, compareTags)
	return out
}

func compareTags(a, b tag) int { return cmp.Compare(a.Key, b.Key) }

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
	var tags []requestTag
	for _, spec := range in.TagSpecifications {
		switch {
		case spec.ResourceType == kind:
			tags = append(tags, spec.Tags...)
		case !slices.Contains(others, spec.ResourceType):
			return nil, invalid("'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
	}
	return readTags(tags)
}

// readTags reads the tags that a request gives to resources. A value can be empty,
// but not be left out.
func readTags(given []requestTag) ([]vpc.Tag, error) {
	var tags []vpc.Tag
	for _, t := range given {
		if t.Value == nil {
			return nil, invalid("Value ( %s ) for parameter value is invalid. Tag value cannot be null. Use empty string instead.", t.Key)
		}
		tags = append(tags, vpc.Tag{Key: t.Key, Value: *t.Value})
	}
	return tags, checkTags(tags)
}

// checkTags refuses tags as AWS does.
func checkTags(tags []vpc.Tag) error {
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		switch {
		case t.Key == "":
			return invalid("Value ( '' ) for parameter Tag key is invalid. Tag key cannot be null or empty.")
		case utf8.RuneCountInString(t.Key) > vpc.MaxTagKey:
			return invalid("Tag key exceeds the maximum length of %d characters", vpc.MaxTagKey)
		case utf8.RuneCountInString(t.Value) > vpc.MaxTagValue:
			return invalid("Tag value exceeds the maximum length of %d characters", vpc.MaxTagValue)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return invalid("Value ( %s ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use", t.Key)
		case seen[t.Key]:
			return invalid("Duplicate tag key '%s' specified.", t.Key)
		}
		seen[t.Key] = true
	}
	if len(tags) > vpc.MaxTags {
		return tooManyTags()
	}
	return nil
}

func tooManyTags() error {
	return query.Errorf("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
}

// tagNew gives a resource that is being made its tags.
func (c *call) tagNew(id string, tags []vpc.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	return c.Tags.Put(vpc.TagSet{ResourceID: id, Tags: tags})
}

// untag removes what hangs at resources that are being deleted: their tags, and
// the flow logs that are about them.
func (c *call) untag(ids ...string) error {
	for _, id := range ids {
		if err := c.Tags.Delete(id); err != nil {
			return err
		}
		if err := c.deleteFlowLogsOf(id); err != nil {
			return err
		}
	}
	return nil
}
