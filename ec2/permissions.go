package ec2

import "github.com/sgate/sgate/vpc"

// ipPermission is what requests name, and groups tell, as one: the rules of a
// group and direction that have protocol and ports in common, with their peers
// in four lists, each of which is there even if it is empty.
type ipPermission struct {
	Protocol string         `xml:"ipProtocol" query:"IpProtocol"`
	FromPort *int32         `xml:"fromPort" query:"FromPort"`
	ToPort   *int32         `xml:"toPort" query:"ToPort"`
	Groups   []groupPair    `xml:"groups" query:"Groups"`
	IPv4     []ipv4Range    `xml:"ipRanges" query:"IpRanges"`
	IPv6     []ipv6Range    `xml:"ipv6Ranges" query:"Ipv6Ranges"`
	Lists    []prefixListID `xml:"prefixListIds" query:"PrefixListIds"`
}

type groupPair struct {
	UserID      string `xml:"userId" query:"UserId"`
	GroupID     string `xml:"groupId" query:"GroupId"`
	GroupName   string `xml:"groupName,omitempty" query:"GroupName"` // in requests only
	VPCID       string `xml:"vpcId,omitempty" query:"VpcId"`         // in requests only
	Description string `xml:"description,omitempty" query:"Description"`
}

type ipv4Range struct {
	CIDR        string `xml:"cidrIp" query:"CidrIp"`
	Description string `xml:"description,omitempty" query:"Description"`
}

type ipv6Range struct {
	CIDR        string `xml:"cidrIpv6" query:"CidrIpv6"`
	Description string `xml:"description,omitempty" query:"Description"`
}

type prefixListID struct {
	ID          string `xml:"prefixListId" query:"PrefixListId"`
	Description string `xml:"description,omitempty" query:"Description"`
}

// permissions tells rules as DescribeSecurityGroups does.
func (c *call) permissions(rules []vpc.Rule) []ipPermission {
	type service struct {
		protocol vpc.Protocol
		from, to int32
	}
	var out []ipPermission
	at := make(map[service]int)
	owner := c.owner()
	for i := range rules {
		r := &rules[i]
		key := service{r.Protocol, r.FromPort, r.ToPort}
		n, is := at[key]
		if !is {
			n = len(out)
			at[key] = n
			out = append(out, newPermission(r))
		}
		out[n].add(r, owner)
	}
	return out
}

// newPermission returns the permission of a rule, without its peer. Protocols
// without ports have none here, where the flat view of rules has -1.
func newPermission(r *vpc.Rule) ipPermission {
	p := ipPermission{Protocol: r.Protocol.String()}
	if r.Protocol.HasPorts() || r.Protocol.IsICMP() {
		p.FromPort, p.ToPort = new(int32), new(int32)
		*p.FromPort, *p.ToPort = r.FromPort, r.ToPort
	}
	return p
}

// add adds the peer of a rule. Groups of the same VPC come without their names.
func (p *ipPermission) add(r *vpc.Rule, owner string) {
	switch peer := r.Peer; {
	case peer.GroupID != "":
		p.Groups = append(p.Groups, groupPair{UserID: owner, GroupID: peer.GroupID, Description: r.Description})
	case peer.PrefixListID != "":
		p.Lists = append(p.Lists, prefixListID{peer.PrefixListID, r.Description})
	case peer.CIDR.Addr().Is4():
		p.IPv4 = append(p.IPv4, ipv4Range{peer.CIDR.String(), r.Description})
	default:
		p.IPv6 = append(p.IPv6, ipv6Range{peer.CIDR.String(), r.Description})
	}
}
