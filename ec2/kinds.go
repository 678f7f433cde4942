package ec2

import (
	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

// kind is a type of resources that can have tags.
type kind struct {
	prefix  string // of their ids
	name    string // as AWS has it, such as "security-group-rule"
	missing func(id string) error
	has     func(*call) func(id string) bool // reports whether there is one
}

// kinds lists the types.
func kinds() []kind {
	return []kind{
		{"vpc", "vpc", noVPC, func(c *call) func(string) bool { return in(c.VPCs) }},
		{"subnet", "subnet", noSubnet, func(c *call) func(string) bool { return in(c.Subnets) }},
		{"sg", "security-group", noGroup, func(c *call) func(string) bool { return in(c.SecurityGroups) }},
		{"sgr", "security-group-rule", noRule, (*call).hasRule},
		{"pl", "prefix-list", noList, func(c *call) func(string) bool { return in(c.PrefixLists) }},
		{"acl", "network-acl", noACL, (*call).hasACL},
		{"eni", "network-interface", noInterface, func(c *call) func(string) bool { return in(c.Interfaces) }},
		{"i", "instance", noInstance, func(c *call) func(string) bool { return in(c.Instances) }},
		{"fl", "vpc-flow-log", noFlowLog, func(c *call) func(string) bool { return in(c.FlowLogs) }},
	}
}

// kindOf returns the type of what has an id; the zero kind for none that there is
// here.
func kindOf(id string) kind {
	for _, k := range kinds() {
		if vpc.IsID(k.prefix, id) {
			return k
		}
	}
	return kind{}
}

// checkTaggable refuses ids that no resource has.
func (c *call) checkTaggable(ids []string) error {
	known := make(map[string]func(string) bool)
	for _, id := range ids {
		k := kindOf(id)
		switch {
		case k.has == nil:
			return query.Errorf("InvalidID", "The ID '%s' is not valid", id)
		case known[k.prefix] == nil:
			known[k.prefix] = k.has(c)
		}
		if !known[k.prefix](id) {
			return k.missing(id)
		}
	}
	return nil
}

// in returns a function that finds ids in a table.
func in[T any](t *store.Table[T]) func(string) bool {
	return func(id string) bool {
		_, is := t.Get(id)
		return is
	}
}

// hasRule returns a function that finds ids of rules of security groups.
func (c *call) hasRule() func(string) bool {
	ids := make(map[string]bool)
	for _, g := range c.SecurityGroups.All() {
		for _, rules := range [][]vpc.Rule{g.Ingress, g.Egress} {
			for i := range rules {
				ids[rules[i].ID] = true
			}
		}
	}
	return func(id string) bool { return ids[id] }
}

// hasACL returns a function that finds ids of network ACLs, those included that
// AWS gives a VPC by default.
func (c *call) hasACL() func(string) bool {
	return func(id string) bool {
		_, is := c.acl(id)
		return is
	}
}
