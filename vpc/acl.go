package vpc

import "net/netip"

// NetworkACL is a network ACL: the stateless filter of the subnets that it is
// associated with. A subnet without one has the default ACL, which allows
// everything.
type NetworkACL struct {
	ID        string // "acl-" and 17 hexadecimal digits
	Name      string
	VPCID     string
	SubnetIDs []string
	// Entries are asked in the order of their numbers, and the first that
	// matches decides. What none matches is denied: AWS's last entry, "*", is
	// not among them.
	Entries []NetworkACLEntry
	Origin  Origin
}

// NetworkACLEntry allows or denies traffic of one kind with one CIDR.
type NetworkACLEntry struct {
	Number    int // 1 to 32766, unique in its direction
	Direction Direction
	Allow     bool
	Protocol  Protocol
	// FromPort and ToPort are the range of destination ports of TCP and UDP,
	// or the type and code of ICMP and ICMPv6, as in a Rule.
	FromPort, ToPort int32
	CIDR             netip.Prefix // the source of ingress, the destination of egress; canonical
	Origin           Origin
}
