package export

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/vpc"
)

// drawn makes random resources, each sound by itself and with the others.
type drawn struct {
	t   *rapid.T
	res vpc.Resources
	n   int // of ids
}

// id returns one of AWS's form that follows from nothing, or sometimes the one that
// a file gives.
func (d *drawn) id(prefix string, derived string) string {
	if d.n++; derived != "" && rapid.Bool().Draw(d.t, "derived id") {
		return derived
	}
	return fmt.Sprintf("%s-%017x", prefix, d.n)
}

// word is a name, so few that they meet, some of them traps.
func (d *drawn) word() string {
	return rapid.SampledFrom([]string{
		"main", "web", "Web", "db 1", "self", "10.0.0.0", "office", "a: b", "#x", "true", "null", "0x1f", "1e3", "~", "ö",
		"a, b", "{x}", "[y]", "it's", `say "x"`, `back\slash`, "- x", "? y", "! z", "&a", "*b", "a ", "@at", "%p", "x #y", "anywhere-ipv4",
	}).Draw(d.t, "word")
}

func (d *drawn) maybe(what string) bool { return rapid.Bool().Draw(d.t, what) }

func (d *drawn) text() string {
	const set = "abcXYZ019 ._-:/()#,@[]+=&;{}!$*"
	return rapid.StringOfN(rapid.SampledFrom([]rune(set)), 0, 12, -1).Draw(d.t, "text")
}

func (d *drawn) tags(id string) {
	var tags []vpc.Tag
	keys := rapid.SliceOfNDistinct(rapid.StringN(1, 8, 20), 0, 3, rapid.ID[string]).Draw(d.t, "keys")
	for _, key := range keys {
		tags = append(tags, vpc.Tag{Key: key, Value: rapid.StringN(0, 8, 20).Draw(d.t, "value")})
	}
	if len(tags) > 0 && vpc.ValidateTags(tags) == nil {
		d.res.Tags = append(d.res.Tags, vpc.TagSet{ResourceID: id, Tags: tags})
	}
}

func (d *drawn) time(what string) time.Time {
	return time.Unix(rapid.Int64Range(1, 4e9).Draw(d.t, what), rapid.Int64Range(0, 999999999).Draw(d.t, "ns")).UTC()
}

// optional returns a name, or none if the resource has an id of its own.
func (d *drawn) optional(prefix string, derive func(string) string) (id, name string) {
	name = d.word()
	id = d.id(prefix, "")
	switch {
	case d.maybe("unnamed"):
		name = ""
	case d.maybe("derived"):
		id = derive(name)
	}
	return id, name
}

func (d *drawn) vpcs() {
	for i := range rapid.IntRange(1, 3).Draw(d.t, "vpcs") {
		id, name := d.optional("vpc", func(name string) string { return vpc.NewID("vpc", name) })
		if slices.ContainsFunc(d.res.VPCs, func(v vpc.VPC) bool { return v.ID == id }) {
			continue
		}
		v := vpc.VPC{
			ID: id, Name: name, CIDR: netip.MustParsePrefix("10.0.0.0/16"), Default: i == 0 && d.maybe("default"), DNSSupport: d.maybe("dns"),
			DNSHostnames: d.maybe("hostnames"), NetworkAddressUsageMetrics: d.maybe("usage"),
		}
		if d.maybe("ipv6") {
			v.IPv6CIDR = netip.MustParsePrefix("fd00:10::/56")
		}
		d.res.VPCs = append(d.res.VPCs, v)
		d.tags(id)
		d.subnets(v)
	}
}

func (d *drawn) subnets(v vpc.VPC) {
	for i := range rapid.IntRange(0, 3).Draw(d.t, "subnets") {
		id, name := d.optional("subnet", func(name string) string { return vpc.NewID("subnet", v.ID, name) })
		if slices.ContainsFunc(d.res.Subnets, func(n vpc.Subnet) bool { return n.ID == id }) {
			continue
		}
		n := vpc.Subnet{
			ID: id, Name: name, VPCID: v.ID, CIDR: netip.MustParsePrefix(fmt.Sprintf("10.0.%d.0/24", i)),
			AvailabilityZone: rapid.SampledFrom([]string{"", "us-east-1a", "eu-central-1b"}).Draw(d.t, "zone"),
			DefaultForAZ:     i == 0 && d.maybe("default for zone"), MapPublicIPOnLaunch: d.maybe("public"), AssignIPv6AddressOnCreation: d.maybe("assign"),
		}
		if v.HasIPv6() && d.maybe("ipv6") {
			n.IPv6CIDR = netip.MustParsePrefix(fmt.Sprintf("fd00:10:0:%d::/64", i))
		}
		d.res.Subnets = append(d.res.Subnets, n)
		d.tags(id)
	}
}

