// Package vpc is the resource model: VPC, subnet, network interface, security
// group, rule, prefix list and network ACL, in AWS's nouns and with AWS's rules
// and quotas about them.
//
// Data flows one way. A reader of some source (a configuration file, later the
// EC2 API) fills a [Resources] value; [New] validates it as a whole, completes
// what AWS completes (the VPC's default security group) and returns an
// immutable [Snapshot]. Everything downstream, the compiled policy first of
// all, is a pure function of that snapshot.
//
// The package imports nothing else of this project.
package vpc

import (
	"fmt"
	"net/netip"
	"time"
)

// Origin says where a resource was declared, for errors and explanations. The
// zero Origin means that the place is not known.
type Origin struct {
	File   string // as the user named it
	Line   int    // from 1
	Column int    // from 1
}

// String returns "file:line:column", or "" for the zero Origin.
func (o Origin) String() string {
	if o == (Origin{}) {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
}

// VPC is a virtual network of its own: an address means something within its
// VPC only, so two VPCs may use equal addresses and never meet.
type VPC struct {
	ID       string       // "vpc-" and 17 hexadecimal digits
	Name     string       // the Name tag
	CIDR     netip.Prefix // IPv4 block, required, canonical
	IPv6CIDR netip.Prefix // the zero prefix if the VPC has no IPv6
	// Default marks the VPC that calls without one mean. A Region has at most
	// one.
	Default bool
	// The attributes of a VPC (EC2 API, DescribeVpcAttribute). No packet is
	// judged by them.
	DNSSupport, DNSHostnames, NetworkAddressUsageMetrics bool
	Origin                                               Origin
}

// HasIPv6 reports whether an IPv6 block is associated with the VPC. Such a VPC
// gives a new security group an IPv6 egress rule besides the IPv4 one.
func (v VPC) HasIPv6() bool { return v.IPv6CIDR.IsValid() }

// Contains reports whether addr lies in one of the VPC's blocks.
func (v VPC) Contains(addr netip.Addr) bool {
	return v.CIDR.Contains(addr) || v.IPv6CIDR.Contains(addr)
}

// Subnet is a part of a VPC's blocks.
type Subnet struct {
	ID       string // "subnet-" and 17 hexadecimal digits
	Name     string
	VPCID    string
	CIDR     netip.Prefix // required, canonical, between /16 and /28 as in AWS
	IPv6CIDR netip.Prefix // the zero prefix if the subnet has no IPv6
	// AvailabilityZone is the zone's name, such as "us-east-1a", or "" for the
	// account's first.
	AvailabilityZone string
	// The attributes of a subnet (EC2 API, ModifySubnetAttribute). DefaultForAZ
	// marks the one that instances in its zone get by default.
	DefaultForAZ, MapPublicIPOnLaunch, AssignIPv6AddressOnCreation bool
	Origin                                                         Origin
}

// Router returns the addresses of the VPC router in the subnet: the first
// address after the base of each of its blocks (VPC User Guide, subnet
// sizing). They belong to the gateway itself.
func (s Subnet) Router() []netip.Addr {
	routers := []netip.Addr{s.CIDR.Addr().Next()}
	if s.IPv6CIDR.IsValid() {
		routers = append(routers, s.IPv6CIDR.Addr().Next())
	}
	return routers
}

// Services returns the addresses in a VPC at which AWS serves its instances and
// which neither security groups nor network ACLs filter: Amazon DNS, instance
// metadata, ECS task metadata, Amazon Time Sync and Windows licence activation
// (VPC User Guide, "Infrastructure security"). They belong to the gateway itself,
// as do those of Subnet.Router.
func (v VPC) Services() []netip.Addr {
	services := []netip.Addr{
		v.CIDR.Addr().Next().Next(),                  // Amazon DNS
		netip.AddrFrom4([4]byte{169, 254, 169, 253}), // Amazon DNS
		netip.AddrFrom4([4]byte{169, 254, 169, 254}), // instance metadata
		netip.AddrFrom4([4]byte{169, 254, 170, 2}),   // ECS task metadata
		netip.AddrFrom4([4]byte{169, 254, 169, 123}), // Amazon Time Sync
		netip.AddrFrom4([4]byte{169, 254, 169, 250}), // Windows licence activation
		netip.AddrFrom4([4]byte{169, 254, 169, 251}),
	}
	if v.HasIPv6() {
		services = append(services,
			netip.MustParseAddr("fd00:ec2::253"), // Amazon DNS
			netip.MustParseAddr("fd00:ec2::254"), // instance metadata
			netip.MustParseAddr("fd00:ec2::123"), // Amazon Time Sync
		)
	}
	return services
}

// Reserved returns why AWS keeps addr of the subnet for itself, or "" if an
// interface may have it. AWS reserves the first four addresses and the last
// one of each IPv4 block, and the first four and the last of each IPv6 block.
func (s Subnet) Reserved(addr netip.Addr) string {
	block := s.CIDR
	if addr.Is6() {
		block = s.IPv6CIDR
	}
	names := []string{"the subnet's base address", "the VPC router", "Amazon DNS", "reserved for future use"}
	for at, i := block.Addr(), 0; i < len(names); at, i = at.Next(), i+1 {
		if at == addr {
			return names[i]
		}
	}
	if addr == LastAddr(block) {
		if addr.Is4() {
			return "the subnet's broadcast address"
		}
		return "the subnet's last address"
	}
	return ""
}

// LastAddr returns the highest address in prefix, or the zero Addr if prefix is
// not valid.
func LastAddr(prefix netip.Prefix) netip.Addr {
	if !prefix.IsValid() {
		return netip.Addr{}
	}
	raw := prefix.Masked().Addr().AsSlice()
	for bit := prefix.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(raw)
	return last
}

// NetworkInterface is an elastic network interface: the place where security
// groups act.
type NetworkInterface struct {
	ID        string // "eni-" and 17 hexadecimal digits
	Name      string // the instance's name; unique among interfaces and hosts, or ""
	VPCID     string
	SubnetID  string
	Addresses []netip.Addr // private addresses of both families, primary ones first
	// Description is for people. AWS has it on interfaces, up to 255 characters.
	Description string
	// Attachment says which instance has the interface; the zero value: none.
	Attachment Attachment
	// DetachedFrom is the instance that had the interface last; "" if that is not
	// known, or it has one.
	DetachedFrom string
	// GroupIDs are the attached security groups. New replaces an empty list
	// by the VPC's default group, as AWS does.
	GroupIDs []string
	// SourceDestCheck limits the interface to its own addresses. AWS's
	// default is true.
	SourceDestCheck bool
	// ConnectionTracking is how long the interface remembers idle flows.
	ConnectionTracking ConnectionTracking
	Origin             Origin
}

// Attachment is an interface's place in an instance.
type Attachment struct {
	InstanceID          string
	DeviceIndex         int // 0 is the primary interface
	DeleteOnTermination bool
	Time                time.Time
}

// Host is a machine outside the VPC that reaches it through the gateway. It
// has no security groups; only the instance's side of its traffic is asked.
type Host struct {
	ID        string // "host-" and 17 hexadecimal digits; not an AWS resource
	Name      string
	VPCID     string // the VPC that the host's packets enter
	Addresses []netip.Addr
	Origin    Origin
}

// SecurityGroup is a set of allow rules in both directions.
type SecurityGroup struct {
	ID          string // "sg-" and 17 (older: 8) hexadecimal digits
	Name        string // unique in its VPC, letter case and trailing spaces aside
	Description string
	VPCID       string
	Ingress     []Rule
	Egress      []Rule
	Origin      Origin
}

// DefaultGroupName is the reserved name of the group that comes with a VPC.
const DefaultGroupName = "default"
