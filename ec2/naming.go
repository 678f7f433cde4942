package ec2

import (
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

// The name of a resource and its Name tag are one. Where a file names a VPC, a
// subnet, a network ACL, an instance or a flow log, that is the tag; where the API
// has made a VPC, a subnet or a network ACL, the tag is what sgate calls it.

// declaredName returns the name that a file gives a resource, "" if it gives none,
// and where.
func (c *call) declaredName(id string) (name string, at vpc.Origin) {
	prefix, _, _ := strings.Cut(id, "-")
	switch {
	case !c.VPCs.Declared(id): // it is about all kinds
	case prefix == "vpc":
		x, _ := c.VPCs.Get(id)
		return x.Name, x.Origin
	case prefix == "subnet":
		x, _ := c.Subnets.Get(id)
		return x.Name, x.Origin
	case prefix == "acl":
		x, _ := c.NetworkACLs.Get(id)
		return x.Name, x.Origin
	case prefix == "i":
		x, _ := c.Instances.Get(id)
		return x.Name, x.Origin
	case prefix == "fl":
		x, _ := c.FlowLogs.Get(id)
		return x.Name, x.Origin
	}
	return "", vpc.Origin{}
}

// idsOfNamed returns the ids of all that a file may name.
func (c *call) idsOfNamed() []string {
	return slices.Concat(
		idsOf(c.VPCs, func(x *vpc.VPC) string { return x.ID }),
		idsOf(c.Subnets, func(x *vpc.Subnet) string { return x.ID }),
		idsOf(c.NetworkACLs, func(x *vpc.NetworkACL) string { return x.ID }),
		idsOf(c.Instances, func(x *vpc.Instance) string { return x.ID }),
		idsOf(c.FlowLogs, func(x *store.FlowLog) string { return x.ID }),
	)
}

func idsOf[T any](t *store.Table[T], idOf func(*T) string) []string {
	all := t.All()
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = idOf(&all[i])
	}
	return ids
}

// nameByTags gives what the API has made the names that its Name tags say. Each
// change ends with it.
func (c *call) nameByTags() error {
	return errors.Join(
		nameByTags(c, c.VPCs, func(x *vpc.VPC) (string, *string) { return x.ID, &x.Name }),
		nameByTags(c, c.Subnets, func(x *vpc.Subnet) (string, *string) { return x.ID, &x.Name }),
		nameByTags(c, c.NetworkACLs, func(x *vpc.NetworkACL) (string, *string) { return x.ID, &x.Name }),
	)
}

func nameByTags[T any](c *call, t *store.Table[T], fields func(*T) (id string, name *string)) error {
	for _, x := range t.All() {
		id, name := fields(&x)
		if tagged := c.nameTag(id); *name != tagged && !t.Declared(id) {
			*name = tagged
			if err := t.Put(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxName is the longest name that a configuration file can have, in bytes.
const maxName = 255

// nameTag returns what a resource is called by its Name tag: "" if that is no name
// for a configuration file, in which a name is printable and no id.
func (c *call) nameTag(id string) string {
	prefix, _, _ := strings.Cut(id, "-")
	set, _ := c.Tags.Get(id)
	for _, t := range set.Tags {
		if t.Key == vpc.NameTag && len(t.Value) <= maxName && isPrintable(t.Value) && !vpc.IsID(prefix, t.Value) {
			return t.Value
		}
	}
	return ""
}

func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