func (d *drawn) lists() {
	for range rapid.IntRange(0, 2).Draw(d.t, "lists") {
		name := d.word()
		l := vpc.PrefixList{ID: d.id("pl", ""), Name: name, IPv6: d.maybe("ipv6 list"), Version: rapid.IntRange(1, 3).Draw(d.t, "version")}
		if derived := vpc.NewID("pl", name); d.maybe("derived") && !slices.ContainsFunc(d.res.PrefixLists, func(o vpc.PrefixList) bool { return o.ID == derived }) {
			l.ID = derived
		}
		l.Entries = d.entries(l.IPv6)
		l.MaxEntries = max(1, len(l.Entries)) + rapid.IntRange(0, 2).Draw(d.t, "room")
		for number := 1; number < l.Version; number++ {
			if d.maybe("kept") {
				l.History = append(l.History, vpc.PrefixListVersion{Number: number, Entries: d.entries(l.IPv6)})
			}
		}
		d.res.PrefixLists = append(d.res.PrefixLists, l)
		d.tags(l.ID)
	}
}

func (d *drawn) entries(ipv6 bool) []vpc.PrefixListEntry {
	var out []vpc.PrefixListEntry
	for i := range rapid.IntRange(0, 3).Draw(d.t, "entries") {
		text := fmt.Sprintf("198.51.%d.0/24", i)
		if ipv6 {
			text = fmt.Sprintf("2001:db8:%d::/48", i)
		}
		out = append(out, vpc.PrefixListEntry{CIDR: netip.MustParsePrefix(text), Description: d.text()})
	}
	return out
}

func (d *drawn) groups() {
	for _, v := range d.res.VPCs {
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"default", "web", "db 1", "self", "office", "true", "10.0.0.0", "#x", "a, b", "[x]"}), 0, 3, rapid.ID[string]).Draw(d.t, "groups")
		first := len(d.res.SecurityGroups)
		for _, name := range names {
			g := vpc.SecurityGroup{ID: d.id("sg", vpc.NewID("sg", v.ID, name)), Name: name, VPCID: v.ID, Description: d.text()}
			if d.maybe("usual description") {
				g.Description = name
				if name == vpc.DefaultGroupName {
					g.Description = vpc.DefaultGroup(v).Description
				}
			}
			d.res.SecurityGroups = append(d.res.SecurityGroups, g)
			d.tags(g.ID)
		}
		for i := first; i < len(d.res.SecurityGroups); i++ {
			g := &d.res.SecurityGroups[i]
			g.Ingress, g.Egress = d.rules(g, vpc.Ingress, d.res.SecurityGroups[first:]), d.rules(g, vpc.Egress, d.res.SecurityGroups[first:])
			if d.maybe("usual egress") {
				for _, r := range g.Egress {
					d.res.Tags = slices.DeleteFunc(d.res.Tags, func(t vpc.TagSet) bool { return t.ResourceID == r.ID })
				}
				g.Egress = vpc.DefaultEgress(v, g.ID, vpc.Origin{})
			}
		}
	}
}

func (d *drawn) rules(g *vpc.SecurityGroup, direction vpc.Direction, others []vpc.SecurityGroup) []vpc.Rule {
	var out []vpc.Rule
	seen := make(map[vpc.Key]bool)
	for range rapid.IntRange(0, 5).Draw(d.t, "rules") {
		r := vpc.Rule{GroupID: g.ID, Direction: direction, Peer: d.peer(others), Description: rapid.SampledFrom([]string{"", "x", "y: z"}).Draw(d.t, "description")}
		r.Protocol, r.FromPort, r.ToPort = d.service()
		r = r.Canonical()
		if seen[r.Key()] {
			continue
		}
		seen[r.Key()] = true
		r.ID = d.id("sgr", vpc.RuleID(r))
		d.tags(r.ID)
		out = append(out, r)
	}
	return out
}

func (d *drawn) peer(groups []vpc.SecurityGroup) vpc.Peer {
	peers := []vpc.Peer{
		{CIDR: netip.MustParsePrefix("0.0.0.0/0")}, {CIDR: netip.MustParsePrefix("::/0")},
		{CIDR: netip.MustParsePrefix("203.0.113.9/32")}, {CIDR: netip.MustParsePrefix("2001:db8::/32")},
	}
	for _, g := range groups {
		peers = append(peers, vpc.Peer{GroupID: g.ID})
	}
	for _, l := range d.res.PrefixLists {
		peers = append(peers, vpc.Peer{PrefixListID: l.ID})
	}
	return rapid.SampledFrom(peers).Draw(d.t, "peer")
}

