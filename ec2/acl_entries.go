package ec2

import (
	"net/netip"
	"slices"

	"github.com/sgate/sgate/ec2/query"
	"github.com/sgate/sgate/vpc"
)

// aclEntryPlace is where an entry of a network ACL stands.
type aclEntryPlace struct {
	ACLID  string `query:"NetworkAclId,required"`
	Number int    `query:"RuleNumber,required"`
	Egress bool   `query:"Egress,required"`
}

// aclEntryRequest is a request about a whole entry.
type aclEntryRequest struct {
	aclEntryPlace
	Protocol  string              `query:"Protocol,required"`
	Action    string              `query:"RuleAction,required"`
	CIDR      string              `query:"CidrBlock"`
	IPv6CIDR  string              `query:"Ipv6CidrBlock"`
	ICMP      *icmpParameter      `query:"Icmp"`
	PortRange *portRangeParameter `query:"PortRange"`
}

type icmpParameter struct {
	Code *int32 `query:"Code"`
	Type *int32 `query:"Type"`
}

type portRangeParameter struct {
	From *int32 `query:"From"`
	To   *int32 `query:"To"`
}

func (p aclEntryPlace) direction() vpc.Direction {
	if p.Egress {
		return vpc.Egress
	}
	return vpc.Ingress
}

// index returns the place's index among entries, or -1.
func (p aclEntryPlace) index(entries []vpc.NetworkACLEntry) int {
	return slices.IndexFunc(entries, func(e vpc.NetworkACLEntry) bool {
		return e.Number == p.Number && e.Direction == p.direction()
	})
}

// noEntry refuses a place without an entry.
func (p aclEntryPlace) noEntry() error {
	return query.Errorf("InvalidNetworkAclEntry.NotFound", "no %s entry with number %d", p.direction(), p.Number)
}

// check refuses the numbers that EC2 keeps for itself.
func (p aclEntryPlace) check() error {
	if p.Number < 1 || p.Number > vpc.MaxNetworkACLEntryNumber {
		return invalid("Value (%d) for parameter ruleNumber is invalid. Want 1 to %d.", p.Number, vpc.MaxNetworkACLEntryNumber)
	}
	return nil
}

// entry reads the entry of a request, in its canonical form.
func (in *aclEntryRequest) entry() (vpc.NetworkACLEntry, error) {
	e := vpc.NetworkACLEntry{Number: in.Number, Direction: in.direction(), Allow: in.Action == "allow"}
	if err := in.check(); err != nil {
		return e, err
	}
	if in.Action != "allow" && in.Action != "deny" {
		return e, invalid("Value (%s) for parameter ruleAction is invalid. Want allow or deny.", in.Action)
	}
	var err error
	if e.CIDR, err = in.block(); err != nil {
		return e, err
	}
	if e.Protocol, err = vpc.ParseProtocol(in.Protocol); err != nil {
		return e, invalid("Invalid value '%s' for IP protocol. Unknown protocol.", in.Protocol)
	}
	if e.FromPort, e.ToPort, err = in.ports(e); err != nil {
		return e, err
	}
	if err := e.Validate(); err != nil {
		return e, invalid("%v", err)
	}
	return e, nil
}

// block reads the one CIDR block of an entry.
func (in *aclEntryRequest) block() (netip.Prefix, error) {
	switch {
	case in.CIDR != "" && in.IPv6CIDR != "":
		return netip.Prefix{}, notTogether(cidrBlock, ipv6CIDRBlock)
	case in.IPv6CIDR != "":
		return readBlock(ipv6CIDRBlock, in.IPv6CIDR)
	case in.CIDR == "":
		return netip.Prefix{}, missing(cidrBlock)
	}
	return readBlock(cidrBlock, in.CIDR)
}

