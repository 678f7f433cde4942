package vpc

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Direction is the direction of a rule, seen from the interface.
type Direction uint8

// The two directions. An ingress rule's peer is the packet's source, an egress
// rule's peer its destination.
const (
	Ingress Direction = iota
	Egress
)

// String returns "ingress" or "egress".
func (d Direction) String() string {
	if d == Egress {
		return "egress"
	}
	return "ingress"
}

// Opposite returns the other direction.
func (d Direction) Opposite() Direction { return d ^ 1 }

// Protocol is an IP protocol number, or AllProtocols.
type Protocol int16

// The protocols that rules name in words. AllProtocols is AWS's "-1": every
// protocol and every port.
const (
	AllProtocols Protocol = -1
	ICMP         Protocol = 1
	TCP          Protocol = 6
	UDP          Protocol = 17
	ICMPv6       Protocol = 58
)

// ParseProtocol reads a protocol as AWS takes it: tcp, udp, icmp, icmpv6 in
// any letter case, a number from 0 to 255, or -1 (also "all", as the aws CLI
// says it).
func ParseProtocol(s string) (Protocol, error) {
	switch strings.ToLower(s) {
	case "tcp":
		return TCP, nil
	case "udp":
		return UDP, nil
	case "icmp":
		return ICMP, nil
	case "icmpv6":
		return ICMPv6, nil
	case "all", "-1":
		return AllProtocols, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 255 {
		return 0, fmt.Errorf("protocol %q: want tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all", s)
	}
	return Protocol(n), nil
}

// String returns the protocol as the EC2 API does: a name where rules may use
// one, else the number.
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMP:
		return "icmp"
	case ICMPv6:
		return "icmpv6"
	}
	return strconv.Itoa(int(p))
}

// HasPorts reports whether a rule of this protocol has a port range.
func (p Protocol) HasPorts() bool { return p == TCP || p == UDP }

// IsICMP reports whether a rule of this protocol has an ICMP type and code.
func (p Protocol) IsICMP() bool { return p == ICMP || p == ICMPv6 }

// Any is the value of a rule's port, ICMP type or ICMP code that matches all.
const Any int32 = -1

// Peer is the other end that a rule admits: exactly one of its fields is set.
type Peer struct {
	CIDR         netip.Prefix
	GroupID      string
	PrefixListID string
}

// String returns the CIDR or the id.
func (p Peer) String() string {
	switch {
	case p.GroupID != "":
		return p.GroupID
	case p.PrefixListID != "":
		return p.PrefixListID
	}
	return p.CIDR.String()
}

func (p Peer) validate() error {
	set := 0
	for _, is := range []bool{p.CIDR.IsValid(), p.GroupID != "", p.PrefixListID != ""} {
		if is {
			set++
		}
	}
	if set != 1 {
		return errors.New("want exactly one of a CIDR, a security group or a prefix list as its peer")
	}
	return nil
}

// Rule admits traffic of one kind with one peer. There are no deny rules.
type Rule struct {
	ID        string // "sgr-" and 17 hexadecimal digits
	GroupID   string // the group that the rule belongs to
	Direction Direction
	Protocol  Protocol
	// FromPort and ToPort are the port range of TCP and UDP. For ICMP and
	// ICMPv6 they are the type and the code, a pair and not a range. Any
	// means all; protocols without ports have Any in both.
	FromPort, ToPort int32
	Peer             Peer
	Description      string // not part of the rule's identity
	Origin           Origin
}

// Canonical returns the rule as AWS stores it: host bits of the CIDR cleared,
// ports dropped where the protocol has none.
func (r Rule) Canonical() Rule {
	if r.Peer.CIDR.IsValid() {
		r.Peer.CIDR = r.Peer.CIDR.Masked()
	}
	r.FromPort, r.ToPort = canonicalPorts(r.Protocol, r.FromPort, r.ToPort)
	return r
}

// canonicalPorts drops the ports of a protocol that has none.
func canonicalPorts(p Protocol, from, to int32) (int32, int32) {
	if p.HasPorts() || p.IsICMP() {
		return from, to
	}
	return Any, Any
}

// Key is the identity of a rule within its group and direction: two rules with
// equal keys are the same rule, whatever their descriptions.
type Key struct {
	Direction        Direction
	Protocol         Protocol
	FromPort, ToPort int32
	Peer             Peer
}

// Key returns the rule's identity. The rule must be canonical.
func (r Rule) Key() Key {
	return Key{r.Direction, r.Protocol, r.FromPort, r.ToPort, r.Peer}
}

