package ec2

import (
	"net/netip"
	"strings"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// rulesOf reads the permissions of a request as rules of a group, one for each
// peer, in their canonical form and without ids. That a permission has no peer is
// refused.
func (c *call) rulesOf(g *vpc.SecurityGroup, d vpc.Direction, permissions []ipPermission) ([]vpc.Rule, error) {
	var rules []vpc.Rule
	for i := range permissions {
		p := &permissions[i]
		service, err := readService(p.Protocol, p.FromPort, p.ToPort)
		if err != nil {
			return nil, err
		}
		service.GroupID, service.Direction = g.ID, d
		before := len(rules)
		if rules, err = c.appendPeers(rules, g, service, p); err != nil {
			return nil, err
		}
		if len(rules) == before {
			return nil, query.Errorf("MissingParameter", "Missing source specification: include source security group or CIDR information")
		}
	}
	seen := make(map[vpc.Key]bool, len(rules))
	for i := range rules {
		if seen[rules[i].Key()] {
			return nil, invalid("The same permission must not appear multiple times")
		}
		seen[rules[i].Key()] = true
	}
	return rules, nil
}

// appendPeers appends a rule for each peer of a permission.
func (c *call) appendPeers(rules []vpc.Rule, g *vpc.SecurityGroup, service vpc.Rule, p *ipPermission) ([]vpc.Rule, error) {
	var err error
	add := func(description string, peer vpc.Peer, fault error) {
		r := service
		r.Peer, r.Description = peer, description
		if err == nil {
			err = fault
		}
		rules = append(rules, r)
	}
	for _, x := range p.Groups {
		id, fault := c.peerGroup(g, x)
		add(x.Description, vpc.Peer{GroupID: id}, fault)
	}
	for _, x := range p.IPv4 {
		cidr, fault := readCIDR("CidrIp", x.CIDR, false)
		add(x.Description, vpc.Peer{CIDR: cidr}, fault)
	}
	for _, x := range p.IPv6 {
		cidr, fault := readCIDR("CidrIpv6", x.CIDR, true)
		add(x.Description, vpc.Peer{CIDR: cidr}, fault)
	}
	for _, x := range p.Lists {
		add(x.Description, vpc.Peer{PrefixListID: x.ID}, c.checkPeerList(x.ID))
	}
	return rules, err
}

// readService reads protocol and ports of a rule. It returns them canonical, in a
// rule without a peer.
func readService(protocol string, from, to *int32) (vpc.Rule, error) {
	if protocol == "" {
		return vpc.Rule{}, invalid("Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.")
	}
	p, err := vpc.ParseProtocol(protocol)
	if err != nil || strings.EqualFold(protocol, "all") { // "all" is the aws CLI's own word
		return vpc.Rule{}, invalid("Invalid value '%s' for IP protocol. Unknown protocol.", protocol)
	}
	r := vpc.Rule{Protocol: p, FromPort: vpc.Any, ToPort: vpc.Any}
	if from != nil {
		r.FromPort = *from
	}
	if to != nil {
		r.ToPort = *to
	}
	whole := from != nil && to != nil
	switch {
	case p.HasPorts() && !whole:
		return r, invalid("Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
	case p == vpc.ICMP && !whole:
		return r, invalid("Invalid value for portRange. Must specify both from and to ports with ICMP.")
	case p.HasPorts():
		err = checkPorts(r.FromPort, r.ToPort)
	case p.IsICMP():
		err = checkICMP(r.FromPort, r.ToPort)
	}
	return r.Canonical(), err
}

func checkPorts(from, to int32) error {
	for _, port := range []int32{from, to} {
		if port < 0 || port > 65535 {
			return invalid("TCP/UDP port (%d) out of range", port)
		}
	}
	if from > to {
		return invalid("Invalid TCP/UDP port range (%d:%d)", from, to)
	}
	return nil
}

// checkICMP checks a type and a code, which are a pair and not a range.
func checkICMP(kind, code int32) error {
	switch {
	case kind < vpc.Any || kind > 255:
		return invalid("ICMP type (%d) out of range", kind)
	case code < vpc.Any || code > 255:
		return invalid("ICMP code (%d) out of range", code)
	case kind == vpc.Any && code != vpc.Any:
		return invalid("ICMP code (%d) out of range. All ICMP types (-1) go with all codes (-1).", code)
	}
	return nil
}

// readCIDR reads an address block of one family and clears its host bits.
func readCIDR(parameter, value string, ipv6 bool) (netip.Prefix, error) {
	if value == "" {
		return netip.Prefix{}, missing(parameter)
	}
	cidr, err := netip.ParsePrefix(value)
	if err != nil || cidr.Addr().Is6() != ipv6 || cidr.Addr().Is4In6() {
		return cidr, invalid("CIDR block %s is malformed", value)
	}
	return cidr.Masked(), nil
}

// peerGroup finds the group that a rule of g is to refer to. An id counts more
// than a name beside it.
func (c *call) peerGroup(g *vpc.SecurityGroup, pair groupPair) (string, error) {
	var peer vpc.SecurityGroup
	var err error
	switch {
	case pair.GroupID != "":
		peer, err = c.groupWithID(pair.GroupID)
	case pair.GroupName != "":
		peer, err = c.groupNamed(pair.GroupName)
	default:
		err = query.Errorf("MissingParameter", "Source group ID missing.")
	}
	switch {
	case err != nil:
		return "", err
	case pair.UserID != "" && pair.UserID != c.owner():
		return "", noGroup(peer.ID) // another account's, which are not here
	case peer.VPCID != g.VPCID || pair.VPCID != "" && pair.VPCID != g.VPCID:
		return "", query.Errorf(vpc.CodeGroupNotFound, "You have specified two resources that belong to different networks.")
	}
	return peer.ID, nil
}

// checkPeerList refuses a prefix list that is not there.
func (c *call) checkPeerList(id string) error {
	if id == "" {
		return missing("PrefixListId")
	}
	if _, is := c.PrefixLists.Get(id); !is {
		return noList(id)
	}
	return nil
}

// checkDescriptions refuses the descriptions of rules as AWS does.
func checkDescriptions(rules []vpc.Rule) error {
	for i := range rules {
		if vpc.ValidateDescription(rules[i].Description) != nil {
			return invalid("Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:%s", textSet)
		}
	}
	return nil
}

// saidOfRule describes a rule as AWS does when there is one already.
func saidOfRule(r *vpc.Rule) string {
	said := r.String()
	if !r.Protocol.IsICMP() {
		return said
	}
	said = strings.Replace(said, "type: -1", "type: ALL", 1)
	return strings.Replace(said, "code: -1", "code: ALL", 1)
}

// checkNoDuplicates refuses rules of which two are the same.
func checkNoDuplicates(rules []vpc.Rule) error {
	seen := make(map[vpc.Key]bool, len(rules))
	for i := range rules {
		if seen[rules[i].Key()] {
			return query.Errorf(vpc.CodeDuplicatePermission, `the specified rule "%s" already exists`, saidOfRule(&rules[i]))
		}
		seen[rules[i].Key()] = true
	}
	return nil
}

// checkRuleQuota refuses more rules than a group may have of a direction and
// family. A group counts in both, a prefix list as many as it may have entries.
func (c *call) checkRuleQuota(rules []vpc.Rule) error {
	var ipv4, ipv6 int
	for i := range rules {
		switch peer := rules[i].Peer; {
		case peer.GroupID != "":
			ipv4, ipv6 = ipv4+1, ipv6+1
		case peer.PrefixListID != "":
			if list, _ := c.PrefixLists.Get(peer.PrefixListID); list.IPv6 {
				ipv6 += list.MaxEntries
			} else {
				ipv4 += list.MaxEntries
			}
		case peer.CIDR.Addr().Is4():
			ipv4++
		default:
			ipv6++
		}
	}
	if max(ipv4, ipv6) > c.Quotas().RulesPerGroup {
		return query.Errorf(vpc.CodeRulesPerGroupLimit, "The maximum number of rules per security group has been reached.")
	}
	return nil
}
