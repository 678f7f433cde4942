package filter

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/sgate/sgate/vpc"
)

// The tests' VPC has one subnet, 10.0.1.0/24 and fd00:10:0:1::/64, where no test
// adds another. Every resource is known by its name; what is written as text is
// documented at the builders below.
const (
	vpcID    = "vpc-1"
	subnetID = "subnet-1"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func address(s string) netip.Addr  { return netip.MustParseAddr(s) }

func addrList(s string) (addrs []netip.Addr) {
	for a := range strings.FieldsSeq(s) {
		addrs = append(addrs, address(a))
	}
	return addrs
}

// sg returns a security group. Its rules are texts such as "in tcp 443
// 0.0.0.0/0", "out all group:app", "in icmp 8/0 list:office"; protocols without
// ports leave the port out.
func sg(name string, rules ...string) vpc.SecurityGroup {
	g := vpc.SecurityGroup{ID: name, Name: name, VPCID: vpcID}
	for _, text := range rules {
		direction, rest, _ := strings.Cut(text, " ")
		if direction == "in" {
			g.Ingress = append(g.Ingress, rule(rest))
		} else {
			g.Egress = append(g.Egress, rule(rest))
		}
	}
	return g
}

// rule reads "PROTOCOL [PORTS] PEER".
func rule(text string) vpc.Rule {
	fields := strings.Fields(text)
	protocol, err := vpc.ParseProtocol(fields[0])
	if err != nil {
		panic(err)
	}
	r := vpc.Rule{Protocol: protocol, FromPort: vpc.Any, ToPort: vpc.Any}
	if len(fields) == 3 {
		from, to, two := strings.Cut(fields[1], "-")
		if protocol.IsICMP() {
			if from, to, two = strings.Cut(fields[1], "/"); !two {
				to = "-1"
			}
		} else if !two {
			to = from
		}
		r.FromPort, r.ToPort = number(from), number(to)
	}
	switch peer := fields[len(fields)-1]; {
	case strings.HasPrefix(peer, "group:"):
		r.Peer.GroupID = peer[len("group:"):]
	case strings.HasPrefix(peer, "list:"):
		r.Peer.PrefixListID = peer[len("list:"):]
	default:
		r.Peer.CIDR = prefix(peer)
	}
	return r
}

func number(s string) int32 {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return int32(n)
}

// list returns a prefix list.
func list(name string, cidrs ...string) vpc.PrefixList {
	l := vpc.PrefixList{ID: name, Name: name, MaxEntries: len(cidrs)}
	for _, c := range cidrs {
		l.Entries = append(l.Entries, vpc.PrefixListEntry{CIDR: prefix(c)})
		l.IPv6 = prefix(c).Addr().Is6()
	}
	return l
}

// acl returns a network ACL of the subnets, separated by spaces. Its entries are
// texts such as "in 100 allow tcp 443 0.0.0.0/0", "out 200 deny -1 ::/0".
func acl(id, subnets string, entries ...string) vpc.NetworkACL {
	a := vpc.NetworkACL{ID: id, Name: id, VPCID: vpcID, SubnetIDs: strings.Fields(subnets)}
	for _, text := range entries {
		fields := strings.SplitN(text, " ", 4)
		r := rule(fields[3])
		e := vpc.NetworkACLEntry{
			Number: int(number(fields[1])), Allow: fields[2] == "allow",
			Protocol: r.Protocol, FromPort: r.FromPort, ToPort: r.ToPort, CIDR: r.Peer.CIDR,
		}
		if fields[0] == "out" {
			e.Direction = vpc.Egress
		}
		a.Entries = append(a.Entries, e)
	}
	return a
}

// subnet returns a subnet of the tests' VPC, known by its name.
func subnet(name, cidr, cidr6 string) vpc.Subnet {
	return vpc.Subnet{ID: name, Name: name, VPCID: vpcID, CIDR: prefix(cidr), IPv6CIDR: prefix(cidr6)}
}

// inSubnet returns an interface, moved to another subnet.
func inSubnet(subnet string, nic vpc.NetworkInterface) vpc.NetworkInterface {
	nic.SubnetID = subnet
	return nic
}

// nic returns an interface with the addresses and groups, each separated by
// spaces.
func nic(name, addrs, groups string) vpc.NetworkInterface {
	return vpc.NetworkInterface{
		ID: "eni-" + name, Name: name, VPCID: vpcID, SubnetID: subnetID,
		Addresses: addrList(addrs), GroupIDs: strings.Fields(groups), SourceDestCheck: true,
	}
}

func host(name, addrs string) vpc.Host {
	return vpc.Host{ID: name, Name: name, VPCID: vpcID, Addresses: addrList(addrs)}
}

// world is a policy under test.
type world struct {
	*Policy
	t testing.TB
}

// resources returns the tests' VPC with the parts in it.
func resources(parts ...any) vpc.Resources {
	res := vpc.Resources{
		VPCs:    []vpc.VPC{{ID: vpcID, Name: vpcID, CIDR: prefix("10.0.0.0/16"), IPv6CIDR: prefix("fd00:10::/56")}},
		Subnets: []vpc.Subnet{subnet(subnetID, "10.0.1.0/24", "fd00:10:0:1::/64")},
	}
	for _, part := range parts {
		switch x := part.(type) {
		case vpc.SecurityGroup:
			res.SecurityGroups = append(res.SecurityGroups, x)
		case vpc.PrefixList:
			res.PrefixLists = append(res.PrefixLists, x)
		case vpc.NetworkInterface:
			res.Interfaces = append(res.Interfaces, x)
		case vpc.Host:
			res.Hosts = append(res.Hosts, x)
		case vpc.Subnet:
			res.Subnets = append(res.Subnets, x)
		case vpc.NetworkACL:
			res.NetworkACLs = append(res.NetworkACLs, x)
		default:
			panic(fmt.Sprintf("a %T is no part of a world", x))
		}
	}
	return res
}

func compile(t testing.TB, parts ...any) world {
	t.Helper()
	return compiled(t, resources(parts...))
}

func compiled(t testing.TB, res vpc.Resources) world {
	t.Helper()
	s, err := vpc.New(res)
	if err != nil {
		t.Fatal(err)
	}
	return world{Compile(s), t}
}

// flow returns the flow of a packet such as "tcp 10.0.1.10 40000 >
// 203.0.113.10 443", "icmp 10.0.1.10 > 10.0.1.11 8/0", "47 10.0.1.10 >
// 10.0.1.11", sent by the machine whose address the source is.
func (w world) flow(text string) *Flow {
	w.t.Helper()
	fields := strings.Fields(text)
	protocol, err := vpc.ParseProtocol(fields[0])
	if err != nil {
		w.t.Fatal(err)
	}
	f := &Flow{Protocol: uint8(protocol), HasTransport: true, Src: address(fields[1])}
	switch len(fields) {
	case 6:
		f.SrcPort, f.Dst, f.DstPort = uint16(number(fields[2])), address(fields[4]), uint16(number(fields[5]))
	case 5:
		icmpType, code, _ := strings.Cut(fields[4], "/")
		f.Dst, f.ICMPType, f.ICMPCode = address(fields[3]), uint8(number(icmpType)), uint8(number(code))
	case 4:
		f.Dst, f.HasTransport = address(fields[3]), false
	default:
		w.t.Fatalf("flow %q: want PROTOCOL SRC [PORT] > DST [PORT or TYPE/CODE]", text)
	}
	f.From = w.ResolveIn(vpcID, f.Src)
	if f.From == NoEndpoint {
		w.t.Fatalf("flow %q: nobody has the source address", text)
	}
	f.To = w.Resolve(f.From, f.Dst)
	return f
}

// decider returns the rule that a side was decided by, in words: "drop", "not
// asked", or the rule's group and text.
func (w world) decider(s Side) string {
	w.t.Helper()
	r, ok := w.Rule(s.Rule)
	switch {
	case ok != (s.Decision == Allow):
		w.t.Errorf("decision %d with rule %d", s.Decision, s.Rule)
	case s.Decision == NotAsked:
		return "not asked"
	case s.Decision == Drop:
		return "drop"
	}
	return fmt.Sprintf("%s: %s %s", r.GroupID, r.Service(), r.Peer)
}

// entry returns the entry of a network ACL that a side was decided by, such as
// "allow: acl-web in 100" or "drop: acl-web out *", or "not asked".
func (w world) entry(s ACLSide) string {
	w.t.Helper()
	e, id, ok := w.ACLEntry(s.Entry)
	if ok == (s.Decision == NotAsked) || ok && e.Allow != s.Passes() {
		w.t.Errorf("decision %d with entry %d, which is %+v", s.Decision, s.Entry, e)
	}
	if !ok {
		return "not asked"
	}
	decision, direction, number := "drop", "in", fmt.Sprint(e.Number)
	if s.Decision == Allow {
		decision = "allow"
	}
	if e.Direction == vpc.Egress {
		direction = "out"
	}
	if e.Number >= LastEntryNumber {
		number = "*"
	}
	return fmt.Sprintf("%s: %s %s %s", decision, id, direction, number)
}

// expect judges the flows and compares with whether they pass.
func (w world) expect(want bool, flows ...string) {
	w.t.Helper()
	for _, text := range flows {
		v := w.Judge(w.flow(text))
		if v.Allowed() != want {
			w.t.Errorf("%s: allowed %t (egress %s, ingress %s), want %t", text, v.Allowed(), w.decider(v.Egress), w.decider(v.Ingress), want)
		}
	}
}
