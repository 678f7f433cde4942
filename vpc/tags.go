package vpc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Tag is a label that a user puts on a resource.
type Tag struct {
	Key, Value string
}

// TagSet is the tags of one resource.
type TagSet struct {
	ResourceID string // of any kind that has an id, rules of security groups included
	Tags       []Tag  // by key
}

// AWS's limits on tags (EC2 User Guide, tag restrictions).
const (
	MaxTags     = 50
	MaxTagKey   = 128 // characters
	MaxTagValue = 256 // characters
)

// NameTag is the key of the tag that the console shows as a resource's name.
const NameTag = "Name"

// ValidateTags reports what AWS would refuse in the tags of one resource.
func ValidateTags(tags []Tag) error {
	if len(tags) > MaxTags {
		return fmt.Errorf("%d tags: want at most %d on a resource", len(tags), MaxTags)
	}
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		switch n := utf8.RuneCountInString(t.Key); {
		case n < 1 || n > MaxTagKey:
			return fmt.Errorf("tag key %q: want 1 to %d characters", t.Key, MaxTagKey)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return fmt.Errorf("tag key %q: aws: at the beginning is reserved for AWS", t.Key)
		case utf8.RuneCountInString(t.Value) > MaxTagValue:
			return fmt.Errorf("tag %q: want a value of at most %d characters", t.Key, MaxTagValue)
		case seen[t.Key]:
			return fmt.Errorf("tag key %q: stands there twice", t.Key)
		}
		seen[t.Key] = true
	}
	return nil
}

// canonical returns a copy with the tags by key.
func (t TagSet) canonical() TagSet {
	t.Tags = slices.SortedFunc(slices.Values(t.Tags), func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) })
	return t
}

// Tags returns the tags of a resource, by key.
func (s *Snapshot) Tags(resourceID string) []Tag {
	set, _ := s.TagSet(resourceID)
	return set.Tags
}

// TagSet finds the tags of a resource by its id.
func (s *Snapshot) TagSet(resourceID string) (TagSet, bool) {
	return lookup(s.res.Tags, s.tags, resourceID)
}
