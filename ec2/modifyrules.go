package ec2

import (
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

type modifySecurityGroupRulesRequest struct {
	GroupID string       `query:"GroupId,required"`
	Rules   []ruleUpdate `query:"SecurityGroupRule,required"`
}

type ruleUpdate struct {
	ID   string      `query:"SecurityGroupRuleId,required"`
	Rule ruleRequest `query:"SecurityGroupRule"`
}

// ruleRequest is a whole rule, with one peer.
type ruleRequest struct {
	Protocol     string `query:"IpProtocol"`
	FromPort     *int32 `query:"FromPort"`
	ToPort       *int32 `query:"ToPort"`
	IPv4         string `query:"CidrIpv4"`
	IPv6         string `query:"CidrIpv6"`
	PrefixListID string `query:"PrefixListId"`
	GroupID      string `query:"ReferencedGroupId"`
	Description  string `query:"Description"`
}

// modifySecurityGroupRules replaces rules by others, which keep their ids, tags
// and directions.
func (c *call) modifySecurityGroupRules(in *modifySecurityGroupRulesRequest) (*done, error) {
	g, err := c.groupToChange(groupReference{GroupID: in.GroupID})
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	for i := range in.Rules {
		id := in.Rules[i].ID
		if seen[id] {
			return nil, invalid("The same security group rule '%s' must not appear multiple times", id)
		}
		seen[id] = true
		if g, err = c.modifyRule(g, id, &in.Rules[i].Rule); err != nil {
			return nil, err
		}
	}
	for _, d := range []vpc.Direction{vpc.Ingress, vpc.Egress} {
		if err := c.putRules(g, d, g.Rules(d)); err != nil {
			return nil, err
		}
	}
	return ok()
}

// modifyRule returns a group in which one rule is replaced.
func (c *call) modifyRule(g vpc.SecurityGroup, id string, by *ruleRequest) (vpc.SecurityGroup, error) {
	d := vpc.Ingress
	if slices.Contains(ruleIDs(g.Egress), id) {
		d = vpc.Egress
	}
	at, err := placesOf(g.Rules(d), []string{id})
	if err != nil {
		return g, err
	}
	rules := slices.Clone(g.Rules(d))
	r, err := c.replacement(&g, &rules[at[0]], by)
	rules[at[0]] = r
	return withRules(g, d, rules), err
}

// replacement returns what a rule becomes.
func (c *call) replacement(g *vpc.SecurityGroup, old *vpc.Rule, by *ruleRequest) (vpc.Rule, error) {
	r, err := readService(by.Protocol, by.FromPort, by.ToPort)
	if err != nil {
		return r, err
	}
	kind, err := by.peerKind()
	if err != nil {
		return r, err
	}
	if was := peerKindOf(old.Peer); kind != was {
		return r, invalid("Invalid rule type for security group rule '%s'. You may not specify %s for an existing %s rule.", old.ID, kind.parameter, was.name)
	}
	switch kind {
	case ipv4Peer:
		r.Peer.CIDR, err = readCIDR("CidrIpv4", by.IPv4, false)
	case ipv6Peer:
		r.Peer.CIDR, err = readCIDR("CidrIpv6", by.IPv6, true)
	case listPeer:
		r.Peer.PrefixListID, err = by.PrefixListID, c.checkPeerList(by.PrefixListID)
	case groupPeer:
		r.Peer.GroupID, err = c.peerGroup(g, groupPair{GroupID: by.GroupID})
	}
	if err != nil {
		return r, err
	}
	r.ID, r.GroupID, r.Direction, r.Description = old.ID, old.GroupID, old.Direction, by.Description
	return r, checkDescriptions([]vpc.Rule{r})
}

// peerKind is what the peer of a rule is, for good: the parameter that names it,
// and what AWS calls such a rule.
type peerKind struct{ parameter, name string }

var (
	ipv4Peer  = peerKind{"CidrIpv4", "IPv4 CIDR"}
	ipv6Peer  = peerKind{"CidrIpv6", "IPv6 CIDR"}
	listPeer  = peerKind{"PrefixListId", "prefix list"}
	groupPeer = peerKind{"ReferencedGroupId", "referenced group"}
)

func peerKindOf(p vpc.Peer) peerKind {
	switch {
	case p.GroupID != "":
		return groupPeer
	case p.PrefixListID != "":
		return listPeer
	case p.CIDR.Addr().Is4():
		return ipv4Peer
	}
	return ipv6Peer
}

// peerKind returns the kind of the only peer that a request has for a rule.
func (r *ruleRequest) peerKind() (peerKind, error) {
	var kinds []peerKind
	for _, given := range []struct {
		value string
		kind  peerKind
	}{{r.IPv4, ipv4Peer}, {r.IPv6, ipv6Peer}, {r.PrefixListID, listPeer}, {r.GroupID, groupPeer}} {
		if given.value != "" {
			kinds = append(kinds, given.kind)
		}
	}
	switch len(kinds) {
	case 0:
		return peerKind{}, query.Errorf("MissingParameter", "The request must contain exactly one of: cidrIp, cidrIpv6, prefixListId, or referencedGroupId")
	case 1:
		return kinds[0], nil
	}
	return peerKind{}, combination("Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified")
}
