package ec2

import (
	"strconv"

	"github.com/sgate/sgate/vpc"
)

// groupFilters returns the filters of DescribeSecurityGroups. Those about rules
// need not be met by one and the same rule.
func groupFilters() filters[vpc.SecurityGroup] {
	known := filters[vpc.SecurityGroup]{
		"description": func(_ *call, g *vpc.SecurityGroup) []string { return []string{g.Description} },
		"group-id":    func(_ *call, g *vpc.SecurityGroup) []string { return []string{g.ID} },
		"group-name":  func(_ *call, g *vpc.SecurityGroup) []string { return []string{g.Name} },
		"owner-id":    func(c *call, _ *vpc.SecurityGroup) []string { return []string{c.owner()} },
		"vpc-id":      func(_ *call, g *vpc.SecurityGroup) []string { return []string{g.VPCID} },
	}
	for name, of := range permissionFilters {
		known["ip-permission."+name] = ofRules(vpc.Ingress, of)
		known["egress.ip-permission."+name] = ofRules(vpc.Egress, of)
	}
	return known
}

// ofRules makes a filter on groups from one on rules.
func ofRules(d vpc.Direction, of func(*call, *vpc.Rule) string) func(*call, *vpc.SecurityGroup) []string {
	return func(c *call, g *vpc.SecurityGroup) []string {
		rules := g.Rules(d)
		var values []string
		for i := range rules {
			if value := of(c, &rules[i]); value != "" {
				values = append(values, value)
			}
		}
		return values
	}
}

// permissionFilters tell the value that a rule has under a filter's name, or "".
var permissionFilters = map[string]func(*call, *vpc.Rule) string{
	"cidr":      func(_ *call, r *vpc.Rule) string { return propertiesOf(r).IPv4 },
	"ipv6-cidr": func(_ *call, r *vpc.Rule) string { return propertiesOf(r).IPv6 },
	"from-port": func(_ *call, r *vpc.Rule) string { return port(r, r.FromPort) },
	"to-port":   func(_ *call, r *vpc.Rule) string { return port(r, r.ToPort) },
	"group-id":  func(_ *call, r *vpc.Rule) string { return r.Peer.GroupID },
	"group-name": func(c *call, r *vpc.Rule) string {
		peer, _ := c.SecurityGroups.Get(r.Peer.GroupID)
		return peer.Name
	},
	"prefix-list-id": func(_ *call, r *vpc.Rule) string { return r.Peer.PrefixListID },
	"protocol":       func(_ *call, r *vpc.Rule) string { return r.Protocol.String() },
	"user-id": func(c *call, r *vpc.Rule) string {
		if r.Peer.GroupID == "" {
			return ""
		}
		return c.owner()
	},
}

// port returns what a rule shows as its port, ICMP type or code.
func port(r *vpc.Rule, value int32) string {
	if !r.Protocol.HasPorts() && !r.Protocol.IsICMP() {
		return ""
	}
	return strconv.Itoa(int(value))
}

var groupForVPCFilters = filters[vpc.SecurityGroup]{
	"description":    func(_ *call, g *vpc.SecurityGroup) []string { return []string{g.Description} },
	"group-id":       func(_ *call, g *vpc.SecurityGroup) []string { return []string{g.ID} },
	"group-name":     func(_ *call, g *vpc.SecurityGroup) []string { return []string{g.Name} },
	"owner-id":       func(c *call, _ *vpc.SecurityGroup) []string { return []string{c.owner()} },
	"primary-vpc-id": func(_ *call, g *vpc.SecurityGroup) []string { return []string{g.VPCID} },
}