func (d *drawn) service() (vpc.Protocol, int32, int32) {
	p := rapid.SampledFrom([]vpc.Protocol{vpc.AllProtocols, vpc.TCP, vpc.UDP, vpc.ICMP, vpc.ICMPv6, 47, 0, 255}).Draw(d.t, "protocol")
	number := func(what string, from, to int) int32 { return int32(rapid.IntRange(from, to).Draw(d.t, what)) }
	switch {
	case p.HasPorts() && d.maybe("usual port"):
		port := rapid.SampledFrom([]int32{22, 53, 80, 443, 8080}).Draw(d.t, "port")
		return p, port, port
	case p.HasPorts():
		from := number("from", 0, 65535)
		return p, from, number("to", int(from), 65535)
	case p.IsICMP() && d.maybe("all types"):
		return p, vpc.Any, vpc.Any
	case p.IsICMP():
		return p, number("type", 0, 255), number("code", -1, 255)
	}
	return p, vpc.Any, vpc.Any
}

func (d *drawn) acls() {
	free := slices.Clone(d.res.Subnets)
	for _, v := range d.res.VPCs {
		if d.maybe("default acl") {
			a := vpc.DefaultNetworkACL(v)
			if d.maybe("own id") {
				a.ID = d.id("acl", "")
			}
			if d.maybe("named") {
				a.Name = d.word()
			}
			if d.maybe("own entries") {
				a.Entries = d.aclEntries()
			}
			d.res.NetworkACLs = append(d.res.NetworkACLs, a)
			d.tags(a.ID)
		}
		for range rapid.IntRange(0, 2).Draw(d.t, "acls") {
			id, name := d.optional("acl", func(name string) string { return vpc.NewID("acl", v.ID, name) })
			if slices.ContainsFunc(d.res.NetworkACLs, func(a vpc.NetworkACL) bool { return a.ID == id }) {
				continue
			}
			a := vpc.NetworkACL{ID: id, Name: name, VPCID: v.ID, Entries: d.aclEntries()}
			free = slices.DeleteFunc(free, func(n vpc.Subnet) bool {
				if n.VPCID != v.ID || !d.maybe("associated") {
					return false
				}
				a.SubnetIDs = append(a.SubnetIDs, n.ID)
				return true
			})
			d.res.NetworkACLs = append(d.res.NetworkACLs, a)
			d.tags(id)
		}
	}
}

func (d *drawn) aclEntries() []vpc.NetworkACLEntry {
	var out []vpc.NetworkACLEntry
	for i := range rapid.IntRange(0, 4).Draw(d.t, "acl entries") {
		e := vpc.NetworkACLEntry{
			Number: 10 * (i + 1), Direction: vpc.Direction(rapid.IntRange(0, 1).Draw(d.t, "direction")), Allow: d.maybe("allow"),
			CIDR: d.peer(nil).CIDR,
		}
		if !e.CIDR.IsValid() {
			e.CIDR = netip.MustParsePrefix("10.0.0.0/8")
		}
		e.Protocol, e.FromPort, e.ToPort = d.service()
		out = append(out, e.Canonical())
	}
	return out
}

// machines makes instances, with their primary interfaces, and interfaces beside.
func (d *drawn) machines() {
	for i := range d.res.Subnets {
		n := d.res.Subnets[i]
		for j := range rapid.IntRange(0, 3).Draw(d.t, "instances") {
			name := fmt.Sprintf("i%d-%d", i, j)
			nic := d.nic(n, name, 20+10*j)
			nic.ID = d.id("eni", vpc.NewID("eni", n.VPCID, name))
			in := vpc.Instance{
				ID: d.id("i", vpc.NewID("i", n.VPCID, name)), Name: name, VPCID: n.VPCID, SubnetID: n.ID, ImageID: d.image(), Type: d.text(), KeyName: d.text(),
				ReservationID: d.id("r", vpc.NewID("r", n.VPCID, name)), LaunchIndex: j, LaunchTime: d.time("launched"),
				State: rapid.SampledFrom([]vpc.InstanceState{vpc.Running, vpc.Stopped}).Draw(d.t, "state"), StateReason: d.text(),
			}
			in.StateTime = in.LaunchTime
			if d.maybe("changed") {
				in.StateTime = d.time("changed")
			}
			nic.Attachment = vpc.Attachment{InstanceID: in.ID, DeleteOnTermination: d.maybe("goes"), Time: in.LaunchTime}
			d.res.Instances = append(d.res.Instances, in)
			d.res.Interfaces = append(d.res.Interfaces, nic)
			d.tags(in.ID)
			d.tags(nic.ID)
			d.beside(n, in, 100+10*j)
		}
		if d.maybe("terminated") {
			d.res.Instances = append(d.res.Instances, vpc.Instance{ID: d.id("i", ""), Name: "gone", VPCID: n.VPCID, State: vpc.Terminated})
		}
	}
}

