package lint

import (
	"cmp"
	"fmt"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// networkACLs looks at each network ACL.
func (l *linter) networkACLs() {
	quotas := l.Resources().Quotas
	for _, acl := range l.NetworkACLs() {
		if len(acl.SubnetIDs) == 0 && !acl.Default {
			f := l.ofACL(finding.ACLUnassociated, &acl)
			f.Message, f.Remedy = "no subnet has it", "Associate it: subnets: [NAME], or remove it."
			l.addACL(f, &acl)
		}
		l.unreachableEntries(&acl)
		if p, ok := l.newProbe(&acl, quotas); ok {
			l.droppedReplies(p)
			l.adminPorts(p)
		}
	}
}

// ofACL returns a finding about a network ACL.
func (l *linter) ofACL(kind string, acl *vpc.NetworkACL) finding.Finding {
	f := l.of(kind)
	f.Subject, f.Origin, f.IDs = fmt.Sprintf("network acl %q", cmp.Or(acl.Name, acl.ID)), acl.Origin, []string{acl.ID}
	return f
}

// addACL adds a finding that can be silenced at its entry, the ACL and the VPC.
func (l *linter) addACL(f finding.Finding, acl *vpc.NetworkACL) {
	l.add(f, acl.Origin, l.vpcOrigin(acl.VPCID))
}

func serviceOfEntry(e *vpc.NetworkACLEntry) service { return service{e.Protocol, e.FromPort, e.ToPort} }

// unreachableEntries finds entries of which an earlier one decides all. There
// are 40 a direction and family at most.
func (l *linter) unreachableEntries(acl *vpc.NetworkACL) {
	for i := range acl.Entries {
		e := &acl.Entries[i]
		for j := range acl.Entries[:i] {
			first := &acl.Entries[j]
			if first.Direction != e.Direction || !contains(first, e) || !serviceOfEntry(first).covers(serviceOfEntry(e)) {
				continue
			}
			f := l.ofACL(finding.ACLEntryUnreachable, acl)
			f.Origin = e.Origin
			f.Message = fmt.Sprintf("%s never decides: entry %d comes first, %s", entry(e), first.Number, action(first))
			f.Remedy = "Give it a lower number, or remove it."
			if first.Allow == e.Allow {
				f.Severity, f.Remedy = finding.Note, "Remove it."
			}
			f.Related = []finding.Place{{Origin: first.Origin, Message: entry(first)}}
			l.addACL(f, acl)
			break
		}
	}
}

// contains reports whether the CIDR of e is within that of first.
func contains(first, e *vpc.NetworkACLEntry) bool {
	return first.CIDR.Bits() <= e.CIDR.Bits() && first.CIDR.Contains(e.CIDR.Addr())
}

// entry describes an entry: "ingress entry 100 (allow tcp 80 from 0.0.0.0/0)".
func entry(e *vpc.NetworkACLEntry) string {
	return fmt.Sprintf("%s entry %d (%s)", e.Direction, e.Number, action(e))
}

// action describes what an entry does: "allow tcp 80 from 0.0.0.0/0".
func action(e *vpc.NetworkACLEntry) string {
	verb := "deny"
	if e.Allow {
		verb = "allow"
	}
	rule := vpc.Rule{Protocol: e.Protocol, FromPort: e.FromPort, ToPort: e.ToPort}
	return verb + " " + rule.Service() + preposition(e.Direction) + e.CIDR.String()
}