// ports returns the ports, or ICMP type and code, of an entry. TCP, UDP and ICMP
// must have them, and ICMPv6 in IPv6; the others have none, whatever is given (EC2
// API, CreateNetworkAclEntry).
func (in *aclEntryRequest) ports(e vpc.NetworkACLEntry) (from, to int32, err error) {
	switch p := e.Protocol; {
	case p.HasPorts():
		if in.PortRange == nil || in.PortRange.From == nil || in.PortRange.To == nil {
			return 0, 0, invalid("Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
		}
		return *in.PortRange.From, *in.PortRange.To, nil
	case p == vpc.ICMP, p == vpc.ICMPv6 && e.CIDR.Addr().Is6():
		if in.ICMP == nil || in.ICMP.Type == nil || in.ICMP.Code == nil {
			return 0, 0, invalid("Invalid value for icmpTypeCode. Must specify both type and code with ICMP.")
		}
		return *in.ICMP.Type, *in.ICMP.Code, nil
	}
	return vpc.Any, vpc.Any, nil
}

// createACLEntry adds an entry to a network ACL.
func (c *call) createACLEntry(in *aclEntryRequest) (*done, error) {
	return c.changeEntries(in.ACLID, func(entries []vpc.NetworkACLEntry) ([]vpc.NetworkACLEntry, error) {
		e, err := in.entry()
		switch {
		case err != nil:
			return nil, err
		case in.index(entries) >= 0:
			return nil, query.Errorf(vpc.CodeDuplicateACLEntry, "The network acl entry identified by %d already exists.", in.Number)
		}
		return append(entries, e), nil
	})
}

// replaceACLEntry puts another entry in the place of one.
func (c *call) replaceACLEntry(in *aclEntryRequest) (*done, error) {
	return c.changeEntries(in.ACLID, func(entries []vpc.NetworkACLEntry) ([]vpc.NetworkACLEntry, error) {
		e, err := in.entry()
		if err != nil {
			return nil, err
		}
		i := in.index(entries)
		if i < 0 {
			return nil, in.noEntry()
		}
		entries[i] = e
		return entries, nil
	})
}

type deleteACLEntryRequest struct{ aclEntryPlace }

// deleteACLEntry removes an entry from a network ACL.
func (c *call) deleteACLEntry(in *deleteACLEntryRequest) (*done, error) {
	return c.changeEntries(in.ACLID, func(entries []vpc.NetworkACLEntry) ([]vpc.NetworkACLEntry, error) {
		if err := in.check(); err != nil {
			return nil, err
		}
		i := in.index(entries)
		if i < 0 {
			return nil, in.noEntry()
		}
		return slices.Delete(entries, i, i+1), nil
	})
}

// changeEntries replaces the entries of a network ACL by what f makes of a copy of
// them.
func (c *call) changeEntries(aclID string, f func([]vpc.NetworkACLEntry) ([]vpc.NetworkACLEntry, error)) (*done, error) {
	a, is := c.acl(aclID)
	if !is {
		return nil, noACL(aclID)
	}
	var err error
	if a.Entries, err = f(slices.Clone(a.Entries)); err != nil {
		return nil, err
	}
	if overQuota(a, c.Quotas().NetworkACLEntries) {
		return nil, query.Errorf(vpc.CodeNetworkACLEntryLimit, "The maximum number of network ACL entries has been reached.")
	}
	return finished(c.putACL(a))
}

// overQuota reports whether an ACL has more entries of one direction and family
// than it may have, "*" included.
func overQuota(a vpc.NetworkACL, most int) bool {
	type budget struct {
		vpc.Direction
		ipv6 bool
	}
	counts := make(map[budget]int)
	for _, e := range a.Entries {
		b := budget{e.Direction, e.CIDR.Addr().Is6()}
		if counts[b]++; counts[b]+1 > most {
			return true
		}
	}
	return false
}

// putACL stores an ACL. A default one that AWS made is the API's from its first
// change on, also where a file declares its VPC: no file declares the ACL.
func (c *call) putACL(a vpc.NetworkACL) error {
	if a.Default {
		a.SubnetIDs = nil // vpc.New finds them
	}
	return c.NetworkACLs.Put(a)
}

// followBlocks gives the default network ACL of a VPC that has got or lost its
// IPv6 block the entries of such a VPC, in each direction in which it still has
// AWS's own (VPC User Guide, default network ACL).
func (c *call) followBlocks(before, after vpc.VPC) error {
	a := c.defaultACL(after)
	if _, changed := c.NetworkACLs.Get(a.ID); !changed {
		return nil // it follows by itself
	}
	var entries []vpc.NetworkACLEntry
	for _, d := range []vpc.Direction{vpc.Ingress, vpc.Egress} {
		of := a.EntriesOf(d)
		if slices.Equal(of, vpc.DefaultNetworkACL(before).EntriesOf(d)) {
			of = vpc.DefaultNetworkACL(after).EntriesOf(d)
		}
		entries = append(entries, of...)
	}
	if slices.Equal(entries, a.Entries) {
		return nil
	}
	a.Entries = entries
	return c.putACL(a)
}