// beside makes interfaces that are attached to an instance, or to none.
func (d *drawn) beside(n vpc.Subnet, in vpc.Instance, at int) {
	for k := range rapid.IntRange(0, 2).Draw(d.t, "more interfaces") {
		name := ""
		if d.maybe("named interface") {
			name = fmt.Sprintf("%s-%d", in.Name, k)
		}
		nic := d.nic(n, name, at+3*k)
		nic.ID = d.id("eni", config.InterfaceID(nic))
		if d.maybe("attached") {
			nic.Attachment = vpc.Attachment{InstanceID: in.ID, DeviceIndex: 1 + k, DeleteOnTermination: d.maybe("goes"), Time: d.time("attached")}
		}
		d.res.Interfaces = append(d.res.Interfaces, nic)
		d.tags(nic.ID)
	}
}

func (d *drawn) nic(n vpc.Subnet, name string, at int) vpc.NetworkInterface {
	v4 := func(i int) netip.Addr { a := n.CIDR.Addr().As4(); a[3] = byte(i); return netip.AddrFrom4(a) }
	addrs := []netip.Addr{v4(at)}
	if n.IPv6CIDR.IsValid() {
		a := n.IPv6CIDR.Addr().As16()
		a[15] = byte(at)
		addrs = append(addrs, netip.AddrFrom16(a))
		if d.maybe("IPv6 first") {
			slices.Reverse(addrs)
		}
	}
	if d.maybe("secondary") {
		addrs = append(addrs, v4(at+1))
	}
	nic := vpc.NetworkInterface{
		Name: name, VPCID: n.VPCID, SubnetID: n.ID, Addresses: addrs, Description: d.text(), SourceDestCheck: d.maybe("check"),
	}
	if d.maybe("tracking") {
		nic.ConnectionTracking = vpc.ConnectionTracking{TCPEstablished: 350 * time.Second, UDP: 31 * time.Second, UDPStream: 61 * time.Second}
	}
	for _, g := range d.res.SecurityGroups {
		if g.VPCID == n.VPCID && d.maybe("in group") {
			nic.GroupIDs = append(nic.GroupIDs, g.ID)
		}
	}
	return nic
}

func (d *drawn) image() string {
	return rapid.SampledFrom([]string{config.NetnsImage, "ami-web", "ami-gone"}).Draw(d.t, "image")
}

func (d *drawn) hosts() {
	for i, v := range d.res.VPCs {
		if !d.maybe("host") {
			continue
		}
		name := fmt.Sprintf("host-%d", i)
		h := vpc.Host{ID: vpc.NewID("host", v.ID, name), Name: name, VPCID: v.ID, Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.7")}}
		if d.maybe("ipv6 host") {
			h.Addresses = append(h.Addresses, netip.MustParseAddr("2001:db8::7"))
		}
		d.res.Hosts = append(d.res.Hosts, h)
	}
}

// draw makes a configuration of random resources.
func draw(t *rapid.T) *config.Config {
	d := &drawn{t: t}
	d.vpcs()
	d.lists()
	d.groups()
	d.acls()
	d.machines()
	d.hosts()
	d.res.Quotas = vpc.Quotas{RulesPerGroup: 1 + rapid.IntRange(59, 80).Draw(t, "rules a group"), VPCs: rapid.IntRange(3, 9).Draw(t, "quota of vpcs")}
	s, err := vpc.New(d.res)
	if err != nil {
		t.Fatalf("the generator makes what is not sound: %v", err)
	}
	cfg, err := config.Parse([]byte(`vpc: {cidr: 10.0.0.0/16}
images: [{id: ami-web, name: web, command: [sgate, listen, "80"]}]
`), config.Source{Path: "f.yaml"})
	if err != nil {
		t.Fatalf("%v", err)
	}
	cfg.Resources = s
	return cfg
}
