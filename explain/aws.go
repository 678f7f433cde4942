package explain

import (
	"fmt"
	"strings"

	"github.com/sgate/sgate/vpc"
)

// authorize is the aws CLI's command that adds a rule. Its short options know
// tcp and udp from IPv4 CIDRs and groups; the rest takes --ip-permissions
// (docs/semantics.md, "Protocols").
func authorize(r vpc.Rule) string {
	command := fmt.Sprintf("aws ec2 authorize-security-group-%s --group-id %s ", r.Direction, r.GroupID)
	ipv6 := r.Peer.CIDR.IsValid() && r.Peer.CIDR.Addr().Is6()
	if !r.Protocol.HasPorts() || ipv6 || r.Peer.PrefixListID != "" {
		return command + "--ip-permissions " + quoted(permission(r))
	}
	command += fmt.Sprintf("--protocol %s --port %s ", r.Protocol, portRange(r.FromPort, r.ToPort))
	if r.Peer.GroupID != "" {
		return command + "--source-group " + r.Peer.GroupID
	}
	return command + "--cidr " + r.Peer.CIDR.String()
}

func portRange(from, to int32) string {
	if from == to {
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%d-%d", from, to)
}

// permission is a rule in the CLI's shorthand for an IpPermission.
func permission(r vpc.Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "IpProtocol=%s", r.Protocol)
	if r.Protocol.HasPorts() || r.Protocol.IsICMP() {
		fmt.Fprintf(&b, ",FromPort=%d,ToPort=%d", r.FromPort, r.ToPort)
	}
	switch p := r.Peer; {
	case p.GroupID != "":
		fmt.Fprintf(&b, ",UserIdGroupPairs=[{GroupId=%s}]", p.GroupID)
	case p.PrefixListID != "":
		fmt.Fprintf(&b, ",PrefixListIds=[{PrefixListId=%s}]", p.PrefixListID)
	case p.CIDR.Addr().Is6():
		fmt.Fprintf(&b, ",Ipv6Ranges=[{CidrIpv6=%s}]", p.CIDR)
	default:
		fmt.Fprintf(&b, ",IpRanges=[{CidrIp=%s}]", p.CIDR)
	}
	return b.String()
}

// createEntry is the aws CLI's command that adds an entry to a network ACL. It
// knows names for three protocols only.
func createEntry(aclID string, e vpc.NetworkACLEntry) string {
	protocol := e.Protocol.String()
	if e.Protocol == vpc.ICMPv6 {
		protocol = "58"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "aws ec2 create-network-acl-entry --network-acl-id %s --%s --rule-number %d --rule-action %s --protocol %s",
		aclID, e.Direction, e.Number, action(e.Allow), protocol)
	switch {
	case e.Protocol.HasPorts():
		fmt.Fprintf(&b, " --port-range From=%d,To=%d", e.FromPort, e.ToPort)
	case e.Protocol.IsICMP():
		fmt.Fprintf(&b, " --icmp-type-code Type=%d,Code=%d", e.FromPort, e.ToPort)
	}
	if e.CIDR.Addr().Is6() {
		return b.String() + " --ipv6-cidr-block " + e.CIDR.String()
	}
	return b.String() + " --cidr-block " + e.CIDR.String()
}

// quoted puts a word in quotes for the shell. There are none in it.
func quoted(s string) string { return "'" + s + "'" }