// String describes the rule as AWS's duplicate-rule error does:
// "peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW".
func (r Rule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "peer: %s, ", r.Peer)
	switch {
	case r.Protocol == AllProtocols:
		b.WriteString("ALL, ")
	case r.Protocol.HasPorts():
		fmt.Fprintf(&b, "%s, from port: %d, to port: %d, ", strings.ToUpper(r.Protocol.String()), r.FromPort, r.ToPort)
	case r.Protocol.IsICMP():
		fmt.Fprintf(&b, "%s, type: %d, code: %d, ", strings.ToUpper(r.Protocol.String()), r.FromPort, r.ToPort)
	default:
		fmt.Fprintf(&b, "protocol: %d, ", r.Protocol)
	}
	b.WriteString("ALLOW")
	return b.String()
}

// Service describes what the rule admits, its peer aside, in a person's words:
// "tcp 443", "udp 8000-8100", "icmp type 8", "protocol 47", "all traffic".
func (r Rule) Service() string {
	switch {
	case r.Protocol == AllProtocols:
		return "all traffic"
	case r.Protocol.HasPorts() && r.FromPort == r.ToPort:
		return fmt.Sprintf("%s %d", r.Protocol, r.FromPort)
	case r.Protocol.HasPorts():
		return fmt.Sprintf("%s %d-%d", r.Protocol, r.FromPort, r.ToPort)
	case r.Protocol.IsICMP() && r.FromPort == Any:
		return r.Protocol.String()
	case r.Protocol.IsICMP() && r.ToPort == Any:
		return fmt.Sprintf("%s type %d", r.Protocol, r.FromPort)
	case r.Protocol.IsICMP():
		return fmt.Sprintf("%s type %d code %d", r.Protocol, r.FromPort, r.ToPort)
	}
	return fmt.Sprintf("protocol %d", r.Protocol)
}

// Validate reports what AWS would refuse in the rule itself, references and its
// description aside.
func (r Rule) Validate() error {
	if err := validateService(r.Protocol, r.FromPort, r.ToPort); err != nil {
		return err
	}
	return r.Peer.validate()
}

// validateService reports what AWS would refuse in the protocol and the ports
// of a rule or of an entry of a network ACL.
func validateService(p Protocol, from, to int32) error {
	switch {
	case p < AllProtocols || p > 255:
		return fmt.Errorf("protocol %d: want a number from 0 to 255, or -1 for all", p)
	case p.HasPorts():
		return validatePorts(from, to)
	case p.IsICMP():
		return validateICMP(from, to)
	}
	return nil
}

func validatePorts(from, to int32) error {
	for _, port := range []int32{from, to} {
		if port < 0 || port > 65535 {
			return fmt.Errorf("TCP/UDP port (%d) out of range: want 0 to 65535", port)
		}
	}
	if from > to {
		return fmt.Errorf("port range %d-%d: the first port is above the last", from, to)
	}
	return nil
}

func validateICMP(kind, code int32) error {
	for i, v := range []int32{kind, code} {
		if v < Any || v > 255 {
			return fmt.Errorf("ICMP %s (%d) out of range: want 0 to 255, or -1 for all", [2]string{"type", "code"}[i], v)
		}
	}
	if kind == Any && code != Any {
		return fmt.Errorf("ICMP code %d without a type: all types (-1) go with all codes (-1)", code)
	}
	return nil
}

// CompareRules orders rules by group, direction and identity, so that what is
// computed from a set of rules does not depend on the order they came in.
func CompareRules(a, b Rule) int {
	return cmp.Or(
		cmp.Compare(a.GroupID, b.GroupID),
		cmp.Compare(a.Direction, b.Direction),
		cmp.Compare(a.Protocol, b.Protocol),
		cmp.Compare(a.FromPort, b.FromPort),
		cmp.Compare(a.ToPort, b.ToPort),
		a.Peer.CIDR.Addr().Compare(b.Peer.CIDR.Addr()),
		cmp.Compare(a.Peer.CIDR.Bits(), b.Peer.CIDR.Bits()),
		cmp.Compare(a.Peer.GroupID, b.Peer.GroupID),
		cmp.Compare(a.Peer.PrefixListID, b.Peer.PrefixListID),
	)
}

// DefaultEgress returns the egress rules of a new group in v: all traffic to
// 0.0.0.0/0, and to ::/0 where the VPC has an IPv6 block.
func DefaultEgress(v VPC, groupID string, origin Origin) []Rule {
	everywhere := []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	if v.HasIPv6() {
		everywhere = append(everywhere, netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	}
	var rules []Rule
	for _, cidr := range everywhere {
		rules = append(rules, allTraffic(groupID, Egress, Peer{CIDR: cidr}, origin))
	}
	return rules
}

func allTraffic(groupID string, d Direction, peer Peer, origin Origin) Rule {
	return Rule{
		GroupID: groupID, Direction: d, Protocol: AllProtocols,
		FromPort: Any, ToPort: Any, Peer: peer, Origin: origin,
	}
}
