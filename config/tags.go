package config

import "github.com/sgate/sgate/vpc"

// tags reads the tags of a resource, or of all the rules that one rule of the
// file is.
func (b *builder) tags(it item, raws []rawTag, ids ...string) {
	var tags []vpc.Tag
	for i, raw := range raws {
		tag := it.child("tags", i)
		if !tag.given("key") && !tag.broken() {
			tag.missing("key", "want one such as Environment")
		}
		if !tag.ok("key") || tag.given("value") && !tag.ok("value") {
			continue
		}
		tags = append(tags, vpc.Tag{Key: string(raw.Key), Value: string(raw.Value)})
	}
	if err := vpc.ValidateTags(tags); err != nil {
		it.misplaced("tags", "%v", err)
		return
	}
	if len(tags) == 0 {
		return
	}
	for _, id := range ids {
		b.res.Tags = append(b.res.Tags, vpc.TagSet{ResourceID: id, Tags: tags})
	}
}

// namedTags is tags for a resource whose name AWS has as its Name tag: a tag of
// that key must not say something else.
func (b *builder) namedTags(it item, name string, raws []rawTag, id string) {
	b.tags(it, raws, id)
	for i, raw := range raws {
		if raw.Key == vpc.NameTag && name != "" && string(raw.Value) != name {
			it.child("tags", i).fault("value", string(raw.Value), "the name %s is the Name tag in AWS: want one of them, as name", quote(name))
		}
	}
}

// tagFlowLogs reads the tags of flow logs, which are no resources of vpc
// otherwise: what else is wrong with one, buildFlowLogs finds.
func (b *builder) tagFlowLogs() {
	for i, raw := range b.raw.FlowLogs {
		it := b.root.child("flow_logs", i)
		id := vpc.NewID("fl", raw.Name)
		if it.ok("id") {
			id = raw.ID
		}
		b.tags(it, raw.Tags, id)
	}
}
