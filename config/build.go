package config

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sgate/sgate/vpc"
)

// defaultVPCName is the name of a VPC that does not need one, being the only one.
const defaultVPCName = "main"

// builder turns raw values into resources. What has a fault stays out of res,
// and so does what depends on it, so that vpc.New finds faults of its own and
// no consequences.
type builder struct {
	raw  rawFile
	root item

	vpcs, subnets, lists, acls *names
	groups                     map[string]*names // by VPC id; "" has those of unknown VPCs
	groupsPartial              bool              // a group's VPC could not be found out
	ruleIDs                    bool              // the file states ids of rules
	quotasPartial              bool              // a quota could not be read
	endpointNames              map[string]vpc.Origin
	devices                    map[deviceKey]string

	sound     map[string]bool // ids of resources without a fault, so far
	vpcByID   map[string]vpc.VPC
	instances map[string]vpc.Instance // by name and by id
	subnetsBy map[string]vpc.Subnet

	ruleSubjects map[vpc.Origin]string
	res          vpc.Resources
	endpoints    []Endpoint
}

// build returns the resources as they are in force, as the file states them, and
// the endpoints; a nil snapshot if there is any fault.
func build(raw rawFile, index *index, f *faults) (*vpc.Snapshot, vpc.Resources, []Endpoint) {
	b := &builder{
		raw: raw, root: item{index, f, ""},
		vpcs: newNames(), subnets: newNames(), lists: newNames(), acls: newNames(),
		groups:        make(map[string]*names),
		endpointNames: make(map[string]vpc.Origin),
		devices:       make(map[deviceKey]string),
		sound:         make(map[string]bool),
		vpcByID:       make(map[string]vpc.VPC),
		subnetsBy:     make(map[string]vpc.Subnet),
		instances:     make(map[string]vpc.Instance),
		ruleSubjects:  make(map[vpc.Origin]string),
	}
	b.buildVPCs()
	b.buildSubnets()
	b.buildPrefixLists()
	b.buildGroups()
	b.buildNetworkACLs()
	b.buildInstances()
	b.buildInterfaces()
	b.buildHosts()
	b.buildQuotas()
	b.checkRuleIDs()
	b.tagFlowLogs()
	snapshot, err := vpc.New(b.res)
	b.adopt(err)
	if f.any() {
		return nil, vpc.Resources{}, nil
	}
	return snapshot, b.res, b.endpoints
}

