package explain

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sgate/sgate/vpc"
)

// ruleConfig writes a rule for its group in a configuration file. Where the file
// leaves the group's rules of that direction to AWS's defaults, to write one
// takes the others away: so they are written, too.
func ruleConfig(s *vpc.Snapshot, g vpc.SecurityGroup, r vpc.Rule) string {
	lines := []string{"- " + ruleItem(s, r)}
	for _, implied := range slices.Backward(impliedRules(g, r.Direction)) {
		lines = append([]string{"- " + ruleItem(s, implied)}, lines...)
	}
	if len(lines) == 1 {
		return lines[0]
	}
	lines = append([]string{r.Direction.String() + ":"}, indented(lines)...)
	if v, _ := s.VPC(g.VPCID); g.Origin == v.Origin { // the file does not have the group at all
		head := []string{"- name: " + scalar(g.Name)}
		if len(s.VPCs()) > 1 {
			head = append(head, "  vpc: "+scalar(s.VPCName(v.ID)))
		}
		lines = append(head, indented(lines)...)
	}
	return strings.Join(lines, "\n")
}

func indented(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = "  " + line
	}
	return out
}

// impliedRules are those that a group has without the file's saying so: they
// come from where the group does.
func impliedRules(g vpc.SecurityGroup, d vpc.Direction) []vpc.Rule {
	return slices.DeleteFunc(slices.Clone(g.Rules(d)), func(r vpc.Rule) bool {
		return r.Origin == vpc.Origin{} || r.Origin != g.Origin
	})
}

// ruleItem writes a rule as an item of a configuration's list.
func ruleItem(s *vpc.Snapshot, r vpc.Rule) string {
	key := "source"
	if r.Direction == vpc.Egress {
		key = "destination"
	}
	return fmt.Sprintf("{%s, %s: %s}", serviceKeys(r.Protocol, r.FromPort, r.ToPort), key, peerValue(s, r))
}

// entryConfig writes an entry of a network ACL for a configuration file.
func entryConfig(e vpc.NetworkACLEntry) string {
	key := "source"
	if e.Direction == vpc.Egress {
		key = "destination"
	}
	return fmt.Sprintf("- {number: %d, action: %s, %s, %s: %s}", e.Number, action(e.Allow), serviceKeys(e.Protocol, e.FromPort, e.ToPort), key, scalar(e.CIDR.String()))
}

// serviceKeys writes protocol and ports.
func serviceKeys(p vpc.Protocol, from, to int32) string {
	switch {
	case p.HasPorts() && from == to:
		return fmt.Sprintf("protocol: %s, port_range: %d", p, from)
	case p.HasPorts():
		return fmt.Sprintf("protocol: %s, port_range: %d-%d", p, from, to)
	case p.IsICMP() && to == vpc.Any:
		return fmt.Sprintf("protocol: %s, icmp_type: %d", p, from)
	case p.IsICMP():
		return fmt.Sprintf("protocol: %s, icmp_type: %d, icmp_code: %d", p, from, to)
	}
	return "protocol: " + p.String()
}

// peerValue writes a rule's peer: a group or list by its name if that can mean
// nothing else.
func peerValue(s *vpc.Snapshot, r vpc.Rule) string {
	switch {
	case r.Peer.GroupID == r.GroupID && nothingIsCalled(s, r.GroupID, "self"):
		return "self"
	case r.Peer.GroupID != "":
		g, _ := s.SecurityGroup(r.Peer.GroupID)
		if isClear(s, g) {
			return scalar(g.Name)
		}
		return g.ID
	}
	return scalar(r.Peer.String())
}

// nothingIsCalled reports whether no group of the VPC and no prefix list has a
// name.
func nothingIsCalled(s *vpc.Snapshot, groupID, name string) bool {
	own, _ := s.SecurityGroup(groupID)
	return !slices.ContainsFunc(s.SecurityGroups(), func(g vpc.SecurityGroup) bool { return g.VPCID == own.VPCID && g.Name == name }) &&
		!slices.ContainsFunc(s.PrefixLists(), func(l vpc.PrefixList) bool { return l.Name == name })
}

// isClear reports whether a group's name can mean that group alone.
func isClear(s *vpc.Snapshot, g vpc.SecurityGroup) bool {
	_, notAddress := netip.ParseAddr(g.Name)
	_, notCIDR := netip.ParsePrefix(g.Name)
	reserved := g.Name == "" || g.Name == "self" || strings.HasPrefix(strings.ToLower(g.Name), "anywhere-ipv")
	return notAddress != nil && notCIDR != nil && !reserved &&
		!slices.ContainsFunc(s.PrefixLists(), func(l vpc.PrefixList) bool { return l.Name == g.Name })
}

var plainScalar = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)

// scalar writes a string for YAML, in quotes where it needs them.
func scalar(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off":
		return strconv.Quote(s)
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil || !plainScalar.MatchString(s) {
		return strconv.Quote(s)
	}
	return s
}
