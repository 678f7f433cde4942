package explain

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/filter"
	"github.com/sgate/sgate/vpc"
)

// firstEphemeral is the lowest port that clients are to be expected to ask from,
// load balancers and NAT gateways among them (VPC User Guide, ephemeral ports).
const firstEphemeral = 1024

// aclRemedy adds an entry to a network ACL before the one that denies a flow. A
// reply is let back to all ports that its receiver may ask from.
func (a *answer) aclRemedy(f *filter.Flow, block *control.ExplainedACL, reply bool) *remedy {
	acl, _ := a.snapshot.NetworkACL(block.ID)
	e := vpc.NetworkACLEntry{Allow: true, Direction: directionOf(block.Direction)}
	addr := f.Src
	if e.Direction == vpc.Egress {
		addr = f.Dst
	}
	e.CIDR = netip.PrefixFrom(addr, addr.BitLen())
	e.Protocol, e.FromPort, e.ToPort = serviceOf(f)
	if reply && e.Protocol.HasPorts() && e.FromPort >= firstEphemeral {
		e.FromPort, e.ToPort = firstEphemeral, 65535
	}
	var ok bool
	if e.Number, ok = numberBefore(acl, e.Direction, block.EntryNumber); !ok {
		return nil
	}
	return &remedy{
		Remedy: control.Remedy{
			Kind: control.RemedyACLEntry, ID: acl.ID, Name: nameOr(acl.Name, acl.ID), Direction: block.Direction,
			Place: acl.Origin.String(), Reply: reply,
			Choice: control.Choice{
				Text:   fmt.Sprintf("entry %s in network ACL %s, %s", e, nameOr(acl.Name, acl.ID), e.Direction),
				Config: entryConfig(e), AWS: createEntry(acl.ID, e),
			},
			Caution: aclCaution(block),
		},
		apply: func(res *vpc.Resources) {
			i := slices.IndexFunc(res.NetworkACLs, func(n vpc.NetworkACL) bool { return n.ID == acl.ID })
			res.NetworkACLs[i].Entries = append(slices.Clone(res.NetworkACLs[i].Entries), e)
		},
	}
}

func directionOf(name string) vpc.Direction {
	if name == vpc.Egress.String() {
		return vpc.Egress
	}
	return vpc.Ingress
}

// aclCaution says what the entry overrides, if somebody wrote that on purpose.
func aclCaution(block *control.ExplainedACL) string {
	if block.EntryNumber > vpc.MaxNetworkACLEntryNumber {
		return ""
	}
	return fmt.Sprintf("it goes before entry %s, which somebody may have meant", block.Entry)
}

// step is the distance that people leave between the numbers of entries.
const step = 10

// numberBefore returns a number for a new entry that is asked before the entry
// with the number deny: among those at the end where "*" denies, else the free
// one next before.
func numberBefore(acl vpc.NetworkACL, d vpc.Direction, deny int) (int, bool) {
	taken := make(map[int]bool)
	last := 0
	for _, e := range acl.Entries {
		if e.Direction == d {
			taken[e.Number] = true
			last = max(last, e.Number)
		}
	}
	if deny > vpc.MaxNetworkACLEntryNumber {
		if next := last - last%step + step; last > 0 && next <= vpc.MaxNetworkACLEntryNumber {
			return next, true
		}
		if last == 0 {
			return 100, true
		}
		deny = vpc.MaxNetworkACLEntryNumber + 1
	}
	for n := deny - 1; n > 0; n-- {
		if !taken[n] {
			return n, true
		}
	}
	return 0, false
}