// adopt takes over the faults that vpc.New has found. It numbers rules as it
// got them, where the file may have written several in one.
func (b *builder) adopt(err error) {
	if err == nil {
		return
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, err := range list {
		var fault *vpc.Error
		if !errors.As(err, &fault) {
			fault = &vpc.Error{Detail: err.Error()}
		}
		if b.followsFromQuotas(fault) {
			continue
		}
		if subject, ok := b.ruleSubjects[fault.Origin]; ok {
			fault.Subject = subject
		}
		b.root.faults.list = append(b.root.faults.list, fault)
	}
}

func (b *builder) buildVPCs() {
	one, several := b.root.given("vpc"), b.root.given("vpcs")
	switch {
	case one && several:
		b.root.misplaced("vpcs", "want either vpc, for one, or vpcs, for several")
	case one && b.root.ok("vpc"):
		it := b.root
		it.path = "vpc"
		raw := b.raw.VPC
		if !it.given("name") {
			raw.Name = defaultVPCName
		}
		b.buildVPC(it, raw)
	case one, several && b.root.bad["vpcs"]:
		// Reported by the shape check.
	case !several:
		b.root.missing("vpc", "want one such as vpc: {cidr: 10.0.0.0/16}")
	case len(b.raw.VPCs) == 0:
		b.root.misplaced("vpcs", "want at least one such as {name: main, cidr: 10.0.0.0/16}")
	}
	if one && several {
		b.vpcs.partial = true // which of them count is not known
		return
	}
	for i, raw := range b.raw.VPCs {
		b.buildVPC(b.root.child("vpcs", i), raw)
	}
}

func (b *builder) buildVPC(it item, raw rawVPC) {
	name, named := it.nameOrID(raw.Name, "vpc")
	id := it.id("vpc", raw.ID, vpc.NewID("vpc", name))
	unique := b.declare(it, b.vpcs, name, id, named)
	v := vpc.VPC{
		ID: id, Name: name, Default: raw.Default, DNSSupport: raw.DNSSupport == nil || *raw.DNSSupport,
		DNSHostnames: raw.DNSHostnames, NetworkAddressUsageMetrics: raw.NetworkAddressUsageMetrics, Origin: it.origin(),
	}
	b.namedTags(it, name, raw.Tags, id)
	ok4, ok6 := true, true
	v.CIDR, ok4 = it.block("cidr", raw.CIDR, false)
	v.IPv6CIDR, ok6 = it.block("ipv6_cidr", raw.IPv6CIDR, true)
	if named && unique && ok4 && ok6 {
		b.sound[id] = true
		b.vpcByID[id] = v
		b.res.VPCs = append(b.res.VPCs, v)
	}
}

func (b *builder) buildSubnets() {
	if b.root.bad["subnets"] {
		b.subnets.partial = true
	}
	for i, raw := range b.raw.Subnets {
		it := b.root.child("subnets", i)
		vpcID := b.vpcOf(it, raw.VPC)
		name, named := it.nameOrID(raw.Name, "subnet")
		id := it.id("subnet", raw.ID, vpc.NewID("subnet", vpcID, name))
		unique := b.declare(it, b.subnets, name, id, named)
		n := vpc.Subnet{
			ID: id, Name: name, VPCID: vpcID, AvailabilityZone: it.zone(raw.AvailabilityZone), DefaultForAZ: raw.DefaultForAZ,
			MapPublicIPOnLaunch: raw.MapPublicIPOnLaunch, AssignIPv6AddressOnCreation: raw.AssignIPv6AddressOnCreation, Origin: it.origin(),
		}
		b.namedTags(it, name, raw.Tags, id)
		ok4, ok6 := true, true
		n.CIDR, ok4 = it.block("cidr", raw.CIDR, false)
		n.IPv6CIDR, ok6 = it.block("ipv6_cidr", raw.IPv6CIDR, true)
		if named && unique && ok4 && ok6 && b.sound[vpcID] {
			b.sound[id] = true
			b.subnetsBy[id] = n
			b.res.Subnets = append(b.res.Subnets, n)
		}
	}
}

// vpcOf returns the id of the VPC that an item belongs to, or "" if that is not
// known, which has been reported.
func (b *builder) vpcOf(it item, name string) string {
	switch {
	case it.broken():
	case it.ok("vpc"):
		return b.vpcs.resolve(it, "vpc", name, "vpc")
	case it.given("vpc") || b.vpcs.partial:
	case len(b.vpcs.known) == 1:
		return b.vpcs.ids[b.vpcs.known[0]][0]
	case len(b.vpcs.known) > 1:
		it.missing("vpc", "there are several, want one of %s", strings.Join(b.vpcs.known, ", "))
	}
	return ""
}

// declare makes a name known and reports it if it is taken. In AWS, several may
// have one Name tag: so may those that have an id of their own, and are referred
// to by that.
func (b *builder) declare(it item, among *names, name, id string, named bool) bool {
	switch {
	case !named:
		among.partial = true
		return true
	case it.ok("id"):
		among.share(name, id)
		return true
	case among.declare(name, id):
		return true
	}
	it.fault("name", name, "is taken: names are unique, letter case aside")
	return false
}

// nameOrID is name for an item that may go without one if it has an id.
func (it item) nameOrID(name, idPrefix string) (_ string, ok bool) {
	if name == "" && !it.given("name") && it.ok("id") {
		return "", true
	}
	name = it.name(name, idPrefix)
	return name, name != ""
}

// zone reads the name of an Availability Zone.
func (it item) zone(name string) string {
	if it.ok("availability_zone") && !zoneNameForm.MatchString(name) {
		it.fault("availability_zone", name, "want an Availability Zone's name, such as us-east-1a")
	}
	return name
}

var zoneNameForm = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+[a-z]$`)

// name checks an item's name. It returns "" if there is none or an unfit one.
// A name must not look like an id of its kind, lest a reference mean two things.
func (it item) name(name, idPrefix string) string {
	switch {
	case it.broken() || it.bad[it.key("name")]:
	case name == "" && !it.given("name"):
		it.missing("name", "want one, so that it can be referred to")
	case !printable(name):
		it.fault("name", name, "want 1 to 255 printable characters")
	case vpc.IsID(idPrefix, name):
		it.fault("name", name, "looks like an id: want a name, and the id as id")
	default:
		return name
	}
	return ""
}

func printable(name string) bool {
	return name != "" && len(name) <= 255 && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// ValidName reports whether a file can give a resource that name, whose ids have
// that prefix.
func ValidName(name, idPrefix string) bool {
	return printable(name) && utf8.ValidString(name) && !vpc.IsID(idPrefix, name)
}

// id returns the item's own id if it has a valid one, else the derived one.
func (it item) id(prefix, id, derived string) string { return it.idAt("id", prefix, id, derived) }

func (it item) idAt(key, prefix, id, derived string) string {
	if !it.ok(key) {
		return derived
	}
	if !vpc.IsID(prefix, id) {
		it.fault(key, id, "want %s- and 17 hexadecimal digits (older ones have 8), or no id at all", prefix)
		return derived
	}
	return id
}

// block reads one of the blocks of a VPC or subnet. IPv4's is required. It
// returns false if it is not usable; vpc.New checks whether it fits.
func (it item) block(key, value string, ipv6 bool) (netip.Prefix, bool) {
	want := "10.0.0.0/16"
	if ipv6 {
		want = "fd00:10::/56"
	}
	if !it.ok(key) {
		if !it.given(key) && !it.broken() && !ipv6 {
			it.missing(key, "want a block such as %s", want)
		}
		return netip.Prefix{}, !it.given(key) && ipv6
	}
	prefix, err := netip.ParsePrefix(value)
	if err != nil || prefix.Addr().Is6() != ipv6 || prefix.Addr().Is4In6() {
		it.fault(key, value, "want an %s block such as %s", family(ipv6), want)
		return netip.Prefix{}, false
	}
	return prefix, true
}

func family(ipv6 bool) string {
	if ipv6 {
		return "IPv6"
	}
	return "IPv4"
}
