package lint

import (
	"errors"
	"fmt"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// membership looks at who has a group.
func (l *linter) membership(g *vpc.SecurityGroup) {
	members := l.members[g.ID]
	isDefault := g.Name == vpc.DefaultGroupName
	switch {
	case len(members) == 0 && !isDefault && len(l.Interfaces()) > 0:
		f := l.of(finding.GroupUnattached)
		f.Subject, f.Origin, f.IDs = subjectOf(g), g.Origin, []string{g.ID}
		f.Message = "no interface has the group"
		f.Remedy = "Attach it to the instances that it is for, or remove it."
		l.add(f, l.vpcOrigin(g.VPCID))
	case isDefault:
		l.defaultGroup(g, members)
	}
}

// defaultGroup reports each member of a VPC's default group.
func (l *linter) defaultGroup(g *vpc.SecurityGroup, members []int) {
	admits, harmless := "no one", len(members) == 1
	for i := range g.Ingress {
		if g.Ingress[i].Peer.GroupID != g.ID {
			admits, harmless = "more than its members", false
			break
		}
		admits = "its other members"
	}
	if harmless && admits != "no one" {
		admits += ", of which there are none so far"
	}
	for _, m := range members {
		nic := &l.Interfaces()[m]
		f := l.of(finding.DefaultGroupInUse)
		f.Subject, f.Origin, f.IDs = fmt.Sprintf("instance %q", nic.Name), nic.Origin, []string{nic.ID, g.ID}
		f.Message = fmt.Sprintf("has the VPC's default group, which admits %s", admits)
		f.Remedy = "Give it a group that says what it is for: security_groups: [NAME]."
		if harmless {
			f.Severity = finding.Note
		}
		if g.Origin != l.vpcOrigin(g.VPCID) { // the group is written out
			f.Related = []finding.Place{{Origin: g.Origin, Message: "the default group"}}
		}
		l.add(f, l.vpcOrigin(nic.VPCID))
	}
}

// prefixLists finds lists that nobody names.
func (l *linter) prefixLists() {
	for _, p := range l.PrefixLists() {
		if l.named[p.ID] {
			continue
		}
		f := l.of(finding.PrefixListUnused)
		f.Subject, f.Origin, f.IDs = fmt.Sprintf("prefix list %q", p.Name), p.Origin, []string{p.ID}
		f.Message, f.Remedy = "no rule names it", "Name it in a rule, such as source: "+p.Name+", or remove it."
		l.add(f)
	}
}

// interfaces finds those that may send in the name of others.
func (l *linter) interfaces() {
	interfaces := l.Interfaces()
	for i := range interfaces {
		nic := &interfaces[i]
		if nic.SourceDestCheck {
			continue
		}
		f := l.of(finding.SourceDestCheckOff)
		f.Subject, f.Origin, f.IDs = fmt.Sprintf("instance %q", nic.Name), nic.Origin, []string{nic.ID}
		f.Message = "its source/destination check is off: it may send from any address"
		f.Remedy = "Remove source_dest_check: false, unless it is a NAT instance, a router or a firewall."
		l.add(f, l.vpcOrigin(nic.VPCID))
	}
}

// descriptions takes over what AWS would refuse.
func (l *linter) descriptions() {
	warnings := l.Warnings(nil)
	if len(warnings) == 0 {
		return
	}
	within := l.groupsByRule()
	for _, err := range warnings {
		var warning *vpc.Error
		if !errors.As(err, &warning) {
			continue
		}
		f := l.of(finding.DescriptionRefused)
		f.Subject, f.Origin, f.Message = warning.Subject, warning.Origin, warning.Detail
		f.Remedy = "Write it in AWS's characters: no apostrophes, quotation marks, angle brackets or letters beyond ASCII."
		l.add(f, within[f.Origin]...)
	}
}

// groupsByRule returns the group and the VPC that a rule is declared within, by
// where it stands.
func (l *linter) groupsByRule() map[vpc.Origin][]vpc.Origin {
	within := make(map[vpc.Origin][]vpc.Origin)
	groups := l.SecurityGroups()
	for i := range groups {
		g := &groups[i]
		outer := []vpc.Origin{g.Origin, l.vpcOrigin(g.VPCID)}
		within[g.Origin] = outer
		for _, d := range []vpc.Direction{vpc.Ingress, vpc.Egress} {
			for _, st := range statements(g, d) {
				within[st.rules[0].Origin] = outer
			}
		}
	}
	return within
}
