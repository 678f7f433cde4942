package ec2

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/sgate/sgate/vpc"
)

// aclItem is a network ACL on the wire.
type aclItem struct {
	ID           string           `xml:"networkAclId"`
	VPCID        string           `xml:"vpcId"`
	OwnerID      string           `xml:"ownerId"`
	Default      bool             `xml:"default"`
	Entries      []aclEntryItem   `xml:"entrySet"`
	Associations []aclAssociation `xml:"associationSet"`
	Tags         []tag            `xml:"tagSet"`
}

// aclEntryItem is an entry of a network ACL on the wire.
type aclEntryItem struct {
	Number    int        `xml:"ruleNumber"`
	Protocol  string     `xml:"protocol"` // always a number
	Action    string     `xml:"ruleAction"`
	Egress    bool       `xml:"egress"`
	CIDR      string     `xml:"cidrBlock,omitempty"`
	IPv6CIDR  string     `xml:"ipv6CidrBlock,omitempty"`
	ICMP      *icmpItem  `xml:"icmpTypeCode"`
	PortRange *portRange `xml:"portRange"`
}

type icmpItem struct {
	Code int32 `xml:"code"`
	Type int32 `xml:"type"`
}

// portRange is a range of ports on the wire.
type portRange struct {
	From int32 `xml:"from"`
	To   int32 `xml:"to"`
}

// aclAssociation is the association of a network ACL with a subnet.
type aclAssociation struct {
	ID       string `xml:"networkAclAssociationId"`
	ACLID    string `xml:"networkAclId"`
	SubnetID string `xml:"subnetId"`
}

// aclAssociationID returns the id of the association of an ACL with a subnet. The
// subnet's association with another one has another.
func aclAssociationID(aclID, subnetID string) string {
	return vpc.NewID("aclassoc", aclID, subnetID)
}

// acls returns all network ACLs, the default ones included, with the subnets that
// have them.
func (c *call) acls() []vpc.NetworkACL {
	all := slices.Clone(c.NetworkACLs.All())
	defaults, taken := make(map[string]int), make(map[string]bool)
	for i, a := range all {
		if a.Default {
			all[i].SubnetIDs, defaults[a.VPCID] = nil, i
			continue
		}
		for _, id := range a.SubnetIDs {
			taken[id] = true
		}
	}
	for _, v := range c.VPCs.All() {
		if _, is := defaults[v.ID]; !is {
			defaults[v.ID] = len(all)
			all = append(all, vpc.DefaultNetworkACL(v))
		}
	}
	for _, n := range c.Subnets.All() {
		if a := &all[defaults[n.VPCID]]; !taken[n.ID] {
			a.SubnetIDs = append(a.SubnetIDs, n.ID)
		}
	}
	return all
}

// acl finds a network ACL by id.
func (c *call) acl(id string) (vpc.NetworkACL, bool) {
	all := c.acls()
	if i := slices.IndexFunc(all, func(a vpc.NetworkACL) bool { return a.ID == id }); i >= 0 {
		return all[i], true
	}
	return vpc.NetworkACL{}, false
}

// defaultACL returns the default network ACL of a VPC, without its subnets.
func (c *call) defaultACL(v vpc.VPC) vpc.NetworkACL {
	for _, a := range c.NetworkACLs.All() {
		if a.Default && a.VPCID == v.ID {
			return a
		}
	}
	return vpc.DefaultNetworkACL(v)
}

func (c *call) aclItem(a *vpc.NetworkACL) aclItem {
	item := aclItem{ID: a.ID, VPCID: a.VPCID, OwnerID: c.owner(), Default: a.Default, Tags: c.tagsOf(a.ID)}
	v, _ := c.VPCs.Get(a.VPCID)
	entries := slices.Concat(a.Entries, lastEntries(v))
	slices.SortStableFunc(entries, func(x, y vpc.NetworkACLEntry) int {
		return cmp.Or(cmp.Compare(y.Direction, x.Direction), cmp.Compare(x.Number, y.Number)) // egress first, as EC2 has it
	})
	for _, e := range entries {
		item.Entries = append(item.Entries, entryItem(e))
	}
	for _, id := range a.SubnetIDs {
		item.Associations = append(item.Associations, aclAssociation{aclAssociationID(a.ID, id), a.ID, id})
	}
	return item
}

// lastEntries are the entries "*" that end every network ACL of a VPC and deny
// what no other one matches.
func lastEntries(v vpc.VPC) []vpc.NetworkACLEntry {
	var last []vpc.NetworkACLEntry
	for _, e := range vpc.DefaultNetworkACL(v).Entries {
		e.Number, e.Allow = vpc.MaxNetworkACLEntryNumber+1, false
		if e.CIDR.Addr().Is6() {
			e.Number++
		}
		last = append(last, e)
	}
	return last
}

func entryItem(e vpc.NetworkACLEntry) aclEntryItem {
	item := aclEntryItem{Number: e.Number, Protocol: strconv.Itoa(int(e.Protocol)), Action: "deny", Egress: e.Direction == vpc.Egress}
	if e.Allow {
		item.Action = "allow"
	}
	if e.CIDR.Addr().Is6() {
		item.IPv6CIDR = e.CIDR.String()
	} else {
		item.CIDR = e.CIDR.String()
	}
	switch {
	case e.Protocol.HasPorts():
		item.PortRange = &portRange{e.FromPort, e.ToPort}
	case e.Protocol.IsICMP():
		item.ICMP = &icmpItem{Type: e.FromPort, Code: e.ToPort}
	}
	return item
}

type describeACLsRequest struct {
	filtered
	paged
	IDs []string `query:"NetworkAclId"`
}

type describeACLsAnswer struct {
	ACLs []aclItem `xml:"networkAclSet"`
	nextPage
}

var aclFilters = filters[aclItem]{
	"association.association-id": ofAssociations(func(a *aclAssociation) string { return a.ID }),
	"association.network-acl-id": ofAssociations(func(a *aclAssociation) string { return a.ACLID }),
	"association.subnet-id":      ofAssociations(func(a *aclAssociation) string { return a.SubnetID }),
	"default":                    func(_ *call, a *aclItem) []string { return []string{strconv.FormatBool(a.Default)} },
	"entry.cidr":                 ofEntries(func(e *aclEntryItem) []string { return []string{e.CIDR} }),
	"entry.egress":               ofEntries(func(e *aclEntryItem) []string { return []string{strconv.FormatBool(e.Egress)} }),
	"entry.icmp.code":            ofICMP(func(i *icmpItem) int32 { return i.Code }),
	"entry.icmp.type":            ofICMP(func(i *icmpItem) int32 { return i.Type }),
	"entry.ipv6-cidr":            ofEntries(func(e *aclEntryItem) []string { return []string{e.IPv6CIDR} }),
	"entry.port-range.from":      ofPorts(func(p *portRange) int32 { return p.From }),
	"entry.port-range.to":        ofPorts(func(p *portRange) int32 { return p.To }),
	"entry.protocol":             ofEntries(protocolNames),
	"entry.rule-action":          ofEntries(func(e *aclEntryItem) []string { return []string{e.Action} }),
	"entry.rule-number":          ofEntries(func(e *aclEntryItem) []string { return []string{strconv.Itoa(e.Number)} }),
	"network-acl-id":             func(_ *call, a *aclItem) []string { return []string{a.ID} },
	"owner-id":                   func(_ *call, a *aclItem) []string { return []string{a.OwnerID} },
	"vpc-id":                     func(_ *call, a *aclItem) []string { return []string{a.VPCID} },
}

func ofAssociations(of func(*aclAssociation) string) func(*call, *aclItem) []string {
	return func(_ *call, a *aclItem) []string {
		var values []string
		for i := range a.Associations {
			values = append(values, of(&a.Associations[i]))
		}
		return values
	}
}

// ofEntries returns a filter that one entry at least has to pass.
func ofEntries(of func(*aclEntryItem) []string) func(*call, *aclItem) []string {
	return func(_ *call, a *aclItem) []string {
		var values []string
		for i := range a.Entries {
			values = append(values, of(&a.Entries[i])...)
		}
		return values
	}
}

func ofICMP(of func(*icmpItem) int32) func(*call, *aclItem) []string {
	return ofEntries(func(e *aclEntryItem) []string {
		if e.ICMP == nil {
			return nil
		}
		return []string{strconv.Itoa(int(of(e.ICMP)))}
	})
}

func ofPorts(of func(*portRange) int32) func(*call, *aclItem) []string {
	return ofEntries(func(e *aclEntryItem) []string {
		if e.PortRange == nil {
			return nil
		}
		return []string{strconv.Itoa(int(of(e.PortRange)))}
	})
}

// protocolNames returns what a filter may call an entry's protocol: its number,
// and the name of those that have one.
func protocolNames(e *aclEntryItem) []string {
	names := []string{e.Protocol}
	if p, err := vpc.ParseProtocol(e.Protocol); err == nil && p.String() != e.Protocol {
		names = append(names, p.String())
	}
	return names
}

func idOfACLItem(a *aclItem) string { return a.ID }

// describeACLs lists network ACLs.
func (c *call) describeACLs(in *describeACLsRequest) (*describeACLsAnswer, error) {
	all := c.acls()
	items := make([]aclItem, len(all))
	for i := range all {
		items[i] = c.aclItem(&all[i])
	}
	items, err := named(items, in.IDs, idOfACLItem, noACL)
	if err != nil {
		return nil, err
	}
	if items, err = selected(c, items, in.Filters, aclFilters, idOfACLItem); err != nil {
		return nil, err
	}
	items, next, err := page(items, in.paged, ordinaryPages, idOfACLItem)
	return &describeACLsAnswer{items, next}, err
}

func aclActions() []action {
	return []action{
		write("CreateNetworkAcl", (*call).createACL),
		write("DeleteNetworkAcl", (*call).deleteACL),
		read("DescribeNetworkAcls", (*call).describeACLs),
		write("CreateNetworkAclEntry", (*call).createACLEntry),
		write("ReplaceNetworkAclEntry", (*call).replaceACLEntry),
		write("DeleteNetworkAclEntry", (*call).deleteACLEntry),
		write("ReplaceNetworkAclAssociation", (*call).replaceACLAssociation),
	}
}
